/* Files of the web: what is asked of a server that was asked before, what is made of its
 * answers, keys, secrets, the file itself and its name. */
#include "unit.h"

#include "fakehost.h"

#include "base/digest.h"
#include "source-http/name.h"

/* ---- a server and a store that do as they are told ----------------------------------- */

struct reply {
    const char *method;
    int fails;  /* or the status */
    int status;
    const char *etag, *disposition, *body;
    int64_t mtime_ns; /* 0: not said */
};

static struct {
    const struct reply *replies; /* in this order */
    struct tenon_buf log;        /* of requests: METHOD[ if=ETAG][ auth=A][ accept=A][ agent=A]\n */
    struct { char name[80]; char *text; } notes[8];
    struct { struct tenon_digest digest; char *data; } blobs[8];
    const char *secrets[4][2]; /* id, value */
} fake;

static int
fake_fetch(struct tenon_ctx *ctx, const struct tenon_fetch *f, int fd,
           struct tenon_fetch_answer *answer, struct tenon_error *err)
{
    (void)ctx;
    const struct reply *r = fake.replies;
    bool gzip = false;
    tenon_buf_adds(&fake.log, f->method);
    for (const char *const *h = f->headers; h && *h; h++) {
        const char *value = strchr(*h, ':') + 2;
        const char *what = tenon_has_prefix(*h, "If-None-Match:") ? "if"
                           : tenon_has_prefix(*h, "Accept:")      ? "accept"
                           : tenon_has_prefix(*h, "User-Agent:")  ? "agent"
                                                                  : "?";
        if (!strcmp(*h, "Accept-Encoding: gzip")) {
            gzip = true;
            continue;
        }
        tenon_buf_addf(&fake.log, " %s=%s", what, value);
    }
    ck_assert(gzip); /* as BuildKit asks: some servers give another ETag otherwise */
    if (f->authorization)
        tenon_buf_addf(&fake.log, " auth=%s", f->authorization);
    tenon_buf_addc(&fake.log, '\n');
    ck_assert_msg(r->method && !strcmp(r->method, f->method), "not expected:\n%s",
                  tenon_buf_str(&fake.log));
    fake.replies++;
    if (r->fails)
        return tenon_error_set(err, r->fails, "no answer");
    answer->status = r->status;
    answer->etag = r->etag;
    answer->content_disposition = r->disposition;
    answer->last_modified = r->mtime_ns ? "then" : NULL;
    answer->last_modified_ns = r->mtime_ns;
    if (r->status >= 200 && r->status < 300 && fd >= 0 && r->body)
        ck_assert_int_eq(tenon_write_all(fd, r->body, strlen(r->body), err), 0);
    return 0;
}

static const char *
fake_note_get(struct tenon_ctx *ctx, const char *name)
{
    (void)ctx;
    for (size_t i = 0; i < tenon_countof(fake.notes); i++)
        if (fake.notes[i].text && !strcmp(fake.notes[i].name, name))
            return fake.notes[i].text;
    return NULL;
}

static int
fake_note_set(struct tenon_ctx *ctx, const char *name, const char *text, struct tenon_error *err)
{
    (void)ctx, (void)err;
    size_t i = 0;
    while (fake.notes[i].text && strcmp(fake.notes[i].name, name) != 0)
        i++;
    ck_assert_uint_lt(i, tenon_countof(fake.notes));
    snprintf(fake.notes[i].name, sizeof fake.notes[i].name, "%s", name);
    free(fake.notes[i].text);
    fake.notes[i].text = tenon_strdup(text);
    return 0;
}

static const void *
fake_extension(const char *name)
{
    static const struct tenon_http_api http = {.struct_size = sizeof http, .fetch = fake_fetch};
    static const struct tenon_store_api store = {
        .struct_size = sizeof store, .note_get = fake_note_get, .note_set = fake_note_set};
    if (!strcmp(name, "tenon.http/0"))
        return &http;
    return strcmp(name, "tenon.store/0") ? NULL : &store;
}

