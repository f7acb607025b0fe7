/* Where a reference's repository is looked for, and how it is talked to: the configuration, and
 * what is right without one. */
#include "registrykit.h"

#include <errno.h>

#include "registry/private.h"
#include "registry/url.h"

/* BASE REPO SCOPE[ ns=NS][ FLAGS], a line an endpoint. */
static char *
describe(const struct tenon_endpoints *list)
{
    struct tenon_buf out = TENON_BUF_INIT;
    for (size_t i = 0; i < list->len; i++) {
        const struct tenon_endpoint *e = &list->items[i];
        tenon_buf_addf(&out, "%s %s %s", e->base, e->repo, e->scope_repo);
        if (e->ns)
            tenon_buf_addf(&out, " ns=%s", e->ns);
        tenon_buf_addf(&out, "%s%s%s%s\n", e->maybe_tls ? " maybe-tls" : "",
                       e->fallback ? " fallback" : "", e->tls.insecure ? " insecure" : "",
                       e->tls.ca ? " ca" : "");
    }
    tenon_buf_addc(&out, '\0');
    return tenon_buf_steal(&out);
}

#define LOCAL "\"localhost:5000\""
#define SECURE "https://r.example/v2 a/b a/b\n"

static const struct {
    const char *config; /* of "registries", or NULL */
    const char *ref;
    bool push, insecure;
    const char *says; /* the endpoints; or "!" and part of an error */
} cases[] = {
    {NULL, "r.example/a/b", false, false, SECURE},
    {NULL, "r.example:5000/a", false, false, "https://r.example:5000/v2 a a\n"},
    {NULL, "alpine", true, false,
     "https://registry-1.docker.io/v2 library/alpine library/alpine\n"},
    {NULL, "docker.io/a/b", true, false, "https://registry-1.docker.io/v2 a/b a/b\n"},
    {NULL, "localhost:5000/a", false, false, "http://localhost:5000/v2 a a maybe-tls\n"},
    {NULL, "127.0.0.1:5000/a", true, false, "http://127.0.0.1:5000/v2 a a maybe-tls\n"},
    {"{}", "localhost:5000/a", false, false, "http://localhost:5000/v2 a a maybe-tls\n"},
    {"{\"other\": {\"insecure\": true}}", "r.example/a/b", false, false, SECURE},
    /* without verification, or without TLS */
    {"{\"r.example\": {\"insecure\": true}}", "r.example/a/b", false, false,
     "https://r.example/v2 a/b a/b insecure\nhttp://r.example/v2 a/b a/b fallback insecure\n"},
    {NULL, "r.example/a/b", false, true,
     "https://r.example/v2 a/b a/b insecure\nhttp://r.example/v2 a/b a/b fallback insecure\n"},
    {"{" LOCAL ": {\"insecure\": true}}", "localhost:5000/a", false, false,
     "https://localhost:5000/v2 a a insecure\nhttp://localhost:5000/v2 a a fallback insecure\n"},
    {"{\"r.example\": {\"insecure\": false}}", "r.example/a/b", false, false, SECURE},
    {"{\"r.example\": {\"plain-http\": true}}", "r.example/a/b", false, false,
     "http://r.example/v2 a/b a/b\n"},
    {"{\"r.example\": {\"plain-http\": true, \"insecure\": true}}", "r.example/a/b", false, false,
     "http://r.example/v2 a/b a/b insecure\n"},
    {"{" LOCAL ": {\"plain-http\": true}}", "localhost:5000/a", false, false,
     "http://localhost:5000/v2 a a\n"},
    {"{" LOCAL ": {\"plain-http\": false}}", "localhost:5000/a", false, false,
     "https://localhost:5000/v2 a a\n"},
    {"{" LOCAL ": {\"plain-http\": false, \"insecure\": true}}", "localhost:5000/a", false, false,
     "https://localhost:5000/v2 a a insecure\n"},
    {"{" LOCAL ": {\"ca\": \"@CA@\"}}", "localhost:5000/a", false, false,
     "https://localhost:5000/v2 a a ca\n"},
    {"{\"r.example\": {\"ca\": \"@CA@\"}}", "r.example/a/b", false, false,
     "https://r.example/v2 a/b a/b ca\n"},
    {"{\"r.example\": {\"ca\": \"/none/ca.pem\"}}", "r.example/a/b", false, false,
     "!configuration: registries: r.example: ca: "},
    /* mirrors: before it, to pull; each as its own settings say */
    {"{\"r.example\": {\"mirrors\": [\"m.example\", \"localhost:1\"]}}", "r.example/a/b", false,
     false, "https://m.example/v2 a/b a/b ns=r.example\n"
            "http://localhost:1/v2 a/b a/b ns=r.example maybe-tls\n" SECURE},
    {"{\"r.example\": {\"mirrors\": [\"m.example\"]}}", "r.example/a/b", true, false, SECURE},
    {"{\"r.example\": {\"mirrors\": [\"m.example/p/q/\"]}}", "r.example/a/b", false, false,
     "https://m.example/v2/p/q a/b p/q/a/b ns=r.example\n" SECURE},
    {"{\"r.example\": {\"mirrors\": [\"https://m.example//p\", \"http://n.example/\"]}}",
     "r.example/a/b", false, false,
     "https://m.example/v2/p a/b p/a/b ns=r.example\n"
     "http://n.example/v2 a/b a/b ns=r.example\n" SECURE},
    {"{\"r.example\": {\"mirrors\": [\"m.example\"]}, \"m.example\": {\"insecure\": true}}",
     "r.example/a/b", false, false,
     "https://m.example/v2 a/b a/b ns=r.example insecure\n"
     "http://m.example/v2 a/b a/b ns=r.example fallback insecure\n" SECURE},
    {"{\"r.example\": {\"mirrors\": [\"m.example\"], \"insecure\": true}}",
     "r.example/a/b", false, false,
     "https://m.example/v2 a/b a/b ns=r.example\n"
     "https://r.example/v2 a/b a/b insecure\nhttp://r.example/v2 a/b a/b fallback insecure\n"},
    {"{\"r.example\": {\"mirrors\": [\"m.example\"]}}", "r.example/a/b", false, true,
     "https://m.example/v2 a/b a/b ns=r.example\n"
     "https://r.example/v2 a/b a/b insecure\nhttp://r.example/v2 a/b a/b fallback insecure\n"},
    {"{\"docker.io\": {\"mirrors\": [\"m.example\"]}}", "alpine", false, false,
     "https://m.example/v2 library/alpine library/alpine ns=docker.io\n"
     "https://registry-1.docker.io/v2 library/alpine library/alpine\n"},
    {"{\"r.example\": {\"mirrors\": []}}", "r.example/a/b", false, false, SECURE},
    {"{\"r.example\": {\"mirrors\": [\"\"]}}", "r.example/a/b", false, false,
     "!configuration: invalid mirror \"\""},
    {"{\"r.example\": {\"mirrors\": [\"https:///x\"]}}", "r.example/a/b", false, false,
     "!configuration: invalid mirror \"https:///x\""},
    {"{\"r.example\": {\"mirrors\": [\"m.example\", 7]}}", "r.example/a/b", false, false,
     "!configuration: registries: r.example: mirrors[1] is not a string"},
    {"{\"r.example\": {\"mirrors\": \"m.example\"}}", "r.example/a/b", false, false,
     "!configuration: registries: r.example: "},
    {"{\"r.example\": {\"insecure\": \"yes\"}}", "r.example/a/b", false, false,
     "!configuration: registries: r.example: "},
    {"{\"r.example\": {\"plain-http\": 1}}", "r.example/a/b", false, false,
     "!configuration: registries: r.example: "},
    {"{\"r.example\": {\"ca\": true}}", "r.example/a/b", false, false,
     "!configuration: registries: r.example: "},
    {"{\"r.example\": 5}", "r.example/a/b", false, false, "!configuration: "},
    {"[]", "r.example/a/b", false, false, "!configuration: "},
};

