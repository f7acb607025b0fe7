/* Each request of a pull and a push, answered badly in each way that networks know, at each
 * moment, in some 1,300 cells: it ends well where it can, and otherwise with one clear error and a
 * number of tries that is known before; nothing is lost, and nothing half done stays. */
#include "registrykit.h"

#include <dirent.h>

#define UPLOADS "/v2/team/app/blobs/uploads/"
#define CONFIG "{\"architecture\":\"amd64\",\"os\":\"linux\"}"
#define BASIC "Authorization: Basic bWU6cHc=\r\n" /* me:pw */
#define ANSWERS 16
#define TRIES 6 /* when the server does not say when to come back */
#define TRIES_ASKED 21

enum verb {
    HEAD_MANIFEST, GET_MANIFEST, GET_TAG, GET_BLOB, GET_TOKEN, POST_TOKEN,
    HEAD_BLOB, POST_BLOB, PUT_BLOB, HEAD_MANIFEST_PUSH, PUT_MANIFEST, VERBS
};

static const char *const requests[VERBS] = {
    [HEAD_MANIFEST] = "HEAD " PATH_MANIFEST,
    [GET_MANIFEST] = "GET " PATH_MANIFEST,
    [GET_TAG] = "GET " PATH_MANIFEST,
    [GET_BLOB] = "GET " PATH_BLOB,
    [GET_TOKEN] = "GET /token",
    [POST_TOKEN] = "POST /token",
    [HEAD_BLOB] = "HEAD " PATH_BLOB,
    [POST_BLOB] = "POST " UPLOADS,
    [PUT_BLOB] = "PUT /upload",
    [HEAD_MANIFEST_PUSH] = "HEAD " PATH_MANIFEST,
    [PUT_MANIFEST] = "PUT " PATH_MANIFEST,
};

static bool
is_push(enum verb v)
{
    return v >= HEAD_BLOB;
}

static bool
is_token(enum verb v)
{
    return v == GET_TOKEN || v == POST_TOKEN;
}

/* ---- one cell ------------------------------------------------------------------------- */

/* Cells of one row share the server and the store, and nothing else: what one has learned or
 * loaded is not there for the next. */
struct cell {
    struct kit k;
    struct answer answers[ANSWERS];
    size_t count;
    char *head, *manifest; /* of the pull, of the push */
    struct tenon_digest top, layer, config;
    struct tenon_error err;
    int rc;
};

static void
forget(struct cell *c, const char *data)
{
    struct tenon_digest d;
    tenon_digest_of(data, strlen(data), &d);
    auto_free char *path = tenon_asprintf("%s/store/content/blobs/sha256/%s", c->k.dir,
                                          tenon_digest_hex(&d));
    unlink(path);
}

static void
add(struct cell *c, struct answer a)
{
    ck_assert_uint_lt(c->count + 1, ANSWERS);
    pthread_mutex_lock(&c->k.server.lock);
    c->answers[c->count++] = a;
    pthread_mutex_unlock(&c->k.server.lock);
}

/* How a registry answers that has nothing to hide, below a prefix. */
static void
add_good(struct cell *c, enum verb v)
{
    if (is_token(v)) {
        add(c, (struct answer){.request = "GET /token", .head = "200 OK\r\n",
                               .body = "{\"token\":\"abc\"}"});
        add(c, (struct answer){.request = "POST /token", .head = "200 OK\r\n",
                               .body = "{\"access_token\":\"abc\"}"});
        add(c, (struct answer){.request = "", .want = "!Authorization:",
            .head = "401 No\r\nWWW-Authenticate: Bearer realm=\"@BASE@/token\"\r\n"});
    }
    if (is_push(v)) {
        add(c, (struct answer){.request = "HEAD", .head = "404 x\r\n"});
        add(c, (struct answer){.request = "POST", .head = "202 x\r\nLocation: /upload\r\n"});
        add(c, (struct answer){.request = "PUT", .head = "201 x\r\n"});
        return;
    }
    add(c, (struct answer){.request = "HEAD", .head = v == GET_TAG ? "200 OK\r\n" : c->head});
    add(c, (struct answer){.request = "GET " PATH_MANIFEST, .head = OK_MANIFEST, .body = MANIFEST});
    add(c, (struct answer){.request = "GET /r" PATH_MANIFEST, .head = OK_MANIFEST,
                           .body = MANIFEST});
    add(c, (struct answer){.request = "GET", .head = "200 OK\r\n", .body = TEXT});
}

