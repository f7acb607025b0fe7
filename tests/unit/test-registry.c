/* The registry client: manifests, blobs, mirrors, and patience. */
#include "registrykit.h"

#include <dirent.h>
#include <sched.h>

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
        ck_assert_msg(kit_manifest(&k, TENON_RESOLVE_PULL, &text, &err) == 0, "%s", err.message);
        ck_assert_str_eq(tenon_buf_str(&text), MANIFEST);
    }
    ck_assert(server_refused(&k.server) == 0);
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
    ck_assert_int_lt(kit_manifest(&k, TENON_RESOLVE_PULL, &text, &err), 0);
    ck_assert_ptr_nonnull(err.message);
    if (cases[_i].says)
        ck_assert_msg(strstr(err.message, cases[_i].says) != NULL, "%s", err.message);
    kit_close(&k);
}
END_TEST

/* A refusal in the words of containerd, and of the registry if it has any. */
START_TEST(test_registry_words)
{
    static const struct {
        const char *head, *body, *says;
    } cases[] = {
        {"400 x\r\n", "", ": 400 Bad Request"},
        {"405 x\r\n", "", ": 405 Method Not Allowed"},
        {"413 x\r\n", "", ": 413 Request Entity Too Large"},
        {"416 x\r\n", "", ": 416 Requested Range Not Satisfiable"},
        {"429 x\r\n", "", ": 429 Too Many Requests"},
        {"500 x\r\n", "", ": 500 Internal Server Error"},
        {"502 x\r\n", "", ": 502 Bad Gateway"},
        {"503 x\r\n", "", ": 503 Service Unavailable"},
        {"504 x\r\n", "", ": 504 Gateway Timeout"},
        {"418 I'm a teapot\r\n", "", ": 418 I'm a teapot"},
        {"429 x\r\n", "{\"errors\":[{\"code\":\"TOO_MANY\",\"message\":\"Slow down\"},{\"code\":\"X\"}]}",
         ": 429 Too Many Requests: too many: Slow down"},
        {"418 I'm a teapot\r\n", "{\"errors\":[{\"code\":\"A_B_C\"}]}", ": 418 I'm a teapot: a b c"},
        {"418 I'm a teapot\r\n", "{\"errors\":[{\"message\":\"m\"}]}", ": 418 I'm a teapot: unknown: m"},
        {"418 I'm a teapot\r\n",
         "{\"errors\":[{\"code\":\"A\",\"message\":\"m\\nhint:\\tdo\\u001b[1m \u2713\"}]}",
         ": 418 I'm a teapot: a: m hint: do\\x1b[1m \u2713"},
        {"418 I'm a teapot\r\n", "{\"errors\":[]}", ": 418 I'm a teapot"},
        {"418 I'm a teapot\r\n", "{\"errors\":{}}", ": 418 I'm a teapot"},
        {"418 I'm a teapot\r\n", "{\"errors\":[7]}", ": 418 I'm a teapot"},
        {"418 I'm a teapot\r\n", "[]", ": 418 I'm a teapot"},
        {"418 I'm a teapot\r\n", "<html>", ": 418 I'm a teapot"},
    };
    struct answer answers[] = {{.request = "GET", .head = cases[_i].head, .body = cases[_i].body}, {0}};
    struct kit k;
    kit_open_with(&k, answers, NULL, (struct tenon_registry_options){.retry_ns = 1});
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_digest d;
    tenon_digest_of(TEXT, strlen(TEXT), &d);
    auto_free char *said = tenon_asprintf("failed to copy: unexpected status from GET request to "
                                          "http://127.0.0.1:%u" PATH_BLOB "%s%s", k.server.port, d.str,
                                          cases[_i].says);
    ck_assert_int_lt(kit_blob(&k, TEXT, 36, &err), 0);
    ck_assert_str_eq(err.message, said);
    kit_close(&k);
}
END_TEST

/* What a registry says at length is cut. */
START_TEST(test_registry_many_words)
{
    auto_free char *words = tenon_malloc(30001);
    memset(words, 'w', 30000);
    words[30000] = '\0';
    auto_free char *body = tenon_asprintf("{\"errors\":[{\"code\":\"%s\",\"message\":\"%s\"}]}", words, words);
    struct answer answers[] = {{.request = "HEAD", .head = "200 OK\r\n"},
                               {.request = "GET", .head = "403 x\r\n", .body = body}, {0}};
    struct kit k;
    kit_open(&k, answers);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    ck_assert_int_eq(kit_manifest(&k, TENON_RESOLVE_PULL, &text, &err), TENON_E_DENIED);
    ck_assert_uint_lt(strlen(err.message), 2300);
    ck_assert_uint_gt(strlen(err.message), 2000);
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
    ck_assert_int_eq(kit_manifest(&k, TENON_RESOLVE_PULL, &text, &err), TENON_E_LIMIT);
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
    ck_assert_int_eq(kit_manifest(&k, TENON_RESOLVE_PULL, &text, &err), TENON_E_CORRUPT);
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
    ck_assert_int_eq(kit_manifest(&k, TENON_RESOLVE_PULL, &text, &err), TENON_E_UNAVAILABLE);
    ck_assert_str_eq(err.message, "failed to do request: Head http://127.0.0.1:1/v2/a/b/manifests/c: "
                                  "dial tcp 127.0.0.1:1: connect: connection refused");
    tenon_error_release(&err);
    snprintf(k.ref, sizeof k.ref, "no-such-host.invalid/a/b:c");
    ck_assert_int_eq(kit_manifest(&k, TENON_RESOLVE_PULL, &text, &err), TENON_E_UNAVAILABLE);
    ck_assert_str_eq(err.message, "failed to do request: Head https://no-such-host.invalid/v2/a/b/manifests/c: "
                                  "dial tcp: lookup no-such-host.invalid: no such host");
    kit_close(&k);
}
END_TEST

