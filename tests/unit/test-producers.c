/* Which requests made what others may have as an input: for whom, and until when. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "engine/producers.h"

static const int one, two; /* builds */

START_TEST(test_producers_same_request_twice_is_known)
{
    struct tenon_producers *p = tenon_producers_new();

    tenon_producers_add(p, "user 1", &one, "sha256:a", "{}");
    tenon_producers_add(p, "user 1", &two, "sha256:a", "{}");
    char *found = tenon_producers_find(p, "user 1", "sha256:a");
    ck_assert_str_eq(found, "{}");
    free(found);
    ck_assert_ptr_null(tenon_producers_find(p, "user 1", "sha256:b"));
    tenon_producers_free(p);
}
END_TEST

START_TEST(test_producers_other_request_is_not_guessed)
{
    struct tenon_producers *p = tenon_producers_new();

    tenon_producers_add(p, "user 1", &one, "sha256:a", "{}");
    tenon_producers_add(p, "user 1", &two, "sha256:a", "{\"x\":1}");
    tenon_producers_add(p, "user 1", &one, "sha256:a", "{}");
    ck_assert_ptr_null(tenon_producers_find(p, "user 1", "sha256:a"));
    tenon_producers_forget(p, &two);
    char *found = tenon_producers_find(p, "user 1", "sha256:a");
    ck_assert_str_eq(found, "{}");
    free(found);
    tenon_producers_forget(p, &one);
    ck_assert_ptr_null(tenon_producers_find(p, "user 1", "sha256:a"));
    tenon_producers_free(p);
}
END_TEST

START_TEST(test_producers_other_client_learns_nothing)
{
    struct tenon_producers *p = tenon_producers_new();

    tenon_producers_add(p, "user 1", &one, "sha256:a", "{}");
    ck_assert_ptr_null(tenon_producers_find(p, "user 2", "sha256:a"));
    tenon_producers_add(p, "user 2", &two, "sha256:a", "{\"x\":1}");
    char *found = tenon_producers_find(p, "user 1", "sha256:a");
    ck_assert_str_eq(found, "{}");
    free(found);
    tenon_producers_free(p);
}
END_TEST

START_TEST(test_producers_long_request_is_left_out)
{
    struct tenon_producers *p = tenon_producers_new();
    char *text = malloc((1 << 20) + 2);

    memset(text, 'x', (1 << 20) + 1);
    text[(1 << 20) + 1] = '\0';
    tenon_producers_add(p, "", &one, "sha256:a", text);
    tenon_producers_add(p, "", &one, "sha256:a", "{}"); /* nor is the other one the answer */
    ck_assert_ptr_null(tenon_producers_find(p, "", "sha256:a"));
    free(text);
    tenon_producers_free(p);
}
END_TEST

/* One client's share ends, in bytes and in number; another's does not. */
START_TEST(test_producers_one_client_does_not_fill_the_list)
{
    struct tenon_producers *p = tenon_producers_new();
    char *text = malloc(1 << 20), name[32];

    memset(text, 'x', (1 << 20) - 1);
    text[(1 << 20) - 1] = '\0';
    for (int i = 0; i < 17; i++) {
        snprintf(name, sizeof name, "sha256:%d", i);
        tenon_producers_add(p, "user 1", &one, name, text);
        char *found = tenon_producers_find(p, "user 1", name);
        ck_assert_msg(!found == (i == 16), "%d", i);
        free(found);
    }
    for (int i = 0; i < 10000; i++)
        tenon_producers_add(p, "user 3", &one, "sha256:b", "{}");
    tenon_producers_add(p, "user 2", &two, "sha256:a", "{}");
    char *found = tenon_producers_find(p, "user 2", "sha256:a");
    ck_assert_str_eq(found, "{}");
    free(found);
    free(text);
    tenon_producers_free(p);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("producers");
    TCase *t = tcase_create("producers");

    tcase_add_test(t, test_producers_same_request_twice_is_known);
    tcase_add_test(t, test_producers_other_request_is_not_guessed);
    tcase_add_test(t, test_producers_other_client_learns_nothing);
    tcase_add_test(t, test_producers_long_request_is_left_out);
    tcase_add_test(t, test_producers_one_client_does_not_fill_the_list);
    suite_add_tcase(s, t);
    return unit_run(s);
}
