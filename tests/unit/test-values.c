/* Options of plugins: parsed, checked, defaulted in one place. */
#include "unit.h"

#include "base/json.h"
#include "base/log.h"
#include "plugin/plugins.h"

static const struct tenon_param params[] = {
    { .name = "id", .type = TENON_TYPE_STRING, .flags = TENON_PARAM_REQUIRED },
    { .name = "mode", .type = TENON_TYPE_INT, .def = "0400", .max = 07777 },
    { .name = "ro", .type = TENON_TYPE_BOOL },
    { .name = "size", .type = TENON_TYPE_SIZE },
    { .name = "sharing", .type = TENON_TYPE_CHOICE, .choices = "shared|private|locked",
      .def = "shared" },
    { .name = "name", .type = TENON_TYPE_STRING, .flags = TENON_PARAM_REPEAT },
    { .name = "annotation", .type = TENON_TYPE_MAP },
    { .name = "pin", .type = TENON_TYPE_INT, .flags = TENON_PARAM_SENSITIVE },
    { .name = "old", .help = "no effect", .type = TENON_TYPE_BOOL, .flags = TENON_PARAM_DEPRECATED },
    { .name = NULL },
};

static struct tenon_values *
parse(const char *const *pairs, struct tenon_error *err)
{
    struct tenon_values *v = NULL;
    tenon_values_parse(params, sizeof params[0], pairs, "mount type x", &v, err);
    return v;
}

START_TEST(test_values_given_and_defaulted)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_values struct tenon_values *v =
        parse((const char *[]){ "id=a", "ro", "size=2k", NULL }, &err);
    ck_assert_msg(v != NULL, "%s", err.message);
    ck_assert_str_eq(tenon_values_string(v, "id"), "a");
    ck_assert_int_eq(tenon_values_int(v, "mode"), 0400);
    ck_assert(!tenon_values_given(v, "mode"));
    ck_assert(tenon_values_bool(v, "ro"));
    ck_assert_int_eq(tenon_values_int(v, "size"), 2048);
    ck_assert_str_eq(tenon_values_string(v, "sharing"), "shared");
    ck_assert_ptr_null(tenon_values_nth(v, "name", 0));
}
END_TEST

START_TEST(test_values_last_one_counts_unless_repeated)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_values struct tenon_values *v =
        parse((const char *[]){ "id=a", "id=b", "name=x", "name=y", NULL }, &err);
    ck_assert_ptr_nonnull(v);
    ck_assert_str_eq(tenon_values_string(v, "id"), "b");
    ck_assert_str_eq(tenon_values_nth(v, "name", 0), "x");
    ck_assert_str_eq(tenon_values_nth(v, "name", 1), "y");
    ck_assert_ptr_null(tenon_values_nth(v, "name", 2));
}
END_TEST

START_TEST(test_values_map_keeps_whole_names)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    const char *key = NULL;
    auto_values struct tenon_values *v = parse(
        (const char *[]){ "id=a", "annotation.k=1", "annotation-index[linux/amd64].k=2", NULL },
        &err);
    ck_assert_ptr_nonnull(v);
    ck_assert_str_eq(tenon_values_map(v, "annotation", 0, &key), "1");
    ck_assert_str_eq(key, "annotation.k");
    ck_assert_str_eq(tenon_values_map(v, "annotation", 1, &key), "2");
    ck_assert_str_eq(key, "annotation-index[linux/amd64].k");
}
END_TEST

static const struct {
    const char *pair, *message;
} bad[] = {
    { "mod=1", "mount type x: unknown option \"mod\" (did you mean mode?)" },
    { "mode=a", "mount type x: invalid value \"a\" for mode: expected a number" },
    { "mode=10000", "mount type x: invalid value \"10000\" for mode: not within 0 and 4095" },
    { "pin=12x4", "mount type x: invalid value \"*****\" for pin: expected a number" },
    { "ro=maybe", "mount type x: invalid value \"maybe\" for ro: expected true or false" },
    { "sharing=all",
      "mount type x: invalid value \"all\" for sharing: expected one of shared|private|locked" },
};

START_TEST(test_values_refused_with_the_reason)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_ptr_null(parse((const char *[]){ "id=a", bad[_i].pair, NULL }, &err));
    ck_assert_int_eq(err.code, TENON_E_INVALID);
    ck_assert_str_eq(err.message, bad[_i].message);
}
END_TEST

START_TEST(test_values_required_one_missing)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_ptr_null(parse((const char *[]){ "ro", NULL }, &err));
    ck_assert_str_eq(err.message, "mount type x: option \"id\" is missing");
}
END_TEST

START_TEST(test_values_from_json_list_repeats)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_json struct json_object *o =
        json_tokener_parse("{\"id\":\"a\",\"name\":[\"x\",\"y\"],\"mode\":7}");
    struct tenon_values *v = NULL;
    ck_assert_int_eq(tenon_values_from_json(params, sizeof params[0], o, "x", &v, &err), 0);
    ck_assert_str_eq(tenon_values_nth(v, "name", 1), "y");
    ck_assert_int_eq(tenon_values_int(v, "mode"), 7);
    tenon_values_free(v);
}
END_TEST