/* What a HEAD may leave out is asked for by GET; what is in the store is not asked for. */
START_TEST(test_registry_manifest_requests)
{
    auto_free char *head = digest_head(MANIFEST);
    struct tenon_digest d;
    tenon_digest_of(MANIFEST, strlen(MANIFEST), &d);
    auto_free char *by_digest = tenon_asprintf("GET " PATH_MANIFEST "%s\n", d.str);
    const struct {
        const char *head;
        const char *get; /* how it is asked for then */
    } cases[] = {
        {head, by_digest},
        {"405 Not Allowed\r\n", "GET " PATH_MANIFEST "v1\n"},
        {"200 OK\r\n", "GET " PATH_MANIFEST "v1\n"},
        {"200 OK\r\nDocker-Content-Digest: sha256:abc\r\n", "GET " PATH_MANIFEST "v1\n"},
        {"200 OK\r\nDocker-Content-Digest: md5:abc\r\n", "GET " PATH_MANIFEST "v1\n"},
        {"204 None\r\n", NULL},
        {"404 Not Found\r\n", NULL},
    };
    struct answer answers[] = {{.request = "HEAD", .head = cases[_i].head,
                                .want = "Accept: application/vnd.docker.distribution.manifest.v2+json, "
                                        "application/vnd.docker.distribution.manifest.list.v2+json, "
                                        "application/vnd.oci.image.manifest.v1+json, "
                                        "application/vnd.oci.image.index.v1+json, */*\r\n"},
                               {.request = "GET", .head = OK_MANIFEST, .body = MANIFEST,
                                .want = "application/vnd.oci.image.index.v1+json, */*\r\n"},
                               {0}};
    struct kit k;
    kit_open(&k, answers);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    int rc = kit_manifest(&k, TENON_RESOLVE_PULL, &text, &err);
    ck_assert_msg((rc == 0) == (cases[_i].get != NULL), "%d %s", rc, err.message);
    ck_assert_int_eq(server_count(&k.server, ""), cases[_i].get ? 2 : 1);
    if (cases[_i].get)
        ck_assert_int_eq(server_count(&k.server, cases[_i].get), 1);
    ck_assert_int_eq(server_refused(&k.server), 0);
    kit_close(&k);
}
END_TEST

START_TEST(test_registry_manifest_by_digest)
{
    struct tenon_digest d;
    tenon_digest_of(MANIFEST, strlen(MANIFEST), &d);
    struct answer answers[] = {{.request = "GET /v2/a/manifests/sha256:",
                                .head = OK_MANIFEST, .body = _i ? "{}" : MANIFEST}, {0}};
    struct kit k;
    kit_open(&k, answers);
    auto_free char *ref = tenon_asprintf("127.0.0.1:%u/a:tag@%s", k.server.port, d.str);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    for (int i = 0; i < 2; i++) {
        auto_buf struct tenon_buf text = TENON_BUF_INIT;
        struct tenon_desc desc = {0};
        int rc = tenon_registry_manifest(k.registry, &k.call, ref, TENON_RESOLVE_PULL, &desc, &text,
                                         &err);
        ck_assert_msg(rc == (_i ? TENON_E_CORRUPT : 0), "%d %s", rc, err.message);
        if (rc == 0) {
            ck_assert_str_eq(desc.digest, d.str);
            ck_assert_int_eq(desc.size, (int64_t)strlen(MANIFEST));
            ck_assert_str_eq(tenon_buf_str(&text), MANIFEST);
        }
        tenon_desc_release(&desc);
        tenon_error_release(&err);
    }
    ck_assert_int_eq(server_count(&k.server, ""), _i ? 2 : 1); /* once it is here, nobody is asked */
    kit_close(&k);
}
END_TEST

/* The document's own word counts, then the header's, then what it looks like. */
START_TEST(test_registry_media_types)
{
    static const struct {
        const char *header, *body, *type;
    } cases[] = {
        {"application/json", "{\"mediaType\":\"" TENON_MT_DOCKER_LIST "\"}", TENON_MT_DOCKER_LIST},
        {TENON_MT_OCI_MANIFEST, "{\"mediaType\":\"" TENON_MT_OCI_INDEX "\"}", TENON_MT_OCI_INDEX},
        {TENON_MT_DOCKER_MANIFEST, "{}", TENON_MT_DOCKER_MANIFEST},
        {TENON_MT_DOCKER_LIST "; charset=utf-8", "{}", TENON_MT_DOCKER_LIST},
        {TENON_MT_OCI_MANIFEST, "{\"manifests\":[]}", TENON_MT_OCI_MANIFEST},
        {"application/json", "{\"manifests\":[]}", TENON_MT_OCI_INDEX},
        {"application/json", "{\"layers\":[]}", TENON_MT_OCI_MANIFEST},
    };
    auto_free char *head = tenon_asprintf("200 OK\r\nContent-Type: %s\r\n", cases[_i].header);
    struct answer answers[] = {{.request = "HEAD", .head = "200 OK\r\n"},
                               {.request = "GET", .head = head, .body = cases[_i].body}, {0}};
    struct kit k;
    kit_open(&k, answers);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    struct tenon_desc d = {0};
    ck_assert_int_eq(tenon_registry_manifest(k.registry, &k.call, k.ref, TENON_RESOLVE_PULL, &d,
                                             &text, &err), 0);
    ck_assert_str_eq(d.media_type, cases[_i].type);
    tenon_desc_release(&d);
    kit_close(&k);
}
END_TEST

/* To the byte. */
START_TEST(test_registry_manifest_size_limit)
{
    size_t len = ((size_t)8 << 20) + (size_t)_i;
    auto_free char *big = tenon_malloc(len + 1);
    memset(big, ' ', len);
    big[0] = '{';
    big[len - 1] = '}';
    struct answer answers[] = {{.request = "HEAD", .head = "200 OK\r\n"},
                               {.request = "GET", .head = OK_MANIFEST, .body = big, .body_len = len},
                               {0}};
    struct kit k;
    kit_open(&k, answers);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    int rc = kit_manifest(&k, TENON_RESOLVE_PULL, &text, &err);
    ck_assert_msg(rc == (_i ? TENON_E_LIMIT : 0), "%d %s", rc, err.message);
    kit_close(&k);
}
END_TEST

/* ---- what a name stood for last --------------------------------------------------------- */

#define NO_DIGEST                                                                 \
    "200 OK\r\nDocker-Content-Digest: "                                           \
    "sha256:0000000000000000000000000000000000000000000000000000000000000000\r\n"

/* Used when the registry is away; not when it answers, whatever that is; and never by who
 * wants it as it is now. */
