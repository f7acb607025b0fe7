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

START_TEST(test_base64_decoded)
{
    auto_buf struct tenon_buf padded = TENON_BUF_INIT, bare = TENON_BUF_INIT;
    const char *text = vectors[_i].text;
    ck_assert(tenon_base64_decode(text, strlen(text), &padded));
    ck_assert(tenon_base64_decode(text, strcspn(text, "="), &bare));
    ck_assert_uint_eq(padded.len, vectors[_i].len);
    ck_assert_uint_eq(bare.len, vectors[_i].len);
    if (bare.len) {
        ck_assert_mem_eq(padded.data, vectors[_i].bytes, padded.len);
        ck_assert_mem_eq(bare.data, vectors[_i].bytes, bare.len);
    }
}
END_TEST

static const char *const not_base64[] = { "Z", "Zm9vY", "Zm 9", "Zg===", "Z===", "Zm9v\n", "Zm-_",
                                          "=", "Zg=a" };

START_TEST(test_base64_refused)
{
    auto_buf struct tenon_buf out = TENON_BUF_INIT;
    ck_assert(!tenon_base64_decode(not_base64[_i], strlen(not_base64[_i]), &out));
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("base64");
    TCase *c = tcase_create("base64");
    tcase_add_loop_test(c, test_base64_vectors, 0, tenon_countof(vectors));
    tcase_add_loop_test(c, test_base64_decoded, 0, tenon_countof(vectors));
    tcase_add_loop_test(c, test_base64_refused, 0, tenon_countof(not_base64));
    suite_add_tcase(s, c);
    return unit_run(s);
}
