/* registry/check.c - see check.h. */
#include "registry/check.h"

#include <string.h>

#include "tools/alloc.h"
#include "tools/conceal.h"
#include "registry/challenge.h"
#include "registry/handshake.h"
#include "registry/private.h"
#include "registry/proxy.h"
#include "registry/redirect.h"

#define DOCUMENT_MAX ((size_t)8 << 20)

TENON_DEFINE_AUTO_STRUCT(reference, struct tenon_reference, tenon_reference_release);
#define auto_reference __attribute__((cleanup(tenon_auto_reference)))

struct check {
    struct tenon_registry *r;
    const struct tenon_registry_call *call;
    struct tenon_reference ref;
    struct tenon_endpoint *e, *plain; /* plain: the same without TLS, where that will do */
    bool has_repo;
    char *manifest; /* text of one of the repository's, or NULL */
    tenon_check_report *report;
    void *data;
};

static bool
say(const struct check *c, const char *step, enum tenon_check_outcome outcome, const char *hint,
    const char *text)
{
    const struct tenon_check_finding f = {step, outcome, text, hint};
    c->report(c->data, &f);
    return outcome != TENON_CHECK_BAD;
}

static bool
stop(const struct check *c, const char *step, const struct tenon_error *err, const char *hint)
{
    return say(c, step, TENON_CHECK_BAD, err->hint ? err->hint : hint,
               err->message ? err->message : tenon_status_name(err->code));
}

/* ---- the way there ------------------------------------------------------------------------ */

static bool
check_tls(struct check *c, struct tenon_peer *peer)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_free char *shown = NULL;
    const struct tenon_http_settings *s = tenon_http_settings_of(c->r->http);
    int rc = tenon_peer_tls(peer, &c->e->tls, s, &shown, &err);
    if (rc != TENON_E_UNSUPPORTED && c->e->maybe_tls)
        tenon_endpoint_use_tls(c->e);
    if (rc == 0)
        return say(c, "tls", TENON_CHECK_GOOD, NULL, shown ? shown : "no certificate");
    if (rc == TENON_E_UNSUPPORTED && c->e->maybe_tls)
        return say(c, "tls", TENON_CHECK_NOTED, NULL, "none, and here there need not be");
    if (rc == TENON_E_UNSUPPORTED && c->plain) {
        c->e = c->plain;
        return say(c, "tls", TENON_CHECK_NOTED, NULL, "none, and HTTP will do, as it was told to");
    }
    if (rc == TENON_E_DENIED && c->e->tls.insecure) {
        auto_free char *text = tenon_asprintf("%s: %s: not verified, as it was told to",
                                              shown ? shown : "a certificate", err.message);
        return say(c, "tls", TENON_CHECK_NOTED, NULL, text);
    }
    if (rc == TENON_E_DENIED) {
        auto_free char *text = tenon_asprintf("%s: %s", shown ? shown : "?", err.message);
        auto_free char *hint = tenon_asprintf(
            "put its authority into /etc/docker/certs.d/%s/ca.crt, or name it in tenon.json: "
            "\"registries\": {\"%s\": {\"ca\": FILE}}", c->e->name, c->e->name);
        return say(c, "tls", TENON_CHECK_BAD, hint, text);
    }
    auto_free char *hint = tenon_asprintf(
        "if it is meant to be plain HTTP: \"registries\": {\"%s\": {\"plain-http\": true}} in "
        "tenon.json", c->e->name);
    return stop(c, "tls", &err, hint);
}

static bool
check_connection(struct check *c)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_peer struct tenon_peer peer = TENON_PEER_INIT;
    const struct tenon_http_settings *s = tenon_http_settings_of(c->r->http);
    const char *proxy = tenon_proxy_for(s, c->e->base);
    if (proxy && *proxy) {
        auto_free char *shown = tenon_url_conceal(proxy);
        auto_free char *text = tenon_asprintf("the proxy %s goes there", shown);
        return say(c, "tcp", TENON_CHECK_NOTED, NULL, text);
    }
    if (tenon_peer_find(c->e->base, &peer, &err) < 0)
        return stop(c, "dns", &err, "is the name right? what does `getent hosts` say?");
    say(c, "dns", TENON_CHECK_GOOD, NULL, peer.shown);
    if (tenon_peer_connect(&peer, s->connect_ns, &err) < 0)
        return stop(c, "tcp", &err, "is it running, is the port right, is there a firewall?");
    auto_free char *text = tenon_asprintf("%s port %s", peer.address, peer.port);
    say(c, "tcp", TENON_CHECK_GOOD, NULL, text);
    if (tenon_has_prefix(c->e->base, "https:") || c->e->maybe_tls)
        return check_tls(c, &peer);
    return say(c, "tls", TENON_CHECK_NOTED, NULL, "none, as it is configured");
}

/* ---- HTTP --------------------------------------------------------------------------------- */