START_TEST(test_registry_last_known)
{
    static const struct {
        const char *head, *get; /* how it is answered the second time */
        bool used;
    } cases[] = {
        {"500 Oh\r\n", NULL, true},
        {"502 Oh\r\n", NULL, true},
        {"503 Gone Fishing\r\n", NULL, true},
        {"504 Oh\r\n", NULL, true},
        {"", NULL, true},
        {"200 OK\r\n", "503 Busy\r\n", true},
        {"400 Bad\r\n", NULL, false},
        {"401 No\r\n", NULL, false},
        {"403 No\r\n", NULL, false},
        {"404 Not Found\r\n", NULL, false},
        {"429 Slow\r\n", NULL, true},
        {"302 Found\r\nLocation: file:///etc/passwd\r\n", NULL, false},
        {NO_DIGEST, OK_MANIFEST, false},
        {"200 OK\r\n", OK_MANIFEST, false}, /* what is no manifest */
        {"200 OK\r\n", "403 No\r\n", false},
    };
    auto_free char *head = digest_head(MANIFEST);
    struct answer answers[] = {
        {.request = "HEAD", .head = head, .times = 1},
        {.request = "GET", .head = OK_MANIFEST, .body = MANIFEST, .times = 1},
        {.request = "HEAD", .head = cases[_i].head},
        {.request = "GET", .head = cases[_i].get ? cases[_i].get : "", .body = "no manifest"},
        {0}};
    struct kit k;
    kit_open(&k, answers);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    ck_assert_int_eq(kit_manifest(&k, TENON_RESOLVE_DEFAULT, &text, &err), 0);
    int rc = kit_manifest(&k, TENON_RESOLVE_DEFAULT, &text, &err);
    ck_assert_msg((rc == 0) == cases[_i].used, "%d %s", rc, err.message);
    ck_assert_str_eq(tenon_buf_str(&text), cases[_i].used ? MANIFEST : "");
    tenon_error_release(&err);
    ck_assert_int_lt(kit_manifest(&k, TENON_RESOLVE_PULL, &text, &err), 0);
    tenon_error_release(&err);
    /* who takes what is here does not ask */
    int before = server_count(&k.server, "");
    ck_assert_int_eq(kit_manifest(&k, TENON_RESOLVE_LOCAL, &text, &err), 0);
    ck_assert_int_eq(server_count(&k.server, ""), before);
    kit_close(&k);
}
END_TEST

/* The registry is asked what a name is; an image of this store by that name is for when it does
 * not tell, or for who wants it. That name alone, and what it points to must be there. */
START_TEST(test_registry_kept_image)
{
    static const struct {
        enum tenon_resolve_mode mode;
        const char *head;  /* the registry's answer */
        const char *other; /* end of the reference, or NULL: the same */
        bool gone;
        int rc, requests;
        const char *gives; /* 0: which document */
    } cases[] = {
        {TENON_RESOLVE_DEFAULT, "404 No\r\n", NULL, false, 0, 1, MANIFEST},
        {TENON_RESOLVE_DEFAULT, "403 No\r\n", NULL, false, 0, 1, MANIFEST},
        {TENON_RESOLVE_DEFAULT, "503 No\r\n", NULL, false, 0, 6, MANIFEST},
        {TENON_RESOLVE_DEFAULT, "200 OK\r\n", NULL, false, 0, 2, "{\"a\":1}"},
        {TENON_RESOLVE_LOCAL, "200 OK\r\n", NULL, false, 0, 0, MANIFEST},
        {TENON_RESOLVE_PULL, "404 No\r\n", NULL, false, TENON_E_NOT_FOUND, 1, NULL},
        {TENON_RESOLVE_PULL, "200 OK\r\n", NULL, false, 0, 2, "{\"a\":1}"},
        {TENON_RESOLVE_DEFAULT, "404 No\r\n", "team/app:v2", false, TENON_E_NOT_FOUND, 1, NULL},
        {TENON_RESOLVE_DEFAULT, "404 No\r\n", NULL, true, TENON_E_NOT_FOUND, 1, NULL},
        {TENON_RESOLVE_LOCAL, "404 No\r\n", NULL, true, TENON_E_NOT_FOUND, 1, NULL},
        {TENON_RESOLVE_DEFAULT, "410 No\r\n", NULL, false, TENON_E_FAILED, 1, NULL},
    };
    struct answer answers[] = {{.request = "HEAD", .head = cases[_i].head},
                               {.request = "GET", .head = OK_MANIFEST, .body = "{\"a\":1}"}, {0}};
    struct kit k;
    kit_open_with(&k, answers, NULL, (struct tenon_registry_options){.retry_ns = 1});
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    struct tenon_digest d;
    tenon_digest_of(MANIFEST, strlen(MANIFEST), &d);
    if (!cases[_i].gone)
        ck_assert_int_eq(tenon_blob_put(k.store, MANIFEST, strlen(MANIFEST), &d, &err), 0);
    ck_assert_int_eq(tenon_image_set(k.store, k.ref, d.str, TENON_MT_OCI_MANIFEST, 1, &err), 0);
    if (cases[_i].other)
        snprintf(k.ref, sizeof k.ref, "127.0.0.1:%u/%s", k.server.port, cases[_i].other);
    int rc = kit_manifest(&k, cases[_i].mode, &text, &err);
    ck_assert_msg(rc == cases[_i].rc, "%d %s", rc, err.message);
    if (rc == 0)
        ck_assert_str_eq(tenon_buf_str(&text), cases[_i].gives);
    ck_assert_int_eq(server_count(&k.server, ""), cases[_i].requests);
    kit_close(&k);
}
END_TEST

/* ---- patience ----------------------------------------------------------------------------- */

/* What is worth another try, and how many: by the requests that arrive. */
static const struct {
    const char *head;
    int tries;
} patience[] = {
    {"500 x\r\n", 6}, {"502 x\r\n", 6}, {"503 x\r\n", 6}, {"504 x\r\n", 6}, {"", 6},
    {"400 x\r\n", 1}, {"401 x\r\n", 1}, {"403 x\r\n", 1}, {"404 x\r\n", 1}, {"408 x\r\n", 6},
    {"410 x\r\n", 1}, {"413 x\r\n", 1}, {"416 x\r\n", 1}, {"418 x\r\n", 1}, {"429 x\r\n", 6},
    {"501 x\r\n", 1}, {"505 x\r\n", 1}, {"511 x\r\n", 1}, {"304 x\r\n", 1}, {"201 x\r\n", 1},
    {"425 x\r\n", 6}, {"507 x\r\n", 1}, {"520 x\r\n", 6}, {"522 x\r\n", 6}, {"599 x\r\n", 6},
    {"600 x\r\n", 1},
};

