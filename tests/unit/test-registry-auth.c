/* Authorization: who is asked for a token, with what, how long it serves, and who gets to see
 * it. */
#include "registrykit.h"

#define SCOPE "scope=repository%3Ateam%2Fapp%3Apull"
#define CHALLENGE                                                                  \
    "401 Unauthorized\r\nWWW-Authenticate: Bearer realm=\"@BASE@/token\","         \
    "service=\"reg\",scope=\"repository:team/app:pull\"\r\n"
#define BASIC "401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\n"
#define SECRET "pw-of-the-test"
#define ME_BASIC "Authorization: Basic bWU6cHctb2YtdGhlLXRlc3Q=\r\n" /* me:pw-of-the-test */

/* ---- the challenge --------------------------------------------------------------------- */

static const struct {
    const char *head;
    const char *request; /* for the token, or NULL: none is asked for */
} challenges[] = {
    {"401 No\r\nWWW-Authenticate: Bearer realm=\"@BASE@/token\",service=\"reg\"\r\n",
     "GET /token?service=reg&" SCOPE "\n"},
    {"401 No\r\nwww-authenticate: bearer  Service=reg , REALM=@BASE@/token\r\n",
     "GET /token?service=reg&" SCOPE "\n"},
    {"401 No\r\nWWW-Authenticate: Bearer realm=\"@BASE@/token?a=b\",service=\"reg\"\r\n",
     "GET /token?a=b&service=reg&" SCOPE "\n"},
    {"401 No\r\nWWW-Authenticate: Bearer realm=\"@BASE@/token\"\r\n",
     "GET /token?" SCOPE "\n"},
    {"401 No\r\nWWW-Authenticate: Bearer service=\"r\\\"e,g=\",realm=\"@BASE@/token\"\r\n",
     "GET /token?service=r%22e%2Cg%3D&" SCOPE "\n"},
    {"401 No\r\nWWW-Authenticate: Bearer xrealm=\"http://127.0.0.1:1/\",realm=\"@BASE@/token\"\r\n",
     "GET /token?" SCOPE "\n"},
    {"401 No\r\nWWW-Authenticate: Bearer realmx=\"http://127.0.0.1:1/\",realm=\"@BASE@/token\"\r\n",
     "GET /token?" SCOPE "\n"},
    {"401 No\r\nWWW-Authenticate: Basic realm=\"x\"\r\n"
     "WWW-Authenticate: Bearer realm=\"@BASE@/token\"\r\n", "GET /token?" SCOPE "\n"},
    {"401 No\r\nWWW-Authenticate: Basic realm=\"x\", Bearer realm=\"@BASE@/token\"\r\n",
     "GET /token?" SCOPE "\n"},
    {"401 No\r\nWWW-Authenticate: Negotiate, Bearer realm=\"@BASE@/token\", Basic realm=\"y\"\r\n",
     "GET /token?" SCOPE "\n"},
    {"401 No\r\nWWW-Authenticate: Basic realm=\"Bearer realm=z\", bearer realm = \"@BASE@/token\"\r\n",
     "GET /token?" SCOPE "\n"},
    /* the scopes of both, each once, and none that another one covers */
    {"401 No\r\nWWW-Authenticate: Bearer realm=\"@BASE@/token\",scope=\"repository:team/app:pull\"\r\n",
     "GET /token?" SCOPE "\n"},
    {"401 No\r\nWWW-Authenticate: Bearer realm=\"@BASE@/token\",scope=\"repository:team/app:pull,push\"\r\n",
     "GET /token?" SCOPE "&scope=repository%3Ateam%2Fapp%3Apull%2Cpush\n"},
    {"401 No\r\nWWW-Authenticate: Bearer realm=\"@BASE@/token\",scope=\"a:b:c  repository:team/app:pull a:b:c d\"\r\n",
     "GET /token?" SCOPE "&scope=a%3Ab%3Ac&scope=d\n"},
    {"401 No\r\nWWW-Authenticate: Bearer service=\"reg\"\r\n", NULL},
    {"401 No\r\nWWW-Authenticate: Bearers realm=\"@BASE@/token\"\r\n", NULL},
    {"401 No\r\nWWW-Authenticate: Negotiate\r\n", NULL},
    {"401 No\r\n", NULL},
    {"403 No\r\nWWW-Authenticate: Bearer realm=\"@BASE@/token\"\r\n", NULL},
};

