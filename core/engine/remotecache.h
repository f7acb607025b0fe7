/* engine/remotecache.h - --cache-from and --cache-to: caches that plugins of kind cache keep
 * somewhere, as one build sees them (docs/caching.md). */
#ifndef TENON_ENGINE_REMOTECACHE_H
#define TENON_ENGINE_REMOTECACHE_H

#include "engine/build_private.h"
#include "image/image.h"

/* Checks types and options before anything is built. */
int tenon_caches_check(struct tenon_build *b, const struct tenon_build_request *req,
                       struct tenon_error *err);
/* Load all of --cache-from, for the solver.  One that cannot be loaded is a
 * warning; only a wrong option is an error. */
int tenon_caches_import(struct tenon_build *b, const struct tenon_build_request *req,
                        struct tenon_error *err);
/* After the build is done: --cache-to.  A failure with ignore-error=true is a
 * warning. */
int tenon_caches_export(struct tenon_build *b, const struct tenon_build_request *req,
                        struct tenon_error *err);
/* After the solver is gone. */
void tenon_caches_free(struct tenon_build *b);

/* cachedocument.c: the manifest of what `known` says, with the blobs it refers
 * to, in the content store.  final: what the build was about; unless `all`, only
 * results that these are made of are in it, of the others the keys alone. */
struct tenon_cache_entry;
int tenon_cache_document(struct tenon_store *s, struct tenon_cache_entry *known, size_t count,
                         const struct tenon_chain *final, size_t final_count, bool all,
                         const struct tenon_image_options *o,
                         struct tenon_desc *manifest, struct tenon_error *err);

#endif