START_TEST(test_registry_patience)
{
    auto_free char *head = digest_head(MANIFEST);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    for (int verb = 0; verb < 3; verb++) { /* HEAD and GET of a manifest, GET of a blob */
        struct answer answers[] = {
            {.request = "HEAD", .head = verb == 0 ? patience[_i].head : head},
            {.request = "GET", .head = patience[_i].head}, {0}};
        struct kit k;
        kit_open_with(&k, answers, NULL, (struct tenon_registry_options){.retry_ns = 1});
        int rc = verb < 2 ? kit_manifest(&k, TENON_RESOLVE_PULL, &text, &err)
                          : kit_blob(&k, TEXT, 36, &err);
        ck_assert_int_lt(rc, 0);
        int wanted = patience[_i].tries;
        ck_assert_int_eq(server_count(&k.server, verb == 0 ? "HEAD /v2/team" : "GET /v2/team"), wanted);
        tenon_error_release(&err);
        kit_close(&k);
    }
}
END_TEST

/* It is worth it. */
START_TEST(test_registry_patience_pays)
{
    auto_free char *head = digest_head(MANIFEST);
    struct answer answers[] = {{.request = "HEAD", .times = 5, .head = "503 x\r\n"},
                               {.request = "HEAD", .head = head},
                               {.request = "GET", .times = 5, .head = ""},
                               {.request = "GET", .head = OK_MANIFEST, .body = MANIFEST}, {0}};
    struct kit k;
    kit_open_with(&k, answers, NULL, (struct tenon_registry_options){.retry_ns = 1});
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    ck_assert_msg(kit_manifest(&k, TENON_RESOLVE_PULL, &text, &err) == 0, "%s", err.message);
    ck_assert_str_eq(tenon_buf_str(&text), MANIFEST);
    ck_assert_int_eq(server_count(&k.server, "HEAD /v2/team"), 6);
    ck_assert_int_eq(server_count(&k.server, "GET"), 6);
    kit_close(&k);
}
END_TEST

/* Who is not there at all is not waited for: these pauses would never end. */
START_TEST(test_registry_no_patience_with_nobody)
{
    struct answer answers[] = {{0}};
    struct kit k;
    kit_open_with(&k, answers, NULL,
                  (struct tenon_registry_options){.retry_ns = UINT64_C(3600000000000)});
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    snprintf(k.ref, sizeof k.ref, "127.0.0.1:1/a/b:c");
    ck_assert_int_eq(kit_manifest(&k, TENON_RESOLVE_PULL, &text, &err), TENON_E_UNAVAILABLE);
    kit_close(&k);
}
END_TEST

/* Says stop when the first request has come: by then, or soon, there is a pause. */
struct fire_later {
    struct server *server;
    struct tenon_cancel *cancel;
};

static void *
fire_later(void *data)
{
    struct fire_later *f = data;
    while (server_count(f->server, "") == 0)
        sched_yield();
    tenon_cancel_fire(f->cancel);
    return NULL;
}

/* A pause that would never end does, when the user has had enough; no further request. */
START_TEST(test_registry_pause_is_cancelled)
{
    struct answer answers[] = {{.request = "HEAD", .head = "503 Busy\r\n"},
                               {.request = "GET", .head = "200 OK\r\n", .body = TEXT, .cut = 5}, {0}};
    struct kit k;
    kit_open_with(&k, answers, NULL,
                  (struct tenon_registry_options){.retry_ns = UINT64_C(3600000000000)});
    k.call.cancel = tenon_cancel_new(NULL);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    pthread_t thread;
    struct fire_later f = {.server = &k.server, .cancel = k.call.cancel};
    ck_assert_int_eq(pthread_create(&thread, NULL, fire_later, &f), 0);
    int rc = _i == 0 ? kit_manifest(&k, TENON_RESOLVE_PULL, &text, &err) : kit_blob(&k, TEXT, 36, &err);
    ck_assert_int_eq(rc, TENON_E_CANCELLED);
    pthread_join(thread, NULL);
    ck_assert_int_eq(server_count(&k.server, ""), 1);
    tenon_cancel_free(k.call.cancel);
    kit_close(&k);
}
END_TEST

/* ---- blobs ----------------------------------------------------------------------------- */

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
    ck_assert_msg(kit_blob(&k, TEXT, 36, &err) == 0, "%s", err.message);
    ck_assert_int_eq(kit_blob(&k, TEXT, 36, &err), 0); /* from the store */
    kit_close(&k);
}
END_TEST

/* All bytes have come, if not the end of the answer: there is nothing to ask for again. */
START_TEST(test_registry_blob_without_end)
{
    const char *body = _i ? "0123456789abcdefghijklmnopqrstuvwxyy" : TEXT;
    struct answer answers[] = {
        {.request = "GET", .want = "!Range:", .head = "200 OK\r\nContent-Length: 37\r\n",
         .body = body},
        {.request = "GET", .head = "416 Range Not Satisfiable\r\n"}, {0}};
    struct kit k;
    kit_open_with(&k, answers, NULL, (struct tenon_registry_options){.retry_ns = 1});
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    int rc = kit_blob(&k, TEXT, 36, &err);
    ck_assert_msg(rc == (_i ? TENON_E_CORRUPT : 0), "%d %s", rc, err.message);
    ck_assert_int_eq(server_count(&k.server, ""), 1);
    kit_close(&k);
}
END_TEST

/* A registry without TLS that has answered stays one, whatever becomes of its connections. */
START_TEST(test_registry_reset_is_not_tls)
{
    auto_free char *head = digest_head(MANIFEST);
    struct answer answers[] = {
        {.request = "HEAD", .head = head},
        {.request = "GET", .times = 1, .head = "", .reset = _i},
        {.request = "GET", .head = OK_MANIFEST, .body = MANIFEST}, {0}};
    struct kit k;
    kit_open_with(&k, answers, NULL, (struct tenon_registry_options){.retry_ns = 1});
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    ck_assert_msg(kit_manifest(&k, TENON_RESOLVE_PULL, &text, &err) == 0, "%s", err.message);
    ck_assert_int_eq(server_count(&k.server, "GET"), 2);
    ck_assert_int_eq(server_refused(&k.server), 0); /* and nobody tried */
    kit_close(&k);
}
END_TEST

static int
unit_entries(const char *dir)
{
    DIR *d = opendir(dir);
    int count = 0;
    for (struct dirent *e; d && (e = readdir(d));)
        count += e->d_name[0] != '.';
    if (d)
        closedir(d);
    return count;
}

static bool
has_text(struct kit *k)
{
    struct tenon_digest d;
    tenon_digest_of(TEXT, strlen(TEXT), &d);
    return tenon_blob_exists(k->store, d.str, NULL);
}

