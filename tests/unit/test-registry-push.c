/* Pushes: what is looked for, sent and mounted, in which order, and who is told what. */
#include "registrykit.h"

#define LAYERS 5
#define UPLOAD "202 Accepted\r\nLocation: /upload\r\n"
#define OTHER_DIGEST                                                               \
    "Docker-Content-Digest: "                                                      \
    "sha256:0000000000000000000000000000000000000000000000000000000000000000\r\n"
#define PATH_UPLOADS "/v2/team/app/blobs/uploads/"

/* An index of one image of some layers that no registry looks into. */
struct image {
    struct tenon_digest layers[LAYERS], config, manifest, index;
};

static void
image_add(struct kit *k, const char *text, struct tenon_digest *out)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_int_eq(tenon_blob_put(k->store, text, strlen(text), out, &err), 0);
}

static void
image_make(struct kit *k, struct image *image)
{
    struct tenon_buf m = TENON_BUF_INIT;
    image_add(k, "{\"architecture\":\"amd64\",\"os\":\"linux\"}", &image->config);
    tenon_buf_addf(&m, "{\"schemaVersion\":2,\"mediaType\":\"" TENON_MT_OCI_MANIFEST "\",\"config\":"
                       "{\"mediaType\":\"" TENON_MT_OCI_CONFIG "\",\"digest\":\"%s\",\"size\":37},"
                       "\"layers\":[", image->config.str);
    for (int i = 0; i < LAYERS; i++) {
        auto_free char *text = tenon_asprintf("layer %d", i);
        image_add(k, text, &image->layers[i]);
        tenon_buf_addf(&m, "%s{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\","
                           "\"digest\":\"%s\",\"size\":7}", i ? "," : "", image->layers[i].str);
    }
    tenon_buf_adds(&m, "]}");
    image_add(k, tenon_buf_str(&m), &image->manifest);
    auto_free char *index = tenon_asprintf(
        "{\"schemaVersion\":2,\"mediaType\":\"" TENON_MT_OCI_INDEX "\",\"manifests\":[{\"mediaType\":"
        "\"" TENON_MT_OCI_MANIFEST "\",\"digest\":\"%s\",\"size\":%zu}]}", image->manifest.str, m.len);
    image_add(k, index, &image->index);
    tenon_buf_release(&m);
}

static int
count(struct kit *k, const char *format, const char *digest)
{
    const char *mark = strchr(format, '@');
    auto_free char *line =
        mark ? tenon_asprintf("%.*s%s%s", (int)(mark - format), format, digest, mark + 1)
             : tenon_strdup(format);
    return server_count(&k->server, line);
}

static int
push(struct kit *k, const struct image *image, bool by_digest, struct tenon_error *err)
{
    return tenon_registry_push(k->registry, &k->call, k->ref, image->index.str, by_digest, err);
}

/* Each blob once, the manifest behind all of them, the index last, by its tag or its digest. */
START_TEST(test_push_everything)
{
    struct answer answers[] = {
        {.request = "HEAD", .head = "404 Not Found\r\n"},
        {.request = "POST " PATH_UPLOADS " ",
         .head = _i & 2 ? "202 Accepted\r\nLocation: ../../../../upload?state=x\r\n" : UPLOAD},
        {.request = _i & 2 ? "PUT /v2/upload?state=x&digest=sha256:" : "PUT /upload?digest=sha256:",
         .head = _i & 2 ? "204 x\r\n" : "201 x\r\n",
         .want = "Content-Type: application/octet-stream\r\n"},
        {.request = "PUT " PATH_MANIFEST, .times = 1,
         .want = "Content-Type: " TENON_MT_OCI_MANIFEST "\r\n", .head = "201 x\r\n"},
        {.request = "PUT " PATH_MANIFEST, .want = "Content-Type: " TENON_MT_OCI_INDEX "\r\n",
         .head = _i & 2 ? "202 x\r\n" : "200 x\r\n"},
        {0}};
    bool by_digest = _i & 1;
    const char *upload = _i & 2 ? "PUT /v2/upload?state=x&digest=@\n" : "PUT /upload?digest=@\n";
    struct kit k;
    struct image image;
    kit_open(&k, answers);
    image_make(&k, &image);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_msg(push(&k, &image, by_digest, &err) == 0, "%s", err.message);
    for (int i = 0; i < LAYERS; i++) {
        ck_assert_int_eq(count(&k, "HEAD " PATH_BLOB "@\n", image.layers[i].str), 1);
        ck_assert_int_eq(count(&k, upload, image.layers[i].str), 1);
    }
    ck_assert_int_eq(count(&k, upload, image.config.str), 1);
    ck_assert_int_eq(count(&k, _i & 2 ? "PUT /v2/upload" : "PUT /upload", ""), LAYERS + 1);
    auto_free char *log = server_log(&k.server);
    auto_free char *manifest = tenon_asprintf("PUT " PATH_MANIFEST "%s\n", image.manifest.str);
    auto_free char *end = tenon_asprintf("PUT " PATH_MANIFEST "%s\n",
                                         by_digest ? image.index.str : "v1");
    const char *m = strstr(log, manifest);
    ck_assert_ptr_nonnull(m);
    ck_assert_ptr_null(strstr(m, "PUT /upload"));
    ck_assert(tenon_has_suffix(log, end));
    ck_assert_int_eq(count(&k, "PUT " PATH_MANIFEST, ""), 2);
    ck_assert_int_eq(server_refused(&k.server), 0);
    kit_close(&k);
}
END_TEST

