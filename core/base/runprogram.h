/* base/runprogram.h - a program of this machine, run until it ends. */
#ifndef TENON_BASE_RUNPROGRAM_H
#define TENON_BASE_RUNPROGRAM_H

#include <stddef.h>

#include "base/cancel.h"
#include "base/error.h"

struct tenon_run_fd {
    int fd, as; /* ours, and its number in the program */
};

struct tenon_run {
    const char *path; /* absolute */
    const char *const *argv, *const *env;
    const char *directory;
    const struct tenon_run_fd *fds;
    size_t fd_count;
    struct tenon_cancel *cancel; /* or NULL */
    /* What it writes to 1 and 2 (stream) that are not in fds, by the calling thread. */
    void (*said)(void *data, int stream, const void *text, size_t len);
    void *data;
};

/* The path of a program that is not a directory and may be executed: name itself where it has a
 * "/" (absolute, or the caller stays where it is), else from $PATH.  malloc'ed; NULL: there is
 * none. */
char *tenon_program_find(const char *name);
/* Blocking; any thread, which must not end before.  *wait_status as from waitpid(2).  The program
 * leads a group of processes: cancelled, the group gets SIGTERM, two seconds later SIGKILL, and
 * the answer is CANCELLED; whatever is left of it when the program has ended is killed.  Who has
 * left the group (setsid) is not, and nothing that it writes after the end is waited for.  The
 * program gets SIGKILL when the calling thread ends, and so when the process does.  An error: it
 * was not run. */
int tenon_program_run(const struct tenon_run *r, int *wait_status, struct tenon_error *err);

#endif
