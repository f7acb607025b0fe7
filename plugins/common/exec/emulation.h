/* common/exec/emulation.h - programs of other processors, for single steps: a user namespace in
 * which the kernel knows formats that it knows nowhere else (binfmt_misc, which each such namespace
 * can have for itself since Linux 6.7).  Interpreters are opened when they are registered, so
 * that the step's root need not have them. */
#ifndef TENON_COMMON_EXEC_EMULATION_H
#define TENON_COMMON_EXEC_EMULATION_H

#include <pthread.h>
#include <tenon-plugin.h>

#include "common/exec/usernamespace.h"

struct emulation_users {
    bool is_made;
    int why_none;
    int users_fd;   /* -1: that of this process */
    int formats_fd; /* the file system with the formats: they end with it */
};
struct emulation { /* one for all steps of a process */
    pthread_mutex_t lock; /* of the following */
    char **lines;         /* as they are registered */
    struct emulation_users same, own; /* ids as they are, and those that only steps have */
};
#define EMULATION_INIT { .lock = PTHREAD_MUTEX_INITIALIZER,          \
                         .same = { .users_fd = -1, .formats_fd = -1 }, \
                         .own = { .users_fd = -1, .formats_fd = -1 } }

/* Before all else, once.  0, or an errno: it cannot be had. */
int emulation_begin(struct emulation *e, const struct tenon_exec_format *const *formats,
                    size_t count);
/* A namespace with the ids of `ids`; *fd is borrowed, or -1: the one that we are in.  0 or an
 * errno. */
int emulation_users(struct emulation *e, const struct usernamespace *ids, int *fd);
void emulation_release(struct emulation *e);

#endif
