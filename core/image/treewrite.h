/* image/treewrite.h - a tree of files that may be worked in, as a tar: what a cache mount is
 * sent as.
 *
 * All that tools and the unpacking know of a file: mode, owner, time to the nanosecond, "user."
 * attributes and capabilities, links of both kinds. Sockets and devices are left out. Its own
 * entry, "/", comes first, the others by name: equal trees give equal bytes. */
#ifndef TENON_IMAGE_TREEWRITE_H
#define TENON_IMAGE_TREEWRITE_H

#include "base/cancel.h"
#include "base/error.h"
#include "image/tar.h"

struct tenon_tree_tar {
    const struct tenon_tar *tar;
    /* Before the header of a file with so many bytes, and after its data: where it may be worth
     * while to begin something new. */
    int (*border)(void *data, uint64_t size, struct tenon_error *err);
    void *data;
    struct tenon_cancel *cancel;
};
/* dirfd: O_PATH is fine. UNAVAILABLE: a file became shorter while it was read; what is gone when
 * its turn comes is left out. */
int tenon_tree_tar_write(const struct tenon_tree_tar *t, int dirfd, struct tenon_error *err);

#endif
