/* attester-provenance: how an image was made, as SLSA provenance: --provenance, or
 * --attest type=provenance. */
#include <string.h>
#include <tenon-plugin.h>

#include "environment.h"
#include "predicate.h"
#include "tools/alloc.h"
#include "tools/cleanup.h"
#include "tools/jsontext.h"

static const struct tenon_host *host;

static const struct tenon_param options[] = {
    { .name = "mode", .help = "min, or max: with steps and the values of arguments",
      .type = TENON_TYPE_CHOICE, .choices = "min|max|full", .def = "max" },
    { .name = "version", .help = "of SLSA", .type = TENON_TYPE_CHOICE, .choices = "v1|v0.2",
      .def = "v1" },
    { .name = "builder-id", .help = "URI of who builds", .type = TENON_TYPE_STRING },
    { .name = "reproducible", .help = "say that the build is reproducible",
      .type = TENON_TYPE_BOOL, .def = "false" },
    { .name = "inline-only", .help = "only where it makes no index of an image",
      .type = TENON_TYPE_BOOL, .def = "false" },
    { .name = "filename", .help = "of outputs that are files",
      .type = TENON_TYPE_STRING, .def = "provenance.json" },
    { .name = "complete-materials", .help = "fail when a source has no digest",
      .type = TENON_TYPE_BOOL, .def = "false" },
    { .name = "store", .help = "false: only what the metadata file shows",
      .type = TENON_TYPE_BOOL, .def = "true" },
    { .name = "metadata", .help = "what the metadata file shows of it",
      .type = TENON_TYPE_CHOICE, .choices = "min|max|disabled", .def = "min" },
    { .name = NULL },
};

static const struct tenon_param config_options[] = {
    { .name = "environment-dir",
      .help = "a directory of JSON files, whose members say where it was built",
      .type = TENON_TYPE_STRING },
    { .name = NULL },
};

struct said { /* about one platform */
    const struct tenon_result *result;
    size_t index;
    struct predicate_options o;
};

static int
provenance_init(const struct tenon_host *h, const struct tenon_values *config, void **self,
                struct tenon_error *err)
{
    const char *dir = h->values->get_string(config, "environment-dir");
    struct json_object *environment = NULL;

    host = h;
    if (dir && *dir && environment_read(h, dir, &environment, err) < 0)
        return h->error->code(err);
    *self = environment;
    return TENON_OK;
}

static void
provenance_fini(void *self)
{
    json_object_put(self);
}

static struct predicate_options
read_options(void *self, const struct tenon_values *v)
{
    return (struct predicate_options){
        .environment = self,
        .max = strcmp(host->values->get_string(v, "mode"), "min") != 0,
        .version =
            strcmp(host->values->get_string(v, "version"), "v0.2") ? PREDICATE_V1 : PREDICATE_V02,
        .builder_id = host->values->get_string(v, "builder-id"),
        .reproducible = host->values->get_bool(v, "reproducible"),
    };
}

static int
read_facts(struct tenon_ctx *ctx, const struct said *s, struct json_object **out,
           struct tenon_error *err)
{
    const char *json;
    int rc = host->result->facts(ctx, s->result, s->index, s->o.max ? TENON_FACTS_STEPS : 0, &json,
                                 err);
    if (rc < 0)
        return rc;
    *out = json_tokener_parse(json);
    return *out ? TENON_OK : host->error->set(err, TENON_E_BUG, 0, "the facts are no JSON");
}

static const char *
write_text(struct tenon_ctx *ctx, struct json_object *o)
{
    struct tenon_buf text = TENON_BUF_INIT;
    tenon_json_write(&text, o, false);
    const char *copy = host->ctx->strdup(ctx, tenon_buf_str(&text));
    tenon_buf_release(&text);
    return copy;
}

/* Late: the time when it was finished, and the layers, are known at the export. */
static int
content(void *cookie, struct tenon_ctx *ctx, const void **data, size_t *len,
        struct tenon_error *err)
{
    const struct said *s = cookie;
    struct json_object *facts;
    int rc = read_facts(ctx, s, &facts, err);
    if (rc < 0)
        return rc;
    struct json_object *predicate = predicate_make(facts, &s->o);
    const char *text = write_text(ctx, predicate);
    json_object_put(predicate);
    json_object_put(facts);
    *data = text;
    *len = strlen(text);
    return TENON_OK;
}

