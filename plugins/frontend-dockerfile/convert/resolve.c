/* convert/resolve.c - base images of the wanted stages, and the ONBUILD triggers they bring,
 * which may want further stages. */
#include <string.h>

#include "foreign.h"
#include "load.h"
#include "named.h"
#include "tools/alloc.h"
#include "tools/vec.h"

const struct df_platform *
df_state_platform(const struct df_convert *c, const struct df_state *s)
{
    return s->platform ? s->platform : c->platform;
}

void
df_state_inherit(struct df_convert *c, struct df_state *s)
{
    const struct df_state *base = s->base;
    if (!base)
        return;
    s->tree = base->tree;
    df_vars_clone(c->arena, &base->env, &s->env);
    s->dir = base->dir;
    s->user = base->user;
    s->platform = base->platform;
    df_image_clone(c->arena, &base->image, &s->image);
    s->image.onbuild = (struct df_list){0}; /* of the image, not of the stage */
    s->base_image = base->base_image;
    s->paths = base->paths;
    s->workdir_set = base->workdir_set;
    s->build_args = (struct df_pairs){0};
    s->build_args_cap = 0;
    s->build_args_index = (struct df_index){0};
    size_t n = base->build_args.len;
    s->build_args.items = df_arena_array(c->arena, n, sizeof *s->build_args.items);
    if (n)
        memcpy(s->build_args.items, base->build_args.items,
               n * sizeof *s->build_args.items);
    s->build_args.len = s->build_args_cap = n;
    for (size_t i = 0; i < n; i++) {
        const char *key = s->build_args.items[i].key;
        df_index_put(c->arena, &s->build_args_index, key, strlen(key), i);
    }
}

/* The image config may name another platform than the one asked for. */
static const struct df_platform *
detect_platform(struct df_convert *c, const struct df_image *img,
                const struct df_platform *want)
{
    const struct df_platform *host = c->build->config.host;
    if (strcmp(want->os, img->platform.os) == 0 &&
        strcmp(want->arch, img->platform.arch) == 0)
        return want;
    if (strcmp(host->os, img->platform.os) == 0 &&
        strcmp(host->arch, img->platform.arch) == 0)
        return host;
    return want;
}

static bool
has_layers(const struct df_image *img)
{
    if (img->diff_ids.len)
        return true;
    for (const struct df_history *h = img->history; h; h = h->before)
        if (!h->empty_layer)
            return true;
    return false;
}

static void
keep_base_image(struct df_convert *c, struct df_state *s)
{
    struct df_image *copy = df_arena_new(c->arena, struct df_image);
    df_image_clone(c->arena, &s->image, copy);
    s->base_image = copy;
    s->image.created = NULL;
}

/* A stage that a named context stands in for. */
static int
load_named_stage(struct df_convert *c, struct df_state *s,
                 struct tenon_error *err)
{
    bool has_image = false;
    int rc = df_named_load(c, s->named, s->paths, &s->tree, &s->image, &has_image,
                           err);
    if (rc < 0)
        return rc;
    s->dispatched = true;
    if (!has_image) {
        /* BuildKit starts from nothing at all here, not from "scratch". */
        s->image = (struct df_image){
            .author = "", .platform = {"", "", "", ""}, .user = "",
            .working_dir = "", .stop_signal = "", .rootfs_type = ""};
        return 0;
    }
    s->image.created = NULL;
    if (*s->image.platform.arch && *s->image.platform.os) {
        struct df_platform *own = df_arena_new(c->arena, struct df_platform);
        *own = s->image.platform;
        s->platform = own;
    }
    return 0;
}

/* What is no image is a base without a config. */
static int
take_base(struct df_convert *c, struct df_state *s, bool has_image,
          const struct df_platform *platform)
{
    if (!has_image)
        df_image_empty(c->arena, platform, &s->image);
    keep_base_image(c, s);
    s->platform = platform;
    return 0;
}

/* The image a named context gives in the place of the base. */
static int
load_named_base(struct df_convert *c, struct df_state *s,
                const struct df_named *n, const struct df_platform *platform,
                struct tenon_error *err)
{
    bool has_image = false;
    int rc = df_named_load(c, n, s->paths, &s->tree, &s->image, &has_image, err);
    return rc < 0 ? rc : take_base(c, s, has_image, platform);
}