START_TEST(test_auth_challenges)
{
    auto_free char *head = digest_head(MANIFEST);
    struct answer answers[] = {
        {.request = "HEAD", .want = "Authorization: Bearer abc\r\n", .head = head},
        {.request = "HEAD", .head = challenges[_i].head},
        {.request = "GET /token", .want = "!Authorization:", .head = "200 OK\r\n",
         .body = "{\"token\":\"abc\"}"},
        {.request = "GET", .want = "Authorization: Bearer abc\r\n", .head = OK_MANIFEST,
         .body = MANIFEST},
        {0}};
    struct kit k;
    kit_open(&k, answers);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    int rc = kit_manifest(&k, TENON_RESOLVE_PULL, &text, &err);
    if (challenges[_i].request) {
        ck_assert_msg(rc == 0, "%d %s", rc, err.message);
        ck_assert_int_eq(server_count(&k.server, "GET /token"), 1);
        ck_assert_int_eq(server_count(&k.server, challenges[_i].request), 1);
    } else {
        ck_assert_int_eq(rc, TENON_E_DENIED);
        ck_assert_int_eq(server_count(&k.server, ""), 1);
    }
    kit_close(&k);
}
END_TEST

/* ---- the answer ------------------------------------------------------------------------ */

static char long_token[65538], long_answer[(1 << 20) + 2];
static const struct {
    const char *head, *body;
    const char *says; /* NULL: "abc" is the token */
} token_answers[] = {
    {"200 OK\r\n", "{\"token\":\"abc\"}", NULL},
    {"200 OK\r\n", "{\"access_token\":\"abc\"}", NULL},
    {"200 OK\r\n", "{\"access_token\":\"abc\",\"token\":\"x\"}", NULL},
    {"200 OK\r\n", "{\"access_token\":\"abc\",\"token\":\"\"}", NULL},
    {"200 OK\r\n", "{\"access_token\":\"\",\"token\":\"abc\"}", NULL},
    {"201 Made\r\n", "{\"token\":\"abc\",\"expires_in\":300,\"more\":[]}", NULL},
    {"200 OK\r\n", "{\"token\":\"\"}", "no token"},
    {"200 OK\r\n", "{}", "no token"},
    {"200 OK\r\n", "{\"token\":\"abc\\r\\nX-More: y\"}", "no token"},
    {"200 OK\r\n", "{\"token\":\"abc\\nX-More: y\"}", "no token"},
    {"200 OK\r\n", NULL, "no token"}, /* the long one */
    {"200 OK\r\n", long_answer, "answer of more than 1048576 bytes"},
    {"200 OK\r\n", "{\"token\":7}", "token"},
    {"200 OK\r\n", "{\"token\":\"abc\",\"expires_in\":\"long\"}", NULL}, /* as if it were not said */
    {"200 OK\r\n", "abc", "failed to fetch oauth token"},
    {"200 OK\r\n", "[\"abc\"]", "failed to fetch oauth token"},
    {"200 OK\r\n", "", "failed to fetch oauth token"},
    {"401 No\r\n", "{\"token\":\"abc\"}", ": 401"},
    {"403 No\r\n", "{\"token\":\"abc\"}", ": 403"},
    {"300 Choice\r\n", "{\"token\":\"abc\"}", ": 300"},
    {"500 Oh\r\n", "{\"token\":\"abc\"}", ": 500"},
};

