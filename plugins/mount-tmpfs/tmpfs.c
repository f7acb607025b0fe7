/* mount-tmpfs: memory that is gone after the step. */
#include <tenon-plugin.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct tenon_host *host;

static const struct tenon_param options[] = {
    { .name = "size", .help = "upper limit; half of the memory unless set",
      .type = TENON_TYPE_SIZE, .def = "0" },
    { .name = NULL },
};

static int
tmpfs_init(const struct tenon_host *h, const struct tenon_values *config, void **self,
           struct tenon_error *err)
{
    (void)config, (void)err;
    host = h;
    *self = NULL;
    return TENON_OK;
}

static int
configure(int fs, int64_t size_bytes)
{
    char text[32];
    if (size_bytes > 0) {
        snprintf(text, sizeof text, "%lld", (long long)size_bytes);
        if (syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "size", text, 0) < 0)
            return -1;
    }
    return (int)syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
}

static int
tmpfs_attach(void *self, struct tenon_ctx *ctx, const struct tenon_mount_request *req,
             struct tenon_mount *out, struct tenon_error *err)
{
    (void)self, (void)ctx;
    int fs = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
    if (fs < 0)
        return host->error->set(err, TENON_E_UNSUPPORTED, errno, "tmpfs mount %s: fsopen",
                                req->target);
    int fd = -1;
    if (configure(fs, host->values->get_int(req->options, "size")) == 0)
        fd = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID);
    int saved = errno;
    close(fs);
    if (fd < 0)
        return host->error->set(err, TENON_E_FAILED, saved, "tmpfs mount %s", req->target);
    out->fd = fd; /* a mount that the core attaches */
    out->flags = req->flags & TENON_MOUNT_RDONLY;
    return TENON_OK;
}

static const struct tenon_mount_ops ops = {
    .struct_size = sizeof ops,
    .attach = tmpfs_attach,
};
static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_MOUNT),
    .threads = TENON_THREADS_PARALLEL,
    .key_policy = TENON_KEY_OPTIONS,
    .key_epoch = 1,
    .name = "tmpfs",
    .version = "1.0",
    .summary = "an empty file system in memory",
    .options = options,
    .init = tmpfs_init,
    .ops.mount = &ops,
};
TENON_PLUGIN_EXPORT(mount_tmpfs, plugin);