static int
ask(const struct check *c, const char *method, const char *url, const char *scope,
    struct tenon_http_response *res, struct tenon_error *err)
{
    struct tenon_http_request req = {.method = method, .url = url, .limit = DOCUMENT_MAX,
                                     .accept = TENON_REGISTRY_ACCEPT, .once = true};
    return tenon_registry_request(c->r, c->call, c->e, scope, &req, res, NULL, err);
}

static char *
status_text(const struct tenon_http_response *res)
{
    return tenon_asprintf("%ld%s%s", res->status, res->reason ? " " : "",
                          res->reason ? res->reason : "");
}

/* Who gives tokens, when that is somebody else; NULL: nobody. */
static char *
token_server(const struct tenon_http_response *res)
{
    auto_challenge struct tenon_challenge bearer = {0};
    if (!res->challenges || !tenon_challenge_find(res->challenges, "Bearer", &bearer))
        return NULL;
    return tenon_asprintf("tokens by %s", bearer.realm ? bearer.realm : "?");
}

/* "/v2/" as it is, without credentials. */
static bool
check_ping(const struct check *c, bool *wants_auth)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_response struct tenon_http_response res = {0};
    auto_free char *url = tenon_asprintf("%s/", c->e->base);
    struct tenon_http_request req = {.method = "GET", .url = url, .limit = DOCUMENT_MAX,
                                     .cancel = c->call->cancel, .tls = &c->e->tls};
    if (tenon_http_do(c->r->http, &req, &res, NULL, &err) < 0)
        return stop(c, "ping", &err, NULL);
    auto_free char *status = status_text(&res), *tokens = token_server(&res);
    *wants_auth = res.status == 401;
    if (res.status == 200)
        return say(c, "ping", TENON_CHECK_GOOD, NULL, "it answers, and asks for no credentials");
    if (!*wants_auth) {
        auto_free char *text = tenon_asprintf("%s answers %s", url, status);
        return say(c, "ping", TENON_CHECK_BAD, "this is no registry, or not where it is looked for",
                   text);
    }
    auto_free char *text = tenon_asprintf("it answers, and asks for credentials (%s)",
                                          tokens ? tokens : "a name and a password");
    return say(c, "ping", TENON_CHECK_GOOD, NULL, text);
}

static bool
check_auth(const struct check *c)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_response struct tenon_http_response res = {0};
    auto_free char *user = NULL, *secret = NULL, *url = tenon_asprintf("%s/", c->e->base);
    auto_free char *hint = tenon_asprintf("docker login %s", c->e->name);
    /* a token for whatever it is: who has none of these rights gets one for nothing */
    auto_free char *scope = tenon_asprintf("repository:%s:pull", c->e->scope_repo);
    if (c->r->o.credentials &&
        c->r->o.credentials(c->r->o.data, c->e->name, &user, &secret, &err) < 0)
        return stop(c, "auth", &err, hint);
    if (secret)
        explicit_bzero(secret, strlen(secret));
    const bool known = user || secret;
    auto_free char *who = !known ? tenon_strdup("without credentials")
                          : user && *user != '<' ? tenon_asprintf("as \"%s\"", user)
                                                 : tenon_strdup("with a token");
    if (ask(c, "GET", url, scope, &res, &err) < 0)
        return stop(c, "auth", &err, hint);
    auto_free char *status = status_text(&res);
    auto_free char *text = tenon_asprintf("%s: %s", who, status);
    return say(c, "auth", res.status == 200 ? TENON_CHECK_GOOD : TENON_CHECK_BAD,
               res.status == 200 ? NULL : hint, text);
}

/* ---- rights --------------------------------------------------------------------------------- */

/* One of the repository's manifests, for what it names. */
static void
find_manifest(struct check *c, const char *scope, const struct tenon_http_response *tags)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_response struct tenon_http_response res = {0};
    auto_json struct json_object *o = NULL;
    struct json_object *list = NULL;
    if (tenon_json_parse(tenon_buf_str(&tags->body), tags->body.len, DOCUMENT_MAX, &o, &err) < 0 ||
        !json_object_is_type(o, json_type_object) ||
        tenon_json_get_array(o, "tags", &list, &err) < 0 || !list ||
        !json_object_array_length(list))
        return;
    const char *tag = json_object_get_string(json_object_array_get_idx(list, 0));
    auto_free char *url = tenon_endpoint_url(c->e, "manifests", tag ? tag : "");
    if (ask(c, "GET", url, scope, &res, &err) == 0 && res.status == 200)
        c->manifest = tenon_strdup(tenon_buf_str(&res.body));
}

static bool
check_pull(struct check *c)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_response struct tenon_http_response res = {0};
    auto_free char *scope = tenon_asprintf("repository:%s:pull", c->e->scope_repo);
    auto_free char *url = tenon_endpoint_url(c->e, "tags", "list");
    if (ask(c, "GET", url, scope, &res, &err) < 0)
        return stop(c, "pull", &err, NULL);
    if (res.status == 200) {
        find_manifest(c, scope, &res);
        return say(c, "pull", TENON_CHECK_GOOD, NULL, "the repository can be read");
    }
    if (res.status == 404)
        return say(c, "pull", TENON_CHECK_NOTED, NULL, "no such repository yet");
    auto_free char *status = status_text(&res);
    return say(c, "pull", TENON_CHECK_BAD, "does this account have the right to read it?", status);
}

