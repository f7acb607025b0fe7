/* source-image: images from registries, as layers.
 *
 * A name is pinned to the digest it has now, an index to the manifest that
 * suits the platform.  The cache key is what the layers hold together (their
 * chain id), so the same files under another tag or digest hit. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/source/blobfile.h"
#include "common/source/source.h"

#define SCHEME "docker-image://"
#define BLOB_SCHEME "docker-image+blob://"
#define CONFIG_MAX (8 * 1024 * 1024)
#define DEPTH_MAX 4

static const struct tenon_host *host;
static const struct tenon_registry_api *registry;

static int
image_init(const struct tenon_host *h, const struct tenon_values *config, void **self,
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
reference_of(const struct tenon_source_request *req, struct tenon_error *err)
{
    const char *id = req->identifier;
    if (strncmp(id, SCHEME, strlen(SCHEME)) != 0 || !id[strlen(SCHEME)]) {
        host->error->set(err, TENON_E_INVALID, 0, "invalid image source \"%s\"", id);
        return NULL;
    }
    return id + strlen(SCHEME);
}

/* A small blob of the content store as text. */
static int
read_blob(struct tenon_ctx *ctx, const char *digest, const void **data, size_t *len,
          struct tenon_error *err)
{
    int64_t size = 0;
    int fd = host->blobs->open(ctx, digest, &size, err);
    if (fd < 0)
        return fd;
    if (size < 0 || size > CONFIG_MAX) {
        close(fd);
        return host->error->set(err, TENON_E_LIMIT, 0, "%s has %lld bytes", digest,
                                (long long)size);
    }
    char *text = host->ctx->alloc(ctx, (size_t)size + 1);
    size_t have = 0;
    while (have < (size_t)size) {
        ssize_t n = read(fd, text + have, (size_t)size - have);
        if (n <= 0)
            break;
        have += (size_t)n;
    }
    close(fd);
    if (have < (size_t)size)
        return host->error->set(err, TENON_E_CORRUPT, 0, "%s is shorter than it was", digest);
    *data = text;
    *len = have;
    return TENON_OK;
}

static char *
join(struct tenon_ctx *ctx, const char *a, size_t a_len, const char *b, const char *c)
{
    size_t b_len = strlen(b), c_len = strlen(c);
    char *s = host->ctx->alloc(ctx, a_len + b_len + c_len + 1);
    memcpy(s, a, a_len);
    memcpy(s + a_len, b, b_len);
    memcpy(s + a_len + b_len, c, c_len);
    return s;
}

/* ref with another digest: the same repository. */
static const char *
at_digest(struct tenon_ctx *ctx, const char *ref, const char *digest)
{
    return join(ctx, ref, strcspn(ref, "@"), "@", digest);
}

static const char *
mode_of(const struct tenon_source_request *req)
{
    const char *mode = source_attr(req, "image.resolvemode");
    return mode && *mode ? mode : "default";
}

/* A tag may have moved since, but not for this build.  The other place that another mode looks at
 * is another question. */
static const char *
said_before(struct tenon_ctx *ctx, const struct tenon_source_request *req, const char *ref)
{
    const struct tenon_source_info *before =
        TENON_HAS(struct tenon_source_request, req, before) ? req->before : NULL;

    if (strchr(ref, '@') || !before || !before->digest || !before->cookie ||
        strcmp(before->cookie, mode_of(req)) != 0)
        return ref;
    return at_digest(ctx, ref, before->digest);
}

