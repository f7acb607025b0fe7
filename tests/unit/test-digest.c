#include "unit.h"

#include "base/digest.h"

#define EMPTY                                                                 \
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC                                                                   \
    "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

START_TEST(test_digest_known_values)
{
    struct tenon_digest d;
    tenon_digest_of(NULL, 0, &d);
    ck_assert_str_eq(d.str, EMPTY);
    tenon_digest_of("abc", 3, &d);
    ck_assert_str_eq(d.str, ABC);
    ck_assert_str_eq(tenon_digest_hex(&d), &ABC[7]);
}
END_TEST

START_TEST(test_hash_streams_and_resets)
{
    struct tenon_digest d;
    auto_hash struct tenon_hash *h = tenon_hash_new();
    tenon_hash_update(h, "a", 1);
    tenon_hash_update(h, "", 0);
    tenon_hash_update(h, "bc", 2);
    tenon_hash_final(h, &d);
    ck_assert_str_eq(d.str, ABC);
    tenon_hash_final(h, &d);
    ck_assert_str_eq(d.str, EMPTY);
}
END_TEST

START_TEST(test_hash_items_are_framed)
{
    struct tenon_digest a, b;
    auto_hash struct tenon_hash *h = tenon_hash_new();
    tenon_hash_item(h, "ab", "c", 1);
    tenon_hash_final(h, &a);
    tenon_hash_item(h, "a", "bc", 2);
    tenon_hash_final(h, &b);
    ck_assert_str_ne(a.str, b.str);
    /* the frame itself is part of every cache key */
    static const char frame[] = "\2\0\0\0\0\0\0\0ab\1\0\0\0\0\0\0\0c";
    tenon_digest_of(frame, sizeof frame - 1, &b);
    ck_assert_str_eq(a.str, b.str);
}
END_TEST

START_TEST(test_digest_parse)
{
    static const char *const bad[] = {
        "", "sha256:", "sha256:e3b0", EMPTY "0", "sha512:",
        "sha256:E3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "sha256:g3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "sha257:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    };
    struct tenon_digest d = {""};
    for (size_t i = 0; i < tenon_countof(bad); i++)
        ck_assert_msg(!tenon_digest_parse(bad[i], &d), "%s", bad[i]);
    ck_assert(!tenon_digest_parse(NULL, &d));
    ck_assert_str_eq(d.str, "");
    ck_assert_str_eq(tenon_digest_hex(&d), "");
    ck_assert(tenon_digest_parse(EMPTY, &d));
    ck_assert_str_eq(d.str, EMPTY);
}
END_TEST

START_TEST(test_digest_bytes_and_back)
{
    struct tenon_digest d, back = {""};
    uint8_t bytes[TENON_DIGEST_BIN_LEN];
    ck_assert(tenon_digest_parse(EMPTY, &d));
    tenon_digest_bytes(&d, bytes);
    ck_assert_int_eq(bytes[0], 0xe3);
    ck_assert_int_eq(bytes[TENON_DIGEST_BIN_LEN - 1], 0x55);
    tenon_digest_of_bytes(bytes, &back);
    ck_assert_str_eq(back.str, EMPTY);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("digest");
    TCase *c = tcase_create("digest");
    tcase_add_test(c, test_digest_known_values);
    tcase_add_test(c, test_hash_streams_and_resets);
    tcase_add_test(c, test_hash_items_are_framed);
    tcase_add_test(c, test_digest_parse);
    tcase_add_test(c, test_digest_bytes_and_back);
    suite_add_tcase(s, c);
    return unit_run(s);
}