START_TEST(test_auth_answers)
{
    auto_free char *head = digest_head(MANIFEST);
    auto_free char *long_body = NULL;
    if (token_answers[_i].body == long_answer) {
        memset(long_answer, ' ', sizeof long_answer - 1);
        memcpy(long_answer, "{\"token\":\"abc\"}", strlen("{\"token\":\"abc\"}"));
    }
    if (!token_answers[_i].body) {
        memset(long_token, 'a', sizeof long_token - 1);
        long_body = tenon_asprintf("{\"token\":\"%s\"}", long_token);
    }
    struct answer answers[] = {
        {.request = "HEAD", .want = "Authorization: Bearer abc\r\n", .head = head},
        {.request = "HEAD", .want = "!Authorization:", .head = CHALLENGE},
        {.request = "GET /token", .head = token_answers[_i].head,
         .body = long_body ? long_body : token_answers[_i].body},
        {.request = "GET", .want = "Authorization: Bearer abc\r\n", .head = OK_MANIFEST,
         .body = MANIFEST},
        {0}};
    struct kit k;
    kit_open(&k, answers);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    int rc = kit_manifest(&k, TENON_RESOLVE_PULL, &text, &err);
    if (token_answers[_i].says) {
        ck_assert_int_lt(rc, 0);
        ck_assert_msg(strstr(err.message, token_answers[_i].says) != NULL, "%s", err.message);
        ck_assert_int_eq(server_count(&k.server, "HEAD"), 1);
    } else {
        ck_assert_msg(rc == 0, "%s", err.message);
    }
    ck_assert_int_eq(server_refused(&k.server), 0);
    kit_close(&k);
}
END_TEST

/* Nobody where tokens are given is not worth a wait. */
START_TEST(test_auth_nobody_there)
{
    struct answer answers[] = {
        {.request = "HEAD", .head = "401 No\r\nWWW-Authenticate: Bearer "
                                    "realm=\"http://127.0.0.1:1/token\"\r\n"}, {0}};
    struct kit k;
    kit_open(&k, answers);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    int rc = kit_manifest(&k, TENON_RESOLVE_PULL, &text, &err);
    ck_assert_msg(rc == TENON_E_UNAVAILABLE, "%d %s", rc, err.message);
    ck_assert_msg(strstr(err.message, "failed to fetch oauth token") &&
                  strstr(err.message, "127.0.0.1:1: connect: connection refused"), "%s",
                  err.message);
    ck_assert_int_eq(server_count(&k.server, ""), 1);
    kit_close(&k);
}
END_TEST

/* ---- credentials ------------------------------------------------------------------------- */

/* What goes to where tokens are given, for each kind of user. */
static const struct {
    const char *user, *secret;
    const char *refused; /* how a GET is answered */
    const char *requests;
    const char *form;    /* what a POST brings; NULL: there is none */
} users[] = {
    {NULL, NULL, NULL, "GET", NULL},
    {"me", SECRET, NULL, "GET", NULL},
    {"me", NULL, NULL, "GET", NULL},
    {"<token>", "i&d", NULL, "POST",
     "grant_type=refresh_token&client_id=tenon&service=reg&"
     SCOPE "&refresh_token=i%26d"},
    {"m&e", "p=w", "404 Not Found\r\n", "GET POST",
     "grant_type=password&client_id=tenon&service=reg&"
     SCOPE "&username=m%26e&password=p%3Dw"},
    {"me", SECRET, "405 Not Allowed\r\n", "GET POST",
     "grant_type=password&client_id=tenon&service=reg&"
     SCOPE "&username=me&password=" SECRET},
    {"me", SECRET, "400 Bad\r\n", "GET", NULL},
    {"me", SECRET, "401 No\r\n", "GET", NULL},
    {"me", SECRET, "403 No\r\n", "GET", NULL},
    {"me", SECRET, "500 Oh\r\n", "GET", NULL},
    {NULL, NULL, "404 Not Found\r\n", "GET", NULL},
};