/* Other bytes, more of them or fewer, and refusals: nothing of it is kept. */
START_TEST(test_registry_blob_hostile)
{
    static const struct {
        const char *head, *body;
        int64_t size; /* as the descriptor says */
        int code;
        const char *says;
    } cases[] = {
        {"200 OK\r\n", "0123456789abcdefghijklmnopqrstuvwxyy", 36, TENON_E_CORRUPT, "digest"},
        {"200 OK\r\n", "0123456789abcdefghijklmnopqrstuvwxyy", -1, TENON_E_CORRUPT, "digest"},
        {"206 Part\r\n", "0123456789abcdefghijklmnopqrstuvwxyy", -1, TENON_E_CORRUPT, "digest"},
        {"200 OK\r\n", TEXT "m", 36, TENON_E_CORRUPT, "is larger than its descriptor says"},
        {"200 OK\r\n", TEXT, 35, TENON_E_CORRUPT, "is larger than its descriptor says"},
        {"200 OK\r\n", TEXT "m", -1, TENON_E_CORRUPT, "digest"},
        {"200 OK\r\n", TEXT, 37, TENON_E_UNAVAILABLE, "unexpected EOF"},
        {"200 OK\r\n", "short", 36, TENON_E_UNAVAILABLE, "unexpected EOF"},
        {"206 Partial\r\n", "short", 36, TENON_E_CORRUPT, "is larger than its descriptor says"},
        {"200 OK\r\n", "", -1, TENON_E_CORRUPT, "digest"},
        {"201 OK\r\n", TEXT, 36, TENON_E_FAILED, "unexpected status from GET request"},
        {"404 Not Found\r\n", TEXT, 36, TENON_E_NOT_FOUND, "team/app:v1 not found"},
        {"403 No\r\n", TEXT, 36, TENON_E_DENIED, "pull access denied"},
        {"410 Gone\r\n", TEXT, 36, TENON_E_FAILED, "410"},
        {"500 Oh\r\n", TEXT, 36, TENON_E_UNAVAILABLE, "500 Internal Server Error"},
    };
    struct answer answers[] = {{.request = "GET", .head = cases[_i].head, .body = cases[_i].body}, {0}};
    struct kit k;
    kit_open_with(&k, answers, NULL, (struct tenon_registry_options){.retry_ns = 1});
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    int rc = kit_blob(&k, TEXT, cases[_i].size, &err);
    ck_assert_msg(rc == cases[_i].code, "%d %s", rc, err.message);
    ck_assert_msg(strstr(err.message, cases[_i].says) != NULL, "%s", err.message);
    ck_assert(!has_text(&k));
    auto_free char *tmp = tenon_asprintf("%s/store/tmp", k.dir);
    ck_assert_int_eq(unit_entries(tmp), 0);
    kit_close(&k);
}
END_TEST

/* The rest of a blob is where it was asked for, or it is not taken: not even when the bytes
 * happen to be the right ones. */
START_TEST(test_registry_blob_ranges)
{
    static const struct {
        const char *range; /* NULL: not said */
        bool taken;
    } cases[] = {
        {"bytes 10-35/36", true}, {"bytes 10-35/*", true}, {NULL, true},
        {"bytes 0-35/36", false}, {"bytes 9-35/36", false}, {"bytes 11-35/36", false},
        {"bytes 1-35/36", false}, {"bytes 100-135/136", false}, {"bytes */36", false},
        {"items 10-35/36", false}, {"", false},
    };
    auto_free char *head =
        cases[_i].range ? tenon_asprintf("206 Partial\r\nContent-Range: %s\r\n", cases[_i].range)
                        : tenon_strdup("206 Partial\r\n");
    struct answer answers[] = {
        {.request = "GET", .want = "!Range:", .head = "200 OK\r\n", .body = TEXT, .cut = 10},
        {.request = "GET", .want = "Range: bytes=10-\r\n", .head = head, .body = &TEXT[10]},
        {0}};
    struct kit k;
    kit_open_with(&k, answers, NULL, (struct tenon_registry_options){.retry_ns = 1});
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    int rc = kit_blob(&k, TEXT, 36, &err);
    ck_assert_msg(rc == (cases[_i].taken ? 0 : TENON_E_CORRUPT), "%d %s", rc, err.message);
    ck_assert(cases[_i].taken || strstr(err.message, "wrong range"));
    ck_assert_int_eq(has_text(&k), cases[_i].taken);
    ck_assert_int_eq(server_count(&k.server, ""), 2);
    kit_close(&k);
}
END_TEST

/* Broken in the middle again and again it goes on as long as there is more each time, and a
 * while when there is not. */
START_TEST(test_registry_blob_in_pieces)
{
    struct answer answers[21] = {{0}};
    char heads[20][80], wants[20][40];
    for (int i = 0; i < 20; i++) {
        snprintf(heads[i], sizeof heads[i], "206 Partial\r\nContent-Range: bytes %d-35/36\r\n", i);
        snprintf(wants[i], sizeof wants[i], "Range: bytes=%d-\r\n", i);
        answers[i] = (struct answer){.request = "GET", .want = i ? wants[i] : "!Range:",
                                     .head = i ? heads[i] : "200 OK\r\n", .body = &TEXT[i],
                                     .cut = i < 19 || _i ? 1 : 0};
    }
    if (_i) /* the last byte of these does not come */
        answers[19].head = "206 Partial\r\nContent-Range: bytes 19-35/36\r\nContent-Length: 0\r\n";
    if (_i)
        answers[19].body = "";
    struct kit k;
    kit_open_with(&k, answers, NULL, (struct tenon_registry_options){.retry_ns = 1});
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    int rc = kit_blob(&k, TEXT, 36, &err);
    ck_assert_msg(rc == (_i ? TENON_E_UNAVAILABLE : 0), "%d %s", rc, err.message);
    ck_assert_int_eq(has_text(&k), !_i);
    ck_assert_int_eq(server_count(&k.server, ""), _i ? 19 + 5 : 20);
    kit_close(&k);
}
END_TEST

START_TEST(test_registry_blob_names)
{
    static const char *const names[] = {"", "sha256:abc", "md5:0123", "sha256:../../../../etc/passwd",
        "sha256:000000000000000000000000000000000000000000000000000000000000000G",
        "sha256:00000000000000000000000000000000000000000000000000000000000000000"};
    struct answer answers[] = {{0}};
    struct kit k;
    kit_open(&k, answers);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_int_eq(tenon_registry_blob(k.registry, &k.call, k.ref, names[_i], -1, &err),
                     TENON_E_INVALID);
    ck_assert_int_eq(server_count(&k.server, ""), 0);
    kit_close(&k);
}
END_TEST

