/* frontend-gateway/image.c - the image of a frontend, and the process that is made of it: the
 * image's entrypoint as root in a sandbox, with the options in its environment. */
#include "image.h"

#include <json-c/json.h>
#include <string.h>
#include <tenon-graph.h>

#include "tools/alloc.h"
#include "tools/jsontext.h"
#include "tools/parse.h"

#define METADATA_DIR "/run/config/buildkit/metadata"
#define CAPS_LABEL "moby.buildkit.frontend.caps"

struct image {
    struct json_object *document; /* owns all of it */
    struct json_object *config;   /* or NULL */
};

static struct json_object *
list(const struct image *image, const char *key)
{
    struct json_object *value = NULL;

    if (!image->config || !json_object_object_get_ex(image->config, key, &value) ||
        !json_object_is_type(value, json_type_array))
        return NULL;
    return value;
}

static const char *
text(const struct image *image, const char *key)
{
    struct json_object *value = NULL;

    if (!image->config || !json_object_object_get_ex(image->config, key, &value) ||
        !json_object_is_type(value, json_type_string))
        return NULL;
    return json_object_get_string(value);
}

static const char *
label_text(const struct image *image, const char *name)
{
    struct json_object *labels = NULL, *value = NULL;

    if (!image->config || !json_object_object_get_ex(image->config, "Labels", &labels) ||
        !json_object_object_get_ex(labels, name, &value))
        return NULL;
    return json_object_get_string(value);
}

static bool
label(const struct image *image, const char *name)
{
    const char *value = label_text(image, name);
    bool on = false;

    return value && tenon_parse_bool(value, &on) && on;
}

/* The strings of a list of the image's; fallback where it has none. */
static int
set_list(struct gateway *gw, struct tenon_node *n, const char *attr, struct json_object *items,
         const char *fallback, struct tenon_error *err)
{
    const size_t count = items ? json_object_array_length(items) : 0;

    if (count == 0 && fallback)
        return gw->host->graph->node_set(n, attr, fallback, err);
    for (size_t i = 0; i < count; i++) {
        struct json_object *item = json_object_array_get_idx(items, i);
        if (!json_object_is_type(item, json_type_string))
            return gw->host->error->set(err, TENON_E_CORRUPT, 0,
                                        "the image's configuration: %s is no "
                                        "list of strings",
                                        attr);
        if (gw->host->graph->node_set(n, attr, json_object_get_string(item), err) < 0)
            return gw->host->error->code(err);
    }
    return TENON_OK;
}

static int
set_env(struct gateway *gw, struct tenon_node *n, const char *name, const char *value,
        struct tenon_error *err)
{
    auto_free char *pair = tenon_asprintf("%s=%s", name, value);

    return gw->host->graph->node_set(n, "env", pair, err);
}

/* What is uploaded has a name that BuildKit's frontends know. */
static int
set_option(struct gateway *gw, struct tenon_node *n, const char *name, const char *option,
           struct tenon_error *err)
{
    static const char ours[] = "context=upload://", theirs[] = "context=http://buildkit-session/";
    auto_free char *renamed = tenon_has_prefix(option, ours)
                                  ? tenon_asprintf("%s%s", theirs, option + strlen(ours)) : NULL;

    return set_env(gw, n, name, renamed ? renamed : option, err);
}

/* {"architecture":...,"os":...}, of "linux/arm/v7". */
static char *
workers_json(const char *platform)
{
    const char *arch = strchr(platform, '/');
    if (!arch)
        return tenon_strdup("[]");
    const int os_len = (int)(arch - platform);
    const char *variant = strchr(++arch, '/');
    const int arch_len = variant ? (int)(variant - arch) : (int)strlen(arch);
    auto_free char *more = variant ? tenon_asprintf(",\"variant\":\"%s\"", variant + 1) : NULL;
    return tenon_asprintf("[{\"id\":\"tenon\",\"labels\":{},"
                          "\"platforms\":[{\"architecture\":\"%.*s\",\"os\":\"%.*s\"%s}],"
                          "\"gcPolicy\":null,\"buildkitVersion\":{},"
                          "\"cdiDevices\":null}]",
                          arch_len, arch, os_len, platform, more ? more : "");
}

static int
set_environment(struct gateway *gw, struct tenon_node *n, struct tenon_error *err)
{
    const char *const *options = gw->request->options;
    const char *session = gateway_option(gw, "local-sessionid"); /* a client's */
    auto_free char *workers = workers_json(gw->request->host_platform);
    int rc = 0;

    for (size_t i = 0; rc == 0 && options && options[i]; i++) {
        auto_free char *name = tenon_asprintf("BUILDKIT_FRONTEND_OPT_%zu", i);
        rc = set_option(gw, n, name, options[i], err);
    }
    if (rc == 0)
        rc = set_env(gw, n, "BUILDKIT_SESSION_ID", session ? session : "tenon", err);
    if (rc == 0)
        rc = set_env(gw, n, "BUILDKIT_WORKERS", workers, err);
    return rc < 0 ? rc : set_env(gw, n, "BUILDKIT_EXPORTEDPRODUCT", "tenon", err);
}

static int
describe(struct gateway *gw, const struct image *image, struct tenon_node *n,
         struct tenon_error *err)
{
    const struct tenon_host *h = gw->host;
    const char *cwd = text(image, "WorkingDir");

