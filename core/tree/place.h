/* tree/place.h - making and marking things in a destination tree; private to
 * core/tree. */
#ifndef TENON_TREE_PLACE_H
#define TENON_TREE_PLACE_H

#include "tools/vec.h"
#include "tree/tree.h"

struct timespec;

/* Both times of a file: x_ns since 1970. */
void tenon_place_times(int64_t x_ns, struct timespec out[2]);

/* Directories made on the way to somewhere, so that they can be given their
 * time when all is done, or be taken away again. */
struct tenon_made_dirs {
    TENON_VEC(char *) paths; /* outermost first within one call */
};
void tenon_made_dirs_release(struct tenon_made_dirs *m);
TENON_DEFINE_AUTO_STRUCT(made_dirs, struct tenon_made_dirs,
                         tenon_made_dirs_release);
#define auto_made_dirs __attribute__((cleanup(tenon_auto_made_dirs)))

/* mkdir -p in the root: new ones get mode & 0777 and the owner.  made may be
 * NULL. */
int tenon_place_mkdir_p(int dst, const char *path, uint32_t mode,
                        const struct tenon_owner *owner,
                        struct tenon_made_dirs *made, struct tenon_error *err);
/* timestamp_ns -1: leave them. */
int tenon_place_fix_times(int dst, const struct tenon_made_dirs *made,
                          int64_t timestamp_ns, struct tenon_error *err);
void tenon_place_unmake(int dst, const struct tenon_made_dirs *made);

/* The path that `path` means inside dst, links followed, clean and absolute.
 * "too many links" when they go round in circles. */
int tenon_place_resolve(int dst, const char *path, char **out,
                        struct tenon_error *err);
/* Open the directory that holds the last component of a resolved path, and
 * that component (points into path). */
int tenon_place_parent(int dst, const char *path, const char **name,
                       struct tenon_error *err);

#endif
