/* source-oci-layout: an image out of an OCI layout, a directory of the user's.
 *
 * oci-layout://NAME[:TAG][@DIGEST]; the directory is the session's local NAME,
 * or what oci.store names.  oci-layout+blob://NAME@DIGEST is one blob of it, as a file. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/oci-layout/oci-layout.h"
#include "common/source/blobfile.h"
#include "common/source/source.h"
#include "tools/ociindex.h"

#define SCHEME "oci-layout://"
#define BLOB_SCHEME "oci-layout+blob://"
#define DEPTH_MAX 4

static const struct tenon_host *host;
static const struct tenon_registry_api *registry;

/* What an identifier says. */
struct layout {
    const char *store, *tag, *digest; /* tag "latest" and digest NULL: not given */
    bool tag_given;
    struct oci_layout files;
};

static int
layout_init(const struct tenon_host *h, const struct tenon_values *config, void **self,
            struct tenon_error *err)
{
    (void)config;
    host = h;
    registry = host->extension("tenon.registry/0");
    *self = NULL; /* no state: each call stands alone */
    if (!registry || !TENON_HAS(struct tenon_registry_api, registry, is_index))
        return host->error->set(err, TENON_E_UNSUPPORTED, 0,
                                "this tenon offers no registry service");
    return TENON_OK;
}

static const char *
describe(struct tenon_ctx *ctx, const char *store)
{
    size_t size = sizeof "oci-layout \"\"" + strlen(store);
    char *what = host->ctx->alloc(ctx, size);
    snprintf(what, size, "oci-layout \"%s\"", store);
    return what;
}

static int
open_layout(struct tenon_ctx *ctx, const struct tenon_source_request *req,
            struct layout *out, struct tenon_error *err)
{
    if (strncmp(req->identifier, SCHEME, strlen(SCHEME)) != 0 ||
        !req->identifier[strlen(SCHEME)])
        return host->error->set(err, TENON_E_INVALID, 0, "invalid oci-layout source \"%s\"",
                                req->identifier);
    char *name = host->ctx->strdup(ctx, req->identifier + strlen(SCHEME));
    *out = (struct layout){.tag = "latest",
                           .files = {.host = host, .ctx = ctx, .dirfd = -1}};
    char *at = strchr(name, '@');
    if (at) {
        *at = '\0';
        out->digest = at + 1;
        if (!tenon_is_sha256(out->digest))
            return host->error->set(err, TENON_E_INVALID, 0, "invalid digest \"%s\"",
                                    out->digest);
    }
    char *slash = strrchr(name, '/');
    char *colon = strchr(slash ? slash : name, ':');
    if (colon) {
        *colon = '\0';
        out->tag = colon + 1;
        out->tag_given = true;
    }
    out->store = source_attr(req, "oci.store");
    if (!out->store || !*out->store)
        out->store = name;
    out->files.what = describe(ctx, out->store);
    if (oci_layout_open(&out->files, out->store, err) < 0)
        return host->error->context(err, "%s", out->files.what);
    return TENON_OK;
}

/* ---- the source ---------------------------------------------------------- */

static int
find_manifest(struct tenon_ctx *ctx, const struct tenon_source_request *req,
              const struct layout *l, const void **data, size_t *len,
              struct tenon_error *err)
{
    struct tenon_descriptor desc = { .struct_size = sizeof desc, .digest = l->digest,
                                     .media_type = "" };
    for (int depth = 0;; depth++) {
        int rc = oci_layout_read(&l->files, desc.digest, data, len, err);
        if (rc < 0 || !registry->is_index(ctx, "", *data, *len))
            return rc;
        if (depth == DEPTH_MAX)
            return host->error->set(err, TENON_E_LIMIT, 0, "indexes are nested too deep");
        rc = registry->choose(ctx, *data, *len, req->platform, &desc, err);
        if (rc < 0)
            return rc;
    }
}

