/* cache-azblob/container.h - a container of Azure Blob Storage, and requests to it that are signed
 * with the account's key (Shared Key). */
#ifndef TENON_CACHE_AZBLOB_CONTAINER_H
#define TENON_CACHE_AZBLOB_CONTAINER_H

#include <stdint.h>

#include <tenon-plugin.h>

struct az_container { /* strings are the ctx's */
    const struct tenon_host *host;
    const struct tenon_http_api *http;
    const char *account, *url; /* of the account, no slash at its end */
    const char *name;
    const void *key; /* the account's, decoded */
    size_t key_len;
};

struct az_request {
    const char *method;
    const char *blob; /* its name; NULL: the container itself is meant */
    int fd;           /* PUT: the body, `size` bytes */
    int64_t size;
    bool keep;        /* PUT: 409 when it is there already */
    uint64_t most;    /* bytes of an answer; 0: no limit of its own */
};

/* Any status is an answer; what a success has in it goes to `to` (-1: nowhere). */
int az_do(const struct az_container *c, struct tenon_ctx *ctx, const struct az_request *r, int to,
          struct tenon_fetch_answer *answer, struct tenon_error *err);

#endif
