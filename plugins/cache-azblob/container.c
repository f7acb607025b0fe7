/* cache-azblob/container.c - see container.h.  What is signed, and how, is told by "Authorize with
 * Shared Key" of the REST API of Azure Storage. */
#include "container.h"

#include <string.h>
#include <time.h>

#include "common/objects/mac.h"
#include "common/objects/objects.h"
#include "tools/alloc.h"
#include "tools/base64.h"
#include "tools/buf.h"
#include "tools/cleanup.h"

#define HEADERS_MAX 8
/* Of the API; from 2019-12-12 on a blob of up to 5,000 MiB may be put whole. */
#define API_VERSION "2021-08-06"

/* "x-ms-date: Mon, 02 Jan 2006 15:04:05 GMT", in English whatever the locale is. */
static char *
date_line(void)
{
    static const char days[] = "SunMonTueWedThuFriSat",
                      months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    return tenon_asprintf("x-ms-date: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
                          days + 3 * tm.tm_wday, tm.tm_mday, months + 3 * tm.tm_mon,
                          tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* lines: the "x-ms-" headers, sorted.  path: of the URL. */
static char *
authorization(const struct az_container *c, const struct az_request *r, const char *const *lines,
              const char *path)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    unsigned char mac[MAC_BYTES];
    tenon_buf_addf(&text, "%s\n\n\n", r->method); /* Content-Encoding, -Language */
    if (r->size > 0)
        tenon_buf_addf(&text, "%lld", (long long)r->size);
    /* Content-MD5, Content-Type, Date, If-Modified-Since, If-Match, If-None-Match, ... Range */
    tenon_buf_addf(&text, "\n\n\n\n\n\n%s\n\n\n", r->keep ? "*" : "");
    for (const char *const *h = lines; *h; h++) {
        size_t name = strcspn(*h, ":");
        tenon_buf_addf(&text, "%.*s:%s\n", (int)name, *h, *h + name + strlen(": "));
    }
    tenon_buf_addf(&text, "/%s%s", c->account, path);
    if (!r->blob)
        tenon_buf_addf(&text, "\nrestype:container");
    mac_hmac(c->key, c->key_len, text.data, text.len, mac);
    auto_free char *signature = tenon_base64(mac, sizeof mac);
    return tenon_asprintf("SharedKey %s:%s", c->account, signature);
}

int
az_do(const struct az_container *c, struct tenon_ctx *ctx, const struct az_request *r, int to,
      struct tenon_fetch_answer *answer, struct tenon_error *err)
{
    const char *headers[HEADERS_MAX + 1], **own = headers;
    const bool put = r->blob && strcmp(r->method, "PUT") == 0;
    auto_free char *date = date_line();
    auto_free char *blob = r->blob ? objects_path(r->blob) : NULL;
    auto_free char *url = tenon_asprintf("%s/%s%s%s%s", c->url, c->name, blob ? "/" : "",
                                         blob ? blob : "", blob ? "" : "?restype=container");
    if (r->keep)
        *own++ = "If-None-Match: *";
    const char **next = own; /* sorted by name */
    if (put)
        *next++ = "x-ms-blob-type: BlockBlob";
    *next++ = date;
    *next++ = "x-ms-version: " API_VERSION;
    *next = NULL;
    const char *path = strchr(strstr(url, "://") + 3, '/');
    auto_free char *plain = tenon_strndup(path, strcspn(path, "?"));
    auto_free char *signed_by = authorization(c, r, own, plain);
    const struct tenon_fetch f = {
        .struct_size = sizeof f,
        .flags = TENON_FETCH_STAY, /* a signature for one host is none for another */
        .method = r->method,
        .url = url,
        .headers = headers,
        .authorization = signed_by,
        .body_fd = put ? r->fd : -1,
        .body_fd_len = put ? r->size : 0,
        .most = r->most,
    };
    *answer = (struct tenon_fetch_answer){ .struct_size = sizeof *answer };
    return c->http->fetch(ctx, &f, to, answer, err);
}
