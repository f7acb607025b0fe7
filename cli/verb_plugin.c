/* cli/verb_plugin.c - tenon plugin new, check: for who writes a plugin. */
#include "cli.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "kit/trial.h"
#include "pluginnew.h"
#include "tools/alloc.h"
#include "tools/parse.h"

static const char help[] =
    "Usage: PROGRAM plugin check [OPTIONS] FILE.so...\n"
    "       PROGRAM plugin new KIND NAME DIR\n"
    "\n"
    "new: write a package to begin with, for a plugin of KIND mount, exporter,\n"
    "progress, frontend, source or attester: it builds with make, and has a test and\n"
    "a debian/ (docs/tutorial-plugin.md).\n"
    "\n"
    "check: try a plugin before its users do: its file, what it declares, its\n"
    "beginning and end, and its operations as far as they need no build, with\n"
    "failures, after Ctrl-C, from several threads and with options that nobody would\n"
    "write. It runs in processes of its own: a crash is a result. The status is 1\n"
    "when a check failed.\n"
    "\n"
    "Options:\n"
    "      --format FORMAT   table or json (one object a plugin)\n"
    "  -h, --help            show this\n"
    "  -o, --option X=Y      an option of a use that needs one (repeatable)\n"
    "      --strict          a warning fails, too\n"
    "      --timeout SECS    after which a call hangs (20)\n"
    "  -v, --verbose         with the checks that it passed\n";

struct flags {
    bool json, verbose, strict;
    const char **options; /* NULL at the end */
    size_t option_count;
    int64_t seconds;
};

static const char *const outcomes[] = {
    [TENON_TRIAL_OK] = "ok",
    [TENON_TRIAL_WARNING] = "warning",
    [TENON_TRIAL_FAILED] = "failed",
    [TENON_TRIAL_SKIPPED] = "skipped",
};

static void
put_text(const struct tenon_trial_report *r, const struct flags *flags)
{
    tenon_vec_foreach(x, &r->results) {
        if (x->outcome == TENON_TRIAL_OK && !flags->verbose)
            continue;
        printf("%-8s ", outcomes[x->outcome]);
        cli_put_text(stdout, x->name);
        if (*x->text) {
            fputs(": ", stdout);
            cli_put_text(stdout, x->text);
        }
        putchar('\n');
    }
    cli_put_text(stdout, r->plugin);
    printf(": %zu checks: %zu ok, %zu warnings, %zu failed, %zu skipped\n", r->results.len,
           r->count[TENON_TRIAL_OK], r->count[TENON_TRIAL_WARNING], r->count[TENON_TRIAL_FAILED],
           r->count[TENON_TRIAL_SKIPPED]);
}

static void
put_json(const struct tenon_trial_report *r, const char *path)
{
    auto_json struct json_object *o = json_object_new_object();
    struct json_object *list = json_object_new_array();
    tenon_vec_foreach(x, &r->results) {
        struct json_object *one = json_object_new_object();
        json_object_object_add(one, "name", json_object_new_string(x->name));
        json_object_object_add(one, "outcome", json_object_new_string(outcomes[x->outcome]));
        if (*x->text)
            json_object_object_add(one, "text", json_object_new_string(x->text));
        json_object_array_add(list, one);
    }
    json_object_object_add(o, "path", json_object_new_string(path));
    json_object_object_add(o, "plugin", json_object_new_string(r->plugin));
    for (size_t i = 0; i < tenon_countof(outcomes); i++)
        json_object_object_add(o, outcomes[i], json_object_new_int64((int64_t)r->count[i]));
    json_object_object_add(o, "checks", list);
    cli_put_json(o);
}

/* What tenon.json has for this plugin: an object with its name. */
static struct json_object *
configuration(const struct cli *cli, const char *path)
{
    struct json_object *plugins = NULL, *own = NULL;
    const char *slash = strrchr(path, '/');
    const char *file = slash ? slash + 1 : path;
    auto_free char *name = tenon_strndup(file, strcspn(file, "."));
    if (json_object_object_get_ex(cli->config, "plugins", &plugins))
        json_object_object_get_ex(plugins, name, &own);
    return own;
}

/* The file as the loader sees it: from where the directory is, and itself still a link when it is
 * one. NULL: it is not there. */