/* What is there is not sent. A tag is there only if it is that. */
START_TEST(test_push_nothing)
{
    struct answer answers[] = {
        {.request = "HEAD " PATH_BLOB, .head = "200 OK\r\n"},
        {.request = "HEAD " PATH_MANIFEST "sha256:"},
        {.request = "HEAD " PATH_MANIFEST "v1"},
        {.request = "PUT " PATH_MANIFEST "v1", .head = "201 x\r\n"},
        {0}};
    struct kit k;
    struct image image;
    kit_open(&k, answers);
    image_make(&k, &image);
    auto_free char *manifest =
        tenon_asprintf("200 OK\r\nDocker-Content-Digest: %s\r\n", image.manifest.str);
    auto_free char *index = tenon_asprintf("200 OK\r\nDocker-Content-Digest: %s\r\n", image.index.str);
    answers[1].head = manifest;
    answers[2].head = _i == 0 ? index : _i == 1 ? manifest : "200 OK\r\n";
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_msg(push(&k, &image, false, &err) == 0, "%s", err.message);
    ck_assert_int_eq(count(&k, "PUT", ""), _i == 0 ? 0 : 1);
    ck_assert_int_eq(server_refused(&k.server), 0);
    kit_close(&k);
}
END_TEST

/* How each request of a push is answered badly, what becomes of it, and how often it is tried.
 * The first blob goes alone, so that counts are sure. */