/* Down through indexes to the manifest that the platform wants. */
static int
find_manifest(struct tenon_ctx *ctx, const struct tenon_source_request *req,
              const char *ref, const char **digest, const void **data, size_t *len,
              struct tenon_error *err)
{
    struct tenon_descriptor desc = { .struct_size = sizeof desc };
    const char *mode = source_attr(req, "image.resolvemode");
    int rc = registry->resolve(ctx, said_before(ctx, req, ref), mode, &desc, data, len, err);
    if (rc < 0)
        return rc;
    *digest = desc.digest;
    for (int depth = 0; registry->is_index(ctx, desc.media_type, *data, *len); depth++) {
        if (depth == DEPTH_MAX)
            return host->error->set(err, TENON_E_LIMIT, 0, "indexes are nested too deep");
        rc = registry->choose(ctx, *data, *len, req->platform, &desc, err);
        if (rc < 0)
            return rc;
        rc = registry->manifest(ctx, at_digest(ctx, ref, desc.digest), &desc, data, len,
                                err);
        if (rc < 0)
            return rc;
    }
    return TENON_OK;
}

/* image.checksum: a name whose digest is known. */
static int
check_sum(const struct tenon_source_request *req, const char *ref, const char *digest,
          struct tenon_error *err)
{
    const char *wanted = source_attr(req, "image.checksum");

    if (!wanted || !*wanted || !strcmp(wanted, digest))
        return TENON_OK;
    return host->error->set(err, TENON_E_CORRUPT, 0,
                            "image digest %s for %s does not match expected checksum %s", digest,
                            ref, wanted);
}

/* image.layerlimit: the first N layers only. */
static int
limit_layers(const struct tenon_source_request *req, struct tenon_source_info *info,
             struct tenon_error *err)
{
    const char *text = source_attr(req, "image.layerlimit");
    if (!text || !*text)
        return TENON_OK;
    size_t limit = 0;
    for (const char *p = text; *p; p++) {
        if (*p < '0' || *p > '9' || limit > 100000)
            return host->error->set(err, TENON_E_INVALID, 0, "invalid layer limit \"%s\"",
                                    text);
        limit = limit * 10 + (size_t)(*p - '0');
    }
    if (!limit)
        return host->error->set(err, TENON_E_INVALID, 0, "invalid layer limit 0");
    if (limit < info->layer_count)
        info->layer_count = limit;
    return TENON_OK;
}

/* image.attestations: what is said of it, by facts; image.predicate: the statements of these
 * types, too. */
static int
find_attestations(struct tenon_ctx *ctx, const struct tenon_source_request *req, const char *ref,
                  struct tenon_source_info *info, struct tenon_error *err)
{
    static const char key[] = "image.predicate=";
    const char *wanted = source_attr(req, "image.attestations");
    size_t count = 0;
    struct tenon_descriptor root = { .struct_size = sizeof root };
    const void *index;
    size_t len;
    if (!wanted || strcmp(wanted, "true") != 0)
        return TENON_OK;
    if (!TENON_HAS(struct tenon_registry_api, registry, attestations))
        return host->error->set(err, TENON_E_UNSUPPORTED, 0,
                                "this tenon does not look for attestations of images");
    while (req->attrs[count])
        count++;
    const char **predicates = host->ctx->alloc(ctx, (count + 1) * sizeof *predicates);
    count = 0;
    for (const char *const *a = req->attrs; *a; a++)
        if (strncmp(*a, key, sizeof key - 1) == 0)
            predicates[count++] = *a + sizeof key - 1;
    int rc = registry->manifest(ctx, at_digest(ctx, ref, info->digest), &root, &index, &len, err);
    if (rc < 0 || !registry->is_index(ctx, root.media_type, index, len))
        return rc;
    return registry->attestations(ctx, ref, &root, index, len, req->platform, predicates,
                                  &info->facts, &info->fact_count, err);
}

/* ---- one blob, as a file -------------------------------------------------- */

static bool
is_blob(const struct tenon_source_request *req)
{
    return strncmp(req->identifier, BLOB_SCHEME, strlen(BLOB_SCHEME)) == 0;
}

static int
blob_resolve(struct tenon_ctx *ctx, const struct tenon_source_request *req,
             struct tenon_source_info *info, struct tenon_error *err)
{
    struct source_blobfile file;
    const char *repository;
    int rc = source_blobfile_read(host, ctx, req, &file, &repository, err);
    if (rc == TENON_OK)
        source_blobfile_tell(host, ctx, req, &file, info);
    return rc;
}

