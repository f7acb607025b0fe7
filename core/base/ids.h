/* base/ids.h - which user and group ids this process can give to files.
 *
 * Root of the machine has all; inside a user namespace there are only those of its map, at
 * least one.  The maps are read once, at the first question (but for tenon_ids_mapped): ask
 * after the namespace was entered.  Any thread. */
#ifndef TENON_BASE_IDS_H
#define TENON_BASE_IDS_H

#include <stdbool.h>
#include <stdint.h>

#include "error.h"

bool tenon_ids_have(uint32_t uid, uint32_t gid);
/* One user or group only, 0. */
bool tenon_ids_single(void);
/* Are we in a user namespace, other than the machine's first one?  Read anew. */
bool tenon_ids_mapped(void);
void tenon_ids_totals(uint64_t *users, uint64_t *groups);
/* The command that gets this user more ids, for hints: set once, before the
 * first thread; NULL when none is known. */
void tenon_ids_advise(const char *command);
const char *tenon_ids_advice(void);
/* After a failed chown or the like to (uid, gid), from errno: names the ids
 * when it was them, with a hint how to get more. */
int tenon_error_owner(struct tenon_error *err, uint32_t uid, uint32_t gid,
                      const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* What the calling thread makes in file systems belongs to this user and group from here on, and
 * it may do what it could before; root of the machine alone.  0: to root, as at first. */
void tenon_ids_act_as(uint32_t id);

#endif
