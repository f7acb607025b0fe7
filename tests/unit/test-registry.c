/* The registry client against a server of ours that answers as told: each test
 * is a list of "METHOD PATH" and the answer to give, in any order. */
#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/vec.h"
#include "image/image.h"
#include "registry/http.h"
#include "registry/registry.h"

struct answer {
    const char *request;  /* prefix of "METHOD path"; a request takes the first
                           * that fits and is not used up */
    int times;            /* 0: any number */
    const char *want;     /* a header line that must be there, or "!line" must not */
    const char *head;     /* status line's rest and headers, "200 OK\r\nX: y\r\n" */
    const char *body;
    size_t body_len;      /* 0: strlen */
    size_t cut;           /* hang up after so many bytes of the body; 0: never */
    bool accept_upload;   /* keep what comes */
};

struct server {
    int fd;
    unsigned port;
    pthread_t thread;
    struct answer *answers;
    int used[32];
    struct tenon_buf log;   /* "METHOD path\n" of all requests */
    struct tenon_buf upload;
    bool refused; /* a request nobody had an answer for */
};

static char base_url[64];

static ssize_t
read_request(int fd, struct tenon_buf *head, struct tenon_buf *body)
{
    char c;
    while (head->len < 65536 && read(fd, &c, 1) == 1) {
        tenon_buf_addc(head, c);
        if (head->len >= 4 && memcmp(head->data + head->len - 4, "\r\n\r\n", 4) == 0)
            break;
    }
    const char *p = strcasestr(tenon_buf_str(head), "\r\nContent-Length: ");
    size_t want = p ? strtoul(p + 18, NULL, 10) : 0;
    while (body->len < want) {
        char buf[65536];
        ssize_t n = read(fd, buf, sizeof buf);
        if (n <= 0)
            return -1;
        tenon_buf_add(body, buf, (size_t)n);
    }
    return (ssize_t)head->len;
}

static void
send_all(int fd, const void *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        data = (const char *)data + n;
        len -= (size_t)n;
    }
}

static struct answer *
find(struct server *s, const char *head)
{
    for (size_t i = 0; s->answers[i].request; i++) {
        struct answer *a = &s->answers[i];
        if (!tenon_has_prefix(head, a->request) || (a->times && s->used[i] >= a->times))
            continue;
        const char *want = a->want;
        bool absent = want && *want == '!';
        if (want && (strcasestr(head, want + absent) != NULL) == absent)
            continue;
        s->used[i]++;
        return a;
    }
    return NULL;
}

static void
serve(struct server *s, int fd)
{
    auto_buf struct tenon_buf head = TENON_BUF_INIT;
    auto_buf struct tenon_buf body = TENON_BUF_INIT;
    if (read_request(fd, &head, &body) <= 0)
        return;
    size_t line = strcspn(head.data, "\r");
    const char *version = strstr(head.data, " HTTP/");
    tenon_buf_addf(&s->log, "%.*s\n", version ? (int)(version - head.data) : (int)line, head.data);
    struct answer *a = find(s, head.data);
    if (!a) {
        s->refused = true;
        send_all(fd, "HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n", 43);
        return;
    }
    if (a->accept_upload) {
        tenon_buf_clear(&s->upload);
        tenon_buf_add(&s->upload, body.data, body.len);
    }
    size_t len = a->body_len ? a->body_len : a->body ? strlen(a->body) : 0;
    auto_free char *text = tenon_strdup(a->head);
    char *mark = strstr(text, "@BASE@");
    auto_free char *filled = mark ? tenon_asprintf("%.*s%s%s", (int)(mark - text), text, base_url,
                                                   mark + 6)
                                  : tenon_strdup(text);
    auto_buf struct tenon_buf out = TENON_BUF_INIT;
    tenon_buf_addf(&out, "HTTP/1.1 %s", filled);
    if (!strcasestr(filled, "Content-Length:"))
        tenon_buf_addf(&out, "Content-Length: %zu\r\n", len);
    tenon_buf_adds(&out, "Connection: close\r\n\r\n");
    send_all(fd, out.data, out.len);
    if (!tenon_has_prefix(head.data, "HEAD"))
        send_all(fd, a->body ? a->body : "", a->cut ? a->cut : len);
}