/* An object of a MAP is its entries; those of others are their text. */
START_TEST(test_values_from_json_object_is_a_map)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_json struct json_object *o = json_tokener_parse(
        "{\"id\":{\"a\":1},\"annotation\":{\"K.l\":\"1\",\"m\":2},\"annotation-index.n\":3}");
    static const char *const entries[][2] = { { "annotation.K.l", "1" }, { "annotation.m", "2" },
                                              { "annotation-index.n", "3" } };
    auto_values struct tenon_values *v = NULL;
    ck_assert_int_eq(tenon_values_from_json(params, sizeof params[0], o, "x", &v, &err), 0);
    for (size_t i = 0; i < tenon_countof(entries); i++) {
        const char *key = NULL, *value = tenon_values_map(v, "annotation", i, &key);
        ck_assert_ptr_nonnull(value);
        ck_assert_str_eq(key, entries[i][0]);
        ck_assert_str_eq(value, entries[i][1]);
    }
    ck_assert_str_eq(tenon_values_string(v, "id"), "{ \"a\": 1 }");
}
END_TEST

static void
listen(void *data, int level, const char *text)
{
    tenon_buf_addf(data, "%d %s\n", level, text);
}

START_TEST(test_values_deprecated_one_is_told)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf heard = TENON_BUF_INIT;
    auto_values struct tenon_values *plain = parse((const char *[]){ "id=a", NULL }, &err);
    auto_values struct tenon_values *old = parse((const char *[]){ "id=a", "old", NULL }, &err);
    tenon_log_set_sink(listen, &heard);
    tenon_values_warn(plain, "mount type x");
    ck_assert_uint_eq(heard.len, 0);
    tenon_values_warn(old, "mount type x");
    tenon_log_set_sink(NULL, NULL);
    ck_assert_str_eq(tenon_buf_str(&heard),
                     "4 mount type x: the option \"old\" is deprecated: no effect\n");
}
END_TEST

/* A plugin built with a longer struct tenon_param: the stride tells. */
START_TEST(test_values_stride_of_a_newer_plugin)
{
    struct newer {
        struct tenon_param p;
        uint64_t more;
    } list[] = {
        { { .name = "a", .type = TENON_TYPE_INT, .def = "1" }, 99 },
        { { .name = "b", .type = TENON_TYPE_INT, .def = "2" }, 99 },
        { { .name = NULL }, 0 },
    };
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_values *v = NULL;
    ck_assert_int_eq(tenon_values_parse(&list[0].p, sizeof list[0], NULL, "x", &v, &err), 0);
    ck_assert_int_eq(tenon_values_int(v, "b"), 2);
    tenon_values_free(v);
}
END_TEST

/* Just within and just without: of limits, of choices, of each type. */
static const struct {
    const char *pair;
    bool good;
    int64_t number;
} edges[] = {
    { "mode=0", true, 0 }, { "mode=07777", true, 07777 }, { "mode=010000", false, 0 },
    { "mode=-1", false, 0 }, { "mode=0xfff", true, 0xfff }, { "mode=", false, 0 }, { "mode=7x", false, 0 },
    { "sharing=shared", true, 0 }, { "sharing=private", true, 0 }, { "sharing=locked", true, 0 },
    { "sharing=share", false, 0 }, { "sharing=lock", false, 0 }, { "sharing=p", false, 0 },
    { "sharing=lockedx", false, 0 }, { "sharing=", false, 0 }, { "sharing=Shared", false, 0 },
    { "sharing=shared|private", false, 0 },
    { "ro=true", true, 1 }, { "ro=false", true, 0 }, { "ro=1", true, 1 }, { "ro=0", true, 0 },
    { "ro", true, 1 }, { "ro=maybe", false, 0 }, { "ro=", false, 0 },
    { "size=0", true, 0 }, { "size=64k", true, 65536 }, { "size=1m", true, 1048576 },
    { "size=k", false, 0 }, { "size=1q", false, 0 },
};

START_TEST(test_values_at_the_edges)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_values struct tenon_values *v = parse((const char *[]){ "id=a", edges[_i].pair, NULL }, &err);
    ck_assert_msg((v != NULL) == edges[_i].good, "%s: %s", edges[_i].pair, err.message ? err.message : "taken");
    auto_free char *name = tenon_strndup(edges[_i].pair, strcspn(edges[_i].pair, "="));
    if (v) {
        ck_assert(tenon_values_given(v, name));
        ck_assert_int_eq(tenon_values_int(v, name), edges[_i].number);
        return;
    }
    ck_assert_int_eq(err.code, TENON_E_INVALID);
    ck_assert_msg(strstr(err.message, name) != NULL, "%s", err.message);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("values");
    TCase *tc = tcase_create("values");
    tcase_add_test(tc, test_values_given_and_defaulted);
    tcase_add_test(tc, test_values_last_one_counts_unless_repeated);
    tcase_add_test(tc, test_values_map_keeps_whole_names);
    tcase_add_loop_test(tc, test_values_refused_with_the_reason, 0,
                        (int)(sizeof bad / sizeof bad[0]));
    tcase_add_loop_test(tc, test_values_at_the_edges, 0, (int)(sizeof edges / sizeof edges[0]));
    tcase_add_test(tc, test_values_required_one_missing);
    tcase_add_test(tc, test_values_from_json_list_repeats);
    tcase_add_test(tc, test_values_from_json_object_is_a_map);
    tcase_add_test(tc, test_values_deprecated_one_is_told);
    tcase_add_test(tc, test_values_stride_of_a_newer_plugin);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