/* What is missing, where the user wants all of it. */
static int
check_materials(struct tenon_ctx *ctx, const struct said *s, struct tenon_error *err)
{
    struct json_object *facts, *locals, *incomplete;
    int rc = read_facts(ctx, s, &facts, err);
    if (rc < 0)
        return rc;
    json_object_object_get_ex(facts, "locals", &locals);
    json_object_object_get_ex(facts, "incomplete", &incomplete);
    struct tenon_buf text = TENON_BUF_INIT;
    for (size_t i = 0; i < json_object_array_length(locals); i++) {
        struct json_object *name = NULL;
        json_object_object_get_ex(json_object_array_get_idx(locals, i), "name", &name);
        tenon_buf_addf(&text, "%s%s", i ? ", " : ": local sources ", json_object_get_string(name));
    }
    if (text.len || json_object_get_boolean(incomplete))
        rc = host->error->set(err, TENON_E_INVALID, 0, "provenance materials are incomplete%s",
                              tenon_buf_str(&text));
    tenon_buf_release(&text);
    json_object_put(facts);
    return rc;
}

static int
provenance_attest(void *self, struct tenon_ctx *ctx, const struct tenon_values *v,
                  const struct tenon_attester_request *req, struct tenon_error *err)
{
    if (!host->values->get_bool(v, "store"))
        return TENON_OK;
    struct said *s = host->ctx->alloc(ctx, sizeof *s);
    *s = (struct said){ req->result, req->index, read_options(self, v) };
    if (host->values->get_bool(v, "complete-materials") && check_materials(ctx, s, err) < 0)
        return host->error->code(err);
    const char *metadata[] = {
        "reason=provenance",
        host->values->get_bool(v, "inline-only") ? "inline-only=true" : "inline-only=false",
        NULL,
    };
    const struct tenon_attestation a = {
        .struct_size = sizeof a,
        .kind = TENON_ATTESTATION_INTOTO,
        .predicate_type = predicate_type(s->o.version),
        .path = host->values->get_string(v, "filename"),
        .content = content,
        .cookie = s,
        .metadata = metadata,
    };
    return host->result->attest(req->result, host->result->platform(req->result, req->index), &a,
                                err);
}

static int
provenance_respond(void *self, struct tenon_ctx *ctx, const struct tenon_values *v,
                   const struct tenon_attester_request *req, struct tenon_error *err)
{
    const char *shown = host->values->get_string(v, "metadata");
    bool all = !strcmp(shown, "max");
    struct said s = { req->result, req->index, read_options(self, v) };
    const char *platform = host->result->platform(req->result, req->index);
    struct json_object *facts;
    if (!strcmp(shown, "disabled"))
        return TENON_OK;
    s.o.max = all; /* the steps, which cost most, are left out otherwise */
    int rc = read_facts(ctx, &s, &facts, err);
    if (rc < 0)
        return rc;
    s.o.max = true;
    struct json_object *predicate = predicate_metadata(facts, &s.o, all);
    auto_free char *key =
        host->result->count(req->result) > 1
            ? tenon_asprintf("buildx.build.provenance/%s", platform)
            : tenon_strdup("buildx.build.provenance");
    rc = host->result->respond(req->result, key, write_text(ctx, predicate), true, err);
    json_object_put(predicate);
    json_object_put(facts);
    return rc;
}

static int
provenance_check(void *self, struct tenon_ctx *ctx, const struct tenon_values *v,
                 struct tenon_error *err)
{
    (void)self, (void)ctx;
    const char *name = host->values->get_string(v, "filename");
    if (!*name || strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
        return host->error->set(err, TENON_E_INVALID, 0,
                                "attestation provenance: filename \"%s\" is no name of a file",
                                name);
    return TENON_OK;
}

static const struct tenon_attester_ops ops = {
    .struct_size = sizeof ops,
    .attest = provenance_attest,
    .check = provenance_check,
    .respond = provenance_respond,
};
static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_ATTESTER),
    .threads = TENON_THREADS_PARALLEL,
    .key_policy = TENON_KEY_NEUTRAL,
    .name = "provenance",
    .version = "1.0",
    .summary = "how an image was made, as SLSA provenance",
    .config = config_options,
    .options = options,
    .init = provenance_init,
    .fini = provenance_fini,
    .ops.attester = &ops,
};
TENON_PLUGIN_EXPORT(attester_provenance, plugin);