static void
fake_digest(const void *data, size_t len, char out[72])
{
    struct tenon_digest d;
    tenon_digest_of(data, len, &d);
    strcpy(out, d.str);
}

static int
fake_blob_create(struct tenon_ctx *ctx, struct tenon_error *err)
{
    (void)ctx, (void)err;
    return memfd_create("blob", MFD_CLOEXEC);
}

static const char *
fake_blob_commit(struct tenon_ctx *ctx, int fd, const char *expect, struct tenon_error *err)
{
    (void)ctx, (void)expect, (void)err;
    char data[4096] = "";
    ssize_t n = pread(fd, data, sizeof data - 1, 0);
    size_t i = 0;
    close(fd);
    while (fake.blobs[i].data)
        i++;
    ck_assert_uint_lt(i, tenon_countof(fake.blobs));
    fake.blobs[i].data = tenon_strndup(data, (size_t)n);
    tenon_digest_of(data, (size_t)n, &fake.blobs[i].digest);
    return fake.blobs[i].digest.str;
}

static int
fake_blob_open(struct tenon_ctx *ctx, const char *digest, int64_t *size, struct tenon_error *err)
{
    (void)ctx;
    for (size_t i = 0; i < tenon_countof(fake.blobs); i++)
        if (fake.blobs[i].data && !strcmp(fake.blobs[i].digest.str, digest)) {
            int fd = memfd_create("blob", MFD_CLOEXEC);
            *size = (int64_t)strlen(fake.blobs[i].data);
            ck_assert_int_eq(tenon_write_all(fd, fake.blobs[i].data, (size_t)*size, err), 0);
            lseek(fd, 0, SEEK_SET);
            return fd;
        }
    return tenon_error_set(err, TENON_E_NOT_FOUND, "no blob %s", digest);
}

static int
fake_secret(struct tenon_ctx *ctx, const char *service, const char *id, struct tenon_error *err)
{
    ck_assert_str_eq(service, "secret");
    for (size_t i = 0; i < tenon_countof(fake.secrets); i++)
        if (fake.secrets[i][0] && !strcmp(fake.secrets[i][0], id)) {
            struct fake_ctx *f = fake_of(ctx);
            f->secret = fake.secrets[i][1];
            f->secret_len = strlen(f->secret);
            return fake_client_open(ctx, service, id, err);
        }
    return tenon_error_set(err, TENON_E_NOT_FOUND, "%s: not supplied", id);
}

static const struct tenon_plugin *plugin;

static void
setup(void)
{
    static struct fake_tables tables;
    fake_tables_init(&tables);
    tables.host.extension = fake_extension;
    tables.blobs.digest = fake_digest;
    tables.blobs.create = fake_blob_create;
    tables.blobs.commit = fake_blob_commit;
    tables.blobs.open = fake_blob_open;
    tables.client.open = fake_secret;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    void *self;
    plugin = fake_load("source-http.so", "source_http_LTX_tenon_plugin_query");
    ck_assert_ptr_nonnull(plugin);
    ck_assert_int_eq(plugin->init(&tables.host, NULL, &self, &err), 0);
}

static void
teardown(void)
{
    tenon_buf_release(&fake.log);
    for (size_t i = 0; i < tenon_countof(fake.notes); i++)
        free(fake.notes[i].text);
    for (size_t i = 0; i < tenon_countof(fake.blobs); i++)
        free(fake.blobs[i].data);
    memset(&fake, 0, sizeof fake);
}

#define URL "http://h.example/file"

/* One look at a URL; what it says is copied. */
struct look {
    struct fake_ctx ctx;
    struct tenon_source_request req;
    struct tenon_source_info info;
    struct tenon_error err;
    int rc;
};

