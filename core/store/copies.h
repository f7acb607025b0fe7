/* store/copies.h - a store on a file system that cannot hold an overlay (an overlay itself,
 * as in a container; one without the attributes that overlayfs wants): trees are copied.
 *
 * A writable tree is a copy of all layers below it, made in the work's directory; what was
 * done to it is told from the state in which it was left to the step (inode and change
 * time of each entry), and moved into the new layer, which comes to hold what the upper
 * directory of an overlay would.  No file has two names in two layers, so that no step can
 * change a layer. */
#ifndef TENON_STORE_COPIES_H
#define TENON_STORE_COPIES_H

#include "store/work.h"

/* Looks whether the store has been found to be such a one. */
void store_copies_load(struct tenon_store *s);
/* After an overlay failed: is it the file system?  It is remembered then. */
bool store_turn_to_copies(struct tenon_store *s, const char *why);
/* Says so, once. */
void store_tell_copies(struct tenon_store *s);

/* The copy of lower (with bottom below it, or NULL) that upper is to become the changes of;
 * its root has upper's mode and owner. */
int store_copy_for(struct tenon_store *s, const struct tenon_chain *lower, const char *bottom,
                   struct tenon_snapshot_work *upper, struct tenon_error *err);
/* The same to look at only; its root is that of the topmost layer.  *path is malloc'ed. */
int store_copy_to_read(struct tenon_store *s, const struct tenon_chain *lower,
                       struct tenon_snapshot_work *own, char **path, struct tenon_error *err);
void store_copies_close(struct tenon_store *s);

/* ---- changes.c ---------------------------------------------------------------- */
struct store_entry; /* what the copy was like, entry by entry */
/* From when on each change can be told: takes a moment. */
int store_changes_begin(struct tenon_snapshot_work *w, struct tenon_error *err);
/* Move what was changed into the layer. */
int store_changes_take(struct tenon_snapshot_work *w, struct tenon_error *err);
bool store_changes_have(struct tenon_snapshot_work *w, const char *path);
void store_changes_free(struct store_entry *e);

#endif