START_TEST(test_auth_users)
{
    auto_free char *head = digest_head(MANIFEST);
    const char *refused = users[_i].refused;
    struct answer answers[] = {
        {.request = "HEAD", .want = "Authorization: Bearer abc\r\n", .head = head},
        {.request = "HEAD", .want = "!Authorization:", .head = CHALLENGE},
        {.request = "GET /token",
         .want = !users[_i].user ? "!Authorization:"
                 : refused       ? NULL
                 : users[_i].secret ? ME_BASIC
                                    : "Authorization: Basic bWU6\r\n", /* me: */
         .head = refused ? refused : "200 OK\r\n", .body = "{\"token\":\"abc\"}"},
        {.request = "POST /token ", .want = "!Authorization:", .accept_upload = true,
         .head = "200 OK\r\n", .body = "{\"access_token\":\"abc\"}"},
        {.request = "GET /v2/", .head = OK_MANIFEST, .body = MANIFEST},
        {0}};
    struct kit k;
    kit_open(&k, answers);
    k.user = users[_i].user;
    k.secret = users[_i].secret;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    int rc = kit_manifest(&k, TENON_RESOLVE_PULL, &text, &err);
    bool fine = !refused || users[_i].form;
    bool busy = refused && *refused == '5';
    ck_assert_msg(rc == (fine ? 0 : busy ? TENON_E_UNAVAILABLE : TENON_E_DENIED), "%d %s", rc,
                  err.message);
    ck_assert(fine || !strstr(err.message, SECRET));
    ck_assert_int_eq(server_count(&k.server, "GET /token"),
                     busy ? 6 : users[_i].requests[0] == 'G');
    ck_assert_int_eq(server_count(&k.server, "POST"), users[_i].form != NULL);
    auto_free char *form = server_upload(&k.server);
    ck_assert_str_eq(form, users[_i].form ? users[_i].form : "");
    ck_assert_int_eq(server_refused(&k.server), 0);
    /* and the registry's own name, with the repository's, is what they were looked up by */
    auto_free char *name = tenon_asprintf("127.0.0.1:%u/team/app ", k.server.port);
    ck_assert_str_eq(k.asked, name);
    kit_close(&k);
}
END_TEST

/* A password goes to the registry itself only when that asks for it, and not as the identity
 * token that is no password. */
START_TEST(test_auth_basic)
{
    static const struct {
        const char *user;
        bool asks, gets;
    } cases[] = {{"me", true, true}, {"me", false, true}, {NULL, true, false},
                 {"<token>", true, false}};
    auto_free char *head = digest_head(MANIFEST);
    struct answer answers[] = {
        {.request = "HEAD", .want = cases[_i].asks ? ME_BASIC : "!Authorization:", .head = head},
        {.request = "HEAD", .want = "!Authorization:", .head = BASIC},
        {.request = "GET", .want = cases[_i].asks ? ME_BASIC : "!Authorization:",
         .head = OK_MANIFEST, .body = MANIFEST},
        {0}};
    struct kit k;
    kit_open(&k, answers);
    k.user = cases[_i].user;
    k.secret = SECRET;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    int rc = kit_manifest(&k, TENON_RESOLVE_PULL, &text, &err);
    ck_assert_msg(rc == (cases[_i].gets ? 0 : TENON_E_DENIED), "%d %s", rc, err.message);
    ck_assert(rc == 0 || strstr(err.message, "pull access denied"));
    /* it is good for the repository, which need not ask again; another one may have another */
    int heads = server_count(&k.server, "HEAD");
    if (rc == 0)
        ck_assert_int_eq(kit_manifest(&k, TENON_RESOLVE_PULL, &text, &err), 0);
    ck_assert_int_eq(server_count(&k.server, "HEAD"), heads + (rc == 0));
    snprintf(k.ref, sizeof k.ref, "127.0.0.1:%u/team/other:v1", k.server.port);
    if (rc == 0)
        ck_assert_int_eq(kit_manifest(&k, TENON_RESOLVE_PULL, &text, &err), 0);
    if (rc == 0)
        ck_assert_int_eq(server_count(&k.server, "HEAD"), heads + 2 + (cases[_i].asks ? 1 : 0));
    ck_assert_int_eq(server_refused(&k.server), 0);
    kit_close(&k);
}
END_TEST

