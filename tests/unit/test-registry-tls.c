/* The registry client and TLS: which certificates are believed, who is shown ours, and that
 * nothing goes from TLS to plain. */
#include "registrykit.h"
#include "tlskit.h"

#include <signal.h>
#include <sys/resource.h>

#define CN "the test's"

/* ---- whose certificate is believed ------------------------------------------------- */

enum signer { OURS, UNKNOWN, ITSELF, PAST, LEAF };

static const struct {
    const char *name;
    const char *host; /* as the user writes it */
    struct certificate shown;
    enum signer by;
    const char *says; /* NULL: it is believed */
} certificates[] = {
    {"right", "localhost", {.cn = CN, .dns = "localhost"}, OURS, NULL},
    {"right, of an address", "127.0.0.1", {.cn = CN, .ip = "127.0.0.1"}, OURS, NULL},
    {"right, with its purpose", "localhost",
     {.cn = CN, .dns = "localhost", .purpose = GNUTLS_KP_TLS_WWW_SERVER}, OURS, NULL},
    {"right, for any purpose", "localhost",
     {.cn = CN, .dns = "localhost", .purpose = GNUTLS_KP_ANY}, OURS, NULL},
    {"another host", "localhost", {.cn = "localhost", .dns = "other.example"}, OURS,
     "x509: certificate is valid for other names, not localhost"},
    {"another address", "127.0.0.1", {.cn = CN, .ip = "127.0.0.2"}, OURS,
     "x509: certificate is valid for other names, not 127.0.0.1"},
    {"a name for an address", "127.0.0.1", {.cn = CN, .dns = "localhost"}, OURS,
     "x509: certificate is valid for other names, not 127.0.0.1"},
    {"an address for a name", "localhost", {.cn = CN, .ip = "127.0.0.1"}, OURS,
     "x509: certificate is valid for other names, not localhost"},
    {"an address as the text of a name", "127.0.0.1", {.cn = CN, .dns = "127.0.0.1"}, OURS,
     "x509: certificate is valid for other names, not 127.0.0.1"},
    {"the name of something below", "localhost", {.cn = CN, .dns = "www.localhost"}, OURS,
     "x509: certificate is valid for other names, not localhost"},
    {"a wildcard over everything", "localhost", {.cn = CN, .dns = "*"}, OURS,
     "x509: certificate is valid for other names, not localhost"},
    {"the common name alone", "localhost", {.cn = "localhost"}, OURS,
     "x509: certificate relies on legacy Common Name field, use SANs instead"},
    {"the common name beside an address", "localhost", {.cn = "localhost", .ip = "127.0.0.1"}, OURS,
     "x509: certificate is valid for other names, not localhost"},
    {"an address as the common name", "127.0.0.1", {.cn = "127.0.0.1"}, OURS,
     "x509: certificate is valid for other names, not 127.0.0.1"},
    {"no name at all", "127.0.0.1", {.cn = CN}, OURS,
     "x509: certificate is valid for other names, not 127.0.0.1"},
    {"expired", "localhost", {.cn = CN, .dns = "localhost", .until = TLS_BEFORE_NOW}, OURS,
     "x509: certificate has expired or is not yet valid"},
    {"not yet valid", "localhost",
     {.cn = CN, .dns = "localhost", .from = TLS_AFTER_NOW, .until = TLS_FAR_OFF}, OURS,
     "x509: certificate has expired or is not yet valid"},
    {"of a client", "localhost",
     {.cn = CN, .dns = "localhost", .purpose = GNUTLS_KP_TLS_WWW_CLIENT}, OURS,
     "x509: certificate specifies an incompatible key usage"},
    {"to sign code with", "localhost",
     {.cn = CN, .dns = "localhost", .purpose = GNUTLS_KP_CODE_SIGNING}, OURS,
     "x509: certificate specifies an incompatible key usage"},
    {"its own authority", "localhost", {.cn = CN, .dns = "localhost"}, ITSELF,
     "x509: certificate signed by unknown authority"},
    {"of an authority that nobody named", "localhost", {.cn = CN, .dns = "localhost"}, UNKNOWN,
     "x509: certificate signed by unknown authority"},
    {"of an authority that has expired", "localhost", {.cn = CN, .dns = "localhost"}, PAST,
     "x509: certificate has expired or is not yet valid"},
    {"signed by who is no authority", "localhost", {.cn = CN, .dns = "localhost"}, LEAF,
     "x509: certificate signed by unknown authority"},
};

