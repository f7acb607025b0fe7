/* YAML as JSON. */
#include "unit.h"

#include <string.h>

#include "base/yaml.h"

static const struct {
    const char *yaml, *json;
} good[] = {
    {"a: b\n", "{\"a\":\"b\"}"},
    {"a:\n- 1\n- x y\n- [true, False, null, ~]\n", "{\"a\":[1,\"x y\",[true,false,null,null]]}"},
    {"{a: {b: []}, c: {}}", "{\"a\":{\"b\":[]},\"c\":{}}"},
    {"a: \"1\"\nb: 'true'\nc: !!str 1\n", "{\"a\":\"1\",\"b\":\"true\",\"c\":\"1\"}"},
    {"a: 0x1f\nb: 0o17\nc: 0666\nd: -12\ne: 08\nf: 1.5\ng: 99999999999999999999\n",
     "{\"a\":31,\"b\":15,\"c\":438,\"d\":-12,\"e\":\"08\",\"f\":\"1.5\",\"g\":\"99999999999999999999\"}"},
    {"# a remark\na: |\n  two\n  lines\n", "{\"a\":\"two\\nlines\\n\"}"},
    {"a:\n", "{\"a\":null}"},
    {"text", "\"text\""},
    {"a: 1\n---\nb: 2\n", "{\"a\":1}"},
};
static const struct {
    const char *yaml, *why;
} bad[] = {
    {"", "there is nothing in it"},
    {"a: [1\n", "line"},
    {"a: 1\nb: &x 2\nc: *x\n", "line 3: aliases are not read"},
    {"a: 1\na: 2\n", "line 2: a key that is there already"},
    {"? [a]\n: b\n", "line 1: a key that is no text"},
    {"a: \xff\n", "line"},
    {"\t- a\n", "line"},
};

START_TEST(test_yaml_good_is_json)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct json_object *o = NULL;

    ck_assert_msg(tenon_yaml_parse(good[_i].yaml, strlen(good[_i].yaml), &o, &err) == 0, "%s: %s",
                  good[_i].yaml, err.message);
    ck_assert_str_eq(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN), good[_i].json);
    json_object_put(o);
}
END_TEST

START_TEST(test_yaml_bad_says_where)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct json_object *o = NULL;

    ck_assert_int_lt(tenon_yaml_parse(bad[_i].yaml, strlen(bad[_i].yaml), &o, &err), 0);
    ck_assert_ptr_null(o);
    ck_assert_msg(strstr(err.message, bad[_i].why), "%s: %s", bad[_i].yaml, err.message);
}
END_TEST

START_TEST(test_yaml_deep_is_refused)
{
    char text[101];

    for (size_t depth = 30; depth <= 100; depth += 70) {
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        struct json_object *o = NULL;
        memset(text, '[', depth / 2);
        memset(text + depth / 2, ']', depth / 2);
        const int rc = tenon_yaml_parse(text, depth, &o, &err);
        ck_assert_msg((rc == 0) == (depth == 30), "%zu: %s", depth, err.message);
        json_object_put(o);
    }
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("yaml");
    TCase *t = tcase_create("yaml");

#ifdef HAVE_YAML
    tcase_add_loop_test(t, test_yaml_good_is_json, 0, tenon_countof(good));
    tcase_add_loop_test(t, test_yaml_bad_says_where, 0, tenon_countof(bad));
    tcase_add_test(t, test_yaml_deep_is_refused);
#else
    unit_not_tried("YAML: built without libyaml");
#endif
    suite_add_tcase(s, t);
    return unit_run(s);
}
