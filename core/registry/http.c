/* registry/http.c - see http.h. */
#include "registry/http.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/io.h"
#include "tools/alloc.h"
#include "tools/conceal.h"
#include "registry/answer.h"
#include "registry/certificate.h"
#include "registry/failure.h"
#include "registry/proxy.h"
#include "registry/redirect.h"
#include "registry/settings.h"
#include "registry/trust.h"
#include "registry/url.h"
#include "tenon-plugin.h"

#define REDIRECTS_MAX 10
#define ERROR_BODY_MAX ((size_t)64 << 10)
#define HEADERS_MAX 200
#define HEADER_LEN_MAX 16384
#define POOL_MAX 8
#define NS_PER_MS UINT64_C(1000000)
#define LOOK_MS 1000 /* at what has become of a transfer */
#define KEEPALIVE_IDLE_S 30L /* a peer that is gone is noticed in some three minutes */
#define KEEPALIVE_EVERY_S 15L

#ifndef TENON_VERSION
#define TENON_VERSION "0"
#endif

struct connection { /* used by one thread at a time */
    CURL *easy;
    CURLM *multi; /* keeps the connections */
    struct connection *next;
};

struct tenon_http {
    struct tenon_http_settings settings;
    pthread_mutex_t lock;
    struct connection *idle; /* locked by lock, as are the following */
    unsigned idle_count;
    bool trust_known;
    char *trust; /* tenon_trust_text */
};

/* One hop of a request. */
struct exchange {
    const struct tenon_http_request *req;
    const struct tenon_http_settings *settings;
    struct tenon_http_response *res;
    struct tenon_error *err;
    CURL *easy;
    const char *url;
    uint64_t sent, received; /* bytes of bodies */
    uint64_t moved, moved_ns; /* what of both had moved when, for stalls */
    unsigned headers;
    bool headed; /* the head of the answer is complete */
    bool began;
    bool failed; /* err says why; curl was told to stop */
    int no_socket; /* errno of socket() */
    bool as_is;  /* an encoding that is not to be undone */
    bool again;  /* ask without undoing encodings */
};

struct tenon_http *
tenon_http_new(struct json_object *config)
{
    struct tenon_http *h = tenon_new0(struct tenon_http);
    auto_error struct tenon_error told = TENON_ERROR_INIT; /* when the configuration was read */
    tenon_http_settings(config, &h->settings, &told);
    pthread_mutex_init(&h->lock, NULL);
    return h;
}

static void
connection_free(struct connection *c)
{
    curl_easy_cleanup(c->easy);
    curl_multi_cleanup(c->multi);
    free(c);
}

void
tenon_http_free(struct tenon_http *h)
{
    if (!h)
        return;
    while (h->idle) {
        struct connection *c = h->idle;
        h->idle = c->next;
        connection_free(c);
    }
    pthread_mutex_destroy(&h->lock);
    free(h->trust);
    free(h);
}

const struct tenon_http_settings *
tenon_http_settings_of(const struct tenon_http *h)
{
    return &h->settings;
}

/* Read once, when something is asked for over TLS. */
static const char *
trust_of(struct tenon_http *h)
{
    pthread_mutex_lock(&h->lock);
    if (!h->trust_known)
        h->trust = tenon_trust_text(&h->settings);
    h->trust_known = true;
    pthread_mutex_unlock(&h->lock);
    return h->trust;
}

static struct connection *
take(struct tenon_http *h)
{
    pthread_mutex_lock(&h->lock);
    struct connection *c = h->idle;
    if (c) {
        h->idle = c->next;
        h->idle_count--;
    }
    pthread_mutex_unlock(&h->lock);
    if (c)
        return c;
    c = tenon_new0(struct connection);
    c->easy = curl_easy_init();
    c->multi = curl_multi_init();
    tenon_assert(c->easy && c->multi);
    return c;
}