struct told {
    int began, done;
    int64_t last, total;
};

static void
tell(void *data, const char *id, int64_t current, int64_t total, bool done)
{
    struct told *t = data;
    ck_assert(tenon_has_prefix(id, "sha256:"));
    t->began += current == 0 && !done;
    t->done += done;
    t->last = current;
    t->total = total;
}

/* What is here already is neither asked for nor told of. */
START_TEST(test_registry_blob_status)
{
    struct answer answers[] = {{.request = "GET", .head = "200 OK\r\n", .body = TEXT}, {0}};
    struct kit k;
    kit_open(&k, answers);
    struct told t = {0};
    k.call.status = tell;
    k.call.data = &t;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(kit_blob(&k, TEXT, _i ? -1 : 36, &err), 0);
    ck_assert_int_eq(t.began, 1);
    ck_assert_int_eq(t.done, 1);
    ck_assert_int_eq(t.last, _i ? 0 : 36);
    ck_assert_int_eq(t.total, _i ? 0 : 36);
    ck_assert_int_eq(server_count(&k.server, ""), 1);
    kit_close(&k);
}
END_TEST

static void *
want_text(void *data)
{
    struct kit *k = data;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    intptr_t good = kit_manifest(k, TENON_RESOLVE_PULL, &text, &err) == 0 &&
                    kit_blob(k, TEXT, 36, &err) == 0;
    return (void *)good;
}

/* Many that want the same at a time load it once, with any number of tokens. */
START_TEST(test_registry_together)
{
    auto_free char *head = digest_head(MANIFEST);
    struct answer answers[] = {
        {.request = "GET /token", .head = "200 OK\r\n", .body = "{\"token\":\"abc\"}"},
        {.request = "", .want = "!Authorization:",
         .head = "401 No\r\nWWW-Authenticate: Bearer realm=\"@BASE@/token\"\r\n"},
        {.request = "HEAD", .head = head},
        {.request = "GET " PATH_MANIFEST, .head = OK_MANIFEST, .body = MANIFEST},
        {.request = "GET " PATH_BLOB, .want = "Authorization: Bearer abc\r\n", .times = 1,
         .head = "200 OK\r\n", .body = TEXT},
        {0}};
    struct kit k;
    pthread_t threads[6];
    kit_open(&k, answers);
    for (size_t i = 0; i < 6; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, want_text, &k), 0);
    for (size_t i = 0; i < 6; i++) {
        void *good;
        pthread_join(threads[i], &good);
        ck_assert_ptr_nonnull(good);
    }
    ck_assert(has_text(&k));
    ck_assert_int_eq(server_refused(&k.server), 0);
    kit_close(&k);
}
END_TEST

/* A mirror that has it is enough; what is wrong with one is no reason to give up, unless the
 * user has had enough. */
START_TEST(test_registry_mirrors)
{
    static const struct {
        const char *mirror, *body; /* its answer to GET */
        bool is_enough;
    } cases[] = {
        {"200 OK\r\n", TEXT, true},
        {"404 Not Found\r\n", "", false},
        {"403 No\r\n", "", false},
        {"503 Busy\r\n", "", false},
        {"", "", false},
        {"200 OK\r\n", "0123456789abcdefghijklmnopqrstuvwxyy", false},
        {"200 OK\r\n", TEXT "m", false},
        {"200 OK\r\n", "short", false},
    };
    struct answer answers[] = {
        {.request = "GET /v2/proxy/team/app/blobs/", .head = cases[_i].mirror, .body = cases[_i].body},
        {.request = "GET " PATH_BLOB, .head = "200 OK\r\n", .body = TEXT}, {0}};
    struct kit k;
    kit_open_with(&k, answers, NULL, (struct tenon_registry_options){.retry_ns = 1});
    auto_free char *host = tenon_asprintf("127.0.0.1:%u", k.server.port);
    auto_free char *mirror = tenon_asprintf("localhost:%u/proxy", k.server.port);
    struct json_object *list = json_object_new_array();
    json_object_array_add(list, json_object_new_string(mirror));
    json_object_object_add(kit_configure(&k, host), "mirrors", list);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_msg(kit_blob(&k, TEXT, 36, &err) == 0, "%s", err.message);
    ck_assert(has_text(&k));
    ck_assert_int_ge(server_count(&k.server, "GET /v2/proxy/team/app/blobs/"), 1);
    ck_assert_int_eq(server_count(&k.server, "GET " PATH_BLOB), !cases[_i].is_enough);
    kit_close(&k);
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
    ck_assert_msg(kit_manifest(&k, TENON_RESOLVE_PULL, &text, &err) == 0, "%s", err.message);
    ck_assert_int_eq(server_count(&k.server, "HEAD /v2/proxy/team/app/manifests/v1?ns=127.0.0.1"), 1);
    ck_assert(server_refused(&k.server) == 0);
    kit_close(&k);
}
END_TEST

static void
use_mirror(struct kit *k, const char *host, const char *mirror)
{
    struct json_object *list = json_object_new_array();
    json_object_array_add(list, json_object_new_string(mirror));
    json_object_object_add(kit_configure(k, host), "mirrors", list);
}

static void
forget_text(struct kit *k)
{
    struct tenon_digest d;
    tenon_digest_of(TEXT, strlen(TEXT), &d);
    auto_free char *path = tenon_asprintf("%s/store/content/blobs/sha256/%s", k->dir,
                                          tenon_digest_hex(&d));
    ck_assert_int_eq(unlink(path), 0);
}

