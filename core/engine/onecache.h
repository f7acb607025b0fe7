/* engine/onecache.h - one cache of a build: the plugin that keeps it, what it is called, and its
 * blobs; for remotecache.c and what goes with a cache. */
#ifndef TENON_ENGINE_ONECACHE_H
#define TENON_ENGINE_ONECACHE_H

#include "engine/build_private.h"

struct tenon_cache { /* one --cache-from, until the build ends */
    char *name; /* "local:DIR", "HOST/REPOSITORY:TAG", or as the plugin says */
    struct tenon_module *module;
    struct tenon_values *values;
    struct tenon_ctx *ctx; /* while it is loaded; what load gave lives in it */
    TENON_VEC(struct tenon_import *) imports; /* one, or one a platform */
    bool is_guest; /* a frontend named it, not the user */
};

/* The plugin of a flag, and its options; values are the caller's. */
int tenon_cache_open(struct tenon_build *b, const struct tenon_export *x,
                     struct tenon_module **m, struct tenon_values **values,
                     struct tenon_error *err);
/* Of the place that a flag names; the caller's. */
char *tenon_cache_name(struct tenon_build *b, const struct tenon_export *x);
/* A step of the build that is not a vertex; its digest is for tenon_events_done. */
struct tenon_ctx *tenon_cache_start(struct tenon_build *b, struct tenon_cancel *cancel,
                                    const char *name, char digest[72]);
/* "WARNING: what: why"; err is released. */
void tenon_cache_warn(struct tenon_build *b, const char *what, struct tenon_error *err);
/* A blob of an imported cache into the content store, in any thread (a tenon_import_fetch). */
int tenon_cache_fetch(void *cache, struct tenon_ctx *ctx, const struct tenon_descriptor *blob,
                      struct tenon_error *err);
const char *tenon_cache_place(const struct tenon_cache *c);
bool tenon_cache_is_trusted(const struct tenon_cache *c);

#endif
