/* registry/request.c - one request to a registry: authorization, patience, and errors in
 * the words that containerd uses. */
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "tools/alloc.h"
#include "registry/private.h"
#include "registry/redirect.h"

#define PROBE_MAX ((size_t)64 << 10)

struct tenon_patience
tenon_registry_patience(const struct tenon_registry *r)
{
    return (struct tenon_patience){.first_ns = r->pause_ns, .total_ns = r->patience_ns};
}

/* One attempt, with a second one when credentials were wanted. */
static int
authorized(struct tenon_registry *r, const struct tenon_registry_call *call,
           struct tenon_endpoint *e, const char *scope, struct tenon_http_request *req,
           struct tenon_http_response *res, bool *began, struct tenon_patience *patience,
           struct tenon_error *err)
{
    for (int asked = 0;; asked++) {
        auto_free char *header = NULL;
        if (tenon_redirect_is_home(e->base, req->url))
            header = tenon_auth_header(r, e, scope);
        req->authorization = header;
        int rc = tenon_http_do(r->http, req, res, began, err);
        req->authorization = NULL;
        if (header)
            explicit_bzero(header, strlen(header));
        /* where it was sent on to, they are not asked for our sake */
        if (rc < 0 || res->status != 401 || asked > 0 ||
            !tenon_redirect_is_home(e->base, res->url))
            return rc;
        rc = tenon_auth_challenge(r, call, e, scope, res, patience, err);
        if (rc <= 0)
            return rc;
        tenon_http_response_release(res);
    }
}

/* Does the endpoint that hung up speak TLS?  If it shows a certificate it does, whether we
 * believe that or not. */
static bool
answers_tls(struct tenon_registry *r, const struct tenon_registry_call *call,
            const struct tenon_endpoint *e)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_response struct tenon_http_response probe = {0};
    auto_free char *url = tenon_asprintf("https%s/", e->base + strlen("http"));
    struct tenon_http_request req = {.method = "HEAD", .url = url, .cancel = call->cancel,
                                     .tls = &e->tls};
    return tenon_http_do(r->http, &req, &probe, NULL, &err) == 0 || err.code == TENON_E_DENIED;
}

/* Loopback is taken for plain HTTP; a TLS server there answers 400 and says why (but to a HEAD it
 * says nothing, so it is asked again), answers with something that is not HTTP, or hangs up. */
static bool
should_use_tls(struct tenon_registry *r, const struct tenon_registry_call *call,
               const struct tenon_endpoint *e, int rc,
               const struct tenon_http_response *res, const struct tenon_error *err)
{
    if (!e->maybe_tls || e->answered || (rc < 0 && res->status > 0))
        return false; /* it has spoken HTTP without TLS */
    if (rc < 0 && (err->code != TENON_E_UNAVAILABLE || !err->message))
        return false;
    if (rc < 0)
        return strstr(err->message, "malformed HTTP response") ||
               ((strstr(err->message, "connection broken") ||
                 tenon_has_suffix(err->message, ": EOF")) && answers_tls(r, call, e));
    if (res->status != 400)
        return false;
    auto_error struct tenon_error none = TENON_ERROR_INIT;
    auto_response struct tenon_http_response probe = {0};
    auto_free char *url = tenon_asprintf("%s/", e->base);
    struct tenon_http_request req = {.method = "GET", .url = url, .limit = PROBE_MAX,
                                     .cancel = call->cancel, .tls = &e->tls};
    return tenon_http_do(r->http, &req, &probe, NULL, &none) == 0 &&
           tenon_http_is_tls_answer(&probe);
}

/* A host that cannot be reached at all is not worth a wait, unless it was there before. */
static bool
may_pass(struct tenon_registry *r, const struct tenon_endpoint *e, int rc,
         const struct tenon_http_response *res)
{
    if (rc == 0)
        return tenon_status_is_transient(res->status);
    if (rc != TENON_E_UNAVAILABLE || res->trouble == TENON_HTTP_NO_TLS)
        return false;
    return res->trouble != TENON_HTTP_UNREACHED || tenon_host_is(r, e, TENON_HOST_ANSWERED);
}

static void
note_answer(struct tenon_registry *r, struct tenon_endpoint *e)
{
    if (!e->answered)
        e->answered = true; /* settled before the threads of a push */
    tenon_host_set(r, e, TENON_HOST_ANSWERED | (e->fallback ? TENON_HOST_PLAIN : 0), true);
}

int
tenon_registry_request(struct tenon_registry *r, const struct tenon_registry_call *call,
                       struct tenon_endpoint *e, const char *scope,
                       struct tenon_http_request *req, struct tenon_http_response *res,
                       bool *began, struct tenon_error *err)
{
    bool started = false;
    struct tenon_patience own = tenon_registry_patience(r);
    struct tenon_patience *patience = req->patience ? req->patience : &own;
    req->cancel = call->cancel;
    req->tls = &e->tls;
    req->decode_all = true;
    req->connect_ns = tenon_registry_connect_ns(call, e);
    auto_free char *url = NULL;
    for (;;) {
        int rc = authorized(r, call, e, scope, req, res, &started, patience, err);
        if (began)
            *began = started;
        if (should_use_tls(r, call, e, rc, res, err) &&
            tenon_has_prefix(req->url, e->base)) {
            char *secure = tenon_asprintf("https%s", req->url + strlen("http"));
            free(url);
            req->url = url = secure;
            tenon_endpoint_use_tls(e);
            tenon_error_release(err);
            tenon_http_response_release(res);
            continue;
        }
        if (rc == 0)
            note_answer(r, e);
        if (rc < 0 && res->trouble == TENON_HTTP_NO_TLS)
            tenon_host_set(r, e, TENON_HOST_NO_TLS, true);
        if (!may_pass(r, e, rc, res) || started || req->once || e->quick)
            return rc;
        uint64_t after = tenon_retry_after(res->retry_after, res->date);
        int pause = tenon_patience_pause(patience, after, call->cancel, err);
        if (pause == TENON_E_LIMIT)
            return rc;
        if (pause < 0)
            return pause;
        tenon_error_release(err);
        tenon_http_response_release(res);
    }
}
