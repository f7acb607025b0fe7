/* cli/verb_prune.c - tenon prune */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "tools/parse.h"
#include "usagerows.h"

static const char help[] =
    "Usage: PROGRAM prune [OPTIONS]\n"
    "\n"
    "Remove what builds left in the store and no running build uses.\n"
    "\n"
    "Options:\n"
    "  -a, --all                  also what engine and frontends keep for themselves\n"
    "      --filter KEY=VALUE     only what matches: type, until (unused for 24h, or\n"
    "                             since a time), id, mutable, shared, origin (import,\n"
    "                             or a cache's name: what came by --cache-from)\n"
    "  -f, --force                do not ask\n"
    "      --format FORMAT        table or json (one object a line)\n"
    "  -h, --help                 show this\n"
    "      --max-used-space SIZE  remove only what is beyond this much\n"
    "      --min-free-space SIZE  remove only until this much of the disk is free\n"
    "      --reserved-space SIZE  keep this much (also --keep-storage)\n"
    "  -v, --verbose              all details of what was removed\n";

struct flags {
    bool force, json, verbose;
    struct usage_filter filter;
    struct tenon_prune_options prune;
};

static void
show(const struct tenon_usage_row *rows, size_t count, const struct flags *flags)
{
    int64_t total = 0;
    if (!flags->json && !flags->verbose && count)
        usage_print_header();
    for (size_t i = 0; i < count; i++) {
        total += rows[i].size_bytes;
        if (flags->json)
            usage_put_json(&rows[i]);
        else if (flags->verbose)
            usage_print_verbose(&rows[i]);
        else
            usage_print_row(&rows[i]);
    }
    if (!flags->json)
        usage_print_total("Total:", total);
}

static int
run(const struct cli *cli, const struct flags *flags)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    if (!flags->force) {
        if (!isatty(STDIN_FILENO)) {
            tenon_error_set(&err, TENON_E_INVALID, "cannot ask: standard input is not "
                                                   "a terminal");
            tenon_error_hint(&err, "pass --force");
            return cli_print_error(&err);
        }
        if (!cli_confirm(flags->prune.all
                             ? "This removes all that no image with a name needs. Continue?"
                             : "This removes the build cache that no image needs. Continue?"))
            return CLI_FAILED;
    }

    struct tenon_store *store = NULL;
    struct tenon_usage_row *rows = NULL;
    size_t count = 0;
    if (cli_open_store(cli, &store, &err) < 0)
        return cli_print_error(&err);
    tenon_store_sweep(store);
    int rc = tenon_prune(store, &flags->prune, &rows, &count, &err);
    if (rc == 0)
        show(rows, count, flags);
    tenon_usage_free(rows, count);
    tenon_store_close(store);
    return rc < 0 ? cli_print_error(&err) : CLI_OK;
}

static bool
parse_space(const char *value, int64_t *bytes)
{
    if (tenon_parse_size(value, bytes) && *bytes >= 0)
        return true;
    cli_usage_error("prune", "bad size \"%s\": expected a number with k, m or g", value);
    return false;
}

static bool
passes(void *data, const struct tenon_usage_row *row)
{
    return usage_filter_passes(data, row, (int64_t)tenon_now_ns());
}

/* Some the collector knows itself. */
static bool
take_filter(struct flags *flags, const char *text)
{
    if (!usage_filter_add(&flags->filter, "prune", text))
        return false;
    struct usage_filter *f = &flags->filter;
    if (f->in_use > 0) {
        cli_usage_error("prune", "filter \"%s\": what is in use is not removed", text);
        return false;
    }
    flags->prune.type = f->type;
    flags->prune.older_than_ns = f->older_than_ns;
    flags->prune.origin = f->origin;
    if (f->id || f->mutable_ || f->shared) {
        flags->prune.passes = passes;
        flags->prune.passes_data = f;
    }
    return true;
}

static int
parse_and_run(const struct cli *cli, int argc, char **argv, struct flags *flags)
{
    enum { FORMAT = 256, FILTER, KEEP, MAX_USED, MIN_FREE };
    static const struct option options[] = {
        {"all", no_argument, NULL, 'a'},
        {"filter", required_argument, NULL, FILTER},
        {"force", no_argument, NULL, 'f'},
        {"format", required_argument, NULL, FORMAT},
        {"help", no_argument, NULL, 'h'},
        {"keep-storage", required_argument, NULL, KEEP},
        {"max-used-space", required_argument, NULL, MAX_USED},
        {"min-free-space", required_argument, NULL, MIN_FREE},
        {"reserved-space", required_argument, NULL, KEEP},
        {"verbose", no_argument, NULL, 'v'},
        {0},
    };
    for (int o; (o = cli_getopt(argc, argv, "afhv", options)) != -1;) {
        bool good = true;
        switch (o) {
        case 'a':
            flags->prune.all = true;
            break;
        case 'f':
            flags->force = true;
            break;
        case 'h':
            return cli_help(cli, help);
        case 'v':
            flags->verbose = true;
            break;
        case FORMAT:
            good = cli_parse_format("prune", optarg, &flags->json);
            break;
        case FILTER:
            good = take_filter(flags, optarg);
            break;
        case KEEP:
            good = parse_space(optarg, &flags->prune.keep_bytes);
            break;
        case MAX_USED:
            good = parse_space(optarg, &flags->prune.max_bytes);
            break;
        case MIN_FREE:
            good = parse_space(optarg, &flags->prune.min_free_bytes);
            break;
        default:
            good = false;
        }
        if (!good)
            return CLI_USAGE;
    }
    if (optind < argc)
        return cli_usage_error("prune", "unexpected argument \"%s\"", argv[optind]);
    return run(cli, flags);
}

int
cli_prune(const struct cli *cli, int argc, char **argv)
{
    struct flags flags = {0};
    int status = parse_and_run(cli, argc, argv, &flags);
    usage_filter_release(&flags.filter);
    return status;
}