static void *
run_server(void *data)
{
    struct server *s = data;
    for (;;) {
        int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            return NULL;
        serve(s, fd);
        shutdown(fd, SHUT_WR);
        char rest[256];
        struct timeval t = {0, 200000};
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
        while (read(fd, rest, sizeof rest) > 0)
            continue;
        close(fd);
    }
}

static void
server_start(struct server *s, struct answer *answers)
{
    *s = (struct server){.answers = answers};
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    ck_assert_int_eq(bind(s->fd, (struct sockaddr *)&a, sizeof a), 0);
    ck_assert_int_eq(listen(s->fd, 16), 0);
    ck_assert_int_eq(getsockname(s->fd, (struct sockaddr *)&a, &len), 0);
    s->port = ntohs(a.sin_port);
    snprintf(base_url, sizeof base_url, "http://127.0.0.1:%u", s->port);
    ck_assert_int_eq(pthread_create(&s->thread, NULL, run_server, s), 0);
}

static void
server_stop(struct server *s)
{
    shutdown(s->fd, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->fd);
    tenon_buf_release(&s->log);
    tenon_buf_release(&s->upload);
}

/* ---- the client's side ----------------------------------------------------------- */

struct kit {
    char dir[64];
    int dirfd;
    struct tenon_store *store;
    struct tenon_registry *registry;
    struct tenon_registry_call call;
    struct server server;
    struct json_object *config;
    const char *user, *secret;
    char ref[80];
};

static int
credentials(void *data, const char *host, char **user, char **secret, struct tenon_error *err)
{
    (void)host, (void)err;
    struct kit *k = data;
    *user = tenon_strdup(k->user);
    *secret = tenon_strdup(k->secret);
    return 0;
}

static void
kit_open(struct kit *k, struct answer *answers)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    *k = (struct kit){0};
    k->dirfd = unit_tmpdir(k->dir);
    auto_free char *root = tenon_asprintf("%s/store", k->dir);
    ck_assert_int_eq(tenon_store_open(root, &k->store, &err), 0);
    server_start(&k->server, answers);
    snprintf(k->ref, sizeof k->ref, "127.0.0.1:%u/team/app:v1", k->server.port);
    k->config = json_object_new_object();
    struct tenon_registry_options o = {.store = k->store, .config = k->config,
                                       .credentials = credentials, .data = k,
                                       .retry_ns = 1000000};
    k->registry = tenon_registry_new(&o);
}

static void
kit_close(struct kit *k)
{
    tenon_registry_free(k->registry);
    server_stop(&k->server);
    json_object_put(k->config);
    tenon_store_close(k->store);
    unit_tmpdir_remove(k->dirfd, k->dir);
}

static int
manifest(struct kit *k, struct tenon_buf *text, struct tenon_error *err)
{
    struct tenon_desc d = {0};
    int rc = tenon_registry_manifest(k->registry, &k->call, k->ref, TENON_RESOLVE_PULL, &d, text,
                                     err);
    tenon_desc_release(&d);
    return rc;
}

#define MANIFEST "{\"schemaVersion\":2,\"mediaType\":\"" TENON_MT_OCI_MANIFEST "\"}"
#define OK_MANIFEST "200 OK\r\nContent-Type: " TENON_MT_OCI_MANIFEST "\r\n"
#define PATH_MANIFEST "/v2/team/app/manifests/"

static char *
digest_head(const char *body)
{
    struct tenon_digest d;
    tenon_digest_of(body, strlen(body), &d);
    return tenon_asprintf(OK_MANIFEST "Docker-Content-Digest: %s\r\n", d.str);
}

/* ---- manifests -------------------------------------------------------------------- */

