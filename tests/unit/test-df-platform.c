/* Platforms by containerd's rules: what a text means, alone and on which
 * machine. */
#include "convert/platform.h"
#include "unit.h"

static const struct df_platform amd64 = {"linux", "amd64", "", ""};
static const struct df_platform arm7 = {"linux", "arm", "v7", ""};
static const struct df_platform arm6 = {"linux", "arm", "v6", ""};

static const struct {
    const char *text;
    const struct df_platform *host;
    const char *parsed, *normal; /* formatted; normal NULL: the same */
} good[] = {
    /* one word: an operating system or an architecture */
    {"linux", &amd64, "linux/amd64", NULL},
    {"linux", &arm6, "linux/arm/v6", NULL},
    {"linux", &arm7, "linux/arm", "linux/arm/v7"},
    {"Linux", &amd64, "linux/amd64", NULL},
    {"darwin", &amd64, "darwin/amd64", NULL},
    {"macOS", &amd64, "darwin/amd64", NULL},
    {"windows", &amd64, "windows/amd64", NULL},
    {"amd64", &amd64, "linux/amd64", NULL},
    {"x86_64", &amd64, "linux/amd64", NULL},
    {"X86-64", &amd64, "linux/amd64", NULL},
    {"i386", &amd64, "linux/386", NULL},
    {"386", &amd64, "linux/386", NULL},
    {"arm64", &amd64, "linux/arm64", NULL},
    {"aarch64", &amd64, "linux/arm64", NULL},
    {"arm", &amd64, "linux/arm", "linux/arm/v7"},
    {"armhf", &amd64, "linux/arm", "linux/arm/v7"},
    {"armel", &amd64, "linux/arm/v6", NULL},
    {"s390x", &amd64, "linux/s390x", NULL},
    {"riscv64", &amd64, "linux/riscv64", NULL},
    {"loong64", &amd64, "linux/loong64", NULL},
    {"ppc64le", &amd64, "linux/ppc64le", NULL},
    {"mips64le", &amd64, "linux/mips64le", NULL},
    {"wasm", &amd64, "linux/wasm", NULL},
    /* two: whatever they are */
    {"linux/amd64", &amd64, "linux/amd64", NULL},
    {"linux/x86_64", &amd64, "linux/amd64", NULL},
    {"LINUX/AMD64", &amd64, "linux/amd64", NULL},
    {"linux/aarch64", &amd64, "linux/arm64", NULL},
    {"linux/arm", &amd64, "linux/arm", "linux/arm/v7"},
    {"linux/armel", &amd64, "linux/arm/v6", NULL},
    {"linux/i386", &amd64, "linux/386", NULL},
    {"macos/arm64", &amd64, "darwin/arm64", NULL},
    {"any/thing", &amd64, "any/thing", NULL},
    {"my-os_1/a.b-c", &amd64, "my-os_1/a.b-c", NULL},
    /* three: with a variant */
    {"linux/arm/v7", &amd64, "linux/arm/v7", NULL},
    {"linux/arm/7", &amd64, "linux/arm/v7", NULL},
    {"linux/arm/5", &amd64, "linux/arm/v5", NULL},
    {"linux/arm/6", &amd64, "linux/arm/v6", NULL},
    {"linux/arm/8", &amd64, "linux/arm/v8", NULL},
    {"linux/arm/9", &amd64, "linux/arm/9", NULL},
    {"linux/arm/V6", &amd64, "linux/arm/v6", NULL},
    {"linux/armhf/v5", &amd64, "linux/arm/v7", NULL},
    {"linux/arm64/v8", &amd64, "linux/arm64/v8", "linux/arm64"},
    {"linux/arm64/8", &amd64, "linux/arm64/v8", "linux/arm64"},
    {"linux/arm64/v9", &amd64, "linux/arm64/v9", NULL},
    {"linux/amd64/v1", &amd64, "linux/amd64", NULL},
    {"linux/amd64/v3", &amd64, "linux/amd64/v3", NULL},
    {"linux/i386/v1", &amd64, "linux/386", NULL},
    {"linux/riscv64/rva23", &amd64, "linux/riscv64/rva23", NULL},
    /* with a version; features are not kept */
    {"windows(10.0.17763)/amd64", &amd64, "windows(10.0.17763)/amd64", NULL},
    {"windows(10.0.17763)", &amd64, "windows(10.0.17763)/amd64", NULL},
    {"windows(10.0+one+two)/amd64", &amd64, "windows(10.0)/amd64", NULL},
    {"windows(+one)/amd64", &amd64, "windows/amd64", NULL},
    {"linux()/arm/v6", &amd64, "linux/arm/v6", NULL},
    {"linux(1)/arm/v6", &amd64, "linux(1)/arm/v6", NULL},
};

START_TEST(test_df_platform_parse)
{
    auto_df_arena struct df_arena a = DF_ARENA_INIT;
    const char *why = NULL;
    const struct df_platform *p =
        df_platform_parse(&a, good[_i].text, good[_i].host, &why);

    ck_assert_msg(p != NULL, "%s: %s", good[_i].text, why);
    ck_assert_str_eq(df_platform_format(&a, p, true), good[_i].parsed);
    ck_assert_str_eq(df_platform_format(&a, df_platform_normalize(&a, p), true),
                     good[_i].normal ? good[_i].normal : good[_i].parsed);
}
END_TEST

