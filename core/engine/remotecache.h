/* engine/remotecache.h - --cache-from and --cache-to: caches that plugins of kind cache keep
 * somewhere, as one build sees them (docs/caching.md). */
#ifndef TENON_ENGINE_REMOTECACHE_H
#define TENON_ENGINE_REMOTECACHE_H

#include "engine/build_private.h"
#include "image/image.h"

/* Of the document. */
#define TENON_MT_CACHE_CONFIG "application/vnd.buildkit.cacheconfig.v0"

struct tenon_image_layer;
struct tenon_mounts; /* cachemounts.h */
struct tenon_cache_entry;
struct json_object;

enum { TENON_CACHES_MAX = 64 }; /* of one build */

/* Checks types and options before anything is built. */
int tenon_caches_check(struct tenon_build *b, const struct tenon_build_request *req,
                       struct tenon_error *err);
/* Load all of --cache-from, for the solver.  One that cannot be loaded is a
 * warning; only a wrong option is an error. */
int tenon_caches_import(struct tenon_build *b, const struct tenon_build_request *req,
                        struct tenon_error *err);
/* The solver gets to know what was loaded. */
void tenon_caches_tell(struct tenon_build *b);
/* One more, while the build runs: any thread.  Given up by cancel, it is as if it had not been
 * named. */
int tenon_caches_add(struct tenon_build *b, const char *type, const char *const *options,
                     struct tenon_cancel *cancel, struct tenon_error *err);
/* After the build is done: --cache-to.  A failure with ignore-error=true is a
 * warning. */
int tenon_caches_export(struct tenon_build *b, const struct tenon_build_request *req,
                        struct tenon_error *err);
/* After the solver is gone. */
void tenon_caches_free(struct tenon_build *b);

/* cachedocument.c: what may be exported of what this build knows, for tenon_cache_entries_free. */
int tenon_caches_known(struct tenon_build *b, bool all, struct tenon_cache_entry **out,
                       size_t *count, struct tenon_error *err);
/* The manifest of what `known` says, with the blobs it refers
 * to, in the content store.  final: what the build was about; unless `all`, only
 * results that these are made of are in it, of the others the keys alone. mounts go with it. */
int tenon_cache_document(struct tenon_store *s, struct tenon_cache_entry *known, size_t count,
                         const struct tenon_chain *final, size_t final_count, bool all,
                         const struct tenon_image_options *o, const struct tenon_mounts *mounts,
                         struct tenon_desc *manifest, struct tenon_error *err);
/* All keys of an entry, those that the store has too, each once and sorted; *out is the
 * caller's, also on failure NULL. Entries in an order that is always the same. */
int tenon_cache_keys(struct tenon_store *s, const struct tenon_cache_entry *k,
                     struct json_object **out, struct tenon_error *err);
void tenon_cache_entries_sort(struct tenon_cache_entry *list, size_t count);

/* buildkitcache.c: a document of BuildKit's says of its layers nothing but their digests: the rest
 * is in the descriptors beside it. */
int tenon_buildkit_cache_complete(struct json_object *descriptors, struct tenon_buf *document,
                                  struct tenon_error *err);
/* What is in an image's config is a list of records about the image's layers: the document that
 * it stands for, the caller's. */
struct json_object *tenon_inline_cache_whole(struct json_object *records,
                                             const struct tenon_manifest *m);
/* A result there may be a list of layers, wherever they are in the image: each becomes layers
 * upon each other. After what the layers are was put in. */
void tenon_inline_cache_chains(struct json_object *document);

/* inlinecache.c: what this build knows of the layers of an image, put into its config (a
 * tenon_image_more). And back: the document that is in a config, as tenon_import_new reads
 * it; NOT_FOUND: there is none. */
int tenon_inline_cache_add(void *build, const struct tenon_chain *image,
                           const struct tenon_image_layer *layers,
                           struct json_object *config, struct tenon_error *err);
int tenon_inline_cache_read(const struct tenon_manifest *m, const void *config, size_t len,
                            struct tenon_buf *out, struct tenon_error *err);

#endif
