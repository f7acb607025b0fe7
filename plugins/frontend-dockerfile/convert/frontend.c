/* convert/frontend.c - the Dockerfile frontend: a request in, a graph and the image
 * configurations out. */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "caps.h"
#include "load.h"
#include "subrequests.h"
#include "syntax.h"
#include "tools/alloc.h"
#include "tools/buf.h"
#include "tools/jsontext.h"

/* Written by init alone, before anything else runs. */
static const struct tenon_host *host;

/* ---- warnings -------------------------------------------------------------- */

static void
add_names(const struct df_convert *c, const struct df_command *cmd,
          struct df_list *out)
{
    for (size_t i = 0; cmd->kind == DF_ARG && i < cmd->pairs.len; i++)
        df_list_add(c->arena, out, (char *)cmd->pairs.items[i].key);
}

/* The names that the file declares, NULL-terminated. */
static const char *const *
declared(const struct df_convert *c)
{
    struct df_list names = {0};
    for (size_t i = 0; i < c->file->meta_args_len; i++)
        add_names(c, c->file->meta_args[i], &names);
    for (size_t i = 0; i < c->states_len; i++)
        for (size_t k = 0; k < c->states[i]->steps_len; k++)
            add_names(c, c->states[i]->steps[k].cmd, &names);
    df_list_add(c->arena, &names, NULL);
    return (const char *const *)names.items;
}

static bool
is_one_of(const char *name, const char *const *list)
{
    while (*list && strcmp(*list, name) != 0)
        list++;
    return *list;
}

/* Build arguments that nothing in the file asks for. */
static void
warn_unused(const struct df_convert *c)
{
    struct df_build *b = c->build;
    auto_buf struct tenon_buf names = TENON_BUF_INIT, near = TENON_BUF_INIT;
    const char *const *known = b->config.build_args.len ? declared(c) : NULL;
    for (size_t i = 0; i < b->config.build_args.len; i++) {
        const char *name = b->config.build_args.items[i].key;
        if (df_arg_is_predefined(name) || is_one_of(name, known))
            continue;
        tenon_buf_addf(&names, "%s%s", names.len ? " " : "", name);
        const char *meant = df_suggest(b->arena, name, known, true);
        if (meant)
            tenon_buf_addf(&near, "%s%s", near.len ? " " : "", meant);
    }
    if (!names.len)
        return;
    const char *text = df_arena_printf(
        b->arena, "[Warning] One or more build-args [%s] were not consumed%s",
        tenon_buf_str(&names), df_did_you_mean(b->arena, "", tenon_buf_str(&near)));
    struct tenon_warning w = {
        .struct_size = sizeof w, .level = 1, .digest = b->definition,
        .summary = text,
    };
    b->bridge->warn(b->ctx, b->graph, &w);
}

/* ---- results --------------------------------------------------------------- */

static int
set_meta(struct df_build *b, struct tenon_result *result, const char *key,
         const char *platform, const void *data, size_t len,
         struct tenon_error *err)
{
    if (b->config.multi_platform)
        key = df_arena_printf(b->arena, "%s/%s", key, platform);
    return b->host->result->set(result, key, data, len, err);
}

static int
set_image(struct df_build *b, struct tenon_result *result, const char *key,
          const char *platform, const struct df_image *img,
          struct tenon_error *err)
{
    auto_buf struct tenon_buf json = TENON_BUF_INIT;
    df_image_write(img, &json);
    return set_meta(b, result, key, platform, json.data, json.len, err);
}

static void
list_platform(struct json_object *list, const char *id,
              const struct df_platform *p)
{
    struct json_object *platform = json_object_new_object();
    df_json_put(platform, "architecture", p->arch);
    df_json_put(platform, "os", p->os);
    df_json_put(platform, "os.version", p->os_version);
    df_json_put(platform, "variant", p->variant);
    struct json_object *o = json_object_new_object();
    df_json_put(o, "ID", id);
    json_object_object_add(o, "Platform", platform);
    json_object_array_add(list, o);
}

/* One platform: convert, emit, and put all of it into the result. */
static int
build_platform(struct df_build *b, const struct df_platform *wanted, bool first,
               struct tenon_result *result, struct json_object *platforms,
               struct tenon_error *err)
{
    struct df_convert c = {
        .build = b, .arena = b->arena,
        .platform = wanted ? wanted : b->config.host, .implicit = !wanted,
    };
    /* The same words for every platform would only repeat themselves. */
    if (first)
        c.lint = (struct df_linter){.warn = df_show_finding, .data = b};
    int rc = df_convert(&c, err);
    df_convert_release(&c);
    if (rc < 0)
        return rc;
    if (first)
        warn_unused(&c);

    const struct df_image *img = &c.target->image;
    const struct df_platform *p = c.platform;
    if (c.implicit && *img->platform.os && *img->platform.arch)
        p = &img->platform; /* of a base that is only there for another one */
    const char *id = df_platform_format(b->arena, p, true);

