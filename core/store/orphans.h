/* orphans.h - files that no row speaks of. */
#ifndef TENON_STORE_ORPHANS_H
#define TENON_STORE_ORPHANS_H

#include "store/private.h"

/* Remove the trees and blobs without a row: those a collector has just deleted
 * the rows of, and what killed processes left.  Reads the whole store: for
 * collectors only. */
int store_collect_orphans(struct tenon_store *s, struct tenon_error *err);

#endif
