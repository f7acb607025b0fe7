#include "unit.h"

#include <stdio.h>

#include "tools/pattern.h"

/* path/filepath/match_test.go */
static const struct {
    const char *pattern, *name;
    bool match, bad;
} globs[] = {
    {"abc", "abc", true, false}, {"*", "abc", true, false},
    {"*c", "abc", true, false}, {"a*", "a", true, false},
    {"a*", "abc", true, false}, {"a*", "ab/c", false, false},
    {"a*/b", "abc/b", true, false}, {"a*/b", "a/c/b", false, false},
    {"a*b*c*d*e*/f", "axbxcxdxe/f", true, false},
    {"a*b*c*d*e*/f", "axbxcxdxexxx/f", true, false},
    {"a*b*c*d*e*/f", "axbxcxdxe/xxx/f", false, false},
    {"a*b*c*d*e*/f", "axbxcxdxexxx/fff", false, false},
    {"a*b?c*x", "abxbbxdbxebxczzx", true, false},
    {"a*b?c*x", "abxbbxdbxebxczzy", false, false},
    {"ab[c]", "abc", true, false}, {"ab[b-d]", "abc", true, false},
    {"ab[e-g]", "abc", false, false}, {"ab[^c]", "abc", false, false},
    {"ab[^b-d]", "abc", false, false}, {"ab[^e-g]", "abc", true, false},
    {"a\\*b", "a*b", true, false}, {"a\\*b", "ab", false, false},
    {"a?b", "a\xe2\x98\xba" "b", true, false},
    {"a[^a]b", "a\xe2\x98\xba" "b", true, false},
    {"a???b", "a\xe2\x98\xba" "b", false, false},
    {"a[^a][^a][^a]b", "a\xe2\x98\xba" "b", false, false},
    {"[a-\xce\xb6]*", "\xce\xb1", true, false},
    {"*[a-\xce\xb6]", "A", false, false}, {"a?b", "a/b", false, false},
    {"a*b", "a/b", false, false}, {"[\\]a]", "]", true, false},
    {"[\\-]", "-", true, false}, {"[x\\-]", "x", true, false},
    {"[x\\-]", "-", true, false}, {"[x\\-]", "z", false, false},
    {"[\\-x]", "x", true, false}, {"[\\-x]", "-", true, false},
    {"[\\-x]", "a", false, false}, {"[]a]", "]", false, true},
    {"[-]", "-", false, true}, {"[x-]", "x", false, true},
    {"[x-]", "-", false, true}, {"[x-]", "z", false, true},
    {"[-x]", "x", false, true}, {"[-x]", "-", false, true},
    {"[-x]", "a", false, true}, {"\\", "a", false, true},
    {"[a-b-c]", "a", false, true}, {"[", "a", false, true},
    {"[^", "a", false, true}, {"[^bc", "a", false, true},
    {"a[", "a", false, true}, {"a[", "ab", false, true},
    {"a[", "x", false, true}, {"a/b[", "x", false, true},
    {"*x", "xxx", true, false}, {"", "", true, false}, {"", "a", false, false},
};

START_TEST(test_glob_like_go)
{
    bool bad = !globs[_i].bad;
    bool match = tenon_glob_match(globs[_i].pattern, globs[_i].name, &bad);
    ck_assert_msg(match == globs[_i].match && bad == globs[_i].bad,
                  "%s on %s: %d %d", globs[_i].pattern, globs[_i].name, match,
                  bad);
}
END_TEST

