/* common/exec/running.h - the steps that an executor runs now, by their ids: for those who want
 * another process in one of them, or to send it a signal. */
#ifndef TENON_COMMON_EXEC_RUNNING_H
#define TENON_COMMON_EXEC_RUNNING_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct running_step { /* in the frame of who runs it; its own, but as said */
    struct running_step *next; /* the list's */
    const char *id;
    const char *work;    /* a directory of it; or NULL */
    const int *procs;    /* its control groups (cgroup.h) */
    size_t proc_count;
    int pidfd;           /* whose namespaces and signals are the step's; the list's, -1: not yet */
};
struct running { /* one for all steps of a process */
    pthread_mutex_t lock;
    struct running_step *first;
};
#define RUNNING_INIT { .lock = PTHREAD_MUTEX_INITIALIZER }

void running_add(struct running *r, struct running_step *s);
void running_remove(struct running *r, struct running_step *s); /* closes the pidfd */
/* It can be joined from here on.  Takes the pidfd over. */
void running_set(struct running *r, struct running_step *s, int pidfd);

struct running_copy { /* of what is in the list, the caller's */
    int pidfd;
    char *work;
    int *procs; /* above the standard numbers */
    size_t proc_count;
};
/* False: no step of that id runs. */
bool running_find(struct running *r, const char *id, struct running_copy *out);
void running_copy_release(struct running_copy *c);

#endif
