#include "unit.h"

#include "tools/ascii.h"

static const struct {
    const char *text, *lower, *upper;
} texts[] = {
    {"", "", ""},
    {"@AZ[`az{", "@az[`az{", "@AZ[`AZ{"},
    {"linux/ARM64 v8_", "linux/arm64 v8_", "LINUX/ARM64 V8_"},
    {"\xc3\x84\xc3\xa4X", "\xc3\x84\xc3\xa4x", "\xc3\x84\xc3\xa4X"},
};

START_TEST(test_ascii_letters_alone_change)
{
    auto_free char *lower = tenon_strdup(texts[_i].text);
    auto_free char *upper = tenon_strdup(texts[_i].text);
    ck_assert_ptr_eq(tenon_lower(lower), lower);
    ck_assert_ptr_eq(tenon_upper(upper), upper);
    ck_assert_str_eq(lower, texts[_i].lower);
    ck_assert_str_eq(upper, texts[_i].upper);
}
END_TEST

START_TEST(test_ascii_hex_digits)
{
    static const char digits[] = "0123456789abcdef", capitals[] = "ABCDEF";
    int found = 0;
    for (int c = 0; c < 256; c++) {
        const char *digit = c ? strchr(digits, c) : NULL, *capital = c ? strchr(capitals, c) : NULL;
        int value = digit ? (int)(digit - digits) : capital ? (int)(capital - capitals) + 10 : -1;
        ck_assert_int_eq(tenon_hex_digit((char)c), value);
        found += value >= 0;
    }
    ck_assert_int_eq(found, 22);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("ascii");
    TCase *c = tcase_create("ascii");
    tcase_add_loop_test(c, test_ascii_letters_alone_change, 0, tenon_countof(texts));
    tcase_add_test(c, test_ascii_hex_digits);
    suite_add_tcase(s, c);
    return unit_run(s);
}