static void
open_row(struct cell *c, const char *settings)
{
    *c = (struct cell){.head = digest_head(MANIFEST)};
    struct tenon_registry_options o = {.retry_ns = 1};
    if (settings)
        o.config = json_tokener_parse(settings);
    kit_open_with(&c->k, c->answers, NULL, o);
    /* nobody wonders whether it speaks TLS */
    auto_free char *host = tenon_strndup(c->k.ref, strcspn(c->k.ref, "/"));
    json_object_object_add(kit_configure(&c->k, host), "plain-http", json_object_new_boolean(true));
}

static void
next_cell(struct cell *c)
{
    struct kit *k = &c->k;
    tenon_error_release(&c->err);
    tenon_registry_free(k->registry);
    k->registry = tenon_registry_new(&(struct tenon_registry_options){
        .retry_ns = 1, .store = k->store, .config = k->config,
        .credentials = kit_credentials, .data = k});
    forget(c, MANIFEST);
    forget(c, TEXT);
    pthread_mutex_lock(&k->server.lock);
    memset(c->answers, 0, sizeof c->answers);
    memset(k->server.used, 0, sizeof k->server.used);
    tenon_buf_clear(&k->server.log);
    k->server.refused = 0;
    k->asked[0] = '\0';
    pthread_mutex_unlock(&k->server.lock);
    c->count = 0;
}

/* An image of one layer in the store, to be pushed. */
static void
make_image(struct cell *c)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_int_eq(tenon_blob_put(c->k.store, CONFIG, strlen(CONFIG), &c->config, &err), 0);
    ck_assert_int_eq(tenon_blob_put(c->k.store, TEXT, strlen(TEXT), &c->layer, &err), 0);
    free(c->manifest);
    c->manifest = tenon_asprintf(
        "{\"schemaVersion\":2,\"mediaType\":\"" TENON_MT_OCI_MANIFEST "\",\"config\":{\"mediaType\":"
        "\"" TENON_MT_OCI_CONFIG "\",\"digest\":\"%s\",\"size\":%zu},\"layers\":[{\"mediaType\":"
        "\"application/vnd.oci.image.layer.v1.tar\",\"digest\":\"%s\",\"size\":36}]}",
        c->config.str, strlen(CONFIG), c->layer.str);
    ck_assert_int_eq(tenon_blob_put(c->k.store, c->manifest, strlen(c->manifest), &c->top, &err), 0);
}

static void
run_cell(struct cell *c, enum verb v)
{
    struct kit *k = &c->k;
    if (v == POST_TOKEN) {
        k->user = "<token>";
        k->secret = "identity";
    }
    if (is_push(v)) {
        make_image(c);
        c->rc = tenon_registry_push(k->registry, &k->call, k->ref, c->top.str, false, &c->err);
        return;
    }
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    c->rc = kit_manifest(k, TENON_RESOLVE_PULL, &text, &c->err);
    ck_assert(c->rc < 0 || tenon_streq(tenon_buf_str(&text), MANIFEST));
    if (c->rc == 0)
        c->rc = kit_blob(k, TEXT, 36, &c->err);
}

static int
entries(const char *dir)
{
    DIR *d = opendir(dir);
    int count = 0;
    for (struct dirent *e; d && (e = readdir(d));)
        count += e->d_name[0] != '.';
    if (d)
        closedir(d);
    return count;
}

/* All of it is there, or nothing and one error that names the server. */
static void
check_cell(struct cell *c, enum verb v, const char *what)
{
    struct tenon_digest d;
    tenon_digest_of(TEXT, strlen(TEXT), &d);
    const char *said = c->err.message ? c->err.message : "";
    auto_free char *tmp = tenon_asprintf("%s/store/tmp", c->k.dir);
    ck_assert_int_eq(entries(tmp), 0);
    if (c->rc == 0) {
        ck_assert_msg(!c->err.code, "%d %s: %s", v, what, said);
        if (is_push(v))
            ck_assert_int_ge(server_count(&c->k.server, "PUT " PATH_MANIFEST "v1"), 1);
        else
            ck_assert(tenon_blob_exists(c->k.store, d.str, NULL));
        return;
    }
    ck_assert_msg(c->err.code == c->rc, "%d %s: %d %s", v, what, c->rc, said);
    ck_assert_msg(strstr(said, "127.0.0.1:") || strstr(said, "localhost:"), "%d %s: %s", v, what,
                  said);
    ck_assert_msg(strlen(said) < 600 && !strchr(said, '\n'), "%d %s: %s", v, what, said);
    if (is_push(v) && v != PUT_MANIFEST)
        ck_assert_int_eq(server_count(&c->k.server, "PUT " PATH_MANIFEST), 0);
    else if (!is_push(v))
        ck_assert(!tenon_blob_exists(c->k.store, d.str, NULL));
}

