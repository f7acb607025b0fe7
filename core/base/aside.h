/* base/aside.h - directories far up in a walk are closed while one below them is at hand: a tree
 * may be deeper than a process may have descriptors. */
#ifndef TENON_BASE_ASIDE_H
#define TENON_BASE_ASIDE_H

#include <sys/types.h>

#include "base/error.h"

/* Levels of a walk that stay open; those below are set aside.  Each may have two descriptors. */
enum { TENON_ASIDE_DEPTH = 64 };

struct tenon_aside { /* of a directory that is closed; zero: it is not */
    dev_t dev;
    ino_t ino;
};

/* Closes *fd, which is -1 then. */
int tenon_aside_close(int *fd, struct tenon_aside *a, struct tenon_error *err);
/* Opens it by the parent of inner, a directory in it; nothing if it was not closed.  A directory
 * that was moved meanwhile is TENON_E_FAILED: a walk never leaves its tree. */
int tenon_aside_open(int inner, int *fd, struct tenon_aside *a, struct tenon_error *err);

#endif