    struct tenon_ref *ref = NULL;
    if ((rc = df_plan_emit(&c.plan, c.target->tree, &ref, err)) < 0 ||
        (rc = b->host->result->add(result, id, ref, err)) < 0 ||
        (rc = set_image(b, result, "containerimage.config", id, img, err)) < 0 ||
        (rc = df_scans_add(&c, result, id, err)) < 0)
        return rc;
    if (c.target->base_image &&
        (rc = set_image(b, result, "containerimage.base.config", id,
                        c.target->base_image, err)) < 0)
        return rc;
    if (c.epoch_text &&
        (rc = set_meta(b, result, "source.date.epoch", id, c.epoch_text,
                       strlen(c.epoch_text), err)) < 0)
        return rc;
    list_platform(platforms, id, p);
    return 0;
}

static int
build_all(struct df_build *b, struct tenon_result *result,
          struct json_object *list, struct tenon_error *err)
{
    size_t n = b->config.platforms_len;
    int rc = n ? 0 : build_platform(b, NULL, true, result, list, err);
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = build_platform(b, b->config.platforms[i], i == 0, result, list, err);
    if (rc == 0 && b->config.multi_platform)
        rc = b->host->result->set(result, "tenon.force-index", "1", 1, err);
    if (rc < 0)
        return rc;
    struct json_object *root = json_object_new_object();
    json_object_object_add(root, "Platforms", json_object_get(list));
    auto_buf struct tenon_buf json = TENON_BUF_INIT;
    tenon_json_write(&json, root, true);
    json_object_put(root);
    return b->host->result->set(result, "refs.platforms", json.data, json.len, err);
}

static int
serve(struct df_build *b, const struct tenon_values *config, const char *host_platform,
      struct tenon_result *result, struct tenon_error *err)
{
    const char *unknown_cap;
    bool forward;
    int rc = df_options_read(b, host_platform, err);
    if (rc == 0) {
        unknown_cap = df_unknown_cap(b, &forward);
        rc = unknown_cap && !forward ? df_refuse_cap(b, unknown_cap, err)
                                     : df_load_build_file(b, err);
    }
    if (rc == 0)
        rc = df_obey_syntax(b, config, result, err);
    if (rc == 0 && unknown_cap)
        rc = df_refuse_cap(b, unknown_cap, err);
    if (rc == 0)
        rc = df_subrequest(b, result, err);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    struct json_object *list = json_object_new_array();
    rc = build_all(b, result, list, err);
    json_object_put(list);
    return rc;
}

static int
frontend_solve(void *self, struct tenon_ctx *ctx,
               const struct tenon_frontend_request *request,
               const struct tenon_bridge *bridge, struct tenon_result *result,
               struct tenon_error *err)
{
    const struct tenon_values *config = self;
    auto_df_arena struct df_arena arena = DF_ARENA_INIT;
    struct df_build b = {
        .host = host, .bridge = bridge, .ctx = ctx, .graph = request->graph,
        .arena = &arena, .options = request->options,
    };
    if (TENON_HAS(struct tenon_frontend_request, request, input_count)) {
        b.inputs = request->inputs;
        b.input_count = request->input_count;
    }
    return serve(&b, config, request->host_platform, result, err);
}

static int
frontend_init(const struct tenon_host *h, const struct tenon_values *config,
              void **self, struct tenon_error *err)
{
    (void)err;
    host = h;
    *self = (void *)(uintptr_t)config; /* no other state: each request stands alone */
    return TENON_OK;
}

static const struct tenon_param config_options[] = {
    { .name = "family", .help = "another name of docker/dockerfile: mirror.example/dockerfile",
      .type = TENON_TYPE_STRING, .flags = TENON_PARAM_REPEAT },
    { .name = "syntax", .help = "what serves docker/dockerfile: this, or the image of that name",
      .type = TENON_TYPE_CHOICE, .choices = "builtin|image", .def = "builtin" },
    { .name = "served-by", .help = "a plugin in the place of an image: example.org/list=list",
      .type = TENON_TYPE_STRING, .flags = TENON_PARAM_REPEAT },
    { .name = NULL },
};

static const struct tenon_frontend_ops ops = {
    .struct_size = sizeof ops,
    .solve = frontend_solve,
};
static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_FRONTEND),
    .threads = TENON_THREADS_PARALLEL,
    .key_policy = TENON_KEY_NEUTRAL, /* it only writes the graph that is keyed */
    .key_epoch = 1,
    .name = "dockerfile",
    .version = TENON_VERSION,
    .summary = "Dockerfiles, in the language of docker/dockerfile 1.26",
    .config = config_options,
    .init = frontend_init,
    .ops.frontend = &ops,
};
TENON_PLUGIN_EXPORT(frontend_dockerfile, plugin);
