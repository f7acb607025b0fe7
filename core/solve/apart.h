/* solve/apart.h - what came by an imported cache stays apart from what was made here.
 *
 * Whoever writes a cache says what the result of a step is, and nothing can check it. So such
 * results, and what was built upon them, are kept under keys that only builds have which name
 * the same caches; a build that does not name them makes its steps itself. A cache with trust=true
 * is as good as this store. Any thread but where said. */
#ifndef TENON_SOLVE_APART_H
#define TENON_SOLVE_APART_H

#include "solve/private.h"

/* Does what the state is known by rest on an imported claim: its own, an input's? */
bool apart_by_inputs(const struct state *st);
bool apart_by_import(const struct import_record *r);

/* What a record says that is kept as an own one because the cache is trusted; NULL: it was made
 * here. For the caller to free. */
char *apart_trusted(const struct import_record *r);

/* The record under a key: one that was made here, else one that came by the caches of this
 * build (*apart). 1, 0 or negative, as tenon_record_find. */
int apart_find(const struct tenon_solver *s, const char *key, struct tenon_record *out,
               bool *apart, struct tenon_error *err);
/* tenon_record_store, or among those of this build's caches. */
int apart_store(const struct tenon_solver *s, bool apart, const char *const *keys, size_t count,
                const struct tenon_record *r, const char *scope, const char *description,
                const struct tenon_key_part *parts, size_t part_count, struct tenon_error *err);
/* A further key of a record that apart_find gave with found_apart. */
int apart_link(const struct tenon_solver *s, bool apart, const char *key, const char *id,
               bool found_apart, struct tenon_error *err);

#endif