/* A base that the source of another plugin gives, by its scheme. */
static int
resolve_foreign(struct df_convert *c, struct df_state *s, const struct df_platform *platform,
                struct tenon_error *err)
{
    bool has_image = false;
    if (s->named)
        return load_named_stage(c, s, err);
    s->step_onbuild = false;
    const char *from = df_arena_printf(c->arena, "FROM %s", s->base_name);
    int rc = df_foreign_load(c, s->base_name, platform, df_step_name(c, s, from, platform, NULL),
                             &s->tree, &s->image, &has_image, err);
    if (rc < 0)
        return rc;
    s->tree->command = *s->code ? s->code : NULL;
    s->tree->lines = s->lines;
    return take_base(c, s, has_image, platform);
}

static const char *
log_name(struct df_convert *c, const struct df_platform *platform,
         const char *ref)
{
    const char *where = "";
    if (c->build->config.multi_platform)
        where = df_arena_printf(c->arena, "%s ",
                                df_platform_format(c->arena, platform, true));
    return df_arena_printf(c->arena, "[%sinternal] load metadata for %s", where,
                           ref);
}

static int
load_image(struct df_convert *c, struct df_state *s, const char *written,
           const struct df_platform **platform, struct tenon_error *err)
{
    struct df_image_meta meta;
    struct df_pair mode = {.key = "image.resolvemode",
                           .value = c->build->config.resolve_mode};
    struct df_pairs attrs = {&mode, strcmp(mode.value, "default") != 0};
    const char *why = NULL;

    const char *identifier = df_arena_printf(c->arena, "docker-image://%s", s->base_name);
    int rc = df_image_meta(c->build, identifier, *platform,
                           log_name(c, *platform, s->base_name), &attrs, &meta, err);
    if (rc == 0)
        rc = df_image_wanted(c->build, identifier, &meta, err);
    if (rc < 0) {
        static const char *const common[] = {
            "alpine", "alpine:latest", "busybox", "busybox:latest", "centos",
            "centos:latest", "debian", "debian:latest", "golang",
            "golang:latest", "ubuntu", "ubuntu:latest", "fedora",
            "fedora:latest", NULL};
        c->build->host->error->context(err, "%s", written);
        return df_fail_suggest(c->build, err, written,
                               df_stage_names(c, common));
    }
    if (!df_image_parse(c->arena, meta.config, meta.config_len, &s->image, &why))
        return c->build->host->error->set(err, TENON_E_CORRUPT, 0,
                                          "failed to parse image config: %s: %s",
                                          s->base_name, why);
    keep_base_image(c, s);
    if (!s->platform && c->implicit)
        *platform = detect_platform(c, &s->image, *platform);
    s->base_name = meta.ref;
    if (!has_layers(&s->image)) {
        s->tree = NULL;
        return 0;
    }

    s->step_onbuild = false;
    const char *name = df_step_name(
        c, s, df_arena_printf(c->arena, "FROM %s", s->base_name), *platform,
        NULL);
    s->tree = df_plan_source(
        &c->plan, df_arena_printf(c->arena, "docker-image://%s", s->base_name),
        df_platform_format(c->arena, *platform, true), name);
    s->tree->command = *s->code ? s->code : NULL;
    s->tree->lines = s->lines;
    if (attrs.len)
        df_vertex_attr(&c->plan, s->tree, mode.key, mode.value);
    df_lint_base_platform(c, s, written, *platform);
    return 0;
}

/* What is wrong with the name of an image.  The core repeats the name, which ours
 * begins with. */
static int
bad_name(struct df_convert *c, const char *name, struct tenon_error *err)
{
    const struct tenon_host *host = c->build->host;
    const char *why = df_arena_strdup(c->arena, host->error->text(err));
    const char *again = df_arena_printf(c->arena, ": \"%s\"", name);
    if (tenon_has_suffix(why, again))
        host->error->set(err, host->error->code(err), 0, "%.*s",
                         (int)(strlen(why) - strlen(again)), why);
    return host->error->context(err, "failed to parse stage name %s",
                                df_quote(c->arena, name));
}

static int
resolve_image(struct df_convert *c, struct df_state *s, bool wanted,
              struct tenon_error *err)
{
    const char *written = s->base_name;
    const struct df_platform *platform = df_state_platform(c, s);
    int rc = df_foreign_is(c->build, written, err);
    if (rc != 0)
        return rc < 0 ? rc : wanted ? resolve_foreign(c, s, platform, err) : 0;
    const char *normal = df_image_normal(c->build, written, err);
    if (!normal)
        return bad_name(c, written, err);
    s->base_name = normal;
    if (!wanted)
        return 0;
    if (s->named)
        return load_named_stage(c, s, err);

    struct df_named *named = NULL;
    rc = df_named_find(c, normal, platform, &named, err);
    if (rc < 0)
        return rc;
    if (named)
        return load_named_base(c, s, named, platform, err);
    rc = load_image(c, s, written, &platform, err);
    if (rc < 0)
        return rc;
    s->platform = platform;
    return 0;
}

