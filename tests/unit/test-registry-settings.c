/* What "http" of the configuration says, and what follows from it: times, proxies, authorities;
 * and when a server wants to be asked again. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>

#include "registry/libcurl.h"
#include "registry/patience.h"
#include "registry/proxy.h"
#include "registry/settings.h"
#include "registry/trust.h"
#include "tools/alloc.h"

#define SECOND UINT64_C(1000000000)

START_TEST(test_settings_read)
{
    static const struct {
        const char *text;
        uint64_t stall_ns; /* 0: refused */
        const char *says;
    } cases[] = {
        {"{}", 60 * SECOND, NULL},
        {"{\"http\":{}}", 60 * SECOND, NULL},
        {"{\"http\":null}", 60 * SECOND, NULL},
        {"{\"http\":{\"stall-timeout\":\"1m30s\"}}", 90 * SECOND, NULL},
        {"{\"http\":{\"stall-timeout\":\"250ms\"}}", SECOND / 4, NULL},
        {"{\"http\":{\"stall-timeout\":\"0s\"}}", 0, "stall-timeout: expected a duration"},
        {"{\"http\":{\"stall-timeout\":\"-5s\"}}", 0, "stall-timeout: expected a duration"},
        {"{\"http\":{\"stall-timeout\":\"long\"}}", 0, "stall-timeout: expected a duration"},
        {"{\"http\":{\"patience\":\"900h\"}}", 0, "patience: expected a duration"},
        {"{\"http\":{\"stall-timeout\":60}}", 0, "stall-timeout"},
        {"{\"http\":[]}", 0, "http"},
        {"{\"http\":{\"proxy\":\"x\"}}", 0, "proxy"},
        {"{\"http\":{\"proxy\":{\"no\":[]}}}", 0, "proxy"},
        {"{\"http\":{\"cert-dirs\":\"/x\"}}", 0, "cert-dirs"},
        {"{\"http\":{\"cert-dirs\":[\"/x\"]}}", 60 * SECOND, NULL},
        {"{\"http\":{\"cert-dirs\":[\"/x\",7]}}", 0, "cert-dirs[1]: expected string"},
        {"{\"http\":{\"cert-dirs\":[null]}}", 0, "cert-dirs[0]: expected string"},
    };
    auto_json struct json_object *o = json_tokener_parse(cases[_i].text);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_http_settings s;
    int rc = tenon_http_settings(o, &s, &err);
    ck_assert_msg((rc == 0) == (cases[_i].stall_ns > 0), "%s: %d %s", cases[_i].text, rc, err.message);
    if (rc == 0) {
        ck_assert_uint_eq(s.stall_ns, cases[_i].stall_ns);
        ck_assert_uint_eq(s.connect_ns, 30 * SECOND);
    } else {
        ck_assert_msg(strstr(err.message, cases[_i].says) != NULL, "%s", err.message);
        ck_assert(tenon_has_prefix(err.message, "configuration"));
    }
}
END_TEST

