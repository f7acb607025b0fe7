/* exporter-docker: an archive that `docker load` takes, or that is loaded at once: an OCI layout
 * that carries docker's manifest.json too.  One platform only, as docker has it. */
#include <json-c/json.h>
#include <string.h>
#include <tenon-plugin.h>

#include "tools/alloc.h"
#include "tools/buf.h"
#include "tools/jsontext.h"
#include "common/export/layout.h"
#include "common/export/walk.h"
#include "common/export/names.h"

static const struct tenon_host *host;

static const struct tenon_param options[] = {
    { .name = "dest", .help = "archive to write, - for standard output; none: it is loaded",
      .type = TENON_TYPE_HOST_PATH },
    { .name = "tar", .help = "one archive instead of a directory",
      .type = TENON_TYPE_BOOL, .def = "true" },
    TENON_IMAGE_PARAMS,
    { .name = NULL },
};

static int
docker_init(const struct tenon_host *h, const struct tenon_values *config, void **self,
            struct tenon_error *err)
{
    (void)config, (void)self, (void)err;
    host = h;
    return TENON_OK;
}

struct parts { /* what manifest.json lists */
    struct json_object *layers;
    char config[200];
};

static int
sort_part(void *data, const struct tenon_descriptor *d, struct tenon_error *err)
{
    struct parts *p = data;
    (void)err;
    auto_free char *path = tenon_asprintf("blobs/sha256/%s", strchr(d->digest, ':') + 1);
    if (strstr(d->media_type, "config") || strstr(d->media_type, "container.image"))
        snprintf(p->config, sizeof p->config, "%s", path);
    else if (strstr(d->media_type, "layer") || strstr(d->media_type, "rootfs"))
        json_object_array_add(p->layers, json_object_new_string(path));
    return TENON_OK;
}

/* Docker prints and takes familiar names. */
static const char *
familiar(const char *name)
{
    if (!strncmp(name, "docker.io/library/", 18))
        return name + 18;
    return !strncmp(name, "docker.io/", 10) ? name + 10 : name;
}

static int
docker_manifest(struct tenon_ctx *ctx, const struct tenon_image *image,
                const char *const *names, struct tenon_buf *out, struct tenon_error *err)
{
    struct parts p = { .layers = json_object_new_array() };
    /* Null when there are none, as in BuildKit's archives. */
    struct json_object *tags = *names ? json_object_new_array() : NULL;
    int rc = host->image->walk(ctx, image->digest, sort_part, &p, err);
    for (; *names; names++)
        json_object_array_add(tags, json_object_new_string(familiar(*names)));

    struct json_object *one = json_object_new_object();
    json_object_object_add(one, "Config", json_object_new_string(p.config));
    json_object_object_add(one, "RepoTags", tags);
    json_object_object_add(one, "Layers", p.layers);
    struct json_object *list = json_object_new_array();
    json_object_array_add(list, one);
    tenon_json_write(out, list, true);
    json_object_put(list);
    return rc;
}

static int
one_only(struct tenon_error *err)
{
    host->error->set(err, TENON_E_INVALID, 0,
                     "docker exporter does not currently support exporting manifest lists");
    host->error->hint(err, "-o type=oci keeps several platforms, and attestations");
    return TENON_E_INVALID;
}

static int
docker_check(void *self, struct tenon_ctx *ctx, const struct tenon_values *opt,
             uint64_t platforms, struct tenon_error *err)
{
    (void)self;
    return platforms > 1 ? one_only(err)
                         : export_layout_check(host, ctx, opt, "docker", true, err);
}

static int
docker_write(void *self, struct tenon_ctx *ctx, const struct tenon_values *opt,
             struct tenon_result *r, struct tenon_error *err)
{
    (void)self;
    const char *dest = host->values->get_string(opt, "dest");
    if (export_several(host, r))
        return one_only(err);
    const char *const *names = export_names(host, ctx, opt, r, err);
    if (!names)
        return host->error->context(err, "output type docker");
    struct tenon_image image = { .struct_size = sizeof image };
    int rc = host->image->build(ctx, r, opt, &image, err);
    if (rc == 0 && image.is_index)
        rc = one_only(err); /* it is attested */
    if (rc < 0)
        return rc;
    auto_buf struct tenon_buf manifest = TENON_BUF_INIT;
    rc = docker_manifest(ctx, &image, names, &manifest, err);
    if (rc < 0)
        return rc;
    struct export_layout l = {
        .host = host, .ctx = ctx, .image = &image, .names = names,
        .extra_name = "manifest.json", .extra = manifest.data, .extra_len = manifest.len,
    };
    return export_layout_export(&l, r, dest, host->values->get_bool(opt, "tar"), err);
}

static const struct tenon_exporter_ops ops = {
    .struct_size = sizeof ops,
    .flags = TENON_EXPORTER_FILE | TENON_EXPORTER_IMAGE,
    .title = "exporting to docker image format",
    .write = docker_write,
    .check = docker_check,
};
static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_EXPORTER),
    .threads = TENON_THREADS_PARALLEL,
    .key_policy = TENON_KEY_NEUTRAL,
    .name = "docker",
    .version = "1.0",
    .summary = "an archive for docker load",
    .options = options,
    .init = docker_init,
    .ops.exporter = &ops,
};
TENON_PLUGIN_EXPORT(exporter_docker, plugin);
