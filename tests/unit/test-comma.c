#include "unit.h"

#include "tools/comma.h"

static const struct {
    const char *text;
    const char *fields[5];
} csvs[] = {
    {"a,b,c", {"a", "b", "c"}},
    {"type=bind,source=x", {"type=bind", "source=x"}},
    {"a", {"a"}},
    {"a,", {"a", ""}},
    {",", {"", ""}},
    {"\"a,b\",c", {"a,b", "c"}},
    {"\"a\"\"b\"", {"a\"b"}},
    {"\"two\nlines\",x", {"two\nlines", "x"}},
    {" a, b ", {" a", " b "}},
    {"a,b\n", {"a", "b"}},
    {"", {NULL}},
    {"a\"b", {NULL}},
    {"\"a", {NULL}},
    {"\"a\"b,c", {NULL}},
    {"a\nb", {"a\nb"}},
    {"a\r\n", {"a"}},
    {"\n", {NULL}},
};

START_TEST(test_comma_fields)
{
    auto_strv char **got = tenon_comma_fields(csvs[_i].text, NULL);
    if (!csvs[_i].fields[0]) {
        ck_assert_ptr_null(got);
        return;
    }
    ck_assert_ptr_nonnull(got);
    size_t n = 0;
    for (; csvs[_i].fields[n]; n++)
        ck_assert_str_eq(got[n], csvs[_i].fields[n]);
    ck_assert_ptr_null(got[n]);
}
END_TEST

static const struct {
    const char *text, *why;
} malformed[] = {
    {"", "EOF"},
    {"\n", "EOF"},
    {"a\"b", "parse error on line 1, column 2: bare \" in non-quoted-field"},
    {"a,b\"", "parse error on line 1, column 4: bare \" in non-quoted-field"},
    {"\"ab", "parse error on line 1, column 4: extraneous or missing \" in quoted-field"},
    {"\"a\"b", "parse error on line 1, column 3: extraneous or missing \" in quoted-field"},
    {"\"a\"\"", "parse error on line 1, column 5: extraneous or missing \" in quoted-field"},
};

START_TEST(test_comma_malformed_says_where)
{
    auto_free char *why = NULL;

    ck_assert_ptr_null(tenon_comma_fields(malformed[_i].text, &why));
    ck_assert_str_eq(why, malformed[_i].why);
}
END_TEST

static const struct {
    const char *text;
    const char *items[4];
} lists[] = {
    {"", {""}},           {"a", {"a"}},         {"a,b", {"a", "b"}},
    {"a,,b", {"a", "", "b"}}, {",", {"", ""}},  {"\"a,b\"", {"\"a", "b\""}},
};

START_TEST(test_comma_split)
{
    auto_strv char **got = tenon_comma_split(lists[_i].text);
    size_t n = 0;

    for (; lists[_i].items[n]; n++)
        ck_assert_str_eq(got[n], lists[_i].items[n]);
    ck_assert_ptr_null(got[n]);
}
END_TEST

START_TEST(test_comma_has)
{
    static const struct {
        const char *list, *item;
        bool there;
    } t[] = {
        {"cpu", "cpu", true},      {"cpu,cpuacct", "cpu", true}, {"cpuacct,cpu", "cpu", true},
        {"cpuset", "cpu", false},  {"cpuacct", "cpu", false},    {"cpu,cpuacct", "cpuacct", true},
        {"", "cpu", false},        {"cp", "cpu", false},         {"memory", "cpu", false},
        {"name=cpu", "cpu", false}, {"a,", "", true},
    };

    for (size_t i = 0; i < tenon_countof(t); i++)
        ck_assert_msg(tenon_comma_has(t[i].list, t[i].item) == t[i].there, "\"%s\" in \"%s\"",
                      t[i].item, t[i].list);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("comma");
    TCase *t = tcase_create("comma");

    tcase_add_loop_test(t, test_comma_fields, 0, tenon_countof(csvs));
    tcase_add_loop_test(t, test_comma_malformed_says_where, 0, tenon_countof(malformed));
    tcase_add_loop_test(t, test_comma_split, 0, tenon_countof(lists));
    tcase_add_test(t, test_comma_has);
    suite_add_tcase(s, t);
    return unit_run(s);
}
