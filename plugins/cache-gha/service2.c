/* cache-gha/service2.c - see service.h: the second version, "results", which is asked as Twirp has
 * it; data goes to and comes from blobs of Azure's under URLs that are signed. */
#include "service.h"

#include <string.h>

#include "ask.h"
#include "tools/alloc.h"

#define SERVICE "twirp/github.actions.results.api.v1.CacheService"
#define BLOB_MAX (INT64_C(5000) << 20) /* of one PUT */

/* *out NULL: there is one of that key (taken), or none.  Else an object with "ok". */
static int
call(const struct gha_service *s, struct tenon_ctx *ctx, const char *method, const char *key,
     struct json_object *body, uint32_t flags, bool *taken, struct json_object **out,
     struct tenon_error *err)
{
    int status = 0;
    const char *said = NULL;
    auto_free char *url = tenon_asprintf("%s/%s/%s", s->url, SERVICE, method);
    auto_object struct json_object *o = NULL;
    const struct gha_ask a = { .method = "POST", .url = url, .accept = "application/json",
                               .token = s->token, .body = body, .flags = flags };
    int rc = gha_ask(s, ctx, &a, &status, &said, &o, err);
    if (rc < 0)
        return rc;
    *taken = gha_is_taken(status, said);
    if (status == 200 && o)
        *out = tenon_steal(&o);
    else if (!*taken && status != 404)
        return gha_refused(s, method, key, status, said, err);
    return TENON_OK;
}

static bool
is_ok(struct json_object *o)
{
    struct json_object *ok = NULL;
    return o && json_object_object_get_ex(o, "ok", &ok) && json_object_get_boolean(ok);
}

int
gha_find2(const struct gha_service *s, struct tenon_ctx *ctx, const char *key,
          struct gha_entry *out, struct tenon_error *err)
{
    bool taken = false;
    auto_object struct json_object *o = NULL;
    struct json_object *body = gha_key_and_version(key), *begins = json_object_new_array();
    json_object_array_add(begins, json_object_new_string(key));
    json_object_object_add(body, "restore_keys", begins);
    int rc = call(s, ctx, "GetCacheEntryDownloadURL", key, body, 0, &taken, &o, err);
    const char *url = gha_text(o, "signed_download_url"), *matched = gha_text(o, "matched_key");
    if (rc < 0 || !is_ok(o) || !url)
        return rc;
    *out = (struct gha_entry){ .key = s->host->ctx->strdup(ctx, matched ? matched : key),
                               .url = s->host->ctx->strdup(ctx, url) };
    return 1;
}

static int
upload(const struct gha_service *s, struct tenon_ctx *ctx, const char *key, const char *url, int fd,
       int64_t size, struct tenon_error *err)
{
    static const char *const headers[] = { "x-ms-blob-type: BlockBlob",
                                           "x-ms-version: 2021-08-06",
                                           "Content-Type: application/octet-stream", NULL };
    const struct tenon_fetch f = {
        .struct_size = sizeof f, .flags = TENON_FETCH_STAY, .method = "PUT", .url = url,
        .headers = headers, .body_fd = fd, .body_fd_len = size,
    };
    struct tenon_fetch_answer a = { .struct_size = sizeof a };
    int rc = gha_in_time(s, err);
    if (rc == TENON_OK)
        rc = s->http->fetch(ctx, &f, -1, &a, err);
    return rc < 0 || a.status == 201 ? rc : gha_refused(s, "upload", key, a.status, a.said, err);
}

int
gha_put2(const struct gha_service *s, struct tenon_ctx *ctx, const char *key, int fd, int64_t size,
         struct tenon_error *err)
{
    bool taken = false;
    auto_object struct json_object *place = NULL, *end = NULL;
    if (size > BLOB_MAX)
        return s->host->error->set(err, TENON_E_LIMIT, 0, "a blob of more than 5,000 MiB");
    int rc = call(s, ctx, "CreateCacheEntry", key, gha_key_and_version(key), TENON_FETCH_ONCE,
                  &taken, &place, err);
    if (rc < 0 || taken)
        return rc;
    const char *url = gha_text(place, "signed_upload_url"), *why = gha_text(place, "message");
    if (!is_ok(place) || !url)
        return s->host->error->set(err, TENON_E_FAILED, 0, "GitHub's cache has no place for %s%s%s",
                                   key, why ? ": " : "", why ? why : "");
    rc = upload(s, ctx, key, url, fd, size, err);
    if (rc < 0)
        return rc;
    struct json_object *body = gha_key_and_version(key);
    json_object_object_add(body, "size_bytes", json_object_new_int64(size));
    rc = call(s, ctx, "FinalizeCacheEntryUpload", key, body, 0, &taken, &end, err);
    if (rc == TENON_OK && !is_ok(end))
        rc = s->host->error->set(err, TENON_E_FAILED, 0, "GitHub's cache did not keep %s", key);
    return rc < 0 ? rc : 1;
}
