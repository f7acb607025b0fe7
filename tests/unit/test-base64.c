#include "unit.h"

#include "tools/base64.h"

/* RFC 4648, section 10, and bytes that need the last two digits. */
static const struct {
    const char *bytes;
    size_t len;
    const char *text;
} vectors[] = {
    {"", 0, ""},
    {"f", 1, "Zg=="},
    {"fo", 2, "Zm8="},
    {"foo", 3, "Zm9v"},
    {"foob", 4, "Zm9vYg=="},
    {"fooba", 5, "Zm9vYmE="},
    {"foobar", 6, "Zm9vYmFy"},
    {"\xfb\xff\0\xff", 4, "+/8A/w=="},
};

START_TEST(test_base64_vectors)
{
    auto_free char *text = tenon_base64(vectors[_i].bytes, vectors[_i].len);
    ck_assert_str_eq(text, vectors[_i].text);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("base64");
    TCase *c = tcase_create("base64");
    tcase_add_loop_test(c, test_base64_vectors, 0, tenon_countof(vectors));
    suite_add_tcase(s, c);
    return unit_run(s);
}
