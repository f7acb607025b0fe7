/* cache-local: a cache as an OCI layout, a directory of the user's. */
#include <string.h>
#include <unistd.h>

#include "common/export/layout.h"
#include "common/oci-layout/oci-layout.h"

static const struct tenon_host *host;

static const struct tenon_param options[] = {
    { .name = "src", .help = "directory to import from", .type = TENON_TYPE_HOST_PATH },
    { .name = "dest", .help = "directory to export to", .type = TENON_TYPE_HOST_PATH },
    { .name = "tag", .help = "which cache of the directory",
      .type = TENON_TYPE_STRING, .def = "latest" },
    { .name = "digest", .help = "import this manifest, whatever its tag",
      .type = TENON_TYPE_STRING },
    { .name = "image-manifest", .help = "false: an index of its blobs, for old readers",
      .type = TENON_TYPE_BOOL, .def = "true" },
    { .name = "oci-mediatypes", .help = "accepted; its types are OCI's",
      .type = TENON_TYPE_BOOL, .def = "true" },
    TENON_CACHE_PARAMS,
    { .name = NULL },
};

static int
local_init(const struct tenon_host *h, const struct tenon_values *config, void **self,
           struct tenon_error *err)
{
    (void)config, (void)err;
    host = h;
    *self = NULL; /* no state: each call stands alone */
    return TENON_OK;
}

/* ---- import ---------------------------------------------------------------------- */

static int
open_src(struct tenon_ctx *ctx, const struct tenon_values *opt, struct oci_layout *out,
         struct tenon_error *err)
{
    const char *src = host->values->get_string(opt, "src");
    if (!src || !*src) {
        host->error->set(err, TENON_E_INVALID, 0, "cache type local: src is missing");
        host->error->hint(err, "--cache-from type=local,src=DIR");
        return TENON_E_INVALID;
    }
    *out = (struct oci_layout){ .host = host, .ctx = ctx, .what = src };
    if (oci_layout_open(out, src, err) == 0)
        return TENON_OK;
    if (host->error->code(err) == TENON_E_NOT_FOUND)
        return host->error->set(err, TENON_E_NOT_FOUND, 0, "no directory %s", src);
    return host->error->code(err);
}

static int
local_load(void *self, struct tenon_ctx *ctx, const struct tenon_values *opt,
           const void **data, size_t *len, struct tenon_error *err)
{
    (void)self;
    struct oci_layout l;
    const char *digest = host->values->get_string(opt, "digest");
    int rc = open_src(ctx, opt, &l, err);
    if (rc < 0)
        return rc;
    if (!digest || !*digest)
        rc = oci_layout_tag(&l, host->values->get_string(opt, "tag"), false, &digest, err);
    if (rc == TENON_OK)
        rc = oci_layout_read(&l, digest, data, len, err);
    close(l.dirfd);
    return rc;
}

static int
local_fetch(void *self, struct tenon_ctx *ctx, const struct tenon_values *opt,
            const struct tenon_descriptor *blob, struct tenon_error *err)
{
    (void)self;
    struct oci_layout l;
    int rc = open_src(ctx, opt, &l, err);
    if (rc < 0)
        return rc;
    rc = oci_layout_blob(&l, blob->digest, err);
    close(l.dirfd);
    return rc;
}

/* ---- export ---------------------------------------------------------------------- */

static int
local_check_save(void *self, struct tenon_ctx *ctx, const struct tenon_values *opt,
                 struct tenon_error *err)
{
    (void)self;
    const char *dest = host->values->get_string(opt, "dest");
    if (!dest || !*dest) {
        host->error->set(err, TENON_E_INVALID, 0, "cache type local: dest is missing");
        host->error->hint(err, "--cache-to type=local,dest=DIR");
        return TENON_E_INVALID;
    }
    int rc = host->sink->check(ctx, dest, TENON_SINK_DIR, err);
    return rc < 0 ? host->error->context(err, "cache type local") : TENON_OK;
}

static int
local_save(void *self, struct tenon_ctx *ctx, const struct tenon_values *opt,
           const struct tenon_descriptor *manifest, struct tenon_error *err)
{
    (void)self;
    static const char sending[] = "sending cache export";
    const char *dest = host->values->get_string(opt, "dest");
    int dir = host->sink->dir(ctx, dest, err);
    if (dir < 0)
        return dir;
    const struct export_layout l = {
        .host = host, .ctx = ctx, .tag = host->values->get_string(opt, "tag"),
        .image = &(const struct tenon_image){
            .struct_size = sizeof(struct tenon_image), .digest = manifest->digest,
            .media_type = manifest->media_type, .size = manifest->size },
    };
    host->progress->status(ctx, sending, 0, 0);
    int rc = export_layout_dir(&l, dir, err);
    host->progress->status_done(ctx, sending);
    return rc < 0 ? host->error->context(err, "write %s", dest) : TENON_OK;
}

static const struct tenon_cache_ops ops = {
    .struct_size = sizeof ops,
    .title = "exporting cache to client directory",
    .load = local_load,
    .fetch = local_fetch,
    .save = local_save,
    .check_save = local_check_save,
};
static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_CACHE),
    .threads = TENON_THREADS_PARALLEL,
    .key_policy = TENON_KEY_NEUTRAL,
    .name = "local",
    .version = "1.0",
    .summary = "a build cache in a directory, as an OCI layout",
    .options = options,
    .init = local_init,
    .ops.cache = &ops,
};
TENON_PLUGIN_EXPORT(cache_local, plugin);
