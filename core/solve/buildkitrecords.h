/* solve/buildkitrecords.h - records of a cache that BuildKit filled: each is a digest, that of an
 * output of a vertex, and for each input what it may be: records of its outputs, or of content
 * (docs/caching.md). */
#ifndef TENON_SOLVE_BUILDKITRECORDS_H
#define TENON_SOLVE_BUILDKITRECORDS_H

#include <json-c/json.h>

#include "solve/import.h"

struct tenon_arena;
struct buildkit_records; /* immutable once read, the arena's */

/* Results are layers of the import; those that has_layers (NULL: none) does not know are left
 * out, and their records kept. */
int buildkit_records_read(struct tenon_arena *arena, const struct tenon_import *im,
                          struct json_object *list, int64_t layer_count,
                          bool (*has_layers)(const struct tenon_import *im, int64_t top),
                          struct buildkit_records **out, struct tenon_error *err);
void buildkit_records_forget(struct buildkit_records *r); /* before the arena goes */

struct buildkit_keys;
/* Append those that are this output of the state, by what is known of its inputs: their own
 * records, and their content (one an input, "" unknown; or NULL). */
void buildkit_records_find(const struct buildkit_records *all, const struct state *st,
                           const struct buildkit_keys *keys, const struct tenon_digest *contents,
                           uint32_t output, struct buildkit_found *out);
/* After the last of them: before users of the state look for these. */
void buildkit_found_sort(struct buildkit_found *f);
void buildkit_found_release(struct buildkit_found *f);
/* The first with a result that can stand for all that the state makes, or NULL. */
const struct import_record *buildkit_found_result(const struct state *st,
                                                  const struct buildkit_found *f);
#endif