static char *
whole_path(const char *file)
{
    const char *slash = strrchr(file, '/');
    auto_free char *dir =
        slash ? tenon_strndup(file, (size_t)(slash + 1 - file)) : tenon_strdup(".");
    auto_free char *real = realpath(dir, NULL);
    struct stat st;

    return real && stat(file, &st) == 0
               ? tenon_asprintf("%s/%s", strcmp(real, "/") ? real : "", slash ? slash + 1 : file)
               : NULL;
}

static int
check_one(const struct cli *cli, const struct flags *flags, const char *file)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_free char *path = whole_path(file);
    if (!path) {
        tenon_error_sys(&err, "open %s", file);
        return cli_print_error(&err);
    }
    const struct tenon_trial_request request = {
        .path = path,
        .options = flags->options,
        .config = configuration(cli, path),
        .seconds = (unsigned)flags->seconds,
    };
    struct tenon_trial_report report;
    int rc = tenon_trial_run(&request, &report, &err);
    if (rc == 0 && flags->json)
        put_json(&report, path);
    else if (rc == 0)
        put_text(&report, flags);
    const bool failed = report.count[TENON_TRIAL_FAILED] ||
                        (flags->strict && report.count[TENON_TRIAL_WARNING]);
    tenon_trial_report_release(&report);
    return rc < 0 ? cli_print_error(&err) : failed ? CLI_FAILED : CLI_OK;
}

static int
check(const struct cli *cli, const struct flags *flags, char **files, int count)
{
    int status = CLI_OK;
    if (!count)
        return cli_usage_error("plugin", "plugin check: which file?");
    if (cli_is_raised()) {
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        tenon_error_set(&err, TENON_E_DENIED,
                        "plugin check: not in a program with raised privileges");
        return cli_print_error(&err);
    }
    for (int i = 0; i < count; i++) {
        int one = check_one(cli, flags, files[i]);
        status = one > status ? one : status;
    }
    return status;
}

static int
new(char **words, int count)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    if (count != 3)
        return cli_usage_error("plugin", "plugin new: expected KIND NAME DIR");
    int rc = cli_plugin_new(words[0], words[1], words[2], &err);
    if (rc < 0) {
        cli_print_error(&err);
        return rc == TENON_E_INVALID ? CLI_USAGE : CLI_FAILED;
    }
    printf("%s has a %s-%s; make and make check, there, are next\n", words[2], words[0], words[1]);
    return CLI_OK;
}

int
cli_plugin(const struct cli *cli, int argc, char **argv)
{
    enum { FORMAT = 256, STRICT, TIMEOUT };
    static const struct option options[] = {
        {"format", required_argument, NULL, FORMAT},
        {"help", no_argument, NULL, 'h'},
        {"option", required_argument, NULL, 'o'},
        {"strict", no_argument, NULL, STRICT},
        {"timeout", required_argument, NULL, TIMEOUT},
        {"verbose", no_argument, NULL, 'v'},
        {0},
    };
    struct flags flags = {.seconds = 20};
    auto_free const char **given = tenon_calloc((size_t)argc + 1, sizeof *given);
    flags.options = given;
    for (int o; (o = cli_getopt(argc, argv, "ho:v", options)) != -1;) {
        if (o == 'h')
            return cli_help(cli, help);
        if (o == 'o')
            given[flags.option_count++] = optarg;
        else if (o == 'v')
            flags.verbose = true;
        else if (o == STRICT)
            flags.strict = true;
        else if (o == TIMEOUT) {
            if (!tenon_parse_i64(optarg, &flags.seconds) || flags.seconds < 1 ||
                flags.seconds > 3600)
                return cli_usage_error("plugin", "--timeout %s: expected seconds, 1 to 3600",
                                       optarg);
        } else if (o != FORMAT || !cli_parse_format("plugin", optarg, &flags.json))
            return CLI_USAGE;
    }
    char **words = argv + optind;
    const int count = argc - optind;
    if (count && !strcmp(words[0], "new"))
        return new(words + 1, count - 1);
    if (!count || strcmp(words[0], "check")) {
        static const char *const known[] = { "check", "new", NULL };
        auto_free char *meant = count ? tenon_meant(words[0], known) : NULL;
        return count ? cli_usage_error("plugin", "unknown word \"%s\"%s", words[0], meant)
                     : cli_usage_error("plugin", "check or new?");
    }
    return check(cli, &flags, words + 1, count - 1);
}
