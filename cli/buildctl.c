/* cli/buildctl.c - what drivers of buildx, and probes, start by the name of buildctl:
 *
 *   buildctl [--addr unix://PATH] dial-stdio      bytes between us and the server
 *   buildctl [--addr unix://PATH] debug workers   is it there?
 *   buildctl --version
 *
 * Whoever wants to build by hand takes BuildKit's own. */
#include "cli.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/io.h"
#include "serve.h"
#include "tools/alloc.h"

enum { PART = 64 * 1024 };

static const char help[] =
    "Usage: buildctl [--addr unix://PATH] VERB\n"
    "\n"
    "tenon's, for drivers of buildx: by hand it does no more than\n"
    "\n"
    "  dial-stdio       carry bytes between standard input and output and the server\n"
    "  debug workers    ask the server what it is\n"
    "\n"
    "Options:\n"
    "      --addr ADDRESS   the server (default: $BUILDKIT_HOST,\n"
    "                       unix:///run/buildkit/buildkitd.sock)\n"
    "  -h, --help           show this\n"
    "  -v, --version        show the version\n";

static char *
default_address(void)
{
    const char *chosen = secure_getenv("BUILDKIT_HOST");
    const char *runtime = geteuid() == 0 ? "/run" : secure_getenv("XDG_RUNTIME_DIR");

    return chosen && *chosen ? tenon_strdup(chosen)
                             : tenon_asprintf("unix://%s/buildkit/buildkitd.sock",
                                              runtime ? runtime : "/run");
}

/* The socket, or a negative status. */
static int
dial(const char *address, struct tenon_error *err)
{
    static const char scheme[] = "unix://";
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    const char *path = address + strlen(scheme);

    if (!tenon_has_prefix(address, scheme))
        return tenon_error_set(err, TENON_E_UNSUPPORTED, "%s: expected unix://PATH", address);
    if (strlen(path) > SERVE_UNIX_PATH_MAX)
        return tenon_error_set(err, TENON_E_INVALID, "%s: a longer path than a socket has",
                               address);
    strcpy(at.sun_path, path);
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&at, sizeof at) < 0)
        return tenon_error_sys(err, "connect to %s", address);
    return tenon_steal_fd(&fd);
}

/* One way, a part of it; false: that was all, or nobody takes it. */
static bool
carry(int from, int to, char *part)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    const ssize_t n = read(from, part, PART);

    return n < 0 ? errno == EINTR || errno == EAGAIN
                 : n > 0 && tenon_write_all(to, part, (size_t)n, &err) == 0;
}

/* Until the server has nothing more to say: what we are told after the end of our input is an
 * answer still. */
static int
dial_stdio(const char *address, struct tenon_error *err)
{
    auto_close int fd = dial(address, err);
    auto_free char *part = tenon_malloc(PART);
    bool listens = true;

    if (fd < 0)
        return err->code;
    for (;;) {
        struct pollfd p[] = {{.fd = fd, .events = POLLIN},
                             {.fd = listens ? STDIN_FILENO : -1, .events = POLLIN}};
        if (poll(p, tenon_countof(p), -1) < 0 && errno != EINTR)
            return tenon_error_sys(err, "wait");
        if (p[1].revents && !carry(STDIN_FILENO, fd, part)) {
            listens = false;
            shutdown(fd, SHUT_WR);
        }
        if (p[0].revents && !carry(fd, STDOUT_FILENO, part))
            return 0;
    }
}

static int
debug_workers(const char *address, struct tenon_error *err)
{
    const int fd = dial(address, err);
    auto_free char *rows = NULL;

    if (fd < 0 || serve_ask_workers(fd, &rows, err) < 0)
        return err->code;
    printf("ID\tPLATFORMS\n%s", rows);
    return 0;
}

/* Flags of buildctl's before its verb; the verb's index, or 0 after an error was printed. */
static int
find_verb(int argc, char **argv, const char **address)
{
    static const struct option options[] = {
        {"addr", required_argument, NULL, 'a'},
        {"debug", no_argument, NULL, 'D'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {0},
    };

    for (int o; (o = cli_getopt(argc, argv, "+hv", options)) != -1;) {
        if (o == 0)
            return 0;
        if (o == 'a')
            *address = optarg;
        else if (o == 'v')
            puts("buildctl tenon v" TENON_VERSION);
        else if (o == 'h')
            fputs(help, stdout);
        if (o == 'v' || o == 'h')
            return -1;
    }
    return optind;
}

int
cli_buildctl(int argc, char **argv)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_free char *standard = default_address();
    const char *address = standard;
    const int at = find_verb(argc, argv, &address);
    const char *verb = at > 0 && at < argc ? argv[at] : "";
    const char *below = *verb && at + 1 < argc ? argv[at + 1] : "";

    if (at <= 0)
        return at < 0 ? CLI_OK : CLI_USAGE;
    if (!strcmp(verb, "dial-stdio"))
        dial_stdio(address, &err);
    else if (!strcmp(verb, "debug") && !strcmp(below, "workers"))
        debug_workers(address, &err);
    else
        return cli_usage_error("", "buildctl %s %s: not tenon's; BuildKit's own buildctl has it",
                               verb, below);
    return err.code ? cli_print_error(&err) : CLI_OK;
}
