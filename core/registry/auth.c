/* registry/auth.c - basic credentials and bearer tokens.
 *
 * A registry that refuses says where tokens are given (WWW-Authenticate:
 * Bearer realm=...); the user's name and secret go there, and to the registry
 * itself only when it asks for them (Basic).  Sources: docker's "token
 * authentication" documents, RFC 6749 for the oauth2 form. */
#include <gnutls/gnutls.h>
#include <string.h>
#include <strings.h>

#include "base/io.h"
#include "tools/alloc.h"
#include "registry/libcurl.h"
#include "registry/private.h"

#define TOKEN_DEFAULT_S 60
#define TOKEN_MAX_S 290
#define TOKEN_LEN_MAX 65536
#define TOKEN_ANSWER_MAX ((size_t)1 << 20)
#define IDENTITY_USER "<token>"
#define CLIENT_ID "tenon"

struct token {
    char *host, *scope;
    char *header;      /* "Bearer ..." or "Basic ..." */
    uint64_t until_ns; /* monotonic */
    struct token *next;
};

static void
wipe(char *s)
{
    if (s)
        explicit_bzero(s, strlen(s));
    free(s);
}

static void
auto_wipe_fn(char **s)
{
    wipe(*s);
}
#define auto_wipe __attribute__((cleanup(auto_wipe_fn)))

static void
token_free(struct token *t)
{
    free(t->host);
    free(t->scope);
    wipe(t->header);
    free(t);
}

void
tenon_auth_free(struct tenon_registry *r)
{
    while (r->tokens) {
        struct token *t = r->tokens;
        r->tokens = t->next;
        token_free(t);
    }
}

static uint64_t
now(const struct tenon_registry *r)
{
    return r->o.now_ns ? r->o.now_ns() : tenon_monotonic_ns();
}

/* Basic credentials serve all scopes of a host; they are kept under "". */
static void
remember(struct tenon_registry *r, const char *host, const char *scope,
         const char *header, int64_t seconds)
{
    struct token *t = tenon_new0(struct token);
    t->host = tenon_strdup(host);
    t->scope = tenon_strdup(scope);
    t->header = tenon_strdup(header);
    t->until_ns = now(r) + (uint64_t)seconds * 1000000000;
    pthread_mutex_lock(&r->lock);
    for (struct token **p = &r->tokens; *p;) {
        struct token *old = *p;
        if (tenon_streq(old->host, host) && tenon_streq(old->scope, scope)) {
            *p = old->next;
            token_free(old);
        } else {
            p = &old->next;
        }
    }
    t->next = r->tokens;
    r->tokens = t;
    pthread_mutex_unlock(&r->lock);
}

char *
tenon_auth_header(struct tenon_registry *r, const struct tenon_endpoint *e,
                  const char *scope)
{
    char *found = NULL;
    uint64_t time = now(r);
    pthread_mutex_lock(&r->lock);
    for (struct token *t = r->tokens; t && !found; t = t->next)
        if (tenon_streq(t->host, e->name) && t->until_ns > time &&
            (!*t->scope || tenon_streq(t->scope, scope)))
            found = tenon_strdup(t->header);
    pthread_mutex_unlock(&r->lock);
    return found;
}

/* ---- the challenge -------------------------------------------------------------- */

/* name="value" or name=value among parameters; malloc'ed or NULL. */
static char *
parameter(const char *s, const char *name)
{
    size_t len = strlen(name);
    while (*s) {
        s += strspn(s, " \t,");
        size_t n = strcspn(s, "= \t,");
        bool match = n == len && strncasecmp(s, name, n) == 0;
        s += n;
        if (*s != '=')
            continue;
        s++;
        struct tenon_buf value = TENON_BUF_INIT;
        if (*s == '"') {
            for (s++; *s && *s != '"'; s++) {
                if (*s == '\\' && s[1])
                    s++;
                tenon_buf_addc(&value, *s);
            }
            if (*s)
                s++;
        } else {
            size_t v = strcspn(s, ", \t");
            tenon_buf_add(&value, s, v);
            s += v;
        }
        if (match) {
            tenon_buf_addc(&value, '\0');
            return tenon_buf_steal(&value);
        }
        tenon_buf_release(&value);
    }
    return NULL;
}

