/* common/objects/objects.h - caches in stores of objects, which are found by a key: the cache's
 * document under each of its names, everything else under its digest.
 *
 * A store is a handful of calls. Those that ask it may come from several threads at once, each
 * with a ctx and an error of its own. */
#ifndef TENON_COMMON_OBJECTS_H
#define TENON_COMMON_OBJECTS_H

#include <stdint.h>

#include <tenon-plugin.h>

struct objects;

struct objects_ops {
    /* Which store, which cache: of o all but ops, in memory of the ctx's. Asks nobody. */
    int (*open)(struct objects *o, struct tenon_ctx *ctx, const struct tenon_values *options,
                struct tenon_error *err);
    /* What tells it from other caches, for people; the ctx's. */
    const char *(*name)(const struct objects *o, struct tenon_ctx *ctx);
    /* Optional: before the first piece of an export. 0: there will be none. */
    int (*begin)(struct objects *o, struct tenon_ctx *ctx, struct tenon_error *err);
    /* Optional: after an export for which begin said 1. */
    void (*end)(struct objects *o);
    /* Optional: what struct tenon_cache_ops' load gives, when that is not the document under the
     * first name. */
    int (*load)(const struct objects *o, struct tenon_ctx *ctx, const void **data, size_t *len,
                struct tenon_error *err);
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
    /* Of a blob (digest), or of the document of that name (digest NULL); the ctx's. */
    const char *(*key)(const struct objects *o, struct tenon_ctx *ctx, const char *digest,
                       const char *name);
};

struct objects { /* one cache in one store, for one call of the core's */
    const struct objects_ops *ops;
    void *store;        /* the ops' own */
    const char *names;  /* of the cache, "one;two": written under each, read from the first */
    unsigned uploads;   /* at once, at least 1 */
};

enum { OBJECTS_DOCUMENT_MAX = 64 << 20 }; /* bytes */

/* For struct tenon_plugin's init. */
int objects_init(const struct tenon_host *host, const struct objects_ops *ops, void **self,
                 struct tenon_error *err);
/* For struct tenon_cache_ops; self is what objects_init gave. */
int objects_check(void *self, struct tenon_ctx *ctx, const struct tenon_values *options,
                  struct tenon_error *err);
const char *objects_name(void *self, struct tenon_ctx *ctx, const struct tenon_values *options,
                         struct tenon_error *err);
int objects_load(void *self, struct tenon_ctx *ctx, const struct tenon_values *options,
                 const void **data, size_t *len, struct tenon_error *err);
int objects_fetch(void *self, struct tenon_ctx *ctx, const struct tenon_values *options,
                  const struct tenon_descriptor *blob, struct tenon_error *err);
int objects_save(void *self, struct tenon_ctx *ctx, const struct tenon_values *options,
                 const struct tenon_descriptor *manifest, struct tenon_error *err);
/* A store that has to be asked before an export (begin) is not sent to ahead. */
int objects_send(void *self, struct tenon_ctx *ctx, const struct tenon_values *options,
                 const struct tenon_descriptor *blob, struct tenon_error *err);
#define OBJECTS_CACHE_OPS                                                                 \
    .load = objects_load, .fetch = objects_fetch, .save = objects_save,                   \
    .check_save = objects_check, .check_load = objects_check, .name = objects_name,       \
    .send = objects_send

/* ---- for the stores ---- */

/* All of fd as the ctx's, a NUL behind it. */
int objects_read(struct tenon_ctx *ctx, int fd, const void **data, size_t *len,
                 struct tenon_error *err);
/* An option, or where it was not given the user's environment variable, or def; the ctx's.
 * variable may be NULL. */
const char *objects_setting(const struct tenon_host *host, struct tenon_ctx *ctx,
                            const struct tenon_values *options, const char *option,
                            const char *variable, const char *def);
/* The user's environment variable, one line; NULL when there is none.  The ctx's. */
const char *objects_environment(const struct tenon_host *host, struct tenon_ctx *ctx,
                                const char *variable);
/* A key as the path of a URL: all but letters, digits and "-._~/" is encoded (RFC 3986, 2.3, as
 * the signatures of both S3 and Azure want it); malloc'ed. */
char *objects_path(const char *key);
/* The host of a URL as it is sent: without the scheme's own port; malloc'ed. */
char *objects_host(const char *url);

#endif