/* Where an upload is, when that is this registry: what another has is not ours to delete. */
static char *
upload_place(const struct check *c, const char *location)
{
    char *place = tenon_redirect_with_tls(c->e->base, location);
    if (!place && tenon_redirect_is_home(c->e->base, location))
        place = tenon_strdup(location);
    return place;
}

/* An upload is begun, and taken back. */
static bool
begin_upload(const struct check *c, const char *step, const char *query, long *status,
             struct tenon_error *err)
{
    auto_response struct tenon_http_response res = {0}, gone = {0};
    auto_error struct tenon_error none = TENON_ERROR_INIT;
    auto_free char *scope = tenon_asprintf("repository:%s:pull,push", c->e->scope_repo);
    auto_free char *base = tenon_endpoint_url(c->e, "blobs", "uploads/");
    auto_free char *url = tenon_asprintf("%s%s", base, query);
    if (ask(c, "POST", url, scope, &res, err) < 0)
        return stop(c, step, err, NULL);
    *status = res.status;
    auto_free char *place = res.status == 202 && res.location ? upload_place(c, res.location)
                                                              : NULL;
    if (place)
        ask(c, "DELETE", place, scope, &gone, &none);
    return true;
}

static bool
check_push(const struct check *c)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    long status = 0;
    if (!begin_upload(c, "push", "", &status, &err))
        return false;
    if (status == 202 || status == 201)
        return say(c, "push", TENON_CHECK_GOOD, NULL, "an upload can be begun");
    auto_free char *text = tenon_asprintf("to begin an upload is answered with %ld", status);
    return say(c, "push", TENON_CHECK_BAD,
               status == 405 ? "this registry is for reading, a mirror maybe"
                             : "does this account have the right to write to it?", text);
}

static bool
check_mount(const struct check *c)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_json struct json_object *o = NULL;
    struct json_object *config = NULL;
    const char *digest = NULL;
    long status = 0;
    if (c->manifest &&
        tenon_json_parse(c->manifest, strlen(c->manifest), DOCUMENT_MAX, &o, &err) == 0 &&
        json_object_is_type(o, json_type_object) &&
        tenon_json_get_object(o, "config", &config, &err) == 0 && config)
        tenon_json_get_str(config, "digest", NULL, &digest, &err);
    if (!digest)
        return say(c, "mount", TENON_CHECK_NOTED, NULL, "not tried: there is no image for it");
    auto_free char *query = tenon_asprintf("?mount=%s&from=%s", digest, c->e->repo);
    if (!begin_upload(c, "mount", query, &status, &err))
        return false;
    if (status == 201)
        return say(c, "mount", TENON_CHECK_GOOD, NULL, "blobs are taken from other repositories");
    return say(c, "mount", TENON_CHECK_NOTED, NULL,
               "blobs are not taken from other repositories: each is sent");
}

static bool
check_all(struct check *c)
{
    bool wants_auth = false;
    if (!check_connection(c) || !check_ping(c, &wants_auth) || (wants_auth && !check_auth(c)))
        return false;
    if (!c->has_repo)
        return say(c, "push", TENON_CHECK_NOTED, NULL,
                   "not tried: a repository after the host says which one");
    return check_pull(c) && check_push(c) && check_mount(c);
}

int
tenon_registry_check(struct tenon_registry *r, const struct tenon_registry_call *call,
                     const char *where, tenon_check_report *report, void *data,
                     struct tenon_error *err)
{
    const char *scheme = strstr(where, "://");
    const char *name = scheme ? scheme + 3 : where;
    auto_free char *trimmed = tenon_strndup(name, strlen(name) - tenon_has_suffix(name, "/"));
    const bool has_repo = strchr(trimmed, '/') != NULL;
    auto_free char *ref = has_repo ? tenon_strdup(trimmed) : tenon_asprintf("%s/check", trimmed);
    struct check c = {.r = r, .call = call, .has_repo = has_repo, .report = report, .data = data};
    if (tenon_reference_parse(ref, &c.ref, err) < 0)
        return err->code;
    auto_endpoints struct tenon_endpoints list = {0};
    int rc = tenon_endpoints_find(r, &c.ref, true, call->insecure, &list, err);
    if (rc == 0 && !strchr(trimmed, '.') && !strchr(trimmed, ':') &&
        !tenon_has_prefix(trimmed, "localhost"))
        rc = tenon_error_set(err, TENON_E_INVALID, "\"%s\" is no registry's host", where);
    if (rc == 0) {
        c.e = &list.items[0];
        c.plain = list.len > 1 && list.items[1].fallback ? &list.items[1] : NULL;
        rc = check_all(&c);
    }
    free(c.manifest);
    tenon_reference_release(&c.ref);
    return rc;
}