/* A mirror that is busy is asked once in a build, and not waited for: this pause would not end. */
START_TEST(test_registry_ill_mirror)
{
    static const char *const heads[] = {"503 x\r\n", "", "429 x\r\nRetry-After: 1\r\n",
                                        "500 x\r\n", "520 x\r\n",
                                        "401 x\r\nWWW-Authenticate: Bearer "
                                        "realm=\"@BASE@/token\"\r\n"}; /* which is ill */
    auto_free char *head = digest_head(MANIFEST);
    struct answer answers[] = {{.request = "HEAD /v2/proxy", .head = heads[_i]},
                               {.request = "GET /v2/proxy", .head = heads[_i]},
                               {.request = "HEAD", .head = head},
                               {.request = "GET /token", .head = "503 x\r\nRetry-After: 1\r\n"},
                               {.request = "GET " PATH_MANIFEST, .head = OK_MANIFEST, .body = MANIFEST},
                               {.request = "GET", .head = "200 OK\r\n", .body = TEXT}, {0}};
    struct kit k;
    kit_open_with(&k, answers, NULL,
                  (struct tenon_registry_options){.retry_ns = UINT64_C(3600000000000)});
    auto_free char *host = tenon_asprintf("127.0.0.1:%u", k.server.port);
    auto_free char *mirror = tenon_asprintf("localhost:%u/proxy", k.server.port);
    use_mirror(&k, host, mirror);
    json_object_object_add(kit_configure(&k, "localhost"), "plain-http", json_object_new_boolean(1));
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    ck_assert_msg(kit_manifest(&k, TENON_RESOLVE_PULL, &text, &err) == 0, "%s", err.message);
    ck_assert_msg(kit_blob(&k, TEXT, 36, &err) == 0, "%s", err.message);
    ck_assert_int_eq(server_count(&k.server, "HEAD /v2/proxy"), 1);
    ck_assert_int_eq(server_count(&k.server, "GET /v2/proxy"), 0);
    ck_assert_int_eq(server_count(&k.server, "GET /token"), _i == 5);
    kit_close(&k);
}
END_TEST

/* Insecure and without TLS is not ill. */
START_TEST(test_registry_plain_mirror)
{
    auto_free char *head = digest_head(MANIFEST);
    struct answer answers[] = {{.request = "HEAD /v2/proxy", .head = head},
                               {.request = "GET /v2/proxy/team/app/manifests", .head = OK_MANIFEST,
                                .body = MANIFEST},
                               {.request = "GET /v2/proxy", .head = "404 x\r\n"},
                               {.request = "GET " PATH_BLOB, .head = "200 OK\r\n", .body = TEXT},
                               {0}};
    struct kit k;
    kit_open_with(&k, answers, NULL, (struct tenon_registry_options){.retry_ns = 1});
    auto_free char *host = tenon_asprintf("127.0.0.1:%u", k.server.port);
    auto_free char *mirror = tenon_asprintf("localhost:%u/proxy", k.server.port);
    auto_free char *mirror_host = tenon_asprintf("localhost:%u", k.server.port);
    use_mirror(&k, host, mirror);
    json_object_object_add(kit_configure(&k, mirror_host), "insecure", json_object_new_boolean(1));
    json_object_object_add(kit_configure(&k, host), "insecure", json_object_new_boolean(1));
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    ck_assert_msg(kit_manifest(&k, TENON_RESOLVE_PULL, &text, &err) == 0, "%s", err.message);
    ck_assert_int_eq(server_count(&k.server, "HEAD /v2/proxy"), 1);
    ck_assert_int_eq(server_count(&k.server, "HEAD " PATH_MANIFEST), 0);
    /* and what it does not have is at the registry, which is one of these too: also when that
     * is known */
    ck_assert_msg(kit_blob(&k, TEXT, 36, &err) == 0, "%s", err.message);
    forget_text(&k);
    ck_assert_msg(kit_blob(&k, TEXT, 36, &err) == 0, "%s", err.message);
    ck_assert_int_eq(server_count(&k.server, "GET " PATH_BLOB), 2);
    kit_close(&k);
}
END_TEST

/* Where the registry cannot be reached, as in a closed network, the mirror is worth a wait. */
START_TEST(test_registry_only_mirror)
{
    auto_free char *head = digest_head(MANIFEST);
    struct answer answers[] = {{.request = "HEAD", .times = _i ? 0 : 3, .head = "503 x\r\n"},
                               {.request = "HEAD", .head = head},
                               {.request = "GET", .times = 3, .head = ""},
                               {.request = "GET", .head = OK_MANIFEST, .body = MANIFEST}, {0}};
    struct kit k;
    kit_open_with(&k, answers, NULL, (struct tenon_registry_options){.retry_ns = 1});
    auto_free char *mirror = tenon_asprintf("127.0.0.1:%u", k.server.port);
    use_mirror(&k, "127.0.0.1:1", mirror);
    json_object_object_add(kit_configure(&k, mirror), "plain-http", json_object_new_boolean(1));
    snprintf(k.ref, sizeof k.ref, "127.0.0.1:1/team/app:v1");
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    int rc = kit_manifest(&k, TENON_RESOLVE_PULL, &text, &err);
    ck_assert_msg(rc == (_i ? TENON_E_UNAVAILABLE : 0), "%d %s", rc, err.message);
    ck_assert(_i == 0 || strstr(err.message, "127.0.0.1:1: connect: connection refused"));
    ck_assert_int_eq(server_count(&k.server, "HEAD"), _i ? 1 + 6 : 4);
    kit_close(&k);
}
END_TEST

/* What a mirror has to say counts for more than that the registry behind it cannot be reached. */
static const struct {
    const char *head;
    int code;
    const char *said;
} definite[] = {
    {"404 Not Found\r\n", TENON_E_NOT_FOUND, "not found"},
    {"403 Forbidden\r\n", TENON_E_DENIED, "pull access denied"},
    {"400 Bad Request\r\n", TENON_E_FAILED, "400"},
};

START_TEST(test_registry_only_mirror_says_no)
{
    struct answer answers[] = {{.request = "HEAD", .times = 9, .head = definite[_i].head},
                               {.request = "GET", .times = 9, .head = definite[_i].head}, {0}};
    struct kit k;
    kit_open_with(&k, answers, NULL, (struct tenon_registry_options){.retry_ns = 1});
    auto_free char *mirror = tenon_asprintf("127.0.0.1:%u", k.server.port);
    use_mirror(&k, "127.0.0.1:1", mirror);
    json_object_object_add(kit_configure(&k, mirror), "plain-http", json_object_new_boolean(1));
    snprintf(k.ref, sizeof k.ref, "127.0.0.1:1/team/app:v1");
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    int rc = kit_manifest(&k, TENON_RESOLVE_PULL, &text, &err);
    ck_assert_msg(rc == definite[_i].code && err.code == rc, "%d %s", rc, err.message);
    ck_assert_msg(strstr(err.message, definite[_i].said) && !strstr(err.message, "refused"), "%s",
                  err.message);
    auto_free char *hint = tenon_asprintf("mirror %s; 127.0.0.1:1 itself cannot be reached: ",
                                          mirror);
    ck_assert_msg(err.hint && strstr(err.hint, hint) && strstr(err.hint, "refused"), "%s",
                  err.hint);
    kit_close(&k);
}
END_TEST

struct enough { /* for the user, after so many requests */
    struct tenon_cancel *cancel;
    int left;
};