static int
image_fetch(void *self, struct tenon_ctx *ctx, const struct tenon_source_request *req,
            const struct tenon_source_info *info, int dest_dirfd, struct tenon_error *err)
{
    (void)self, (void)info;
    struct source_blobfile file;
    const char *repository;
    int rc = source_blobfile_read(host, ctx, req, &file, &repository, err);
    if (rc < 0)
        return rc;
    const struct tenon_descriptor blob = { .struct_size = sizeof blob, .media_type = "",
                                           .digest = file.digest };
    rc = registry->blob(ctx, at_digest(ctx, repository, file.digest), &blob, err);
    return rc < 0 ? rc : source_blobfile_write(host, ctx, &file, dest_dirfd, err);
}

/* ---- an image ------------------------------------------------------------- */

static int
image_resolve(void *self, struct tenon_ctx *ctx, const struct tenon_source_request *req,
              struct tenon_source_info *info, struct tenon_error *err)
{
    (void)self;
    const void *manifest;
    size_t len;
    struct tenon_descriptor config = { .struct_size = sizeof config };
    if (is_blob(req))
        return blob_resolve(ctx, req, info, err);
    const char *ref = reference_of(req, err);
    if (!ref)
        return TENON_E_INVALID;
    int rc = find_manifest(ctx, req, ref, &info->digest, &manifest, &len, err);
    if (rc == TENON_OK)
        rc = check_sum(req, ref, info->digest, err);
    if (rc == TENON_OK)
        rc = registry->image_config(ctx, manifest, len, &config, err);
    if (rc == TENON_OK)
        rc = registry->blob(ctx, ref, &config, err);
    if (rc == TENON_OK)
        rc = read_blob(ctx, config.digest, &info->config, &info->config_len, err);
    if (rc == TENON_OK)
        rc = registry->image_layers(ctx, manifest, len, info->config, info->config_len,
                                    &info->layers, &info->layer_count, err);
    if (rc == TENON_OK)
        rc = limit_layers(req, info, err);
    if (rc == TENON_OK)
        rc = find_attestations(ctx, req, ref, info, err);
    if (rc < 0)
        return rc;
    info->flags = TENON_SOURCE_LAYERS;
    info->cookie = host->ctx->strdup(ctx, mode_of(req));
    info->identifier = join(ctx, SCHEME, strlen(SCHEME),
                            strchr(ref, '@') ? ref : join(ctx, ref, strlen(ref), "@",
                                                          info->digest), "");
    info->key = info->layer_count > 0
                    ? registry->chain_id(ctx, info->layers, info->layer_count)
                    : config.digest;
    return TENON_OK;
}

static int
image_fetch_layer(void *self, struct tenon_ctx *ctx,
                  const struct tenon_source_request *req,
                  const struct tenon_source_info *info,
                  const struct tenon_descriptor *layer, struct tenon_error *err)
{
    (void)self;
    const char *ref = reference_of(req, err);
    if (!ref)
        return TENON_E_INVALID;
    return registry->blob(ctx, at_digest(ctx, ref, info->digest), layer, err);
}

static const char *const schemes[] = {"docker-image", "docker-image+blob", NULL};

static const struct tenon_source_ops ops = {
    .struct_size = sizeof ops,
    .schemes = schemes,
    .resolve = image_resolve,
    .fetch_layer = image_fetch_layer,
    .fetch = image_fetch,
};

static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_SOURCE),
    .threads = TENON_THREADS_PARALLEL,
    .key_policy = TENON_KEY_OPTIONS,
    .key_epoch = 1,
    .name = "image",
    .version = "1.0",
    .summary = "images from registries",
    .init = image_init,
    .ops.source = &ops,
};
TENON_PLUGIN_EXPORT(source_image, plugin);