static void
give_back(struct tenon_http *h, struct connection *c)
{
    curl_easy_reset(c->easy);
    pthread_mutex_lock(&h->lock);
    bool keep = h->idle_count < POOL_MAX;
    if (keep) {
        c->next = h->idle;
        h->idle = c;
        h->idle_count++;
    }
    pthread_mutex_unlock(&h->lock);
    if (!keep)
        connection_free(c);
}

bool
tenon_http_is_tls_answer(const struct tenon_http_response *r)
{
    return r->status == 400 &&
           strcasestr(tenon_buf_str(&r->body), "HTTP request to an HTTPS server");
}

/* ---- callbacks ---------------------------------------------------------------- */

/* Other encodings are a file's own: "x-gzip" is how servers describe archives. */
static bool
is_undone(const struct exchange *x, const char *encoding)
{
    return x->req->decode_all || strcasecmp(encoding, "gzip") == 0 ||
           strcasecmp(encoding, "identity") == 0;
}

static size_t
on_header(char *line, size_t size, size_t count, void *data)
{
    struct exchange *x = data;
    size_t len = size * count;
    if (++x->headers > HEADERS_MAX || len > HEADER_LEN_MAX) {
        x->failed = true;
        tenon_error_set(x->err, TENON_E_LIMIT, "too many or too long headers");
        return 0;
    }
    if (x->headed) /* a trailer: what is known of the answer stays */
        return len;
    tenon_answer_line(x->res, line, len);
    x->headed = len <= 2 && x->res->status >= 200;
    const char *encoding = x->res->content_encoding;
    if (x->headed && encoding && !x->as_is && !is_undone(x, encoding)) {
        x->again = true;
        return 0;
    }
    return len;
}

static size_t
on_body(char *p, size_t size, size_t count, void *data)
{
    struct exchange *x = data;
    size_t len = size * count;
    long status = x->res->status;
    x->received += len;
    bool success = status >= 200 && status < 300;
    if (success && x->req->sink) {
        x->began = true;
        if (x->req->sink(x->req->data, p, len, x->err) < 0) {
            x->failed = true;
            return 0;
        }
        return len;
    }
    size_t limit = success ? x->req->limit : ERROR_BODY_MAX;
    if (x->res->body.len + len > limit) {
        if (!success)
            return len; /* enough of an error's text */
        x->failed = true;
        tenon_error_set(x->err, TENON_E_LIMIT, "answer of more than %zu bytes", limit);
        return 0;
    }
    tenon_buf_add(&x->res->body, p, len);
    return len;
}

/* Connected, and libcurl has no objection; nothing has been sent. */
static int
on_connected(void *data, char *ip, char *local_ip, int port, int local_port)
{
    (void)ip, (void)local_ip, (void)port, (void)local_port;
    struct exchange *x = data;
    const struct tenon_http_tls *tls = x->req->tls;
    if (!tenon_has_prefix(x->url, "https:") || (tls && tls->insecure))
        return CURL_PREREQFUNC_OK;
    const char *wrong = tenon_certificate_fault(x->easy, x->url);
    if (!wrong)
        return CURL_PREREQFUNC_OK;
    x->failed = true;
    tenon_error_set(x->err, TENON_E_DENIED, "%s", wrong);
    return CURL_PREREQFUNC_ABORT;
}

static size_t
on_read(char *to, size_t size, size_t count, void *data)
{
    struct exchange *x = data;
    uint64_t left = x->req->body_len - x->sent;
    size_t len = size * count;
    if (len > left)
        len = (size_t)left;
    if (x->req->body) {
        memcpy(to, (const char *)x->req->body + x->sent, len);
    } else if (len > 0) {
        ssize_t n = pread(x->req->body_fd, to, len, (off_t)x->sent);
        if (n <= 0) {
            x->failed = true;
            tenon_error_sys(x->err, "read blob");
            return CURL_READFUNC_ABORT;
        }
        len = (size_t)n;
    }
    x->sent += len;
    if (x->req->sent)
        x->req->sent(x->req->data, x->sent);
    return len;
}