enum { IS_FINE = 1000 };
static const struct {
    const char *request, *head;
    int code;
    int tries;
    const char *says;
} faults[] = {
    {"HEAD " PATH_BLOB, "503 x\r\n", TENON_E_UNAVAILABLE, 6, "503 Service Unavailable"},
    {"HEAD " PATH_BLOB, "", TENON_E_UNAVAILABLE, 6, "EOF"},
    /* who may push need not be one who may look: asked in another way, by sending it */
    {"HEAD " PATH_BLOB, "403 x\r\n", IS_FINE, 0, NULL},
    {"HEAD " PATH_BLOB, "401 x\r\n", IS_FINE, 0, NULL},
    {"HEAD " PATH_BLOB, "429 x\r\n", TENON_E_UNAVAILABLE, 6, "429 Too Many Requests"},
    {"HEAD " PATH_BLOB, "204 x\r\n", TENON_E_FAILED, 1, "204"},
    {"HEAD " PATH_BLOB, "405 x\r\n", IS_FINE, 0, NULL},
    {"HEAD " PATH_BLOB, "501 x\r\n", IS_FINE, 0, NULL},
    {"POST", "403 x\r\n", TENON_E_DENIED, 1, "push access denied"},
    {"POST", "404 x\r\n", TENON_E_NOT_FOUND, 1, "404 Not Found"},
    {"POST", "413 x\r\n", TENON_E_FAILED, 1, "413 Request Entity Too Large"},
    {"POST", "200 x\r\n", TENON_E_CORRUPT, 1, "upload without a location"},
    {"POST", "202 x\r\n", TENON_E_CORRUPT, 1, "upload without a location"},
    {"POST", "203 x\r\n", TENON_E_FAILED, 1, "203"},
    {"POST", "201 x\r\n", TENON_E_CORRUPT, 1, "and has not got it"}, /* nobody asked for a mount */
    {"POST", "200 x\r\nLocation: /upload\r\n", IS_FINE, 0, NULL},
    {"POST", "204 x\r\nLocation: /upload\r\n", IS_FINE, 0, NULL},
    {"POST", "202 x\r\nLocation: /upload#part\r\n", IS_FINE, 0, NULL},
    {"POST", "202 x\r\nLocation: /upload?state=a%2Fb\r\n", IS_FINE, 0, NULL},
    {"POST", "503 x\r\n", TENON_E_UNAVAILABLE, 6, "503"},
    {"POST", "429 x\r\n", TENON_E_UNAVAILABLE, 6, "429"},
    {"POST", "429 x\r\nRetry-After: 3600\r\n", TENON_E_UNAVAILABLE, 1,
     "429 Too Many Requests (it asks to come back in 3600s)"},
    {"PUT /upload", "400 x\r\n", TENON_E_FAILED, 1, "400 Bad Request"},
    {"PUT /upload", "403 x\r\n", TENON_E_DENIED, 1, "push access denied"},
    {"PUT /upload", "200 x\r\n", IS_FINE, 0, NULL},
    {"PUT /upload", "202 x\r\n", IS_FINE, 0, NULL},
    {"PUT /upload", "204 x\r\n", IS_FINE, 0, NULL},
    {"PUT /upload", "206 x\r\n", TENON_E_FAILED, 1, "206"},
    {"PUT /upload", "201 x\r\n" OTHER_DIGEST, TENON_E_CORRUPT, 1, "got digest sha256:0000"},
    {"PUT /upload", "404 x\r\n", TENON_E_NOT_FOUND, 3, "404"},
    {"PUT /upload", "416 x\r\n", TENON_E_FAILED, 3, "416"},
    {"PUT /upload", "500 x\r\n", TENON_E_UNAVAILABLE, 6, "500"},
    {"PUT /upload", "", TENON_E_UNAVAILABLE, 6, "EOF"},
    {"HEAD " PATH_MANIFEST, "503 x\r\n", TENON_E_UNAVAILABLE, 6, "503"},
    {"HEAD " PATH_MANIFEST, "403 x\r\n", IS_FINE, 0, NULL},
    {"PUT " PATH_MANIFEST, "403 x\r\n", TENON_E_DENIED, 1, "push access denied"},
    {"PUT " PATH_MANIFEST, "400 x\r\n", TENON_E_FAILED, 1, "400"},
    {"PUT " PATH_MANIFEST, "200 x\r\n", IS_FINE, 0, NULL},
    {"PUT " PATH_MANIFEST, "202 x\r\n", IS_FINE, 0, NULL},
    {"PUT " PATH_MANIFEST, "204 x\r\n", IS_FINE, 0, NULL},
    {"PUT " PATH_MANIFEST, "201 x\r\n" OTHER_DIGEST, TENON_E_CORRUPT, 1, "got digest sha256:0000"},
    {"PUT " PATH_MANIFEST, "429 x\r\n", TENON_E_UNAVAILABLE, 6, "429"},
    {"PUT " PATH_MANIFEST, "503 x\r\n", TENON_E_UNAVAILABLE, 6, "503"},
};

START_TEST(test_push_faults)
{
    struct answer answers[] = {
        {.request = faults[_i].request, .head = faults[_i].head},
        {.request = "HEAD", .head = "404 Not Found\r\n"},
        {.request = "POST", .head = UPLOAD},
        {.request = "PUT", .head = "201 x\r\n"},
        {0}};
    struct kit k;
    struct image image;
    kit_open_with(&k, answers, NULL, (struct tenon_registry_options){.retry_ns = 1});
    auto_free char *host = tenon_strndup(k.ref, strcspn(k.ref, "/"));
    json_object_object_add(kit_configure(&k, host), "plain-http", json_object_new_boolean(true));
    image_make(&k, &image);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    int rc = push(&k, &image, false, &err);
    bool fine = faults[_i].code == IS_FINE;
    ck_assert_msg(rc == (fine ? 0 : faults[_i].code), "%d %s", rc, err.message);
    if (!fine) {
        auto_free char *said = tenon_asprintf("failed to push 127.0.0.1:%u/team/app:v1: ",
                                              k.server.port);
        ck_assert_msg(tenon_has_prefix(err.message, said), "%s", err.message);
        ck_assert_msg(strstr(err.message, faults[_i].says) != NULL, "%s", err.message);
        ck_assert_int_eq(server_count(&k.server, faults[_i].request), faults[_i].tries);
        ck_assert(tenon_has_prefix(faults[_i].request, "PUT /v2") ||
                  server_count(&k.server, "PUT /v2") == 0);
    }
    kit_close(&k);
}
END_TEST