static void
look(struct look *l, const char *url, const char *const *attrs, const struct reply *replies)
{
    *l = (struct look){.req = {.struct_size = sizeof l->req, .identifier = url, .attrs = attrs},
                       .info = {.struct_size = sizeof l->info}, .err = TENON_ERROR_INIT};
    fake.replies = replies;
    tenon_buf_clear(&fake.log);
    l->rc = plugin->ops.source->resolve(NULL, (struct tenon_ctx *)(void *)&l->ctx, &l->req,
                                        &l->info, &l->err);
}

static void
look_end(struct look *l)
{
    if (l->rc == 0)
        ck_assert_msg(!fake.replies->method, "a request is missing:\n%s", tenon_buf_str(&fake.log));
    fake_ctx_release(&l->ctx);
    tenon_error_release(&l->err);
}

/* ---- what a server is asked the second time ------------------------------------------------ */

#define FIRST {"GET", .status = 200, .etag = "\"t\"", .body = "one"}

static const struct {
    struct reply first;
    struct reply second[3];
    const char *log;  /* of the second time */
    const char *body; /* what it is then; NULL: an error */
    int code;
    const char *says;
} seconds[] = {
    {FIRST, {{"HEAD", .status = 304, .etag = "\"t\""}}, "HEAD if=\"t\"\n", "one", 0, NULL},
    {FIRST, {{"HEAD", .status = 200, .etag = "\"t\""}}, "HEAD if=\"t\"\n", "one", 0, NULL},
    {FIRST, {{"HEAD", .status = 200, .etag = "W/\"t\""}}, "HEAD if=\"t\"\n", "one", 0, NULL},
    {{"GET", .status = 200, .etag = "W/\"t\"", .body = "one"},
     {{"HEAD", .status = 304}}, "HEAD if=\"t\"\n", "one", 0, NULL},
    {FIRST, {{"HEAD", .status = 304}}, "HEAD if=\"t\"\n", "one", 0, NULL},
    /* no word of the old one: it is got */
    {FIRST, {{"HEAD", .status = 200, .etag = "\"u\""},
             {"GET", .status = 200, .etag = "\"u\"", .body = "two"}},
     "HEAD if=\"t\"\nGET if=\"t\"\n", "two", 0, NULL},
    {FIRST, {{"HEAD", .status = 200}, {"GET", .status = 200, .body = "two"}},
     "HEAD if=\"t\"\nGET if=\"t\"\n", "two", 0, NULL},
    {FIRST, {{"HEAD", .status = 404, .etag = "\"t\""},
             {"GET", .status = 304, .etag = "\"t\""}},
     "HEAD if=\"t\"\nGET if=\"t\"\n", "one", 0, NULL},
    {FIRST, {{"HEAD", .status = 500, .etag = "\"t\""}, {"GET", .status = 304}},
     "HEAD if=\"t\"\nGET if=\"t\"\n", "one", 0, NULL},
    {FIRST, {{"HEAD", .fails = TENON_E_UNAVAILABLE}, {"GET", .status = 304, .etag = "W/\"t\""}},
     "HEAD if=\"t\"\nGET if=\"t\"\n", "one", 0, NULL},
    /* contradictions */
    {FIRST, {{"HEAD", .status = 304, .etag = "\"u\""}, {"GET", .status = 304, .etag = "\"u\""}},
     "HEAD if=\"t\"\nGET if=\"t\"\n", NULL, TENON_E_FAILED, "invalid not-modified ETag: \"u\""},
    {FIRST, {{"HEAD", .status = 304, .etag = "\"u\""}, {"GET", .status = 200, .body = "two"}},
     "HEAD if=\"t\"\nGET if=\"t\"\n", "two", 0, NULL},
    {{"GET", .status = 200, .body = "one"}, {{"GET", .status = 304}}, "GET\n", NULL, TENON_E_FAILED,
     "invalid response status 304"},
    /* without an ETag there is nothing to ask but for the thing */
    {{"GET", .status = 200, .body = "one"}, {{"GET", .status = 200, .body = "one"}}, "GET\n", "one",
     0, NULL},
    /* failures */
    {FIRST, {{"HEAD", .status = 404}, {"GET", .status = 404}}, "HEAD if=\"t\"\nGET if=\"t\"\n", NULL,
     TENON_E_NOT_FOUND, "invalid response status 404"},
    {FIRST, {{"HEAD", .fails = TENON_E_CANCELLED}}, "HEAD if=\"t\"\n", NULL, TENON_E_CANCELLED,
     "no answer"},
    {FIRST, {{"HEAD", .status = 200}, {"GET", .fails = TENON_E_UNAVAILABLE}},
     "HEAD if=\"t\"\nGET if=\"t\"\n", NULL, TENON_E_UNAVAILABLE, "no answer"},
};

