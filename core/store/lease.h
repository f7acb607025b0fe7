/* store/lease.h - how long ago the oldest live build began. */
#ifndef TENON_STORE_LEASE_H
#define TENON_STORE_LEASE_H

#include "store/private.h"

/* Start (ns since 1970) of the oldest user, other than this very store, that
 * has it open; now when there is none, since one may begin while we look.
 * Whatever was used at or after that time may be in use. */
int64_t store_oldest_lease(struct tenon_store *s);

#endif
