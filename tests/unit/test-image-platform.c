#include "unit.h"

#include "image/image.h"

static const struct {
    const char *in, *out; /* out NULL: refused */
} names[] = {
    {"linux/amd64", "linux/amd64"}, {"linux/x86_64", "linux/amd64"},
    {"Linux/AMD64", "linux/amd64"}, {"linux/amd64/v1", "linux/amd64"},
    {"linux/amd64/v2", "linux/amd64/v2"}, {"linux/arm", "linux/arm/v7"},
    {"linux/arm/7", "linux/arm/v7"}, {"linux/arm/v6", "linux/arm/v6"},
    {"linux/armhf", "linux/arm/v7"}, {"linux/armel", "linux/arm/v6"},
    {"linux/aarch64", "linux/arm64"}, {"linux/arm64/v8", "linux/arm64"},
    {"linux/arm64/8", "linux/arm64"}, {"linux/arm64/v9", "linux/arm64/v9"},
    {"linux/i386", "linux/386"}, {"windows/amd64", "windows/amd64"},
    {"windows(10.0.17763)/amd64", "windows(10.0.17763)/amd64"},
    {"arm64", "linux/arm64"}, {"aarch64", "linux/arm64"}, {"s390x", "linux/s390x"},
    {"macos/arm64", "darwin/arm64"},
    {"", NULL}, {"linux/", NULL}, {"/amd64", NULL}, {"linux/amd64/v1/x", NULL},
    {"linux/*", NULL}, {"no-such-thing", NULL}, {"linux/a b", NULL},
    {"linux(1/amd64", NULL},
};

START_TEST(test_platform_names)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_platform p;
    char text[200];
    int rc = tenon_platform_parse(names[_i].in, &p, &err);
    if (!names[_i].out) {
        ck_assert_msg(rc < 0, "\"%s\" was accepted", names[_i].in);
        return;
    }
    ck_assert_msg(rc == 0, "%s", err.message);
    tenon_platform_format(&p, text);
    ck_assert_str_eq(text, names[_i].out);
}
END_TEST

static int
match(const char *want, const char *have)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_platform a, b;
    ck_assert_int_eq(tenon_platform_parse(want, &a, &err), 0);
    ck_assert_int_eq(tenon_platform_parse(have, &b, &err), 0);
    return tenon_platform_match(&a, &b);
}

START_TEST(test_platform_match_order)
{
    /* an older variant will do, the nearest first; a newer never */
    ck_assert_int_gt(match("linux/arm/v7", "linux/arm/v7"), match("linux/arm/v7", "linux/arm/v6"));
    ck_assert_int_gt(match("linux/arm/v7", "linux/arm/v6"), match("linux/arm/v7", "linux/arm/v5"));
    ck_assert_int_gt(match("linux/arm/v7", "linux/arm/v5"), 0);
    ck_assert_int_eq(match("linux/arm/v6", "linux/arm/v7"), 0);
    ck_assert_int_gt(match("linux/amd64/v3", "linux/amd64/v2"), match("linux/amd64/v3", "linux/amd64"));
    ck_assert_int_eq(match("linux/amd64", "linux/amd64/v2"), 0);
    ck_assert_int_gt(match("linux/amd64", "linux/amd64"), match("linux/amd64", "linux/386"));
    ck_assert_int_gt(match("linux/amd64", "linux/386"), 0);
    ck_assert_int_gt(match("linux/arm64", "linux/arm/v8"), match("linux/arm64", "linux/arm/v7"));
    ck_assert_int_eq(match("linux/amd64", "linux/arm64"), 0);
    ck_assert_int_eq(match("linux/amd64", "windows/amd64"), 0);
}
END_TEST

START_TEST(test_platform_host_is_linux)
{
    struct tenon_platform p;
    tenon_platform_host(&p);
    ck_assert_str_eq(p.os, "linux");
    ck_assert_str_ne(p.arch, "");
    ck_assert_str_ne(p.arch, "x86_64");
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("image-platform");
    TCase *t = tcase_create("platform");
    tcase_add_loop_test(t, test_platform_names, 0, (int)tenon_countof(names));
    tcase_add_test(t, test_platform_match_order);
    tcase_add_test(t, test_platform_host_is_linux);
    suite_add_tcase(s, t);
    return unit_run(s);
}
