/* scanner-packages: the packages in a result, as SPDX 2.3: --sbom=true, or
 * --attest type=sbom.  It reads what package managers and linkers leave; nothing runs. */
#include <string.h>
#include <time.h>
#include <tenon-plugin.h>

#include "found.h"
#include "tools/alloc.h"
#include "tools/cleanup.h"
#include "tools/jsontext.h"
#include "tools/parse.h"

static const struct tenon_host *host;

static const struct tenon_param options[] = {
    { .name = "filename", .help = "of outputs that are files",
      .type = TENON_TYPE_STRING, .def = "sbom.spdx.json" },
    { .name = NULL },
};

static int
packages_init(const struct tenon_host *h, const struct tenon_values *config, void **self,
              struct tenon_error *err)
{
    (void)config, (void)self, (void)err;
    host = h;
    return TENON_OK;
}

/* The build's epoch, where there is one: then the document has the same bytes again. */
static char *
creation_time(const struct tenon_result *r)
{
    size_t len;
    const char *epoch = host->result->get(r, "source.date.epoch", &len);
    int64_t seconds;
    if (!epoch || !tenon_parse_i64(epoch, &seconds))
        seconds = (int64_t)time(NULL);
    return tenon_format_time(seconds * 1000000000);
}

/* sbom.spdx.json, and sbom-NAME.spdx.json of what is scanned beside the result. */
static char *
file_name(const char *name, const char *extra)
{
    const size_t stem = strcspn(name, ".");
    return tenon_asprintf(extra ? "%.*s-%s%s" : "%.*s%s%s", (int)stem, name, extra ? extra : "",
                          name + stem);
}

/* One tree.  extra: what it is, when it is not the result. */
static int
scan_tree(struct tenon_ctx *ctx, const struct tenon_values *v,
          const struct tenon_attester_request *req, int root, const char *extra,
          struct tenon_error *err)
{
    struct scan s = { .host = host, .ctx = ctx, .root = root, .what = extra ? extra : "result" };
    static const char *const metadata[] = { "reason=sbom", "sbom-core=sbom", NULL };
    scan_system(&s);
    int rc = scan_languages(&s, err);
    if (rc == 0) {
        auto_free char *created = creation_time(req->result);
        auto_free char *path = file_name(host->values->get_string(v, "filename"), extra);
        struct json_object *document = spdx_document(&s, created);
        auto_buf struct tenon_buf text = TENON_BUF_INIT;
        tenon_json_write(&text, document, false);
        json_object_put(document);
        const struct tenon_attestation a = {
            .struct_size = sizeof a,
            .kind = TENON_ATTESTATION_INTOTO,
            .predicate_type = "https://spdx.dev/Document",
            .path = path,
            .data = text.data,
            .len = text.len,
            .metadata = metadata,
        };
        rc = host->result->attest(req->result, host->result->platform(req->result, req->index), &a,
                                  err);
    }
    found_release(&s);
    return rc;
}

/* A tree that is no result: of one it becomes the only platform. */
static int
scan_extra(struct tenon_ctx *ctx, const struct tenon_values *v,
           const struct tenon_attester_request *req, const char *name, struct tenon_ref *ref,
           struct tenon_error *err)
{
    struct tenon_result *alone = host->result->create(ctx);
    if (host->result->add(alone, "", ref, err) < 0)
        return host->error->code(err);
    const int root = host->result->tree(ctx, alone, 0, err);
    return root < 0 ? root : scan_tree(ctx, v, req, root, name, err);
}

static int
packages_attest(void *self, struct tenon_ctx *ctx, const struct tenon_values *v,
                const struct tenon_attester_request *req, struct tenon_error *err)
{
    (void)self;
    const char *platform = host->result->platform(req->result, req->index), *name;
    struct tenon_ref *ref = NULL;
    int rc = TENON_OK;
    if (host->result->ref(req->result, req->index)) { /* something is in it */
        const int root = host->result->tree(ctx, req->result, req->index, err);
        rc = root < 0 ? root : scan_tree(ctx, v, req, root, NULL, err);
    }
    for (size_t i = 0; rc == 0 && (name = host->result->scan(req->result, platform, i, &ref)); i++)
        rc = ref ? scan_extra(ctx, v, req, name, ref, err) : TENON_OK;
    return rc;
}

static int
packages_check(void *self, struct tenon_ctx *ctx, const struct tenon_values *v,
               struct tenon_error *err)
{
    (void)self, (void)ctx;
    const char *name = host->values->get_string(v, "filename");
    if (!*name || strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
        return host->error->set(err, TENON_E_INVALID, 0,
                                "attestation sbom: filename \"%s\" is no name of a file", name);
    return TENON_OK;
}

static const struct tenon_attester_ops ops = {
    .struct_size = sizeof ops,
    .title = "scanning packages",
    .attest = packages_attest,
    .check = packages_check,
};
static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_SCANNER),
    .threads = TENON_THREADS_PARALLEL,
    .key_policy = TENON_KEY_NEUTRAL,
    .name = "packages",
    .version = "1.0",
    .summary = "the packages in a result, as SPDX 2.3",
    .options = options,
    .init = packages_init,
    .ops.attester = &ops,
};
TENON_PLUGIN_EXPORT(scanner_packages, plugin);
