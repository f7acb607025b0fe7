/* compare/treediff.h - two trees of files, entry by entry. */
#ifndef TENON_COMPARE_TREEDIFF_H
#define TENON_COMPARE_TREEDIFF_H

#include "compare/difference.h"
#include "compare/filetree.h"

/* Both are settled.  In the order of paths. */
int tenon_treediff(struct tenon_comparison *c, struct tenon_filetree *a,
                   struct tenon_filetree *b, struct tenon_error *err);

#endif
