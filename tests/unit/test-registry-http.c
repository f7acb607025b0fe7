/* One request: what goes out, what is taken of the answer, redirects, limits, and the words for
 * what goes wrong. */
#include "registrykit.h"

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "engine/host_fetch.h"
#include "registry/answer.h"
#include "registry/private.h"
#include "tenon-plugin.h"

struct web {
    struct server server;
    struct tenon_http *http;
};

static void
web_open(struct web *w, struct answer *answers)
{
    *w = (struct web){0};
    server_start(&w->server, answers);
    w->http = tenon_http_new(NULL);
}

static void
web_close(struct web *w)
{
    ck_assert_int_eq(server_refused(&w->server), 0);
    tenon_http_free(w->http);
    server_stop(&w->server);
}

static char *
web_url(struct web *w, const char *path)
{
    return tenon_asprintf("%s%s", w->server.base, path);
}

/* ---- what goes out ------------------------------------------------------------------- */

START_TEST(test_http_requests)
{
    static const char *const more[] = {"X-One: 1", "X-Two: 2", NULL};
    static const char *const ours[] = {"accept: c/d", "Accept-Encoding: gzip", NULL};
    static const struct {
        struct tenon_http_request req;
        const char *want; /* a line, or part of one */
    } cases[] = {
        {{.method = "GET"}, "Accept: */*\r\n"},
        {{.method = "GET", .accept = "a/b"}, "Accept: a/b\r\n"},
        {{.method = "GET"},
         "User-Agent: tenon/" TENON_VERSION " (compatible; buildkit/v0.32)\r\n"},
        {{.method = "GET"}, "!Authorization:"},
        {{.method = "GET"}, "!Range:"},
        {{.method = "GET"}, "!Expect:"},
        {{.method = "GET", .authorization = "Basic x"}, "Authorization: Basic x\r\n"},
        {{.method = "GET", .range = "bytes=7-"}, "Range: bytes=7-\r\n"},
        {{.method = "GET", .headers = more}, "X-One: 1\r\n"},
        {{.method = "GET", .headers = more}, "X-Two: 2\r\n"},
        {{.method = "GET"}, "!Accept-Encoding:"},
        {{.method = "GET", .headers = ours}, "Accept-Encoding: gzip\r\n"},
        {{.method = "GET", .headers = ours}, "accept: c/d\r\n"},
        {{.method = "GET", .headers = ours}, "!Accept: */*"},
        {{.method = "HEAD"}, "!Content-Length:"},
        {{.method = "POST", .content_type = "a/b"}, "Content-Type: a/b\r\n"},
        {{.method = "POST"}, "Content-Length: 0\r\n"},
        {{.method = "POST", .body = "abc", .body_len = 2}, "Content-Length: 2\r\n"},
        {{.method = "PUT", .body = "abc", .body_len = 2}, "Content-Length: 2\r\n"},
        {{.method = "PUT"}, "Content-Length: 0\r\n"},
        {{.method = "PUT", .body = "a", .body_len = 1}, "!Expect:"},
    };
    struct answer answers[] = {{.want = cases[_i].want, .head = "200 OK\r\n",
                                .accept_upload = true}, {0}};
    struct web w;
    struct tenon_http_request req = cases[_i].req;
    auto_free char *request = tenon_asprintf("%s /x HTTP", req.method);
    answers[0].request = request;
    web_open(&w, answers);
    auto_free char *url = web_url(&w, "/x");
    req.url = url;
    auto_response struct tenon_http_response res = {0};
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_msg(tenon_http_do(w.http, &req, &res, NULL, &err) == 0, "%s", err.message);
    ck_assert_int_eq(res.status, 200);
    auto_free char *upload = server_upload(&w.server);
    ck_assert_str_eq(upload, req.body_len == 2 ? "ab" : req.body_len == 1 ? "a" : "");
    web_close(&w);
}
END_TEST

