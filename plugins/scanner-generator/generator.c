/* scanner-generator: what is in a result, by a program in an image, --sbom=generator=IMAGE.
 *
 * The program is run as a step with the result mounted read-only, and told where that is and where
 * its statements go (BuildKit's scanner protocol, docs/attestations.md); what it writes there is a
 * bundle. As a step it has a cache, and the same image of the same result is not run again. */
#include <json-c/json.h>
#include <string.h>
#include <tenon-graph.h>
#include <tenon-plugin.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"
#include "tools/jsontext.h"
#include "tools/parse.h"

#define SOURCE "/run/src/core/sbom"
#define EXTRAS "/run/src/extras/"
#define DESTINATION "/run/out/"
#define PARAMETERS "param"

static const struct tenon_host *host;

static const struct tenon_param options[] = {
    { .name = "generator", .help = "the image whose program is run",
      .type = TENON_TYPE_STRING, .flags = TENON_PARAM_REQUIRED },
    { .name = PARAMETERS, .help = "a variable of its environment, BUILDKIT_SCAN_KEY",
      .def = ".", .type = TENON_TYPE_MAP },
    { .name = NULL },
};

/* One call for one platform. */
struct scan {
    struct tenon_ctx *ctx;
    const struct tenon_values *values;
    const struct tenon_attester_request *req;
    const char *name;       /* of the image, whole */
    const char *platform;   /* of this machine: where the program runs */
    struct tenon_source_meta image;
    struct json_object *config; /* of the image, or NULL; borrowed from document */
    struct json_object *document;
};

static int
generator_init(const struct tenon_host *h, const struct tenon_values *config, void **self,
               struct tenon_error *err)
{
    (void)config, (void)self, (void)err;
    host = h;
    return TENON_OK;
}

static int
generator_check(void *self, struct tenon_ctx *ctx, const struct tenon_values *v,
                struct tenon_error *err)
{
    (void)self;
    return host->image->normalize(ctx, host->values->get_string(v, "generator"), err)
               ? TENON_OK : host->error->code(err);
}

/* ---- the image ------------------------------------------------------------------------ */

static int
find_platform(struct scan *s, struct tenon_error *err)
{
    const char *json = NULL;
    struct json_object *value = NULL;
    if (host->result->facts(s->ctx, s->req->result, s->req->index, 0, &json, err) < 0)
        return host->error->code(err);
    struct json_object *facts = json_tokener_parse(json);
    if (facts && json_object_object_get_ex(facts, "builderPlatform", &value))
        s->platform = host->ctx->strdup(s->ctx, json_object_get_string(value));
    json_object_put(facts);
    return s->platform ? TENON_OK
                       : host->error->set(err, TENON_E_BUG, 0, "no platform of the builder");
}

static int
find_image(struct scan *s, struct tenon_error *err)
{
    s->name = host->image->normalize(s->ctx, host->values->get_string(s->values, "generator"), err);
    if (!s->name || find_platform(s, err) < 0)
        return host->error->code(err);
    auto_free char *identifier = tenon_asprintf("docker-image://%s", s->name);
    auto_free char *title = tenon_asprintf("[internal] load metadata for %s", s->name);
    const struct tenon_source_query q = {
        .struct_size = sizeof q, .identifier = identifier, .platform = s->platform,
        .log_name = title,
    };
    s->image.struct_size = sizeof s->image;
    if (s->req->bridge->resolve_source_meta(s->ctx, s->req->graph, &q, &s->image, err) < 0)
        return host->error->code(err);
    auto_free char *text = s->image.config
                               ? tenon_strndup(s->image.config, s->image.config_len) : NULL;
    s->document = text ? tenon_json_parse_modest(text) : NULL;
    if (s->document)
        json_object_object_get_ex(s->document, "config", &s->config);
    return TENON_OK;
}

/* ---- the step ---------------------------------------------------------------------------- */

