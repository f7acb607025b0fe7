/* registry/http.c - see http.h. */
#include "registry/http.h"

#include <pthread.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>

#include "base/io.h"
#include "tools/alloc.h"
#include "registry/certificate.h"
#include "registry/failure.h"
#include "tenon-plugin.h"

#define REDIRECTS_MAX 10
#define ERROR_BODY_MAX ((size_t)64 << 10)
#define HEADERS_MAX 200
#define HEADER_LEN_MAX 16384
#define CONNECT_TIMEOUT_S 30L
#define STALL_TIMEOUT_S 60L
#define POOL_MAX 8
#define CA_MAX ((size_t)4 << 20)

#ifndef TENON_VERSION
#define TENON_VERSION "0"
#endif

struct connection { /* used by one thread at a time */
    CURL *easy;
    CURLM *multi; /* keeps the connections */
    struct connection *next;
};

struct tenon_http {
    pthread_mutex_t lock;
    struct connection *idle; /* locked by lock, as is idle_count */
    unsigned idle_count;
};

/* One hop of a request. */
struct exchange {
    const struct tenon_http_request *req;
    struct tenon_http_response *res;
    struct tenon_error *err;
    CURL *easy;
    const char *url;
    uint64_t sent;
    unsigned headers;
    bool began;
    bool failed; /* err says why; curl was told to stop */
};

