/* cli/main.c - the tenon command: flags that come before the verb, and the verbs.
 *
 * Called as docker-tenon it speaks as a plugin of the docker client
 * (dockerface.c), which then calls it for `docker build`, too; called as buildkitd or
 * buildctl it serves BuildKit's clients, or leads to who does. */
#include "cli.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/ids.h"
#include "base/log.h"
#include "plugin/calls.h"
#include "tools/alloc.h"
#include "tools/parse.h"
#include "tools/vec.h"

static const struct cli_verb verbs[] = {
    {"build", "build an image from a Dockerfile", cli_build},
    {"lock", "write down what the sources of a build stand for", cli_lock},
    {"prune", "remove what builds left in the store", cli_prune},
    {"fsck", "check what the store holds, and forget what is damaged", cli_fsck},
    {"upkeep", "have on disk what builds left", cli_upkeep},
    {"du", "show what the store holds", cli_du},
    {"why", "tell where the results of steps came from", cli_why},
    {"history", "list builds that are over, show or export their records", cli_history},
    {"images", "list the images in the store, or remove some", cli_images},
    {"image", "inspect, copy and name images in registries and elsewhere", cli_image},
    {"sign", "put a signature beside an image", cli_sign},
    {"verify", "tell whether an image is what a policy asks for", cli_verify},
    {"diff", "tell in what two images or trees differ", cli_diff},
    {"registry", "check the way to a registry, and the rights there", cli_registry},
    {"plugins", "list plugins and their options", cli_plugins},
    {"plugin", "begin a plugin of your own, or check one", cli_plugin},
    {"docker", "make `docker build` use tenon, or no longer", cli_docker},
#ifdef HAVE_NGHTTP2
    {"serve", "let buildx and buildctl build here", cli_serve},
#endif
    {"shell", "enter the step that failed", cli_shell},
    {"doctor", "check what this machine offers", cli_doctor},
    {"version", "show the version", cli_version},
};

/* Of docker's builder, which we stand in for; in its face only. */
static const struct cli_verb docker_verbs[] = {
    {"ls", "list the builders: there is one", cli_builder_ls},
    {"inspect", "show the builder", cli_builder_inspect},
    {"use", "choose the builder that there is", cli_builder_use},
    {"b", "the same as build", cli_build},
};

static const char help_head[] =
    "Usage: PROGRAM [OPTIONS] VERB ...\n"
    "\n"
    "Build container images from Dockerfiles, without a daemon.\n"
    "\n"
    "Verbs:\n";

static const char help_tail[] =
    "\n"
    "Options:\n"
    "      --config FILE       read this configuration file only\n"
    "  -D, --debug             print debug messages\n"
    "  -h, --help              show this\n"
    "      --plugin-dir DIR    look for plugins here first (repeatable)\n"
    "      --root DIR          the store (default: $TENON_ROOT, the configuration,\n"
    "                          /var/lib/tenon; ~/.local/share/tenon for users)\n"
    "      --version           show the version\n"
    "\n"
    "`PROGRAM VERB --help` explains a verb.\n";

static int
show_help(const struct cli *cli)
{
    cli_help(cli, help_head);
    for (size_t i = 0; i < tenon_countof(verbs); i++)
        printf("  %-10s %s\n", verbs[i].name, verbs[i].summary);
    for (size_t i = 0; strcmp(cli->program, "tenon") && i < tenon_countof(docker_verbs); i++)
        printf("  %-10s %s\n", docker_verbs[i].name, docker_verbs[i].summary);
    return cli_help(cli, help_tail);
}

static const struct cli_verb *
find_verb(const char *name, bool docker)
{
    for (size_t i = 0; i < tenon_countof(verbs); i++)
        if (!strcmp(verbs[i].name, name))
            return &verbs[i];
    for (size_t i = 0; docker && i < tenon_countof(docker_verbs); i++)
        if (!strcmp(docker_verbs[i].name, name))
            return &docker_verbs[i];
    return NULL;
}

static int
unknown_verb(const char *name)
{
    const char *names[tenon_countof(verbs) + 1] = {0};
    for (size_t i = 0; i < tenon_countof(verbs); i++)
        names[i] = verbs[i].name;
    const char *near = tenon_nearest(name, names);
    return cli_usage_error("", "unknown verb \"%s\"%s%s%s", name,
                           near ? " (did you mean " : "", near ? near : "",
                           near ? "?)" : "");
}