static int
on_seek(void *data, curl_off_t offset, int whence)
{
    struct exchange *x = data;
    if (whence != SEEK_SET || offset < 0 || (uint64_t)offset > x->req->body_len)
        return CURL_SEEKFUNC_FAIL;
    /* libcurl would send all of it again when a kept connection breaks after it, although the
     * server may have taken it */
    if (x->req->once && x->sent == x->req->body_len)
        return CURL_SEEKFUNC_FAIL;
    x->sent = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

/* libcurl forgets why there was no socket. */
static curl_socket_t
on_socket(void *data, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct exchange *x = data;
    (void)purpose;
    int fd = socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
    if (fd < 0)
        x->no_socket = errno;
    return fd < 0 ? CURL_SOCKET_BAD : fd;
}

/* ---- what went wrong ------------------------------------------------------------ */

static int
request_failed(const struct exchange *x, CURLcode rc, const char *detail)
{
    int code = TENON_E_UNAVAILABLE;
    const struct tenon_http_failure f = {
        .easy = x->easy, .rc = rc, .url = x->url, .detail = detail,
        .answered = x->headers > 0, .proxied = *tenon_proxy_for(x->settings, x->url) != '\0'};
    const char *m = x->req->method;
    int sys = x->failed ? 0 : tenon_http_local_trouble(rc, x->no_socket);
    if (sys) {
        x->res->trouble = TENON_HTTP_BROKEN;
        tenon_error_errno(x->err, sys, "open a connection here");
        return sys == EMFILE ? tenon_error_hint(x->err, "a higher limit of open files: ulimit -n")
                             : x->err->code;
    }
    auto_free char *shown = tenon_url_conceal(x->url);
    auto_free char *what = tenon_asprintf("failed to do request: %c%s %s", m[0],
                                          tenon_streq(m, "GET")    ? "et"
                                          : tenon_streq(m, "HEAD") ? "ead"
                                          : tenon_streq(m, "PUT")  ? "ut"
                                          : tenon_streq(m, "PATCH") ? "atch"
                                                                    : "ost",
                                          shown);
    if (x->failed) {
        x->res->trouble = TENON_HTTP_BROKEN;
        return x->err->code ? tenon_error_context(x->err, "%s", what)
                            : tenon_error_set(x->err, TENON_E_FAILED, "%s: failed", what);
    }
    auto_free char *words = tenon_http_failure(&f, &code, &x->res->trouble);
    return tenon_error_set(x->err, code, "%s: %s", what, words);
}

/* ---- one hop -------------------------------------------------------------------- */

static struct curl_slist *
add_line(struct curl_slist *list, const char *line)
{
    struct curl_slist *more = curl_slist_append(list, line);
    tenon_assert(more);
    return more;
}

static struct curl_slist *
header(struct curl_slist *list, const char *name, const char *value)
{
    if (!value)
        return list;
    auto_free char *line = tenon_asprintf("%s: %s", name, value);
    return add_line(list, line);
}

static void
set_method(CURL *c, struct exchange *x, const char *method)
{
    const struct tenon_http_request *r = x->req;
    if (tenon_streq(method, "HEAD")) {
        curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
    } else if (tenon_streq(method, "PUT") || tenon_streq(method, "PATCH")) {
        curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method);
        curl_easy_setopt(c, CURLOPT_INFILESIZE_LARGE, (curl_off_t)r->body_len);
        curl_easy_setopt(c, CURLOPT_READFUNCTION, on_read);
        curl_easy_setopt(c, CURLOPT_READDATA, x);
        curl_easy_setopt(c, CURLOPT_SEEKFUNCTION, on_seek);
        curl_easy_setopt(c, CURLOPT_SEEKDATA, x);
    } else if (tenon_streq(method, "POST")) {
        curl_easy_setopt(c, CURLOPT_POST, 1L);
        curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len);
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, r->body ? r->body : "");
    } else if (!tenon_streq(method, "GET")) {
        curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method);
    }
}