static void
close_row(struct cell *c)
{
    tenon_error_release(&c->err);
    kit_close(&c->k);
    free(c->head);
    free(c->manifest);
}

/* ---- what may pass ---------------------------------------------------------------------- */

static const struct {
    const char *head;
    bool asked; /* it says when to come back */
    bool reset, unread;
} passing[] = {
    {.head = "408 x\r\n"}, {.head = "425 x\r\n"}, {.head = "429 x\r\n"}, {.head = "500 x\r\n"},
    {.head = "502 x\r\n"}, {.head = "503 x\r\n"}, {.head = "504 x\r\n"}, {.head = "520 x\r\n"},
    {.head = "529 x\r\n"},
    {.head = ""},                          /* hangs up */
    {.head = "200 O"},                     /* in the middle of the head */
    {.head = "429 x\r\nRetry-After: 0\r\n", .asked = true},
    {.head = "503 x\r\nRetry-After: Thu, 01 Jan 2015 00:00:00 GMT\r\n", .asked = true},
    {.head = "503 x\r\nDate: Thu, 01 Jan 2015 00:00:10 GMT\r\n"
     "Retry-After: Thu, 01 Jan 2015 00:00:10 GMT\r\n", .asked = true},
    {.head = "429 x\r\nRetry-After: soon\r\n"},
    {.head = "reset", .reset = true},
    {.head = "unread", .unread = true}, /* gone while the body is on its way */
};
static const int moments[] = {1, 2, 5, 0}; /* how many times it is answered so; 0: always */

static void
try_passing(struct cell *c, enum verb v, size_t f, int times)
{
    next_cell(c);
    add(c, (struct answer){.request = requests[v], .head = passing[f].head, .times = times,
                           .reset = passing[f].reset, .unread = passing[f].unread});
    add_good(c, v);
    run_cell(c, v);
    check_cell(c, v, passing[f].head);
    int want = times ? 0 : TENON_E_UNAVAILABLE;
    ck_assert_msg(c->rc == want, "%d %s: %d %s", v, passing[f].head, c->rc, c->err.message);
    if (want)
        ck_assert_int_eq(server_count(&c->k.server, requests[v]),
                         passing[f].asked ? TRIES_ASKED : TRIES);
}

/* Once, twice, five times costs as many tries more; always, as many as there are. */
START_TEST(test_faults_that_pass)
{
    struct cell c;
    open_row(&c, NULL);
    for (size_t f = 0; f < tenon_countof(passing); f++)
        for (size_t m = 0; m < tenon_countof(moments); m++)
            try_passing(&c, (enum verb)_i, f, moments[m]);
    close_row(&c);
}
END_TEST

/* Who says to come back later than we wait for is believed, and not asked again. */
START_TEST(test_faults_too_late)
{
    struct cell c;
    open_row(&c, NULL);
    for (int i = 0; i < VERBS; i++) {
        enum verb v = (enum verb)i;
        next_cell(&c);
        add(&c, (struct answer){.request = requests[v],
                                .head = "429 x\r\nRetry-After: 3600\r\n"});
        add_good(&c, v);
        run_cell(&c, v);
        check_cell(&c, v, "3600");
        ck_assert_int_eq(c.rc, TENON_E_UNAVAILABLE);
        ck_assert_int_eq(server_count(&c.k.server, requests[v]), 1);
        ck_assert_msg(strstr(c.err.message, "(it asks to come back in 3600s)"), "%s",
                      c.err.message);
    }
    close_row(&c);
}
END_TEST

/* ---- what does not ---------------------------------------------------------------------- */

static const int final[] = {300, 304, 305, 400, 401, 402, 403, 404, 405, 406, 409, 410, 411, 412,
                            413, 414, 415, 416, 418, 422, 431, 451, 501, 505, 507, 508, 511, 600};