/* ---- what stands before the verb ---------------------------------------- */

struct globals {
    const char *root;
    TENON_VEC(const char *) plugin_dirs;
    bool debug, help, version, docker, buildx, buildkitd, buildctl;
};

/* A path the user gave is about where the user is; plugin directories and the
 * store are named absolutely from here on. */
static char *
absolute(const char *path)
{
    auto_free char *cwd = *path == '/' ? NULL : getcwd(NULL, 0);
    return cwd ? tenon_asprintf("%s/%s", cwd, path) : tenon_strdup(path);
}

/* Returns the index of the verb, or negative after an error was printed. */
static int
parse_globals(int argc, char **argv, struct globals *g)
{
    enum { ROOT = 256, PLUGIN_DIR, CONFIG, SHOW_VERSION, DOCKER_FACE,
           BUILDKITD_FACE, BUILDCTL_FACE };
    static const struct option options[] = {
        {"config", required_argument, NULL, CONFIG},
        {"debug", no_argument, NULL, 'D'},
        {"help", no_argument, NULL, 'h'},
        {"plugin-dir", required_argument, NULL, PLUGIN_DIR},
        {"root", required_argument, NULL, ROOT},
        {"version", no_argument, NULL, SHOW_VERSION},
        /* For wrapper scripts, which cannot choose argv[0]. */
        {"docker-face", no_argument, NULL, DOCKER_FACE},
#ifdef HAVE_NGHTTP2
        {"buildkitd-face", no_argument, NULL, BUILDKITD_FACE},
        {"buildctl-face", no_argument, NULL, BUILDCTL_FACE},
#endif
        {0},
    };
    static char no_verb[] = "";
    argv[0] = no_verb; /* the name in messages */
    for (;;) {
        switch (cli_getopt(argc, argv, "+Dh", options)) {
        case -1:
            return optind;
        case 0:
            return -1;
        case ROOT:
            free((char *)(uintptr_t)g->root); /* the last one counts */
            g->root = absolute(optarg);
            break;
        case PLUGIN_DIR:
            tenon_vec_push(&g->plugin_dirs, absolute(optarg));
            break;
        case CONFIG:
            setenv("TENON_CONFIG", optarg, 1);
            break;
        case 'D':
            g->debug = true;
            break;
        case 'h':
            g->help = true;
            break;
        case SHOW_VERSION:
            g->version = true;
            break;
        case DOCKER_FACE:
            g->docker = true;
            return optind;
        case BUILDKITD_FACE:
            g->buildkitd = true;
            return optind;
        case BUILDCTL_FACE:
            g->buildctl = true;
            return optind;
        default:
            break;
        }
    }
}

static char *
default_root(struct json_object *config)
{
    const char *chosen = secure_getenv("TENON_ROOT");
    if (!chosen || !*chosen)
        chosen = cli_config_string(config, "root");
    if (chosen && *chosen)
        return absolute(chosen);
    /* Root of a user namespace is an ordinary user elsewhere. */
    if (geteuid() == 0 && !tenon_ids_mapped())
        return tenon_strdup("/var/lib/tenon");
    return cli_home_path("XDG_DATA_HOME", ".local/share", "tenon");
}

static int
run_verb(struct globals *g, int argc, char **argv, int verb_at)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_json struct json_object *config = NULL;
    struct cli cli = {
        .program = g->buildx ? "docker buildx" : g->docker ? "docker tenon" : "tenon",
        .debug = g->debug,
    };
    if (g->debug)
        tenon_log_set_level(TENON_LOG_DEBUG);

    const char *name = verb_at < argc ? argv[verb_at] : NULL;
    /* `help VERB` is `VERB --help`. */
    static char help_option[] = "--help";
    char *help_argv[] = {NULL, help_option, NULL};
    if (name && !strcmp(name, "help")) {
        name = verb_at + 1 < argc ? argv[verb_at + 1] : NULL;
        if (name) {
            help_argv[0] = argv[verb_at + 1];
            argv = help_argv;
            argc = 2;
            verb_at = 0;
        }
    }
    if (g->help || !name || !strcmp(name, "--help") || !strcmp(name, "-h"))
        return show_help(&cli);
    argc -= verb_at;
    argv += verb_at;
    const struct cli_verb *verb = find_verb(name, g->docker);
    if (!verb && g->docker && cli_builder_absent(name))
        return CLI_USAGE;
    if (!verb)
        return unknown_verb(name);
    /* build has it among its flags; what follows shell is a command of the user's */
    if (g->docker && verb->run != cli_build && verb->run != cli_shell &&
        cli_builder_skip(&argc, argv) != CLI_OK)
        return CLI_USAGE;

    if (cli_config_load(&config, &err) < 0)
        return cli_print_error(&err);
    tenon_vec_push(&g->plugin_dirs, NULL);
    cli.plugin_dirs = g->plugin_dirs.items;
    cli.config = config;
    auto_free char *root = g->root ? NULL : default_root(config);
    cli.root = g->root ? g->root : root;

    optind = 0; /* makes getopt forget the options before the verb */
    return verb->run(&cli, argc, argv);
}