/* As Go's net/http reads NO_PROXY, which is what curl has in common with it. */
START_TEST(test_settings_proxies)
{
    static const struct {
        const char *url, *no;
        enum { NEITHER, HTTP, HTTPS, BOTH } proxied;
    } cases[] = {
        {"http://example.org/x", NULL, BOTH},
        {"HTTP://example.org/x", "", BOTH},
        {"http://example.org/x", "*", NEITHER},
        {"http://example.org/x", "example.org", NEITHER},
        {"http://a.b.example.org/x", "example.org", NEITHER},
        {"http://notexample.org/x", "example.org", BOTH},
        {"http://example.org/x", ".example.org", BOTH},
        {"http://a.example.org/x", ".example.org", NEITHER},
        {"http://a.example.org/x", "*.example.org", NEITHER},
        {"http://example.org/x", "*.example.org", BOTH},
        {"http://EXAMPLE.org/x", "Example.ORG", NEITHER},
        {"http://example.org:8080/x", "example.org:8080", NEITHER},
        {"http://example.org:8081/x", "example.org:8080", BOTH},
        {"http://example.org/x", "example.org:80", HTTPS},
        {"http://example.org/x", "example.org:443", HTTP},
        {"http://example.org/x", "other.org, example.org ,third.org", NEITHER},
        {"http://example.org/x", "org", NEITHER},
        {"http://user:pw@example.org/x", "example.org", NEITHER},
        {"http://10.1.2.3/x", "10.0.0.0/8", NEITHER},
        {"http://11.1.2.3/x", "10.0.0.0/8", BOTH},
        {"http://10.1.2.3/x", "10.1.2.3", NEITHER},
        {"http://10.1.2.3:81/x", "10.1.2.3:80", BOTH},
        {"http://10.1.2.3/x", "1.2.3", BOTH},
        {"http://10.1.2.3/x", "10.1.2.0/23", NEITHER},
        {"http://10.1.4.3/x", "10.1.2.0/23", BOTH},
        {"http://[2001:db8::1]/x", "2001:db8::/32", NEITHER},
        {"http://[2001:db8::1]:81/x", "[2001:db8::1]:81", NEITHER},
        {"http://[2001:db8::1]/x", "2001:db8::1", NEITHER},
        {"http://[2001:db9::1]/x", "2001:db8::/32", BOTH},
        {"http://10.1.2.3/x", "0.0.0.0/0", NEITHER},
        {"http://10.1.2.3/x", "10.0.0.0/99,10.0.0.0/x,/8,:80", BOTH},
        {"http://localhost/x", NULL, NEITHER},
        {"http://localhost:81/x", NULL, NEITHER},
        {"http://127.0.0.1/x", NULL, NEITHER},
        {"http://127.9.9.9:5000/x", NULL, NEITHER},
        {"http://[::1]/x", NULL, NEITHER},
    };
    const struct tenon_http_settings s = {
        .proxy_http = "http://proxy:3128", .proxy_https = "http://secure:3129", .no_proxy = cases[_i].no};
    auto_free char *tls = tenon_asprintf("https%s", cases[_i].url + 4);
    ck_assert_msg(tenon_streq(tenon_proxy_for(&s, cases[_i].url),
                              cases[_i].proxied & HTTP ? "http://proxy:3128" : ""),
                  "%s %s", cases[_i].url, cases[_i].no);
    ck_assert_msg(tenon_streq(tenon_proxy_for(&s, tls),
                              cases[_i].proxied & HTTPS ? "http://secure:3129" : ""),
                  "%s %s", tls, cases[_i].no);
    const struct tenon_http_settings none = {.no_proxy = cases[_i].no};
    ck_assert_str_eq(tenon_proxy_for(&none, cases[_i].url), "");
}
END_TEST

START_TEST(test_settings_retry_after)
{
    static const struct {
        const char *text, *date;
        uint64_t ns;
    } cases[] = {
        {"1", NULL, SECOND},
        {"120", NULL, 120 * SECOND},
        {"0", NULL, 1},
        {"99999999999", NULL, UINT64_C(366) * 86400 * SECOND},
        {"-1", NULL, 0},
        {"1.5", NULL, 0},
        {"soon", NULL, 0},
        {"", NULL, 0},
        {"Fri, 31 Dec 1999 23:59:59 GMT", NULL, 1},
        {"Fri, 31 Dec 1999 23:59:59 GMT", "Fri, 31 Dec 1999 23:58:59 GMT", 60 * SECOND},
        {"Fri, 31 Dec 1999 23:59:59 GMT", "Sat, 01 Jan 2000 00:00:00 GMT", 1},
        {"Fri, 31 Dec 1999 23:59:59 GMT", "nonsense", 1},
        {"Friday, 31-Dec-99 23:59:59 GMT", "Fri, 31 Dec 1999 23:59:49 GMT", 10 * SECOND},
    };
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_int_eq(tenon_libcurl(&err), 0);
    ck_assert_uint_eq(tenon_retry_after(cases[_i].text, cases[_i].date), cases[_i].ns);
}
END_TEST