static struct json_object *
configuration(const char *registries, const char *ca)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct json_object *o = NULL;
    const char *mark = registries ? strstr(registries, "@CA@") : NULL;
    auto_free char *filled =
        mark ? tenon_asprintf("%.*s%s%s", (int)(mark - registries), registries, ca, mark + 4)
             : tenon_strdup(registries);
    auto_free char *text = filled ? tenon_asprintf("{\"registries\": %s}", filled)
                                  : tenon_strdup("{}");
    ck_assert_msg(tenon_json_parse(text, strlen(text), 1 << 20, &o, &err) == 0, "%s", text);
    return o;
}

static bool
machine_has_settings(void)
{
    return access("/etc/docker/daemon.json", F_OK) == 0;
}

START_TEST(test_hosts_endpoints)
{
    char dir[64];
    int dirfd = unit_tmpdir(dir);
    unit_write(dirfd, "ca.pem", "-----BEGIN CERTIFICATE-----\n");
    auto_free char *ca = tenon_asprintf("%s/ca.pem", dir);
    struct tenon_registry r = {0};
    auto_json struct json_object *config = configuration(cases[_i].config, ca);
    r.o.config = config;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_reference ref = {0};
    ck_assert_int_eq(tenon_reference_parse(cases[_i].ref, &ref, &err), 0);
    auto_endpoints struct tenon_endpoints list = {0};
    int rc = tenon_endpoints_find(&r, &ref, cases[_i].push, cases[_i].insecure, &list, &err);
    if (cases[_i].says[0] == '!') {
        ck_assert_int_lt(rc, 0);
        ck_assert_msg(strstr(err.message, cases[_i].says + 1) != NULL, "%s", err.message);
    } else if (machine_has_settings()) {
        unit_not_tried("endpoints: /etc/docker/daemon.json has its say here");
    } else {
        auto_free char *got = describe(&list);
        ck_assert_msg(rc == 0, "%s", err.message);
        ck_assert_str_eq(got, cases[_i].says);
    }
    tenon_reference_release(&ref);
    unit_tmpdir_remove(dirfd, dir);
}
END_TEST

