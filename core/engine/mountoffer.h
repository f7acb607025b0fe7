/* engine/mountoffer.h - a cache mount that an imported cache has, for cachemounts.c and
 * mountexport.c. */
#ifndef TENON_ENGINE_MOUNTOFFER_H
#define TENON_ENGINE_MOUNTOFFER_H

#include "engine/build_private.h"

struct tenon_chunk_index;

#define TENON_MOUNTS_MAX 100 /* of one cache */

/* What may be in a document: an id, or what one says of a seed. */
bool tenon_mount_id_is_good(const char *id);
/* The next one of this id from *from on, which moves; NULL: no more. */
const struct tenon_mount_offer *tenon_mount_offer_find(const struct tenon_build *b,
                                                       const char *id, size_t *from);
char *tenon_mount_offer_place(const struct tenon_mount_offer *o); /* the caller's */
char *tenon_mount_shown(const char *id);                          /* likewise */
/* Fetched unless it is here. */
int tenon_mount_offer_index(const struct tenon_mount_offer *o, struct tenon_ctx *ctx,
                            struct tenon_chunk_index *out, struct tenon_error *err);
/* Of what a step with a mount of this id would be given; NULL: nothing comes. */
const struct tenon_mount_offer *tenon_mount_offer_wanted(struct tenon_engine *engine,
                                                         const char *id);
/* Into the store, unless it is there. */
int tenon_mount_offer_bring(const struct tenon_mount_offer *o, struct tenon_ctx *ctx,
                            struct tenon_error *err);
int tenon_mount_fetch_pack(struct tenon_cache *c, struct tenon_ctx *ctx,
                           const struct tenon_digest *digest, int64_t size,
                           struct tenon_error *err);

#endif