START_TEST(test_registry_manifest_and_cached)
{
    auto_free char *head = digest_head(MANIFEST);
    struct answer answers[] = {{.request = "HEAD " PATH_MANIFEST "v1", .head = head},
                               {.request = "GET " PATH_MANIFEST "sha256:", .times = 1,
                                .head = OK_MANIFEST, .body = MANIFEST},
                               {0}};
    struct kit k;
    kit_open(&k, answers);
    for (int i = 0; i < 2; i++) { /* the second time a HEAD is enough */
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        auto_buf struct tenon_buf text = TENON_BUF_INIT;
        ck_assert_msg(manifest(&k, &text, &err) == 0, "%s", err.message);
        ck_assert_str_eq(tenon_buf_str(&text), MANIFEST);
    }
    ck_assert(!k.server.refused);
    kit_close(&k);
}
END_TEST

START_TEST(test_registry_manifest_hostile)
{
    static const struct {
        const char *head, *body;
        const char *says;
    } cases[] = {
        {"404 Not Found\r\n", "{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\"}]}", "/team/app:v1 not found"},
        {"200 OK\r\n", "this is no JSON", "manifest"},
        {"200 OK\r\n", "[1,2]", "manifest is not an object"},
        {"200 OK\r\n", "", "manifest"},
        {"200 OK\r\n", "{\"mediaType\":7}", "mediaType"},
        {"403 Forbidden\r\n", "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"no\"}]}",
         "pull access denied, repository does not exist or may require authorization: server message: denied: no"},
        {"302 Found\r\nLocation: file:///etc/passwd\r\n", "", "failed to do request"},
        {"302 Found\r\nLocation: /v2/team/app/manifests/v1\r\n", "", "stopped after 10 redirects"},
        {"200 OK\r\nContent-Length: 9000000\r\n", "x", NULL},
        {"500 Internal Server Error\r\n", "", "unexpected status from GET request to http://127.0.0.1:"},
        {"garbage\r\n", "", NULL},
    };
    struct answer answers[] = {{.request = "HEAD", .head = "200 OK\r\n"},
                               {.request = "GET", .head = cases[_i].head, .body = cases[_i].body},
                               {0}};
    struct kit k;
    kit_open(&k, answers);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    ck_assert_int_lt(manifest(&k, &text, &err), 0);
    ck_assert_ptr_nonnull(err.message);
    if (cases[_i].says)
        ck_assert_msg(strstr(err.message, cases[_i].says) != NULL, "%s", err.message);
    kit_close(&k);
}
END_TEST

/* An answer that never ends is cut off at the limit. */
START_TEST(test_registry_manifest_too_large)
{
    size_t len = (9 << 20);
    auto_free char *big = tenon_malloc(len + 1);
    memset(big, ' ', len);
    struct answer answers[] = {{.request = "HEAD", .head = "200 OK\r\n"},
                               {.request = "GET", .head = "200 OK\r\n", .body = big, .body_len = len},
                               {0}};
    struct kit k;
    kit_open(&k, answers);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    ck_assert_int_eq(manifest(&k, &text, &err), TENON_E_LIMIT);
    kit_close(&k);
}
END_TEST

START_TEST(test_registry_manifest_wrong_digest)
{
    struct answer answers[] = {
        {.request = "HEAD", .head = OK_MANIFEST "Docker-Content-Digest: sha256:"
         "0000000000000000000000000000000000000000000000000000000000000000\r\n"},
        {.request = "GET", .head = OK_MANIFEST, .body = MANIFEST},
        {0}};
    struct kit k;
    kit_open(&k, answers);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    ck_assert_int_eq(manifest(&k, &text, &err), TENON_E_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.message, "instead of"));
    kit_close(&k);
}
END_TEST

