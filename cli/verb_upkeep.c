/* cli/verb_upkeep.c - tenon upkeep: for the store, when builds are over. */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli.h"

static const char help[] =
    "Usage: PROGRAM upkeep [OPTIONS]\n"
    "\n"
    "Have on disk what builds left in the store, so that it counts after a power cut.\n"
    "Each build starts this when it is over, unless TENON_UPKEEP=off.\n"
    "\n"
    "Options:\n"
    "      --background   return at once\n"
    "  -h, --help         show this\n";

/* Whoever builds comes first. */
static void
step_back(void)
{
    enum { OF_PROCESS = 1, CLASS_SHIFT = 13, IDLE = 3 };
    setpriority(PRIO_PROCESS, 0, 19);
    syscall(SYS_ioprio_set, OF_PROCESS, 0, IDLE << CLASS_SHIFT);
}

/* One at a time is enough: who comes second finds less to do. */
static int
look_after(struct tenon_store *store, struct tenon_error *err)
{
    struct tenon_lock *lock = NULL;
    if (tenon_lock_acquire(store, "upkeep", false, -1, NULL, &lock, err) < 0)
        return err->code;
    int rc = tenon_store_flush(store, err);
    tenon_lock_release(lock);
    return rc;
}

static int
run(const struct cli *cli)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_store *store = NULL;
    if (access(cli->root, F_OK) < 0 && errno == ENOENT)
        return CLI_OK; /* it was removed since: nothing is made */
    step_back();
    int rc = cli_open_store(cli, &store, &err);
    if (rc == 0)
        rc = look_after(store, &err);
    tenon_store_close(store);
    return rc < 0 ? cli_print_error(&err) : CLI_OK;
}

int
cli_upkeep(const struct cli *cli, int argc, char **argv)
{
    enum { BACKGROUND = 256 };
    static const struct option options[] = {
        {"background", no_argument, NULL, BACKGROUND},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    bool background = false;
    for (int o; (o = cli_getopt(argc, argv, "h", options)) != -1;) {
        if (o == 'h')
            return cli_help(cli, help);
        if (o != BACKGROUND)
            return CLI_USAGE;
        background = true;
    }
    if (optind < argc)
        return cli_usage_error("upkeep", "unexpected argument \"%s\"", argv[optind]);
    if (background && fork() != 0)
        _exit(CLI_OK);
    return run(cli);
}