/* An upload that broke is begun anew, and ends well. */
START_TEST(test_push_upload_again)
{
    struct answer answers[] = {
        {.request = "HEAD", .head = "404 Not Found\r\n"},
        {.request = "POST", .head = UPLOAD},
        {.request = "PUT /upload", .times = 4, .head = "500 x\r\n"},
        {.request = "PUT", .head = "201 x\r\n"},
        {0}};
    struct kit k;
    struct image image;
    kit_open_with(&k, answers, NULL, (struct tenon_registry_options){.retry_ns = 1});
    image_make(&k, &image);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_msg(push(&k, &image, false, &err) == 0, "%s", err.message);
    ck_assert_int_eq(count(&k, "POST", ""), LAYERS + 1 + 4);
    ck_assert_int_eq(count(&k, "PUT /upload", ""), LAYERS + 1 + 4);
    kit_close(&k);
}
END_TEST

/* What the store has lost cannot be pushed, and nothing is announced. */
START_TEST(test_push_lost)
{
    struct answer answers[] = {
        {.request = "HEAD", .head = "404 Not Found\r\n"},
        {.request = "POST", .head = UPLOAD},
        {.request = "PUT", .head = "201 x\r\n"},
        {0}};
    struct kit k;
    struct image image;
    kit_open(&k, answers);
    image_make(&k, &image);
    const char *digest = _i < LAYERS ? image.layers[_i].str
                         : _i == LAYERS ? image.config.str
                                        : image.manifest.str;
    auto_free char *path = tenon_asprintf("%s/store/content/blobs/sha256/%s", k.dir,
                                          digest + strlen("sha256:"));
    ck_assert_int_eq(unlink(path), 0);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_int_lt(push(&k, &image, false, &err), 0);
    ck_assert_msg(strstr(err.message, digest) != NULL, "%s", err.message);
    ck_assert_int_eq(count(&k, "PUT /v2", ""), 0);
    kit_close(&k);
}
END_TEST

/* One of those that go side by side fails: so does the push, and no manifest is sent. */
START_TEST(test_push_one_fails)
{
    struct kit k;
    struct image image;
    struct answer answers[] = {
        {.request = NULL, .head = "410 x\r\n"},
        {.request = "HEAD", .head = "404 Not Found\r\n"},
        {.request = "POST", .head = UPLOAD},
        {.request = "PUT", .head = "201 x\r\n"},
        {0}};
    kit_open(&k, answers);
    image_make(&k, &image);
    auto_free char *bad = tenon_asprintf("HEAD " PATH_BLOB "%s",
                                         _i < LAYERS ? image.layers[_i].str : image.config.str);
    pthread_mutex_lock(&k.server.lock);
    answers[0].request = bad;
    pthread_mutex_unlock(&k.server.lock);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_int_eq(push(&k, &image, false, &err), TENON_E_FAILED);
    ck_assert_int_eq(count(&k, "PUT /v2", ""), 0);
    kit_close(&k);
}
END_TEST

/* ---- from next door --------------------------------------------------------------------- */

/* A blob that was pulled from another repository of the registry is mounted from there; when
 * that is refused or not known, sent. */
static const struct {
    const char *from;   /* where it was seen last; NULL: nowhere */
    const char *answer; /* to the mount */
    bool asks, sends, again;
} mounts[] = {
    {"team/base", "201 Made\r\n", true, false, false},
    {"team/base", UPLOAD, true, true, false},
    {"team/base", "403 x\r\n", true, true, true},
    {"team/base", "401 x\r\n", true, true, true},
    {"team/app", UPLOAD, false, true, false},
    {NULL, UPLOAD, false, true, false},
};