START_TEST(test_registry_refused_and_unknown_host)
{
    struct answer answers[] = {{0}};
    struct kit k;
    kit_open(&k, answers);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    snprintf(k.ref, sizeof k.ref, "127.0.0.1:1/a/b:c");
    ck_assert_int_eq(manifest(&k, &text, &err), TENON_E_UNAVAILABLE);
    ck_assert_str_eq(err.message, "failed to do request: Head http://127.0.0.1:1/v2/a/b/manifests/c: "
                                  "dial tcp 127.0.0.1:1: connect: connection refused");
    tenon_error_release(&err);
    snprintf(k.ref, sizeof k.ref, "no-such-host.invalid/a/b:c");
    ck_assert_int_eq(manifest(&k, &text, &err), TENON_E_UNAVAILABLE);
    ck_assert_str_eq(err.message, "failed to do request: Head https://no-such-host.invalid/v2/a/b/manifests/c: "
                                  "dial tcp: lookup no-such-host.invalid: no such host");
    kit_close(&k);
}
END_TEST

START_TEST(test_registry_last_known_when_away)
{
    auto_free char *head = digest_head(MANIFEST);
    struct answer answers[] = {{.request = "HEAD", .head = head, .times = 1},
                               {.request = "GET", .head = OK_MANIFEST, .body = MANIFEST},
                               {.request = "HEAD", .head = "503 Gone Fishing\r\n"},
                               {0}};
    struct kit k;
    kit_open(&k, answers);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    struct tenon_desc d = {0};
    ck_assert_int_eq(tenon_registry_manifest(k.registry, &k.call, k.ref, TENON_RESOLVE_DEFAULT, &d,
                                             &text, &err), 0);
    tenon_desc_release(&d);
    tenon_buf_clear(&text);
    ck_assert_int_eq(tenon_registry_manifest(k.registry, &k.call, k.ref, TENON_RESOLVE_DEFAULT, &d,
                                             &text, &err), 0);
    ck_assert_str_eq(tenon_buf_str(&text), MANIFEST);
    tenon_desc_release(&d);
    tenon_buf_clear(&text);
    ck_assert_int_lt(manifest(&k, &text, &err), 0); /* "pull" insists */
    kit_close(&k);
}
END_TEST

/* ---- authorization ------------------------------------------------------------------ */

#define CHALLENGE                                                                  \
    "401 Unauthorized\r\nWWW-Authenticate: Bearer realm=\"@BASE@/token\","         \
    "service=\"reg\",scope=\"repository:team/app:pull\"\r\n"

START_TEST(test_registry_bearer_token)
{
    auto_free char *head = digest_head(MANIFEST);
    struct answer answers[] = {
        {.request = "HEAD " PATH_MANIFEST, .want = "Authorization: Bearer abc", .head = head},
        {.request = "HEAD " PATH_MANIFEST, .head = CHALLENGE, .times = 1},
        /* "me:pw" */
        {.request = "GET /token?service=reg&scope=repository%3Ateam%2Fapp%3Apull",
         .want = "Authorization: Basic bWU6cHc=", .times = 1,
         .head = "200 OK\r\n", .body = "{\"token\":\"abc\"}"},
        {.request = "GET " PATH_MANIFEST, .want = "Authorization: Bearer abc", .head = OK_MANIFEST,
         .body = MANIFEST},
        {0}};
    struct kit k;
    kit_open(&k, answers);
    k.user = "me";
    k.secret = "pw";
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    ck_assert_msg(manifest(&k, &text, &err) == 0, "%s\n%s", err.message, k.server.log.data);
    tenon_buf_clear(&text);
    ck_assert_int_eq(manifest(&k, &text, &err), 0); /* the token is still good */
    kit_close(&k);
}
END_TEST

START_TEST(test_registry_identity_token)
{
    auto_free char *head = digest_head(MANIFEST);
    struct answer answers[] = {
        {.request = "HEAD", .want = "Authorization: Bearer xyz", .head = head},
        {.request = "HEAD", .head = CHALLENGE, .times = 1},
        {.request = "POST /token", .want = "!Authorization", .accept_upload = true,
         .head = "200 OK\r\n", .body = "{\"access_token\":\"xyz\",\"expires_in\":0}"},
        {.request = "GET", .head = OK_MANIFEST, .body = MANIFEST},
        {0}};
    struct kit k;
    kit_open(&k, answers);
    k.user = "<token>";
    k.secret = "i&d";
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    ck_assert_msg(manifest(&k, &text, &err) == 0, "%s", err.message);
    ck_assert_ptr_nonnull(strstr(k.server.upload.data, "refresh_token=i%26d"));
    kit_close(&k);
}
END_TEST

