/* common/exec/usernamespace.h - a user namespace for the steps of root's builds.
 *
 * Every id is the same inside, so files are whose they were; but to the kernel a step is no
 * process of the machine's users.  Without it a step of USER 1000 is one of whoever is
 * 1000 on the machine, who reads its secrets, its memory and its files in
 * /proc/PID/environ, mem and root, and writes into its layer: that needs CAP_SYS_PTRACE in the
 * step's namespace now, which nobody but root has. */
#ifndef TENON_COMMON_EXEC_USERNAMESPACE_H
#define TENON_COMMON_EXEC_USERNAMESPACE_H

#include <pthread.h>
#include <stdbool.h>

/* For the configuration of an executor. */
#define USERNAMESPACE_PARAM                                                             \
    { .name = "user-namespace", .help = "steps of root's builds are in one", .def = "true", \
      .type = TENON_TYPE_BOOL }

struct usernamespace { /* one for all steps of a process */
    pthread_mutex_t lock; /* of the following */
    bool is_made;
    int fd, why_none;
};
#define USERNAMESPACE_INIT { .lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1 }
/* *fd is borrowed.  0, or an errno: there is none to be had. */
int usernamespace_get(struct usernamespace *u, int *fd);
void usernamespace_release(struct usernamespace *u);

/* A network, in which the capabilities of who is in the namespace count.  *fd
 * is the caller's.  0 or an errno. */
int usernamespace_network(int users_fd, int *fd);

/* Can a runtime make what a step needs inside of one?  Where parts of /proc are hidden, as in
 * containers, it cannot mount another.  0 or an errno. */
int usernamespace_try_proc(void);

#endif
