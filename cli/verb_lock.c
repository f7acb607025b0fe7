/* cli/verb_lock.c - tenon lock: what the sources of a build stand for now, as a file. */
#include <string.h>

#include "cli.h"

int
cli_lock(const struct cli *cli, int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
            cli_help(cli, "Usage: PROGRAM lock [FLAGS] CONTEXT\n\n"
                     "Write a lock file: the digests of all images, files of the web, commits,\n"
                     "frontends and named contexts that the build with these flags uses. It is\n"
                     "beside the build file, as Dockerfile.lock, or where --lock-file says. No\n"
                     "step is run. With build --locked nothing else is used.\n\n"
                     "The flags are those of build.\n");
            return CLI_OK;
        }
    return cli_build_locking(cli, argc, argv);
}