START_TEST(test_http_second_time)
{
    struct look l;
    struct tenon_digest d;
    const struct reply first[] = {seconds[_i].first, {0}};
    const char *body = seconds[_i].body;
    look(&l, URL, NULL, first);
    ck_assert_msg(l.rc == 0, "%s", l.err.message);
    ck_assert_str_eq(tenon_buf_str(&fake.log), "GET\n");
    look_end(&l);
    look(&l, URL, NULL, seconds[_i].second);
    ck_assert_str_eq(tenon_buf_str(&fake.log), seconds[_i].log);
    ck_assert_msg(l.rc == seconds[_i].code, "%d %s", l.rc, l.err.message);
    if (body) {
        tenon_digest_of(body, strlen(body), &d);
        ck_assert_str_eq(l.info.digest, d.str);
        ck_assert_str_eq(l.info.identifier, URL);
        ck_assert_uint_eq(l.info.flags, TENON_SOURCE_TREE);
    } else {
        ck_assert_str_eq(l.err.message, seconds[_i].says);
    }
    look_end(&l);
}
END_TEST

/* Which answers are a file. */
START_TEST(test_http_statuses)
{
    static const struct {
        int status, code;
    } cases[] = {{200, 0}, {203, 0}, {299, 0}, {300, TENON_E_FAILED}, {199, TENON_E_FAILED},
                 {302, TENON_E_FAILED}, {401, TENON_E_FAILED}, {403, TENON_E_FAILED},
                 {404, TENON_E_NOT_FOUND}, {410, TENON_E_FAILED}, {500, TENON_E_FAILED}};
    const struct reply replies[] = {{"GET", .status = cases[_i].status, .body = "x"}, {0}};
    struct look l;
    look(&l, URL, NULL, replies);
    ck_assert_int_eq(l.rc, cases[_i].code);
    if (cases[_i].code) {
        auto_free char *said = tenon_asprintf("invalid response status %d", cases[_i].status);
        ck_assert_str_eq(l.err.message, said);
        ck_assert_ptr_null(fake.notes[0].text);
        ck_assert_ptr_null(fake.blobs[0].data);
    }
    look_end(&l);
}
END_TEST

/* ---- keys ----------------------------------------------------------------------------------- */

/* What differs in one thing has another key; and what a server is asked with has notes of its
 * own, so that one's answer is not another's. */
static const struct {
    const char *attrs[3];
    const char *url;
    struct reply reply; /* method NULL: the usual one */
    bool has_note;      /* of the usual one */
    const char *log;
} differs[] = {
    {{"http.perm=420"}, URL, {0}, true, NULL},
    {{"http.uid=7"}, URL, {0}, true, NULL},
    {{"http.gid=7"}, URL, {0}, true, NULL},
    {{"http.filename=other"}, URL, {0}, true, "HEAD\n"},
    {{NULL}, URL "2", {0}, false, "GET\n"},
    {{"http.header.accept=a/b"}, URL, {0}, false, "GET accept=a/b\n"},
    {{"http.header.user-agent=me"}, URL, {0}, false, "GET agent=me\n"},
    {{"http.authheadersecret=s"}, URL, {0}, false, "GET auth=of s\n"},
    {{NULL}, URL "?", {"GET", .status = 200, .body = "two", .mtime_ns = 5000000000}, false, "GET\n"},
    {{NULL}, URL "?", {"GET", .status = 200, .body = "one", .mtime_ns = 6000000000}, false, "GET\n"},
    {{NULL}, URL "?", {"GET", .status = 200, .body = "one"}, false, "GET\n"},
    {{NULL}, URL "?", {"GET", .status = 200, .body = "one", .mtime_ns = 5000000000,
                       .disposition = "attachment; filename=other"}, false, "GET\n"},
};