/* These have another meaning for that request. */
static bool
is_known(enum verb v, int status)
{
    switch ((int)v) {
    case HEAD_BLOB:
    case HEAD_MANIFEST_PUSH:
        return status == 400 || status == 401 || status == 403 || status == 404 ||
               status == 405 || status == 501;
    case HEAD_MANIFEST:
        return status == 405 || status == 501;
    default:
        return false;
    }
}

static int
code_of(enum verb v, int status)
{
    if (is_token(v) || status == 401 || status == 403)
        return TENON_E_DENIED;
    if (status == 404)
        return TENON_E_NOT_FOUND;
    return TENON_E_FAILED;
}

static void
try_final(struct cell *c, enum verb v, int status)
{
    auto_free char *head = tenon_asprintf("%d x\r\n", status);
    auto_free char *number = tenon_asprintf(": %d", status);
    next_cell(c);
    add(c, (struct answer){.request = requests[v], .head = head});
    add_good(c, v);
    run_cell(c, v);
    check_cell(c, v, head);
    if (is_known(v, status)) {
        ck_assert_msg(c->rc == 0, "%d %s: %s", v, head, c->err.message);
        return;
    }
    int code = code_of(v, status);
    ck_assert_msg(c->rc == code, "%d %s: %d %s", v, head, c->rc, c->err.message);
    bool has_words = !is_token(v) && (code == TENON_E_DENIED || code == TENON_E_NOT_FOUND);
    ck_assert_msg(has_words || strstr(c->err.message, number), "%d %s: %s", v, head,
                  c->err.message);
    /* of an upload that is not known any more there may be another one */
    bool lost = v == PUT_BLOB && (status == 404 || status == 416);
    ck_assert_int_eq(server_count(&c->k.server, requests[v]), lost ? 3 : 1);
}

START_TEST(test_faults_that_stay)
{
    struct cell c;
    open_row(&c, NULL);
    for (size_t f = 0; f < tenon_countof(final); f++)
        try_final(&c, (enum verb)_i, final[f]);
    close_row(&c);
}
END_TEST

/* ---- elsewhere --------------------------------------------------------------------------- */

static const char *const places[] = {"/r@PATH@", "@BASE@/r@PATH@", "@OTHER@/r@PATH@"};
static const int ways[] = {301, 302, 303, 307, 308};

/* What is elsewhere, for anybody who does not say who they are. */
static void
add_elsewhere(struct cell *c, enum verb v)
{
    static const char *const methods[] = {"GET /r/", "HEAD /r/", "POST /r/", "PUT /r/"};
    for (size_t i = 0; i < tenon_countof(methods); i++)
        add(c, (struct answer){.request = methods[i], .want = BASIC, .head = "500 who\r\n"});
    add(c, (struct answer){.request = "HEAD /r/", .head = is_push(v)      ? "404 x\r\n"
                                                          : v == GET_TAG ? "200 OK\r\n"
                                                                         : c->head});
    add(c, (struct answer){.request = "GET /r" PATH_MANIFEST, .head = OK_MANIFEST,
                           .body = MANIFEST});
    if (!is_push(v))
        add(c, (struct answer){.request = "GET /r/", .head = "200 OK\r\n", .body = TEXT});
    add(c, (struct answer){.request = "POST /r/", .head = "202 x\r\nLocation: @BASE@/upload\r\n"});
    add(c, (struct answer){.request = "PUT /r/", .head = "201 x\r\n"});
}

/* The request goes on there, body and all, with our name where it is the same server.  For 303
 * what is there tells the result of a push: here with a page of words, or that all is well when
 * the registry has not got it. */
static void
try_redirect(struct cell *c, enum verb v, int status, const char *place, const char *page)
{
    bool other = strstr(place, "@OTHER@"), told = status == 303 && requests[v][0] == 'P';
    auto_free char *head = tenon_asprintf("%d x\r\nLocation: %s\r\n", status, place);
    auto_free char *there = tenon_asprintf("%.*s/r/", (int)strcspn(requests[v], " ") + 1,
                                           requests[v]);
    next_cell(c);
    c->k.user = "me";
    c->k.secret = "pw";
    if (told)
        add(c, (struct answer){.request = "GET /r/", .want = other ? "!" BASIC : NULL,
                               .head = "200 OK\r\n", .body = page});
    if (other)
        add_elsewhere(c, v);
    add(c, (struct answer){.request = "", .want = "!" BASIC,
                           .head = "401 x\r\nWWW-Authenticate: Basic realm=\"x\"\r\n"});
    add(c, (struct answer){.request = requests[v], .want = BASIC, .head = head});
    add_good(c, v);
    run_cell(c, v);
    ck_assert_msg((c->rc == 0) == !told, "%d %s: %s", v, head, c->err.message);
    if (told && !*page)
        ck_assert_msg(strstr(c->err.message, v == POST_BLOB ? "upload without a location"
                                                            : "has not got it"),
                      "%d %s: %s", v, head, c->err.message);
    if (!told)
        ck_assert_int_ge(server_count(&c->k.server, there), 1);
    ck_assert_msg(told || server_refused(&c->k.server) == 0, "%d %s", v, head);
}

