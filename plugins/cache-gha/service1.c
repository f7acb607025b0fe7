/* cache-gha/service1.c - see service.h: the first version, "artifactcache". */
#include "service.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>

#include "common/objects/objects.h"
#include "ask.h"
#include "tools/alloc.h"

#define ACCEPT "application/json;api-version=6.0-preview.1"
#define PIECE (INT64_C(32) << 20) /* of an upload, as all clients have it */

/* Path below the service's; malloc'ed. */
static char *
url_of(const struct gha_service *s, const char *path)
{
    return tenon_asprintf("%s/_apis/artifactcache/%s", s->url, path);
}

int
gha_find1(const struct gha_service *s, struct tenon_ctx *ctx, const char *key,
          struct gha_entry *out, struct tenon_error *err)
{
    int status = 0;
    const char *said = NULL;
    auto_free char *encoded = objects_path(key);
    auto_free char *path = tenon_asprintf("cache?keys=%s&version=%s", encoded, GHA_VERSION);
    auto_free char *url = url_of(s, path);
    auto_object struct json_object *o = NULL;
    const struct gha_ask a = { .method = "GET", .url = url, .accept = ACCEPT, .token = s->token };
    int rc = gha_ask(s, ctx, &a, &status, &said, &o, err);
    if (rc < 0)
        return rc;
    if (status >= 300)
        return gha_refused(s, "look for", key, status, said, err);
    const char *matched = gha_text(o, "cacheKey"), *at = gha_text(o, "archiveLocation");
    if (!matched || !at || !*matched) /* 204 */
        return 0;
    *out = (struct gha_entry){ .key = s->host->ctx->strdup(ctx, matched),
                               .url = s->host->ctx->strdup(ctx, at) };
    return 1;
}

/* Its number; 0: there is one of that key. */
static int
reserve(const struct gha_service *s, struct tenon_ctx *ctx, const char *key, int64_t *id,
        struct tenon_error *err)
{
    int status = 0;
    const char *said = NULL;
    struct json_object *value;
    auto_free char *url = url_of(s, "caches");
    auto_object struct json_object *o = NULL;
    const struct gha_ask a = { .method = "POST", .url = url, .accept = ACCEPT, .token = s->token,
                               .body = gha_key_and_version(key), .flags = TENON_FETCH_ONCE };
    int rc = gha_ask(s, ctx, &a, &status, &said, &o, err);
    *id = 0;
    if (rc < 0 || gha_is_taken(status, said))
        return rc;
    if (status >= 300)
        return gha_refused(s, "reserve", key, status, said, err);
    if (json_object_is_type(o, json_type_object) &&
        (json_object_object_get_ex(o, "cacheId", &value) ||
         json_object_object_get_ex(o, "cacheID", &value)))
        *id = json_object_get_int64(value);
    return *id ? TENON_OK
               : s->host->error->set(err, TENON_E_FAILED, 0, "GitHub's cache has no number for %s",
                                     key);
}

/* A file of its own, since what is sent begins where a file begins. */
static int
piece_of(const struct gha_service *s, int fd, off_t from, int64_t size, struct tenon_error *err)
{
    auto_close int piece = memfd_create("piece", MFD_CLOEXEC);
    if (piece < 0)
        return s->host->error->set(err, TENON_E_FAILED, errno, "memfd_create");
    for (int64_t left = size; left > 0;) {
        ssize_t n = sendfile(piece, fd, &from, (size_t)left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return s->host->error->set(err, TENON_E_FAILED, n < 0 ? errno : EIO, "read a blob");
        left -= n;
    }
    return tenon_steal_fd(&piece);
}

static int
send_piece(const struct gha_service *s, struct tenon_ctx *ctx, const char *url, const char *key,
           int fd, int64_t from, int64_t size, struct tenon_error *err)
{
    auto_free char *range = tenon_asprintf("Content-Range: bytes %" PRId64 "-%" PRId64 "/*", from,
                                           from + size - 1);
    auto_free char *bearer = tenon_asprintf("Bearer %s", s->token);
    auto_close int piece = piece_of(s, fd, from, size, err);
    if (piece < 0 || gha_in_time(s, err) < 0)
        return s->host->error->code(err);
    const char *const headers[] = { "Accept: " ACCEPT, "Content-Type: application/octet-stream",
                                    range, NULL };
    const struct tenon_fetch f = {
        .struct_size = sizeof f, .flags = TENON_FETCH_STAY, .method = "PATCH", .url = url,
        .headers = headers, .authorization = bearer, .body_fd = piece, .body_fd_len = size,
    };
    struct tenon_fetch_answer a = { .struct_size = sizeof a };
    int rc = s->http->fetch(ctx, &f, -1, &a, err);
    return rc < 0 || (a.status >= 200 && a.status < 300)
               ? rc : gha_refused(s, "upload", key, a.status, a.said, err);
}

static int
commit(const struct gha_service *s, struct tenon_ctx *ctx, const char *url, const char *key,
       int64_t size, struct tenon_error *err)
{
    int status = 0;
    const char *said = NULL;
    auto_object struct json_object *o = NULL;
    struct json_object *body = json_object_new_object();
    json_object_object_add(body, "size", json_object_new_int64(size));
    const struct gha_ask a = { .method = "POST", .url = url, .accept = ACCEPT, .token = s->token,
                               .body = body };
    int rc = gha_ask(s, ctx, &a, &status, &said, &o, err);
    if (rc < 0)
        return rc;
    return status < 300 ? 1 : gha_refused(s, "commit", key, status, said, err);
}

int
gha_put1(const struct gha_service *s, struct tenon_ctx *ctx, const char *key, int fd, int64_t size,
         struct tenon_error *err)
{
    int64_t id = 0;
    int rc = reserve(s, ctx, key, &id, err);
    if (rc < 0 || !id)
        return rc;
    auto_free char *path = tenon_asprintf("caches/%" PRId64, id);
    auto_free char *url = url_of(s, path);
    for (int64_t done = 0; rc == TENON_OK && done < size; done += PIECE)
        rc = send_piece(s, ctx, url, key, fd, done, size - done < PIECE ? size - done : PIECE, err);
    return rc < 0 ? rc : commit(s, ctx, url, key, size, err);
}