static void
set_options(CURL *c, struct exchange *x, const char *url, const char *method, bool home,
            struct curl_slist *headers)
{
    const struct tenon_http_request *r = x->req;
    const struct tenon_http_settings *s = x->settings;
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    /* Whose requests ours are like: some servers and logs hold builders apart by it. */
    curl_easy_setopt(c, CURLOPT_USERAGENT, "tenon/" TENON_VERSION " (compatible; buildkit/v0.32)");
    uint64_t connect_ns = r->connect_ns && r->connect_ns < s->connect_ns ? r->connect_ns
                                                                         : s->connect_ns;
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)(connect_ns / NS_PER_MS) + 1);
    curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(c, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
    curl_easy_setopt(c, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_EVERY_S);
    curl_easy_setopt(c, CURLOPT_PROXY, tenon_proxy_for(s, url));
    curl_easy_setopt(c, CURLOPT_NOPROXY, ""); /* that has been looked at */
    curl_easy_setopt(c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    if (!x->as_is) /* undone when the server does it; the header is ours */
        curl_easy_setopt(c, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(c, CURLOPT_BUFFERSIZE, 256L * 1024);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, x);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, x);
    curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, x);
    curl_easy_setopt(c, CURLOPT_PREREQFUNCTION, on_connected);
    curl_easy_setopt(c, CURLOPT_PREREQDATA, x);
    if (r->range)
        curl_easy_setopt(c, CURLOPT_RANGE, r->range + strlen("bytes="));
    set_method(c, x, method);
    if (r->tls && r->tls->insecure) {
        curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (home && r->tls && r->tls->cert) {
        curl_easy_setopt(c, CURLOPT_SSLCERT, r->tls->cert);
        curl_easy_setopt(c, CURLOPT_SSLKEY, r->tls->key);
    }
}

/* How long a body may stand still where it does now; 0: it is not a body that is waited for.
 * An answer may take any time to begin: a registry that commits a layer, a cache that loads
 * first, say nothing for minutes. Keep-alive finds out who is gone. */
static uint64_t
stall_limit(const struct exchange *x)
{
    if (x->headed)
        return x->settings->stall_ns;
    return x->sent > 0 && x->sent < x->req->body_len ? x->settings->send_stall_ns : 0;
}

static bool
is_stalled(struct exchange *x)
{
    uint64_t now = tenon_monotonic_ns(), limit = stall_limit(x);
    uint64_t moved = x->sent + x->received + x->headers;
    if (!x->moved_ns || moved != x->moved) {
        x->moved = moved;
        x->moved_ns = now;
        return false;
    }
    if (!limit || now - x->moved_ns < limit)
        return false;
    x->failed = true;
    if (x->headed)
        tenon_error_set(x->err, TENON_E_UNAVAILABLE, "the answer stopped: %llu bytes came, then "
                        "none for %.3gs", (unsigned long long)x->received, (double)limit / 1e9);
    else
        tenon_error_set(x->err, TENON_E_UNAVAILABLE, "the server stopped reading: it took %llu "
                        "of %llu bytes, then none for %.3gs", (unsigned long long)x->sent,
                        (unsigned long long)x->req->body_len, (double)limit / 1e9);
    return true;
}

/* Between two looks at a transfer. */
static int
look_ms(const struct exchange *x)
{
    uint64_t limit = stall_limit(x) / 4 / NS_PER_MS + 1;
    return limit > 1 && limit < LOOK_MS ? (int)limit : LOOK_MS;
}

