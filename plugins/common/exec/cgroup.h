/* common/exec/cgroup.h - control groups of steps: one named like the step directly below
 * our own group, in every hierarchy.  No group between the two, which would be left
 * behind.  Version 1, version 2 and both at once. */
#ifndef TENON_COMMON_EXEC_CGROUP_H
#define TENON_COMMON_EXEC_CGROUP_H

#include <stdbool.h>
#include <stddef.h>

#include <tenon-plugin.h>

#define CGROUP_ROOT "/sys/fs/cgroup"

/* Where the group of a step is, relative as runtimes take it.
 * The caller frees it. */
char *cgroup_path(const struct tenon_exec *x);
bool cgroup_has_limits(const struct tenon_exec *x);

/* Did the kernel kill a process of the step for its memory limit?  Before the
 * group is removed. */
bool cgroup_ran_out_of_memory(const char *path);

/* The hint of a step to which it happened. */
#define CGROUP_OUT_OF_MEMORY                                                  \
    "a process of the step was killed, out of memory: raise --resource memory"

/* Remove what is left of a step; its processes are gone. */
void cgroup_remove(const char *path);
/* Remove groups of tenon processes that have ended. */
void cgroup_sweep(void);
void cgroup_sweep_in(int dir); /* in this one */

/* The group that all steps of a process share lives as long as that process, and is
 * empty between them: "tenon-PID-devices-NAMESPACE", so that nobody for whom that PID is
 * another takes it for stale. */
#define CGROUP_DEVICES "devices"
uint64_t cgroup_pid_namespace(void);

/* Our own group of version 2, "/a/b"; NULL: the root.  The caller frees it. */
char *cgroup_own_v2(void);

/* A group in which a runtime makes that of a step, where version 2 is all there is: its
 * directory, and *inner, the path for the runtime, which the caller frees.  -1 and errno:
 * ENOTSUP where version 1 has the controllers. */
int cgroup_make_outer(const char *path, char **inner);

/* A group of our own making: for an executor without a runtime, and for a
 * runtime that could not make one in all hierarchies, as it would. */
struct cgroup {
    int *procs; /* open cgroup.procs files: writing "0" joins */
    size_t count;
    int v2;     /* directory of the version 2 group; -1: there is none */
    char *path;
};
#define CGROUP_INIT { .v2 = -1 }
/* 0, or an errno and *what (static or c's). */
int cgroup_make(struct cgroup *c, const struct tenon_exec *x, const char **what);
/* cgroup_make with its error set, and a hint for an ordinary user. */
int cgroup_open(const struct tenon_host *host, struct cgroup *c, const struct tenon_exec *x,
                struct tenon_error *err);
/* The calling process; async-signal-safe.  0, or an errno and *what. */
int cgroup_join(const int *procs, size_t count, const char **what);
void cgroup_release(struct cgroup *c); /* removes the group */

#endif