/* What the configuration trusts, and what signs, which is the same but for two. */
static struct identity
make_authority(enum signer s)
{
    struct certificate c = {.cn = "an authority of tests", .is_authority = true};
    if (s == PAST)
        c.until = TLS_BEFORE_NOW;
    return identity_make(&c);
}

static struct identity
make_signer(enum signer s, const struct identity *authority)
{
    struct certificate c = {.cn = "somebody", .is_authority = s != LEAF,
                            .by = s == LEAF ? authority : NULL};
    return identity_make(&c);
}

static char *
ca_path(struct kit *k)
{
    return tenon_asprintf("%s/ca.pem", k->dir);
}

/* The authority goes into the configuration of the registry at k->ref. */
static void
trust(struct kit *k, const struct identity *authority)
{
    auto_free char *host = tenon_strndup(k->ref, strcspn(k->ref, "/"));
    auto_free char *path = ca_path(k);
    identity_write_certificate(authority, k->dirfd, "ca.pem");
    json_object_object_add(kit_configure(k, host), "ca", json_object_new_string(path));
}

START_TEST(test_tls_certificates)
{
    auto_free char *head = digest_head(MANIFEST);
    struct answer answers[] = {{.request = "HEAD " PATH_MANIFEST, .head = head},
                               {.request = "GET " PATH_MANIFEST, .head = OK_MANIFEST,
                                .body = MANIFEST},
                               {0}};
    enum signer by = certificates[_i].by;
    struct certificate c = certificates[_i].shown;
    struct identity authority = make_authority(by);
    struct identity signer = make_signer(by, &authority);
    c.by = by == ITSELF ? NULL : by == UNKNOWN || by == LEAF ? &signer : &authority;
    struct identity shown = identity_make(&c);
    gnutls_certificate_credentials_t tls = identity_credentials(&shown, by == LEAF ? &signer : NULL);
    struct kit k;
    kit_open_with(&k, answers, tls, (struct tenon_registry_options){.retry_ns = 1000000});
    snprintf(k.ref, sizeof k.ref, "%s:%u/team/app:v1", certificates[_i].host, k.server.port);
    trust(&k, &authority);

    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    int rc = kit_manifest(&k, TENON_RESOLVE_PULL, &text, &err);
    const char *says = certificates[_i].says;
    if (says) {
        auto_free char *whole = tenon_asprintf(
            "failed to do request: Head https://%s:%u/v2/team/app/manifests/v1: %s",
            certificates[_i].host, k.server.port, says);
        ck_assert_msg(rc == TENON_E_DENIED, "%s: %d %s", certificates[_i].name, rc, err.message);
        ck_assert_str_eq(err.message, whole);
        ck_assert_int_eq(server_count(&k.server, ""), 0); /* it has not even heard what we want */
    } else {
        ck_assert_msg(rc == 0, "%s: %s", certificates[_i].name, err.message);
        ck_assert_str_eq(tenon_buf_str(&text), MANIFEST);
    }
    kit_close(&k);
    gnutls_certificate_free_credentials(tls);
    identity_release(&shown);
    identity_release(&signer);
    identity_release(&authority);
}
END_TEST

/* ---- a registry behind TLS that is believed ------------------------------------------- */

struct secure {
    struct kit k;
    struct identity authority, shown, client;
    gnutls_certificate_credentials_t tls;
};

static void
secure_open_with(struct secure *s, struct answer *answers, bool is_trusted)
{
    s->authority = identity_make(&(struct certificate){.cn = CN, .is_authority = true});
    s->shown = identity_make(&(struct certificate){.cn = CN, .ip = "127.0.0.1",
                                                   .dns = "localhost", .by = &s->authority});
    s->client = identity_make(&(struct certificate){
        .cn = "a-client", .purpose = GNUTLS_KP_TLS_WWW_CLIENT, .by = &s->authority});
    s->tls = identity_credentials(&s->shown, NULL);
    kit_open_with(&s->k, answers, s->tls, (struct tenon_registry_options){.retry_ns = 1000000});
    identity_write_certificate(&s->client, s->k.dirfd, "client.cert");
    identity_write_key(&s->client, s->k.dirfd, "client.key");
    if (is_trusted)
        trust(&s->k, &s->authority);
}

static void
secure_open(struct secure *s, struct answer *answers)
{
    secure_open_with(s, answers, true);
}

static void
secure_close(struct secure *s)
{
    kit_close(&s->k);
    gnutls_certificate_free_credentials(s->tls);
    identity_release(&s->client);
    identity_release(&s->shown);
    identity_release(&s->authority);
}

