/* mount-dataset: a dataset of this machine, for one RUN step.
 *
 *   RUN --mount=type=dataset,target=/data,name=digits ./train /data
 *
 * Datasets are directories below one place (config "root"). A step may read one, and none of it
 * gets into the image; what is in it decides whether the step is taken from the cache. */
#define _GNU_SOURCE /* O_PATH */
#include <tenon-plugin.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const struct tenon_param options[] = {
    { .name = "name", .help = "which dataset", .type = TENON_TYPE_STRING,
      .flags = TENON_PARAM_REQUIRED },
    { .name = "key", .help = "a change of what runs the step again: all files, or the file VERSION",
      .type = TENON_TYPE_CHOICE, .choices = "content|version", .def = "content" },
    { .name = NULL },
};

/* {"plugins": {"mount-dataset": {"root": "/data/sets"}}} */
static const struct tenon_param config[] = {
    { .name = "root", .help = "the directory that the datasets are in",
      .type = TENON_TYPE_HOST_PATH, .def = "/srv/datasets" },
    { .name = NULL },
};

static const struct tenon_host *host;
static const char *root; /* of the configuration: good until fini */

static int
dataset_init(const struct tenon_host *h, const struct tenon_values *values, void **self,
             struct tenon_error *err)
{
    (void)err;
    host = h;
    root = h->values->get_string(values, "root");
    *self = NULL;
    return TENON_OK;
}

/* O_PATH descriptor of a dataset. The name comes from a build file: "../../etc" leads to "etc"
 * below the root, if to anything, since open_in resolves as in a chroot. */
static int
open_dataset(struct tenon_ctx *ctx, const struct tenon_values *values, struct tenon_error *err)
{
    const char *name = host->values->get_string(values, "name");
    if (!*name || strchr(name, '/') || *name == '.')
        return host->error->set(err, TENON_E_INVALID, 0, "\"%s\" is no name of a dataset", name);
    int top = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (top < 0) {
        host->error->set(err, TENON_E_NOT_FOUND, errno, "open the datasets' directory %s", root);
        host->error->hint(err, "tenon.json says where they are: "
                               "{\"plugins\": {\"mount-dataset\": {\"root\": \"DIR\"}}}");
        return host->error->code(err);
    }
    int fd = host->files->open_in(ctx, top, name, O_PATH | O_DIRECTORY, 0, err);
    close(top);
    return fd >= 0 ? fd : host->error->context(err, "dataset \"%s\" in %s", name, root);
}

static int
dataset_attach(void *self, struct tenon_ctx *ctx, const struct tenon_mount_request *req,
               struct tenon_mount *out, struct tenon_error *err)
{
    (void)self;
    int fd = open_dataset(ctx, req->options, err);
    if (fd < 0)
        return fd;
    out->fd = fd; /* now tenon's */
    out->flags = TENON_MOUNT_RDONLY | TENON_MOUNT_NOEXEC;
    return TENON_OK;
}

/* The name is in the key already, as all options are. What the step sees is added here; tenon asks
 * when the step is looked up and once more when it has run, so that a dataset that is changed
 * meanwhile gives no result that is kept. */
static int
dataset_cache_key(void *self, struct tenon_ctx *ctx, const struct tenon_values *values,
                  struct tenon_key *key, struct tenon_error *err)
{
    (void)self;
    int fd = open_dataset(ctx, values, err);
    if (fd < 0)
        return fd;
    const bool all = strcmp(host->values->get_string(values, "key"), "content") == 0;
    int rc = host->key->add_tree(key, "dataset", fd, all ? "." : "VERSION", err);
    close(fd);
    return rc < 0 ? host->error->context(err, "dataset \"%s\"",
                                         host->values->get_string(values, "name"))
                  : TENON_OK;
}

static const struct tenon_mount_ops ops = {
    .struct_size = sizeof ops,
    .attach = dataset_attach,
};
static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_MOUNT),
    .threads = TENON_THREADS_PARALLEL,
    .key_policy = TENON_KEY_CONTENT,
    .key_epoch = 1,
    .name = "dataset",
    .version = "1.0",
    .summary = "a directory of this machine, by its name",
    .config = config,
    .options = options,
    .init = dataset_init,
    .cache_key = dataset_cache_key,
    .ops.mount = &ops,
};
TENON_PLUGIN_EXPORT(mount_dataset, plugin);