struct tenon_http *
tenon_http_new(void)
{
    struct tenon_http *h = tenon_new0(struct tenon_http);
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
    free(h);
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

void
tenon_http_response_release(struct tenon_http_response *r)
{
    tenon_buf_release(&r->body);
    free(r->content_type);
    free(r->location);
    free(r->digest);
    free(r->content_range);
    free(r->content_disposition);
    free(r->etag);
    free(r->last_modified);
    free(r->url);
    tenon_strv_free(r->challenges);
    *r = (struct tenon_http_response){0};
}

/* ---- small things of URLs ---------------------------------------------------- */

bool
tenon_host_is_loopback(const char *host)
{
    size_t len = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/");
    auto_free char *name = tenon_strndup(host, len);
    if (tenon_streq(name, "localhost") || tenon_streq(name, "[::1]"))
        return true;
    return tenon_has_prefix(name, "127.") &&
           name[strspn(name, "0123456789.")] == '\0';
}

/* scheme, host and port of a URL, in one spelling; "" when it is none. */
static char *
origin(const char *url)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    if (tenon_libcurl(&ignored) < 0)
        return tenon_strdup("");
    CURLU *u = curl_url();
    char *scheme = NULL, *host = NULL, *port = NULL, *out = NULL;
    if (u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK) {
        out = tenon_asprintf("%s://%s:%s", scheme, host, port);
        for (char *p = out; *p; p++)
            if (*p >= 'A' && *p <= 'Z')
                *p += 'a' - 'A';
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(u);
    return out ? out : tenon_strdup("");
}

bool
tenon_url_same_origin(const char *a, const char *b)
{
    auto_free char *x = origin(a);
    auto_free char *y = origin(b);
    return *x && tenon_streq(x, y);
}

bool
tenon_http_is_tls_answer(const struct tenon_http_response *r)
{
    return r->status == 400 &&
           strcasestr(tenon_buf_str(&r->body), "HTTP request to an HTTPS server");
}

/* ---- callbacks ---------------------------------------------------------------- */

static void
replace(char **to, const char *value, size_t len)
{
    free(*to);
    *to = tenon_strndup(value, len);
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
    if (len > 5 && strncasecmp(line, "HTTP/", 5) == 0) {
        /* a new answer, behind "100 Continue" */
        tenon_http_response_release(x->res);
        return len;
    }
    char *colon = memchr(line, ':', len);
    if (!colon)
        return len;
    size_t name = (size_t)(colon - line);
    char *value = colon + 1;
    size_t n = len - name - 1;
    while (n > 0 && (*value == ' ' || *value == '\t')) {
        value++;
        n--;
    }
    while (n > 0 && (unsigned char)value[n - 1] <= ' ')
        n--;
#define IS(word) (name == strlen(word) && strncasecmp(line, word, name) == 0)
    if (IS("Content-Type")) {
        char *semicolon = memchr(value, ';', n);
        replace(&x->res->content_type, value, semicolon ? (size_t)(semicolon - value) : n);
    } else if (IS("Docker-Content-Digest")) {
        replace(&x->res->digest, value, n);
    } else if (IS("Content-Range")) {
        replace(&x->res->content_range, value, n);
    } else if (IS("Location")) {
        replace(&x->res->location, value, n);
    } else if (IS("Content-Disposition")) {
        replace(&x->res->content_disposition, value, n);
    } else if (IS("ETag")) {
        replace(&x->res->etag, value, n);
    } else if (IS("Last-Modified")) {
        replace(&x->res->last_modified, value, n);
    } else if (IS("WWW-Authenticate")) {
        tenon_strv_push(&x->res->challenges, tenon_strndup(value, n));
    }
#undef IS
    return len;
}

static size_t
on_body(char *p, size_t size, size_t count, void *data)
{
    struct exchange *x = data;
    size_t len = size * count;
    curl_off_t status = x->res->status;
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
    x->sent = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

/* ---- what went wrong ------------------------------------------------------------ */

static int
request_failed(const struct exchange *x, CURL *easy, CURLcode rc, const char *url,
               const char *detail)
{
    int code = TENON_E_UNAVAILABLE;
    const char *m = x->req->method;
    auto_free char *words = NULL;
    if (x->failed) {
        code = x->err->code ? x->err->code : TENON_E_FAILED;
        words = tenon_strdup(x->err->message ? x->err->message : "failed");
    } else {
        words = tenon_http_failure(easy, rc, url, detail, x->headers > 0, &code);
    }
    auto_free char *shown = tenon_url_redact(url);
    return tenon_error_set(x->err, code, "failed to do request: %c%s %s: %s",
                           m[0],
                           tenon_streq(m, "GET")    ? "et"
                           : tenon_streq(m, "HEAD") ? "ead"
                           : tenon_streq(m, "PUT")  ? "ut"
                                                    : "ost",
                           shown, words);
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

/* The system's authorities and more, in a file that libcurl can be told: with
 * gnutls it takes no text.  Returns its descriptor. */
static int
ca_file(const char *extra, char path[32])
{
    static const char *const bundles[] = {
        "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"};
    auto_buf struct tenon_buf all = TENON_BUF_INIT;
    for (size_t i = 0; i < tenon_countof(bundles) && all.len == 0; i++) {
        auto_error struct tenon_error none = TENON_ERROR_INIT;
        tenon_read_file(bundles[i], CA_MAX, &all, &none);
    }
    tenon_buf_addc(&all, '\n');
    tenon_buf_adds(&all, extra);
    auto_error struct tenon_error none = TENON_ERROR_INIT;
    auto_close int fd = memfd_create("ca", MFD_CLOEXEC);
    if (fd < 0 || tenon_write_all(fd, all.data, all.len, &none) < 0)
        return -1;
    snprintf(path, 32, "/proc/self/fd/%d", fd);
    return tenon_steal_fd(&fd);
}

static void
set_options(CURL *c, struct exchange *x, const char *url, bool home,
            struct curl_slist *headers)
{
    const struct tenon_http_request *r = x->req;
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "tenon/" TENON_VERSION);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, STALL_TIMEOUT_S);
    curl_easy_setopt(c, CURLOPT_BUFFERSIZE, 256L * 1024);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, x);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, x);
    curl_easy_setopt(c, CURLOPT_PREREQFUNCTION, on_connected);
    curl_easy_setopt(c, CURLOPT_PREREQDATA, x);
    if (r->range)
        curl_easy_setopt(c, CURLOPT_RANGE, r->range + strlen("bytes="));
    if (tenon_streq(r->method, "HEAD")) {
        curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
    } else if (tenon_streq(r->method, "PUT")) {
        curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(c, CURLOPT_INFILESIZE_LARGE, (curl_off_t)r->body_len);
        curl_easy_setopt(c, CURLOPT_READFUNCTION, on_read);
        curl_easy_setopt(c, CURLOPT_READDATA, x);
        curl_easy_setopt(c, CURLOPT_SEEKFUNCTION, on_seek);
        curl_easy_setopt(c, CURLOPT_SEEKDATA, x);
    } else if (tenon_streq(r->method, "POST")) {
        curl_easy_setopt(c, CURLOPT_POST, 1L);
        curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len);
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, r->body ? r->body : "");
    }
    if (r->tls && r->tls->insecure) {
        curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (home && r->tls && r->tls->cert) {
        curl_easy_setopt(c, CURLOPT_SSLCERT, r->tls->cert);
        curl_easy_setopt(c, CURLOPT_SSLKEY, r->tls->key);
    }
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
        int fd = tenon_cancel_fd(x->req->cancel);
        struct curl_waitfd wait = {.fd = fd, .events = CURL_WAIT_POLLIN};
        if (running)
            curl_multi_poll(c->multi, &wait, fd >= 0, 1000, NULL);
    }
    CURLMsg *msg;
    int left;
    while ((msg = curl_multi_info_read(c->multi, &left)))
        if (msg->msg == CURLMSG_DONE && !(x->failed && x->err->code == TENON_E_CANCELLED))
            rc = msg->data.result;
    curl_multi_remove_handle(c->multi, c->easy);
    return rc;
}

