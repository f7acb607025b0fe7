/* mount-secret: give one RUN step a secret as a file, and keep it out of every
 * layer, log line and cache key. */
#include <tenon-plugin.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct tenon_host *host;

static const struct tenon_param options[] = {
    { .name = "id", .help = "which secret (--secret id=...)",
      .type = TENON_TYPE_STRING, .flags = TENON_PARAM_REQUIRED },
    { .name = "required", .help = "fail when it was not given",
      .type = TENON_TYPE_BOOL, .def = "false" },
    { .name = "mode", .help = "permission bits of the file",
      .type = TENON_TYPE_INT, .def = "0400", .max = 07777 },
    { .name = "uid", .help = "owner of the file",
      .type = TENON_TYPE_INT, .def = "0", .max = UINT32_MAX - 1 },
    { .name = "gid", .help = "group of the file",
      .type = TENON_TYPE_INT, .def = "0", .max = UINT32_MAX - 1 },
    { .name = NULL },
};

static int
secret_init(const struct tenon_host *h, const struct tenon_values *config, void **self,
            struct tenon_error *err)
{
    (void)config, (void)err;
    host = h;
    *self = NULL; /* no state: every attach stands alone */
    return TENON_OK;
}

/* 0, or an errno; EFBIG when there is too much. */
static int
copy_bytes(int from, int to)
{
    char buf[8192];
    size_t total = 0;
    int result = 0;
    while (result == 0) {
        ssize_t n = read(from, buf, sizeof buf);
        if (n == 0)
            break;
        if (n < 0) {
            result = errno == EINTR ? 0 : errno;
            continue;
        }
        total += (size_t)n;
        if (total > TENON_SECRET_MAX_BYTES)
            result = EFBIG;
        for (ssize_t done = 0; result == 0 && done < n;) {
            ssize_t w = write(to, buf + done, (size_t)(n - done));
            if (w >= 0)
                done += w;
            else if (errno != EINTR)
                result = errno;
        }
    }
    explicit_bzero(buf, sizeof buf);
    return result;
}

/* The secret as a file in memory; its descriptor, or a status. */
static int
make_file(struct tenon_ctx *ctx, int from, const struct tenon_values *v, const char *id,
          struct tenon_error *err)
{
    int dir = host->files->temp_dir(ctx, TENON_TEMP_MEMORY, NULL, err);
    if (dir < 0)
        return dir;
    int fd = openat(dir, "secret", O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return host->error->set(err, TENON_E_FAILED, errno, "make a file");
    int e = copy_bytes(from, fd);
    /* Owner first: changing it clears setuid bits. */
    if (!e && (fchown(fd, (uid_t)host->values->get_int(v, "uid"),
                      (gid_t)host->values->get_int(v, "gid")) < 0 ||
               fchmod(fd, (mode_t)host->values->get_int(v, "mode")) < 0))
        e = errno;
    close(fd);
    if (e == EFBIG)
        return host->error->set(err, TENON_E_LIMIT, 0, "secret %s too big. max size 500KB", id);
    if (e)
        return host->error->set(err, TENON_E_FAILED, e, "secret %s: copy", id);
    fd = openat(dir, "secret", O_PATH | O_NOFOLLOW | O_CLOEXEC);
    return fd >= 0 ? fd : host->error->set(err, TENON_E_FAILED, errno, "secret %s: open", id);
}

static int
secret_attach(void *self, struct tenon_ctx *ctx, const struct tenon_mount_request *req,
              struct tenon_mount *out, struct tenon_error *err)
{
    (void)self;
    const char *id = host->values->get_string(req->options, "id");
    int from = host->client->open(ctx, "secret", id, err);

    if (from == TENON_E_NOT_FOUND && !host->values->get_bool(req->options, "required")) {
        host->error->clear(err);
        out->fd = -1; /* optional and absent: nothing to mount */
        return TENON_OK;
    }
    if (from == TENON_E_NOT_FOUND) {
        host->error->set(err, TENON_E_NOT_FOUND, 0, "secret %s: not found", id);
        host->error->hint(err, "pass --secret id=%s,src=FILE", id);
        return TENON_E_NOT_FOUND;
    }
    if (from < 0)
        return host->error->context(err, "secret %s", id);
    int fd = make_file(ctx, from, req->options, id, err);
    close(from);
    if (fd < 0)
        return fd;
    out->fd = fd; /* now the core's */
    /* A mode that lets somebody execute it asks for that; with BuildKit, too. */
    bool runs = host->values->get_int(req->options, "mode") & 0111;
    out->flags = TENON_MOUNT_RDONLY | (runs ? TENON_MOUNT_NOSUID : TENON_MOUNT_NOEXEC);
    return TENON_OK;
}

static const struct tenon_mount_ops ops = {
    .struct_size = sizeof ops,
    .attach = secret_attach,
};
static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_MOUNT),
    .threads = TENON_THREADS_PARALLEL,
    .key_policy = TENON_KEY_OPTIONS, /* its id, never its bytes */
    .key_epoch = 1,
    .name = "secret",
    .version = "1.0",
    .summary = "a secret file visible to one step only",
    .options = options,
    .init = secret_init,
    .ops.mount = &ops,
};
TENON_PLUGIN_EXPORT(mount_secret, plugin);