/* ---- how long a token serves ----------------------------------------------------------------- */

static uint64_t clock_ns;

static uint64_t
read_clock(void)
{
    return clock_ns;
}

static const struct {
    const char *answer; /* NULL: basic credentials */
    uint64_t seconds;
} lifetimes[] = {
    {"{\"token\":\"abc\"}", 60},
    {"{\"token\":\"abc\",\"expires_in\":0}", 60},
    {"{\"token\":\"abc\",\"expires_in\":-5}", 60},
    {"{\"token\":\"abc\",\"expires_in\":1}", 1},
    {"{\"token\":\"abc\",\"expires_in\":120}", 120},
    {"{\"token\":\"abc\",\"expires_in\":290}", 290},
    {"{\"token\":\"abc\",\"expires_in\":300}", 290},
    {"{\"token\":\"abc\",\"expires_in\":9223372036854775807}", 290},
    {NULL, 290},
};

/* To the last moment it does, and the registry is not asked again for where to get one; a
 * moment later it does not. */
START_TEST(test_auth_lifetime)
{
    auto_free char *head = digest_head(MANIFEST);
    const char *body = lifetimes[_i].answer;
    struct answer answers[] = {
        {.request = "HEAD", .want = body ? "Authorization: Bearer abc\r\n" : ME_BASIC,
         .head = head},
        {.request = "HEAD", .want = "!Authorization:", .head = body ? CHALLENGE : BASIC},
        {.request = "GET /token", .head = "200 OK\r\n", .body = body},
        {.request = "GET", .head = OK_MANIFEST, .body = MANIFEST},
        {0}};
    struct kit k;
    clock_ns = UINT64_C(5000000000);
    kit_open_with(&k, answers, NULL, (struct tenon_registry_options){.now_ns = read_clock});
    k.user = "me";
    k.secret = SECRET;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    const uint64_t span = lifetimes[_i].seconds * 1000000000;
    static const int heads[] = {2, 3, 5, 6}; /* refused, again; served; refused, again; served */
    const uint64_t when[] = {clock_ns, clock_ns + span - 1, clock_ns + span,
                             clock_ns + span + span - 1};
    for (size_t i = 0; i < tenon_countof(when); i++) {
        clock_ns = when[i];
        ck_assert_msg(kit_manifest(&k, TENON_RESOLVE_PULL, &text, &err) == 0, "%s", err.message);
        ck_assert_int_eq(server_count(&k.server, "HEAD"), heads[i]);
        if (body)
            ck_assert_int_eq(server_count(&k.server, "GET /token"), i < 2 ? 1 : 2);
    }
    kit_close(&k);
}
END_TEST

/* What the registry does not take any more is replaced, once a request. */
START_TEST(test_auth_token_revoked)
{
    auto_free char *head = digest_head(MANIFEST);
    struct answer answers[] = {
        {.request = "HEAD", .times = 1, .want = "Authorization: Bearer one\r\n", .head = head},
        {.request = "HEAD", .times = 1, .want = "Authorization: Bearer two\r\n", .head = head},
        {.request = "HEAD", .head = CHALLENGE},
        {.request = "GET /token", .times = 1, .head = "200 OK\r\n", .body = "{\"token\":\"one\"}"},
        {.request = "GET /token", .head = "200 OK\r\n", .body = "{\"token\":\"two\"}"},
        {.request = "GET", .head = OK_MANIFEST, .body = MANIFEST},
        {0}};
    struct kit k;
    kit_open(&k, answers);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    for (int i = 1; i <= 2; i++) {
        ck_assert_msg(kit_manifest(&k, TENON_RESOLVE_PULL, &text, &err) == 0, "%s", err.message);
        ck_assert_int_eq(server_count(&k.server, "GET /token"), i);
    }
    ck_assert_int_eq(kit_manifest(&k, TENON_RESOLVE_PULL, &text, &err), TENON_E_DENIED);
    ck_assert_int_eq(server_count(&k.server, "GET /token"), 3);
    ck_assert_int_eq(server_count(&k.server, "HEAD"), 6);
    kit_close(&k);
}
END_TEST

