/* test-df-word - quotes, escapes and ${...} in the words of build files. */
#include "language/word.h"
#include "tools/alloc.h"
#include "tools/buf.h"
#include "unit.h"

static const struct {
    const char *name, *value;
} variables[] = {
    {"A", "a b"},
    {"B", "c d"},
    {"E", ""},
    {"F", "foobarfoobar"},
    {"LINES", "a\nx b"},
    {"ODD", "a\xff\xfe"},
    {"FE", "\xfe"},
    {"FF", "\xff"},
    {"DOLLARS", "$$"},
    {"GROUP", "<${0}$0$1>"},
    {"P", "/usr/local/lib/libfoo.so.1"},
    {"PATHY", "a/b/c"},
    {"REP", "rep"},
    {"S", "one-two-one-two"},
    {"U", "gr\xc3\xbc\xc3\x9f"},
};

static const char *
get(void *data, const char *name)
{
    (void)data;
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        if (strcmp(variables[i].name, name) == 0)
            return variables[i].value;
    }
    return NULL;
}

static const char *
name_at(void *data, size_t i)
{
    (void)data;
    return i < sizeof variables / sizeof *variables ? variables[i].name : NULL;
}

static const struct df_env env = {.get = get, .name_at = name_at};

struct one {
    const char *text;
    const char *want; /* after a '!': the message behind "failed to process" */
    unsigned flags;
};

