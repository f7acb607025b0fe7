/* store/deep.h - chains of more layers than an overlay can have.
 *
 * The lowest layers of such a chain are laid on each other once, in a tree of hard links, which
 * then takes their place as a single layer. Nothing writes to it: an overlay copies what it
 * changes. Steps see larger link counts of these files, and nothing else of it. */
#ifndef TENON_STORE_DEEP_H
#define TENON_STORE_DEEP_H

#include "store/private.h"

/* Takes layers off the lower end of `chain` until no more than `most` are left, and gives the tree
 * that stands for them; *path is malloc'ed, or NULL when the chain is short enough. The tree stays
 * until the store is closed. Any thread. */
int store_deep_bottom(struct tenon_store *s, struct tenon_chain *chain, size_t most, char **path,
                      struct tenon_error *err);
void store_deep_close(struct tenon_store *s);

#endif
