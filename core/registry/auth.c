/* registry/auth.c - basic credentials and bearer tokens.
 *
 * A registry that refuses says where tokens are given (WWW-Authenticate:
 * Bearer realm=...); the user's name and secret go there, and to the registry
 * itself only when it asks for them (Basic).  Sources: docker's "token
 * authentication" documents, RFC 6749 for the oauth2 form. */
#include <string.h>

#include "base/io.h"
#include "tools/alloc.h"
#include "tools/base64.h"
#include "tools/conceal.h"
#include "registry/again.h"
#include "registry/challenge.h"
#include "registry/url.h"
#include "registry/libcurl.h"
#include "registry/private.h"

#define TOKEN_DEFAULT_S 60
#define TOKEN_MAX_S 290
#define TOKEN_LEN_MAX 65536
#define TOKEN_ANSWER_MAX ((size_t)1 << 20)
#define IDENTITY_USER "<token>" /* docker's mark: the secret is for the oauth2 form */
#define BEARER_USER "<bearer>"  /* ours: the secret is what a registry wants to see itself */
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

/* What serves all scopes of a repository (basic credentials: other repositories may have others)
 * is kept under its name, which no scope is. */
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
            (tenon_streq(t->scope, e->scope_repo) || tenon_streq(t->scope, scope)))
            found = tenon_strdup(t->header);
    pthread_mutex_unlock(&r->lock);
    return found;
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
    auto_wipe char *encoded = tenon_base64(pair, strlen(pair));
    return tenon_asprintf("Basic %s", encoded);
}

static int
remember_token(struct tenon_registry *r, const struct tenon_endpoint *e, const char *scope,
               const char *token, int64_t seconds, const char *realm, struct tenon_error *err)
{
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

static int
take_token(struct tenon_registry *r, const struct tenon_endpoint *e, const char *scope,
           const struct tenon_buf *answer, const char *realm, struct tenon_error *err)
{
    auto_json struct json_object *o = NULL;
    const char *token = NULL, *access = NULL;
    int64_t seconds;
    if (tenon_json_parse(answer->data, answer->len, TOKEN_ANSWER_MAX, &o, err) < 0 ||
        tenon_json_get_str(o, "token", NULL, &token, err) < 0 ||
        tenon_json_get_str(o, "access_token", NULL, &access, err) < 0)
        return tenon_error_context(err, "failed to fetch oauth token from %s", realm);
    if (access && *access) /* they stand for the same thing */
        token = access;
    auto_error struct tenon_error odd = TENON_ERROR_INIT;
    if (tenon_json_get_int(o, "expires_in", TOKEN_DEFAULT_S, &seconds, &odd) < 0)
        seconds = TOKEN_DEFAULT_S;
    return remember_token(r, e, scope, token, seconds, realm, err);
}

struct asked { /* for a token */
    struct tenon_registry *r;
    const struct tenon_registry_call *call;
    const struct tenon_endpoint *e;
    struct tenon_patience *patience;
    const char *scope;  /* that the token is kept for */
    const char *scopes; /* and what is asked for */
    const char *realm, *service;
    char *refusal;      /* the last one, in words; to free */
};

/* Send one request to the realm; 1 token taken, 0 refused with *status. */
static int
ask(struct asked *a, struct tenon_http_request *req, long *status,
    struct tenon_error *err)
{
    struct tenon_registry *r = a->r;
    const struct tenon_endpoint *e = a->e;
    auto_response struct tenon_http_response res = {0};
    req->limit = TOKEN_ANSWER_MAX;
    req->cancel = a->call->cancel;
    req->decode_all = true;
    auto_endpoint struct tenon_endpoint elsewhere = {0};
    req->tls = &e->tls;
    if (!tenon_url_same_origin(req->url, e->base)) {
        if (tenon_endpoint_elsewhere(r, e, req->url, &elsewhere, err) < 0)
            return err->code;
        req->tls = &elsewhere.tls;
    }
    req->connect_ns = tenon_registry_connect_ns(a->call, e);
    struct tenon_patience none = {.over = true};
    if (tenon_http_patiently(r->http, req, &res, e->quick ? &none : a->patience, NULL, err) < 0) {
        /* as with a registry: a host that is not there is not worth a wait */
        if (res.trouble == TENON_HTTP_UNREACHED || res.trouble == TENON_HTTP_NO_TLS)
            a->patience->over = true;
        return tenon_error_context(err, "failed to fetch oauth token");
    }
    *status = res.status;
    if (res.status < 200 || res.status >= 300) {
        free(a->refusal);
        a->refusal = tenon_registry_status_text(req, &res);
        return 0;
    }
    auto_free char *shown = tenon_url_conceal(req->url);
    return take_token(r, e, a->scope, &res.body, shown, err);
}

/* realm?service=...&scope=...&scope=...; to free. */
static char *
token_url(const struct asked *a, const char *q_service, const char *q_scopes)
{
    struct tenon_buf b = TENON_BUF_INIT;
    tenon_buf_addf(&b, "%s%s", a->realm, strchr(a->realm, '?') ? "&" : "?");
    if (a->service)
        tenon_buf_addf(&b, "service=%s&", q_service);
    tenon_buf_adds(&b, "scope=");
    /* several scopes, blanks between, are several parameters */
    for (const char *p = q_scopes; *p; p++) {
        if (tenon_has_prefix(p, "%20")) {
            tenon_buf_adds(&b, "&scope=");
            p += 2;
        } else {
            tenon_buf_addc(&b, *p);
        }
    }
    return tenon_buf_steal(&b);
}

static int
get_token(struct asked *a, const char *user, const char *secret, struct tenon_error *err)
{
    auto_free char *q_service = escape(a->service ? a->service : "");
    auto_free char *q_scope = escape(a->scopes);
    auto_free char *url = token_url(a, q_service, q_scope);
    bool identity = tenon_streq(user, IDENTITY_USER);
    long status = 0;
    int rc = 0;
    if (!identity) {
        auto_wipe char *basic = user ? basic_header(user, secret) : NULL;
        struct tenon_http_request req = {
            .method = "GET", .url = url, .authorization = basic};
        rc = ask(a, &req, &status, err);
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
            .method = "POST", .url = a->realm, .body = body, .body_len = strlen(body),
            .content_type = "application/x-www-form-urlencoded; charset=utf-8",
            .secret_body = true};
        rc = ask(a, &req, &status, err);
    }
    if (rc == 0)
        return tenon_error_set(err, tenon_status_is_transient(status) ? TENON_E_UNAVAILABLE
                                                                      : TENON_E_DENIED,
                               "failed to authorize: failed to fetch %s token: %s",
                               user ? "oauth" : "anonymous", a->refusal);
    return rc;
}