START_TEST(test_registry_basic)
{
    auto_free char *head = digest_head(MANIFEST);
    struct answer answers[] = {
        {.request = "HEAD", .want = "Authorization: Basic bWU6cHc=", .head = head},
        {.request = "HEAD", .head = "401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\n"},
        {.request = "GET", .want = "Authorization: Basic bWU6cHc=", .head = OK_MANIFEST, .body = MANIFEST},
        {0}};
    struct kit k;
    kit_open(&k, answers);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    ck_assert_int_eq(manifest(&k, &text, &err), TENON_E_DENIED); /* anonymous */
    ck_assert_ptr_nonnull(strstr(err.message, "pull access denied"));
    tenon_error_release(&err);
    k.user = "me";
    k.secret = "pw";
    ck_assert_msg(manifest(&k, &text, &err) == 0, "%s", err.message);
    kit_close(&k);
}
END_TEST

START_TEST(test_registry_wrong_password)
{
    struct answer answers[] = {{.request = "HEAD", .head = CHALLENGE},
                               {.request = "GET /token", .head = "401 Unauthorized\r\n"},
                               {0}};
    struct kit k;
    kit_open(&k, answers);
    k.user = "me";
    k.secret = "no";
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    ck_assert_int_eq(manifest(&k, &text, &err), TENON_E_DENIED);
    ck_assert_ptr_null(strstr(err.message, "no\""));
    kit_close(&k);
}
END_TEST

/* ---- blobs ----------------------------------------------------------------------------- */

static int
get_blob(struct kit *k, const char *data, int64_t size, struct tenon_error *err)
{
    struct tenon_digest d;
    tenon_digest_of(data, strlen(data), &d);
    return tenon_registry_blob(k->registry, &k->call, k->ref, d.str, size, err);
}

#define TEXT "0123456789abcdefghijklmnopqrstuvwxyz"

START_TEST(test_registry_blob_resumes)
{
    struct answer answers[] = {
        {.request = "GET /v2/team/app/blobs/", .want = "!Range:", .head = "200 OK\r\n", .body = TEXT,
         .cut = 10},
        {.request = "GET /v2/team/app/blobs/", .want = "Range: bytes=10-", .times = 1,
         .head = "206 Partial\r\nContent-Range: bytes 10-35/36\r\n", .body = &TEXT[10], .cut = 5},
        {.request = "GET /v2/team/app/blobs/", .want = "Range: bytes=15-", .times = 1,
         .head = "503 Busy\r\n"},
        /* this one ignores the range */
        {.request = "GET /v2/team/app/blobs/", .want = "Range: bytes=15-", .head = "200 OK\r\n", .body = TEXT},
        {0}};
    struct kit k;
    kit_open(&k, answers);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_msg(get_blob(&k, TEXT, 36, &err) == 0, "%s\n%s", err.message, k.server.log.data);
    ck_assert_int_eq(get_blob(&k, TEXT, 36, &err), 0); /* from the store */
    kit_close(&k);
}
END_TEST

START_TEST(test_registry_blob_hostile)
{
    static const struct {
        const char *head, *body;
        int code;
    } cases[] = {
        {"200 OK\r\n", "0123456789abcdefghijklmnopqrstuvwxyy", TENON_E_CORRUPT},
        {"200 OK\r\n", TEXT "more", TENON_E_CORRUPT},
        {"404 Not Found\r\n", "", TENON_E_NOT_FOUND},
        {"206 Partial\r\n", "short", TENON_E_UNAVAILABLE},
    };
    struct answer answers[] = {{.request = "GET", .head = cases[_i].head, .body = cases[_i].body}, {0}};
    struct kit k;
    kit_open(&k, answers);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_digest d;
    int rc = get_blob(&k, TEXT, 36, &err);
    ck_assert_msg(rc == cases[_i].code || (_i == 3 && rc < 0), "%d %s", rc, err.message);
    tenon_digest_of(TEXT, 36, &d);
    ck_assert(!tenon_blob_exists(k.store, d.str, NULL));
    kit_close(&k);
}
END_TEST

