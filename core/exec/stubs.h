/* exec/stubs.h - mount points that a step needs and its image does not have.
 *
 * They are made in the step's root before it runs and taken away after it, by
 * descriptor, when they are still empty; the directories above them get their
 * times back.  What the step itself changed there stays. */
#ifndef TENON_EXEC_STUBS_H
#define TENON_EXEC_STUBS_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/error.h"
#include "tenon-plugin.h"
#include "tools/vec.h"

struct tenon_stub { /* a name that we made */
    int parent;     /* descriptor of its directory */
    char *name;
    bool leaf;      /* the mount point, not a directory on the way to it */
};
struct tenon_stub_parent { /* was there before; the upper may hold a copy now */
    char *path;
    struct stat st;
};
struct tenon_stubs { /* zeroed: empty */
    TENON_VEC(struct tenon_stub) made;
    TENON_VEC(struct tenon_stub_parent) parents;
    TENON_VEC(char *) covered; /* real paths of mounts: below them the executor
                                * makes mount points, in the mounted tree */
    struct tenon_step_ids ids; /* what those on disk are in the mounted tree */
};

/* Make sure that target, as the root's links lead to it, exists.  covers: it
 * will be mounted over.  EOVERFLOW: a directory on the way has an owner whom ids do not have. */
int tenon_stubs_add(struct tenon_stubs *s, int rootfd, const char *target,
                    bool is_dir, bool covers, struct tenon_error *err);
/* recursive: the directories on the way, too. */
void tenon_stubs_remove(struct tenon_stubs *s, bool recursive);
/* After the root was unmounted: an upper directory that is empty and as the
 * one below it was only copied up for a stub; drop it. */
void tenon_stubs_prune(struct tenon_stubs *s, int upperfd);
void tenon_stubs_release(struct tenon_stubs *s);

#endif
