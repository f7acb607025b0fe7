/* cache-gha/token.h - what a token of a job says of itself: which scopes it reads and writes, and
 * until when.  Nobody but the service can tell whether that is true, and need not here. */
#ifndef TENON_CACHE_GHA_TOKEN_H
#define TENON_CACHE_GHA_TOKEN_H

#include <stdint.h>

#include <tenon-plugin.h>

enum { GHA_SCOPES_MAX = 64 };

struct gha_scope { /* "refs/heads/main" */
    const char *name;
    bool writable;
};

struct gha_token { /* strings are the ctx's */
    struct gha_scope scopes[GHA_SCOPES_MAX];
    size_t count;
};

/* now: seconds since 1970.  INVALID: it is no such token, or not one for now. */
int gha_token_read(const struct tenon_host *host, struct tenon_ctx *ctx, const char *text,
                   int64_t now, struct gha_token *out, struct tenon_error *err);

#endif
