/* cache-s3/request.c - see s3.h. */
#include "s3.h"

#include <string.h>
#include <time.h>

#include "common/objects/mac.h"
#include "common/objects/objects.h"
#include "tools/alloc.h"
#include "tools/cleanup.h"

#define HEADERS_MAX 8

static void
date_now(char out[17])
{
    time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(out, 17, "%Y%m%dT%H%M%SZ", &tm);
}

/* "/bucket/key" or "/key", from the endpoint's first slash on. */
static const char *
path_of(const char *url)
{
    return strchr(strstr(url, "://") + 3, '/');
}

int
s3_do(const struct s3_bucket *b, struct tenon_ctx *ctx, const struct s3_request *r, int to,
      struct tenon_fetch_answer *answer, struct tenon_error *err)
{
    char date[17], none[MAC_HEX];
    const char *headers[HEADERS_MAX + 1];
    size_t count = 0;
    date_now(date);
    mac_sha256("", 0, none);
    const char *sha256 = r->sha256 ? r->sha256 : none;
    auto_free char *path = objects_path(r->key);
    auto_free char *url = tenon_asprintf("%s/%s", b->endpoint, path);
    auto_free char *name = objects_host(url);
    auto_free char *host = tenon_asprintf("host: %s", name);
    auto_free char *body = tenon_asprintf("x-amz-content-sha256: %s", sha256);
    auto_free char *copy = tenon_asprintf("x-amz-copy-source: %s", r->copy_source);
    auto_free char *when = tenon_asprintf("x-amz-date: %s", date);
    auto_free char *token = tenon_asprintf("x-amz-security-token: %s", b->token);

    headers[count++] = host; /* sorted by name */
    headers[count++] = body;
    if (r->copy_source)
        headers[count++] = copy;
    headers[count++] = when;
    if (r->copy_source)
        headers[count++] = "x-amz-metadata-directive: REPLACE";
    if (b->token)
        headers[count++] = token;
    headers[count] = NULL;
    auto_free char *authorization =
        b->key_id ? s3_authorization(b, r->method, path_of(url), headers, sha256, date) : NULL;
    const struct tenon_fetch f = {
        .struct_size = sizeof f,
        /* To another place than was meant: the region is wrong, and a signature for one host is
         * none for another. */
        .flags = TENON_FETCH_STAY,
        .method = r->method,
        .url = url,
        .headers = headers + 1, /* the host is the client's to say */
        .authorization = authorization,
        .body_fd = r->sha256 ? r->fd : -1,
        .body_fd_len = r->sha256 ? r->size : 0,
        .most = r->most,
    };
    *answer = (struct tenon_fetch_answer){ .struct_size = sizeof *answer };
    return b->http->fetch(ctx, &f, to, answer, err);
}
