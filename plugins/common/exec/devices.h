/* common/exec/devices.h - which devices a step can open, whatever nodes it finds or
 * makes: those of every step, and what it was granted.
 *
 * The kernel asks a program (BPF) of the version 2 control group that a process
 * is in; machines that use version 1 for all else have that hierarchy, too. */
#ifndef TENON_COMMON_EXEC_DEVICES_H
#define TENON_COMMON_EXEC_DEVICES_H

#include <pthread.h>
#include <stdbool.h>
#include <tenon-plugin.h>

/* Let the group, a directory, open these devices alone, and root in it, root_id on the
 * machine, have low ports.  x's mounts with TENON_MOUNT_DEVICE are granted; NULL: nothing is.  0 or
 * an errno. */
int devices_restrict(int group_fd, const struct tenon_exec *x, uint32_t root_id);

/* A group for that and nothing else, below our own. */
struct devices {
    char *name;
    int parent; /* directory; -1: none was made */
    int procs;  /* cgroup.procs: writing "0" joins; -1: none was made */
};
int devices_make(struct devices *d, const char *name, const struct tenon_exec *x,
                 uint32_t root_id);
void devices_release(struct devices *d); /* its processes are gone */

/* For a step: the group that all steps of a process share, for making one costs more than
 * joining one; or *own, where it was granted devices.  *procs is borrowed.  0 or an errno. */
struct devices_pool {
    pthread_mutex_t lock; /* of the following */
    bool is_made;
    struct devices common;
    int why_none;
    uint32_t root_id; /* of steps with ids of their own; set before the first */
};
#define DEVICES_POOL_INIT { .lock = PTHREAD_MUTEX_INITIALIZER }
int devices_of_step(struct devices_pool *pool, const struct tenon_exec *x, struct devices *own,
                    int *procs);
void devices_pool_release(struct devices_pool *pool);

#endif