/* A host of loopback is taken for plain, but found to speak TLS, however that shows; then what
 * its certificate says counts. */
START_TEST(test_tls_found_out)
{
    struct answer answers[] = {{0}};
    struct secure s;
    secure_open_with(&s, answers, false);
    pthread_mutex_lock(&s.k.server.lock);
    s.k.server.to_plain = _i == 0 ? SAY_TLS : _i == 1 ? HANG_UP : SAY_SO;
    pthread_mutex_unlock(&s.k.server.lock);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    int rc = kit_manifest(&s.k, TENON_RESOLVE_PULL, &text, &err);
    ck_assert_msg(rc == TENON_E_DENIED, "%d %s", rc, err.message);
    ck_assert_msg(strstr(err.message, "Head https://127.0.0.1:") &&
                  strstr(err.message, "certificate signed by unknown authority"), "%s",
                  err.message);
    ck_assert_int_eq(server_count(&s.k.server, ""), 0);
    secure_close(&s);
}
END_TEST

/* "insecure" believes any certificate, even a client's, of that registry only. */
START_TEST(test_tls_insecure)
{
    auto_free char *head = digest_head(MANIFEST);
    struct answer answers[] = {{.request = "HEAD", .head = head},
                               {.request = "GET", .head = OK_MANIFEST, .body = MANIFEST},
                               {0}};
    struct secure s;
    secure_open_with(&s, answers, false);
    gnutls_certificate_credentials_t wrong = identity_credentials(&s.client, NULL);
    pthread_mutex_lock(&s.k.server.lock);
    s.k.server.tls = wrong;
    pthread_mutex_unlock(&s.k.server.lock);
    snprintf(s.k.ref, sizeof s.k.ref, "localhost:%u/team/app:v1", s.k.server.port);
    auto_free char *host = tenon_strndup(s.k.ref, strcspn(s.k.ref, "/"));
    json_object_object_add(kit_configure(&s.k, host), "insecure", json_object_new_boolean(_i));
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    int rc = kit_manifest(&s.k, TENON_RESOLVE_PULL, &text, &err);
    ck_assert_msg(rc == (_i ? 0 : TENON_E_DENIED), "%d %s", rc, err.message);
    tenon_error_release(&err);
    /* by another name it is another registry */
    snprintf(s.k.ref, sizeof s.k.ref, "127.0.0.1:%u/team/app:v1", s.k.server.port);
    ck_assert_int_eq(kit_manifest(&s.k, TENON_RESOLVE_PULL, &text, &err), TENON_E_DENIED);
    secure_close(&s);
    gnutls_certificate_free_credentials(wrong);
}
END_TEST

/* When its authorities cannot be kept the request fails: no others are believed instead. */
START_TEST(test_tls_authorities_fail_closed)
{
    struct answer answers[] = {{0}};
    struct secure s;
    secure_open(&s, answers);
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    const struct rlimit few = {.rlim_cur = 16, .rlim_max = limit.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &few), 0);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    int rc = kit_manifest(&s.k, TENON_RESOLVE_PULL, &text, &err);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ck_assert_int_lt(rc, 0);
    ck_assert_msg(strstr(err.message, "certificates of authorities") != NULL, "%s", err.message);
    ck_assert_int_eq(server_count(&s.k.server, ""), 0);
    secure_close(&s);
}
END_TEST

/* ---- from TLS to plain ------------------------------------------------------------------ */

/* A plain server to be sent to; it must not be asked anything. */
struct temptation {
    struct server plain;
    struct answer answers[2];
};

static void
temptation_open(struct temptation *t)
{
    *t = (struct temptation){
        .answers = {{.request = "", .head = "200 OK\r\n", .body = "{\"token\":\"abc\"}"}}};
    server_start(&t->plain, t->answers);
}

static void
temptation_resisted(struct temptation *t)
{
    ck_assert_int_eq(server_count(&t->plain, ""), 0);
    server_stop(&t->plain);
}