/* Drive the transfer; the status is known before the first byte of the body. */
static CURLcode
perform(struct connection *c, struct exchange *x)
{
    CURLcode rc = CURLE_FAILED_INIT;
    int running = 1;
    curl_multi_add_handle(c->multi, c->easy);
    while (running) {
        if (curl_multi_perform(c->multi, &running) != CURLM_OK)
            break;
        if (tenon_cancel_check(x->req->cancel, x->err) < 0) {
            x->failed = true;
            rc = CURLE_ABORTED_BY_CALLBACK;
            break;
        }
        if (running && is_stalled(x)) {
            rc = CURLE_ABORTED_BY_CALLBACK;
            break;
        }
        int fd = tenon_cancel_fd(x->req->cancel);
        struct curl_waitfd wait = {.fd = fd, .events = CURL_WAIT_POLLIN};
        if (running)
            curl_multi_poll(c->multi, &wait, fd >= 0, look_ms(x), NULL);
    }
    CURLMsg *msg;
    int left;
    while ((msg = curl_multi_info_read(c->multi, &left)))
        if (msg->msg == CURLMSG_DONE && rc == CURLE_FAILED_INIT)
            rc = msg->data.result;
    curl_multi_remove_handle(c->multi, c->easy);
    return rc;
}

/* Where a request stands: redirects change it. */
struct step {
    char *url;
    const char *method;
    bool home;  /* credentials and client certificates may be shown */
    bool as_is; /* encodings of the answer are not undone */
};

static bool
is_given(const struct tenon_http_request *req, const char *name)
{
    const size_t len = strlen(name);

    for (const char *const *line = req->headers; line && *line; line++)
        if (!strncasecmp(*line, name, len) && (*line)[len] == ':')
            return true;
    return false;
}

static struct curl_slist *
headers_of(const struct tenon_http_request *req, const struct step *at)
{
    struct curl_slist *headers = NULL;
    bool body = tenon_streq(at->method, req->method);
    if (!is_given(req, "Accept"))
        headers = header(headers, "Accept", req->accept ? req->accept : "*/*");
    if (!is_given(req, "Accept-Encoding"))
        headers = add_line(headers, "Accept-Encoding:"); /* none is asked for */
    headers = header(headers, "Content-Type", body ? req->content_type : NULL);
    for (const char *const *line = req->headers; line && *line; line++)
        headers = add_line(headers, *line);
    if (at->home)
        headers = header(headers, "Authorization", req->authorization);
    return header(headers, "Expect", ""); /* no "100-continue" round trips */
}

/* *file keeps the authorities while they are used. Without ours there is no request: the
 * system's may be more than was allowed. */
static int
set_trust(struct tenon_http *h, CURL *c, const struct tenon_http_request *req, const char *url,
          int *file, struct tenon_error *err)
{
    char path[32];
    if (!tenon_has_prefix(url, "https:"))
        return 0;
    const char *base = trust_of(h), *more = req->tls ? req->tls->ca : NULL;
    if (!base && !more)
        return 0;
    *file = tenon_trust_file(base, more, path, err);
    if (*file < 0)
        return err->code;
    curl_easy_setopt(c, CURLOPT_CAINFO, path);
    if (base)
        curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
#if LIBCURL_VERSION_NUM >= 0x075700
    /* Newer ones remember authorities by the name of their file, which ours share. */
    curl_easy_setopt(c, CURLOPT_CA_CACHE_TIMEOUT, 0L);
#endif
    return 0;
}

/* 1: the same again, with at->as_is. */
static int
hop(struct tenon_http *h, const struct tenon_http_request *req, struct step *at,
    struct tenon_http_response *res, bool *began, char **next, struct tenon_error *err)
{
    struct connection *c = take(h);
    struct exchange x = {.req = req, .settings = &h->settings, .res = res, .err = err,
                         .easy = c->easy, .url = at->url, .as_is = at->as_is};
    char detail[CURL_ERROR_SIZE] = "";
    struct curl_slist *headers = headers_of(req, at);
    set_options(c->easy, &x, at->url, at->method, at->home, headers);
    curl_easy_setopt(c->easy, CURLOPT_ERRORBUFFER, detail);
    auto_close int ca = -1;
    x.failed = set_trust(h, c->easy, req, at->url, &ca, err) < 0;
    CURLcode rc = x.failed ? CURLE_FAILED_INIT : perform(c, &x);
    int result = 0;
    if (x.again && !x.failed) {
        at->as_is = true;
        result = 1;
    } else if (rc != CURLE_OK || x.failed) {
        if (err->code == TENON_E_CANCELLED)
            result = err->code;
        else if (x.failed && err->sys) /* a disk of ours, no fault of the server's */
            result = err->code ? err->code : TENON_E_FAILED;
        else
            result = request_failed(&x, rc, detail);
    } else {
        char *redirect = NULL;
        curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &res->status);
        if (res->status >= 300 && res->status < 400)
            curl_easy_getinfo(c->easy, CURLINFO_REDIRECT_URL, &redirect);
        *next = tenon_strdup(redirect);
    }
    *began = *began || x.began;
    curl_slist_free_all(headers);
    give_back(h, c);
    return result;
}