static const char *
scheme(const struct tenon_http_response *res, const char *word)
{
    size_t len = strlen(word);
    for (char **c = res->challenges; c && *c; c++)
        if (strncasecmp(*c, word, len) == 0 && ((*c)[len] == ' ' || !(*c)[len]))
            return *c + len;
    return NULL;
}

/* ---- getting a token -------------------------------------------------------------- */

static char *
escape(const char *s)
{
    char *quoted = curl_easy_escape(NULL, s, 0);
    char *out = tenon_strdup(quoted ? quoted : "");
    curl_free(quoted);
    return out;
}

static char *
basic_header(const char *user, const char *secret)
{
    auto_wipe char *pair = tenon_asprintf("%s:%s", user, secret);
    gnutls_datum_t in = {(unsigned char *)pair, (unsigned)strlen(pair)}, out = {0};
    if (gnutls_base64_encode2(&in, &out) < 0)
        return NULL;
    char *header = tenon_asprintf("Basic %.*s", (int)out.size, (char *)out.data);
    explicit_bzero(out.data, out.size);
    gnutls_free(out.data);
    return header;
}

static int
take_token(struct tenon_registry *r, const struct tenon_endpoint *e, const char *scope,
           const struct tenon_buf *answer, const char *realm, struct tenon_error *err)
{
    auto_json struct json_object *o = NULL;
    const char *token = NULL;
    int64_t seconds;
    if (tenon_json_parse(answer->data, answer->len, TOKEN_ANSWER_MAX, &o, err) < 0 ||
        tenon_json_get_str(o, "token", NULL, &token, err) < 0 ||
        (!token && tenon_json_get_str(o, "access_token", NULL, &token, err) < 0) ||
        tenon_json_get_int(o, "expires_in", TOKEN_DEFAULT_S, &seconds, err) < 0)
        return tenon_error_context(err, "failed to fetch oauth token from %s", realm);
    if (!token || !*token || strlen(token) > TOKEN_LEN_MAX ||
        token[strcspn(token, "\r\n")])
        return tenon_error_set(err, TENON_E_CORRUPT,
                               "failed to fetch oauth token from %s: no token", realm);
    if (seconds <= 0)
        seconds = TOKEN_DEFAULT_S;
    if (seconds > TOKEN_MAX_S)
        seconds = TOKEN_MAX_S;
    auto_wipe char *header = tenon_asprintf("Bearer %s", token);
    remember(r, e->name, scope, header, seconds);
    return 1;
}

/* Send one request to the realm; 1 token taken, 0 refused with *status. */
static int
ask(struct tenon_registry *r, const struct tenon_registry_call *call,
    const struct tenon_endpoint *e, const char *scope, struct tenon_http_request *req,
    long *status, struct tenon_error *err)
{
    auto_response struct tenon_http_response res = {0};
    req->limit = TOKEN_ANSWER_MAX;
    req->cancel = call->cancel;
    auto_endpoint struct tenon_endpoint elsewhere = {0};
    req->tls = &e->tls;
    if (!tenon_url_same_origin(req->url, e->base)) {
        if (tenon_endpoint_elsewhere(r, e, req->url, &elsewhere, err) < 0)
            return err->code;
        req->tls = &elsewhere.tls;
    }
    if (tenon_http_do(r->http, req, &res, NULL, err) < 0)
        return tenon_error_context(err, "failed to fetch oauth token");
    *status = res.status;
    if (res.status < 200 || res.status >= 300)
        return 0;
    return take_token(r, e, scope, &res.body, req->url, err);
}

