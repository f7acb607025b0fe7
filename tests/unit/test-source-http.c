/* Names of downloaded files. */
#include "source-http/name.h"
#include "unit.h"

static const struct {
    const char *wanted, *disposition, *url, *name;
} names[] = {
    {"w", "attachment; filename=d", "http://h/u", "w"},
    {"a/../b", NULL, "http://h/u", "b"},
    {"..", NULL, "http://h/u", "download"},
    {NULL, "attachment; filename=d", "http://h/u", "d"},
    {"", "attachment; filename=\"d e\"", "http://h/u", "d e"},
    {NULL, "attachment; filename=\"a\\\"b\"", "http://h/u", "a\"b"},
    {NULL, "attachment; FileName=d; x=y", "http://h/u", "d"},
    {NULL, "attachment; x=y ; filename = d", "http://h/u", "d"},
    {NULL, "attachment; filename=\"../../etc/passwd\"", "http://h/u", "passwd"},
    {NULL, "attachment; filename=\"dir/\"", "http://h/u", "u"},
    {NULL, "attachment; filename=\"..\"", "http://h/u", "u"},
    {NULL, "attachment; filename*=UTF-8''%e2%82%ac%20x", "http://h/u", "\xe2\x82\xac x"},
    {NULL, "attachment; filename=\"open", "http://h/u", "open"},
    {NULL, "attachment; filename", "http://h/u", "u"},
    {NULL, "attachment; filename=\"a\nb\"", "http://h/u", "ab"},
    {NULL, "", "http://h/u", "u"},
    {NULL, NULL, "http://h/a/b.txt?q=/x#/y", "b.txt"},
    {NULL, NULL, "http://h/a%20b", "a b"},
    {NULL, NULL, "http://h/a%2fb", "b"},
    {NULL, NULL, "http://h/%00", "%00"},
    {NULL, NULL, "http://h/a/", "a"},
    {NULL, NULL, "http://h/a/..", "download"},
    {NULL, NULL, "http://h/", "download"},
    {NULL, NULL, "http://h", "download"},
    {NULL, NULL, "http://h?x/y", "download"},
};

START_TEST(test_http_file_name)
{
    auto_free char *got =
        http_file_name(names[_i].wanted, names[_i].disposition, names[_i].url);
    ck_assert_str_eq(got, names[_i].name);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("source-http");
    TCase *t = tcase_create("source-http");
    tcase_add_loop_test(t, test_http_file_name, 0, tenon_countof(names));
    suite_add_tcase(s, t);
    return unit_run(s);
}