static void
count_down(void *data)
{
    struct enough *e = data;
    if (--e->left == 0)
        tenon_cancel_fire(e->cancel);
}

/* Who waits for the mirror may have had enough of it. */
START_TEST(test_registry_only_mirror_cancelled)
{
    struct answer answers[] = {{.request = "HEAD", .head = "503 x\r\n", .then = count_down}, {0}};
    struct kit k;
    kit_open_with(&k, answers, NULL, (struct tenon_registry_options){.retry_ns = 1});
    struct enough enough = {.cancel = tenon_cancel_new(NULL), .left = 1 + _i};
    k.server.data = &enough;
    k.call.cancel = enough.cancel;
    auto_free char *mirror = tenon_asprintf("127.0.0.1:%u", k.server.port);
    use_mirror(&k, "127.0.0.1:1", mirror);
    json_object_object_add(kit_configure(&k, mirror), "plain-http", json_object_new_boolean(1));
    snprintf(k.ref, sizeof k.ref, "127.0.0.1:1/team/app:v1");
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    int rc = kit_manifest(&k, TENON_RESOLVE_PULL, &text, &err);
    ck_assert_msg(rc == TENON_E_CANCELLED && err.code == rc, "%d %s", rc, err.message);
    kit_close(&k);
    tenon_cancel_free(enough.cancel);
}
END_TEST

/* ---- referrers ----------------------------------------------------------------------- */

#define SUBJECT "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* All pages, whatever a mirror lacks; a mirror is not asked for who will push; where there is
 * nothing but a mirror, it is believed. */
START_TEST(test_registry_referrers)
{
    static const struct {
        bool push, away;
        const char *found;
        int asked; /* of the mirror */
    } cases[] = {
        {false, false, "{\"manifests\":[{\"digest\":\"a\"},{\"digest\":\"b\"}]}", 2},
        {true, false, "{\"manifests\":[{\"digest\":\"a\"},{\"digest\":\"b\"}]}", 0},
        {false, true, "", 2},
    };
    struct answer answers[] = {
        {.request = "GET /v2/mirror/", .head = "404 Not Found\r\n"},
        {.request = "GET /v2/team/app/referrers/" SUBJECT "?page=2", .head = "200 OK\r\n",
         .body = "{\"manifests\":[{\"digest\":\"b\"}]}"},
        {.request = "GET /v2/team/app/referrers/" SUBJECT " ",
         .head = "200 OK\r\nLink: <http://inside.invalid/x?page=2>; rel=\"next\"\r\n",
         .body = "{\"manifests\":[{\"digest\":\"a\"}]}"},
        {0}};
    struct kit k;
    kit_open_with(&k, answers, NULL, (struct tenon_registry_options){.retry_ns = 1});
    auto_free char *host = tenon_asprintf("127.0.0.1:%u", cases[_i].away ? 1 : k.server.port);
    auto_free char *server = tenon_asprintf("127.0.0.1:%u", k.server.port);
    auto_free char *mirror = tenon_asprintf("%s/mirror", server);
    auto_free char *ref = tenon_asprintf("%s/team/app", host);
    use_mirror(&k, host, mirror);
    json_object_object_add(kit_configure(&k, server), "plain-http", json_object_new_boolean(1));
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    bool by_tag = false;
    int rc = tenon_registry_referrers(k.registry, &k.call, ref, SUBJECT, cases[_i].push, &text,
                                      &by_tag, &err);
    ck_assert_msg(rc == 0, "%s", err.message);
    ck_assert_str_eq(tenon_buf_str(&text), cases[_i].found);
    ck_assert(!by_tag);
    ck_assert_int_eq(server_count(&k.server, "GET /v2/mirror/"), cases[_i].asked);
    ck_assert_int_eq(server_refused(&k.server), 0);
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
    ck_assert_int_eq(kit_manifest(&k, TENON_RESOLVE_PULL, &text, &err), TENON_E_CANCELLED);
    tenon_cancel_free(k.call.cancel);
    kit_close(&k);
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
    tcase_add_loop_test(t, test_registry_words, 0, 19);
    tcase_add_test(t, test_registry_many_words);
    tcase_add_test(t, test_registry_manifest_too_large);
    tcase_add_test(t, test_registry_manifest_wrong_digest);
    tcase_add_test(t, test_registry_refused_and_unknown_host);
    tcase_add_loop_test(t, test_registry_manifest_requests, 0, 7);
    tcase_add_loop_test(t, test_registry_manifest_by_digest, 0, 2);
    tcase_add_loop_test(t, test_registry_media_types, 0, 7);
    tcase_add_loop_test(t, test_registry_manifest_size_limit, 0, 2);
    tcase_add_loop_test(t, test_registry_last_known, 0, 15);
    tcase_add_loop_test(t, test_registry_kept_image, 0, 11);
    tcase_add_loop_test(t, test_registry_patience, 0, tenon_countof(patience));
    tcase_add_test(t, test_registry_patience_pays);
    tcase_add_test(t, test_registry_no_patience_with_nobody);
    tcase_add_loop_test(t, test_registry_pause_is_cancelled, 0, 2);
    tcase_add_test(t, test_registry_blob_resumes);
    tcase_add_loop_test(t, test_registry_blob_without_end, 0, 2);
    tcase_add_loop_test(t, test_registry_reset_is_not_tls, 0, 2);
    tcase_add_loop_test(t, test_registry_blob_hostile, 0, 15);
    tcase_add_loop_test(t, test_registry_blob_ranges, 0, 11);
    tcase_add_loop_test(t, test_registry_blob_in_pieces, 0, 2);
    tcase_add_loop_test(t, test_registry_blob_names, 0, 6);
    tcase_add_loop_test(t, test_registry_blob_status, 0, 2);
    tcase_add_test(t, test_registry_together);
    tcase_add_loop_test(t, test_registry_mirrors, 0, 8);
    tcase_add_loop_test(t, test_registry_ill_mirror, 0, 6);
    tcase_add_test(t, test_registry_plain_mirror);
    tcase_add_loop_test(t, test_registry_only_mirror_cancelled, 0, 3);
    tcase_add_loop_test(t, test_registry_only_mirror, 0, 2);
    tcase_add_loop_test(t, test_registry_only_mirror_says_no, 0, (int)tenon_countof(definite));
    tcase_add_test(t, test_registry_mirror_first);
    tcase_add_loop_test(t, test_registry_referrers, 0, 3);
    tcase_add_test(t, test_registry_cancelled);
    suite_add_tcase(s, t);
    return unit_run(s);
}
