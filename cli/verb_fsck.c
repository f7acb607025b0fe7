/* cli/verb_fsck.c - tenon fsck */
#include <string.h>

#include "cli.h"

static const char help[] =
    "Usage: PROGRAM fsck [OPTIONS]\n"
    "\n"
    "Check that the store holds what its records say: trees, the bytes of each blob,\n"
    "records of builds, and what belongs to nobody. Builds may run meanwhile.\n"
    "\n"
    "Options:\n"
    "      --format FORMAT   table or json (one object a line)\n"
    "  -h, --help            show this\n"
    "      --json            the same as --format json\n"
    "      --repair          forget what is damaged, which builds make again, and\n"
    "                        remove what killed processes left\n"
    "\n"
    "Exit status: 1 when something is damaged and was not repaired.\n";

struct flags {
    bool json, repair;
};

static void
found(void *data, const struct tenon_fault *fault)
{
    const struct flags *flags = data;
    if (!flags->json) {
        printf("%s %s%s\n", fault->object, fault->problem,
               fault->is_repaired ? fault->is_leftover ? ": removed" : ": forgotten" : "");
        return;
    }
    auto_json struct json_object *o = json_object_new_object();
    json_object_object_add(o, "object", json_object_new_string(fault->object));
    json_object_object_add(o, "problem", json_object_new_string(fault->problem));
    json_object_object_add(o, "kind",
                           json_object_new_string(fault->is_leftover ? "leftover" : "damage"));
    json_object_object_add(o, "repaired", json_object_new_boolean(fault->is_repaired));
    cli_put_json(o);
}

static void
sum_up(const struct flags *flags, const struct tenon_fsck_counts *c)
{
    static const char *const words[TENON_FSCK_KINDS] = {
        [TENON_FSCK_SNAPSHOTS] = "snapshots", [TENON_FSCK_RECORDS] = "records",
        [TENON_FSCK_BLOBS] = "blobs", [TENON_FSCK_CACHES] = "cache mounts",
        [TENON_FSCK_IMAGES] = "images", [TENON_FSCK_BUILDS] = "records of builds",
    };
    if (flags->json)
        return;
    printf("Looked at:");
    for (size_t i = 0; i < TENON_FSCK_KINDS; i++)
        printf("%s %lld %s", i ? "," : "", (long long)c->looked_at[i], words[i]);
    printf("\nDamaged: %lld. Left by killed processes: %lld. Repaired: %lld.\n",
           (long long)c->damaged, (long long)c->leftovers, (long long)c->repaired);
    if (!flags->repair && c->damaged + c->leftovers)
        printf("`tenon fsck --repair` %s.\n",
               c->damaged ? "forgets what is damaged" : "removes what was left");
}

/* The database itself is what is damaged. */
static int
start_over(const struct cli *cli, const struct flags *flags, struct tenon_store **store,
           struct tenon_error *err)
{
    static const struct tenon_fault gone = { "tenon.db", "is damaged: all records", false, true };
    auto_free char *root = cli_store_path(cli);
    tenon_store_close(*store);
    *store = NULL;
    tenon_error_release(err);
    if (tenon_store_start_over(root, err) < 0 || cli_open_store(cli, store, err) < 0)
        return err->code;
    found((void *)flags, &gone);
    return 0;
}

static int
run(const struct cli *cli, const struct flags *flags)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    const struct tenon_fsck_options o = { flags->repair, found, (void *)flags };
    struct tenon_fsck_counts counts = {0};
    struct tenon_store *store = NULL;
    int rc = cli_open_store(cli, &store, &err);
    if (rc == 0)
        rc = tenon_store_fsck(store, &o, &counts, &err);
    if (rc == TENON_E_CORRUPT && flags->repair) {
        rc = start_over(cli, flags, &store, &err);
        if (rc == 0)
            rc = tenon_store_fsck(store, &o, &counts, &err);
    }
    tenon_store_close(store);
    if (rc < 0)
        return cli_print_error(&err);
    sum_up(flags, &counts);
    return counts.still_damaged ? CLI_FAILED : CLI_OK;
}

int
cli_fsck(const struct cli *cli, int argc, char **argv)
{
    enum { FORMAT = 256, JSON, REPAIR };
    static const struct option options[] = {
        {"format", required_argument, NULL, FORMAT},
        {"help", no_argument, NULL, 'h'},
        {"json", no_argument, NULL, JSON},
        {"repair", no_argument, NULL, REPAIR},
        {0},
    };
    struct flags flags = {0};
    for (int o; (o = cli_getopt(argc, argv, "h", options)) != -1;) {
        if (o == 'h')
            return cli_help(cli, help);
        if (o == JSON)
            flags.json = true;
        else if (o == REPAIR)
            flags.repair = true;
        else if (o != FORMAT || !cli_parse_format("fsck", optarg, &flags.json))
            return CLI_USAGE;
    }
    if (optind < argc)
        return cli_usage_error("fsck", "unexpected argument \"%s\"", argv[optind]);
    return run(cli, &flags);
}
