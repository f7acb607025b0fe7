/* image/lower.h - looking into a chain of snapshots without mounting it: the
 * directories that overlay would merge, topmost first. */
#ifndef TENON_IMAGE_LOWER_H
#define TENON_IMAGE_LOWER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "base/error.h"
#include "tools/cleanup.h"
#include "store/store.h"

/* One merged directory: descriptors (O_PATH) of its parts, owned. */
struct tenon_lower {
    struct tenon_store *store;
    int *fds;
    size_t len;
};
void tenon_lower_release(struct tenon_lower *l);
TENON_DEFINE_AUTO_STRUCT(lower, struct tenon_lower, tenon_lower_release);
#define auto_lower __attribute__((cleanup(tenon_auto_lower)))

/* The root of a chain. */
int tenon_lower_open(struct tenon_store *s, const struct tenon_chain *chain,
                     struct tenon_lower *out, struct tenon_error *err);
/* What `name` is in it: 1 and *st, 0 not there.  For a directory *sub gets the
 * merged one; for anything else *at is the part that holds it (borrowed). */
int tenon_lower_find(const struct tenon_lower *l, const char *name, struct stat *st,
                     struct tenon_lower *sub, int *at, struct tenon_error *err);
/* Names in it, sorted, NULL-terminated, for tenon_strv_free. */
int tenon_lower_list(const struct tenon_lower *l, char ***names,
                     struct tenon_error *err);

/* One overlay attribute ("opaque", "redirect", "metacopy") of an open file, in
 * either spelling; O_PATH descriptors are fine.  The value's first byte, 0
 * for none. */
char tenon_overlay_attr(int fd, const char *which);

#endif
