/* cli/verb_registry.c - tenon registry check: how far one gets with a registry. */
#include "cli.h"

#include <string.h>

#include "registry/check.h"
#include "tools/alloc.h"
#include "tools/parse.h"
#include "reach.h"

static const char help[] =
    "Usage: PROGRAM registry check [OPTIONS] HOST[:PORT][/REPOSITORY]\n"
    "\n"
    "Go the way to a registry one step at a time, and tell where it stops and what\n"
    "helps: its addresses, a connection, TLS and whose certificate it is, an answer,\n"
    "credentials; and with a repository, whether it can be read, written to, and blobs\n"
    "be mounted. Nothing stays in the registry.\n"
    "\n"
    "Options:\n"
    "      --format FORMAT   table or json (one object a line)\n"
    "  -h, --help            show this\n"
    "      --insecure        do not verify TLS; HTTP will do\n";

static const char *const outcomes[] = {
    [TENON_CHECK_GOOD] = "ok", [TENON_CHECK_BAD] = "FAILED", [TENON_CHECK_NOTED] = "-",
};

static void
put_text(void *data, const struct tenon_check_finding *f)
{
    (void)data;
    printf("%-6s %-7s ", f->step, outcomes[f->outcome]);
    cli_put_text(stdout, f->text);
    putchar('\n');
    if (!f->hint)
        return;
    printf("%-14s hint: ", "");
    cli_put_text(stdout, f->hint);
    putchar('\n');
}

static void
put_json(void *data, const struct tenon_check_finding *f)
{
    static const char *const words[] = {
        [TENON_CHECK_GOOD] = "ok", [TENON_CHECK_BAD] = "failed", [TENON_CHECK_NOTED] = "noted",
    };
    (void)data;
    auto_json struct json_object *o = json_object_new_object();
    json_object_object_add(o, "step", json_object_new_string(f->step));
    json_object_object_add(o, "outcome", json_object_new_string(words[f->outcome]));
    json_object_object_add(o, "text", json_object_new_string(f->text));
    if (f->hint)
        json_object_object_add(o, "hint", json_object_new_string(f->hint));
    cli_put_json(o);
}

int
cli_registry(const struct cli *cli, int argc, char **argv)
{
    enum { FORMAT = 256, INSECURE };
    static const struct option options[] = {
        {"format", required_argument, NULL, FORMAT},
        {"help", no_argument, NULL, 'h'},
        {"insecure", no_argument, NULL, INSECURE},
        {0},
    };
    bool json = false, insecure = false;
    for (int o; (o = cli_getopt(argc, argv, "h", options)) != -1;) {
        if (o == 'h')
            return cli_help(cli, help);
        if (o == INSECURE)
            insecure = true;
        else if (o != FORMAT || !cli_parse_format("registry", optarg, &json))
            return CLI_USAGE;
    }
    char **words = argv + optind;
    const int count = argc - optind;
    if (!count || strcmp(words[0], "check")) {
        static const char *const known[] = { "check", NULL };
        auto_free char *meant = count ? tenon_meant(words[0], known) : NULL;
        return count ? cli_usage_error("registry", "unknown word \"%s\"%s", words[0], meant)
                     : cli_usage_error("registry", "check which one?");
    }
    if (count != 2)
        return cli_usage_error("registry", "check: one host");
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_reach struct tenon_reach reach = {0};
    if (cli_reach_open(cli, insecure, &reach, &err) < 0)
        return cli_print_error(&err);
    int rc = tenon_registry_check(reach.registry, &reach.call, words[1],
                                  json ? put_json : put_text, NULL, &err);
    if (rc < 0) {
        cli_print_error(&err);
        return rc == TENON_E_INVALID ? CLI_USAGE : CLI_FAILED;
    }
    return rc ? CLI_OK : CLI_FAILED;
}
