/* cli/verb_builder.c - what `docker builder` and `docker buildx` have besides our verbs: there
 * is one builder, which is this program; what manages several of them says so. */
#include "cli.h"

#include <string.h>

#include "context/engine.h"
#include "tools/alloc.h"
#include "tools/parse.h"

#define NAME "default"

static const char ls_help[] =
    "Usage: PROGRAM ls [OPTIONS]\n"
    "\n"
    "List the builders: there is one, \"" NAME "\".\n"
    "\n"
    "Options:\n"
    "      --format FORMAT   table or json (one object a line)\n"
    "  -h, --help            show this\n"
    "      --no-trunc        taken: nothing is cut\n";

static const char inspect_help[] =
    "Usage: PROGRAM inspect [OPTIONS] [NAME]\n"
    "\n"
    "Show the builder, \"" NAME "\".\n"
    "\n"
    "Options:\n"
    "      --bootstrap   taken: there is nothing to be started\n"
    "  -h, --help        show this\n";

static const char use_help[] =
    "Usage: PROGRAM use [OPTIONS] NAME\n"
    "\n"
    "Build with the builder \"" NAME "\", as is done anyway.\n"
    "\n"
    "Options:\n"
    "      --default     taken: there is one builder\n"
    "      --global      taken\n"
    "  -h, --help        show this\n";

int
cli_builder_check(const char *verb, const char *name)
{
    if (!*name || !strcmp(name, NAME))
        return CLI_OK;
    return cli_usage_error(verb, "no builder \"%s\": there is one, \"" NAME "\"", name);
}

static void
put_builder_json(const char *platform)
{
    auto_json struct json_object *o = json_object_new_object();
    struct json_object *node = json_object_new_object();
    struct json_object *platforms = json_object_new_array();
    struct json_object *nodes = json_object_new_array();
    json_object_array_add(platforms, json_object_new_string(platform));
    json_object_object_add(node, "Name", json_object_new_string(NAME));
    json_object_object_add(node, "Endpoint", json_object_new_string("none"));
    json_object_object_add(node, "Status", json_object_new_string("running"));
    json_object_object_add(node, "Version", json_object_new_string("tenon " TENON_VERSION));
    json_object_object_add(node, "Platforms", platforms);
    json_object_array_add(nodes, node);
    json_object_object_add(o, "Name", json_object_new_string(NAME));
    json_object_object_add(o, "Driver", json_object_new_string("tenon"));
    json_object_object_add(o, "Current", json_object_new_boolean(true));
    json_object_object_add(o, "Dynamic", json_object_new_boolean(false));
    json_object_object_add(o, "Nodes", nodes);
    cli_put_json(o);
}

int
cli_builder_ls(const struct cli *cli, int argc, char **argv)
{
    enum { FORMAT = 256, NO_TRUNC };
    static const struct option options[] = {
        {"format", required_argument, NULL, FORMAT},
        {"help", no_argument, NULL, 'h'},
        {"no-trunc", no_argument, NULL, NO_TRUNC},
        {0},
    };
    struct tenon_engine e = {0};
    bool json = false;
    for (int o; (o = cli_getopt(argc, argv, "h", options)) != -1;) {
        if (o == 'h')
            return cli_help(cli, ls_help);
        if (o == NO_TRUNC)
            continue;
        if (o != FORMAT || !cli_parse_format("ls", optarg, &json))
            return CLI_USAGE;
    }
    if (optind < argc)
        return cli_usage_error("ls", "unexpected argument \"%s\"", argv[optind]);
    cli_fill_engine(cli, &e);
    if (json) {
        put_builder_json(e.host_platform);
        return CLI_OK;
    }
    static const char row[] = "%-15s %-17s %-9s %-14s %s\n";
    printf(row, "NAME/NODE", "DRIVER/ENDPOINT", "STATUS", "VERSION", "PLATFORMS");
    printf("%-15s %s\n", NAME "*", "tenon");
    printf(row, " \\_ " NAME, " \\_ none", "running", TENON_VERSION, e.host_platform);
    return CLI_OK;
}

