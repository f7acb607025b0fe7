/* store/fsck.h - what the parts of the check share. */
#ifndef TENON_STORE_FSCK_H
#define TENON_STORE_FSCK_H

#include "store/named.h"

struct fsck {
    struct tenon_store *store;
    const struct tenon_fsck_options *options;
    struct tenon_fsck_counts *counts;
    struct store_named damaged; /* digests of blobs that are not what they should be */
    bool has_read;              /* the blob that is looked at: it has a file */
};

/* ---- fsckrows.c --------------------------------------------------------------- */
/* Tell of one; *problem is malloc'ed and taken. */
void fsck_tell(struct fsck *f, const char *object, char **problem, bool is_leftover,
               bool is_repaired);
/* Every row of each kind against the files that it speaks of. */
int fsck_rows(struct fsck *f, struct tenon_error *err);

#endif