/* What the user has for the repository; *user NULL: nothing. */
static int
credentials(struct tenon_registry *r, const struct tenon_endpoint *e, char **user, char **secret,
            struct tenon_error *err)
{
    auto_free char *place = tenon_asprintf("%s/%s", e->name, e->scope_repo);
    if (r->o.credentials && r->o.credentials(r->o.data, place, user, secret, err) < 0)
        return err->code;
    if (*user && !*secret)
        *secret = tenon_strdup("");
    return 0;
}

/* 1: header, if there is one, is for this repository from now on. */
static int
show(struct tenon_registry *r, const struct tenon_endpoint *e, const char *header)
{
    if (!header)
        return 0;
    remember(r, e->name, e->scope_repo, header, TOKEN_MAX_S);
    return 1;
}

/* By who has the credentials: 1 it is there, 0 they do not do that. */
static int
token_of_user(const struct asked *a, const char *shown, struct tenon_error *err)
{
    const struct tenon_registry *r = a->r;
    const struct tenon_token_request what = {a->e->name, a->realm, a->service, a->scopes};
    auto_wipe char *token = NULL;
    int64_t seconds = 0;

    if (!r->o.token)
        return 0;
    const int rc = r->o.token(r->o.data, &what, &token, &seconds, err);
    if (rc <= 0)
        return rc < 0 ? tenon_error_context(err, "failed to authorize") : 0;
    return remember_token(a->r, a->e, a->scope, token, seconds, shown, err);
}

static int
answer_bearer(struct asked *a, struct tenon_error *err)
{
    struct tenon_registry *r = a->r;
    const struct tenon_endpoint *e = a->e;
    auto_free char *user = NULL;
    auto_wipe char *secret = NULL;
    bool secure = false;
    auto_free char *shown = a->realm ? tenon_url_conceal(a->realm) : NULL;

    if (a->realm) {
        secure = tenon_has_prefix(a->realm, "https://") || tenon_has_prefix(e->base, "http://") ||
                 e->tls.insecure;
        const int rc = secure ? token_of_user(a, shown, err) : 0;
        if (rc != 0)
            return rc;
    }
    if (credentials(r, e, &user, &secret, err) < 0)
        return err->code;
    if (tenon_streq(user, BEARER_USER)) {
        auto_wipe char *header = tenon_asprintf("Bearer %s", secret);
        return secret[strcspn(secret, "\r\n")] ? 0 : show(r, e, header);
    }
    if (!a->realm)
        return 0;
    if (!secure)
        return tenon_error_set(err, TENON_E_DENIED, "%s sends to \"%s\" for a token: not https",
                               e->name, shown);
    return get_token(a, user, secret, err);
}

int
tenon_auth_challenge(struct tenon_registry *r, const struct tenon_registry_call *call,
                     const struct tenon_endpoint *e, const char *scope,
                     const struct tenon_http_response *res, struct tenon_patience *patience,
                     struct tenon_error *err)
{
    auto_free char *user = NULL;
    auto_wipe char *secret = NULL;
    auto_challenge struct tenon_challenge bearer = {0};
    auto_challenge struct tenon_challenge basic = {0};
    if (tenon_challenge_find(res->challenges, "Bearer", &bearer)) {
        auto_free char *scopes = tenon_scopes_merge(scope, bearer.scope);
        struct asked a = {.r = r, .call = call, .e = e, .patience = patience,
                                .scope = scope, .scopes = scopes, .realm = bearer.realm,
                                .service = bearer.service};
        int rc = answer_bearer(&a, err);
        free(a.refusal);
        return rc;
    }
    if (credentials(r, e, &user, &secret, err) < 0)
        return err->code;
    if (tenon_challenge_find(res->challenges, "Basic", &basic) && user &&
        !tenon_streq(user, IDENTITY_USER) && !tenon_streq(user, BEARER_USER)) {
        auto_wipe char *header = basic_header(user, secret);
        return show(r, e, header);
    }
    return 0;
}