int
cli_builder_inspect(const struct cli *cli, int argc, char **argv)
{
    enum { BOOTSTRAP = 256 };
    static const struct option options[] = {
        {"bootstrap", no_argument, NULL, BOOTSTRAP},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct tenon_engine e = {0};
    for (int o; (o = cli_getopt(argc, argv, "h", options)) != -1;) {
        if (o == 'h')
            return cli_help(cli, inspect_help);
        if (o != BOOTSTRAP)
            return CLI_USAGE;
    }
    if (argc - optind > 1)
        return cli_usage_error("inspect", "unexpected argument \"%s\"", argv[optind + 1]);
    if (optind < argc && cli_builder_check("inspect", argv[optind]) != CLI_OK)
        return CLI_USAGE;
    cli_fill_engine(cli, &e);
    printf("Name:      " NAME "\n"
           "Driver:    tenon\n"
           "\n"
           "Nodes:\n"
           "Name:      " NAME "\n"
           "Endpoint:  none: each build is a process of its own\n"
           "Status:    running\n"
           "Version:   tenon " TENON_VERSION "\n"
           "Platforms: %s\n"
           "Store:     %s\n",
           e.host_platform, cli->root);
    return CLI_OK;
}

int
cli_builder_use(const struct cli *cli, int argc, char **argv)
{
    enum { DEFAULT = 256, GLOBAL };
    static const struct option options[] = {
        {"default", no_argument, NULL, DEFAULT},
        {"global", no_argument, NULL, GLOBAL},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    for (int o; (o = cli_getopt(argc, argv, "h", options)) != -1;) {
        if (o == 'h')
            return cli_help(cli, use_help);
        if (o != DEFAULT && o != GLOBAL)
            return CLI_USAGE;
    }
    if (argc - optind != 1)
        return cli_usage_error("use", "one builder is needed: \"" NAME "\"");
    return cli_builder_check("use", argv[optind]);
}

/* ---- what there is not ---------------------------------------------------- */

static const struct {
    const char *verb, *why;
} absent[] = {
    {"bake", "bake files are not supported yet"},
    {"create", "there is one builder, \"" NAME "\", and there is nothing to create"},
    {"dap", "no debugger is supported yet; `tenon shell` enters a step that failed"},
    {"debug", "no debugger is supported yet; `tenon shell` enters a step that failed"},
    {"dial-stdio", "there is no daemon to talk to"},
    {"imagetools", "indexes of a registry cannot be made or looked at yet"},
    {"install", "`tenon docker enable` makes `docker build` use tenon"},
    {"policy", "policies in Rego are not supported yet"},
    {"rm", "there is one builder, \"" NAME "\", which cannot be removed; "
           "`prune` empties its store"},
    {"stop", "there is no daemon to stop: a build ends with its process"},
    {"uninstall", "`tenon docker disable` gives `docker build` back"},
};

int
cli_builder_absent(const char *verb)
{
    for (size_t i = 0; i < tenon_countof(absent); i++)
        if (!strcmp(absent[i].verb, verb)) {
            auto_error struct tenon_error err = TENON_ERROR_INIT;
            tenon_error_set(&err, TENON_E_UNSUPPORTED, "%s: %s", verb, absent[i].why);
            cli_print_error(&err);
            return CLI_USAGE;
        }
    return 0;
}

int
cli_builder_skip(int *argc, char **argv)
{
    int kept = 0, status = CLI_OK;
    for (int i = 0; i < *argc; i++) {
        if (i && !strcmp(argv[i], "--builder") && i + 1 < *argc) {
            i++;
            status = status ? status : cli_builder_check(argv[0], argv[i]);
        } else if (i && tenon_has_prefix(argv[i], "--builder=")) {
            status = status ? status : cli_builder_check(argv[0], argv[i] + strlen("--builder="));
        } else {
            argv[kept++] = argv[i];
        }
    }
    *argc = kept;
    return status;
}
