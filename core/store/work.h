/* work.h - a snapshot that is being made. */
#ifndef TENON_STORE_WORK_H
#define TENON_STORE_WORK_H

#include "store/private.h"

struct tenon_snapshot_work {
    struct tenon_store *store;
    char *name;    /* below tmp/ */
    int dir;       /* locked */
    int fs;        /* O_PATH */
    char *fs_path;
    bool overlaid; /* was the upper of an overlay */
};

/* A fresh locked directory below tmp/; its descriptor, and *name malloc'ed. */
int store_temp_dir(struct tenon_store *s, const char *prefix, char **name,
                   struct tenon_error *err);

/* A directory in memory that is there as long as the store is open, and its name
 * below tmp/; -1 when there can be none. */
int store_tmpfs(struct tenon_store *s, const char **name);
void store_tmpfs_close(struct tenon_store *s);

#endif
