/* store/orphans.h - trees and blobs without a row in the database. */
#ifndef TENON_STORE_ORPHANS_H
#define TENON_STORE_ORPHANS_H

#include "store/private.h"

/* Remove the trees and blobs without a row: those a collector has just deleted
 * the rows of, and what killed processes left.  Reads the whole store: for
 * collectors only.  Of the options it uses the callback. */
int store_collect_orphans(struct tenon_store *s, const struct tenon_prune_options *o,
                          struct tenon_error *err);

/* Their names, below the root; others may be making some, which are not among them. */
int store_list_orphans(struct tenon_store *s, char ***paths, struct tenon_error *err);

/* Remove these trees of snapshots/ alone. */
int store_collect_snapshots(struct tenon_store *s, char *const *numbers,
                            struct tenon_error *err);

#endif
