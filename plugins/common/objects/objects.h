/* common/objects/objects.h - caches in stores of objects, which are found by a key: the manifest
 * under each of the cache's names, everything else under its digest.
 *
 * A store is four calls.  They may come from several threads at once, each with a ctx and an
 * error of its own. */
#ifndef TENON_COMMON_OBJECTS_H
#define TENON_COMMON_OBJECTS_H

#include <stdint.h>

#include <tenon-plugin.h>

struct objects;

struct objects_ops {
    /* 1: it is there, and was kept from being collected where the store does that.  0: no. */
    int (*has)(const struct objects *o, struct tenon_ctx *ctx, const char *key,
               struct tenon_error *err);
    /* Append it to fd: at most `most` bytes. */
    int (*get)(const struct objects *o, struct tenon_ctx *ctx, const char *key, int fd,
               uint64_t most, struct tenon_error *err);
    /* The first `size` bytes of fd.  sha256: of them, as hexadecimal digits.  replace: what is
     * under the key goes; else it is the same, and may stay. */
    int (*put)(const struct objects *o, struct tenon_ctx *ctx, const char *key, int fd,
               int64_t size, const char *sha256, bool replace, struct tenon_error *err);
    /* Of a blob (digest), or of the manifest of that name (digest NULL); the ctx's. */
    const char *(*key)(const struct objects *o, struct tenon_ctx *ctx, const char *digest,
                       const char *name);
};

struct objects { /* one cache in one store, for one call of the core's */
    const struct tenon_host *host;
    const struct objects_ops *ops;
    const void *store;  /* the ops' own */
    const char *names;  /* of the manifest, "one;two": written under each, read from the first */
    unsigned uploads;   /* at once, at least 1 */
};

/* struct tenon_cache_ops' load, fetch and save. */
int objects_load(const struct objects *o, struct tenon_ctx *ctx, const void **data, size_t *len,
                 struct tenon_error *err);
int objects_fetch(const struct objects *o, struct tenon_ctx *ctx,
                  const struct tenon_descriptor *blob, struct tenon_error *err);
int objects_save(const struct objects *o, struct tenon_ctx *ctx,
                 const struct tenon_descriptor *manifest, struct tenon_error *err);

/* ---- for the stores ---- */

/* An option, or where it was not given the user's environment variable, or def; the ctx's.
 * variable may be NULL. */
const char *objects_setting(const struct tenon_host *host, struct tenon_ctx *ctx,
                            const struct tenon_values *options, const char *option,
                            const char *variable, const char *def);
/* A key as the path of a URL: all but letters, digits and "-._~/" is encoded (RFC 3986, 2.3, as
 * the signatures of both S3 and Azure want it); malloc'ed. */
char *objects_path(const char *key);
/* The host of a URL as it is sent: without the scheme's own port; malloc'ed. */
char *objects_host(const char *url);

#endif
