/* common/exec/guard.h - nothing of a step outlives tenon.
 *
 * A step's first process is not our child but our grandchild: between us is the
 * guard, a forked copy of this process that never runs another program and is
 * number 1 of a PID namespace of its own.  When tenon dies, however it dies, the
 * guard's pipe ends; it kills what is in its namespace, and exits.  Killing the guard
 * is also how a step is cancelled; waiting for it returns only when the namespace is
 * empty.
 *
 * fork() in a threaded process: between fork and exec or _exit only
 * async-signal-safe calls, all data prepared before. */
#ifndef TENON_COMMON_EXEC_GUARD_H
#define TENON_COMMON_EXEC_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct guard_report; /* where a child says what went wrong */
/* Runs in the grandchild, all signals blocked, descriptors other than `keep`
 * closed.  Execs, or says why not with guard_fail. */
typedef void guard_child(void *data, int report_fd);

/* Instead of a namespace of numbers of its own, that of a step which runs: the child is one more
 * process of it, and ends with its number 1.  The end of the guard, or of tenon, kills the child
 * alone. */
struct guard_join {
    int pidfd;   /* whose namespaces */
    int flags;   /* CLONE_NEW* that the guard enters, too */
};

/* When the child's program runs. */
struct guard_news {
    int send_fd; /* of a socket: the guard sends a pidfd of the child; -1.  In `keep`, too */
    int fd;      /* polled here; -1 */
    bool (*seen)(void *data, int guard); /* it is readable, and the guard's number; false:
                                          * enough of it */
    void *data;
};

struct guard_options {
    uint64_t guard_flags; /* CLONE_NEWNS ... besides CLONE_NEWPID */
    uint64_t child_flags; /* CLONE_NEW* of the grandchild */
    /* In the guard, before the child is made; 0 or an errno with *what. */
    int (*guard_setup)(void *data, const char **what);
    guard_child *child;
    void *data;
    const int *keep; /* descriptors that the child needs */
    size_t keep_count;
    int cancel_fd;   /* readable: kill all; -1 */
    /* The child has a PID namespace of its own, so nothing is left when it ends, and the end of
     * the guard makes no difference: do not wait for it. */
    bool child_is_all;
    const struct guard_join *join; /* or NULL */
    const struct guard_news *news; /* or NULL */
};

enum guard_outcome {
    GUARD_EXITED,    /* *wait_status is the child's */
    GUARD_CANCELLED, /* everything was killed */
    GUARD_FAILED,    /* set-up went wrong: what and sys tell */
};
struct guard_result {
    enum guard_outcome outcome;
    int32_t wait_status;
    int sys;
    char what[120];
};

/* Blocks until no process of the step is left. */
void guard_run(const struct guard_options *o, struct guard_result *result);
/* Collect guards that were not waited for; all: wait for them now. */
void guard_reap(bool all);

/* What the guard sent, from the other end of the socket; -1: nothing. */
int guard_take_pidfd(int fd);

/* For the child and set-up: async-signal-safe. Does not return. */
void guard_fail(int report_fd, const char *what, int sys) __attribute__((noreturn));
/* Back to how a program expects signals, for the child before exec. */
void guard_reset_signals(void);

#endif