#define PART "platform specifier component must match \"^[A-Za-z0-9_.-]+$\": invalid argument"
#define NO_OS                                                                      \
    ": OSAndVersion specifier component must match \"^([A-Za-z0-9_-]+)(?:\\\\(([A-Za-z0-9_.-]*)" \
    "((?:\\\\+[A-Za-z0-9_.-]+)*)\\\\))?$\": invalid argument"

static const struct {
    const char *text, *message;
} bad[] = {
    {"*", "\"*\": wildcards not yet supported: invalid argument"},
    {"linux/*", "\"linux/*\": wildcards not yet supported: invalid argument"},
    {"foo", "\"foo\": unknown operating system or architecture: invalid argument"},
    {"amd65", "\"amd65\": unknown operating system or architecture: invalid argument"},
    {"", "\"\" is an invalid OS component of \"\"" NO_OS},
    {"/amd64", "\"\" is an invalid OS component of \"/amd64\"" NO_OS},
    {"li.nux/amd64", "\"li.nux\" is an invalid OS component of \"li.nux/amd64\"" NO_OS},
    {"li nux", "\"li nux\" is an invalid OS component of \"li nux\"" NO_OS},
    {"linux(1/amd64", "\"linux(1\" is an invalid OS component of \"linux(1/amd64\"" NO_OS},
    {"linux(1 2)/amd64", "\"linux(1 2)\" is an invalid OS component of \"linux(1 2)/amd64\"" NO_OS},
    {"linux(1)x/amd64", "\"linux(1)x\" is an invalid OS component of \"linux(1)x/amd64\"" NO_OS},
    {"linux/", "\"\" is an invalid component of \"linux/\": " PART},
    {"linux/am d", "\"am d\" is an invalid component of \"linux/am d\": " PART},
    {"linux//v7", "\"\" is an invalid component of \"linux//v7\": " PART},
    {"linux/arm/", "\"\" is an invalid component of \"linux/arm/\": " PART},
    {"linux/arm/v7/x", "\"linux/arm/v7/x\": cannot parse platform specifier: invalid argument"},
    {"a/b/c/d/e", "\"d/e\" is an invalid component of \"a/b/c/d/e\": " PART},
};

START_TEST(test_df_platform_refused)
{
    auto_df_arena struct df_arena a = DF_ARENA_INIT;
    const char *why = "";

    ck_assert_ptr_null(df_platform_parse(&a, bad[_i].text, &amd64, &why));
    ck_assert_str_eq(why, bad[_i].message);
}
END_TEST

START_TEST(test_df_platform_every_part_tells_apart)
{
    const struct df_platform all = {"linux", "arm", "v7", "1"};
    const struct df_platform others[] = {
        {"windows", "arm", "v7", "1"}, {"linux", "arm64", "v7", "1"},
        {"linux", "arm", "v6", "1"}, {"linux", "arm", "v7", ""},
    };
    auto_df_arena struct df_arena a = DF_ARENA_INIT;

    for (size_t i = 0; i < tenon_countof(others); i++)
        ck_assert_str_ne(df_platform_format(&a, &all, true),
                         df_platform_format(&a, &others[i], true));
    ck_assert_str_eq(df_platform_format(&a, &all, false), "linux/arm/v7");
    ck_assert_str_eq(df_platform_format(&a, &all, true), "linux(1)/arm/v7");
    ck_assert_str_eq(df_platform_format(&a, &(struct df_platform){"", "arm", "v7", ""}, true),
                     "unknown");
    ck_assert_str_eq(df_platform_format(&a, &(struct df_platform){"linux", "", "", ""}, true),
                     "linux");
}
END_TEST

/* Images may say anything of themselves. */
START_TEST(test_df_platform_normalize_what_images_say)
{
    const struct df_platform said[] = {
        {"", "amd64", "", ""}, {"Linux", "X86_64", "", ""}, {"linux", "amd64", "V1", ""},
        {"linux", "aarch64", "V8", ""}, {"macos", "arm64", "8", ""}, {"linux", "arm", "", ""},
    };
    static const char *const means[] = {
        "linux/amd64", "linux/amd64", "linux/amd64", "linux/arm64", "darwin/arm64",
        "linux/arm/v7",
    };
    auto_df_arena struct df_arena a = DF_ARENA_INIT;

    for (size_t i = 0; i < tenon_countof(said); i++)
        ck_assert_str_eq(df_platform_format(&a, df_platform_normalize(&a, &said[i]), true),
                         means[i]);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("df-platform");
    TCase *t = tcase_create("platform");
    tcase_add_loop_test(t, test_df_platform_parse, 0, tenon_countof(good));
    tcase_add_loop_test(t, test_df_platform_refused, 0, tenon_countof(bad));
    tcase_add_test(t, test_df_platform_every_part_tells_apart);
    tcase_add_test(t, test_df_platform_normalize_what_images_say);
    suite_add_tcase(s, t);
    return unit_run(s);
}