    if (set_list(gw, n, "args", list(image, "Entrypoint"), "/run", err) < 0 ||
        set_list(gw, n, "env", list(image, "Env"), NULL, err) < 0 ||
        set_environment(gw, n, err) < 0 ||
        h->graph->node_set(n, "cwd", cwd && *cwd ? cwd : "/", err) < 0 ||
        h->graph->node_set(n, "user", "0:0", err) < 0)
        return h->error->code(err);
    if (label(image, "moby.buildkit.frontend.network.none") &&
        h->graph->node_set(n, "network", "none", err) < 0)
        return h->error->code(err);
    return TENON_OK;
}

/* ---- what the program must know ------------------------------------------- */

static bool
is_in_list(const char *text, const char *word, size_t len)
{
    for (; text && *text; text += strcspn(text, ","), text += *text == ',') {
        if (strcspn(text, ",") == len && strncmp(text, word, len) == 0)
            return true;
    }
    return false;
}

static int
need_cap(struct gateway *gw, const char *known, const char *cap, size_t len,
         struct tenon_error *err)
{
    if (is_in_list(known, cap, len))
        return TENON_OK;
    struct json_object *name = json_object_new_string_len(cap, (int)len);
    struct json_object *o = json_object_new_object();
    json_object_object_add(o, "name", name);
    gw->host->error->set(err, TENON_E_UNSUPPORTED, 0, "the frontend does not know %s (%s)",
                         json_object_get_string(name), CAPS_LABEL);
    gw->host->error->detail(err, "errdefs.FrontendCap", json_object_to_json_string(o));
    json_object_put(o);
    return TENON_E_UNSUPPORTED;
}

/* "frontend.caps" is a list of what it is going to need; "+forward" would let it ask others. */
static int
check_caps(struct gateway *gw, const struct image *image, struct tenon_error *err)
{
    static const char inputs[] = "moby.buildkit.frontend.inputs";
    const char *known = label_text(image, CAPS_LABEL);
    const char *want = gateway_option(gw, "frontend.caps");
    int rc = gw->request->input_count ? need_cap(gw, known, inputs, strlen(inputs), err) : 0;

    for (; rc == 0 && want && *want; want += strcspn(want, ","), want += *want == ',') {
        const size_t len = strcspn(want, ",+");
        if (len)
            rc = need_cap(gw, known, want, len, err);
    }
    return rc;
}

/* ---- the process ----------------------------------------------------------- */

/* A program that is /run leaves no room for files below that. */
static bool
has_room(const struct image *image)
{
    struct json_object *args = list(image, "Entrypoint");

    return args && json_object_array_length(args) > 0 &&
           !tenon_streq(json_object_get_string(json_object_array_get_idx(args, 0)), "/run");
}

/* What the program was made of, as a file of its own: it can build upon itself. */
static int
add_metadata(struct gateway *gw, struct tenon_node *process, const struct gateway_image *image,
             struct tenon_error *err)
{
    static const int64_t time_ns = 0;
    const struct tenon_host *h = gw->host;
    struct tenon_ref *ref = NULL;
    const void *def = NULL;
    size_t len = 0;

    if (gw->bridge->solve(gw->ctx, gw->graph, image->tree, image->output, &ref, err) < 0 ||
        gw->bridge->definition(gw->ctx, ref, &def, &len, err) < 0)
        return h->error->code(err);
    struct tenon_node *file = tenon_llb_file(h, gw->graph, err);
    if (!file ||
        !tenon_llb_mkfile(h, file, "/frontend.bin", 0400, def, len, NULL, &time_ns, err) ||
        tenon_llb_name(h, file, "[internal] tell the frontend what it is", err) < 0 ||
        !tenon_llb_bind_mount(h, process, METADATA_DIR, file, 0, NULL, true, err))
        return h->error->code(err);
    return TENON_OK;
}

static struct tenon_node *
make_process(struct gateway *gw, const struct gateway_image *from, const struct image *image,
             struct tenon_error *err)
{
    const struct tenon_host *h = gw->host;

    /* A directory of the user's has no labels to say it with. */
    if (from->config && check_caps(gw, image, err) < 0)
        return NULL;
    struct tenon_node *n = h->graph->node_new(gw->graph, "exec", err);
    struct tenon_node *root = n ? h->graph->node_part(n, "mount", err) : NULL;
    if (!root || h->graph->node_set(root, "dest", "/", err) < 0 ||
        h->graph->node_input(root, "input", from->tree, from->output, err) < 0 ||
        describe(gw, image, n, err) < 0 ||
        (has_room(image) && add_metadata(gw, n, from, err) < 0))
        return NULL;
    return n;
}

struct tenon_node *
gateway_image_process(struct gateway *gw, const char *name, struct tenon_error *err)
{
    struct gateway_image from;

    if (gateway_choose(gw, name, &from, err) < 0)
        return NULL;
    auto_free char *json = from.config ? tenon_strndup(from.config, from.config_len) : NULL;
    struct image image = {.document = json ? tenon_json_parse_modest(json) : NULL};
    if (image.document)
        json_object_object_get_ex(image.document, "config", &image.config);
    struct tenon_node *n = make_process(gw, &from, &image, err);
    json_object_put(image.document);
    return n;
}