START_TEST(test_tls_redirect_to_plain)
{
    static const char *const status[] = {"301 Moved", "302 Found", "303 See Other",
                                         "307 Temporary", "308 Permanent"};
    struct temptation t;
    temptation_open(&t);
    auto_free char *head = tenon_asprintf("%s\r\nLocation: %s/x\r\n", status[_i], t.plain.base);
    struct answer answers[] = {{.request = "HEAD", .head = "200 OK\r\n"},
                               {.request = "GET", .head = head}, {0}};
    struct secure s;
    secure_open(&s, answers);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    ck_assert_int_eq(kit_manifest(&s.k, TENON_RESOLVE_PULL, &text, &err), TENON_E_DENIED);
    ck_assert_msg(strstr(err.message, "redirected from https to \"http://127.0.0.1:"), "%s",
                  err.message);
    tenon_error_release(&err);
    temptation_resisted(&t);
    secure_close(&s);
}
END_TEST

/* A blob is known by its digest: it may come from a storage without TLS, which is told nothing
 * that it need not know. What comes from there and is another is not taken. */
START_TEST(test_tls_blob_from_plain)
{
    struct server plain = {0};
    struct answer there[] = {{.request = "GET /x", .want = "!Authorization:",
                              .head = "200 OK\r\n", .body = _i % 2 ? "something else" : TEXT},
                             {0}};
    server_start(&plain, there);
    static const char *const status[] = {"301 Moved", "302 Found", "303 See Other",
                                         "307 Temporary", "308 Permanent"};
    auto_free char *head = tenon_asprintf("%s\r\nLocation: %s/x\r\n", status[_i / 2], plain.base);
    struct answer answers[] = {{.request = "GET", .want = "!Authorization:",
                                .head = "401 No\r\nWWW-Authenticate: Basic realm=\"x\"\r\n"},
                               {.request = "GET", .head = head}, {0}};
    struct secure s;
    secure_open(&s, answers);
    s.k.user = "me";
    s.k.secret = "pw";
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    int rc = kit_blob(&s.k, TEXT, -1, &err);
    ck_assert_msg(rc == (_i % 2 ? TENON_E_CORRUPT : 0), "%d %s", rc, err.message);
    ck_assert_int_eq(server_count(&plain, ""), 1);
    ck_assert_int_eq(server_refused(&plain), 0);
    server_stop(&plain);
    secure_close(&s);
}
END_TEST

START_TEST(test_tls_realm_is_plain)
{
    struct temptation t;
    temptation_open(&t);
    auto_free char *head = tenon_asprintf("401 Unauthorized\r\nWWW-Authenticate: Bearer "
                                          "realm=\"%s/token\",service=\"x\"\r\n", t.plain.base);
    struct answer answers[] = {{.request = "HEAD", .head = head}, {0}};
    struct secure s;
    secure_open(&s, answers);
    s.k.user = _i ? "me" : NULL;
    s.k.secret = _i ? "pw" : NULL;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    ck_assert_int_eq(kit_manifest(&s.k, TENON_RESOLVE_PULL, &text, &err), TENON_E_DENIED);
    ck_assert_msg(strstr(err.message, "for a token: not https") &&
                  strstr(err.message, t.plain.base), "%s", err.message);
    temptation_resisted(&t);
    secure_close(&s);
}
END_TEST

/* Where tokens are given sends on: to plain never, to another host without the password. */
START_TEST(test_tls_realm_redirects)
{
    struct temptation t;
    temptation_open(&t);
    auto_free char *moved = tenon_asprintf("307 Moved\r\nLocation: %s/token\r\n", t.plain.base);
    struct answer answers[] = {
        {.request = "HEAD", .head = "401 Unauthorized\r\nWWW-Authenticate: Bearer "
                                    "realm=\"@BASE@/token\",service=\"x\"\r\n"},
        {.request = "GET /token", .head = moved},
        {0}};
    struct secure s;
    secure_open(&s, answers);
    s.k.user = "me";
    s.k.secret = "pw";
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    ck_assert_int_eq(kit_manifest(&s.k, TENON_RESOLVE_PULL, &text, &err), TENON_E_DENIED);
    ck_assert_msg(strstr(err.message, "redirected from https"), "%s", err.message);
    temptation_resisted(&t);
    secure_close(&s);
}
END_TEST

/* A layer is not sent in the clear because the registry says so. */
START_TEST(test_tls_upload_location_is_plain)
{
    struct temptation t;
    temptation_open(&t);
    auto_free char *head = tenon_asprintf("202 Accepted\r\nLocation: %s/upload\r\n",
                                          t.plain.base);
    struct answer answers[] = {{.request = "HEAD", .head = "404 Not Found\r\n"},
                               {.request = "POST", .head = head}, {0}};
    struct secure s;
    secure_open(&s, answers);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_image_source src = {.platform = "linux/amd64"};
    struct tenon_image_options o = {.level = -1};
    struct tenon_image_made made = {0};
    ck_assert_int_eq(tenon_image_make(s.k.store, &src, 1, &o, &made, &err), 0);
    ck_assert_int_eq(tenon_registry_push(s.k.registry, &s.k.call, s.k.ref, made.digest, false,
                                         &err), TENON_E_DENIED);
    ck_assert_msg(strstr(err.message, "from https to \"http://127.0.0.1:"), "%s", err.message);
    tenon_image_made_release(&made);
    temptation_resisted(&t);
    secure_close(&s);
}
END_TEST

