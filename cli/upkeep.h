/* cli/upkeep.h - what is done for a store when a build is over: by a process of its own, of the
 * lowest priority, so that nobody waits for a disk. */
#ifndef TENON_CLI_UPKEEP_H
#define TENON_CLI_UPKEEP_H

#include "cli.h"

/* Have a process wait for the end of this one, however it ends.  Before this one has threads,
 * mounts of its own and secrets.  -1: there is none, or none is wanted (TENON_UPKEEP=off). */
int upkeep_wait(const struct cli *cli);
/* The build is over; fd of upkeep_wait.  Unless wanted, the process ends. */
void upkeep_go(int fd, bool wanted);
/* At once, from a process that goes on. */
void upkeep_start(const struct cli *cli);

#endif
