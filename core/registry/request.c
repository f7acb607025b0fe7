/* registry/request.c - one request to a registry: authorization, patience, and errors in
 * the words that containerd uses. */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "tools/alloc.h"
#include "registry/private.h"

#define ATTEMPTS 6
#define FIRST_PAUSE_NS UINT64_C(500000000)
#define LAST_PAUSE_NS UINT64_C(8000000000)
#define MESSAGE_MAX 1000
#define PROBE_MAX ((size_t)64 << 10)

int
tenon_registry_pause(struct tenon_registry *r, struct tenon_cancel *cancel, unsigned n,
                     struct tenon_error *err)
{
    if (n + 1 >= ATTEMPTS)
        return TENON_E_LIMIT;
    uint64_t first = r->o.retry_ns ? r->o.retry_ns : FIRST_PAUSE_NS;
    uint64_t last = first > LAST_PAUSE_NS ? first : LAST_PAUSE_NS;
    uint64_t ns = first << n;
    if (ns > last)
        ns = last;
    struct pollfd p = {.fd = tenon_cancel_fd(cancel), .events = POLLIN};
    poll(&p, p.fd >= 0 ? 1 : 0, (int)(ns / 1000000));
    if (!tenon_cancel_fired(cancel))
        return 0;
    auto_error struct tenon_error stop = TENON_ERROR_INIT;
    tenon_cancel_check(cancel, &stop);
    return tenon_error_move(err, &stop);
}

static bool
transient(long status)
{
    return status == 500 || status == 502 || status == 503 || status == 504;
}

/* One attempt, with a second one when credentials were wanted. */
static int
authorized(struct tenon_registry *r, const struct tenon_registry_call *call,
           struct tenon_endpoint *e, const char *scope, struct tenon_http_request *req,
           struct tenon_http_response *res, bool *began, struct tenon_error *err)
{
    for (int asked = 0;; asked++) {
        auto_free char *header = NULL;
        if (tenon_url_same_origin(req->url, e->base))
            header = tenon_auth_header(r, e, scope);
        req->authorization = header;
        int rc = tenon_http_do(r->http, req, res, began, err);
        req->authorization = NULL;
        if (header)
            explicit_bzero(header, strlen(header));
        if (rc < 0 || res->status != 401 || asked > 0)
            return rc;
        rc = tenon_auth_challenge(r, call, e, scope, res, err);
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

/* Loopback is taken for plain HTTP; a TLS server there answers 400 and says why
 * (but to a HEAD it says nothing, so it is asked again), answers what is no HTTP, or
 * hangs up. */
static bool
should_use_tls(struct tenon_registry *r, const struct tenon_registry_call *call,
               const struct tenon_endpoint *e, int rc,
               const struct tenon_http_response *res, const struct tenon_error *err)
{
    if (!e->maybe_tls)
        return false;
    if (rc < 0 && (err->code != TENON_E_UNAVAILABLE || !err->message))
        return false;
    if (rc < 0)
        return strstr(err->message, "malformed HTTP response") ||
               strstr(err->message, "connection broken") ||
               (tenon_has_suffix(err->message, ": EOF") && answers_tls(r, call, e));
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

int
tenon_registry_request(struct tenon_registry *r, const struct tenon_registry_call *call,
                       struct tenon_endpoint *e, const char *scope,
                       struct tenon_http_request *req, struct tenon_http_response *res,
                       bool *began, struct tenon_error *err)
{
    bool started = false;
    req->cancel = call->cancel;
    req->tls = &e->tls;
    auto_free char *url = NULL;
    for (unsigned n = 0;; n++) {
        int rc = authorized(r, call, e, scope, req, res, &started, err);
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
        bool again = rc == 0 ? transient(res->status) : rc == TENON_E_UNAVAILABLE;
        /* what cannot be reached at all is not worth the wait */
        if (rc < 0 && err->message &&
            (strstr(err->message, ": dial tcp") || strstr(err->message, "HTTPS client")))
            again = false;
        if (!again || started || req->once)
            return rc;
        int pause = tenon_registry_pause(r, call->cancel, n, err);
        if (pause == TENON_E_LIMIT)
            return rc;
        if (pause < 0)
            return pause;
        tenon_error_release(err);
        tenon_http_response_release(res);
    }
}

/* "CODE: message" of the first of {"errors": [...]}; or NULL. */
static char *
server_message(const struct tenon_http_response *res)
{
    auto_json struct json_object *o = NULL;
    auto_error struct tenon_error none = TENON_ERROR_INIT;
    struct json_object *list = NULL;
    const char *code, *message;
    if (res->body.len == 0 ||
        tenon_json_parse(res->body.data, res->body.len, res->body.len, &o, &none) < 0 ||
        json_object_get_type(o) != json_type_object ||
        tenon_json_get_array(o, "errors", &list, &none) < 0 || !list ||
        json_object_array_length(list) == 0)
        return NULL;
    struct json_object *first = json_object_array_get_idx(list, 0);
    if (json_object_get_type(first) != json_type_object ||
        tenon_json_get_str(first, "code", "UNKNOWN", &code, &none) < 0 ||
        tenon_json_get_str(first, "message", "", &message, &none) < 0)
        return NULL;
    auto_free char *low = tenon_strdup(code);
    for (char *p = low; *p; p++)
        if (*p == '_')
            *p = ' ';
        else if (*p >= 'A' && *p <= 'Z')
            *p += 'a' - 'A';
    return tenon_asprintf("%.*s%s%.*s", MESSAGE_MAX, low, *message ? ": " : "", MESSAGE_MAX,
                          message);
}

static const char *
reason(long status)
{
    switch (status) {
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 413: return "Request Entity Too Large";
    case 416: return "Requested Range Not Satisfiable";
    case 429: return "Too Many Requests";
    case 500: return "Internal Server Error";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    default: return "";
    }
}

int
tenon_registry_status_error(const struct tenon_http_request *req,
                            const struct tenon_http_response *res, const char *ref,
                            struct tenon_error *err)
{
    bool push = tenon_streq(req->method, "PUT") || tenon_streq(req->method, "POST");
    auto_free char *said = server_message(res);
    if (res->status == 404 && !push)
        return tenon_error_set(err, TENON_E_NOT_FOUND, "%s not found", ref);
    if (res->status == 401 || res->status == 403)
        return tenon_error_set(
            err, TENON_E_DENIED,
            "%s: %s access denied, repository does not exist or may require "
            "authorization: server message: %s",
            ref, push ? "push" : "pull",
            said ? said : "insufficient_scope: authorization failed");
    int code = res->status == 404   ? TENON_E_NOT_FOUND
               : res->status >= 500 ? TENON_E_UNAVAILABLE
                                    : TENON_E_FAILED;
    return tenon_error_set(err, code, "unexpected status from %s request to %s: %ld%s%s%s%s",
                           req->method, req->url, res->status, *reason(res->status) ? " " : "",
                           reason(res->status), said ? ": " : "", said ? said : "");
}
