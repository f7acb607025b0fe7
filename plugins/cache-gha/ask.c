/* cache-gha/ask.c - see ask.h. */
#include "ask.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <time.h>

#include "common/objects/objects.h"
#include "tools/alloc.h"
#include "tools/buf.h"
#include "tools/jsontext.h"

int
gha_in_time(const struct gha_service *s, struct tenon_error *err)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (now.tv_sec * INT64_C(1000000000) + now.tv_nsec < s->until_ns)
        return TENON_OK;
    s->host->error->set(err, TENON_E_UNAVAILABLE, 0, "GitHub's cache took longer than was allowed");
    s->host->error->hint(err, "timeout=DURATION, 10m by default");
    return TENON_E_UNAVAILABLE;
}

const char *
gha_text(struct json_object *o, const char *name)
{
    struct json_object *value;
    if (!json_object_is_type(o, json_type_object) || !json_object_object_get_ex(o, name, &value))
        return NULL;
    return json_object_get_string(value);
}

struct json_object *
gha_key_and_version(const char *key)
{
    struct json_object *o = json_object_new_object();
    json_object_object_add(o, "key", json_object_new_string(key));
    json_object_object_add(o, "version", json_object_new_string(GHA_VERSION));
    return o;
}

/* "code: message" of an answer of either version, else its beginning. */
static char *
words_of(const char *said)
{
    auto_object struct json_object *o = said ? tenon_json_parse_modest(said) : NULL;
    const char *code = gha_text(o, "code"), *message = gha_text(o, "message");
    if (!code)
        code = gha_text(o, "typeKey");
    if (!message)
        message = gha_text(o, "msg");
    if (code || message)
        return tenon_asprintf(": %s%s%s", code ? code : "", code && message ? ": " : "",
                              message ? message : "");
    const char *azure = said ? strstr(said, "<Code>") : NULL;
    if (azure)
        return tenon_asprintf(": %.*s", (int)strcspn(azure + 6, "<\r\n"), azure + 6);
    if (!said || !*said)
        return tenon_strdup("");
    return tenon_asprintf(": %.*s", (int)strcspn(said, "\r\n"), said);
}

int
gha_refused(const struct gha_service *s, const char *doing, const char *key, int status,
            const char *said, struct tenon_error *err)
{
    auto_free char *words = words_of(said);
    int code = status == 404                  ? TENON_E_NOT_FOUND
               : status == 401 || status == 403 ? TENON_E_DENIED
                                              : TENON_E_FAILED;
    s->host->error->set(err, code, 0, "%s %s in GitHub's cache: status %d%s", doing, key, status,
                        words);
    if (code == TENON_E_DENIED)
        s->host->error->hint(err, "a token is one job's: token=, else $ACTIONS_RUNTIME_TOKEN");
    return code;
}

bool
gha_is_taken(int status, const char *said)
{
    return status == 409 ||
           (said && (strstr(said, "already_exists") || strstr(said, "AlreadyExists") ||
                     strcasestr(said, "already exists")));
}

int
gha_ask(const struct gha_service *s, struct tenon_ctx *ctx, const struct gha_ask *a, int *status,
        const char **said, struct json_object **out, struct tenon_error *err)
{
    auto_object struct json_object *object = a->body;
    auto_buf struct tenon_buf body = TENON_BUF_INIT;
    auto_free char *accept = tenon_asprintf("Accept: %s", a->accept);
    auto_free char *bearer = a->token ? tenon_asprintf("Bearer %s", a->token) : NULL;
    auto_close int fd = memfd_create("answer", MFD_CLOEXEC);
    if (fd < 0)
        return s->host->error->set(err, TENON_E_FAILED, errno, "memfd_create");
    if (gha_in_time(s, err) < 0)
        return TENON_E_UNAVAILABLE;
    if (object)
        tenon_json_write(&body, object, true);
    const char *const headers[] = { accept, object ? "Content-Type: application/json" : NULL,
                                    NULL };
    const struct tenon_fetch f = {
        .struct_size = sizeof f,
        .flags = a->flags,
        .method = a->method,
        .url = a->url,
        .headers = headers,
        .authorization = bearer,
        .body = body.data,
        .body_len = body.len,
        .most = GHA_ANSWER_MAX,
    };
    struct tenon_fetch_answer answer = { .struct_size = sizeof answer };
    int rc = s->http->fetch(ctx, &f, fd, &answer, err);
    const void *text = NULL;
    size_t len = 0;
    if (rc == TENON_OK)
        rc = objects_read(ctx, fd, &text, &len, err);
    if (rc < 0)
        return rc;
    *status = answer.status;
    *said = answer.said;
    *out = answer.said || len == 0 ? NULL : tenon_json_parse_modest(text);
    return TENON_OK;
}
