/* engine/host_fetch.c - "tenon.http/0": plugins ask HTTP servers through the core's client. */
#include "engine/host_fetch.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/sized.h"
#include "tools/alloc.h"
#include "tools/parse.h"
#include "context/ctx.h"
#include "context/engine.h"
#include "context/kept.h"
#include "registry/again.h"
#include "registry/http.h"
#include "registry/libcurl.h"

#define STATUS_STEP (INT64_C(1) << 18)

static void *
client_new(struct tenon_engine *engine)
{
    return tenon_http_new(engine->config);
}

static void
client_free(void *client)
{
    tenon_http_free(client);
}

/* Connections last as long as the engine. */
static const struct tenon_kept_kind client_kind = { client_new, client_free };

struct transfer {
    struct tenon_ctx *ctx;
    const char *status_id;
    int fd;
    off_t start; /* where the file stood; -1: not a file */
    int64_t size, shown;
    uint64_t most; /* bytes; 0: no limit of its own */
};

static int
take(void *data, const void *buf, size_t len, struct tenon_error *err)
{
    struct transfer *t = data;
    const struct tenon_limits *l = tenon_store_limits(tenon_ctx_engine(t->ctx)->store);
    if (t->most && (uint64_t)t->size + len > t->most)
        return tenon_error_set(err, TENON_E_LIMIT, "an answer of more than %llu bytes",
                               (unsigned long long)t->most);
    /* What goes on to somebody who looks at it is that one's affair. */
    if (t->start >= 0 && (uint64_t)t->size + len > tenon_limit(l, TENON_LIMIT_DOWNLOAD))
        return tenon_limit_exceeded(l, TENON_LIMIT_DOWNLOAD, err, "an answer of more than %llu "
                                    "bytes", (unsigned long long)t->size);
    if (tenon_write_all(t->fd, buf, len, err) < 0)
        return err->code;
    t->size += (int64_t)len;
    if (t->status_id && (t->size - t->shown >= STATUS_STEP || t->size < t->shown)) {
        t->shown = t->size;
        tenon_ctx_status(t->ctx, t->status_id, t->size, 0);
    }
    return 0;
}

/* Nobody wants it. */
static int
drop(void *data, const void *buf, size_t len, struct tenon_error *err)
{
    (void)data, (void)buf, (void)len, (void)err;
    return 0;
}

/* Drops what came of an answer that broke; a pipe cannot. */
static int
take_back(void *data, struct tenon_error *err)
{
    struct transfer *t = data;
    if (lseek(t->fd, t->start, SEEK_SET) < 0 || ftruncate(t->fd, t->start) < 0)
        return tenon_error_sys(err, "begin a download again");
    t->size = 0;
    return 0;
}

static const char *
keep(struct tenon_ctx *ctx, const char *s)
{
    return s ? tenon_ctx_strdup(ctx, s) : NULL;
}

static int64_t
date_ns(const char *text)
{
    time_t t = text ? curl_getdate(text, NULL) : -1;
    return t > 0 ? (int64_t)t * INT64_C(1000000000) : 0;
}

/* A newline would let a value of the build file's or a secret's add headers. */
static int
check_header(const char *h, struct tenon_error *err)
{
    if (h && h[strcspn(h, "\r\n")])
        return tenon_error_set(err, TENON_E_INVALID, "invalid header field value");
    return 0;
}

static int
check(const struct tenon_fetch *f, struct tenon_error *err)
{
    if (!tenon_has_prefix(f->url, "http://") && !tenon_has_prefix(f->url, "https://"))
        return tenon_error_set(err, TENON_E_INVALID, "unsupported protocol scheme in \"%s\"",
                               f->url);
    bool sends = strcmp(f->method, "PUT") == 0 || strcmp(f->method, "PATCH") == 0;
    if (f->body_fd_len && (f->body || !sends))
        return tenon_error_set(err, TENON_E_BUG, "a file to send with %s", f->method);
    for (const char *const *h = f->headers; h && *h; h++)
        if (check_header(*h, err) < 0)
            return err->code;
    return check_header(f->authorization, err);
}

static int
api_fetch(struct tenon_ctx *ctx, const struct tenon_fetch *request, int fd,
          struct tenon_fetch_answer *out, struct tenon_error *err)
{
    struct tenon_fetch f;
    tenon_sized_take(&f, sizeof f, request);
    if (check(&f, err) < 0)
        return err->code;
    struct transfer t = {.ctx = ctx, .status_id = f.status_id, .fd = fd, .most = f.most};
    t.start = fd >= 0 ? lseek(fd, 0, SEEK_CUR) : -1;
    struct tenon_http_request req = {
        .method = f.method,
        .url = f.url,
        .headers = f.headers,
        .authorization = f.authorization,
        .cancel = tenon_ctx_cancel(ctx),
        .body = f.body,
        .body_fd = f.body_fd,
        .body_len = f.body ? f.body_len : f.body_fd_len > 0 ? (uint64_t)f.body_fd_len : 0,
        .stay = f.flags & TENON_FETCH_STAY,
        .once = f.flags & TENON_FETCH_ONCE,
        .sink = fd >= 0 ? take : drop,
        .data = &t,
    };
    auto_response struct tenon_http_response res = {0};
    struct tenon_http *http = tenon_engine_kept(tenon_ctx_engine(ctx), &client_kind);
    int rc = tenon_http_patiently(http, &req, &res, NULL, t.start >= 0 ? take_back : NULL, err);
    if (t.status_id && t.shown)
        tenon_ctx_status(ctx, t.status_id, t.size, rc < 0 ? 0 : t.size);
    if (t.status_id && t.shown && rc == 0)
        tenon_ctx_status_done(ctx, t.status_id);
    if (rc < 0)
        return rc;
    const struct tenon_fetch_answer answer = {
        .struct_size = sizeof answer,
        .status = (int32_t)res.status,
        .url = keep(ctx, res.url),
        .etag = keep(ctx, res.etag),
        .last_modified = keep(ctx, res.last_modified),
        .last_modified_ns = date_ns(res.last_modified),
        .content_type = keep(ctx, res.content_type),
        .content_disposition = keep(ctx, res.content_disposition),
        .size = t.size,
        .said = res.status >= 200 && res.status < 300 ? NULL : keep(ctx, tenon_buf_str(&res.body)),
    };
    tenon_sized_give(out, &answer, sizeof answer);
    return 0;
}

static bool
api_offline(struct tenon_ctx *ctx)
{
    return tenon_ctx_engine(ctx)->offline;
}

const struct tenon_http_api *
tenon_http_api(void)
{
    static const struct tenon_http_api api = {
        .struct_size = sizeof api,
        .fetch = api_fetch,
        .offline = api_offline,
    };
    return &api;
}
