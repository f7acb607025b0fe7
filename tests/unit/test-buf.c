#include "unit.h"

#include "tools/buf.h"
#include "tools/vec.h"

START_TEST(test_buf_empty_is_empty_string)
{
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    ck_assert_str_eq(tenon_buf_str(&b), "");
    tenon_buf_clear(&b);
    auto_free char *s = tenon_buf_steal(&b);
    ck_assert_str_eq(s, "");
}
END_TEST

START_TEST(test_buf_add_grows_and_terminates)
{
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    for (int i = 0; i < 10000; i++) {
        tenon_buf_addc(&b, (char)('a' + i % 26));
        ck_assert_int_eq(b.data[b.len], '\0');
    }
    ck_assert_uint_eq(b.len, 10000);
    tenon_buf_truncate(&b, 3);
    ck_assert_str_eq(tenon_buf_str(&b), "abc");
    tenon_buf_add(&b, "x\0y", 3);
    ck_assert_uint_eq(b.len, 6);
    ck_assert_mem_eq(b.data, "abcx\0y", 7);
}
END_TEST

START_TEST(test_buf_addf_longer_than_room)
{
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    tenon_buf_addf(&b, "%s-%d", "n", 1);
    tenon_buf_addf(&b, "%500d", 7);
    ck_assert_uint_eq(b.len, 503);
    tenon_buf_addf(&b, "%s", "");
    ck_assert_uint_eq(b.len, 503);
    ck_assert_int_eq(b.data[502], '7');
    auto_free char *s = tenon_buf_steal(&b);
    ck_assert_uint_eq(strlen(s), 503);
    ck_assert_ptr_null(b.data);
}
END_TEST

START_TEST(test_alloc_strv)
{
    char **v = NULL;
    for (int i = 0; i < 100; i++)
        tenon_strv_push(&v, tenon_asprintf("%d", i));
    ck_assert_uint_eq(tenon_strv_len(v), 100);
    char **copy = tenon_strv_dup((const char *const *)v);
    for (int i = 0; i < 100; i++)
        ck_assert_str_eq(v[i], copy[i]);
    /* a copy has the exact size; pushing must know */
    tenon_strv_push(&copy, tenon_strdup("end"));
    ck_assert_str_eq(copy[100], "end");
    ck_assert_ptr_null(copy[101]);
    tenon_strv_free(v);
    tenon_strv_free(copy);
    ck_assert_uint_eq(tenon_strv_len(NULL), 0);
}
END_TEST

START_TEST(test_alloc_strings)
{
    ck_assert(tenon_streq(NULL, NULL));
    ck_assert(!tenon_streq(NULL, ""));
    ck_assert(tenon_has_prefix("sha256:ab", "sha256:"));
    ck_assert(!tenon_has_prefix("sha", "sha256:"));
    ck_assert(tenon_has_suffix("a.so", ".so"));
    ck_assert(!tenon_has_suffix("so", ".so"));
    auto_free char *s = tenon_strndup("abc", 10);
    ck_assert_str_eq(s, "abc");
    ck_assert_ptr_null(tenon_strdup(NULL));
}
END_TEST

START_TEST(test_vec_push_and_walk)
{
    TENON_VEC(int) v = {0};
    tenon_vec_foreach(p, &v)
        ck_abort_msg("an empty vector has an item");
    for (int i = 0; i < 100; i++)
        tenon_vec_push(&v, i);
    *tenon_vec_add(&v) += 5;
    int sum = 0;
    tenon_vec_foreach(p, &v)
        sum += *p;
    ck_assert_int_eq(sum, 4955);
    tenon_vec_release(&v);
    ck_assert_uint_eq(v.len, 0);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("buf");
    TCase *c = tcase_create("buf");
    tcase_add_test(c, test_buf_empty_is_empty_string);
    tcase_add_test(c, test_buf_add_grows_and_terminates);
    tcase_add_test(c, test_buf_addf_longer_than_room);
    tcase_add_test(c, test_alloc_strv);
    tcase_add_test(c, test_alloc_strings);
    tcase_add_test(c, test_vec_push_and_walk);
    suite_add_tcase(s, c);
    return unit_run(s);
}