START_TEST(test_faults_redirects)
{
    struct cell c;
    enum verb v = (enum verb)_i;
    if (is_token(v))
        return; /* test-registry-auth */
    open_row(&c, NULL);
    for (size_t w = 0; w < tenon_countof(ways); w++)
        for (size_t p = 0; p < tenon_countof(places); p++) {
            try_redirect(&c, v, ways[w], places[p], TEXT);
            if (ways[w] == 303 && requests[v][0] == 'P')
                try_redirect(&c, v, 303, places[p], "");
        }
    close_row(&c);
}
END_TEST

/* ---- slow ---------------------------------------------------------------------------------- */

#define SHORT "{\"http\":{\"stall-timeout\":\"60ms\",\"send-stall-timeout\":\"60ms\"}}"

/* An answer that takes longer to begin than a body may stand still is waited for, once. */
START_TEST(test_faults_late)
{
    struct cell c;
    open_row(&c, SHORT);
    for (int i = 0; i < VERBS; i++) {
        enum verb v = (enum verb)i;
        next_cell(&c);
        add_good(&c, v);
        for (size_t a = 0; a < c.count; a++)
            if (tenon_has_prefix(requests[v], c.answers[a].request) && *c.answers[a].request)
                c.answers[a].delay_ms = 200;
        run_cell(&c, v);
        check_cell(&c, v, "late");
        ck_assert_msg(c.rc == 0, "%d: %s", v, c.err.message);
        bool two = v >= HEAD_BLOB && v <= PUT_BLOB; /* blobs */
        ck_assert_int_eq(server_count(&c.k.server, requests[v]), two ? 2 : 1);
    }
    close_row(&c);
}
END_TEST

/* ---- bodies ---------------------------------------------------------------------------------- */

static const struct {
    enum verb verb;
    const char *head, *body;
} bodies[] = {
    {GET_MANIFEST, OK_MANIFEST, MANIFEST},
    {GET_TAG, OK_MANIFEST, MANIFEST},
    {GET_BLOB, "200 OK\r\n", TEXT},
    {GET_TOKEN, "200 OK\r\n", "{\"token\":\"abc\"}"},
    {POST_TOKEN, "200 OK\r\n", "{\"access_token\":\"abc\"}"},
};

/* A body that breaks off anywhere comes again, from there on if it can be. */
START_TEST(test_faults_cut)
{
    struct cell c;
    const enum verb v = bodies[_i].verb;
    const size_t len = strlen(bodies[_i].body), places_of[] = {0, 1, len / 2, len - 1};
    auto_free char *head = tenon_asprintf("%sContent-Length: %zu\r\n", bodies[_i].head, len);
    open_row(&c, NULL);
    for (size_t p = 0; p < tenon_countof(places_of); p++)
        for (size_t m = 0; m < tenon_countof(moments); m++) {
            next_cell(&c);
            add(&c, (struct answer){.request = requests[v], .head = head,
                                    .body = places_of[p] ? bodies[_i].body : "",
                                    .cut = places_of[p], .times = moments[m]});
            add_good(&c, v);
            run_cell(&c, v);
            check_cell(&c, v, "cut");
            const int want = moments[m] ? 0 : TENON_E_UNAVAILABLE;
            ck_assert_msg(c.rc == want, "%d at %zu, %d times: %d %s", v, places_of[p], moments[m],
                          c.rc, c.err.message);
            ck_assert_int_eq(server_count(&c.k.server, requests[v]),
                             moments[m] ? moments[m] + 1 : TRIES);
        }
    close_row(&c);
}
END_TEST

/* A body that is not what was asked for is refused, whatever its length, and not asked for again
 * but where there may be more of it. */