#define USUAL {"GET", .status = 200, .etag = "\"t\"", .body = "one", .mtime_ns = 5000000000}

START_TEST(test_http_keys)
{
    static const struct reply usual[] = {USUAL, {0}};
    static const struct reply unchanged[] = {{"HEAD", .status = 304}, {0}};
    const struct reply other[] = {
        differs[_i].reply.method ? differs[_i].reply : (struct reply)USUAL, {0}};
    struct look l;
    fake.secrets[0][0] = "s";
    fake.secrets[0][1] = "of s";
    look(&l, URL, NULL, usual);
    auto_free char *key = tenon_strdup(l.info.key);
    look_end(&l);
    look(&l, URL, NULL, unchanged);
    ck_assert_str_eq(l.info.key, key);
    look_end(&l);
    look(&l, differs[_i].url, differs[_i].attrs, differs[_i].has_note ? unchanged : other);
    ck_assert_msg(l.rc == 0, "%s", l.err.message);
    if (strcmp(differs[_i].url, URL "2") != 0) /* that one has another name, too */
        ck_assert_str_ne(l.info.key, key);
    if (differs[_i].log)
        ck_assert_str_eq(tenon_buf_str(&fake.log), differs[_i].log);
    look_end(&l);
}
END_TEST

START_TEST(test_http_bad_attributes)
{
    static const struct {
        const char *attr;
        int code;
        const char *says;
    } cases[] = {
        {"http.perm=4096", TENON_E_INVALID, "invalid http.perm \"4096\""},
        {"http.perm=-1", TENON_E_INVALID, "invalid http.perm \"-1\""},
        {"http.perm=x", TENON_E_INVALID, "invalid http.perm \"x\""},
        {"http.perm=", TENON_E_INVALID, "invalid http.perm \"\""},
        {"http.uid=4294967295", TENON_E_INVALID, "invalid http.uid \"4294967295\""},
        {"http.gid=4294967295", TENON_E_INVALID, "invalid http.gid \"4294967295\""},
        {"http.uid=-1", TENON_E_INVALID, "invalid http.uid \"-1\""},
        {"http.sig.pubkey=x", TENON_E_UNSUPPORTED, "signatures of downloads cannot be verified yet"},
        {"http.sig.verify=x", TENON_E_UNSUPPORTED, "signatures of downloads cannot be verified yet"},
        {"http.sig.signature=x", TENON_E_UNSUPPORTED,
         "signatures of downloads cannot be verified yet"},
        {"http.authheadersecret=none", TENON_E_NOT_FOUND,
         "failed to retrieve HTTP auth secret none: not found"},
    };
    static const struct reply none[] = {{0}};
    const char *attrs[] = {cases[_i].attr, NULL};
    struct look l;
    look(&l, URL, attrs, none);
    ck_assert_msg(l.rc == cases[_i].code, "%d %s", l.rc, l.err.message);
    ck_assert_str_eq(l.err.message, cases[_i].says);
    ck_assert_str_eq(tenon_buf_str(&fake.log), "");
    look_end(&l);
}
END_TEST

/* ---- secrets ------------------------------------------------------------------------------------ */