/* patternmatcher_test.go, with parents considered */
static const struct {
    const char *pattern, *path;
    bool match;
} singles[] = {
    {"**", "file", true}, {"**", "file/", true}, {"**/", "file", true},
    {"**", "/", true}, {"**/", "dir/file", true}, {"**", "dir/file", true},
    {"**/**", "dir/file", true}, {"dir/**", "dir/file", true},
    {"dir/**", "dir/dir2/file", true}, {"**/dir", "dir", true},
    {"**/dir", "dir/file", true}, {"**/dir2/*", "dir/dir2/file", true},
    {"**/dir2/**", "dir/dir2/dir2/file", true}, {"**file", "file", true},
    {"**file", "dir/file", true}, {"**/file", "dir/file", true},
    {"**file", "dir/dir/file", true}, {"**/file", "dir/dir/file", true},
    {"**/file*", "dir/dir/file", true}, {"**/file*", "dir/dir/file.txt", true},
    {"**/file*txt", "dir/dir/file.txt", true},
    {"**/file*.txt", "dir/dir/file.txt", true},
    {"**/file*.txt*", "dir/dir/file.txt", true},
    {"**/**/*.txt", "dir/dir/file.txt", true},
    {"**/**/*.txt2", "dir/dir/file.txt", false},
    {"**/*.txt", "file.txt", true}, {"**/**/*.txt", "file.txt", true},
    {"a**/*.txt", "a/file.txt", true}, {"a**/*.txt", "a/dir/file.txt", true},
    {"a**/*.txt", "a/dir/dir/file.txt", true},
    {"a/*.txt", "a/dir/file.txt", false}, {"a/*.txt", "a/file.txt", true},
    {"a/*.txt**", "a/file.txt", true}, {"a[b-d]e", "ae", false},
    {"a[b-d]e", "ace", true}, {"a[b-d]e", "aae", false},
    {"a[^b-d]e", "aze", true}, {".*", ".foo", true}, {".*", "foo", false},
    {"abc.def", "abcdef", false}, {"abc.def", "abc.def", true},
    {"abc.def", "abcZdef", false}, {"abc?def", "abcZdef", true},
    {"abc?def", "abcdef", false}, {"a\\\\", "a\\", true},
    {"**/foo/bar", "foo/bar", true}, {"**/foo/bar", "dir/foo/bar", true},
    {"**/foo/bar", "dir/dir2/foo/bar", true}, {"abc/**", "abc", false},
    {"abc/**", "abc/def", true}, {"abc/**", "abc/def/ghi", true},
    {"**/.foo", ".foo", true}, {"**/.foo", "bar.foo", false},
    {"a(b)c/def", "a(b)c/def", true}, {"a(b)c/def", "a(b)c/xyz", false},
    {"a.|)$(}+{bc", "a.|)$(}+{bc", true},
    {"dist/proxy.py-2.4.0rc3.dev36+g08acad9-py3-none-any.whl",
     "dist/proxy.py-2.4.0rc3.dev36+g08acad9-py3-none-any.whl", true},
    {"dist/*.whl", "dist/proxy.py-2.4.0rc3.dev36+g08acad9-py3-none-any.whl",
     true},
    /* parents */
    {"a", "a/b/c", true}, {"a/b", "a/b/c", true}, {"a/b", "a/bc", false},
    {"*/b", "a/b/c", true}, {"*", "a/b", true}, {"?", "a/b", true},
    {"**/x/*", "a/x/b/c", true}, {"node_modules", "a/node_modules", false},
    {"**/node_modules", "a/node_modules/b", true}, {".", "a", false},
    {"a/**/b", "a/b", true}, {"a/**/b", "a/x/y/b", true},
    {"a/**/b", "a/x/yb", false}, {"a/**/b/*.c", "a/b/x/b/y.c", true},
    {"a\\*b", "a*b", true}, {"a\\*b", "axb", false},
    {"*.c", "a.c", true}, {"*.c", "d/a.c", false}, {"/a", "a", false},
    {"[^a]", "b", true}, {"./a//b/", "a/b", true}, {"a/../b", "b", true},
    {"*\xc3\xa9", "caf\xc3\xa9", true}, {"caf?", "caf\xc3\xa9", true},
    /* of what a path needs not have, although the pattern says it */
    {"*x|b", "b", true}, {"x*|y*z", "yz", true}, {"ab{0}*c", "ac", true}, {"*q{0}w", "aw", true},
    {"**/x*y/**", "x1y/q", true}, {"a/**/b*", "a/b1", true}, {"**/lib*", "lib1", true},
    {"*\\d", "a1", true}, {"[ab]*.c", "b.c", true},
};

START_TEST(test_pattern_single)
{
    const char *bad = NULL;
    auto_patterns struct tenon_patterns *p =
        tenon_patterns_compile(&singles[_i].pattern, 1, &bad);
    ck_assert_ptr_nonnull(p);
    ck_assert_msg(tenon_patterns_match(p, singles[_i].path) ==
                      singles[_i].match,
                  "\"%s\" on \"%s\"", singles[_i].pattern, singles[_i].path);
    /* a match below a directory must be foreseen at the directory */
    if (singles[_i].match && singles[_i].path[0] != '/') {
        auto_free char *dir = tenon_strdup(singles[_i].path);
        for (char *slash; (slash = strrchr(dir, '/'));) {
            *slash = '\0';
            ck_assert_msg(tenon_patterns_may_match_below(p, dir),
                          "\"%s\" below \"%s\"", singles[_i].pattern, dir);
        }
        ck_assert(tenon_patterns_may_match_below(p, "."));
    }
}
END_TEST

