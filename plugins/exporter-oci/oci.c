/* exporter-oci: the image as an OCI layout, one archive or a directory. */
#include <tenon-plugin.h>

#include "common/export/layout.h"
#include "common/export/names.h"

static const struct tenon_host *host;

static const struct tenon_param options[] = {
    { .name = "dest", .help = "file (tar=true) or directory to write, - for standard output",
      .type = TENON_TYPE_HOST_PATH },
    { .name = "tar", .help = "one archive instead of a directory",
      .type = TENON_TYPE_BOOL, .def = "true" },
    TENON_IMAGE_PARAMS,
    { .name = NULL },
};

static int
oci_init(const struct tenon_host *h, const struct tenon_values *config, void **self,
         struct tenon_error *err)
{
    (void)config, (void)self, (void)err;
    host = h;
    return TENON_OK;
}

static int
oci_check(void *self, struct tenon_ctx *ctx, const struct tenon_values *opt,
          uint64_t platforms, struct tenon_error *err)
{
    (void)self, (void)platforms;
    return export_layout_check(host, ctx, opt, "oci", false, err);
}

static int
oci_write(void *self, struct tenon_ctx *ctx, const struct tenon_values *opt,
          struct tenon_result *r, struct tenon_error *err)
{
    (void)self;
    const char *dest = host->values->get_string(opt, "dest");
    const char *const *names = export_names(host, ctx, opt, r, err);
    if (!names)
        return host->error->context(err, "output type oci");
    struct tenon_image image = { .struct_size = sizeof image };
    int rc = host->image->build(ctx, r, opt, &image, err);
    if (rc < 0)
        return rc;

    struct export_layout l = { .host = host, .ctx = ctx, .image = &image, .names = names };
    return export_layout_export(&l, r, dest, host->values->get_bool(opt, "tar"), err);
}

static const struct tenon_exporter_ops ops = {
    .struct_size = sizeof ops,
    .flags = TENON_EXPORTER_FILE | TENON_EXPORTER_IMAGE,
    .title = "exporting to oci image format",
    .write = oci_write,
    .check = oci_check,
};
static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_EXPORTER),
    .threads = TENON_THREADS_PARALLEL,
    .key_policy = TENON_KEY_NEUTRAL,
    .name = "oci",
    .version = "1.0",
    .summary = "an OCI image layout, as an archive or a directory",
    .options = options,
    .init = oci_init,
    .ops.exporter = &ops,
};
TENON_PLUGIN_EXPORT(exporter_oci, plugin);
