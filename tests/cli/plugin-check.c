/* plugin-check.c - a mount type that is good, or bad in the one way that -D names; for
 * plugin-check.sh. */
#define _GNU_SOURCE /* O_PATH */
#include <tenon-plugin.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct tenon_host *host;
void bad_second_symbol(void);
int bad_not_there(void);

static const struct tenon_param options[] = {
#ifdef BAD_DEFAULT
    {.name = "count", .help = "how many", .type = TENON_TYPE_INT, .def = "many"},
#endif
#ifdef BAD_WORD
    {.name = "target", .help = "where", .type = TENON_TYPE_STRING},
#endif
#ifdef BAD_HELP
    {.name = "count", .type = TENON_TYPE_INT},
#endif
    {.name = "name", .help = "who is greeted", .type = TENON_TYPE_STRING, .def = "world"},
    {.name = NULL},
};
static const struct tenon_param config[] = {
#ifdef BAD_REQUIRED
    {.name = "place", .help = "where", .type = TENON_TYPE_STRING, .flags = TENON_PARAM_REQUIRED},
#endif
    {.name = "greeting", .help = "the word", .type = TENON_TYPE_STRING, .def = "Hello"},
    {.name = NULL},
};

static int
bad_init(const struct tenon_host *h, const struct tenon_values *values, void **self,
         struct tenon_error *err)
{
    host = h;
    *self = NULL;
    (void)err;
#ifdef BAD_CONFIG
    if (!*h->values->get_string(values, "greeting"))
        abort();
#else
    (void)values;
#endif
#ifdef BAD_EXIT
    exit(0);
#endif
#ifdef BAD_SIGNAL
    signal(SIGCHLD, SIG_IGN);
#endif
#ifdef BAD_DIRECTORY
    if (chdir("/") < 0)
        return h->error->set(err, TENON_E_FAILED, errno, "chdir");
#endif
    return TENON_OK;
}

static int
bad_attach(void *self, struct tenon_ctx *ctx, const struct tenon_mount_request *req,
           struct tenon_mount *out, struct tenon_error *err)
{
    const char *name = host->values->get_string(req->options, "name");
    (void)self, (void)name;
#ifdef BAD_CRASH
    *(volatile int *)(uintptr_t)16 = 1;
#endif
#ifdef BAD_HANG
    for (;;)
        pause();
#endif
#ifdef BAD_DEAF
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    for (;;)
        pause();
#endif
#ifdef BAD_SLOW
    if (!strcmp(name, "world"))
        usleep(150000);
#endif
#ifdef BAD_STRAY
    for (int stray = 3; stray < 1 << 16; stray++)
        (void)!write(stray, "x\0\0", 3);
#endif
#ifdef BAD_POSITIVE
    return 7;
#endif
#ifdef BAD_SILENT
    return TENON_E_FAILED;
#endif
#ifdef BAD_PRINT
    puts("attached");
    fflush(stdout);
#endif
#ifdef BAD_LEAK
    (void)!open("/dev/null", O_RDONLY | O_CLOEXEC);
#endif
#ifdef BAD_LEAK_CANCELLED
    if (host->ctx->cancelled(ctx))
        (void)!open("/dev/null", O_RDONLY | O_CLOEXEC);
#endif
#ifdef BAD_LEAK_OPTION
    if (strchr(name, '\n'))
        (void)!open("/dev/null", O_RDONLY | O_CLOEXEC);
#endif
#ifdef BAD_OPTION
    if (strchr(name, '\n'))
        abort();
#endif
#ifdef BAD_UNDECLARED
    host->values->get_string(req->options, "nmae");
#endif
#ifdef BAD_SYMBOL
    if (*name == '?')
        return bad_not_there();
#endif
#ifdef BAD_CANCELLED
    if (host->ctx->cancelled(ctx))
        return TENON_E_CANCELLED;
#endif
    const char *dir;
    int at = host->files->temp_dir(ctx, 0, &dir, err);
#ifdef BAD_FAULT
    if (at < 0)
        raise(SIGSEGV);
#endif
#ifdef BAD_LEAK_FAULT
    if (at < 0)
        (void)!open("/dev/null", O_RDONLY | O_CLOEXEC);
#endif
#ifdef BAD_LEAK_PARALLEL
    static _Atomic int inside;
    if (inside++)
        (void)!open("/dev/null", O_RDONLY | O_CLOEXEC);
    usleep(1000);
    inside--;
#endif
#ifdef BAD_LEFT
    if (at >= 0)
        raise(SIGKILL);
#endif
    if (at < 0)
        return at;
    int fd = openat(at, "greeting", O_WRONLY | O_CREAT | O_CLOEXEC, 0444);
    if (fd < 0)
        return host->error->set(err, TENON_E_FAILED, errno, "make a file");
    close(fd);
    int more = O_CLOEXEC;
#ifdef BAD_INHERITED
    more = 0;
#endif
    out->fd = openat(at, "greeting", O_PATH | more);
    return TENON_OK;
}

#ifdef BAD_EXPORTS
TENON_EXPORT void
bad_second_symbol(void)
{
}
#endif

static const struct tenon_mount_ops ops = {.struct_size = sizeof ops, .attach = bad_attach};
static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_MOUNT),
    .threads = TENON_THREADS_PARALLEL,
#ifndef BAD_POLICY
    .key_policy = TENON_KEY_OPTIONS,
#endif
    .key_epoch = 1,
    .name = "bad",
    .version = "1.0",
    .summary = "a file with a greeting",
    .options = options,
    .config = config,
    .init = bad_init,
    .ops.mount = &ops,
};
TENON_PLUGIN_EXPORT(mount_bad, plugin);
