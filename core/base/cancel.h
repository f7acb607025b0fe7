/* base/cancel.h - cooperative cancellation: a flag, a descriptor to poll, and a parent whose
 * firing fires the children.  Any thread. */
#ifndef TENON_BASE_CANCEL_H
#define TENON_BASE_CANCEL_H

#include <stdbool.h>

#include "error.h"

struct tenon_cancel;
struct tenon_cancel *tenon_cancel_new(struct tenon_cancel *parent); /* NULL: none */
void tenon_cancel_free(struct tenon_cancel *c);   /* before its parent */
/* It outlives the one that it had; whichever of the two is fired already, so is it. */
void tenon_cancel_set_parent(struct tenon_cancel *c, struct tenon_cancel *parent);
void tenon_cancel_fire(struct tenon_cancel *c);
bool tenon_cancel_fired(const struct tenon_cancel *c); /* NULL: false */
/* Readable once fired; the cancel's, and made when it is asked for first: each job that waits for
 * its turn has a cancel.  -1: c is NULL, or there are no descriptors. */
int tenon_cancel_fd(struct tenon_cancel *c);
void tenon_cancel_close_fd(struct tenon_cancel *c); /* nobody polls it any more */
/* 0, or CANCELLED with a message. */
int tenon_cancel_check(const struct tenon_cancel *c, struct tenon_error *err);

#endif