/* Pauses grow, are no shorter than the server wants, and have an end together. */
START_TEST(test_settings_pauses)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_patience p = {.first_ns = 1000, .total_ns = 1000000};
    uint64_t before = 0, last = 0;
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(tenon_patience_pause(&p, 0, NULL, &err), 0);
        uint64_t took = p.spent_ns - before;
        ck_assert_uint_ge(took, UINT64_C(1000) << i);
        ck_assert_uint_le(took, UINT64_C(1500) << i);
        ck_assert_uint_gt(took, last / 2);
        last = took;
        before = p.spent_ns;
    }
    ck_assert_int_eq(tenon_patience_pause(&p, 0, NULL, &err), TENON_E_LIMIT);
    ck_assert_int_eq(tenon_patience_pause(&p, 5000, NULL, &err), TENON_E_LIMIT);
    tenon_patience_renew(&p);
    ck_assert_int_eq(tenon_patience_pause(&p, 600000, NULL, &err), 0);
    ck_assert_uint_ge(p.spent_ns, 600000);
    ck_assert_int_eq(tenon_patience_pause(&p, 600000, NULL, &err), TENON_E_LIMIT);
    ck_assert_uint_le(p.spent_ns, p.total_ns);
    ck_assert_ptr_null(err.message);
}
END_TEST

/* A file and directories in place of the system's, each as Go has it. */
START_TEST(test_settings_trust)
{
    char dir[64];
    int dirfd = unit_tmpdir(dir);
    unit_write(dirfd, "one.pem", "first authority");
    mkdirat(dirfd, "certs", 0700);
    unit_write(dirfd, "certs/two.crt", "second authority");
    ck_assert_int_eq(symlinkat("two.crt", dirfd, "certs/0a1b2c3d.0"), 0);
    ck_assert_int_eq(symlinkat("../one.pem", dirfd, "certs/link.crt"), 0);
    auto_free char *file = tenon_asprintf("%s/one.pem", dir);
    auto_free char *certs = tenon_asprintf("%s/certs", dir);
    auto_json struct json_object *list = json_object_new_array();
    json_object_array_add(list, json_object_new_string("/no/such/directory"));
    json_object_array_add(list, json_object_new_string(certs));
    struct tenon_http_settings s = {0};
    ck_assert_ptr_null(tenon_trust_text(&s));
    s.cert_file = file;
    auto_free char *one = tenon_trust_text(&s);
    ck_assert(strstr(one, "first authority") && !strstr(one, "second authority"));
    s.cert_dirs = list;
    auto_free char *both = tenon_trust_text(&s);
    char *second = strstr(both, "second authority");
    ck_assert(second && !strstr(second + 1, "second authority"));
    ck_assert_ptr_null(strstr(both, "BEGIN CERTIFICATE")); /* the system's is out of it */
    char path[32], text[200] = "";
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_close int fd = tenon_trust_file(both, "a third one", path, &err);
    ck_assert_int_ge(fd, 0);
    auto_close int again = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_int_gt(read(again, text, sizeof text - 1), 0);
    ck_assert(strstr(text, "first authority") && strstr(text, "a third one"));
    unit_tmpdir_remove(dirfd, dir);
}
END_TEST

/* Binary certificates are passed over, as by Go: they do not hide those behind them. */
START_TEST(test_settings_trust_binary)
{
    static const char der[] = "0\202\0\1DER";
    char dir[64];
    int dirfd = unit_tmpdir(dir);
    mkdirat(dirfd, "der", 0700);
    mkdirat(dirfd, "pem", 0700);
    auto_close int fd = openat(dirfd, "der/one.crt", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_eq(write(fd, der, sizeof der), sizeof der);
    unit_write(dirfd, "pem/two.crt", "second authority");
    auto_free char *one = tenon_asprintf("%s/der/one.crt", dir);
    auto_free char *first = tenon_asprintf("%s/der", dir);
    auto_free char *then = tenon_asprintf("%s/pem", dir);
    auto_json struct json_object *list = json_object_new_array();
    json_object_array_add(list, json_object_new_string(first));
    json_object_array_add(list, json_object_new_string(then));
    const struct tenon_http_settings s = {.cert_file = _i ? one : "/dev/null", .cert_dirs = list};
    auto_free char *text = tenon_trust_text(&s);
    ck_assert_ptr_nonnull(strstr(text, "second authority"));
    unit_tmpdir_remove(dirfd, dir);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("registry-settings");
    TCase *t = tcase_create("settings");
    tcase_add_loop_test(t, test_settings_read, 0, 17);
    tcase_add_loop_test(t, test_settings_proxies, 0, 36);
    tcase_add_loop_test(t, test_settings_retry_after, 0, 13);
    tcase_add_test(t, test_settings_pauses);
    tcase_add_test(t, test_settings_trust);
    tcase_add_loop_test(t, test_settings_trust_binary, 0, 2);
    suite_add_tcase(s, t);
    return unit_run(s);
}
