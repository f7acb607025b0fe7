/* store/work.h - a snapshot that is being made. */
#ifndef TENON_STORE_WORK_H
#define TENON_STORE_WORK_H

#include "store/private.h"

struct tenon_snapshot_work {
    struct tenon_store *store;
    char *name;    /* below tmp/ */
    int dir;       /* locked */
    int fs;        /* O_PATH */
    char *fs_path;
    bool overlaid; /* was the upper of an overlay, or of a copy */
    int merged;    /* the copy that becomes changes (copies.h), or -1 */
    struct store_entry *before;
    enum { NOT_SETTLED, SETTLED, NOT_ALL_SETTLED } settled;
};

#endif