/* Want of descriptors is this machine's, and no server's. */
START_TEST(test_http_has_no_descriptor_left)
{
    struct answer answers[] = {{.request = "GET /x HTTP", .head = "200 OK\r\n"}, {0}};
    struct web w;
    struct rlimit old, none;
    web_open(&w, answers);
    auto_free char *url = web_url(&w, "/x");
    struct tenon_http_request req = {.method = "GET", .url = url, .limit = 100};
    auto_response struct tenon_http_response res = {0};
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_msg(tenon_http_do(w.http, &req, &res, NULL, &err) == 0, "%s", err.message);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    int next = dup(0);
    ck_assert_int_ge(next, 0);
    close(next);
    none = (struct rlimit){(rlim_t)next, old.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    req.url = "http://127.0.0.2:1/x"; /* no connection that is there will do */
    int rc = tenon_http_do(w.http, &req, &res, NULL, &err);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
    ck_assert_int_lt(rc, 0);
    ck_assert_msg(strstr(err.message, "open a connection here: Too many open files"), "%s",
                  err.message);
    ck_assert_int_eq(res.trouble, TENON_HTTP_BROKEN);
    web_close(&w);
}
END_TEST

static void
count_sent(void *data, uint64_t bytes)
{
    *(uint64_t *)data = bytes;
}

/* From a file it is sent from the beginning, wherever the descriptor stands, and no further
 * than was said. */
START_TEST(test_http_sends_files)
{
    struct answer answers[] = {{.request = "PUT", .accept_upload = true, .head = "201 OK\r\n"},
                               {0}};
    struct web w;
    web_open(&w, answers);
    char dir[64];
    int dirfd = unit_tmpdir(dir);
    unit_write(dirfd, "blob", TEXT);
    auto_close int fd = openat(dirfd, "blob", O_RDONLY | O_CLOEXEC);
    lseek(fd, 5, SEEK_SET);
    auto_free char *url = web_url(&w, "/x");
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    uint64_t sent = 0;
    for (uint64_t len = 30; len <= 36; len += 6) {
        struct tenon_http_request req = {.method = "PUT", .url = url, .body_fd = fd,
                                         .body_len = len, .sent = count_sent, .data = &sent};
        auto_response struct tenon_http_response res = {0};
        ck_assert_msg(tenon_http_do(w.http, &req, &res, NULL, &err) == 0, "%s", err.message);
        auto_free char *upload = server_upload(&w.server);
        auto_free char *want = tenon_strndup(TEXT, len);
        ck_assert_str_eq(upload, want);
        ck_assert_uint_eq(sent, len);
    }
    /* a file that is shorter than it was is no success */
    struct tenon_http_request req = {.method = "PUT", .url = url, .body_fd = fd, .body_len = 40};
    auto_response struct tenon_http_response res = {0};
    ck_assert_int_lt(tenon_http_do(w.http, &req, &res, NULL, &err), 0);
    ck_assert_msg(strstr(err.message, "read blob"), "%s", err.message);
    unit_tmpdir_remove(dirfd, dir);
    web_close(&w);
}
END_TEST

/* ---- what is taken of the answer --------------------------------------------------------- */

START_TEST(test_http_answer)
{
    struct answer answers[] = {
        {.request = "GET /a", .body = "body",
         .head = "200 OK\r\nContent-Type: a/b; charset=x\r\nDOCKER-content-digest:  sha256:1 \r\n"
                 "Content-Range: bytes 1-2/3\r\nLocation: ../up?x\r\nETag: \"t\"\r\n"
                 "Content-Disposition: attachment; filename=f\r\nLast-Modified: then\r\n"
                 "WWW-Authenticate: Basic\r\nWWW-Authenticate: Bearer x=y\r\n"
                 "X-ETag: \"u\"\r\n"},
        {.request = "GET /b", .head = "204 None\r\n"},
        {.request = "GET /c", .head = "100 Continue\r\nETag: \"old\"\r\n\r\n"
                                      "HTTP/1.1 200 OK\r\nContent-Type: new/one\r\n"},
        {.request = "GET /d", .head = "200 OK\r\nTransfer-Encoding: chunked\r\nETag: \"t\"\r\n"
                                      "X-No-Content-Length: -\r\n",
         .body = "4\r\nbody\r\n0\r\nETag: \"late\"\r\nHTTP/a: b\r\n\r\n"},
        {0}};
    struct web w;
    web_open(&w, answers);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_response struct tenon_http_response res = {0};
    auto_free char *a = web_url(&w, "/a/b");
    auto_free char *up = web_url(&w, "/up?x");
    struct tenon_http_request req = {.method = "GET", .url = a, .limit = 4};
    ck_assert_msg(tenon_http_do(w.http, &req, &res, NULL, &err) == 0, "%s", err.message);
    ck_assert_int_eq(res.status, 200);
    ck_assert_str_eq(tenon_buf_str(&res.body), "body");
    ck_assert_str_eq(res.content_type, "a/b");
    ck_assert_str_eq(res.digest, "sha256:1");
    ck_assert_str_eq(res.content_range, "bytes 1-2/3");
    ck_assert_str_eq(res.location, up);
    ck_assert_str_eq(res.etag, "\"t\"");
    ck_assert_str_eq(res.content_disposition, "attachment; filename=f");
    ck_assert_str_eq(res.last_modified, "then");
    ck_assert_str_eq(res.url, a);
    ck_assert_str_eq(res.challenges[0], "Basic");
    ck_assert_str_eq(res.challenges[1], "Bearer x=y");
    ck_assert_ptr_null(res.challenges[2]);
    /* of an earlier one nothing stays */
    auto_free char *b = web_url(&w, "/b");
    req.url = b;
    ck_assert_msg(tenon_http_do(w.http, &req, &res, NULL, &err) == 0, "%s", err.message);
    ck_assert_int_eq(res.status, 204);
    ck_assert_uint_eq(res.body.len, 0);
    ck_assert(!res.content_type && !res.digest && !res.content_range && !res.location &&
              !res.etag && !res.content_disposition && !res.last_modified && !res.challenges);
    auto_free char *c = web_url(&w, "/c");
    req.url = c;
    ck_assert_msg(tenon_http_do(w.http, &req, &res, NULL, &err) == 0, "%s", err.message);
    ck_assert_int_eq(res.status, 200);
    ck_assert_str_eq(res.content_type, "new/one");
    ck_assert_ptr_null(res.etag);
    /* what is said behind the body comes too late */
    auto_free char *d = web_url(&w, "/d");
    req.url = d;
    ck_assert_msg(tenon_http_do(w.http, &req, &res, NULL, &err) == 0, "%s", err.message);
    ck_assert_int_eq(res.status, 200);
    ck_assert_str_eq(tenon_buf_str(&res.body), "body");
    ck_assert_str_eq(res.etag, "\"t\"");
    web_close(&w);
}
END_TEST

/* A status line that is none, and has something behind it that is not its own. */
START_TEST(test_http_status_lines)
{
    static const struct {
        const char *line;
        long status;
        const char *reason;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\n", 200, "OK"}, {"HTTP/2 204\r\n", 204, NULL},
        {"HTTP/1.1 404 Not Found", 404, "Not Found"}, {"HTTP/1.1 ", 0, NULL},
        {"HTTP/1.1", 0, NULL}, {"HTTP/a:b\r\n", 0, NULL}, {"HTTP/1", 0, NULL},
        {"HTTP/1.1 200", 200, NULL}, {"HTTP/1.1  200", 0, "200"},
    };
    for (size_t i = 0; i < tenon_countof(cases); i++) {
        auto_response struct tenon_http_response res = {0};
        size_t len = strlen(cases[i].line);
        auto_free char *behind = tenon_asprintf("%s200 of another one", cases[i].line);
        tenon_answer_line(&res, behind, len);
        ck_assert_int_eq(res.status, cases[i].status);
        ck_assert_msg(tenon_streq(res.reason, cases[i].reason), "\"%s\": %s", cases[i].line,
                      res.reason);
        /* with nothing behind it, for those who watch the heap */
        auto_free char *alone = memcpy(tenon_malloc(len), cases[i].line, len);
        tenon_answer_line(&res, alone, len);
        ck_assert_int_eq(res.status, cases[i].status);
    }
}
END_TEST

struct sunk {
    struct tenon_buf bytes;
    size_t most; /* then it fails */
};

static int
sink(void *data, const void *buf, size_t len, struct tenon_error *err)
{
    struct sunk *s = data;
    if (s->bytes.len + len > s->most)
        return tenon_error_set(err, TENON_E_CORRUPT, "the sink is full");
    tenon_buf_add(&s->bytes, buf, len);
    return 0;
}

/* A success goes to the sink, and only that does; what it says goes up. */
START_TEST(test_http_sink)
{
    static const struct {
        const char *head;
        size_t most;
        int rc;
        bool began;
        const char *sunk, *body;
    } cases[] = {
        {"200 OK\r\n", 36, 0, true, TEXT, ""},
        {"206 Part\r\n", 36, 0, true, TEXT, ""},
        {"299 OK\r\n", 36, 0, true, TEXT, ""},
        {"300 Choice\r\n", 36, 0, false, "", TEXT},
        {"404 Not Found\r\n", 36, 0, false, "", TEXT},
        {"200 OK\r\n", 35, TENON_E_CORRUPT, true, "", ""},
    };
    struct answer answers[] = {{.request = "GET", .head = cases[_i].head, .body = TEXT}, {0}};
    struct web w;
    web_open(&w, answers);
    struct sunk s = {.most = cases[_i].most};
    bool began = !cases[_i].began;
    auto_free char *url = web_url(&w, "/x");
    struct tenon_http_request req = {.method = "GET", .url = url, .sink = sink, .data = &s};
    auto_response struct tenon_http_response res = {0};
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    int rc = tenon_http_do(w.http, &req, &res, &began, &err);
    ck_assert_msg(rc == cases[_i].rc, "%d %s", rc, err.message);
    ck_assert(rc == 0 || strstr(err.message, "the sink is full"));
    ck_assert_int_eq(began, cases[_i].began);
    ck_assert_str_eq(tenon_buf_str(&s.bytes), cases[_i].sunk);
    ck_assert_str_eq(tenon_buf_str(&res.body), cases[_i].body);
    tenon_buf_release(&s.bytes);
    web_close(&w);
}
END_TEST

/* ---- limits ---------------------------------------------------------------------------------- */

/* To the byte; of a refusal's text what fits is enough. */
START_TEST(test_http_body_limit)
{
    static const struct {
        const char *head;
        size_t len, limit;
        int rc;
        size_t kept_least, kept_most;
    } cases[] = {
        {"200 OK\r\n", 1000, 1000, 0, 1000, 1000},
        {"200 OK\r\n", 1001, 1000, TENON_E_LIMIT, 0, 1000},
        {"200 OK\r\n", 1, 0, TENON_E_LIMIT, 0, 0},
        {"404 No\r\n", 65536, 0, 0, 65536, 65536},
        {"404 No\r\n", 1000000, 0, 0, 1, 65536},
    };
    auto_free char *body = tenon_malloc(1000001);
    memset(body, 'b', 1000001);
    struct answer answers[] = {{.request = "GET", .head = cases[_i].head, .body = body,
                                .body_len = cases[_i].len}, {0}};
    struct web w;
    web_open(&w, answers);
    auto_free char *url = web_url(&w, "/x");
    struct tenon_http_request req = {.method = "GET", .url = url, .limit = cases[_i].limit};
    auto_response struct tenon_http_response res = {0};
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    int rc = tenon_http_do(w.http, &req, &res, NULL, &err);
    ck_assert_msg(rc == cases[_i].rc, "%d %s", rc, err.message);
    ck_assert_uint_ge(res.body.len, cases[_i].kept_least);
    ck_assert_uint_le(res.body.len, cases[_i].kept_most);
    web_close(&w);
}
END_TEST

/* With Content-Length and Connection, `count` header lines and one of `len` bytes. */
START_TEST(test_http_header_limits)
{
    static const struct {
        int count;
        size_t len;
        int rc;
    } cases[] = {{150, 100, 0}, {250, 100, TENON_E_LIMIT}, {10, 16000, 0}, {10, 17000, TENON_E_LIMIT}};
    struct tenon_buf head = TENON_BUF_INIT;
    tenon_buf_adds(&head, "200 OK\r\nX-Long: ");
    for (size_t i = 0; i < cases[_i].len; i++)
        tenon_buf_addc(&head, 'l');
    for (int i = 0; i < cases[_i].count; i++)
        tenon_buf_addf(&head, "\r\nX-%d: y", i);
    tenon_buf_adds(&head, "\r\n");
    struct answer answers[] = {{.request = "GET", .head = tenon_buf_str(&head)}, {0}};
    struct web w;
    web_open(&w, answers);
    auto_free char *url = web_url(&w, "/x");
    struct tenon_http_request req = {.method = "GET", .url = url};
    auto_response struct tenon_http_response res = {0};
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    int rc = tenon_http_do(w.http, &req, &res, NULL, &err);
    ck_assert_msg(rc == cases[_i].rc, "%d %s", rc, err.message);
    ck_assert(rc == 0 || strstr(err.message, "too many or too long headers"));
    tenon_buf_release(&head);
    web_close(&w);
}
END_TEST

/* ---- redirects --------------------------------------------------------------------------------- */

START_TEST(test_http_redirects)
{
    static const struct {
        const char *method, *head;
        long status; /* at the end; 0: the request fails */
        const char *requests;
    } cases[] = {
        {"GET", "301 x\r\nLocation: /end\r\n", 200, "GET /x\nGET /end\n"},
        {"GET", "302 x\r\nLocation: /end\r\n", 200, "GET /x\nGET /end\n"},
        {"GET", "303 x\r\nLocation: end\r\n", 200, "GET /x\nGET /end\n"},
        {"GET", "307 x\r\nLocation: @BASE@/end\r\n", 200, "GET /x\nGET /end\n"},
        {"HEAD", "308 x\r\nLocation: /end\r\n", 200, "HEAD /x\nHEAD /end\n"},
        {"GET", "302 x\r\n", 302, "GET /x\n"},
        {"GET", "304 x\r\n", 304, "GET /x\n"},
        {"GET", "201 x\r\nLocation: /end\r\n", 201, "GET /x\n"},
        {"GET", "308 x\r\nLocation: /end#part\r\n", 200, "GET /x\nGET /end\n"},
        {"HEAD", "303 x\r\nLocation: /end\r\n", 200, "HEAD /x\nHEAD /end\n"},
        {"POST", "301 x\r\nLocation: /end\r\n", 200, "POST /x\nPOST /end\n"},
        {"POST", "302 x\r\nLocation: /end\r\n", 200, "POST /x\nPOST /end\n"},
        {"POST", "303 x\r\nLocation: /end\r\n", 200, "POST /x\nGET /end\n"},
        {"POST", "307 x\r\nLocation: /end\r\n", 200, "POST /x\nPOST /end\n"},
        {"POST", "308 x\r\nLocation: /end\r\n", 200, "POST /x\nPOST /end\n"},
        {"PUT", "301 x\r\nLocation: /end\r\n", 200, "PUT /x\nPUT /end\n"},
        {"PUT", "302 x\r\nLocation: /end\r\n", 200, "PUT /x\nPUT /end\n"},
        {"PUT", "303 x\r\nLocation: /end\r\n", 200, "PUT /x\nGET /end\n"},
        {"PUT", "307 x\r\nLocation: /end\r\n", 200, "PUT /x\nPUT /end\n"},
        {"PUT", "308 x\r\nLocation: @BASE@/end\r\n", 200, "PUT /x\nPUT /end\n"},
        {"GET", "300 x\r\nLocation: /end\r\n", 300, "GET /x\n"},
        {"GET", "304 x\r\nLocation: /end\r\n", 304, "GET /x\n"},
        {"GET", "305 x\r\nLocation: /end\r\n", 305, "GET /x\n"},
        {"PUT", "306 x\r\nLocation: /end\r\n", 306, "PUT /x\n"},
        {"GET", "302 x\r\nLocation: file:///etc/passwd\r\n", 0, "GET /x\n"},
        {"GET", "302 x\r\nLocation: ftp://127.0.0.1:1/x\r\n", 0, "GET /x\n"},
        {"GET", "302 x\r\nLocation: gopher://127.0.0.1:1/x\r\n", 0, "GET /x\n"},
    };
    struct answer answers[] = {{.request = "GET /end", .head = "200 OK\r\n", .body = TEXT},
                               {.request = "HEAD /end", .head = "200 OK\r\n"},
                               {.request = "POST /end", .head = "200 OK\r\n", .accept_upload = true},
                               {.request = "PUT /end", .head = "200 OK\r\n", .accept_upload = true},
                               {.request = "", .head = cases[_i].head}, {0}};
    struct web w;
    web_open(&w, answers);
    auto_free char *url = web_url(&w, "/x");
    const char *method = cases[_i].method;
    bool body = *method == 'P';
    struct tenon_http_request req = {.method = method, .url = url, .limit = 100,
                                     .body = body ? TEXT : NULL, .body_len = body ? 36 : 0};
    auto_response struct tenon_http_response res = {0};
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    int rc = tenon_http_do(w.http, &req, &res, NULL, &err);
    auto_free char *log = server_log(&w.server);
    ck_assert_str_eq(log, cases[_i].requests);
    /* the body goes along, but to a resource that tells the result */
    auto_free char *upload = server_upload(&w.server);
    bool sent = body && res.status == 200 && !strstr(log, "GET");
    ck_assert_str_eq(upload, sent ? TEXT : "");
    ck_assert(rc < 0 || res.turned == (body && strstr(log, "GET")));
    if (cases[_i].status) {
        ck_assert_msg(rc == 0, "%s", err.message);
        ck_assert_int_eq(res.status, cases[_i].status);
        auto_free char *end = web_url(&w, res.status == 200 ? "/end" : "/x");
        ck_assert_str_eq(res.url, end);
    } else {
        ck_assert_int_eq(rc, TENON_E_INVALID);
    }
    web_close(&w);
}
END_TEST

/* Ten are followed, and not eleven. */
START_TEST(test_http_many_redirects)
{
    struct answer answers[] = {
        {.request = "GET /x", .times = 10 + _i, .head = "302 x\r\nLocation: /x\r\n"},
        {.request = "GET /x", .head = "200 OK\r\n"}, {0}};
    struct web w;
    web_open(&w, answers);
    auto_free char *url = web_url(&w, "/x");
    struct tenon_http_request req = {.method = "GET", .url = url};
    auto_response struct tenon_http_response res = {0};
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    int rc = tenon_http_do(w.http, &req, &res, NULL, &err);
    ck_assert_int_eq(rc, _i ? TENON_E_LIMIT : 0);
    ck_assert(!_i || strstr(err.message, "stopped after 10 redirects"));
    ck_assert_int_eq(server_count(&w.server, ""), 11);
    web_close(&w);
}
END_TEST

/* The authorization stays at the first host: not at another, and not here again when that
 * sends back. */
START_TEST(test_http_redirect_authorization)
{
    struct answer others[] = {{.request = "GET /end", .want = "!Authorization:",
                               .head = "200 OK\r\n"},
                              {.request = "GET /return", .want = "!Authorization:"}, {0}};
    struct answer answers[] = {
        {.request = "GET /here", .want = "Authorization: Basic x\r\n",
         .head = "302 x\r\nLocation: /there\r\n"},
        {.request = "GET /there", .want = "Authorization: Basic x\r\n", .head = "200 OK\r\n"},
        {.request = "GET /away", .want = "Authorization: Basic x\r\n"},
        {.request = "GET /back", .want = "!Authorization:", .head = "200 OK\r\n"},
        {0}};
    struct web w, other;
    web_open(&other, others);
    web_open(&w, answers);
    auto_free char *to_end = tenon_asprintf("302 x\r\nLocation: %s/end\r\n", other.server.base);
    auto_free char *to_return = tenon_asprintf("302 x\r\nLocation: %s/return\r\n",
                                               other.server.base);
    auto_free char *back = tenon_asprintf("302 x\r\nLocation: %s/back\r\n", w.server.base);
    others[1].head = back;
    answers[2].head = _i == 2 ? to_return : to_end;
    auto_free char *url = web_url(&w, _i ? "/away" : "/here");
    struct tenon_http_request req = {.method = "GET", .url = url, .authorization = "Basic x"};
    auto_response struct tenon_http_response res = {0};
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_msg(tenon_http_do(w.http, &req, &res, NULL, &err) == 0, "%s", err.message);
    ck_assert_int_eq(res.status, 200);
    ck_assert_int_eq(server_count(&other.server, ""), _i ? 1 : 0);
    web_close(&w);
    web_close(&other);
}
END_TEST

/* ---- what goes wrong -------------------------------------------------------------------------- */

START_TEST(test_http_failures)
{
    static const struct {
        struct answer answer;
        const char *url; /* NULL: the server's */
        const char *method;
        int code;
        const char *says;
    } cases[] = {
        {{.head = ""}, NULL, "GET", TENON_E_UNAVAILABLE, ": EOF"},
        {{.head = "200 OK\r\n", .body = TEXT, .cut = 7}, NULL, "GET", TENON_E_UNAVAILABLE,
         ": unexpected EOF"},
        {{0}, "http://127.0.0.1:1/x", "GET", TENON_E_UNAVAILABLE,
         "failed to do request: Get http://127.0.0.1:1/x: dial tcp 127.0.0.1:1: connect: "
         "connection refused"},
        {{0}, "http://127.0.0.1:1/x", "HEAD", TENON_E_UNAVAILABLE, "request: Head http://"},
        {{0}, "http://127.0.0.1:1/x", "PUT", TENON_E_UNAVAILABLE, "request: Put http://"},
        {{0}, "http://127.0.0.1:1/x", "POST", TENON_E_UNAVAILABLE, "request: Post http://"},
        {{0}, "http://no-such-host.invalid:7/x", "GET", TENON_E_UNAVAILABLE,
         "dial tcp: lookup no-such-host.invalid: no such host"},
        {{0}, "http://me:secret@127.0.0.1:1/x", "GET", TENON_E_UNAVAILABLE,
         "Get http://xxxxx:xxxxx@127.0.0.1:1/x: dial"},
        {{0}, "http://[::1/x", "GET", TENON_E_INVALID, "invalid URL"},
        {{0}, "gopher://127.0.0.1:1/x", "GET", TENON_E_INVALID, "invalid URL"},
        {{.head = "@plain@"}, NULL, "GET", TENON_E_UNAVAILABLE,
         "http: server gave HTTP response to HTTPS client"},
    };
    struct answer answers[] = {cases[_i].answer, {0}};
    if (answers[0].head)
        answers[0].request = "GET";
    bool to_tls = tenon_streq(answers[0].head, "@plain@");
    if (to_tls)
        answers[0] = (struct answer){.request = "", .head = "400 Bad\r\n"};
    struct web w;
    web_open(&w, answers);
    auto_free char *url = to_tls ? tenon_asprintf("https://127.0.0.1:%u/x", w.server.port)
                                 : web_url(&w, "/x");
    struct tenon_http_request req = {.method = cases[_i].method,
                                     .url = cases[_i].url ? cases[_i].url : url, .limit = 1000};
    auto_response struct tenon_http_response res = {0};
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    int rc = tenon_http_do(w.http, &req, &res, NULL, &err);
    ck_assert_msg(rc == cases[_i].code, "%d %s", rc, err.message);
    ck_assert_msg(strstr(err.message, cases[_i].says) != NULL, "%s", err.message);
    ck_assert_msg(!strstr(err.message, "secret"), "%s", err.message);
    web_close(&w);
}
END_TEST

static void
fire(void *data)
{
    tenon_cancel_fire(data);
}

/* Stopped while the server thinks, which it would go on doing; or as it answers: that counts no
 * more. */
START_TEST(test_http_cancelled)
{
    struct answer answers[] = {{.request = "GET", .head = "200 OK\r\n", .then = fire,
                                .silent = _i}, {0}};
    struct web w;
    web_open(&w, answers);
    struct tenon_cancel *cancel = tenon_cancel_new(NULL);
    w.server.data = cancel;
    auto_free char *url = web_url(&w, "/x");
    struct tenon_http_request req = {.method = "GET", .url = url, .cancel = cancel};
    auto_response struct tenon_http_response res = {0};
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_int_eq(tenon_http_do(w.http, &req, &res, NULL, &err), TENON_E_CANCELLED);
    web_close(&w);
    tenon_cancel_free(cancel);
}
END_TEST

/* More at a time than connections are kept. */
START_TEST(test_http_pool)
{
    struct answer answers[] = {{.request = "GET", .head = "200 OK\r\n", .body = TEXT}, {0}};
    struct web w;
    web_open(&w, answers);
    auto_free char *url = web_url(&w, "/x");
    for (int i = 0; i < 20; i++) {
        struct tenon_http_request req = {.method = "GET", .url = url, .limit = 100};
        auto_response struct tenon_http_response res = {0};
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        ck_assert_int_eq(tenon_http_do(w.http, &req, &res, NULL, &err), 0);
        ck_assert_str_eq(tenon_buf_str(&res.body), TEXT);
    }
    web_close(&w);
}
END_TEST

/* What plugins may ask for: the web, with headers of one line each. */
START_TEST(test_http_of_plugins)
{
    static const struct {
        const char *url, *header, *authorization, *says;
    } cases[] = {
        {"file:///etc/passwd", NULL, NULL, "unsupported protocol scheme in \"file:///etc/passwd\""},
        {"ftp://127.0.0.1:1/", NULL, NULL, "unsupported protocol scheme"},
        {"httpx://127.0.0.1:1/", NULL, NULL, "unsupported protocol scheme"},
        {"http://127.0.0.1:1/", "Accept: x\nX-More: y", NULL, "invalid header field value"},
        {"http://127.0.0.1:1/", "Accept: x\rX-More: y", NULL, "invalid header field value"},
        {"http://127.0.0.1:1/", NULL, "Bearer x\r\nX-More: y", "invalid header field value"},
    };
    const char *headers[] = {"X-First: x", cases[_i].header, NULL};
    const struct tenon_fetch f = {.struct_size = sizeof f, .method = "GET", .url = cases[_i].url,
                                  .headers = headers, .authorization = cases[_i].authorization};
    struct tenon_fetch_answer answer = {.struct_size = sizeof answer};
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_int_eq(tenon_http_api()->fetch(NULL, &f, -1, &answer, &err), TENON_E_INVALID);
    ck_assert_msg(strstr(err.message, cases[_i].says) != NULL, "%s", err.message);
    ck_assert_ptr_null(strstr(err.message, "X-More"));
}
END_TEST

START_TEST(test_http_tls_answer)
{
    struct tenon_http_response r = {.status = 400};
    tenon_buf_adds(&r.body, "Client sent an HTTP request to an HTTPS server.\n");
    ck_assert(tenon_http_is_tls_answer(&r));
    r.status = 404;
    ck_assert(!tenon_http_is_tls_answer(&r));
    r.status = 400;
    tenon_buf_clear(&r.body);
    tenon_buf_adds(&r.body, "Bad Request");
    ck_assert(!tenon_http_is_tls_answer(&r));
    tenon_http_response_release(&r);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("registry-http");
    TCase *t = tcase_create("http");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, test_http_requests, 0, 17);
    tcase_add_test(t, test_http_sends_files);
    tcase_add_test(t, test_http_has_no_descriptor_left);
    tcase_add_test(t, test_http_answer);
    tcase_add_test(t, test_http_status_lines);
    tcase_add_loop_test(t, test_http_sink, 0, 6);
    tcase_add_loop_test(t, test_http_body_limit, 0, 5);
    tcase_add_loop_test(t, test_http_header_limits, 0, 4);
    tcase_add_loop_test(t, test_http_redirects, 0, 27);
    tcase_add_loop_test(t, test_http_many_redirects, 0, 2);
    tcase_add_loop_test(t, test_http_redirect_authorization, 0, 3);
    tcase_add_loop_test(t, test_http_failures, 0, 11);
    tcase_add_loop_test(t, test_http_cancelled, 0, 2);
    tcase_add_test(t, test_http_pool);
    tcase_add_loop_test(t, test_http_of_plugins, 0, 6);
    tcase_add_test(t, test_http_tls_answer);
    suite_add_tcase(s, t);
    return unit_run(s);
}