/* From plain to TLS is fine. */
START_TEST(test_tls_redirect_from_plain)
{
    struct answer answers[] = {{.request = "GET /there", .head = "200 OK\r\n", .body = TEXT},
                               {0}};
    struct secure s;
    secure_open(&s, answers);
    auto_free char *head = tenon_asprintf("302 Found\r\nLocation: %s/there\r\n",
                                          s.k.server.base);
    struct answer moved[] = {{.request = "GET /here", .head = head}, {0}};
    struct server plain = {0};
    server_start(&plain, moved);
    auto_free char *url = tenon_asprintf("%s/here", plain.base);
    auto_free char *path = ca_path(&s.k);
    auto_buf struct tenon_buf ca = TENON_BUF_INIT;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_int_eq(tenon_read_file(path, 1 << 20, &ca, &err), 0);
    struct tenon_http_tls tls = {.ca = tenon_buf_str(&ca)};
    struct tenon_http_request req = {.method = "GET", .url = url, .tls = &tls, .limit = 1000};
    auto_response struct tenon_http_response res = {0};
    struct tenon_http *http = tenon_http_new(NULL);
    ck_assert_msg(tenon_http_do(http, &req, &res, NULL, &err) == 0, "%s", err.message);
    ck_assert_int_eq(res.status, 200);
    ck_assert_str_eq(tenon_buf_str(&res.body), TEXT);
    auto_free char *end = tenon_asprintf("%s/there", s.k.server.base);
    ck_assert_str_eq(res.url, end);
    tenon_http_free(http);
    server_stop(&plain);
    secure_close(&s);
}
END_TEST

/* ---- who is shown our certificate --------------------------------------------------------- */

/* The registry that asks for it is; the one without it is told nothing of us, as is whoever
 * we are sent to, and the first one too when we are sent back. */
START_TEST(test_tls_client_certificate)
{
    struct secure s;
    struct answer answers[] = {{.request = "GET /plain", .head = "200 OK\r\n", .body = TEXT},
                               {.request = "GET /back", .head = "200 OK\r\n", .body = TEXT},
                               {.request = "GET /away", .head = NULL}, {0}};
    struct answer others[] = {{.request = "GET /end", .head = "200 OK\r\n", .body = TEXT},
                              {.request = "GET /return", .head = NULL}, {0}};
    secure_open(&s, answers);
    struct server other = {.tls = s.tls, .client = ASK};
    s.k.server.client = ASK;
    server_start(&other, others);
    auto_free char *to_end = tenon_asprintf("302 Found\r\nLocation: %s/end\r\n", other.base);
    auto_free char *to_return = tenon_asprintf("302 Found\r\nLocation: %s/return\r\n", other.base);
    auto_free char *back = tenon_asprintf("302 Found\r\nLocation: %s/back\r\n", s.k.server.base);
    others[1].head = back;

    auto_free char *path = ca_path(&s.k);
    auto_free char *cert = tenon_asprintf("%s/client.cert", s.k.dir);
    auto_free char *key = tenon_asprintf("%s/client.key", s.k.dir);
    auto_buf struct tenon_buf ca = TENON_BUF_INIT;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_int_eq(tenon_read_file(path, 1 << 20, &ca, &err), 0);
    const struct {
        const char *path, *away; /* where /away sends to */
        bool has;
        const char *log, *other;
    } cases[] = {
        {"/plain", to_end, true, "GET /plain a-client\n", ""},
        {"/plain", to_end, false, "GET /plain\n", ""},
        {"/away", to_end, true, "GET /away a-client\n", "GET /end\n"},
        {"/away", to_return, true, "GET /away a-client\nGET /back\n", "GET /return\n"},
    };
    struct tenon_http *http = tenon_http_new(NULL);
    for (size_t i = 0; i < tenon_countof(cases); i++) {
        struct tenon_http_tls tls = {.ca = tenon_buf_str(&ca),
                                     .cert = cases[i].has ? cert : NULL,
                                     .key = cases[i].has ? key : NULL};
        auto_free char *url = tenon_asprintf("%s%s", s.k.server.base, cases[i].path);
        struct tenon_http_request req = {.method = "GET", .url = url, .tls = &tls, .limit = 1000};
        auto_response struct tenon_http_response res = {0};
        pthread_mutex_lock(&s.k.server.lock);
        tenon_buf_clear(&s.k.server.log);
        answers[2].head = cases[i].away;
        pthread_mutex_unlock(&s.k.server.lock);
        pthread_mutex_lock(&other.lock);
        tenon_buf_clear(&other.log);
        pthread_mutex_unlock(&other.lock);
        ck_assert_msg(tenon_http_do(http, &req, &res, NULL, &err) == 0, "%zu: %s", i, err.message);
        ck_assert_int_eq(res.status, 200);
        auto_free char *log = server_log(&s.k.server);
        auto_free char *theirs = server_log(&other);
        ck_assert_str_eq(log, cases[i].log);
        ck_assert_str_eq(theirs, cases[i].other);
    }
    tenon_http_free(http);
    server_stop(&other);
    secure_close(&s);
}
END_TEST