static size_t
on_header_status(char *line, size_t size, size_t count, void *data)
{
    struct exchange *x = data;
    size_t len = on_header(line, size, count, data);
    /* "HTTP/1.1 200 OK", "HTTP/2 200" */
    if (len > 9 && strncasecmp(line, "HTTP/", 5) == 0) {
        size_t i = 5;
        while (i < len && line[i] != ' ')
            i++;
        long status = 0;
        for (i++; i < len && line[i] >= '0' && line[i] <= '9' && status < 1000; i++)
            status = status * 10 + (line[i] - '0');
        x->res->status = status;
    }
    return len;
}

static int
hop(struct tenon_http *h, const struct tenon_http_request *req, const char *url,
    bool authorized, struct tenon_http_response *res, bool *began, char **next,
    struct tenon_error *err)
{
    struct connection *c = take(h);
    struct exchange x = {.req = req, .res = res, .err = err, .easy = c->easy, .url = url};
    char detail[CURL_ERROR_SIZE] = "";
    struct curl_slist *headers = NULL;
    headers = header(headers, "Accept", req->accept ? req->accept : "*/*");
    headers = header(headers, "Content-Type", req->content_type);
    for (const char *const *line = req->headers; line && *line; line++)
        headers = add_line(headers, *line);
    if (authorized)
        headers = header(headers, "Authorization", req->authorization);
    headers = header(headers, "Expect", ""); /* no "100-continue" round trips */
    set_options(c->easy, &x, url, authorized, headers);
    curl_easy_setopt(c->easy, CURLOPT_HEADERFUNCTION, on_header_status);
    curl_easy_setopt(c->easy, CURLOPT_ERRORBUFFER, detail);
    char ca_path[32];
    auto_close int ca = -1;
    if (req->tls && req->tls->ca && tenon_has_prefix(url, "https:"))
        ca = ca_file(req->tls->ca, ca_path);
    if (ca >= 0)
        curl_easy_setopt(c->easy, CURLOPT_CAINFO, ca_path);
#if LIBCURL_VERSION_NUM >= 0x075700
    /* Newer ones remember authorities by the name of their file, which ours share. */
    curl_easy_setopt(c->easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
#endif
    CURLcode rc = perform(c, &x);
    int result = 0;
    if (rc != CURLE_OK || x.failed) {
        result = err->code == TENON_E_CANCELLED
                     ? err->code
                     : request_failed(&x, c->easy, rc, url, detail);
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

/* Location against the URL it came from. */
static void
absolute_location(struct tenon_http_response *res, const char *url)
{
    if (!res->location)
        return;
    CURLU *u = curl_url();
    char *full = NULL;
    if (u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_set(u, CURLUPART_URL, res->location, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_URL, &full, 0) == CURLUE_OK)
        replace(&res->location, full, strlen(full));
    curl_free(full);
    curl_url_cleanup(u);
}

int
tenon_http_do(struct tenon_http *h, const struct tenon_http_request *req,
              struct tenon_http_response *out, bool *began, struct tenon_error *err)
{
    /* *out itself: a sink may look at the status and the headers */
    tenon_http_response_release(out);
    if (tenon_libcurl(err) < 0)
        return err->code;
    auto_free char *url = tenon_strdup(req->url);
    bool started = false, authorized = true;
    bool follows = tenon_streq(req->method, "GET") || tenon_streq(req->method, "HEAD");
    if (began)
        *began = false;
    for (int i = 0;; i++) {
        auto_free char *next = NULL;
        int rc = hop(h, req, url, authorized, out, &started, &next, err);
        if (began)
            *began = started;
        if (rc < 0)
            return rc;
        if (!follows || !next)
            break;
        if (i == REDIRECTS_MAX)
            return tenon_error_set(err, TENON_E_LIMIT,
                                   "failed to do request: \"%s\": stopped after %d "
                                   "redirects", req->url, REDIRECTS_MAX);
        if (tenon_has_prefix(url, "https:") && !tenon_has_prefix(next, "https:"))
            return tenon_error_set(err, TENON_E_DENIED,
                                   "failed to do request: \"%s\": redirected from "
                                   "https to \"%s\"", req->url, next);
        /* once away from the first host, never again */
        authorized = authorized && tenon_url_same_origin(req->url, next);
        free(url);
        url = tenon_steal(&next);
        tenon_http_response_release(out);
    }
    absolute_location(out, url);
    out->url = tenon_steal(&url);
    return 0;
}
