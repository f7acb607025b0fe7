/* cache-registry: a cache under a name in a registry. Also reads what an image's config holds of
 * a cache (type=inline), since that lies in the same place. */
#include <string.h>

#include <tenon-plugin.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"

static const struct tenon_host *host;
static const struct tenon_registry_api *registry;

static const struct tenon_param options[] = {
    { .name = "ref", .help = "name of the cache in its registry", .type = TENON_TYPE_STRING },
    { .name = "registry.insecure", .help = "accept any certificate, or plain http",
      .type = TENON_TYPE_BOOL, .def = "false" },
    { .name = "image-manifest", .help = "false: an index of its blobs, for old readers",
      .type = TENON_TYPE_BOOL, .def = "true" },
    { .name = "oci-mediatypes", .help = "accepted; its types are OCI's",
      .type = TENON_TYPE_BOOL, .def = "true" },
    TENON_CACHE_PARAMS,
    { .name = NULL },
};

static int
registry_init(const struct tenon_host *h, const struct tenon_values *config, void **self,
              struct tenon_error *err)
{
    (void)config;
    host = h;
    registry = host->extension("tenon.registry/0");
    *self = NULL; /* no state: each call stands alone */
    if (!registry || !TENON_HAS(struct tenon_registry_api, registry, push_blob))
        return host->error->set(err, TENON_E_UNSUPPORTED, 0, "this tenon has no registry client");
    return TENON_OK;
}

/* The name in full, or NULL. */
static const char *
name_of(struct tenon_ctx *ctx, const struct tenon_values *opt, const char *flag,
        struct tenon_error *err)
{
    const char *ref = host->values->get_string(opt, "ref");
    if (!ref || !*ref) {
        host->error->set(err, TENON_E_INVALID, 0, "cache type registry: ref is missing");
        host->error->hint(err, "--%s type=registry,ref=HOST/REPOSITORY:TAG", flag);
        return NULL;
    }
    const char *name = host->image->normalize(ctx, ref, err);
    if (!name)
        host->error->context(err, "cache type registry");
    return name;
}

static uint32_t
flags_of(const struct tenon_values *opt)
{
    return host->values->get_bool(opt, "registry.insecure") ? TENON_PULL_INSECURE : 0;
}

/* ---- import ---------------------------------------------------------------------- */

static int
registry_check_load(void *self, struct tenon_ctx *ctx, const struct tenon_values *opt,
                    struct tenon_error *err)
{
    (void)self;
    return name_of(ctx, opt, "cache-from", err) ? TENON_OK : host->error->code(err);
}

static int
registry_load(void *self, struct tenon_ctx *ctx, const struct tenon_values *opt,
              const void **data, size_t *len, struct tenon_error *err)
{
    (void)self;
    struct tenon_descriptor desc = { .struct_size = sizeof desc };
    const char *name = name_of(ctx, opt, "cache-from", err);
    if (!name)
        return host->error->code(err);
    return registry->pull_manifest(ctx, name, flags_of(opt), &desc, data, len, err);
}

static bool
is_manifest(const char *media_type)
{
    static const char oci[] = "application/vnd.oci.image.manifest.v1+json",
                      docker[] = "application/vnd.docker.distribution.manifest.v2+json";
    return media_type && (!strcmp(media_type, oci) || !strcmp(media_type, docker));
}

static int
registry_fetch(void *self, struct tenon_ctx *ctx, const struct tenon_values *opt,
               const struct tenon_descriptor *blob, struct tenon_error *err)
{
    (void)self;
    struct tenon_descriptor desc = { .struct_size = sizeof desc };
    const void *data;
    size_t len;
    const char *name = name_of(ctx, opt, "cache-from", err);
    if (!name)
        return host->error->code(err);
    if (!is_manifest(blob->media_type))
        return registry->pull_blob(ctx, name, flags_of(opt), blob, err);
    /* Manifests lie elsewhere in a registry than blobs. */
    size_t repository = strcspn(name, "@");
    auto_free char *one = tenon_asprintf("%.*s@%s", (int)repository, name, blob->digest);
    return registry->pull_manifest(ctx, one, flags_of(opt), &desc, &data, &len, err);
}

/* ---- export ---------------------------------------------------------------------- */

static int
registry_check_save(void *self, struct tenon_ctx *ctx, const struct tenon_values *opt,
                    struct tenon_error *err)
{
    (void)self;
    return name_of(ctx, opt, "cache-to", err) ? TENON_OK : host->error->code(err);
}

static int
registry_save(void *self, struct tenon_ctx *ctx, const struct tenon_values *opt,
              const struct tenon_descriptor *manifest, struct tenon_error *err)
{
    (void)self;
    const char *name = name_of(ctx, opt, "cache-to", err);
    if (!name)
        return host->error->code(err);
    auto_free char *writing = tenon_asprintf("writing cache image manifest %s", manifest->digest);
    host->progress->status(ctx, writing, 0, 0);
    int rc = registry->push(ctx, name, manifest->digest, flags_of(opt), err);
    host->progress->status_done(ctx, writing);
    return rc < 0 ? host->error->context(err, "push %s", name) : TENON_OK;
}

static int
registry_send(void *self, struct tenon_ctx *ctx, const struct tenon_values *opt,
              const struct tenon_descriptor *blob, struct tenon_error *err)
{
    (void)self;
    const char *name = name_of(ctx, opt, "cache-to", err);
    return name ? registry->push_blob(ctx, name, flags_of(opt), blob, err)
                : host->error->code(err);
}

static const struct tenon_cache_ops ops = {
    .struct_size = sizeof ops,
    .title = "exporting cache to registry",
    .load = registry_load,
    .fetch = registry_fetch,
    .save = registry_save,
    .check_save = registry_check_save,
    .check_load = registry_check_load,
    .send = registry_send,
};
static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_CACHE),
    .threads = TENON_THREADS_PARALLEL,
    .key_policy = TENON_KEY_NEUTRAL,
    .name = "registry",
    .version = "1.0",
    .summary = "a build cache under a name in a registry",
    .options = options,
    .init = registry_init,
    .ops.cache = &ops,
};
TENON_PLUGIN_EXPORT(cache_registry, plugin);
