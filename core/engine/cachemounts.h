/* engine/cachemounts.h - cache mounts that travel with a cache: out with --cache-to mounts=, and
 * back when a step first wants one that is not here (docs/caching.md). */
#ifndef TENON_ENGINE_CACHEMOUNTS_H
#define TENON_ENGINE_CACHEMOUNTS_H

#include "engine/build_private.h"

struct json_object;
struct tenon_lock;

/* ---- back ------------------------------------------------------------------- */

/* What a document says of mounts is remembered; what it says wrong is a warning. */
void tenon_mounts_offer(struct tenon_build *b, struct tenon_cache *c, const char *text,
                        size_t len);
void tenon_mounts_forget(struct tenon_build *b, const struct tenon_cache *c); /* NULL: all */

struct tenon_mount_want { /* as host->files->cache_dir has it */
    const char *id, *sharing;
    int seed_fd;
    uint32_t mode, uid, gid;
};
/* The directory for a step: the one that is here, else one that a cache of the build has, kept
 * apart unless that is trusted, else a new one. */
int tenon_mounts_open(struct tenon_ctx *ctx, const struct tenon_mount_want *w,
                      struct tenon_lock **lock, struct tenon_error *err);

/* ---- out --------------------------------------------------------------------- */

struct tenon_mounts { /* what the document and its manifest get of them */
    struct json_object *entries; /* NULL: none */
    struct json_object *blobs;   /* descriptors, of indexes and packs */
    /* Some packs are not here: where the cache goes to has them, for they came from there. */
    bool leaves_some;
    bool leaves_none; /* in: it has not; what cannot be had is left out */
};
void tenon_mounts_release(struct tenon_mounts *m);
TENON_DEFINE_AUTO_STRUCT(mounts, struct tenon_mounts, tenon_mounts_release);
#define auto_mounts __attribute__((cleanup(tenon_auto_mounts)))

/* which: "all", or ids between ";"; NULL: none. to: the place's name. A mount that cannot be
 * exported is a warning. */
int tenon_mounts_export(struct tenon_build *b, struct tenon_ctx *ctx, const char *which,
                        const char *to, struct tenon_mounts *out, struct tenon_error *err);

#endif
