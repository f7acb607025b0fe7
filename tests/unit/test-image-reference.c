#include "unit.h"

#include "image/image.h"

#define D "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static const struct {
    const char *in, *full, *familiar;
} good[] = {
    {"busybox", "docker.io/library/busybox:latest", "busybox:latest"},
    {"busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36"},
    {"a/b", "docker.io/a/b:latest", "a/b:latest"},
    {"docker.io/busybox", "docker.io/library/busybox:latest", "busybox:latest"},
    {"index.docker.io/library/x", "docker.io/library/x:latest", "x:latest"},
    {"localhost/x", "localhost/x:latest", "localhost/x:latest"},
    {"localhost:5000/x", "localhost:5000/x:latest", "localhost:5000/x:latest"},
    {"127.0.0.1:5000/x:v1", "127.0.0.1:5000/x:v1", "127.0.0.1:5000/x:v1"},
    {"[::1]:5000/x", "[::1]:5000/x:latest", "[::1]:5000/x:latest"},
    {"quay.io/a/b/c:t", "quay.io/a/b/c:t", "quay.io/a/b/c:t"},
    {"x@" D, "docker.io/library/x@" D, "x@" D},
    {"x:t@" D, "docker.io/library/x:t@" D, "x:t@" D},
    {"a__b/c-d---e.f", "docker.io/a__b/c-d---e.f:latest", "a__b/c-d---e.f:latest"},
    {"MyHost/x", "MyHost/x:latest", "MyHost/x:latest"},
    {"library/x", "docker.io/library/x:latest", "x:latest"},
    {"library/x/y", "docker.io/library/x/y:latest", "library/x/y:latest"},
};

START_TEST(test_reference_good)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_reference r = {0};
    ck_assert_int_eq(tenon_reference_parse(good[_i].in, &r, &err), 0);
    auto_free char *full = tenon_reference_string(&r);
    auto_free char *familiar = tenon_reference_familiar(&r);
    ck_assert_str_eq(full, good[_i].full);
    ck_assert_str_eq(familiar, good[_i].familiar);
    tenon_reference_release(&r);

    /* the full form is a reference to the same thing */
    ck_assert_int_eq(tenon_reference_parse(full, &r, &err), 0);
    auto_free char *again = tenon_reference_string(&r);
    ck_assert_str_eq(again, full);
    tenon_reference_release(&r);
}
END_TEST

static const char *const bad[] = {
    "", ":", "x:", ":t", "x@", "@" D, "x y", "X", "a/B", "a//b", "/a", "a/",
    "x:" "t t", "x:-t", "x@sha256:12", "x@md5:d41d8cd98f00b204e9800998ecf8427e",
    "a_-b", "a___b", "-a", "a-", ".a/b.", "http://x/y", "localhost:port/x",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "-host.x/y", "x:ttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt"
    "ttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt",
};

START_TEST(test_reference_bad)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_reference r = {0};
    ck_assert_msg(tenon_reference_parse(bad[_i], &r, &err) < 0, "\"%s\" was accepted",
                  bad[_i]);
    ck_assert_ptr_null(r.domain);
    ck_assert_ptr_nonnull(err.message);
}
END_TEST

START_TEST(test_reference_too_long)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_reference r = {0};
    char name[300];
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    ck_assert_int_eq(tenon_reference_parse(name, &r, &err), TENON_E_INVALID);

    /* A tag has 128 characters at most. */
    enum { TAG_MAX = 128 };
    name[1] = ':';
    name[2 + TAG_MAX] = '\0';
    tenon_error_release(&err);
    ck_assert_int_eq(tenon_reference_parse(name, &r, &err), 0);
    ck_assert_uint_eq(strlen(r.tag), TAG_MAX);
    tenon_reference_release(&r);
    name[2 + TAG_MAX] = 'a';
    name[2 + TAG_MAX + 1] = '\0';
    ck_assert_int_eq(tenon_reference_parse(name, &r, &err), TENON_E_INVALID);
}
END_TEST

/* As BuildKit has them in provenance. */
static const struct {
    const char *name, *platform, *type, *purl;
} purls[] = {
    { "busybox", "linux/amd64", "docker", "pkg:docker/busybox@latest?platform=linux%2Famd64" },
    { "docker.io/library/busybox:1", NULL, "docker", "pkg:docker/busybox@1" },
    { "docker.io/a/b/c:1", NULL, "docker", "pkg:docker/a/b/c@1" },
    { "127.0.0.1:5000/x", "linux/arm/v6", "docker",
      "pkg:docker/127.0.0.1%3A5000/x@latest?platform=linux%2Farm%2Fv6" },
    { "a/x:t@sha256:0123456789012345678901234567890123456789012345678901234567890123", NULL, "oci",
      "pkg:oci/a/x@t?digest=sha256%3A"
      "0123456789012345678901234567890123456789012345678901234567890123" },
    { "a/x@sha256:0123456789012345678901234567890123456789012345678901234567890123", "linux/386",
      "docker", "pkg:docker/a/x?digest=sha256%3A"
      "0123456789012345678901234567890123456789012345678901234567890123&platform=linux%2F386" },
};

START_TEST(test_reference_purl)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_platform platform;
    if (purls[_i].platform)
        ck_assert_int_eq(tenon_platform_parse(purls[_i].platform, &platform, &err), 0);
    auto_free char *purl = tenon_image_purl(purls[_i].type, purls[_i].name,
                                            purls[_i].platform ? &platform : NULL, &err);
    ck_assert_ptr_nonnull(purl);
    ck_assert_str_eq(purl, purls[_i].purl);
    ck_assert_ptr_null(tenon_image_purl("docker", "NO", NULL, &err));
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("image-reference");
    TCase *t = tcase_create("reference");
    tcase_add_loop_test(t, test_reference_good, 0, (int)tenon_countof(good));
    tcase_add_loop_test(t, test_reference_bad, 0, (int)tenon_countof(bad));
    tcase_add_test(t, test_reference_too_long);
    tcase_add_loop_test(t, test_reference_purl, 0, (int)tenon_countof(purls));
    suite_add_tcase(s, t);
    return unit_run(s);
}
