/* cli/verb_du.c - tenon du */
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "usagerows.h"

static const char help[] =
    "Usage: PROGRAM du [OPTIONS]\n"
    "\n"
    "Show what the store holds, and how much of it `PROGRAM prune` could remove.\n"
    "\n"
    "Options:\n"
    "      --filter KEY=VALUE  only what matches: type, until (an age as 24h, or a\n"
    "                          time), id, inuse, mutable, shared, origin (import, or\n"
    "                          a cache's name: what came by --cache-from)\n"
    "      --format FORMAT     table or json (one object a line)\n"
    "  -h, --help              show this\n"
    "  -v, --verbose           all details\n";

struct flags {
    bool json, verbose;
    struct usage_filter filter;
};

static int
by_size(const void *a, const void *b)
{
    const struct tenon_usage_row *x = a, *y = b;
    if (x->size_bytes != y->size_bytes)
        return x->size_bytes < y->size_bytes ? 1 : -1;
    return strcmp(x->id, y->id);
}

static void
show(struct tenon_usage_row *rows, size_t count, const struct flags *flags)
{
    int64_t now = (int64_t)tenon_now_ns();
    int64_t reclaimable = 0, shared = 0, total = 0;
    if (count)
        qsort(rows, count, sizeof *rows, by_size);
    if (!flags->json && !flags->verbose)
        usage_print_header();
    for (size_t i = 0; i < count; i++) {
        const struct tenon_usage_row *row = &rows[i];
        if (!usage_filter_passes(&flags->filter, row, now))
            continue;
        total += row->size_bytes;
        reclaimable += usage_is_reclaimable(row) ? row->size_bytes : 0;
        shared += row->shared ? row->size_bytes : 0;
        if (flags->json)
            usage_put_json(row);
        else if (flags->verbose)
            usage_print_verbose(row);
        else
            usage_print_row(row);
    }
    if (flags->json)
        return;
    if (shared) {
        usage_print_total("Shared:", shared);
        usage_print_total("Private:", total - shared);
    }
    usage_print_total("Reclaimable:", reclaimable);
    usage_print_total("Total:", total);
}

static int
run(const struct cli *cli, const struct flags *flags)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_store *store = NULL;
    struct tenon_usage_row *rows = NULL;
    size_t count = 0;
    if (cli_open_store(cli, &store, &err) < 0)
        return cli_print_error(&err);
    int rc = tenon_usage_list(store, &rows, &count, &err);
    if (rc == 0)
        show(rows, count, flags);
    tenon_usage_free(rows, count);
    tenon_store_close(store);
    return rc < 0 ? cli_print_error(&err) : CLI_OK;
}

int
cli_du(const struct cli *cli, int argc, char **argv)
{
    enum { FORMAT = 256, FILTER };
    static const struct option options[] = {
        {"filter", required_argument, NULL, FILTER},
        {"format", required_argument, NULL, FORMAT},
        {"help", no_argument, NULL, 'h'},
        {"verbose", no_argument, NULL, 'v'},
        {0},
    };
    struct flags flags = {0};
    int status = -1;
    for (int o; status < 0 && (o = cli_getopt(argc, argv, "hv", options)) != -1;) {
        if (o == 'h')
            status = cli_help(cli, help);
        else if (o == 'v')
            flags.verbose = true;
        else if (o == FORMAT && cli_parse_format("du", optarg, &flags.json))
            continue;
        else if (o != FILTER || !usage_filter_add(&flags.filter, "du", optarg))
            status = CLI_USAGE;
    }
    if (status < 0)
        status = optind < argc
                     ? cli_usage_error("du", "unexpected argument \"%s\"", argv[optind])
                     : run(cli, &flags);
    usage_filter_release(&flags.filter);
    return status;
}