static const struct one expansions[] = {
    {"plain", "plain", 0},
    {"\"a b\"", "a b", 0},
    {"a\"b c\"d'e f'", "ab cde f", 0},
    {"e\\ f", "e f", 0},
    {"\"q\\\"q\"", "q\"q", 0},
    {"\"back\\\\slash\"", "back\\slash", 0},
    {"\"x\\y\"", "x\\y", 0},
    {"'back\\\\slash'", "back\\\\slash", 0},
    {"x\\\\y", "x\\y", 0},
    {"\"dollar \\$A\"", "dollar $A", 0},
    {"'single $A'", "single $A", 0},
    {"${A}x", "a bx", 0},
    {"$A$B", "a bc d", 0},
    {"$", "$", 0},
    {"a$ b", "a$ b", 0},
    {"$NOPE.", ".", 0},
    {"$1x", "x", 0},
    {"$@x", "x", 0},
    {"${NOPE:-w $A}", "w a b", 0},
    {"${E:-w}${E-w}", "w", 0},
    {"${A:+w}${NOPE+w}${E+w}", "ww", 0},
    {"${NOPE:-${NOPE:-${A}}}", "a b", 0},
    {"${NOPE:-\"}\"}", "}", 0},
    {"${NOPE:-a\\}b}", "a}b", 0},
    {"${P#*/}", "usr/local/lib/libfoo.so.1", 0},
    {"${P##*/}", "libfoo.so.1", 0},
    {"${P%.*}", "/usr/local/lib/libfoo.so", 0},
    {"${P%%.*}", "/usr/local/lib/libfoo", 0},
    {"${P#/usr}", "/local/lib/libfoo.so.1", 0},
    {"${P#nope}", "/usr/local/lib/libfoo.so.1", 0},
    {"${F##*o}", "bar", 0},
    {"${F%%b*}", "foo", 0},
    {"${F#f??}", "barfoobar", 0},
    {"${F%b?r}", "foobarfoo", 0},
    {"${F#\\*}", "foobarfoobar", 0},
    {"\"${P##*/}\"", "libfoo.so.1", 0},
    {"${F#}${F%%*}", "foobarfoobar", 0},
    {"${U%?}", "gr\xc3\xbc", 0},
    {"${S/one/1}", "1-two-one-two", 0},
    {"${S//one/1}", "1-two-1-two", 0},
    {"${S//-/_}", "one_two_one_two", 0},
    {"${S/o*e/X}", "X-two", 0},
    {"${S//t?o/Y}", "one-Y-one-Y", 0},
    {"${PATHY//\\//:}", "a:b:c", 0},
    {"${S/none/zz}", "one-two-one-two", 0},
    {"\"${S//one/a b}\"", "a b-two-a b-two", 0},
    {"${S/one/$REP}", "rep-two-one-two", 0},
    {"${S/one/}", "-two-one-two", 0},
    {"${F//o*/-}", "f-", 0},
    {"${PATHY///-}", "-a-/-b-/-c-", 0},
    {"${F//*/-}", "-", 0},
    {"${S//one/$DOLLARS}", "$-two-$-two", 0},
    {"${S/one/$DOLLARS}", "$$-two-one-two", 0},
    {"${S//t?o/$GROUP}", "one-<twotwo>-one-<twotwo>", 0},
    {"${LINES#*x}", "a\nx b", 0},
    {"${LINES##*}", "\nx b", 0},
    {"${LINES%?b}", "a\nx", 0},
    {"${ODD%$FF}", "a\xff\xfe", 0},
    {"${ODD%$FE}", "a\xff", 0},
    {"$NOPE ${NOPE} ${NOPE:-x}", "$NOPE ${NOPE} ${NOPE:-x}", DF_WORD_SKIP_UNSET},
    {"\"a\" 'b'", "\"a\" 'b'", DF_WORD_RAW_QUOTES},
    {"a\\ b\\", "a\\ b\\", DF_WORD_RAW_ESCAPES},
    {"it's \"$REP\" \\$x", "it's \"rep\" $x", DF_WORD_SKIP_QUOTES},
    {"${V", "!unsupported modifier (\xef\xbf\xbd) in substitution", 0},
    {"${V:=y}", "!unsupported modifier (:=) in substitution", 0},
    {"${V:#y}", "!unsupported modifier (:#) in substitution", 0},
    {"${A^}", "!unsupported modifier (^) in substitution", 0},
    {"${", "!syntax error: missing '}'", 0},
    {"${}", "!syntax error: bad substitution", 0},
    {"${{A}}", "!syntax error: bad substitution", 0},
    {"${A:-x", "!syntax error: missing '}'", 0},
    {"${A/x", "!syntax error: missing '/' in ${}", 0},
    {"${NOPE:?please}", "!NOPE: please", 0},
    {"${NOPE?}", "!NOPE: is not allowed to be unset", 0},
    {"${E:?}", "!E: is not allowed to be empty", 0},
    {"${E?}", "", 0},
    /* Go reads characters: what is none becomes U+FFFD. */
    {"a\xff" "b", "a\xef\xbf\xbd" "b", 0},
    {"'\xff'\"\xc3\"\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", 0},
    {"a\xc0\xafz", "a\xef\xbf\xbd\xef\xbf\xbdz", 0}, /* longer than need be */
    {"\xe0\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", 0},
    {"\xf0\x80\x80\xaf", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", 0},
    {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", 0}, /* a surrogate */
    {"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", 0},
    {"\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf", 0},
    {"${NOPE:-\xfe}\xc3\xa9", "\xef\xbf\xbd\xc3\xa9", 0},
    {"\"open", "!unexpected end of statement while looking for matching double-quote", 0},
    {"'open", "!unexpected end of statement while looking for matching single-quote", 0},
    {"${A#x\\y}", "!invalid pattern (x\\y) in substitution: invalid escape '\\y'", 0},
};

START_TEST(test_word_expand_table_matches)
{
    const struct one *t = &expansions[_i];
    auto_df_arena struct df_arena a = DF_ARENA_INIT;
    struct df_word w = {0};
    const char *message = NULL;
    bool ok = df_word_expand(&a, '\\', t->flags, t->text, strlen(t->text), &env,
                             &w, &message);

    if (*t->want != '!') {
        ck_assert_msg(ok, "%s: %s", t->text, message);
        ck_assert_str_eq(w.text, t->want);
        return;
    }
    ck_assert_msg(!ok, "%s gave %s", t->text, w.text);
    ck_assert_msg(strncmp(message, "failed to process \"", 19) == 0, "%s", message);
    size_t want = strlen(t->want + 1), got = strlen(message);
    ck_assert_msg(got > want, "%s", message);
    ck_assert_str_eq(message + got - want, t->want + 1);
}
END_TEST

START_TEST(test_word_split_after_expansion_keeps_quoted_blanks)
{
    auto_df_arena struct df_arena a = DF_ARENA_INIT;
    static const char text[] = "  $A \"$A\" x\\ y \"\" << EOF";
    struct df_word w;
    const char *message;
    ck_assert(df_word_expand(&a, '\\', 0, text, strlen(text), &env, &w, &message));
    ck_assert_uint_eq(w.words_len, 5);
    ck_assert_str_eq(w.words[0], "a");
    ck_assert_str_eq(w.words[1], "b");
    ck_assert_str_eq(w.words[2], "a b");
    ck_assert_str_eq(w.words[3], "x y");
    ck_assert_str_eq(w.words[4], "<< EOF");
}
END_TEST

START_TEST(test_word_names_are_recorded_once)
{
    auto_df_arena struct df_arena a = DF_ARENA_INIT;
    static const char text[] = "$A $A $NOPE ${NOPE:-$B} ${REQ}";
    struct df_word w;
    const char *message;
    ck_assert(df_word_expand(&a, '\\', 0, text, strlen(text), &env, &w, &message));
    ck_assert_uint_eq(w.matched.len, 2);
    ck_assert_str_eq(w.matched.items[1], "B");
    ck_assert_uint_eq(w.unmatched.len, 2);
    ck_assert_str_eq(w.unmatched.items[0], "NOPE");
    ck_assert_str_eq(df_word_suggest(&a, "PATHX", &env), "PATHY");
    ck_assert_ptr_null(df_word_suggest(&a, "COMPLETELY", &env));
}
END_TEST

START_TEST(test_word_backtick_is_the_escape)
{
    auto_df_arena struct df_arena a = DF_ARENA_INIT;
    static const char text[] = "c:\\dir `$A \"a`\"b\"";
    struct df_word w;
    const char *message;
    ck_assert(df_word_expand(&a, '`', 0, text, strlen(text), &env, &w, &message));
    ck_assert_str_eq(w.text, "c:\\dir $A a\"b");
}
END_TEST

START_TEST(test_word_nesting_is_bounded)
{
    auto_df_arena struct df_arena a = DF_ARENA_INIT;
    size_t n = 100000;
    char *text = df_arena_alloc(&a, n * 5 + 1);
    for (size_t i = 0; i < n; i++)
        memcpy(text + i * 5, "${x:-", 5);
    struct df_word w;
    const char *message;
    ck_assert(!df_word_expand(&a, '\\', 0, text, n * 5, &env, &w, &message));
}
END_TEST

/* Each would take hours, or all memory, if somebody did the work. */
static const char *const endless[] = {
    "${L//*/$R}",
    "${L//?/${L//?/$L}}",
    "${L/*x*y*z/}${L/*x*y*z/}",
    "${L//?/${A//?/${A//?/${A//?/${A//?/${A//?/${A//?/${A//?/${A//?/$A}}}}}}}}}",
};

static const char *
get_long(void *data, const char *name)
{
    return strcmp(name, "A") == 0 ? "seven.." : *name == 'L' || *name == 'R' ?
           ((char **)data)[*name == 'R'] : NULL;
}

START_TEST(test_word_work_is_bounded_over_all_of_an_arena)
{
    auto_df_arena struct df_arena a = DF_ARENA_INIT;
    auto_buf struct tenon_buf l = TENON_BUF_INIT, r = TENON_BUF_INIT;
    for (size_t i = 0; i < 200000; i++) {
        tenon_buf_addc(&l, 'l');
        tenon_buf_adds(&r, "$0");
    }
    char *values[] = {l.data, r.data};
    struct df_env e = {.get = get_long, .data = values};
    struct df_word w;
    const char *message = "", *text = endless[_i];
    ck_assert(!df_word_expand(&a, '\\', 0, text, strlen(text), &e, &w, &message));
    ck_assert_ptr_nonnull(strstr(message, "the substitutions take too long"));

    /* What is spent is spent, but an honest word costs next to nothing. */
    ck_assert(!df_word_expand(&a, '\\', 0, text, strlen(text), &e, &w, &message));
    struct df_arena fresh = DF_ARENA_INIT;
    for (size_t i = 0; i < 100000; i++)
        ck_assert(df_word_expand(&fresh, '\\', 0, "a $A ${A%.*}", 12, &e, &w, &message));
    df_arena_release(&fresh);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("df-word");
    TCase *t = tcase_create("word");
    tcase_add_loop_test(t, test_word_expand_table_matches, 0,
                        sizeof expansions / sizeof *expansions);
    tcase_add_test(t, test_word_split_after_expansion_keeps_quoted_blanks);
    tcase_add_test(t, test_word_names_are_recorded_once);
    tcase_add_test(t, test_word_backtick_is_the_escape);
    tcase_add_test(t, test_word_nesting_is_bounded);
    tcase_add_loop_test(t, test_word_work_is_bounded_over_all_of_an_arena, 0,
                        tenon_countof(endless));
    suite_add_tcase(s, t);
    return unit_run(s);
}
