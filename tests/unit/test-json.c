#include "unit.h"

#include "base/json.h"
#include "tools/jsontext.h"

static const struct {
    const char *text;
    int code;
} texts[] = {
    {"{}", 0}, {" [1, 2] \r\n\t", 0}, {"\"s\"", 0}, {"12", 0}, {"true", 0},
    {"null", 0}, {"{\"a\":{\"b\":[1,null]}}", 0}, {"12 ", 0},
    {"", TENON_E_INVALID}, {"  ", TENON_E_INVALID}, {"{", TENON_E_INVALID},
    {"{\"a\":1", TENON_E_INVALID}, {"{} x", TENON_E_INVALID},
    {"{}{}", TENON_E_INVALID}, {"[1,]", TENON_E_INVALID},
    {"{'a':1}", TENON_E_INVALID}, {"{'1':2}", TENON_E_INVALID}, {"{a:1}", TENON_E_INVALID},
    {"/* c */ {}", TENON_E_INVALID}, {"\"\xff\"", TENON_E_INVALID},
    {"nul", TENON_E_INVALID}, {"01", TENON_E_INVALID},
    {"NaN", TENON_E_INVALID}, {"[-Infinity]", TENON_E_INVALID},
    {"True", TENON_E_INVALID}, {"1.", TENON_E_INVALID}, {".5", TENON_E_INVALID},
    {"+1", TENON_E_INVALID}, {"-", TENON_E_INVALID}, {"1e", TENON_E_INVALID},
    {"[1.5e+3,-0.1E2]", 0}, {"\"a\tb\"", TENON_E_INVALID},
    {"\"a\\t\\\"'b\"", 0}, {"{\"a\":1,}", TENON_E_INVALID},
    {"[1 2]", TENON_E_INVALID}, {"\"a", TENON_E_INVALID}, {"[", TENON_E_INVALID},
    {"1 true", TENON_E_INVALID}, {"truefalse", TENON_E_INVALID},
};

START_TEST(test_json_parse_strict)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_json struct json_object *o = NULL;
    const char *t = texts[_i].text;
    int ret = tenon_json_parse(t, strlen(t), 1000, &o, &err);
    ck_assert_msg(ret == texts[_i].code, "%s: %d %s", t, ret,
                  err.message ? err.message : "");
}
END_TEST

START_TEST(test_json_parse_limits)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_json struct json_object *o = NULL;
    ck_assert_int_eq(tenon_json_parse("[1,2]", 5, 4, &o, &err), TENON_E_LIMIT);
    char deep[200];
    memset(deep, '[', 100);
    memset(deep + 100, ']', 100);
    ck_assert_int_eq(tenon_json_parse(deep, 200, 1000, &o, &err),
                     TENON_E_LIMIT);
    ck_assert_int_eq(tenon_json_parse(deep + 70, 60, 1000, &o, &err), 0);
    /* not NUL-terminated, and a NUL inside */
    auto_json struct json_object *p = NULL;
    ck_assert_int_eq(tenon_json_parse("{}x", 2, 10, &p, &err), 0);
    auto_json struct json_object *q = NULL;
    ck_assert_int_lt(tenon_json_parse("{}\0x", 4, 10, &q, &err), 0);
    ck_assert_ptr_null(q);
}
END_TEST

/* What is in strings counts as nothing. */
START_TEST(test_json_parse_counts)
{
    static const struct {
        const char *one;
        size_t most; /* of these in an array */
    } cases[] = {{"{}", TENON_JSON_OBJECTS_MAX}, {"0", TENON_JSON_VALUES_MAX - 2},
                 {"[]", (TENON_JSON_VALUES_MAX - 2) / 2}, {"\"{[,\\\"{\"", 400001}};
    for (size_t i = 0; i < tenon_countof(cases); i++)
        for (size_t more = 0; more < 2; more++) {
            auto_error struct tenon_error err = TENON_ERROR_INIT;
            auto_json struct json_object *o = NULL;
            auto_buf struct tenon_buf text = TENON_BUF_INIT;
            for (size_t n = 0; n < cases[i].most + 2 * more; n++)
                tenon_buf_addf(&text, "%c%s", n ? ',' : '[', cases[i].one);
            tenon_buf_addc(&text, ']');
            int rc = tenon_json_parse(text.data, text.len, text.len, &o, &err);
            ck_assert_msg(rc == (more && i < 3 ? TENON_E_LIMIT : 0), "%s: %s", cases[i].one,
                          err.message);
        }
}
END_TEST

START_TEST(test_json_get)
{
    static const char text[] =
        "{\"s\":\"x\",\"i\":42,\"b\":true,\"o\":{},\"a\":[],\"n\":null,"
        "\"big\":18446744073709551615,\"nul\":\"a\\u0000b\"}";
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_json struct json_object *o = NULL;
    ck_assert_int_eq(tenon_json_parse(text, strlen(text), 1000, &o, &err), 0);
    const char *s = NULL;
    int64_t i = 0;
    bool b = false;
    struct json_object *child = NULL;
    ck_assert_int_eq(tenon_json_get_str(o, "s", NULL, &s, &err), 0);
    ck_assert_str_eq(s, "x");
    ck_assert_int_eq(tenon_json_get_str(o, "none", "d", &s, &err), 0);
    ck_assert_str_eq(s, "d");
    ck_assert_int_eq(tenon_json_get_str(o, "n", "d", &s, &err), 0);
    ck_assert_str_eq(s, "d");
    ck_assert_int_eq(tenon_json_get_int(o, "i", 1, &i, &err), 0);
    ck_assert_int_eq(i, 42);
    ck_assert_int_eq(tenon_json_get_bool(o, "b", false, &b, &err), 0);
    ck_assert(b);
    ck_assert_int_eq(tenon_json_get_object(o, "o", &child, &err), 0);
    ck_assert_ptr_nonnull(child);
    ck_assert_int_eq(tenon_json_get_array(o, "a", &child, &err), 0);
    ck_assert_ptr_nonnull(child);
    ck_assert_int_eq(tenon_json_get_array(o, "none", &child, &err), 0);
    ck_assert_ptr_null(child);

    ck_assert_int_eq(tenon_json_get_str(o, "i", NULL, &s, &err),
                     TENON_E_INVALID);
    ck_assert_str_eq(err.message, "\"i\": expected a string, not int");
    ck_assert_int_lt(tenon_json_get_int(o, "s", 0, &i, &err), 0);
    ck_assert_int_lt(tenon_json_get_bool(o, "i", 0, &b, &err), 0);
    ck_assert_int_lt(tenon_json_get_object(o, "a", &child, &err), 0);
    ck_assert_int_lt(tenon_json_get_array(o, "o", &child, &err), 0);
    ck_assert_int_eq(tenon_json_get_int(o, "big", 0, &i, &err), TENON_E_LIMIT);
    ck_assert_int_lt(tenon_json_get_str(o, "nul", NULL, &s, &err), 0);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("json");
    TCase *c = tcase_create("json");
    tcase_add_loop_test(c, test_json_parse_strict, 0, tenon_countof(texts));
    tcase_add_test(c, test_json_parse_limits);
    tcase_add_test(c, test_json_parse_counts);
    tcase_add_test(c, test_json_get);
    suite_add_tcase(s, c);
    return unit_run(s);
}
