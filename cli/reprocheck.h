/* cli/reprocheck.h - tenon build --repro-check: is the image the same when it is built again? */
#ifndef TENON_CLI_REPROCHECK_H
#define TENON_CLI_REPROCHECK_H

#include "buildflags.h"
#include "cli.h"

/* One build; what is in the flags becomes its own. */
typedef int repro_build(const struct cli *cli, struct build_flags *flags);

/* The build that is asked for; then again without cache, in a store elsewhere, with another number
 * of threads, umask, second, time zone and directory for temporary files; each is a process of its
 * own.  Says in one line that the images are equal, or what differs first.  The exit status. */
int repro_check(const struct cli *cli, const struct build_flags *flags, repro_build *build);

#endif
