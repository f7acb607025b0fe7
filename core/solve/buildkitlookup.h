/* solve/buildkitlookup.h - looking into the caches of BuildKit's that a build names. Workers. */
#ifndef TENON_SOLVE_BUILDKITLOOKUP_H
#define TENON_SOLVE_BUILDKITLOOKUP_H

#include "solve/buildkitrecords.h"

/* All records that the outputs of the state are (buildkit_records_find); for
 * buildkit_found_release. */
int buildkit_match(const struct state *st, const struct tenon_digest *contents,
                   struct buildkit_found *out, struct tenon_error *err);
/* Is there such a cache? */
bool buildkit_there(const struct tenon_solver *s);

#endif