/* Location against the URL it came from; a fragment is nothing to send. */
static void
absolute_location(struct tenon_http_response *res, const char *url)
{
    if (!res->location)
        return;
    /* "host:port/path", as some say it */
    size_t len;
    const char *authority = tenon_url_authority(url, &len);
    if (strncmp(res->location, authority, len) == 0 && res->location[len] == '/') {
        char *with = tenon_asprintf("//%s", res->location);
        free(res->location);
        res->location = with;
    }
    CURLU *u = curl_url();
    char *full = NULL;
    if (u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_set(u, CURLUPART_URL, res->location, 0) == CURLUE_OK &&
        curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_URL, &full, 0) == CURLUE_OK) {
        free(res->location);
        res->location = tenon_strdup(full);
    }
    curl_free(full);
    curl_url_cleanup(u);
}

static int
follow(struct tenon_http *h, const struct tenon_http_request *req, struct step *at,
       struct tenon_http_response *out, bool *began, struct tenon_error *err)
{
    for (int i = 0;;) {
        auto_free char *next = NULL;
        int rc = hop(h, req, at, out, began, &next, err);
        if (rc < 0)
            return rc;
        bool as_get;
        if (rc == 0 && (!next || req->stay ||
                        !tenon_redirect_wanted(at->method, out->status, &as_get)))
            return 0;
        if (rc == 1) {
            tenon_http_response_release(out);
            continue;
        }
        next[strcspn(next, "#")] = '\0'; /* nothing to send */
        auto_free char *shown = tenon_url_conceal(req->url);
        if (i++ == REDIRECTS_MAX)
            return tenon_error_set(err, TENON_E_LIMIT, "failed to do request: \"%s\": stopped "
                                   "after %d redirects", shown, REDIRECTS_MAX);
        if (tenon_redirect_check(req, at->url, next, err) < 0)
            return err->code;
        /* once away from the first host, never again */
        at->home = at->home && tenon_redirect_is_home(req->url, next);
        at->method = as_get ? "GET" : at->method;
        free(at->url);
        at->url = tenon_steal(&next);
        tenon_http_response_release(out);
    }
}

int
tenon_http_do(struct tenon_http *h, const struct tenon_http_request *req,
              struct tenon_http_response *out, bool *began, struct tenon_error *err)
{
    /* *out itself: a sink may look at the status and the headers */
    tenon_http_response_release(out);
    if (h->settings.offline) {
        auto_free char *shown = tenon_url_conceal(req->url);
        return tenon_error_set(err, TENON_E_UNAVAILABLE, "offline: %s is not asked", shown);
    }
    if (tenon_libcurl(err) < 0)
        return err->code;
    struct step at = {.url = tenon_strdup(req->url), .method = req->method, .home = true,
                      .as_is = req->range != NULL};
    bool started = false;
    int rc = follow(h, req, &at, out, &started, err);
    if (began)
        *began = started;
    if (rc == 0) {
        absolute_location(out, at.url);
        out->turned = !tenon_streq(at.method, req->method);
        out->url = tenon_steal(&at.url);
    }
    free(at.url);
    return rc;
}
