/* frontend-gateway/image.c - the image of a frontend, and the process that is made of it: the
 * image's entrypoint as root in a sandbox, with the options in its environment. */
#include <json-c/json.h>
#include <string.h>
#include <tenon-graph.h>

#include "gateway.h"
#include "tools/alloc.h"
#include "tools/parse.h"

const char *
gateway_option(const struct gateway *gw, const char *name)
{
    const char *const *o = gw->request->options;
    const size_t len = strlen(name);

    for (; o && *o; o++) {
        if (strncmp(*o, name, len) == 0 && (*o)[len] == '=')
            return *o + len + 1;
    }
    return NULL;
}

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

static bool
label(const struct image *image, const char *name)
{
    struct json_object *labels = NULL, *value = NULL;
    bool on = false;

    return image->config && json_object_object_get_ex(image->config, "Labels", &labels) &&
           json_object_object_get_ex(labels, name, &value) &&
           tenon_parse_bool(json_object_get_string(value), &on) && on;
}

/* The strings of a list of the image's; fallback where it has none. */
static int
set_list(struct gateway *gw, struct tenon_node *n, const char *attr, struct json_object *items,
         const char *fallback, struct tenon_error *err)
{
    const size_t count = items ? json_object_array_length(items) : 0;

    if (count == 0 && fallback)
        return gw->host->node_set(n, attr, fallback, err);
    for (size_t i = 0; i < count; i++) {
        struct json_object *item = json_object_array_get_idx(items, i);
        if (!json_object_is_type(item, json_type_string))
            return gw->host->error(err, TENON_E_CORRUPT, 0, "the image's configuration: %s is no "
                                   "list of strings", attr);
        if (gw->host->node_set(n, attr, json_object_get_string(item), err) < 0)
            return gw->host->error_code(err);
    }
    return TENON_OK;
}

static int
set_env(struct gateway *gw, struct tenon_node *n, const char *name, const char *value,
        struct tenon_error *err)
{
    auto_free char *pair = tenon_asprintf("%s=%s", name, value);

    return gw->host->node_set(n, "env", pair, err);
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
    auto_free char *workers = workers_json(gw->request->host_platform);
    int rc = 0;

    for (size_t i = 0; rc == 0 && options && options[i]; i++) {
        auto_free char *name = tenon_asprintf("BUILDKIT_FRONTEND_OPT_%zu", i);
        rc = set_option(gw, n, name, options[i], err);
    }
    if (rc == 0)
        rc = set_env(gw, n, "BUILDKIT_SESSION_ID", "tenon", err);
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
        h->node_set(n, "cwd", cwd && *cwd ? cwd : "/", err) < 0 ||
        h->node_set(n, "user", "0:0", err) < 0)
        return h->error_code(err);
    if (label(image, "moby.buildkit.frontend.network.none") &&
        h->node_set(n, "network", "none", err) < 0)
        return h->error_code(err);
    return TENON_OK;
}

static struct tenon_node *
make_process(struct gateway *gw, const struct tenon_source_meta *meta, const struct image *image,
             struct tenon_error *err)
{
    const struct tenon_host *h = gw->host;
    struct tenon_node *source = tenon_llb_source(h, gw->graph, meta->identifier,
                                                 gw->request->host_platform, err);
    struct tenon_node *n = source ? h->node_new(gw->graph, "exec", err) : NULL;
    struct tenon_node *root = n ? h->node_part(n, "mount", err) : NULL;

    if (!root || h->node_set(root, "dest", "/", err) < 0 ||
        h->node_input(root, "input", source, 0, err) < 0 || describe(gw, image, n, err) < 0)
        return NULL;
    return n;
}

struct tenon_node *
gateway_image_process(struct gateway *gw, const char *name, struct tenon_error *err)
{
    const struct tenon_host *h = gw->host;
    const char *whole = h->image_normalize(gw->ctx, name, err);
    const char *mode = gateway_option(gw, "image-resolve-mode");
    if (!whole)
        return NULL;
    auto_free char *identifier = tenon_asprintf("docker-image://%s", whole);
    auto_free char *log_name = tenon_asprintf("resolve image config for %s", identifier);
    auto_free char *attr = mode ? tenon_asprintf("image.resolvemode=%s", mode) : NULL;
    const char *const attrs[] = {attr, NULL};
    const struct tenon_source_query query = {
        .struct_size = sizeof query, .identifier = identifier, .log_name = log_name,
        .platform = gw->request->host_platform, .attrs = attrs,
    };
    struct tenon_source_meta meta = {.struct_size = sizeof meta};
    if (gw->bridge->resolve_source_meta(gw->ctx, gw->graph, &query, &meta, err) < 0)
        return NULL;

    auto_free char *json = meta.config ? tenon_strndup(meta.config, meta.config_len) : NULL;
    struct image image = {.document = json ? json_tokener_parse(json) : NULL};
    if (image.document)
        json_object_object_get_ex(image.document, "config", &image.config);
    struct tenon_node *n = make_process(gw, &meta, &image, err);
    json_object_put(image.document);
    return n;
}