static int
resolve_opened(struct tenon_ctx *ctx, const struct tenon_source_request *req,
               struct layout *l, struct tenon_source_info *info, struct tenon_error *err)
{
    const void *manifest;
    size_t len;
    struct tenon_descriptor config = { .struct_size = sizeof config };
    int rc = l->digest ? TENON_OK
                       : oci_layout_tag(&l->files, l->tag, !l->tag_given, &l->digest, err);
    if (rc == TENON_OK)
        rc = find_manifest(ctx, req, l, &manifest, &len, err);
    if (rc == TENON_OK)
        rc = registry->image_config(ctx, manifest, len, &config, err);
    if (rc == TENON_OK)
        rc = oci_layout_read(&l->files, config.digest, &info->config, &info->config_len,
                            err);
    if (rc == TENON_OK)
        rc = registry->image_layers(ctx, manifest, len, info->config, info->config_len,
                                    &info->layers, &info->layer_count, err);
    if (rc < 0)
        return rc;
    info->flags = TENON_SOURCE_LAYERS;
    info->digest = l->digest;
    info->identifier = req->identifier;
    if (!strchr(req->identifier, '@')) {
        size_t n = strlen(req->identifier);
        char *pinned = host->ctx->alloc(ctx, n + 1 + strlen(l->digest) + 1);
        memcpy(pinned, req->identifier, n);
        pinned[n] = '@';
        strcpy(pinned + n + 1, l->digest);
        info->identifier = pinned;
    }
    info->key = info->layer_count > 0
                    ? registry->chain_id(ctx, info->layers, info->layer_count)
                    : config.digest;
    return TENON_OK;
}

static int
blob_resolve(struct tenon_ctx *ctx, const struct tenon_source_request *req,
             struct tenon_source_info *info, struct tenon_error *err)
{
    struct source_blobfile file;
    const char *name;
    int rc = source_blobfile_read(host, ctx, req, &file, &name, err);
    if (rc == TENON_OK)
        source_blobfile_tell(host, ctx, req, &file, info);
    return rc;
}

static int
layout_fetch(void *self, struct tenon_ctx *ctx, const struct tenon_source_request *req,
             const struct tenon_source_info *info, int dest_dirfd, struct tenon_error *err)
{
    (void)self, (void)info;
    struct oci_layout files = {.host = host, .ctx = ctx, .dirfd = -1};
    struct source_blobfile file;
    const char *name, *store = source_attr(req, "oci.store");
    int rc = source_blobfile_read(host, ctx, req, &file, &name, err);
    if (rc < 0)
        return rc;
    store = store && *store ? store : name;
    files.what = describe(ctx, store);
    if (oci_layout_open(&files, store, err) < 0)
        return host->error->context(err, "%s", files.what);
    rc = oci_layout_blob(&files, file.digest, err);
    close(files.dirfd);
    return rc < 0 ? rc : source_blobfile_write(host, ctx, &file, dest_dirfd, err);
}

static int
layout_resolve(void *self, struct tenon_ctx *ctx, const struct tenon_source_request *req,
               struct tenon_source_info *info, struct tenon_error *err)
{
    (void)self;
    struct layout l;
    if (strncmp(req->identifier, BLOB_SCHEME, strlen(BLOB_SCHEME)) == 0)
        return blob_resolve(ctx, req, info, err);
    int rc = open_layout(ctx, req, &l, err);
    if (rc < 0)
        return rc;
    rc = resolve_opened(ctx, req, &l, info, err);
    close(l.files.dirfd);
    return rc;
}

static int
layout_fetch_layer(void *self, struct tenon_ctx *ctx,
                   const struct tenon_source_request *req,
                   const struct tenon_source_info *info,
                   const struct tenon_descriptor *layer, struct tenon_error *err)
{
    (void)self, (void)info;
    struct layout l;
    int rc = open_layout(ctx, req, &l, err);
    if (rc < 0)
        return rc;
    rc = oci_layout_blob(&l.files, layer->digest, err);
    close(l.files.dirfd);
    return rc;
}

static const char *const schemes[] = {"oci-layout", "oci-layout+blob", NULL};

static const struct tenon_source_ops ops = {
    .struct_size = sizeof ops,
    .schemes = schemes,
    .resolve = layout_resolve,
    .fetch_layer = layout_fetch_layer,
    .fetch = layout_fetch,
};

static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_SOURCE),
    .threads = TENON_THREADS_PARALLEL,
    .key_policy = TENON_KEY_OPTIONS,
    .key_epoch = 1,
    .name = "oci-layout",
    .version = "1.0",
    .summary = "images from OCI layout directories",
    .init = layout_init,
    .ops.source = &ops,
};
TENON_PLUGIN_EXPORT(source_oci_layout, plugin);