static int
get_token(struct tenon_registry *r, const struct tenon_registry_call *call,
          const struct tenon_endpoint *e, const char *scope, const char *realm,
          const char *service, const char *user, const char *secret,
          struct tenon_error *err)
{
    auto_free char *q_service = escape(service ? service : "");
    auto_free char *q_scope = escape(scope);
    /* several scopes, blanks between, are several parameters */
    struct tenon_buf b = TENON_BUF_INIT;
    tenon_buf_addf(&b, "%s%s", realm, strchr(realm, '?') ? "&" : "?");
    if (service)
        tenon_buf_addf(&b, "service=%s&", q_service);
    tenon_buf_adds(&b, "scope=");
    for (const char *p = q_scope; *p; p++) {
        if (tenon_has_prefix(p, "%20")) {
            tenon_buf_adds(&b, "&scope=");
            p += 2;
        } else {
            tenon_buf_addc(&b, *p);
        }
    }
    auto_free char *url = tenon_buf_steal(&b);
    bool identity = tenon_streq(user, IDENTITY_USER);
    long status = 0;
    int rc = 0;
    if (!identity) {
        auto_wipe char *basic = user ? basic_header(user, secret) : NULL;
        struct tenon_http_request req = {
            .method = "GET", .url = url, .authorization = basic};
        rc = ask(r, call, e, scope, &req, &status, err);
    }
    if (rc == 0 && user && (identity || status == 404 || status == 405)) {
        auto_free char *q_user = escape(user);
        auto_wipe char *q_secret = escape(secret);
        auto_wipe char *body =
            identity ? tenon_asprintf("grant_type=refresh_token&client_id=" CLIENT_ID
                                      "&service=%s&scope=%s&refresh_token=%s",
                                      q_service, q_scope, q_secret)
                     : tenon_asprintf("grant_type=password&client_id=" CLIENT_ID
                                      "&service=%s&scope=%s&username=%s&password=%s",
                                      q_service, q_scope, q_user, q_secret);
        struct tenon_http_request req = {
            .method = "POST", .url = realm, .body = body, .body_len = strlen(body),
            .content_type = "application/x-www-form-urlencoded; charset=utf-8"};
        rc = ask(r, call, e, scope, &req, &status, err);
    }
    if (rc == 0)
        return tenon_error_set(err, TENON_E_DENIED,
                               "failed to authorize: failed to fetch %s token: "
                               "unexpected status: %ld",
                               user ? "oauth" : "anonymous", status);
    return rc;
}

int
tenon_auth_challenge(struct tenon_registry *r, const struct tenon_registry_call *call,
                     const struct tenon_endpoint *e, const char *scope,
                     const struct tenon_http_response *res, struct tenon_error *err)
{
    auto_free char *user = NULL;
    auto_wipe char *secret = NULL;
    if (r->o.credentials &&
        r->o.credentials(r->o.data, e->name, &user, &secret, err) < 0)
        return err->code;
    if (user && !secret)
        secret = tenon_strdup("");

    const char *bearer = scheme(res, "Bearer");
    if (bearer) {
        auto_free char *realm = parameter(bearer, "realm");
        auto_free char *service = parameter(bearer, "service");
        if (!realm)
            return 0;
        bool secure = tenon_has_prefix(realm, "https://");
        if (!secure && !tenon_has_prefix(e->base, "http://"))
            return tenon_error_set(err, TENON_E_DENIED,
                                   "%s sends to \"%s\" for a token: not https", e->name,
                                   realm);
        return get_token(r, call, e, scope, realm, service, user, secret, err);
    }
    if (scheme(res, "Basic") && user && !tenon_streq(user, IDENTITY_USER)) {
        auto_wipe char *header = basic_header(user, secret);
        if (!header)
            return 0;
        remember(r, e->name, "", header, TOKEN_MAX_S);
        return 1;
    }
    return 0;
}