/* Each text of a list of the image's; how many there are. */
static int
add_list(const struct scan *s, struct tenon_node *n, const char *attr, const char *key,
         struct tenon_error *err)
{
    struct json_object *list = NULL;
    if (!s->config || !json_object_object_get_ex(s->config, key, &list) ||
        !json_object_is_type(list, json_type_array))
        return 0;
    const size_t count = json_object_array_length(list);
    for (size_t i = 0; i < count; i++) {
        struct json_object *one = json_object_array_get_idx(list, i);
        if (!json_object_is_type(one, json_type_string))
            return host->error->set(err, TENON_E_CORRUPT, 0, "the configuration of %s: %s", s->name,
                                    key);
        if (host->graph->node_set(n, attr, json_object_get_string(one), err) < 0)
            return host->error->code(err);
    }
    return (int)count;
}

static int
add_args(const struct scan *s, struct tenon_node *n, struct tenon_error *err)
{
    const int entry = add_list(s, n, "args", "Entrypoint", err);
    const int rest = entry < 0 ? entry : add_list(s, n, "args", "Cmd", err);
    if (rest < 0)
        return rest;
    return entry + rest > 0 ? TENON_OK : host->error->set(err, TENON_E_INVALID, 0,
                                                          "scanner %s does not have cmd", s->name);
}

/* The i-th of what is scanned beside the result; NULL past the end. */
static const char *
extra(const struct scan *s, size_t i, struct tenon_ref **ref)
{
    const struct tenon_attester_request *req = s->req;
    return host->result->scan(req->result, host->result->platform(req->result, req->index), i, ref);
}

static int
add_env(const struct scan *s, struct tenon_node *n, struct tenon_error *err)
{
    static const size_t prefix = sizeof PARAMETERS; /* with its dot */
    const char *value, *key;
    struct tenon_ref *ref;
    if (add_list(s, n, "env", "Env", err) < 0 ||
        host->graph->node_set(n, "env", "BUILDKIT_SCAN_DESTINATION=" DESTINATION, err) < 0 ||
        host->graph->node_set(n, "env", "BUILDKIT_SCAN_SOURCE=" SOURCE, err) < 0 ||
        (extra(s, 0, &ref) &&
         host->graph->node_set(n, "env", "BUILDKIT_SCAN_SOURCE_EXTRAS=" EXTRAS, err) < 0))
        return host->error->code(err);
    for (size_t i = 0; (value = host->values->get_map(s->values, PARAMETERS, i, &key)) != NULL;
         i++) {
        auto_free char *pair = tenon_asprintf("BUILDKIT_SCAN_%s=%s", key + prefix, value);
        if (host->graph->node_set(n, "env", pair, err) < 0)
            return host->error->code(err);
    }
    return TENON_OK;
}

static struct tenon_node *
new_step(const struct scan *s, struct tenon_error *err)
{
    struct tenon_graph *g = s->req->graph;
    struct json_object *cwd = NULL, *user = NULL;
    struct tenon_node *image = tenon_llb_source(host, g, s->image.identifier, s->platform, err);
    struct tenon_node *n = image ? host->graph->node_new(g, "exec", err) : NULL;
    struct tenon_node *root = n ? host->graph->node_part(n, "mount", err) : NULL;
    if (!root || host->graph->node_set(root, "dest", "/", err) < 0 ||
        host->graph->node_input(root, "input", image, 0, err) < 0 || add_args(s, n, err) < 0 ||
        add_env(s, n, err) < 0 || host->graph->node_set(n, "platform", s->platform, err) < 0)
        return NULL;
    if (s->config) {
        json_object_object_get_ex(s->config, "WorkingDir", &cwd);
        json_object_object_get_ex(s->config, "User", &user);
    }
    const char *dir = cwd ? json_object_get_string(cwd) : "";
    const char *who = user ? json_object_get_string(user) : "";
    if (host->graph->node_set(n, "cwd", dir && *dir ? dir : "/", err) < 0 ||
        (who && *who && host->graph->node_set(n, "user", who, err) < 0))
        return NULL;
    return n;
}

