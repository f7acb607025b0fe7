/* mount-bind: a tree, or a part of one, from another stage, an image or the
 * build context.  The core has mounted the input already, writable over a
 * throw-away layer when the step asked for it; what is left is to pick the part. */
#include <tenon-plugin.h>

#include <errno.h>
#include <fcntl.h>

static const struct tenon_host *host;

static int
bind_init(const struct tenon_host *h, const struct tenon_values *config, void **self,
          struct tenon_error *err)
{
    (void)config, (void)err;
    host = h;
    *self = NULL;
    return TENON_OK;
}

static int
bind_attach(void *self, struct tenon_ctx *ctx, const struct tenon_mount_request *req,
            struct tenon_mount *out, struct tenon_error *err)
{
    (void)self;
    if (req->input_fd < 0)
        return host->error->set(err, TENON_E_BUG, 0, "bind mount %s: no input", req->target);
    const char *what = req->selector ? req->selector : "/";
    int fd = host->files->open_in(ctx, req->input_fd, what, O_PATH, 0, err);
    if (fd < 0)
        return host->error->context(err, "bind mount %s: source \"%s\"", req->target, what);
    out->fd = fd;
    out->flags = req->flags & TENON_MOUNT_RDONLY;
    return TENON_OK;
}

static const struct tenon_mount_ops ops = {
    .struct_size = sizeof ops,
    .attach = bind_attach,
};
static const struct tenon_param options[] = { { .name = NULL } };
static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_MOUNT),
    .threads = TENON_THREADS_PARALLEL,
    .key_policy = TENON_KEY_NEUTRAL, /* its input is keyed by the core */
    .key_epoch = 1,
    .name = "bind",
    .version = "1.0",
    .summary = "files of a stage, an image or the build context",
    .options = options,
    .init = bind_init,
    .ops.mount = &ops,
};
TENON_PLUGIN_EXPORT(mount_bind, plugin);