/* Who is known not to speak TLS is not asked for it; and then it is nobody's second way. */
START_TEST(test_hosts_known_to_be_plain)
{
    auto_json struct json_object *config = configuration(
        "{\"r.example\": {\"mirrors\": [\"http://m.example\"], \"insecure\": true}}", "");
    struct tenon_registry r = {.o = {.config = config}};
    struct tenon_endpoint known = {.base = tenon_strdup("http://r.example/v2")};
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_reference ref = {0};
    auto_endpoints struct tenon_endpoints list = {0};
    tenon_host_set(&r, &known, TENON_HOST_PLAIN, true);
    ck_assert_int_eq(tenon_reference_parse("r.example/a/b", &ref, &err), 0);
    ck_assert_int_eq(tenon_endpoints_find(&r, &ref, false, false, &list, &err), 0);
    auto_free char *got = describe(&list);
    ck_assert_str_eq(got, "http://m.example/v2 a/b a/b ns=r.example\n"
                          "http://r.example/v2 a/b a/b insecure\n");
    ck_assert_uint_eq(tenon_endpoints_next(&list, 0, TENON_E_NOT_FOUND, &err), 1);
    tenon_hosts_free(&r);
    tenon_endpoint_release(&known);
    tenon_reference_release(&ref);
}
END_TEST

/* Credentials for Docker's hub go by the name that people know it by. */
START_TEST(test_hosts_hub_name)
{
    struct tenon_registry r = {0};
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_reference ref = {0};
    auto_endpoints struct tenon_endpoints list = {0};
    ck_assert_int_eq(tenon_reference_parse("alpine", &ref, &err), 0);
    ck_assert_int_eq(tenon_endpoints_find(&r, &ref, true, false, &list, &err), 0);
    ck_assert_str_eq(list.items[list.len - 1].name, "docker.io");
    tenon_reference_release(&ref);
}
END_TEST