static void
fire(void *data)
{
    tenon_cancel_fire(data);
}

/* Stopped while it is asked for. */
START_TEST(test_auth_cancelled)
{
    struct answer answers[] = {
        {.request = "HEAD", .head = CHALLENGE},
        {.request = "GET /token", .head = "200 OK\r\n", .silent = true, .then = fire},
        {0}};
    struct kit k;
    kit_open(&k, answers);
    k.call.cancel = tenon_cancel_new(NULL);
    k.server.data = k.call.cancel;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    ck_assert_int_eq(kit_manifest(&k, TENON_RESOLVE_PULL, &text, &err), TENON_E_CANCELLED);
    ck_assert_int_eq(server_count(&k.server, "HEAD"), 1);
    kit_close(&k);
    tenon_cancel_free(k.call.cancel);
}
END_TEST

/* ---- who gets to see it ------------------------------------------------------------------------ */

/* A token is for one repository of one registry: another of either gets none. */
START_TEST(test_auth_token_is_for_its_scope)
{
    static const char *const hosts[] = {"127.0.0.1", "127.0.0.1", "localhost"};
    static const char *const names[] = {"team/app:v2", "team/other:v1", "team/app:v1"};
    auto_free char *head = digest_head(MANIFEST);
    struct answer answers[] = {
        {.request = "HEAD /v2/team/app/manifests/v1", .times = 1, .want = "!Authorization:",
         .head = CHALLENGE},
        {.request = "HEAD /v2/team/app/manifests/v1", .times = 1,
         .want = "Authorization: Bearer abc\r\n", .head = head},
        {.request = "GET /token", .head = "200 OK\r\n", .body = "{\"token\":\"abc\"}"},
        {.request = "GET", .head = OK_MANIFEST, .body = MANIFEST},
        {.request = "HEAD", .want = _i == 0 ? "Authorization: Bearer abc\r\n" : "!Authorization:",
         .head = head},
        {0}};
    struct kit k;
    kit_open(&k, answers);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    ck_assert_msg(kit_manifest(&k, TENON_RESOLVE_PULL, &text, &err) == 0, "%s", err.message);
    snprintf(k.ref, sizeof k.ref, "%s:%u/%s", hosts[_i], k.server.port, names[_i]);
    ck_assert_msg(kit_manifest(&k, TENON_RESOLVE_PULL, &text, &err) == 0, "%s", err.message);
    ck_assert_int_eq(server_refused(&k.server), 0);
    kit_close(&k);
}
END_TEST

/* What is no password but a key to the account goes to who gives tokens, however that moves
 * within its server, and not to whom it names. */
START_TEST(test_auth_identity_stays)
{
    static const char *const ways[] = {"301", "302", "307", "308"};
    bool other = _i % 2;
    auto_free char *moved = tenon_asprintf("%s x\r\nLocation: %s/moved\r\n", ways[_i / 2],
                                           other ? "@OTHER@" : "@BASE@");
    auto_free char *head = digest_head(MANIFEST);
    struct answer answers[] = {
        {.request = "HEAD", .want = "Authorization: Bearer abc\r\n", .head = head},
        {.request = "HEAD", .head = CHALLENGE},
        {.request = "POST /token", .head = moved},
        {.request = "POST /moved", .head = "200 OK\r\n", .body = "{\"access_token\":\"abc\"}",
         .accept_upload = true},
        {.request = "GET", .head = OK_MANIFEST, .body = MANIFEST},
        {0}};
    struct kit k;
    kit_open(&k, answers);
    k.user = "<token>";
    k.secret = "identity";
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    int rc = kit_manifest(&k, TENON_RESOLVE_PULL, &text, &err);
    ck_assert_msg(rc == (other ? TENON_E_DENIED : 0), "%d %s", rc, err.message);
    ck_assert_int_eq(server_count(&k.server, "POST /moved"), !other);
    auto_free char *upload = server_upload(&k.server);
    ck_assert(other || tenon_has_suffix(upload, "&refresh_token=identity"));
    kit_close(&k);
}
END_TEST