static const struct {
    const char *url;
    const char *secrets[2][2];
    const char *auth; /* NULL: none; "!": an error */
} secrets[] = {
    {"http://h.example/x", {{"HTTP_AUTH_TOKEN_h.example", "t\n"}}, "Bearer t"},
    {"http://h.example/x", {{"HTTP_AUTH_HEADER_h.example", "Basic x\r\n"}}, "Basic x"},
    {"http://h.example/x", {{"HTTP_AUTH_HEADER_h.example", "h"}, {"HTTP_AUTH_TOKEN_h.example", "t"}},
     "Bearer t"},
    {"https://h.example:8443/x", {{"HTTP_AUTH_TOKEN_h.example", "t"}}, "Bearer t"},
    {"https://u:p@h.example:8443/x@y", {{"HTTP_AUTH_TOKEN_h.example", "t"}}, "Bearer t"},
    {"http://h.example?x", {{"HTTP_AUTH_TOKEN_h.example", "t"}}, "Bearer t"},
    {"http://[::1]:80/x", {{"HTTP_AUTH_TOKEN_::1", "t"}}, "Bearer t"},
    {"http://g.example/x", {{"HTTP_AUTH_TOKEN_h.example", "t"}}, NULL},
    {"http://h.example.org/x", {{"HTTP_AUTH_TOKEN_h.example", "t"}}, NULL},
    {"http://h.example@g.example/x", {{"HTTP_AUTH_TOKEN_h.example", "t"}}, NULL},
    {"http://g.example/h.example", {{"HTTP_AUTH_TOKEN_h.example", "t"}}, NULL},
    {"http://h.example/x", {{"HTTP_AUTH_TOKEN_h.example", "t\nX-More: y"}}, "!"},
    {"http://h.example/x", {{"HTTP_AUTH_HEADER_h.example", "t\rX-More: y"}}, "!"},
};

START_TEST(test_http_secrets)
{
    static const struct reply replies[] = {FIRST, {0}};
    const char *auth = secrets[_i].auth;
    struct look l;
    memcpy(fake.secrets, secrets[_i].secrets, sizeof secrets[_i].secrets);
    look(&l, secrets[_i].url, NULL, replies);
    if (auth && *auth == '!') {
        ck_assert_int_eq(l.rc, TENON_E_INVALID);
        ck_assert_ptr_null(strstr(l.err.message, "X-More"));
        ck_assert_str_eq(tenon_buf_str(&fake.log), "");
    } else {
        auto_free char *log = auth ? tenon_asprintf("GET auth=%s\n", auth) : tenon_strdup("GET\n");
        ck_assert_int_eq(l.rc, 0);
        ck_assert_str_eq(tenon_buf_str(&fake.log), log);
    }
    look_end(&l);
}
END_TEST

/* ---- the file ------------------------------------------------------------------------------------ */

static int
fetch(struct look *l, int dirfd, const struct reply *replies)
{
    fake.replies = replies;
    tenon_buf_clear(&fake.log);
    return plugin->ops.source->fetch(NULL, (struct tenon_ctx *)(void *)&l->ctx, &l->req, &l->info,
                                     dirfd, &l->err);
}