/* More mirrors than anybody has are not all tried. */
START_TEST(test_hosts_many_mirrors)
{
    struct tenon_buf text = TENON_BUF_INIT;
    tenon_buf_adds(&text, "{\"r.example\": {\"mirrors\": [\"m\"");
    for (int i = 1; i < 70; i++)
        tenon_buf_adds(&text, ", \"m\"");
    tenon_buf_adds(&text, "]}}");
    tenon_buf_addc(&text, '\0');
    auto_json struct json_object *config = configuration(text.data, "");
    struct tenon_registry r = {.o = {.config = config}};
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_reference ref = {0};
    auto_endpoints struct tenon_endpoints list = {0};
    ck_assert_int_eq(tenon_reference_parse("r.example/a", &ref, &err), 0);
    ck_assert_int_eq(tenon_endpoints_find(&r, &ref, false, false, &list, &err), 0);
    ck_assert_uint_eq(list.len, 65);
    tenon_reference_release(&ref);
    tenon_buf_release(&text);
}
END_TEST

START_TEST(test_hosts_urls)
{
    struct tenon_endpoint e = {.base = tenon_strdup("http://h:1/v2/p"), .repo = tenon_strdup("a/b"),
                               .maybe_tls = true};
    auto_free char *plain = tenon_endpoint_url(&e, "blobs", "sha256:0");
    ck_assert_str_eq(plain, "http://h:1/v2/p/a/b/blobs/sha256:0");
    e.ns = tenon_strdup("r.example:5");
    auto_free char *mirror = tenon_endpoint_url(&e, "manifests", "v1");
    ck_assert_str_eq(mirror, "http://h:1/v2/p/a/b/manifests/v1?ns=r.example:5");
    tenon_endpoint_use_tls(&e);
    ck_assert_str_eq(e.base, "https://h:1/v2/p");
    ck_assert(!e.maybe_tls); /* once is enough */
    tenon_endpoint_release(&e);
}
END_TEST

/* Who is asked after whom: anybody after a mirror, without TLS only what could not be reached
 * with it, and nobody when the user has had enough. */
START_TEST(test_hosts_next)
{
    struct tenon_endpoint items[6] = {{0}, {.fallback = true}, {0}, {.fallback = true},
                                      {.answered = true}, {.fallback = true}};
    const struct tenon_endpoints e = {items, 4}, spoke = {items + 4, 2};
    static const struct {
        size_t i;
        int rc;
        size_t next;
    } steps[] = {
        {0, TENON_E_UNAVAILABLE, 1}, {0, TENON_E_NOT_FOUND, 2}, {0, TENON_E_DENIED, 2},
        {0, TENON_E_CORRUPT, 2},     {0, TENON_E_CANCELLED, 4}, {1, TENON_E_UNAVAILABLE, 2},
        {1, TENON_E_DENIED, 2},      {2, TENON_E_UNAVAILABLE, 3}, {2, TENON_E_DENIED, 4},
        {3, TENON_E_UNAVAILABLE, 4}, {3, TENON_E_CANCELLED, 4},
    };
    struct tenon_error err = {.code = TENON_E_UNAVAILABLE};
    for (size_t i = 0; i < tenon_countof(steps); i++)
        ck_assert_msg(tenon_endpoints_next(&e, steps[i].i, steps[i].rc, &err) == steps[i].next,
                      "%zu", i);
    /* who has answered with TLS is busy, not without it */
    ck_assert_uint_eq(tenon_endpoints_next(&spoke, 0, TENON_E_UNAVAILABLE, &err), 2);
    /* a full disk is not another server's either */
    err.sys = ENOSPC;
    ck_assert_uint_eq(tenon_endpoints_next(&e, 0, TENON_E_FAILED, &err), 4);
}
END_TEST