static const struct {
    const char *lines[4];
    const char *path;
    bool match;
} lists[] = {
    {{"docs", "!docs/README.md"}, "docs/README.md", false},
    {{"docs", "!docs/README.md"}, "docs/other", true},
    {{"!docs/README.md", "docs"}, "docs/README.md", true},
    {{"docs/", "!docs/README.md"}, "docs/README.md", false},
    {{"*", "!src"}, "src/a/b", false},
    {{"*", "!src"}, "lib/a", true},
    {{"*", "!src", "src/*.o"}, "src/a.o", true},
    {{"*", "!src", "src/*.o"}, "src/a.c", false},
    {{"**", "!**/*.go"}, "a/b.go", false},
    {{"**", "!**/*.go"}, "a/b.c", true},
    {{"a", "!a/b", "a/b/c"}, "a/b/c/d", true},
    {{"a", "!a/b", "a/b/c"}, "a/b/x", false},
    {{"!a"}, "a", false},
    {{"", "  ", "a "}, "a", true},
    {{"! a", "x"}, "a", false},
};

static bool
walk_finds(const struct tenon_patterns *p, const char *path)
{
    auto_free char *dir = tenon_strdup(path);
    char *slash = strrchr(dir, '/');
    *(slash ? slash : dir) = '\0';
    auto_free bool *held = tenon_patterns_enter(p, dir);
    return tenon_patterns_match_in(p, held, path);
}

START_TEST(test_pattern_list_last_match_wins)
{
    size_t n = 0;
    while (n < 4 && lists[_i].lines[n])
        n++;
    auto_patterns struct tenon_patterns *p =
        tenon_patterns_compile(lists[_i].lines, n, NULL);
    ck_assert_ptr_nonnull(p);
    ck_assert_int_eq(tenon_patterns_match(p, lists[_i].path), lists[_i].match);
    ck_assert_int_eq(walk_finds(p, lists[_i].path), lists[_i].match);
}
END_TEST

/* As a walk from the top finds it: what differs are exceptions for a directory
 * that nothing had excluded before their line. */
static const struct {
    const char *lines[4];
    const char *path;
    bool walk, match;
} walks[] = {
    {{"**/*.md", "!docs"}, "docs/a.md", true, false},
    {{"**/*.md", "!docs"}, "docs/sub/b.md", true, false},
    {{"docs", "**/*.md", "!docs"}, "docs/a.md", false, false},
    {{"**/*.md", "!docs/*.md"}, "docs/a.md", false, false},
    {{"**/*.md", "!docs/*.md"}, "docs/sub.md", false, false},
    {{"docs/**", "!docs"}, "docs/a.md", true, false},
    {{"docs/*", "!docs"}, "docs/a.md", true, false},
    {{"**/n", "!v"}, "v/n/f", true, false},
    {{"**/n", "!v/n"}, "v/n/f", false, false},
    {{"a/b", "!a"}, "a/b/c", true, false},
    {{"a", "!a/b", "a/b/c"}, "a/b/c/d", true, true},
    {{"a*", "!**/c"}, "ab/c/d", false, false},
    {{"a*", "!**/c"}, "ab/d", true, true},
    {{"*/*", "!a"}, "a/b", true, false},
    {{"!a", "a/b"}, "a/b", true, true},
    {{"*.c", "!?.c"}, "d/a.c", false, false},
    {{"[a-c]/x", "!b/[w-z]"}, "b/x/f", false, false},
};

START_TEST(test_pattern_walk_notes_what_changes)
{
    size_t n = 0;
    while (n < 4 && walks[_i].lines[n])
        n++;
    auto_patterns struct tenon_patterns *p =
        tenon_patterns_compile(walks[_i].lines, n, NULL);
    ck_assert_ptr_nonnull(p);
    ck_assert_int_eq(walk_finds(p, walks[_i].path), walks[_i].walk);
    ck_assert_int_eq(tenon_patterns_match(p, walks[_i].path), walks[_i].match);
}
END_TEST