/* Another host gets no credentials. */
START_TEST(test_registry_redirect_drops_authorization)
{
    struct answer other[] = {{.request = "GET /data", .want = "!Authorization", .head = "200 OK\r\n", .body = TEXT},
                             {0}};
    struct server cdn;
    server_start(&cdn, other);
    auto_free char *moved = tenon_asprintf("307 Moved\r\nLocation: http://127.0.0.1:%u/data\r\n", cdn.port);
    struct answer answers[] = {
        {.request = "GET", .want = "Authorization: Basic", .head = moved},
        {.request = "GET", .head = "401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\n"},
        {0}};
    struct kit k;
    kit_open(&k, answers);
    k.user = "me";
    k.secret = "pw";
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_msg(get_blob(&k, TEXT, 36, &err) == 0, "%s", err.message);
    ck_assert(!cdn.refused);
    kit_close(&k);
    server_stop(&cdn);
}
END_TEST

START_TEST(test_registry_mirror_first)
{
    auto_free char *head = digest_head(MANIFEST);
    struct answer answers[] = {
        {.request = "HEAD /v2/proxy/team/app/manifests/v1?ns=", .head = "404 Not Found\r\n"},
        {.request = "HEAD " PATH_MANIFEST "v1", .head = head},
        {.request = "GET " PATH_MANIFEST, .head = OK_MANIFEST, .body = MANIFEST},
        {0}};
    struct kit k;
    kit_open(&k, answers);
    auto_free char *host = tenon_asprintf("127.0.0.1:%u", k.server.port);
    auto_free char *mirror = tenon_asprintf("localhost:%u/proxy", k.server.port);
    struct json_object *all = json_object_new_object(), *own = json_object_new_object();
    struct json_object *list = json_object_new_array();
    json_object_array_add(list, json_object_new_string(mirror));
    json_object_object_add(own, "mirrors", list);
    json_object_object_add(all, host, own);
    json_object_object_add(k.config, "registries", all);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    ck_assert_msg(manifest(&k, &text, &err) == 0, "%s\n%s", err.message, k.server.log.data);
    ck_assert_ptr_nonnull(strstr(k.server.log.data, "HEAD /v2/proxy/team/app/manifests/v1?ns=127.0.0.1"));
    ck_assert(!k.server.refused);
    kit_close(&k);
}
END_TEST

START_TEST(test_registry_cancelled)
{
    struct answer answers[] = {{.request = "HEAD", .head = "503 Busy\r\n"}, {0}};
    struct kit k;
    kit_open(&k, answers);
    k.call.cancel = tenon_cancel_new(NULL);
    tenon_cancel_fire(k.call.cancel);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    ck_assert_int_eq(manifest(&k, &text, &err), TENON_E_CANCELLED);
    tenon_cancel_free(k.call.cancel);
    kit_close(&k);
}
END_TEST

/* ---- push -------------------------------------------------------------------------------- */

