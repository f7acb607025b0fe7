/* cache-gha/token.c - see token.h.  A JSON Web Token (RFC 7519): three parts in base64url with
 * dots between, the second a JSON object; its claim "ac" is a list, as text. */
#include "token.h"

#include <string.h>

#include "ask.h"
#include "tools/alloc.h"
#include "tools/base64.h"
#include "tools/jsontext.h"
#include "tools/parse.h"

#define MAY_WRITE 2

static int
bad(const struct tenon_host *host, const char *why, struct tenon_error *err)
{
    return host->error->set(err, TENON_E_INVALID, 0, "cache type gha: token: %s", why);
}

/* The second part as an object, or NULL. */
static struct json_object *
claims_of(const char *text)
{
    const char *from = strchr(text, '.'), *to = from ? strchr(from + 1, '.') : NULL;
    auto_buf struct tenon_buf json = TENON_BUF_INIT;
    if (!to)
        return NULL;
    auto_free char *part = tenon_strndup(from + 1, (size_t)(to - from - 1));
    for (char *p = part; *p; p++)
        *p = *p == '-' ? '+' : *p == '_' ? '/' : *p;
    if (!tenon_base64_decode(part, strlen(part), &json))
        return NULL;
    return tenon_json_parse_modest(tenon_buf_str(&json));
}

static int
check_time(const struct tenon_host *host, struct json_object *claims, int64_t now,
           struct tenon_error *err)
{
    struct json_object *until, *since;
    if (!json_object_object_get_ex(claims, "exp", &until) ||
        !json_object_object_get_ex(claims, "nbf", &since))
        return bad(host, "it has no times", err);
    int64_t first = json_object_get_int64(since), last = json_object_get_int64(until);
    if (now >= first && now <= last)
        return TENON_OK;
    const int64_t limit = INT64_MAX / INT64_C(1000000000);
    auto_free char *when = tenon_format_time((now < first ? first : last) % limit *
                                             INT64_C(1000000000));
    auto_free char *why = now < first ? tenon_asprintf("it is valid from %s on", when)
                                      : tenon_asprintf("it expired at %s", when);
    return bad(host, why, err);
}

static int
add_scope(const struct tenon_host *host, struct tenon_ctx *ctx, struct json_object *o,
          struct gha_token *t, struct tenon_error *err)
{
    struct json_object *name, *permission = NULL;
    if (!json_object_object_get_ex(o, "Scope", &name))
        return bad(host, "a scope without a name", err);
    if (t->count >= GHA_SCOPES_MAX)
        return bad(host, "it has too many scopes", err);
    json_object_object_get_ex(o, "Permission", &permission);
    t->scopes[t->count++] = (struct gha_scope){
        .name = host->ctx->strdup(ctx, json_object_get_string(name)),
        .writable = json_object_get_int(permission) & MAY_WRITE,
    };
    return TENON_OK;
}

int
gha_token_read(const struct tenon_host *host, struct tenon_ctx *ctx, const char *text,
               int64_t now, struct gha_token *out, struct tenon_error *err)
{
    auto_object struct json_object *claims = claims_of(text);
    struct json_object *access;
    if (!claims || !json_object_is_type(claims, json_type_object))
        return bad(host, "it is no JSON Web Token", err);
    if (!json_object_object_get_ex(claims, "ac", &access) ||
        !json_object_is_type(access, json_type_string))
        return bad(host, "it does not say which caches it is for", err);
    int rc = check_time(host, claims, now, err);
    auto_object struct json_object *list = tenon_json_parse_modest(json_object_get_string(access));
    if (rc == TENON_OK && !json_object_is_type(list, json_type_array))
        rc = bad(host, "its list of caches is none", err);
    *out = (struct gha_token){ .count = 0 };
    for (size_t i = 0; rc == TENON_OK && i < json_object_array_length(list); i++)
        rc = add_scope(host, ctx, json_object_array_get_idx(list, i), out, err);
    return rc;
}