START_TEST(test_faults_other_bytes)
{
    struct cell c;
    const enum verb v = bodies[_i].verb;
    const size_t len = strlen(bodies[_i].body);
    auto_free char *other = tenon_strdup(bodies[_i].body);
    auto_free char *longer = tenon_asprintf("%s\n", bodies[_i].body);
    auto_free char *shorter = tenon_strndup(bodies[_i].body, len - 1);
    other[len / 2] ^= 1;
    const char *const texts[] = {other, longer, shorter, "", "<html>moved</html>"};
    if (v == GET_TAG)
        return; /* for all that anybody knows, the tag stands for them */
    open_row(&c, NULL);
    for (size_t t = 0; t < tenon_countof(texts); t++) {
        next_cell(&c);
        add(&c, (struct answer){.request = requests[v], .head = bodies[_i].head,
                                .body = texts[t]});
        add_good(&c, v);
        run_cell(&c, v);
        check_cell(&c, v, texts[t]);
        const bool part = v == GET_BLOB && strlen(texts[t]) < len;
        const int want = part                              ? TENON_E_UNAVAILABLE
                         : v == GET_BLOB || v == GET_MANIFEST ? TENON_E_CORRUPT
                         : texts[t] == longer              ? 0
                                                           : c.err.code;
        ck_assert_msg(c.rc == want && (c.rc == 0) == (is_token(v) && texts[t] == longer),
                      "%d \"%s\": %d %s", v, texts[t], c.rc, c.err.message);
        ck_assert_int_eq(server_count(&c.k.server, requests[v]), part ? TRIES : 1);
    }
    close_row(&c);
}
END_TEST

/* A body that stands still is asked for again, from there on if it can be. */
START_TEST(test_faults_stalled)
{
    struct cell c;
    open_row(&c, SHORT);
    for (int i = 0; i < 2 * (int)tenon_countof(bodies); i++) {
        enum verb v = bodies[i / 2].verb;
        bool always = i % 2;
        next_cell(&c);
        add(&c, (struct answer){.request = requests[v], .body = bodies[i / 2].body,
                                .head = bodies[i / 2].head, .cut = 5, .stall = true, .times = always ? 0 : 1});
        add_good(&c, v);
        run_cell(&c, v);
        check_cell(&c, v, "stalled");
        ck_assert_msg(c.rc == (always ? TENON_E_UNAVAILABLE : 0), "%d: %d %s", v, c.rc,
                      c.err.message);
        ck_assert_msg(!always || strstr(c.err.message, "the answer stopped: 5 bytes came, then "
                                                       "none for 0.06s"), "%s", c.err.message);
        ck_assert_int_eq(server_count(&c.k.server, requests[v]), always ? TRIES : 2);
    }
    close_row(&c);
}
END_TEST

/* A server that does not read what is sent to it is not waited for for ever. */
START_TEST(test_faults_deaf)
{
    struct server s = {0};
    struct answer answers[] = {{.request = "PUT", .deaf = true, .head = "201 x\r\n"}, {0}};
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_json struct json_object *config = json_tokener_parse(SHORT);
    size_t len = (size_t)64 << 20;
    auto_free char *body = tenon_calloc(len, 1);
    server_start(&s, answers);
    struct tenon_http *h = tenon_http_new(config);
    struct tenon_http_request req = {.method = "PUT", .url = s.base, .body = body, .body_len = len};
    auto_response struct tenon_http_response res = {0};
    ck_assert_int_eq(tenon_http_do(h, &req, &res, NULL, &err), TENON_E_UNAVAILABLE);
    ck_assert_msg(strstr(err.message, "the server stopped reading: it took ") &&
                  strstr(err.message, " of 67108864 bytes, then none for 0.06s"), "%s", err.message);
    tenon_http_free(h);
    server_stop(&s);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("registry-faults");
    TCase *t = tcase_create("faults");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, test_faults_that_pass, 0, VERBS);
    tcase_add_test(t, test_faults_too_late);
    tcase_add_loop_test(t, test_faults_that_stay, 0, VERBS);
    tcase_add_loop_test(t, test_faults_redirects, 0, VERBS);
    tcase_add_loop_test(t, test_faults_cut, 0, tenon_countof(bodies));
    tcase_add_loop_test(t, test_faults_other_bytes, 0, tenon_countof(bodies));
    tcase_add_test(t, test_faults_late);
    tcase_add_test(t, test_faults_stalled);
    tcase_add_test(t, test_faults_deaf);
    suite_add_tcase(s, t);
    return unit_run(s);
}