START_TEST(test_pattern_malformed)
{
    static const char *const bad_lines[] = {"!", "[", "a[]", "a\\",
                                            "**/[-x]"};
    const char *lines[] = {"ok", bad_lines[_i]};
    const char *bad = NULL;
    ck_assert_ptr_null(tenon_patterns_compile(lines, 2, &bad));
    ck_assert_ptr_eq(bad, lines[1]);
}
END_TEST

START_TEST(test_pattern_empty_list_matches_nothing)
{
    auto_patterns struct tenon_patterns *p =
        tenon_patterns_compile(NULL, 0, NULL);
    ck_assert_ptr_nonnull(p);
    ck_assert(!tenon_patterns_match(p, "a"));
    ck_assert(!tenon_patterns_may_match_below(p, "a"));
    ck_assert(!tenon_patterns_may_reinclude(p, "."));
}
END_TEST

START_TEST(test_pattern_may_reinclude)
{
    static const char *const lines[] = {"*", "!src/keep/*.c", "!doc/**",
                                        "!x/**/y"};
    auto_patterns struct tenon_patterns *p =
        tenon_patterns_compile(lines, 4, NULL);
    ck_assert(tenon_patterns_may_reinclude(p, "src"));
    ck_assert(tenon_patterns_may_reinclude(p, "src/keep"));
    ck_assert(!tenon_patterns_may_reinclude(p, "src/other"));
    ck_assert(tenon_patterns_may_reinclude(p, "doc"));
    ck_assert(tenon_patterns_may_reinclude(p, "doc/a/b"));
    ck_assert(tenon_patterns_may_reinclude(p, "x/a/b/c"));
    ck_assert(!tenon_patterns_may_reinclude(p, "node_modules"));
    ck_assert(!tenon_patterns_may_reinclude(p, "sr"));
    ck_assert(!tenon_patterns_may_reinclude(p, "docs"));
    ck_assert(tenon_patterns_may_reinclude(p, "."));
}
END_TEST

START_TEST(test_pattern_hostile_is_not_exponential)
{
    char line[2001], path[3001];
    for (size_t i = 0; i < 2000; i += 4)
        memcpy(line + i, i % 8 ? "**/a" : "*a*a", 4);
    line[2000] = '\0';
    memset(path, 'a', 3000);
    path[2999] = 'b';
    path[3000] = '\0';
    const char *lines[] = {line};
    auto_patterns struct tenon_patterns *p =
        tenon_patterns_compile(lines, 1, NULL);
    ck_assert_ptr_nonnull(p);
    ck_assert(!tenon_patterns_match(p, path));
}
END_TEST

START_TEST(test_ignore_parse)
{
    static const char text[] = "\xef\xbb\xbf" "# comment\r\n"
                               " # no comment\n"
                               "\n"
                               "  /abs/path/ \r\n"
                               "!  /neg\n"
                               "a//b/../c\n"
                               "!\n"
                               "/\n"
                               "last";
    static const char *const expect[] = {"# no comment", "abs/path", "!neg",
                                         "a/c", "!", "/", "last"};
    char **got = tenon_ignore_parse(text, strlen(text));
    ck_assert_uint_eq(tenon_strv_len(got), tenon_countof(expect));
    for (size_t i = 0; i < tenon_countof(expect); i++)
        ck_assert_str_eq(got[i], expect[i]);
    tenon_strv_free(got);
    got = tenon_ignore_parse("", 0);
    ck_assert_uint_eq(tenon_strv_len(got), 0);
    tenon_strv_free(got);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("pattern");
    TCase *c = tcase_create("pattern");
    tcase_add_loop_test(c, test_glob_like_go, 0, tenon_countof(globs));
    tcase_add_loop_test(c, test_pattern_single, 0, tenon_countof(singles));
    tcase_add_loop_test(c, test_pattern_list_last_match_wins, 0,
                        tenon_countof(lists));
    tcase_add_loop_test(c, test_pattern_walk_notes_what_changes, 0,
                        tenon_countof(walks));
    tcase_add_loop_test(c, test_pattern_malformed, 0, 5);
    tcase_add_test(c, test_pattern_empty_list_matches_nothing);
    tcase_add_test(c, test_pattern_may_reinclude);
    tcase_add_test(c, test_pattern_hostile_is_not_exponential);
    tcase_add_test(c, test_ignore_parse);
    suite_add_tcase(s, c);
    return unit_run(s);
}