/* How another host is talked to that tokens are got from. */
START_TEST(test_hosts_elsewhere)
{
    char dir[64];
    int dirfd = unit_tmpdir(dir);
    unit_write(dirfd, "ca.pem", "theirs");
    auto_free char *ca = tenon_asprintf("%s/ca.pem", dir);
    auto_json struct json_object *config =
        configuration("{\"t.example:5\": {\"ca\": \"@CA@\"}, \"i.example\": {\"insecure\": true}}", ca);
    struct tenon_registry r = {.o = {.config = config}};
    struct tenon_endpoint e = {.name = tenon_strdup("r.example"), .ca = tenon_strdup("ours"),
                               .cert = tenon_strdup("/cert"), .key = tenon_strdup("/key")};
    e.tls = (struct tenon_http_tls){.ca = e.ca, .cert = e.cert, .key = e.key};
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    static const struct {
        const char *url;
        bool from_insecure, theirs, insecure;
    } there[] = {
        {"https://t.example:5/token?x", false, true, false},
        {"https://t.example/token", false, false, false},
        {"https://i.example?x", false, false, true},
        {"https://t.example:5", true, true, true},
    };
    for (size_t i = 0; i < tenon_countof(there); i++) {
        auto_endpoint struct tenon_endpoint out = {0};
        e.tls.insecure = there[i].from_insecure;
        ck_assert_int_eq(tenon_endpoint_elsewhere(&r, &e, there[i].url, &out, &err), 0);
        ck_assert_ptr_nonnull(strstr(out.tls.ca, "ours"));
        ck_assert_int_eq(strstr(out.tls.ca, "theirs") != NULL, there[i].theirs);
        ck_assert_int_eq(out.tls.insecure, there[i].insecure);
        ck_assert_ptr_null(out.tls.cert);
        ck_assert_ptr_null(out.tls.key);
    }
    tenon_endpoint_release(&e);
    unit_tmpdir_remove(dirfd, dir);
}
END_TEST

START_TEST(test_hosts_loopback)
{
    static const char *const yes[] = {"localhost", "localhost:5000", "127.0.0.1", "127.9.9.9:1",
                                      "[::1]:5000", "[::1]"};
    static const char *const no[] = {"docker.io", "localhost.evil.example", "127.evil.example",
                                     "10.0.0.1:5000", "[::2]:5000", "1127.0.0.1", "localhosts",
                                     "128.0.0.1"};
    for (size_t i = 0; i < tenon_countof(yes); i++)
        ck_assert_msg(tenon_host_is_loopback(yes[i]), "%s", yes[i]);
    for (size_t i = 0; i < tenon_countof(no); i++)
        ck_assert_msg(!tenon_host_is_loopback(no[i]), "%s", no[i]);
}
END_TEST

START_TEST(test_hosts_origins)
{
    static const struct {
        const char *a, *b;
        bool same;
    } pairs[] = {
        {"http://a/x", "http://A:80/y?z", true},     {"https://a/x", "https://a:443", true},
        {"http://u:p@a/x", "http://a/x", true},      {"http://[::1]:5/x", "http://[::1]:5/y", true},
        {"http://a/x", "https://a/x", false},        {"http://a:1/x", "http://a:2/x", false},
        {"http://a:80/x", "https://a:80/x", false},  {"http://a/x", "http://b/x", false},
        {"http://a/x", "http://a.b/x", false},       {"http://a@b/x", "http://a/x", false},
        {"no url", "no url", false},                 {"", "", false},
        {"https://a/x", "https:/a/x", false},        {"https://a/x", "https:///a/x", false},
    };
    for (size_t i = 0; i < tenon_countof(pairs); i++) {
        ck_assert_msg(tenon_url_same_origin(pairs[i].a, pairs[i].b) == pairs[i].same, "%s %s",
                      pairs[i].a, pairs[i].b);
        ck_assert_int_eq(tenon_url_same_origin(pairs[i].b, pairs[i].a), pairs[i].same);
    }
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("registry-hosts");
    TCase *t = tcase_create("hosts");
    tcase_add_loop_test(t, test_hosts_endpoints, 0, tenon_countof(cases));
    tcase_add_test(t, test_hosts_known_to_be_plain);
    tcase_add_test(t, test_hosts_hub_name);
    tcase_add_test(t, test_hosts_many_mirrors);
    tcase_add_test(t, test_hosts_urls);
    tcase_add_test(t, test_hosts_next);
    tcase_add_test(t, test_hosts_elsewhere);
    tcase_add_test(t, test_hosts_loopback);
    tcase_add_test(t, test_hosts_origins);
    suite_add_tcase(s, t);
    return unit_run(s);
}
