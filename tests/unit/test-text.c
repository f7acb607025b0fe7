/* Text from elsewhere, made harmless for a terminal. */
#include "unit.h"

#include "tools/buf.h"
#include "tools/text.h"

static const struct {
    const char *text, *plain, *json;
} cases[] = {
    { "plain \t text\n", "plain \t text\n", "plain \t text\n" },
    { "gr\303\274n \342\202\254 \360\237\230\200", "gr\303\274n \342\202\254 \360\237\230\200",
      "gr\303\274n \342\202\254 \360\237\230\200" },
    { "\033]0;title\a", "\\x1b]0;title\\x07", "\\u001b]0;title\\u0007" },
    { "\033[31m\177", "\\x1b[31m\\x7f", "\\u001b[31m\\u007f" },
    { "a\302\2332Jb", "a\\xc2\\x9b2Jb", "a\\u009b2Jb" },       /* C1 in UTF-8 */
    { "a\2332Jb", "a\\x9b2Jb", "a\\ufffd2Jb" },                /* and as it is */
    { "\342\200\256txt.exe", "\\xe2\\x80\\xaetxt.exe", "\\u202etxt.exe" },
    { "\342\201\246x\342\201\251", "\\xe2\\x81\\xa6x\\xe2\\x81\\xa9", "\\u2066x\\u2069" },
    { "\360\240\200\201", "\360\240\200\201", "\360\240\200\201" },
    { "\363\240\200\201", "\\xf3\\xa0\\x80\\x81", "\\udb40\\udc01" }, /* a tag */
    { "\300\233[", "\\xc0\\x9b[", "\\ufffd\\ufffd[" },          /* overlong */
    { "\340\202\233[", "\\xe0\\x82\\x9b[", "\\ufffd\\ufffd\\ufffd[" },
    { "\355\240\200", "\\xed\\xa0\\x80", "\\ufffd\\ufffd\\ufffd" }, /* half a pair */
    { "\364\220\200\200", "\\xf4\\x90\\x80\\x80", "\\ufffd\\ufffd\\ufffd\\ufffd" },
    { "cut \303", "cut \\xc3", "cut \\ufffd" },
};

START_TEST(test_text_controls_are_spelled)
{
    auto_buf struct tenon_buf plain = TENON_BUF_INIT, json = TENON_BUF_INIT;
    tenon_text_add(&plain, cases[_i].text, strlen(cases[_i].text));
    ck_assert_str_eq(tenon_buf_str(&plain), cases[_i].plain);
    tenon_text_add_json(&json, cases[_i].text, strlen(cases[_i].text));
    ck_assert_str_eq(tenon_buf_str(&json), cases[_i].json);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("text");
    TCase *t = tcase_create("text");
    tcase_add_loop_test(t, test_text_controls_are_spelled, 0, (int)(sizeof cases / sizeof *cases));
    suite_add_tcase(s, t);
    return unit_run(s);
}