START_TEST(test_push_mounts)
{
    struct kit k;
    struct image image;
    struct answer answers[] = {
        {.request = "GET /v2/team/base/blobs/", .head = "200 OK\r\n", .body = "layer 2"},
        {.request = "GET " PATH_BLOB, .head = "200 OK\r\n", .body = "layer 2"},
        {.request = "HEAD", .head = "404 Not Found\r\n"},
        {.request = "POST " PATH_UPLOADS "?mount=", .head = mounts[_i].answer},
        {.request = "POST " PATH_UPLOADS " ", .head = UPLOAD},
        {.request = "PUT", .head = "201 x\r\n"},
        {0}};
    kit_open(&k, answers);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_digest d;
    tenon_digest_of("layer 2", 7, &d);
    if (mounts[_i].from) {
        auto_free char *ref = tenon_asprintf("127.0.0.1:%u/%s", k.server.port, mounts[_i].from);
        ck_assert_int_eq(tenon_registry_blob(k.registry, &k.call, ref, d.str, 7, &err), 0);
    }
    image_make(&k, &image);
    ck_assert_msg(push(&k, &image, false, &err) == 0, "%s", err.message);
    ck_assert_int_eq(count(&k, "POST " PATH_UPLOADS "?mount=@&from=team/base\n", d.str),
                     mounts[_i].asks);
    ck_assert_int_eq(count(&k, "POST " PATH_UPLOADS "?mount=", ""), mounts[_i].asks);
    ck_assert_int_eq(count(&k, "PUT /upload?digest=@\n", d.str), mounts[_i].sends);
    ck_assert_int_eq(count(&k, "POST", ""), LAYERS + 1 + mounts[_i].again);
    ck_assert_int_eq(server_refused(&k.server), 0);
    kit_close(&k);
}
END_TEST

/* What was pushed or found there is known for the next repository; not for the next registry. */
START_TEST(test_push_remembers)
{
    struct kit k;
    struct image image;
    struct answer answers[] = {
        {.request = "HEAD /v2/team/app/blobs/", .head = _i ? "200 OK\r\n" : "404 Not Found\r\n"},
        {.request = "HEAD", .head = "404 Not Found\r\n"},
        {.request = "POST /v2/other/app/blobs/uploads/?mount=", .head = "201 Made\r\n"},
        {.request = "POST", .head = UPLOAD},
        {.request = "PUT", .head = "201 x\r\n"},
        {0}};
    kit_open(&k, answers);
    image_make(&k, &image);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_int_eq(push(&k, &image, false, &err), 0);
    snprintf(k.ref, sizeof k.ref, "127.0.0.1:%u/other/app:v1", k.server.port);
    ck_assert_int_eq(push(&k, &image, false, &err), 0);
    ck_assert_int_eq(count(&k, "POST /v2/other/app/blobs/uploads/?mount=", ""), LAYERS + 1);
    snprintf(k.ref, sizeof k.ref, "localhost:%u/other/app:v2", k.server.port);
    ck_assert_int_eq(push(&k, &image, false, &err), 0);
    ck_assert_int_eq(count(&k, "POST /v2/other/app/blobs/uploads/?mount=", ""), LAYERS + 1);
    kit_close(&k);
}
END_TEST

/* To mount takes a token for both repositories; to push into one, for that. */
START_TEST(test_push_scopes)
{
    struct kit k;
    struct image image;
    struct answer answers[] = {
        {.request = "GET /v2/team/base/blobs/", .head = "200 OK\r\n", .body = "layer 2"},
        {.request = "GET /token", .head = "200 OK\r\n", .body = "{\"token\":\"abc\"}"},
        {.request = "", .want = "!Authorization:",
         .head = "401 No\r\nWWW-Authenticate: Bearer realm=\"@BASE@/token\"\r\n"},
        {.request = "HEAD", .head = "404 Not Found\r\n"},
        {.request = "POST " PATH_UPLOADS "?mount=", .head = "201 Made\r\n"},
        {.request = "POST", .head = UPLOAD},
        {.request = "PUT", .head = "201 x\r\n"},
        {0}};
    kit_open(&k, answers);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_digest d;
    tenon_digest_of("layer 2", 7, &d);
    auto_free char *ref = tenon_asprintf("127.0.0.1:%u/team/base", k.server.port);
    ck_assert_int_eq(tenon_registry_blob(k.registry, &k.call, ref, d.str, 7, &err), 0);
    image_make(&k, &image);
    ck_assert_msg(push(&k, &image, false, &err) == 0, "%s", err.message);
    ck_assert_int_eq(count(&k, "GET /token?scope=repository%3Ateam%2Fapp%3Apull%2Cpush\n", ""), 1);
    ck_assert_int_eq(count(&k, "GET /token?scope=repository%3Ateam%2Fapp%3Apull%2Cpush"
                               "&scope=repository%3Ateam%2Fbase%3Apull\n", ""), 1);
    ck_assert_int_eq(count(&k, "GET /token", ""), 2);
    kit_close(&k);
}
END_TEST

