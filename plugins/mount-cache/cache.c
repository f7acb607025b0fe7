/* mount-cache: a directory that outlives the build, for what compilers and
 * package managers keep.  The store has the directories and the locks. */
#include <tenon-plugin.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct tenon_host *host;

static const struct tenon_param options[] = {
    { .name = "id", .help = "name of the cache", .type = TENON_TYPE_STRING,
      .flags = TENON_PARAM_REQUIRED | TENON_PARAM_NOT_IN_KEY },
    { .name = "sharing", .help = "what steps that run at the same time get",
      .type = TENON_TYPE_CHOICE, .choices = "shared|private|locked", .def = "shared",
      .flags = TENON_PARAM_NOT_IN_KEY },
    { .name = NULL },
};

static int
cache_init(const struct tenon_host *h, const struct tenon_values *config, void **self,
           struct tenon_error *err)
{
    (void)config, (void)err;
    host = h;
    *self = NULL;
    return TENON_OK;
}

static int
cache_attach(void *self, struct tenon_ctx *ctx, const struct tenon_mount_request *req,
             struct tenon_mount *out, struct tenon_error *err)
{
    (void)self;
    const char *id = host->values->get_string(req->options, "id");
    struct stat st = { .st_mode = 0755 };
    int seed = -1;

    /* What a new cache starts with; owner and mode (mode=, uid=, gid=) are
     * those of the seed's own directory. */
    if (req->input_fd >= 0) {
        seed = host->files->open_in(ctx, req->input_fd, req->selector ? req->selector : "/",
                                    O_RDONLY | O_DIRECTORY, 0, err);
        if (seed < 0)
            return host->error->context(err, "cache \"%s\": source", id);
        if (fstat(seed, &st) < 0) {
            int saved = errno;
            close(seed);
            return host->error->set(err, TENON_E_FAILED, saved, "cache \"%s\"", id);
        }
    }
    int fd = host->files->cache_dir(ctx, id, host->values->get_string(req->options, "sharing"),
                                    seed, st.st_mode & 07777, st.st_uid, st.st_gid, err);
    if (seed >= 0)
        close(seed);
    if (fd < 0)
        return host->error->context(err, "cache \"%s\"", id);
    if (req->input_fd < 0 && req->selector) {
        /* A part of the cache itself, which other steps may be changing: what was
         * opened is mounted, even if its name now leads elsewhere. */
        int part = host->files->open_in(ctx, fd, req->selector, O_PATH, 0, err);
        close(fd);
        if (part < 0)
            return host->error->context(err, "cache \"%s\": source", id);
        fd = part;
    }
    out->fd = fd;
    out->flags = req->flags & TENON_MOUNT_RDONLY;
    return TENON_OK;
}

static const struct tenon_mount_ops ops = {
    .struct_size = sizeof ops,
    .attach = cache_attach,
};
static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_MOUNT),
    .threads = TENON_THREADS_PARALLEL,
    .key_policy = TENON_KEY_OPTIONS,
    .key_epoch = 1,
    .name = "cache",
    .version = "1.0",
    .summary = "a directory kept between builds, never in the image",
    .options = options,
    .init = cache_init,
    .ops.mount = &ops,
};
TENON_PLUGIN_EXPORT(mount_cache, plugin);