/* Who needs a certificate and gets none says so; that is an answer, and not tried again. */
START_TEST(test_tls_client_certificate_needed)
{
    struct answer answers[] = {{0}};
    struct secure s;
    secure_open(&s, answers);
    s.k.server.client = NEED;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    int rc = kit_manifest(&s.k, TENON_RESOLVE_PULL, &text, &err);
    ck_assert_msg(rc == TENON_E_DENIED, "%d %s", rc, err.message);
    ck_assert_msg(strstr(err.message, ": remote error: tls: ") != NULL, "%s", err.message);
    pthread_mutex_lock(&s.k.server.lock);
    ck_assert_int_eq(s.k.server.broken, 1);
    pthread_mutex_unlock(&s.k.server.lock);
    secure_close(&s);
}
END_TEST

/* A certificate that is not there, or whose key is another's, is an error that says so. */
START_TEST(test_tls_client_certificate_broken)
{
    static const struct {
        const char *cert, *key;
    } cases[] = {{"none.cert", "client.key"}, {"client.cert", "none.key"}, {"client.cert", "ca.pem"}};
    struct answer answers[] = {{.request = "GET", .head = "200 OK\r\n"}, {0}};
    struct secure s;
    secure_open(&s, answers);
    s.k.server.client = ASK;
    auto_free char *cert = tenon_asprintf("%s/%s", s.k.dir, cases[_i].cert);
    auto_free char *key = tenon_asprintf("%s/%s", s.k.dir, cases[_i].key);
    struct tenon_http_tls tls = {.insecure = true, .cert = cert, .key = key};
    auto_free char *url = tenon_asprintf("%s/x", s.k.server.base);
    struct tenon_http_request req = {.method = "GET", .url = url, .tls = &tls, .limit = 1000};
    auto_response struct tenon_http_response res = {0};
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_http *http = tenon_http_new(NULL);
    ck_assert_int_eq(tenon_http_do(http, &req, &res, NULL, &err), TENON_E_INVALID);
    ck_assert_msg(strstr(err.message, "tls: ") && strstr(err.message, s.k.server.base), "%s",
                  err.message);
    ck_assert_int_eq(server_count(&s.k.server, ""), 0);
    tenon_http_free(http);
    secure_close(&s);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("registry-tls");
    TCase *t = tcase_create("tls");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, test_tls_certificates, 0, tenon_countof(certificates));
    tcase_add_loop_test(t, test_tls_found_out, 0, 3);
    tcase_add_loop_test(t, test_tls_insecure, 0, 2);
    tcase_add_test(t, test_tls_authorities_fail_closed);
    tcase_add_loop_test(t, test_tls_blob_from_plain, 0, 10);
    tcase_add_loop_test(t, test_tls_redirect_to_plain, 0, 5);
    tcase_add_loop_test(t, test_tls_realm_is_plain, 0, 2);
    tcase_add_test(t, test_tls_realm_redirects);
    tcase_add_test(t, test_tls_upload_location_is_plain);
    tcase_add_test(t, test_tls_redirect_from_plain);
    tcase_add_test(t, test_tls_client_certificate);
    tcase_add_test(t, test_tls_client_certificate_needed);
    tcase_add_loop_test(t, test_tls_client_certificate_broken, 0, 3);
    suite_add_tcase(s, t);
    return unit_run(s);
}