START_TEST(test_registry_push)
{
    struct answer answers[] = {
        {.request = "HEAD", .head = "404 Not Found\r\n"},
        {.request = "POST /v2/team/app/blobs/uploads/ ", .times = 1, .head = "503 Busy\r\n"},
        {.request = "POST /v2/team/app/blobs/uploads/ ", .head = "202 Accepted\r\nLocation: /upload/1?state=x\r\n"},
        {.request = "PUT /upload/1?state=x&digest=sha256:", .accept_upload = true, .head = "201 Created\r\n"},
        {.request = "PUT /v2/team/app/manifests/v1", .head = "201 Created\r\n",
         .want = "Content-Type: " TENON_MT_OCI_MANIFEST},
        {0}};
    struct kit k;
    kit_open(&k, answers);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_image_source src = {.platform = "linux/amd64"};
    struct tenon_image_options o = {.level = -1};
    struct tenon_image_made made = {0};
    ck_assert_int_eq(tenon_image_make(k.store, &src, 1, &o, &made, &err), 0);
    ck_assert_msg(tenon_registry_push(k.registry, &k.call, k.ref, made.digest, false, &err) == 0,
                  "%s\n%s", err.message, k.server.log.data);
    struct tenon_digest d;
    tenon_digest_of(k.server.upload.data, k.server.upload.len, &d);
    ck_assert_str_eq(d.str, made.config_digest);
    /* the manifest comes last */
    const char *log = k.server.log.data;
    ck_assert_ptr_nonnull(strstr(strstr(log, "PUT /upload"), "PUT /v2/team/app/manifests/v1"));
    tenon_image_made_release(&made);
    kit_close(&k);
}
END_TEST

START_TEST(test_registry_push_refused)
{
    struct answer answers[] = {{.request = "HEAD", .head = "401 Unauthorized\r\n"}, {0}};
    struct kit k;
    kit_open(&k, answers);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_image_source src = {.platform = "linux/amd64"};
    struct tenon_image_options o = {.level = -1};
    struct tenon_image_made made = {0};
    ck_assert_int_eq(tenon_image_make(k.store, &src, 1, &o, &made, &err), 0);
    ck_assert_int_eq(tenon_registry_push(k.registry, &k.call, k.ref, made.digest, false, &err),
                     TENON_E_DENIED);
    ck_assert_ptr_nonnull(strstr(err.message, "push access denied"));
    tenon_image_made_release(&made);
    kit_close(&k);
}
END_TEST

START_TEST(test_registry_loopback_hosts)
{
    static const char *const yes[] = {"localhost", "localhost:5000", "127.0.0.1", "127.9.9.9:1", "[::1]:5000"};
    static const char *const no[] = {"docker.io", "localhost.evil.example", "127.evil.example", "10.0.0.1:5000"};
    for (size_t i = 0; i < tenon_countof(yes); i++)
        ck_assert_msg(tenon_host_is_loopback(yes[i]), "%s", yes[i]);
    for (size_t i = 0; i < tenon_countof(no); i++)
        ck_assert_msg(!tenon_host_is_loopback(no[i]), "%s", no[i]);
    ck_assert(tenon_url_same_origin("http://a/x", "http://A:80/y"));
    ck_assert(!tenon_url_same_origin("http://a/x", "https://a/x"));
    ck_assert(!tenon_url_same_origin("http://a:1/x", "http://a:2/x"));
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("registry");
    TCase *t = tcase_create("registry");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_registry_manifest_and_cached);
    tcase_add_loop_test(t, test_registry_manifest_hostile, 0, 11);
    tcase_add_test(t, test_registry_manifest_too_large);
    tcase_add_test(t, test_registry_manifest_wrong_digest);
    tcase_add_test(t, test_registry_refused_and_unknown_host);
    tcase_add_test(t, test_registry_last_known_when_away);
    tcase_add_test(t, test_registry_bearer_token);
    tcase_add_test(t, test_registry_identity_token);
    tcase_add_test(t, test_registry_basic);
    tcase_add_test(t, test_registry_wrong_password);
    tcase_add_test(t, test_registry_blob_resumes);
    tcase_add_loop_test(t, test_registry_blob_hostile, 0, 4);
    tcase_add_test(t, test_registry_redirect_drops_authorization);
    tcase_add_test(t, test_registry_mirror_first);
    tcase_add_test(t, test_registry_cancelled);
    tcase_add_test(t, test_registry_push);
    tcase_add_test(t, test_registry_push_refused);
    tcase_add_test(t, test_registry_loopback_hosts);
    suite_add_tcase(s, t);
    return unit_run(s);
}
