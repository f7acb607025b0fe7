/* exporter-image: keep the image in the store under its names; push it where
 * push=true asks for it. */
#include <string.h>
#include <tenon-plugin.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"
#include "common/export/names.h"

static const struct tenon_host *host;

static const struct tenon_param options[] = {
    { .name = "push", .help = "push to the registry of each name",
      .type = TENON_TYPE_BOOL, .def = "false" },
    { .name = "push-by-digest", .help = "push without the tag",
      .type = TENON_TYPE_BOOL, .def = "false" },
    { .name = "registry.insecure", .help = "accept any certificate, or plain http",
      .type = TENON_TYPE_BOOL, .def = "false" },
    { .name = "store", .help = "keep the image under its names in the store",
      .type = TENON_TYPE_BOOL, .def = "true" },
    { .name = "unpack", .help = "accepted; a store of tenon has layers unpacked already",
      .type = TENON_TYPE_BOOL, .def = "false" },
    TENON_IMAGE_PARAMS_INLINE("true"),
    { .name = NULL },
};

static int
image_init(const struct tenon_host *h, const struct tenon_values *config, void **self,
           struct tenon_error *err)
{
    (void)config, (void)self, (void)err;
    host = h;
    return TENON_OK;
}

static int
keep(struct tenon_ctx *ctx, const char *name, const char *digest, struct tenon_error *err)
{
    auto_free char *status = tenon_asprintf("naming to %s", name);
    host->progress->status(ctx, status, 0, 0);
    int rc = host->image->tag(ctx, name, digest, err);
    host->progress->status_done(ctx, status);
    return rc;
}

static int
push(struct tenon_ctx *ctx, const struct tenon_values *opt, const char *name,
     const char *digest, struct tenon_error *err)
{
    const struct tenon_registry_api *registry = host->extension("tenon.registry/0");
    if (!registry)
        return host->error->set(err, TENON_E_UNSUPPORTED, 0, "this tenon has no registry client");
    uint32_t flags = 0;
    if (host->values->get_bool(opt, "push-by-digest"))
        flags |= TENON_PUSH_BY_DIGEST;
    if (host->values->get_bool(opt, "registry.insecure"))
        flags |= TENON_PUSH_INSECURE;
    host->progress->status(ctx, "pushing layers", 0, 0);
    int rc = registry->push(ctx, name, digest, flags, err);
    host->progress->status_done(ctx, "pushing layers");
    return rc < 0 ? host->error->context(err, "push %s", name) : rc;
}

/* The names beside those that were given, in the store: by digest, and of what has no name. */
static int
keep_more(struct tenon_ctx *ctx, const struct tenon_values *opt, const char *const *names,
          const char *digest, struct tenon_error *err)
{
    const char *prefix = host->values->get_string(opt, "dangling-name-prefix");
    int rc = 0;
    for (size_t i = 0; rc == 0 && names[i] && host->values->get_bool(opt, "name-canonical"); i++) {
        auto_free char *canonical = tenon_asprintf("%s@%s", names[i], digest);
        rc = strchr(names[i], '@') ? 0 : keep(ctx, canonical, digest, err);
    }
    if (rc < 0 || !prefix || !*prefix ||
        (names[0] && host->values->get_bool(opt, "danging-name-empty-only")))
        return rc;
    auto_free char *dangling = tenon_asprintf("%s@%s", prefix, digest);
    const char *name = host->image->normalize(ctx, dangling, err);
    return name ? keep(ctx, name, digest, err) : host->error->code(err);
}

/* As the user wrote it: a tag after the last "/". */
static bool
has_tag(const char *name)
{
    const char *slash = strrchr(name, '/');
    const char *colon = strchr(slash ? slash : name, ':');
    const char *at = strchr(name, '@');
    return colon && (!at || colon < at);
}

/* A tag would be dropped without a word. */
static int
check_untagged(struct tenon_ctx *ctx, const struct tenon_values *opt, struct tenon_error *err)
{
    const char *const *given = export_given_names(host, ctx, opt);
    for (; *given; given++) {
        if (!has_tag(*given))
            continue;
        host->error->set(err, TENON_E_INVALID, 0, "can't push tagged ref %s by digest", *given);
        host->error->hint(err, "leave out the tag, or push-by-digest=true");
        return TENON_E_INVALID;
    }
    return TENON_OK;
}

static int
image_check(void *self, struct tenon_ctx *ctx, const struct tenon_values *opt,
            uint64_t platforms, struct tenon_error *err)
{
    (void)self, (void)platforms;
    const char *const *names = export_names(host, ctx, opt, NULL, err);
    if (!names)
        return host->error->context(err, "output type image");
    if (!host->values->get_bool(opt, "push"))
        return TENON_OK;
    if (!names[0]) {
        host->error->set(err, TENON_E_INVALID, 0, "tag is needed when pushing to registry");
        host->error->hint(err, "-t NAME, or -o type=image,name=NAME,push=true");
        return TENON_E_INVALID;
    }
    return host->values->get_bool(opt, "push-by-digest") ? check_untagged(ctx, opt, err) : TENON_OK;
}

static int
image_write(void *self, struct tenon_ctx *ctx, const struct tenon_values *opt,
            struct tenon_result *r, struct tenon_error *err)
{
    (void)self;
    bool pushes = host->values->get_bool(opt, "push");
    const char *const *names = export_names(host, ctx, opt, r, err);
    if (!names)
        return host->error->context(err, "output type image");
    if (pushes && !names[0])
        return host->error->set(err, TENON_E_INVALID, 0,
                                "the frontend has given the image no name to "
                                "push it by");
    struct tenon_image image = { .struct_size = sizeof image };
    int rc = host->image->build(ctx, r, opt, &image, err);
    for (size_t i = 0; rc == 0 && names[i] && host->values->get_bool(opt, "store"); i++)
        rc = keep(ctx, names[i], image.digest, err);
    if (rc == 0 && host->values->get_bool(opt, "store"))
        rc = keep_more(ctx, opt, names, image.digest, err);
    for (size_t i = 0; rc == 0 && names[i] && pushes; i++)
        rc = push(ctx, opt, names[i], image.digest, err);
    /* BuildKit's answer: as they were given, where an archive has them whole */
    return rc < 0 ? rc
                  : export_respond(host, ctx, r, &image, export_names_as_given(host, ctx, opt, r),
                                   err);
}

static const struct tenon_exporter_ops ops = {
    .struct_size = sizeof ops,
    .flags = TENON_EXPORTER_IMAGE,
    .title = "exporting to image",
    .write = image_write,
    .check = image_check,
};
static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_EXPORTER),
    .threads = TENON_THREADS_PARALLEL,
    .key_policy = TENON_KEY_NEUTRAL,
    .name = "image",
    .version = "1.0",
    .summary = "the image in the store, pushed when asked",
    .options = options,
    .init = image_init,
    .ops.exporter = &ops,
};
TENON_PLUGIN_EXPORT(exporter_image, plugin);