/* Whom a registry sends on to cannot ask for its password. */
START_TEST(test_auth_challenge_of_others)
{
    struct answer answers[] = {
        {.request = "HEAD /v2", .head = "307 x\r\nLocation: @OTHER@/x\r\n"},
        {.request = "HEAD /x", .head = _i ? "401 x\r\nWWW-Authenticate: Basic realm=\"x\"\r\n"
                                          : "401 x\r\nWWW-Authenticate: Bearer realm=\"@BASE@/t\"\r\n"},
        {0}};
    struct kit k;
    kit_open(&k, answers);
    k.user = "me";
    k.secret = SECRET;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    ck_assert_int_eq(kit_manifest(&k, TENON_RESOLVE_PULL, &text, &err), TENON_E_DENIED);
    ck_assert_str_eq(k.asked, "");
    ck_assert_int_eq(server_count(&k.server, ""), 2);
    kit_close(&k);
}
END_TEST

/* A token that is for the registry itself is shown to it, as it is, when it wants one. */
START_TEST(test_auth_registry_token)
{
    auto_free char *head = digest_head(MANIFEST);
    struct answer answers[] = {
        {.request = "HEAD", .want = "Authorization: Bearer given\r\n", .head = head},
        {.request = "HEAD", .want = "!Authorization:", .head = _i ? BASIC : CHALLENGE},
        {.request = "GET /v2", .want = "Authorization: Bearer given\r\n", .head = OK_MANIFEST,
         .body = MANIFEST},
        {0}};
    struct kit k;
    kit_open(&k, answers);
    k.user = "<bearer>";
    k.secret = "given";
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    int rc = kit_manifest(&k, TENON_RESOLVE_PULL, &text, &err);
    ck_assert_msg(rc == (_i ? TENON_E_DENIED : 0), "%d %s", rc, err.message);
    ck_assert_int_eq(server_refused(&k.server), 0);
    kit_close(&k);
}
END_TEST

static int
push_empty(struct kit *k, struct tenon_error *err)
{
    struct tenon_image_source src = {.platform = "linux/amd64"};
    struct tenon_image_options o = {.level = -1};
    struct tenon_image_made made = {0};
    ck_assert_int_eq(tenon_image_make(k->store, &src, 1, &o, &made, err), 0);
    int rc = tenon_registry_push(k->registry, &k->call, k->ref, made.digest, false, err);
    tenon_image_made_release(&made);
    return rc;
}

/* An upload goes where the registry says; the token only to itself. */
START_TEST(test_auth_upload_elsewhere)
{
    struct answer others[] = {{.request = "PUT /upload", .want = "!Authorization:",
                               .accept_upload = true, .head = "201 Created\r\n"},
                              {0}};
    struct server other = {0};
    server_start(&other, others);
    auto_free char *away = tenon_asprintf("202 Accepted\r\nLocation: %s/upload\r\n", other.base);
    struct answer answers[] = {
        {.request = "HEAD /v2/", .want = "!Authorization:", .head = CHALLENGE, .times = 1},
        {.request = "GET /token", .head = "200 OK\r\n", .body = "{\"token\":\"abc\"}"},
        {.request = "HEAD", .want = "Authorization: Bearer abc\r\n", .head = "404 No\r\n"},
        {.request = "POST", .want = "Authorization: Bearer abc\r\n",
         .head = _i ? away : "202 Accepted\r\nLocation: @BASE@/upload\r\n"},
        {.request = "PUT", .want = "Authorization: Bearer abc\r\n", .accept_upload = true,
         .head = "201 Created\r\n"},
        {0}};
    struct kit k;
    kit_open(&k, answers);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_msg(push_empty(&k, &err) == 0, "%s", err.message);
    ck_assert_int_eq(server_count(&other, "PUT /upload?digest=sha256:"), _i);
    ck_assert_int_eq(server_count(&k.server, "PUT /upload?digest=sha256:"), !_i);
    ck_assert_int_eq(server_refused(&k.server), 0);
    ck_assert_int_eq(server_refused(&other), 0);
    server_stop(&other);
    kit_close(&k);
}
END_TEST