/* A result that did not reach its reader is a failure. */
static int
finish(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    tenon_error_sys(&err, "write to standard output");
    return cli_print_error(&err);
}

/* `at`: what follows our own flags. */
static int
run_docker_face(struct globals *g, int argc, char **argv, int at)
{
    if (at < argc && !strcmp(argv[at], "docker-cli-plugin-metadata"))
        return cli_docker_metadata();
    int verb_at = cli_docker_skip_flags(argc - at, argv + at, &g->debug);
    if (verb_at < 0)
        return CLI_USAGE;
    cli_docker_follow_client();
    return run_verb(g, argc, argv, at + verb_at);
}

#ifdef HAVE_NGHTTP2
/* `at`: what follows our own flags. */
static int
run_buildkit_face(struct globals *g, int argc, char **argv, int at)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_json struct json_object *config = NULL;

    argc -= at - 1;
    argv += at - 1;
    optind = 0;
    if (g->buildctl)
        return cli_buildctl(argc, argv);
    if (argc == 2 && (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-v"))) {
        puts("buildkitd tenon v" TENON_VERSION " -"); /* buildx counts words; the last: a commit */
        return CLI_OK;
    }
    if (cli_config_load(&config, &err) < 0)
        return cli_print_error(&err);
    tenon_vec_push(&g->plugin_dirs, NULL);
    const struct cli cli = {.program = "tenon", .plugin_dirs = g->plugin_dirs.items,
                            .config = config};
    return cli_buildkitd(&cli, argc, argv);
}
#endif

static int
run_as(struct globals *g, const char *base, int argc, char **argv)
{
    int at = 1;
    g->buildx = !strcmp(base, "docker-buildx");
#ifdef HAVE_NGHTTP2
    g->buildkitd = !strcmp(base, "buildkitd");
    g->buildctl = !strcmp(base, "buildctl");
#endif
    if (g->buildx || !strcmp(base, "docker-tenon"))
        g->docker = true;
    else if (!g->buildkitd && !g->buildctl)
        at = parse_globals(argc, argv, g);
    if (at < 0)
        return CLI_USAGE;
#ifdef HAVE_NGHTTP2
    if (g->buildkitd || g->buildctl)
        return run_buildkit_face(g, argc, argv, at);
#endif
    if (g->docker)
        return run_docker_face(g, argc, argv, at);
    if (g->version) {
        puts("tenon " TENON_VERSION);
        return CLI_OK;
    }
    return run_verb(g, argc, argv, at);
}

/* A closed standard stream would be reused for the first file that is opened, and
 * output would go into the store.  Reading from this gives nothing, and writing
 * fails. */
static void
fill_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) < 0)
            _exit(CLI_FAILED);
}

/* What state a caller starts us in changes no result. Signals that are blocked or ignored stay so
 * across exec: under a careless supervisor a build would not learn that its steps have ended, and
 * could not be stopped. SIGHUP and SIGINT stay as they are, for nohup and for jobs in the
 * background. */
static void
own_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGCHLD, SIG_DFL);
    signal(SIGPIPE, SIG_IGN); /* a peer that went away is an error, not our end */
}

int
main(int argc, char **argv)
{
    struct globals g = {0};
    fill_standard_descriptors();
    own_signals();
    cli_take_umask();
    tenon_calls_guard();

    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
    const char *base = argc > 0 ? (slash ? slash + 1 : argv[0]) : "tenon";
    int status = run_as(&g, base, argc, argv);

    tenon_vec_foreach(dir, &g.plugin_dirs)
        free((char *)(uintptr_t)*dir);
    tenon_vec_release(&g.plugin_dirs);
    free((char *)(uintptr_t)g.root);
    return finish(status);
}
