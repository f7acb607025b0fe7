/* mount-hello: a file with a greeting, for one RUN step.
 *
 *   RUN --mount=type=hello,target=/greeting,name=Ada cat /greeting
 *
 * The whole of a mount type; copy it and change what make_file() writes. */
#include <tenon-plugin.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct tenon_host *host;

/* What may stand behind type=hello; the core parses and checks it. */
static const struct tenon_param options[] = {
    { .name = "name", .help = "who is greeted",
      .type = TENON_TYPE_STRING, .def = "world" },
    { .name = "loud", .help = "with an exclamation mark",
      .type = TENON_TYPE_BOOL, .def = "false" },
    { .name = NULL },
};

/* What may stand in tenon.json: {"plugins": {"mount-hello": {"greeting": "Hi"}}} */
static const struct tenon_param config[] = {
    { .name = "greeting", .help = "the word in front of the name",
      .type = TENON_TYPE_STRING, .def = "Hello" },
    { .name = NULL },
};

struct hello {
    const char *greeting; /* lives as long as the configuration: until fini */
};
static struct hello instance;

static int
hello_init(const struct tenon_host *h, const struct tenon_values *values, void **self,
           struct tenon_error *err)
{
    (void)err;
    host = h;
    instance.greeting = h->values->get_string(values, "greeting");
    *self = &instance;
    return TENON_OK;
}

/* The file lies in a directory that ends with the step. */
static int
make_file(const struct hello *hello, struct tenon_ctx *ctx, const struct tenon_values *v,
          struct tenon_error *err)
{
    int dir = host->files->temp_dir(ctx, TENON_TEMP_MEMORY, NULL, err);
    if (dir < 0)
        return dir;
    int fd = openat(dir, "greeting", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
    if (fd < 0)
        return host->error->set(err, TENON_E_FAILED, errno, "make a file");
    int failed = dprintf(fd, "%s, %s%s\n", hello->greeting, host->values->get_string(v, "name"),
                         host->values->get_bool(v, "loud") ? "!" : "") < 0;
    failed |= fchmod(fd, 0444) < 0; /* whatever the umask is */
    if (failed) {
        int sys = errno;
        close(fd);
        return host->error->set(err, TENON_E_FAILED, sys, "write the greeting");
    }
    close(fd);
    fd = openat(dir, "greeting", O_PATH | O_NOFOLLOW | O_CLOEXEC);
    return fd >= 0 ? fd : host->error->set(err, TENON_E_FAILED, errno, "open the greeting");
}

static int
hello_attach(void *self, struct tenon_ctx *ctx, const struct tenon_mount_request *req,
             struct tenon_mount *out, struct tenon_error *err)
{
    int fd = make_file(self, ctx, req->options, err);
    if (fd < 0)
        return host->error->context(err, "greeting at %s", req->target);
    out->fd = fd; /* now the core's */
    out->flags = TENON_MOUNT_RDONLY | TENON_MOUNT_NOEXEC;
    return TENON_OK;
}

/* The configuration changes what a step sees, so it belongs into its key; the
 * options are in it already. */
static int
hello_cache_key(void *self, struct tenon_ctx *ctx, const struct tenon_values *values,
                struct tenon_key *key, struct tenon_error *err)
{
    (void)ctx, (void)values, (void)err;
    const struct hello *hello = self;
    size_t len = 0;
    while (hello->greeting[len])
        len++;
    host->key->add(key, "greeting", hello->greeting, len);
    return TENON_OK;
}

static const struct tenon_mount_ops ops = {
    .struct_size = sizeof ops,
    .attach = hello_attach,
};
static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_MOUNT),
    .threads = TENON_THREADS_PARALLEL,
    .key_policy = TENON_KEY_CONTENT,
    .key_epoch = 1,
    .name = "hello",
    .version = "1.0",
    .summary = "a file with a greeting",
    .config = config,
    .options = options,
    .init = hello_init,
    .cache_key = hello_cache_key,
    .ops.mount = &ops,
};
TENON_PLUGIN_EXPORT(mount_hello, plugin);
