/* exporter-squashfs: a result as a file system that can be mounted, made by mksquashfs.
 *
 *   tenon build -o type=squashfs,dest=root.squashfs .
 *   mount -t squashfs -o loop root.squashfs /mnt
 */
#define _GNU_SOURCE
#include <tenon-plugin.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct tenon_param options[] = {
    { .name = "dest", .help = "the file; - is standard output", .type = TENON_TYPE_HOST_PATH,
      .flags = TENON_PARAM_REQUIRED },
    { .name = "compression", .help = "of blocks", .type = TENON_TYPE_CHOICE, .def = "gzip",
      .choices = "gzip|lz4|lzo|xz|zstd" },
    { .name = "block-size", .help = "of files", .type = TENON_TYPE_SIZE, .def = "128k",
      .min = 4096, .max = 1 << 20 },
    { .name = "source-date-epoch", .help = "seconds since 1970; time of all files",
      .type = TENON_TYPE_STRING },
    { .name = NULL },
};

/* {"plugins": {"exporter-squashfs": {"program": "/opt/bin/mksquashfs"}}} */
static const struct tenon_param config[] = {
    { .name = "program", .help = "mksquashfs", .type = TENON_TYPE_STRING,
      .def = "/usr/bin/mksquashfs" },
    { .name = NULL },
};

static const struct tenon_host *host;
static const struct tenon_process_api *process;
static const char *program; /* of the configuration: good until fini */

static int
squashfs_init(const struct tenon_host *h, const struct tenon_values *values, void **self,
              struct tenon_error *err)
{
    host = h;
    process = h->extension("tenon.process/0");
    if (!process)
        return h->error->set(err, TENON_E_UNSUPPORTED, 0, "this tenon runs no programs of plugins");
    program = h->values->get_string(values, "program");
    *self = NULL;
    return TENON_OK;
}

/* What would fail after hours is told before the first step. */
static int
squashfs_check(void *self, struct tenon_ctx *ctx, const struct tenon_values *values,
               uint64_t platforms, struct tenon_error *err)
{
    const int64_t block = host->values->get_int(values, "block-size");
    const char *epoch = host->values->get_string(values, "source-date-epoch");
    (void)self;
    if (platforms > 1)
        return host->error->set(err, TENON_E_INVALID, 0,
                                "one file system has one platform, not %u", (unsigned)platforms);
    if (block & (block - 1))
        return host->error->set(err, TENON_E_INVALID, 0,
                                "block-size: %lld is no power of two", (long long)block);
    if (epoch && (!*epoch || strspn(epoch, "0123456789") != strlen(epoch)))
        return host->error->set(err, TENON_E_INVALID, 0,
                                "source-date-epoch: \"%s\" are no seconds", epoch);
    /* A path that is not absolute would be another program in another directory. */
    if (*program != '/')
        return host->error->set(err, TENON_E_INVALID, 0,
                                "the program \"%s\" in tenon.json is no absolute path", program);
    if (!process->find(ctx, program, NULL, err)) {
        host->error->clear(err);
        host->error->set(err, TENON_E_INVALID, 0, "squashfs is made by %s, which is not there",
                         program);
        host->error->hint(err, "install squashfs-tools, or say where it is: "
                               "{\"plugins\": {\"exporter-squashfs\": {\"program\": \"PATH\"}}}");
        return TENON_E_INVALID;
    }
    return host->sink->check(ctx, host->values->get_string(values, "dest"), TENON_SINK_FILE, err);
}

/* mksquashfs wants a file that it can seek in; the destination may be a pipe. */
static int
copy(struct tenon_ctx *ctx, int from, int to, struct tenon_error *err)
{
    static const char line[] = "writing file system";
    char *buf = host->ctx->alloc(ctx, 1 << 20);
    int64_t done = 0;
    struct stat st;
    if (fstat(from, &st) < 0)
        return host->error->set(err, TENON_E_FAILED, errno, "look at the file system");
    for (ssize_t n; (n = read(from, buf, 1 << 20)) != 0;) {
        if (n < 0)
            return host->error->set(err, TENON_E_FAILED, errno, "read the file system");
        if (host->ctx->cancelled(ctx))
            return host->error->set(err, TENON_E_CANCELLED, 0, "cancelled");
        for (ssize_t at = 0, w; at < n; at += w)
            if ((w = write(to, buf + at, (size_t)(n - at))) < 0) {
                if (errno != EINTR)
                    return host->error->set(err, TENON_E_FAILED, errno, "write");
                w = 0;
            }
        done += n;
        host->progress->status(ctx, line, done, st.st_size);
    }
    host->progress->status_done(ctx, line);
    return TENON_OK;
}

static int
make(struct tenon_ctx *ctx, const struct tenon_values *values, int tree, const char *file,
     struct tenon_error *err)
{
    static const char *const env[] = { "PATH=/usr/bin:/bin", "LC_ALL=C", NULL };
    const char *epoch = host->values->get_string(values, "source-date-epoch");
    char block[24];
    const char *args[20] = { program, "/proc/self/fd/3/.", file, "-noappend", "-no-progress",
                             "-quiet" };
    size_t n = 6;
    snprintf(block, sizeof block, "%lld", (long long)host->values->get_int(values, "block-size"));
    args[n++] = "-comp";
    args[n++] = host->values->get_string(values, "compression");
    args[n++] = "-b";
    args[n++] = block;
    args[n++] = "-mkfs-time"; /* the time of making it would be another one each time */
    args[n++] = epoch ? epoch : "0";
    if (epoch) {
        args[n++] = "-all-time";
        args[n++] = epoch;
    }
    const struct tenon_program_fd fd = { .fd = tree, .as = 3 };
    const struct tenon_program p = { .struct_size = sizeof p, .argv = args, .env = env,
                                     .fds = &fd, .fd_count = 1 };
    return process->run(ctx, &p, NULL, err);
}

static int
squashfs_write(void *self, struct tenon_ctx *ctx, const struct tenon_values *values,
               struct tenon_result *result, struct tenon_error *err)
{
    const char *dir = NULL;
    char *file = NULL;
    (void)self;
    int tree = host->result->tree(ctx, result, 0, err); /* tenon's */
    int temp = tree < 0 ? tree : host->files->temp_dir(ctx, 0, &dir, err);
    if (temp < 0)
        return temp;
    if (asprintf(&file, "%s/root.squashfs", dir) < 0)
        return host->error->set(err, TENON_E_NOMEM, 0, "out of memory");
    int rc = make(ctx, values, tree, file, err);
    free(file);
    if (rc < 0)
        return rc;

    int from = openat(temp, "root.squashfs", O_RDONLY | O_CLOEXEC);
    if (from < 0)
        return host->error->set(err, TENON_E_FAILED, errno, "%s made no file", program);
    int to = host->sink->open(ctx, host->values->get_string(values, "dest"), err);
    rc = to < 0 ? to : copy(ctx, from, to, err);
    close(from);
    return rc < 0 ? rc : host->sink->commit(ctx, to, err); /* now it is there, whole */
}

static const struct tenon_exporter_ops ops = {
    .struct_size = sizeof ops,
    .flags = TENON_EXPORTER_FILE,
    .title = "exporting to squashfs",
    .write = squashfs_write,
    .check = squashfs_check,
};
static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_EXPORTER),
    .threads = TENON_THREADS_PARALLEL,
    .name = "squashfs",
    .version = "1.0",
    .summary = "a file system that can be mounted",
    .config = config,
    .options = options,
    .init = squashfs_init,
    .ops.exporter = &ops,
};
TENON_PLUGIN_EXPORT(exporter_squashfs, plugin);
