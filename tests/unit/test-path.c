#include "unit.h"

#include "tools/path.h"

/* from Go's path tests */
static const struct {
    const char *in, *out;
} cleans[] = {
    {"", "."}, {"abc", "abc"}, {"abc/def", "abc/def"}, {"a/b/c", "a/b/c"},
    {".", "."}, {"..", ".."}, {"../..", "../.."}, {"../../abc", "../../abc"},
    {"/abc", "/abc"}, {"/", "/"}, {"abc/", "abc"}, {"abc/def/", "abc/def"},
    {"./", "."}, {"../", ".."}, {"../../", "../.."}, {"/abc/", "/abc"},
    {"abc//def//ghi", "abc/def/ghi"}, {"//abc", "/abc"}, {"///abc", "/abc"},
    {"//abc//", "/abc"}, {"abc//", "abc"}, {"abc/./def", "abc/def"},
    {"/./abc/def", "/abc/def"}, {"abc/.", "abc"},
    {"abc/def/ghi/../jkl", "abc/def/jkl"},
    {"abc/def/../ghi/../jkl", "abc/jkl"}, {"abc/def/..", "abc"},
    {"abc/def/../..", "."}, {"/abc/def/../..", "/"},
    {"abc/def/../../..", ".."}, {"/abc/def/../../..", "/"},
    {"abc/def/../../../ghi/jkl/../../../mno", "../../mno"},
    {"abc/./../def", "def"}, {"abc//./../def", "def"},
    {"abc/../../././../def", "../../def"}, {"/..", "/"}, {"/../a", "/a"},
    {"...", "..."}, {"a/...", "a/..."}, {"..a/b", "..a/b"},
};

START_TEST(test_path_clean)
{
    auto_free char *got = tenon_path_clean(cleans[_i].in);
    ck_assert_str_eq(got, cleans[_i].out);
    auto_free char *again = tenon_path_clean(got);
    ck_assert_str_eq(again, got);
}
END_TEST

static const struct {
    const char *a, *b, *out;
} joins[] = {
    {"", "", ""}, {"a", "", "a"}, {"", "b", "b"}, {"a", "b", "a/b"},
    {"/a", "/b", "/a/b"}, {"a/", "b", "a/b"}, {"a", "../b", "b"},
    {"/", "b", "/b"}, {"/a", "..", "/"}, {"a", "../../b", "../b"},
};

START_TEST(test_path_join)
{
    auto_free char *got = tenon_path_join(joins[_i].a, joins[_i].b);
    ck_assert_str_eq(got, joins[_i].out);
}
END_TEST

START_TEST(test_path_base)
{
    ck_assert_str_eq(tenon_path_base("a/b/c"), "c");
    ck_assert_str_eq(tenon_path_base("c"), "c");
    ck_assert_str_eq(tenon_path_base("/c"), "c");
    ck_assert_str_eq(tenon_path_base("/"), "/");
}
END_TEST

static const struct {
    const char *path, *dir;
    bool is;
} insides[] = {
    {"/a/b", "/a", true},  {"/a/b/c", "/a", true}, {"/a", "/", true},   {"/a/b", "/", true},
    {"/a", "/a", false},   {"/a/", "/a", false},   {"/ab", "/a", false}, {"/", "/", false},
    {"/a", "/a/b", false}, {"/b/a", "/a", false},  {"", "/", false},
};

START_TEST(test_path_is_below)
{
    ck_assert_int_eq(tenon_path_is_below(insides[_i].path, insides[_i].dir), insides[_i].is);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("path");
    TCase *c = tcase_create("path");
    tcase_add_loop_test(c, test_path_clean, 0, tenon_countof(cleans));
    tcase_add_loop_test(c, test_path_join, 0, tenon_countof(joins));
    tcase_add_loop_test(c, test_path_is_below, 0, tenon_countof(insides));
    tcase_add_test(c, test_path_base);
    suite_add_tcase(s, c);
    return unit_run(s);
}
