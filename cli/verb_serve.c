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
#include "servesettings.h"
#include "tools/alloc.h"
#include "tools/path.h"
#include "upkeep.h"

static const char help[] =
    "Usage: PROGRAM serve [OPTIONS]\n"
    "\n"
    "Serve BuildKit's control API: buildx and buildctl build here.  Whoever may\n"
    "connect has the powers of the user that serves: for root, root's.\n"
    "\n"
    "Options:\n"
    "      --allow-insecure-entitlement WORD\n"
    "                          what clients may be given: network.host,\n"
    "                          security.insecure or device; again for each\n"
    "      --addr ADDRESS      unix://PATH (default: /run/tenon/tenon.sock, for users\n"
    "                          $XDG_RUNTIME_DIR/tenon/tenon.sock), tcp://HOST:PORT\n"
    "                          with TLS, fd:// for what systemd opened (repeatable)\n"
    "      --group GROUP       of sockets at unix://, which are for it, too\n"
    "  -h, --help              show this\n"
    "      --idle DURATION     end when nobody was connected for so long: 10m\n"
    "      --mode MODE         of sockets at unix:// (default: 0600; with --group 0660)\n"
    "      --stdio             serve one client, on standard input and output\n"
    "      --tlscacert FILE    who signs the certificates of clients at tcp://\n"
    "      --tlscert FILE      the server's certificate\n"
    "      --tlskey FILE       its key\n";

struct stores {
    const struct cli *cli;
    struct tenon_store_spares *spares;
};

static int
open_store(void *data, struct tenon_store **out, struct tenon_error *err)
{
    const struct stores *s = data;

    return cli_open_store_with(s->cli, s->spares, out, err);
}

static void
after_build(void *data)
{
    const struct stores *s = data;

    upkeep_start(s->cli);
}

/* Where nobody says another place; malloc'ed, or NULL: see err.  Others may look for the socket
 * there: its own rights say who connects. */
static char *
default_address(struct tenon_error *err)
{
    const char *runtime = geteuid() == 0 ? "/run" : secure_getenv("XDG_RUNTIME_DIR");

    if (!runtime || *runtime != '/') {
        tenon_error_set(err, TENON_E_INVALID, "XDG_RUNTIME_DIR is not set: give --addr");
        return NULL;
    }
    auto_free char *dir = tenon_path_join(runtime, "tenon");
    if (tenon_mkdir_p(AT_FDCWD, dir, 0711, err) < 0)
        return NULL;
    return tenon_asprintf("unix://%s/tenon.sock", dir);
}

/* Before there are threads, and while what systemd handed over is ours. */
static struct serve_places *
open_places(struct serve_settings *s, struct tenon_error *err)
{
    struct serve_rules rules;
    auto_free char *standard = s->address_count > 0 ? NULL : default_address(err);

    if (!err->code && standard)
        serve_settings_add_address(s, standard, err);
    if (err->code || serve_settings_rules(s, &rules, err) < 0)
        return NULL;
    struct serve_places *places = serve_places_new(&rules);
    for (size_t i = 0; !err->code && i < s->address_count; i++)
        serve_places_add(places, s->addresses[i], err);
    if (err->code) {
        serve_places_close(places);
        return NULL;
    }
    return places;
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
serve(const struct cli *cli, struct serve_settings *settings, bool stdio, uint64_t idle_ns)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_engine engine = {0};
    struct stores stores = {cli, tenon_store_spares_new()};
    const struct serve_setup setup = {.engine = &engine, .open_store = open_store,
                                      .after_build = after_build, .data = &stores,
                                      .entitlements = settings->entitlements};

    block_signals();
    struct serve_places *places = stdio ? NULL : open_places(settings, &err);
    if (err.code == 0 && enter(cli, &engine, &err) == 0) {
        tenon_libcurl_prepare();
        if (stdio)
            serve_stdio(&setup, &err);
        else
            serve_listen(&setup, places, idle_ns, &err);
        tenon_libcurl_settle();
    }
    serve_places_close(places);
    tenon_plugins_free(engine.plugins);
    tenon_store_spares_free(stores.spares);
    return err.code ? cli_print_error(&err) : CLI_OK;
}

/* False: it is no such word. */
static bool
allow(struct serve_settings *s, const char *word)
{
    static const char *const words[] = {"network.host", "security.insecure", "device"};

    for (size_t i = 0; i < tenon_countof(words); i++)
        if (!strcmp(words[i], word)) {
            size_t n = 0;
            while (s->entitlements[n] && strcmp(s->entitlements[n], word) != 0)
                n++;
            s->entitlements[n] = words[i];
            return true;
        }
    return false;
}

int
cli_serve(const struct cli *cli, int argc, char **argv)
{
    enum { ADDR = 256, GROUP, IDLE, MODE, STDIO, CA, CERT, KEY, ALLOW };
    static const struct option options[] = {
        {"allow-insecure-entitlement", required_argument, NULL, ALLOW},
        {"addr", required_argument, NULL, ADDR},
        {"group", required_argument, NULL, GROUP},
        {"help", no_argument, NULL, 'h'},
        {"idle", required_argument, NULL, IDLE},
        {"mode", required_argument, NULL, MODE},
        {"stdio", no_argument, NULL, STDIO},
        {"tlscacert", required_argument, NULL, CA},
        {"tlscert", required_argument, NULL, CERT},
        {"tlskey", required_argument, NULL, KEY},
        {0},
    };
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct serve_settings s = {0};
    const char **texts[] = {[GROUP - ADDR] = &s.group, [IDLE - ADDR] = &s.idle,
                            [MODE - ADDR] = &s.mode, [CA - ADDR] = &s.ca,
                            [CERT - ADDR] = &s.cert, [KEY - ADDR] = &s.key};
    bool stdio = false;
    uint64_t idle_ns = 0;

    for (int o; (o = cli_getopt(argc, argv, "h", options)) != -1;) {
        if (o == 'h')
            return cli_help(cli, help);
        if (o == 0)
            return CLI_USAGE;
        if (o == ALLOW && !allow(&s, optarg))
            return cli_usage_error("serve", "--allow-insecure-entitlement %s: expected "
                                   "network.host, security.insecure or device", optarg);
        if (o == STDIO)
            stdio = true;
        else if (o == ALLOW)
            continue;
        else if (o != ADDR)
            *texts[o - ADDR] = optarg;
        else if (serve_settings_add_address(&s, optarg, &err) < 0)
            break;
    }
    if (!err.code && optind < argc)
        return cli_usage_error("serve", "unexpected argument \"%s\"", argv[optind]);
    if (stdio && s.address_count > 0)
        return cli_usage_error("serve", "--stdio has no --addr");
    if (!err.code && serve_settings_fill(&s, cli->config, &err) == 0)
        serve_settings_idle(&s, &idle_ns, &err);
    if (err.code) {
        cli_print_error(&err);
        return CLI_USAGE;
    }
    return serve(cli, &s, stdio, idle_ns);
}
