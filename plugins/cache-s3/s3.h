/* cache-s3/s3.h - a bucket, and requests to it that are signed (AWS Signature Version 4). */
#ifndef TENON_CACHE_S3_H
#define TENON_CACHE_S3_H

#include <stdint.h>

#include <tenon-plugin.h>

struct s3_bucket { /* strings are the ctx's */
    const struct tenon_host *host;
    const struct tenon_http_api *http;
    const char *endpoint; /* "https://bucket.host" or "https://host/bucket", no slash at its end */
    const char *bucket, *region;
    const char *key_id, *secret, *token; /* token: or NULL.  key_id NULL: nothing is signed */
};

struct s3_request {
    const char *method;
    const char *key;         /* of the object */
    const char *sha256;      /* of the body, hexadecimal; NULL: there is none */
    int fd;                  /* the body, `size` bytes */
    int64_t size;
    const char *copy_source; /* "/bucket/key", encoded; or NULL */
    uint64_t most;           /* bytes of an answer; 0: no limit of its own */
};

/* Any status is an answer; what a success has in it goes to `to` (-1: nowhere). */
int s3_do(const struct s3_bucket *b, struct tenon_ctx *ctx, const struct s3_request *r, int to,
          struct tenon_fetch_answer *answer, struct tenon_error *err);

/* The value of Authorization for what is sent with these headers ("name: value", lower case,
 * sorted, "host" among them); malloc'ed.  date: "20060102T150405Z". */
char *s3_authorization(const struct s3_bucket *b, const char *method, const char *path,
                       const char *const *headers, const char *sha256, const char *date);

#endif