/* Nor does another host that asks for a password after a redirect or a location get one. */
START_TEST(test_auth_others_cannot_ask)
{
    struct answer others[] = {{.request = "", .want = "!Authorization:", .head = BASIC}, {0}};
    struct server other = {0};
    server_start(&other, others);
    auto_free char *away = tenon_asprintf("307 Away\r\nLocation: %s/x\r\n", other.base);
    struct answer answers[] = {{.request = "GET", .want = ME_BASIC, .head = away},
                               {.request = "GET", .head = away}, {0}};
    struct kit k;
    kit_open(&k, answers);
    k.user = "me";
    k.secret = SECRET;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_int_eq(kit_blob(&k, TEXT, -1, &err), TENON_E_DENIED);
    ck_assert_int_ge(server_count(&other, ""), 1);
    ck_assert_int_eq(server_refused(&other), 0);
    server_stop(&other);
    kit_close(&k);
}
END_TEST

/* Another host gets no credentials. */
START_TEST(test_auth_redirect)
{
    struct answer there[] = {{.request = "GET /data", .want = "!Authorization", .head = "200 OK\r\n",
                              .body = TEXT},
                             {0}};
    struct server cdn = {0};
    server_start(&cdn, there);
    auto_free char *moved = tenon_asprintf("307 Moved\r\nLocation: %s/data\r\n", cdn.base);
    struct answer answers[] = {{.request = "GET", .want = ME_BASIC, .head = moved},
                               {.request = "GET", .head = BASIC}, {0}};
    struct kit k;
    kit_open(&k, answers);
    k.user = "me";
    k.secret = SECRET;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_msg(kit_blob(&k, TEXT, 36, &err) == 0, "%s", err.message);
    ck_assert_int_eq(server_refused(&cdn), 0);
    kit_close(&k);
    server_stop(&cdn);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("registry-auth");
    TCase *t = tcase_create("auth");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, test_auth_challenges, 0, tenon_countof(challenges));
    tcase_add_loop_test(t, test_auth_answers, 0, tenon_countof(token_answers));
    tcase_add_test(t, test_auth_nobody_there);
    tcase_add_loop_test(t, test_auth_users, 0, tenon_countof(users));
    tcase_add_loop_test(t, test_auth_basic, 0, 4);
    tcase_add_loop_test(t, test_auth_lifetime, 0, tenon_countof(lifetimes));
    tcase_add_test(t, test_auth_token_revoked);
    tcase_add_test(t, test_auth_cancelled);
    tcase_add_loop_test(t, test_auth_token_is_for_its_scope, 0, 3);
    tcase_add_loop_test(t, test_auth_identity_stays, 0, 8);
    tcase_add_loop_test(t, test_auth_challenge_of_others, 0, 2);
    tcase_add_loop_test(t, test_auth_registry_token, 0, 2);
    tcase_add_loop_test(t, test_auth_upload_elsewhere, 0, 2);
    tcase_add_test(t, test_auth_others_cannot_ask);
    tcase_add_test(t, test_auth_redirect);
    suite_add_tcase(s, t);
    return unit_run(s);
}