static int
resolve_base(struct df_convert *c, struct df_state *s, struct tenon_error *err)
{
    bool wanted = s->reachable || c->all_stages;
    if (s->base || s->dispatched || s->resolved)
        return 0;
    s->resolved = wanted;
    if (strcmp(s->base_name, "scratch") == 0 && !s->named) {
        s->tree = NULL;
        df_image_empty(c->arena, c->platform, &s->image);
        s->platform = c->platform;
        s->dispatched = s->unregistered;
        return 0;
    }
    int rc = resolve_image(c, s, wanted, err);
    if (s->unregistered)
        s->dispatched = true;
    if (rc < 0 && s->mounted_at.first)
        return df_show_at(c->build, err, s->mounted_at);
    return rc < 0 ? df_fail_at(c->build, err, s->lines) : 0;
}

static void
mark_reachable(struct df_convert *c)
{
    TENON_VEC(struct df_state *) todo = {0};
    for (size_t i = 0; i < c->states_len; i++)
        c->states[i]->reachable = false;
    c->target->reachable = true;
    tenon_vec_push(&todo, c->target);
    while (todo.len) {
        struct df_state *s = todo.items[--todo.len];
        for (size_t i = 0; i <= s->deps_len; i++) {
            struct df_state *next = i < s->deps_len ? s->deps[i].state : s->base;
            if (next && !next->reachable) {
                next->reachable = true;
                tenon_vec_push(&todo, next);
            }
        }
    }
    tenon_vec_release(&todo);
}

/* An ONBUILD of an image, or of a stage in the file. */
struct trigger {
    const char *text;
    struct df_lines lines; /* in the file, or zero */
};

/* Put triggers in front of the stage's own instructions. */
static int
add_triggers(struct df_convert *c, struct df_state *s,
             const struct trigger *triggers, size_t count, bool *need_more,
             struct tenon_error *err)
{
    struct df_step *steps =
        df_arena_array(c->arena, count + s->steps_len, sizeof *steps);
    for (size_t i = 0; i < count; i++) {
        struct df_problems problems = {0};
        const struct df_command *cmd =
            df_trigger_parse(c->arena, triggers[i].text, s->lines, &problems);
        if (!cmd && triggers[i].lines.first) /* what has to be put right */
            problems.items[0].lines = triggers[i].lines;
        if (!cmd)
            return df_fail_problem(c->build, err, &problems);
        int rc = df_step_make(c, cmd, &steps[i], err);
        if (rc < 0)
            return df_fail_at(c->build, err, s->lines);
        steps[i].onbuild = true;
        if (steps[i].sources_len)
            *need_more = true;
        df_state_need(c, s, &steps[i]);
    }
    if (s->steps_len)
        memcpy(steps + count, s->steps, s->steps_len * sizeof *steps);
    s->steps = steps;
    s->steps_len += count;
    s->step_total += (unsigned)count;
    return 0;
}

/* The triggers of the stage's base image and of the stage it is based on. */
static int
take_triggers(struct df_convert *c, struct df_state *s, bool *need_more,
              struct tenon_error *err)
{
    TENON_VEC(struct trigger) all = {0};
    df_state_inherit(c, s);
    for (size_t i = 0; i < s->image.onbuild.len; i++)
        tenon_vec_push(&all, (struct trigger){s->image.onbuild.items[i], {0}});
    if (s->base && !s->onbuild_done) {
        for (size_t i = 0; i < s->base->steps_len; i++) {
            const struct df_command *cmd = s->base->steps[i].cmd;
            if (cmd->kind == DF_ONBUILD)
                tenon_vec_push(&all, (struct trigger){cmd->text, cmd->lines});
        }
        s->onbuild_done = true;
    }
    int rc = 0;
    if (all.len) {
        rc = add_triggers(c, s, all.items, all.len, need_more, err);
        s->image.onbuild = (struct df_list){0};
    }
    tenon_vec_release(&all);
    return rc;
}

int
df_stages_resolve(struct df_convert *c, struct tenon_error *err)
{
    bool need_more;
    do {
        need_more = false;
        mark_reachable(c);
        size_t n = c->states_len;
        for (size_t i = 0; i < n; i++) {
            int rc = resolve_base(c, c->states[i], err);
            if (rc < 0)
                return rc;
        }
        for (size_t i = 0; i < n; i++) {
            if (!c->states[i]->reachable)
                continue;
            int rc = take_triggers(c, c->states[i], &need_more, err);
            if (rc < 0)
                return rc;
        }
    } while (need_more);
    return 0;
}
