/* common/exec/usernamespace.h - a user namespace for the steps of root's builds.
 *
 * To the kernel a step is no process of the machine's users then.  Without it a step of USER 1000
 * is one of whoever is 1000 on the machine, who reads its secrets, its memory and its files in
 * /proc/PID/environ, mem and root, and writes into its layer: that needs CAP_SYS_PTRACE in the
 * step's namespace, which nobody but root has.
 *
 * Of two kinds: where mounts can be mapped, ids begin at a number that no user of the machine
 * has, and the step is nobody else's in every respect; elsewhere every id is the same inside,
 * and the step can still be signalled. */
#ifndef TENON_COMMON_EXEC_USERNAMESPACE_H
#define TENON_COMMON_EXEC_USERNAMESPACE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* For the configuration of an executor. */
#define USERNAMESPACE_PARAM                                                             \
    { .name = "user-namespace", .help = "steps of root's builds are in one", .def = "true", \
      .type = TENON_TYPE_BOOL }

/* Half of all numbers, beyond those that users, their ranges and containers have; the group of
 * terminals, 5, is below 2^31, for devpts takes no larger one on Linux 6.1.  The last
 * 65535, where some systems have a "nobody", have a place, too; those between are nobody's
 * inside.  Root stays 0 unless it is told otherwise: /proc and /sys are the machine's root's. */
#define USERNAMESPACE_FIRST_PARAM                                                       \
    { .name = "id-base", .help = "where ids of steps begin on the machine; 0: they are its own", \
      .def = "2013265920", .type = TENON_TYPE_INT, .max = USERNAMESPACE_MAX_FIRST }
#define USERNAMESPACE_ROOT_PARAM                                                        \
    { .name = "own-root", .help = "root of steps is another than the machine's", .def = "false", \
      .type = TENON_TYPE_BOOL }
enum { USERNAMESPACE_RESERVED = 65536 };
#define USERNAMESPACE_LAST_INSIDE (UINT32_MAX - (USERNAMESPACE_RESERVED - 1))
#define USERNAMESPACE_LAST_OUTSIDE (USERNAMESPACE_LAST_INSIDE - USERNAMESPACE_RESERVED)
#define USERNAMESPACE_MAX_FIRST (INT32_MAX - 5)
/* How many ids from 0 on are at first on the machine. */
static inline uint32_t
usernamespace_count(uint32_t first)
{
    return USERNAMESPACE_LAST_OUTSIDE - first;
}

struct usernamespace { /* one for all steps of a process */
    pthread_mutex_t lock; /* of the following */
    bool is_made;
    int fd, why_none;
    uint32_t first; /* 0: every id is the same */
    bool has_own_root;
};
#define USERNAMESPACE_INIT { .lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1 }
/* The machine's of an id inside that is not too large. */
static inline uint32_t
usernamespace_outside(const struct usernamespace *u, uint32_t id)
{
    return id || u->has_own_root ? u->first + id : 0;
}
struct usernamespace_extent {
    uint32_t inside, outside, count;
};
enum { USERNAMESPACE_EXTENTS = 32 };
/* How many there are, of users or groups; where every id is the same, those that we have. */
size_t usernamespace_map(const struct usernamespace *u, bool groups,
                         struct usernamespace_extent list[USERNAMESPACE_EXTENTS]);
/* For the process that a new one begins with.  0 or an errno. */
int usernamespace_write_maps(pid_t pid, const struct usernamespace *u);
/* "user", "net", ... of that process; the caller's.  0 or an errno. */
int usernamespace_open(pid_t pid, const char *kind, int *fd);
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
