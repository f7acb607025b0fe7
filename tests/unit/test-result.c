/* What a frontend gives back: one reference a platform, values by name, and what is
 * answered to who asked. */
#include "unit.h"

#include "engine/result.h"

static struct tenon_error err;

static void
setup(void)
{
    err = (struct tenon_error)TENON_ERROR_INIT;
}

static void
teardown(void)
{
    tenon_error_release(&err);
}

START_TEST(test_result_platform_twice_is_refused)
{
    struct tenon_result r = {0};
    ck_assert_int_eq(tenon_result_add(&r, "linux/amd64", NULL, &err), 0);
    ck_assert_int_eq(tenon_result_add(&r, "linux/arm64", NULL, &err), 0);
    ck_assert_int_eq(tenon_result_add(&r, "linux/amd64", NULL, &err), TENON_E_INVALID);
    ck_assert_str_eq(err.message, "platform linux/amd64 was given twice");
    tenon_error_release(&err);
    /* one that has no name is one, too */
    ck_assert_int_eq(tenon_result_add(&r, "", NULL, &err), 0);
    ck_assert_int_eq(tenon_result_add(&r, "", NULL, &err), TENON_E_INVALID);
    ck_assert_uint_eq(r.platforms.len, 3);
    tenon_result_release(&r);
}
END_TEST

/* Outputs make names of directories of them. */
START_TEST(test_result_platform_is_one)
{
    static const char *const none[] = { "..", ".", "/", "a b", "linux/amd64/v2/x", "\n" };
    struct tenon_result r = {0};
    ck_assert_int_lt(tenon_result_add(&r, none[_i], NULL, &err), 0);
    ck_assert_uint_eq(r.platforms.len, 0);
    tenon_error_release(&err);
    tenon_result_release(&r);
}
END_TEST

START_TEST(test_result_values_last_one_counts)
{
    struct tenon_result r = {0};
    ck_assert_ptr_null(tenon_result_meta(&r, "config"));
    ck_assert_int_eq(tenon_result_set(&r, "config", "one", 3, &err), 0);
    ck_assert_int_eq(tenon_result_set(&r, "config/linux/arm64", "arm", 3, &err), 0);
    ck_assert_int_eq(tenon_result_set(&r, "config", "other", 5, &err), 0);
    const struct tenon_result_value *v = tenon_result_meta(&r, "config");
    ck_assert_uint_eq(v->len, 5);
    ck_assert_int_eq(memcmp(v->data, "other", 5), 0);
    /* a platform's own, else everybody's */
    v = tenon_result_platform_meta(&r, "config", "linux/arm64");
    ck_assert_int_eq(memcmp(v->data, "arm", 3), 0);
    v = tenon_result_platform_meta(&r, "config", "linux/amd64");
    ck_assert_int_eq(memcmp(v->data, "other", 5), 0);
    tenon_result_release(&r);
}
END_TEST

START_TEST(test_result_responses_last_one_counts)
{
    struct tenon_result r = {0};
    ck_assert_ptr_null(tenon_result_response(&r, "result"));
    ck_assert_int_eq(tenon_result_respond(&r, "result", "text", false, &err), 0);
    ck_assert_int_eq(tenon_result_respond(&r, "other", "1", true, &err), 0);
    ck_assert_int_eq(tenon_result_respond(&r, "result", "{}", true, &err), 0);
    const struct tenon_result_value *v = tenon_result_response(&r, "result");
    ck_assert_str_eq(v->data, "{}");
    ck_assert(v->is_json);
    ck_assert_uint_eq(v->len, 2);
    tenon_result_release(&r);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("result");
    TCase *t = tcase_create("result");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_result_platform_twice_is_refused);
    tcase_add_loop_test(t, test_result_platform_is_one, 0, 6);
    tcase_add_test(t, test_result_values_last_one_counts);
    tcase_add_test(t, test_result_responses_last_one_counts);
    suite_add_tcase(s, t);
    return unit_run(s);
}
