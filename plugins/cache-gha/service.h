/* cache-gha/service.h - GitHub's service for caches of Actions, in its two versions: the first
 * (also Gitea's and Forgejo's) takes data itself, in pieces; the second gives signed URLs of
 * Azure's.  An entry is never changed, and there may be one that nobody finished. */
#ifndef TENON_CACHE_GHA_SERVICE_H
#define TENON_CACHE_GHA_SERVICE_H

#include <stdint.h>

#include <tenon-plugin.h>

struct gha_service;

struct gha_entry { /* the ctx's */
    const char *key, *url;
};

/* The entry of that key, or the newest whose key begins so.  1: there is one; 0: none. */
int gha_find(const struct gha_service *s, struct tenon_ctx *ctx, const char *key, bool begins,
             struct gha_entry *out, struct tenon_error *err);
/* Append what is in it to fd. */
int gha_get(const struct gha_service *s, struct tenon_ctx *ctx, const struct gha_entry *e, int fd,
            uint64_t most, struct tenon_error *err);
/* A new entry with the first `size` bytes of fd.  1: done; 0: there is one of that key. */
int gha_put(const struct gha_service *s, struct tenon_ctx *ctx, const char *key, int fd,
            int64_t size, struct tenon_error *err);

/* listing.c: the keys that begin so and are of that scope, by GitHub's public interface. */
int gha_list(const struct gha_service *s, struct tenon_ctx *ctx, const char *api,
             const char *repository, const char *token, const char *begin, const char *scope,
             void (*take)(void *data, const char *key), void *data, struct tenon_error *err);

/* ---- of the one and the other version: for gha_find and gha_put ---- */

int gha_find1(const struct gha_service *s, struct tenon_ctx *ctx, const char *key,
              struct gha_entry *out, struct tenon_error *err);
int gha_put1(const struct gha_service *s, struct tenon_ctx *ctx, const char *key, int fd,
             int64_t size, struct tenon_error *err);
int gha_find2(const struct gha_service *s, struct tenon_ctx *ctx, const char *key,
              struct gha_entry *out, struct tenon_error *err);
int gha_put2(const struct gha_service *s, struct tenon_ctx *ctx, const char *key, int fd,
             int64_t size, struct tenon_error *err);

#endif
