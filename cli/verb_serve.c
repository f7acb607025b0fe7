/* cli/verb_serve.c - tenon serve: BuildKit's control API, for its clients. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "cli.h"
#include "context/engine.h"
#include "registry/libcurl.h"
#include "serve.h"
#include "tools/alloc.h"
#include "tools/parse.h"
#include "tools/path.h"

static const char help[] =
    "Usage: PROGRAM serve [OPTIONS]\n"
    "\n"
    "Serve BuildKit's control API: buildx and buildctl build here.  Whoever may\n"
    "connect has the powers of the user that serves: for root, root's.\n"
    "\n"
    "Options:\n"
    "      --addr ADDRESS      unix://PATH (default: /run/tenon/tenon.sock, for users\n"
    "                          $XDG_RUNTIME_DIR/tenon/tenon.sock)\n"
    "  -h, --help              show this\n"
    "      --idle DURATION     end when nobody was connected for so long: 10m\n"
    "      --stdio             serve one client, on standard input and output\n";

struct flags {
    const char *addr;
    int64_t idle_ns;
    bool stdio;
};

static int
open_store(void *data, struct tenon_store **out, struct tenon_error *err)
{
    return cli_open_store(data, out, err);
}

/* The path of the socket; malloc'ed, or NULL: see err. */
static char *
socket_path(const char *addr, struct tenon_error *err)
{
    static const char unix_scheme[] = "unix://";

    if (addr && tenon_has_prefix(addr, unix_scheme) && addr[strlen(unix_scheme)])
        return tenon_strdup(addr + strlen(unix_scheme));
    if (addr) {
        tenon_error_set(err, TENON_E_UNSUPPORTED, "--addr %s: only unix://PATH is there yet", addr);
        return NULL;
    }
    const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
    if (geteuid() != 0 && (!runtime || *runtime != '/')) {
        tenon_error_set(err, TENON_E_INVALID, "XDG_RUNTIME_DIR is not set: give --addr");
        return NULL;
    }
    return tenon_path_join(geteuid() != 0 ? runtime : "/run", "tenon/tenon.sock");
}

/* What we print is not the protocol. */
static int
take_stdio(int *in, int *out, struct tenon_error *err)
{
    auto_close int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    *in = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    *out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    if (null < 0 || *in < 0 || *out < 0 || dup2(null, STDIN_FILENO) < 0 ||
        dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
        return tenon_error_sys(err, "take standard input and output");
    return TENON_OK;
}

static int
serve_socket(const struct serve_setup *setup, const struct flags *flags, const char *path,
             struct tenon_error *err)
{
    auto_free char *dir = tenon_path_join(path, "..");

    if (!flags->addr && tenon_mkdir_p(AT_FDCWD, dir, 0700, err) < 0)
        return err->code;
    const int fd = serve_bind(path, err);
    if (fd < 0)
        return fd;
    tenon_log(TENON_LOG_NOTICE, "serving at unix://%s", path);
    return serve_listen(setup, path, fd, (uint64_t)flags->idle_ns, err);
}

/* The caller has them, too: that we do not wait for them is for as long as we are here. */
static int
serve_stdio(const struct serve_setup *setup, struct tenon_error *err)
{
    auto_close int kept_in = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    auto_close int kept_out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    const int in_flags = fcntl(kept_in, F_GETFL), out_flags = fcntl(kept_out, F_GETFL);
    int in, out;

    if (in_flags < 0 || out_flags < 0)
        return tenon_error_sys(err, "standard input and output");
    if (take_stdio(&in, &out, err) < 0)
        return err->code;
    serve_one(setup, in, out, err);
    fcntl(kept_in, F_SETFL, in_flags);
    fcntl(kept_out, F_SETFL, out_flags);
    return err->code;
}

static int
serve(const struct serve_setup *setup, const struct flags *flags, const char *path,
      struct tenon_error *err)
{
    return flags->stdio ? serve_stdio(setup, err) : serve_socket(setup, flags, path, err);
}

/* Plugins first: inside a user namespace the owners of files can no longer be told. */
static int
enter(const struct cli *cli, struct tenon_engine *engine, struct tenon_error *err)
{
    struct tenon_store *store = NULL;

    if (cli_open_plugins(cli, &engine->plugins, err) < 0)
        return err->code;
    if (geteuid() != 0)
        tenon_plugins_vet(engine->plugins);
    if (cli_private_mounts(err) < 0 || cli_open_store(cli, &store, err) < 0)
        return err->code;
    tenon_store_close(store); /* each build opens it; now we know that it can be */
    cli_fill_engine(cli, engine);
    return TENON_OK;
}

/* Before the first thread: all of them inherit the mask. */
static void
block_signals(void)
{
    sigset_t ends;

    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static int
run(const struct cli *cli, const struct flags *flags)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_engine engine = {0};
    const struct serve_setup setup = {.engine = &engine, .open_store = open_store,
                                      .data = (void *)(uintptr_t)cli};
    auto_free char *path = flags->stdio ? NULL : socket_path(flags->addr, &err);

    if (err.code) {
        cli_print_error(&err);
        return CLI_USAGE;
    }
    block_signals();
    if (enter(cli, &engine, &err) == 0) {
        tenon_libcurl_prepare();
        serve(&setup, flags, path, &err);
        tenon_libcurl_settle();
    }
    tenon_plugins_free(engine.plugins);
    return err.code ? cli_print_error(&err) : CLI_OK;
}

int
cli_serve(const struct cli *cli, int argc, char **argv)
{
    enum { ADDR = 256, IDLE, STDIO };
    static const struct option options[] = {
        {"addr", required_argument, NULL, ADDR},
        {"help", no_argument, NULL, 'h'},
        {"idle", required_argument, NULL, IDLE},
        {"stdio", no_argument, NULL, STDIO},
        {0},
    };
    struct flags flags = {0};

    for (int o; (o = cli_getopt(argc, argv, "h", options)) != -1;) {
        if (o == 'h')
            return cli_help(cli, help);
        if (o == ADDR)
            flags.addr = optarg;
        else if (o == STDIO)
            flags.stdio = true;
        else if (o != IDLE)
            return CLI_USAGE;
        else if (!tenon_parse_duration(optarg, &flags.idle_ns) || flags.idle_ns <= 0)
            return cli_usage_error("serve", "--idle %s: expected a time as 10m", optarg);
    }
    if (optind < argc)
        return cli_usage_error("serve", "unexpected argument \"%s\"", argv[optind]);
    if (flags.stdio && flags.addr)
        return cli_usage_error("serve", "--stdio has no --addr");
    return run(cli, &flags);
}