/* A tree that it can read; NULL: an empty one. */
static int
mount_source(struct tenon_node *n, const char *dest, struct tenon_ref *ref,
             struct tenon_error *err)
{
    struct tenon_node *source = tenon_llb_mount(host, n, "bind", dest, NULL, 0, err);
    if (!source || (ref && host->graph->node_input_ref(source, "input", ref, err) < 0) ||
        host->graph->node_set_int(source, "readonly", 1, err) < 0)
        return host->error->code(err);
    return TENON_OK;
}

/* Its root is output 0, and what it has written output 1. */
static int
mount_all(const struct scan *s, struct tenon_node *n, struct tenon_error *err)
{
    struct tenon_ref *ref;
    const char *name;
    if (!tenon_llb_mount(host, n, "bind", DESTINATION, NULL, 0, err) ||
        mount_source(n, SOURCE, host->result->ref(s->req->result, s->req->index), err) < 0 ||
        !tenon_llb_tmpfs_mount(host, n, "/tmp", 0, err))
        return host->error->code(err);
    for (size_t i = 0; (name = extra(s, i, &ref)); i++) {
        auto_free char *dest = tenon_asprintf(EXTRAS "sbom-%s", name);
        if (mount_source(n, dest, ref, err) < 0)
            return host->error->code(err);
    }
    return TENON_OK;
}

static int
run(const struct scan *s, const char *title, struct tenon_error *err)
{
    static const char *const metadata[] = { "reason=sbom", "sbom-core=sbom", NULL };
    struct tenon_ref *ref = NULL;
    struct tenon_node *n = new_step(s, err);
    if (!n || mount_all(s, n, err) < 0 || tenon_llb_name(host, n, title, err) < 0 ||
        s->req->bridge->solve(s->ctx, s->req->graph, n, 1, &ref, err) < 0 ||
        s->req->bridge->evaluate(s->ctx, ref, err) < 0) /* fails before anything is exported */
        return host->error->code(err);
    const struct tenon_attestation a = {
        .struct_size = sizeof a,
        .kind = TENON_ATTESTATION_BUNDLE,
        .predicate_type = "https://spdx.dev/Document",
        .path = "",
        .ref = ref,
        .metadata = metadata,
    };
    return host->result->attest(s->req->result,
                                host->result->platform(s->req->result, s->req->index), &a, err);
}

static int
generator_attest(void *self, struct tenon_ctx *ctx, const struct tenon_values *v,
                 const struct tenon_attester_request *req, struct tenon_error *err)
{
    struct scan s = { .ctx = ctx, .values = v, .req = req };
    (void)self;
    struct tenon_ref *ref;
    if (!host->result->ref(req->result, req->index) && !extra(&s, 0, &ref))
        return TENON_OK; /* nothing is in it */
    int rc = find_image(&s, err);
    if (rc == TENON_OK) {
        const char *platform = host->result->platform(req->result, req->index);
        auto_free char *title = tenon_asprintf("[%s] generating sbom using %s",
                                               *platform ? platform : s.platform, s.name);
        rc = run(&s, title, err);
    }
    json_object_put(s.document);
    return rc;
}

static const struct tenon_attester_ops ops = {
    .struct_size = sizeof ops,
    .attest = generator_attest,
    .check = generator_check,
};
static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_SCANNER),
    .threads = TENON_THREADS_PARALLEL,
    .key_policy = TENON_KEY_NEUTRAL,
    .name = "generator",
    .version = "1.0",
    .summary = "what is in a result, by a program in an image",
    .options = options,
    .init = generator_init,
    .ops.attester = &ops,
};
TENON_PLUGIN_EXPORT(scanner_generator, plugin);