/* Nothing is pushed to a mirror. */
START_TEST(test_push_no_mirror)
{
    struct kit k;
    struct image image;
    struct answer answers[] = {{.request = "HEAD", .head = "200 OK\r\n"},
                               {.request = "PUT /v2/", .head = "201 x\r\n"}, {0}};
    kit_open(&k, answers);
    auto_free char *host = tenon_strndup(k.ref, strcspn(k.ref, "/"));
    auto_free char *mirror = tenon_asprintf("localhost:%u/proxy", k.server.port);
    struct json_object *list = json_object_new_array();
    json_object_array_add(list, json_object_new_string(mirror));
    json_object_object_add(kit_configure(&k, host), "mirrors", list);
    image_make(&k, &image);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_msg(push(&k, &image, false, &err) == 0, "%s", err.message);
    auto_free char *log = server_log(&k.server);
    ck_assert_ptr_null(strstr(log, "/v2/proxy"));
    kit_close(&k);
}
END_TEST

/* An insecure registry is asked in TLS first, once, when it speaks none. */
START_TEST(test_push_insecure)
{
    struct kit k;
    struct image image;
    struct answer answers[] = {{.request = "HEAD", .head = "200 OK\r\n"},
                               {.request = "PUT /v2/", .head = "201 x\r\n"}, {0}};
    kit_open_with(&k, answers, NULL, (struct tenon_registry_options){.retry_ns = 1});
    k.call.insecure = true;
    image_make(&k, &image);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_msg(push(&k, &image, false, &err) == 0, "%s", err.message);
    ck_assert_int_eq(k.server.refused, 1);
    kit_close(&k);
}
END_TEST

struct told {
    pthread_mutex_t lock;
    struct tenon_buf text;
};

static void
tell(void *data, const char *id, int64_t current, int64_t total, bool done)
{
    (void)current, (void)total;
    struct told *t = data;
    pthread_mutex_lock(&t->lock);
    tenon_buf_addf(&t->text, "%s%s\n", id, done ? " done" : "");
    pthread_mutex_unlock(&t->lock);
}

START_TEST(test_push_status)
{
    struct kit k;
    struct image image;
    struct answer answers[] = {{.request = "HEAD", .head = "200 OK\r\n"},
                               {.request = "PUT /v2/", .head = "201 x\r\n"}, {0}};
    kit_open(&k, answers);
    struct told t = {.lock = PTHREAD_MUTEX_INITIALIZER};
    k.call.status = tell;
    k.call.data = &t;
    image_make(&k, &image);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_msg(push(&k, &image, _i, &err) == 0, "%s", err.message);
    auto_free char *wanted = tenon_asprintf(
        "pushing layers\npushing layers done\npushing manifest for 127.0.0.1:%u/team/app%s@%s\n"
        "pushing manifest for 127.0.0.1:%u/team/app%s@%s done\n",
        k.server.port, _i ? "" : ":v1", image.index.str, k.server.port, _i ? "" : ":v1",
        image.index.str);
    ck_assert_str_eq(tenon_buf_str(&t.text), wanted);
    tenon_buf_release(&t.text);
    kit_close(&k);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("registry-push");
    TCase *t = tcase_create("push");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, test_push_everything, 0, 4);
    tcase_add_loop_test(t, test_push_nothing, 0, 3);
    tcase_add_loop_test(t, test_push_faults, 0, tenon_countof(faults));
    tcase_add_test(t, test_push_upload_again);
    tcase_add_loop_test(t, test_push_lost, 0, LAYERS + 2);
    tcase_add_loop_test(t, test_push_one_fails, 0, LAYERS + 1);
    tcase_add_loop_test(t, test_push_mounts, 0, tenon_countof(mounts));
    tcase_add_loop_test(t, test_push_remembers, 0, 2);
    tcase_add_test(t, test_push_scopes);
    tcase_add_test(t, test_push_no_mirror);
    tcase_add_test(t, test_push_insecure);
    tcase_add_loop_test(t, test_push_status, 0, 2);
    suite_add_tcase(s, t);
    return unit_run(s);
}