START_TEST(test_http_file)
{
    static const struct {
        const char *attrs[4];
        struct reply reply;
        const char *name;
        mode_t mode;
        uid_t uid;
        gid_t gid;
        int64_t mtime_ns;
    } cases[] = {
        {{NULL}, {"GET", .status = 200, .body = "one", .mtime_ns = 1500000000123456789}, "file", 0600,
         0, 0, 1500000000123456789},
        {{NULL}, {"GET", .status = 200, .body = "one"}, "file", 0600, 0, 0, 0},
        {{"http.perm=420"}, {"GET", .status = 200, .body = "one"}, "file", 0644, 0, 0, 0},
        {{"http.perm=2541", "http.uid=7", "http.gid=8"}, {"GET", .status = 200, .body = "one"},
         "file", 04755, 7, 8, 0},
        {{"http.filename=named"}, {"GET", .status = 200, .body = "one", .disposition = "a; filename=d"},
         "named", 0600, 0, 0, 0},
        {{NULL}, {"GET", .status = 200, .body = "", .disposition = "a; filename=d"}, "d", 0600, 0, 0, 0},
    };
    static const struct reply none[] = {{0}};
    const struct reply replies[] = {cases[_i].reply, {0}};
    if (geteuid() != 0 && cases[_i].uid) {
        unit_not_tried("owners of downloads: only root gives files away");
        return;
    }
    char dir[64];
    int dirfd = unit_tmpdir(dir);
    struct look l;
    struct stat st;
    char text[8] = "";
    look(&l, URL, cases[_i].attrs, replies);
    ck_assert_msg(l.rc == 0, "%s", l.err.message);
    mode_t mask = umask(077);
    ck_assert_msg(fetch(&l, dirfd, none) == 0, "%s", l.err.message);
    umask(mask);
    ck_assert_int_eq(fstatat(dirfd, cases[_i].name, &st, AT_SYMLINK_NOFOLLOW), 0);
    ck_assert_uint_eq(st.st_mode, S_IFREG | cases[_i].mode);
    if (geteuid() == 0) {
        ck_assert_uint_eq(st.st_uid, cases[_i].uid);
        ck_assert_uint_eq(st.st_gid, cases[_i].gid);
    }
    ck_assert_int_eq(st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec, cases[_i].mtime_ns);
    auto_close int fd = openat(dirfd, cases[_i].name, O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(read(fd, text, sizeof text), 0);
    ck_assert_str_eq(text, cases[_i].reply.body);
    look_end(&l);
    unit_tmpdir_remove(dirfd, dir);
}
END_TEST

/* A checksum in the build file is believed, so that nobody has to be asked; then the file must
 * have it. */
START_TEST(test_http_checksum)
{
    static const struct reply none[] = {{0}};
    static const struct reply right[] = {FIRST, {0}};
    static const struct reply wrong[] = {{"GET", .status = 200, .body = "two"}, {0}};
    struct tenon_digest one, two;
    tenon_digest_of("one", 3, &one);
    tenon_digest_of("two", 3, &two);
    auto_free char *attr = tenon_asprintf("http.checksum=%s", one.str);
    const char *attrs[] = {attr, NULL};
    char dir[64];
    int dirfd = unit_tmpdir(dir);
    struct look l;
    look(&l, URL, attrs, none);
    ck_assert_int_eq(l.rc, 0);
    ck_assert_str_eq(l.info.digest, one.str);
    ck_assert_int_eq(fetch(&l, dirfd, wrong), TENON_E_CORRUPT);
    auto_free char *said = tenon_asprintf("digest mismatch %s: %s", two.str, one.str);
    ck_assert_str_eq(l.err.message, said);
    ck_assert_int_ne(faccessat(dirfd, "file", F_OK, 0), 0);
    tenon_error_release(&l.err);
    /* what has come instead is no help the next time */
    ck_assert_msg(fetch(&l, dirfd, right) == 0, "%s", l.err.message);
    ck_assert_str_eq(tenon_buf_str(&fake.log), "GET\n");
    ck_assert_int_eq(unlinkat(dirfd, "file", 0), 0);
    look_end(&l);
    /* once it is here nobody is asked at all */
    look(&l, URL, attrs, none);
    ck_assert_int_eq(l.rc, 0);
    ck_assert_int_eq(fetch(&l, dirfd, none), 0);
    look_end(&l);
    /* the same file of another URL is not taken for it */
    look(&l, URL "2", attrs, none);
    ck_assert_int_eq(l.rc, 0);
    ck_assert_int_eq(fetch(&l, dirfd, right), 0);
    look_end(&l);
    unit_tmpdir_remove(dirfd, dir);
}
END_TEST

/* What the store has lost is got again. */
START_TEST(test_http_blob_lost)
{
    static const struct reply first[] = {FIRST, {0}};
    static const struct reply unchanged[] = {{"HEAD", .status = 304}, {0}};
    struct look l;
    char dir[64];
    int dirfd = unit_tmpdir(dir);
    look(&l, URL, NULL, first);
    look_end(&l);
    look(&l, URL, NULL, unchanged);
    ck_assert_int_eq(l.rc, 0);
    free(fake.blobs[0].data);
    fake.blobs[0].data = NULL;
    ck_assert_msg(fetch(&l, dirfd, first) == 0, "%s", l.err.message);
    ck_assert_str_eq(tenon_buf_str(&fake.log), "GET\n"); /* a condition would bring nothing */
    look_end(&l);
    unit_tmpdir_remove(dirfd, dir);
}
END_TEST

/* ---- names ------------------------------------------------------------------------------------------ */

static const struct {
    const char *wanted, *disposition, *url, *name;
} names[] = {
    {"w", "attachment; filename=d", "http://h/u", "w"},
    {"a/../b", NULL, "http://h/u", "b"},
    {"..", NULL, "http://h/u", "download"},
    {NULL, "attachment; filename=d", "http://h/u", "d"},
    {"", "attachment; filename=\"d e\"", "http://h/u", "d e"},
    {NULL, "attachment; filename=\"a\\\"b\"", "http://h/u", "a\"b"},
    {NULL, "attachment; FileName=d; x=y", "http://h/u", "d"},
    {NULL, "attachment; x=y ; filename = d", "http://h/u", "d"},
    {NULL, "attachment; filename=\"../../etc/passwd\"", "http://h/u", "passwd"},
    {NULL, "attachment; filename=\"dir/\"", "http://h/u", "u"},
    {NULL, "attachment; filename=\"..\"", "http://h/u", "u"},
    {NULL, "attachment; filename*=UTF-8''%e2%82%ac%20x", "http://h/u", "\xe2\x82\xac x"},
    {NULL, "attachment; filename=\"open", "http://h/u", "open"},
    {NULL, "attachment; filename", "http://h/u", "u"},
    {NULL, "attachment; filename=\"a\nb\"", "http://h/u", "ab"},
    {NULL, "", "http://h/u", "u"},
    {NULL, NULL, "http://h/a/b.txt?q=/x#/y", "b.txt"},
    {NULL, NULL, "http://h/a%20b", "a b"},
    {NULL, NULL, "http://h/a%2fb", "b"},
    {NULL, NULL, "http://h/%00", "%00"},
    {NULL, NULL, "http://h/a/", "a"},
    {NULL, NULL, "http://h/a/..", "download"},
    {NULL, NULL, "http://h/", "download"},
    {NULL, NULL, "http://h", "download"},
    {NULL, NULL, "http://h?x/y", "download"},
};

START_TEST(test_http_file_name)
{
    auto_free char *got =
        http_file_name(names[_i].wanted, names[_i].disposition, names[_i].url);
    ck_assert_str_eq(got, names[_i].name);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("source-http");
    TCase *t = tcase_create("source-http");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, test_http_second_time, 0, tenon_countof(seconds));
    tcase_add_loop_test(t, test_http_statuses, 0, 11);
    tcase_add_loop_test(t, test_http_keys, 0, tenon_countof(differs));
    tcase_add_loop_test(t, test_http_bad_attributes, 0, 11);
    tcase_add_loop_test(t, test_http_secrets, 0, tenon_countof(secrets));
    tcase_add_loop_test(t, test_http_file, 0, 6);
    tcase_add_test(t, test_http_checksum);
    tcase_add_test(t, test_http_blob_lost);
    tcase_add_loop_test(t, test_http_file_name, 0, tenon_countof(names));
    suite_add_tcase(s, t);
    return unit_run(s);
}
