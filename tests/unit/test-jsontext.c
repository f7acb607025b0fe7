#include "unit.h"

#include <math.h>

#include "tools/jsontext.h"

static const struct {
    const char *in;
    bool html;
    const char *out;
} strings[] = {
    {"", true, "\"\""},
    {"a\"b\\c", true, "\"a\\\"b\\\\c\""},
    {"\b\f\n\r\t\x01\x1f", true, "\"\\b\\f\\n\\r\\t\\u0001\\u001f\""},
    {"\x7f", true, "\"\x7f\""},
    {"<a&b>", true, "\"\\u003ca\\u0026b\\u003e\""},
    {"<a&b>", false, "\"<a&b>\""},
    {"h\xc3\xa9", true, "\"h\xc3\xa9\""},
    {"\xe2\x80\xa8|\xe2\x80\xa9", false, "\"\\u2028|\\u2029\""},
    {"\xe2\x80\xaa", true, "\"\xe2\x80\xaa\""},
    {"a\xff" "b", true, "\"a\\ufffdb\""},
    {"\xe2\x82", true, "\"\\ufffd\\ufffd\""},
    {"\xed\xa0\x80", true, "\"\\ufffd\\ufffd\\ufffd\""},
    {"\xf0\x9f\x98\x80", true, "\"\xf0\x9f\x98\x80\""},
    {"/", true, "\"/\""},
};

START_TEST(test_jsontext_string_like_go)
{
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    tenon_json_add_string(&b, strings[_i].in, strlen(strings[_i].in),
                          strings[_i].html);
    ck_assert_str_eq(tenon_buf_str(&b), strings[_i].out);
}
END_TEST

START_TEST(test_jsontext_document)
{
    static const char text[] = "{ \"z\" : [1, -2, true, null, \"x<\"], "
                               "\"a\" : {}, \"m\":{\"k\":[]}, "
                               "\"u\":18446744073709551615 }";
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    struct json_object *o = json_tokener_parse(text);
    tenon_json_write(&b, o, true);
    ck_assert_str_eq(tenon_buf_str(&b),
                     "{\"z\":[1,-2,true,null,\"x\\u003c\"],\"a\":{},"
                     "\"m\":{\"k\":[]},\"u\":18446744073709551615}");
    json_object_put(o);
    tenon_buf_clear(&b);
    tenon_json_write(&b, NULL, true);
    ck_assert_str_eq(tenon_buf_str(&b), "null");
}
END_TEST

static const struct {
    double v;
    const char *out;
} doubles[] = {
    {0.0, "0"}, {1.0, "1"}, {-1.5, "-1.5"}, {0.1, "0.1"}, {100.0, "100"},
    {1e20, "100000000000000000000"}, {1e21, "1e+21"}, {1e-6, "0.000001"},
    {1e-7, "1e-7"}, {1.0 / 3, "0.3333333333333333"}, {123456.789, "123456.789"},
    {9.95, "9.95"}, {1e100, "1e+100"}, {1e-10, "1e-10"},
};

START_TEST(test_jsontext_double_like_go)
{
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    struct json_object *o = json_object_new_double(doubles[_i].v);
    tenon_json_write(&b, o, true);
    json_object_put(o);
    ck_assert_str_eq(tenon_buf_str(&b), doubles[_i].out);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("jsontext");
    TCase *c = tcase_create("jsontext");
    tcase_add_loop_test(c, test_jsontext_string_like_go, 0,
                        tenon_countof(strings));
    tcase_add_test(c, test_jsontext_document);
    tcase_add_loop_test(c, test_jsontext_double_like_go, 0,
                        tenon_countof(doubles));
    suite_add_tcase(s, c);
    return unit_run(s);
}
