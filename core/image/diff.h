/* image/diff.h - the tar of what one snapshot changes in the chain below it. */
#ifndef TENON_IMAGE_DIFF_H
#define TENON_IMAGE_DIFF_H

#include "base/cancel.h"
#include "image/layer.h"
#include "image/tar.h"
#include "store/store.h"

struct tenon_diff {
    const struct tenon_tar *tar;
    struct tenon_store *store;
    int64_t snapshot;
    const struct tenon_chain *lower;
    bool bare; /* every entry of the snapshot counts, also one that is equal below */
    bool has_epoch;
    int64_t epoch;
    struct tenon_cancel *cancel;
    /* out: what is below changed what was written, so that the bytes do not
     * serve the same snapshot on another chain */
    bool depends;
};
int tenon_diff_write(struct tenon_diff *d, struct tenon_error *err);
/* Does the snapshot, made upon lower, mean the same change on any other chain?  1 yes.  Not one
 * that hides a directory of lower as a whole, or has entries as lower has them. */
int tenon_diff_stands_alone(struct tenon_store *store, int64_t snapshot,
                            const struct tenon_chain *lower, struct tenon_cancel *cancel,
                            struct tenon_error *err);

#endif
