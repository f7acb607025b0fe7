/* test-ignore-expressions.c - lines of ignore files that moby/patternmatcher makes regular
 * expressions of, and what of these means something it was not meant to. */
#include "unit.h"

#include "tools/pattern.h"

/* What BuildKit v0.32 leaves out of a context of these names for one line of an ignore file. */
static const char *const names[] = {
    "a", "b", "1", "12", "x7", "x_", "xD", "x-y", "xo", "ab", "ax", "A1", "[a]", "a*", "a^",
    "^a", "a]", "bin/Debug", "bin/obj", "binobj", "src.a", "\\", "\303\251", "\303\251a",
    "a\\b", "obj", "src\tab",
};
static const struct {
    const char *pattern, *names; /* between bars */
} expressions[] = {
    {"\\a", "||"},
    {"*\\a*", "||"},
    {"\\b", "||"},
    {"*\\b*",
     "|a|b|1|12|x7|x_|xD|x-y|xo|ab|ax|A1|[a]|a*|a^|^a|a]|bin/Debug|bin/obj|binobj|"
     "src.a|\303\251a|a\\b|obj|src\tab|"},
    {"\\d", "|1|"},
    {"*\\d*", "|1|12|x7|A1|"},
    {"\\f", "||"},
    {"*\\f*", "||"},
    {"\\n", "||"},
    {"*\\n*", "||"},
    {"\\r", "||"},
    {"*\\r*", "||"},
    {"\\s", "||"},
    {"*\\s*", "|src\tab|"},
    {"\\t", "||"},
    {"*\\t*", "|src\tab|"},
    {"\\v", "||"},
    {"*\\v*", "||"},
    {"\\w", "|a|b|1|"},
    {"*\\w*",
     "|a|b|1|12|x7|x_|xD|x-y|xo|ab|ax|A1|[a]|a*|a^|^a|a]|bin/Debug|bin/obj|binobj|"
     "src.a|\303\251a|a\\b|obj|src\tab|"},
    {"\\z", "||"},
    {"*\\z*", NULL},
    {"\\A", "||"},
    {"*\\A*", NULL},
    {"\\B", "||"},
    {"*\\B*",
     "|12|x7|x_|xD|xo|ab|ax|A1|[a]|a*|a^|^a|a]|bin/Debug|bin/obj|binobj|src.a|\\|"
     "\303\251|\303\251a|obj|src\tab|"},
    {"\\D", "|a|b|\\|\303\251|"},
    {"*\\D*",
     "|a|b|x7|x_|xD|x-y|xo|ab|ax|A1|[a]|a*|a^|^a|a]|bin/Debug|bin/obj|binobj|src.a|"
     "\\|\303\251|\303\251a|a\\b|obj|src\tab|"},
    {"\\Q", "||"},
    {"*\\Q*", "||"},
    {"\\S", "|a|b|1|\\|\303\251|"},
    {"*\\S*", NULL},
    {"\\W", "|\\|\303\251|"},
    {"*\\W*", "|x-y|[a]|a*|a^|^a|a]|bin/Debug|bin/obj|src.a|\\|\303\251|\303\251a|a\\b|src\tab|"},
    {"\\0", "||"},
    {"*\\0*", "||"},
    {"\\_", "||"},
    {"*\\_*", "|x_|"},
    {"\\-", "||"},
    {"*\\-*", "|x-y|"},
    {"\\.", "||"},
    {"*\\.*", "|src.a|"},
    {"\\]", "||"},
    {"*\\]*", "|[a]|a]|"},
    {"\\^", "||"},
    {"*\\^*", "|a^|^a|"},
    {"bin\\Debug", "||"},
    {"[\\d]", "|1|"},
    {"[\\a]", "||"},
    {"[a*]", "|[a]|a]|"},
    {"[a?]", "|a]|"},
    {"[[:alpha:]]*",
     "|a|b|x7|x_|xD|x-y|xo|ab|ax|A1|a*|a^|a]|bin/Debug|bin/obj|binobj|src.a|a\\b|"
     "obj|src\tab|"},
    {"[[:alpha:]]", "|a|b|"},
    {"a^*", "||"},
    {"^a*", "|a|ab|ax|a*|a^|a]|a\\b|"},
    {"\\x41*", "|A1|"},
    {"\\101*", "|A1|"},
    {"\\pL", "|a|b|\303\251|"},
    {"\\pLx", "|ax|"},
    {"\\Qa", "||"},
    {"[\\]]*", "||"},
    {"[^a]*",
     "|b|1|12|x7|x_|xD|x-y|xo|A1|[a]|^a|bin/Debug|bin/obj|binobj|src.a|\\|\303\251|"
     "\303\251a|obj|src\tab|"},
    {"!bin\\obj", "||"},
    {"a]*", "|a]|"},
    {"[a]]", "|a]|"},
    {"a**", "|a|ab|ax|a*|a^|a]|a\\b|"},
    {"**a", "|a|^a|src.a|\303\251a|"},
    {"***", NULL},
    {"*a**", "|a|ab|ax|[a]|a*|a^|^a|a]|src.a|\303\251a|a\\b|src\tab|"},
    {"{a,b}", "||"},
    {"a+", "||"},
    {"(a)", "||"},
    {"[!a]", "|a|"},
    {"[^!-~]*", "|\303\251|\303\251a|"},
    {"[a\\-z]", "|a|"},
    {"[\\pL]", "|a|b|\303\251|"},
    {"a|b", "||"},
    {"*a|b", "|a|b|ab|ax|[a]|a*|a^|^a|a]|src.a|\303\251a|a\\b|src\tab|"},
    {"ax|*b", "|b|ab|ax|a\\b|src\tab|"},
    {"a{2}*", "||"},
    {"?{2}", "|12|x7|x_|xD|xo|ab|ax|A1|a*|a^|^a|a]|\303\251a|"},
    {"?{1,2}", "|a|b|1|12|x7|x_|xD|xo|ab|ax|A1|a*|a^|^a|a]|\\|\303\251|\303\251a|"},
    {"x{0}y*", "||"},
    {"*.{js,a}", "||"},
    {"[a-x]{2}", "|xo|ab|ax|"},
    {"[a-x]{2,}", "|xo|ab|ax|bin/Debug|bin/obj|binobj|obj|"},
    {"[a-z]{1,}", "|a|b|xo|ab|ax|bin/Debug|bin/obj|binobj|obj|"},
    {"\\x{41}*", "|A1|"},
    {"x|y|*o", "|x7|x_|xD|x-y|xo|"},
    {"*|", NULL},
    {"|*", NULL},
    {"\\Qa|b*", "||"},
    {"[|]*a", "||"},
    {"^b|*c", "|b|bin/Debug|bin/obj|binobj|"},
    {"*.(a|b)", "||"},
    {"{2}*", NULL},
    {"a{2,3*", "||"},
    {"?{,2}", "||"},
    {"bi[m-n]{1}*", "|bin/Debug|bin/obj|binobj|"},
    {"bin|o[b]j", "|bin/Debug|bin/obj|binobj|obj|"},
    {"\\bx*", "|x7|x_|xD|x-y|xo|"},
    {"*\\Ba", "||"},
    {"*/\\bo*", "|bin/obj|"},
    {"\\p{L}", "|a|b|\303\251|"},
    {"\\p{l}", "|a|b|\303\251|"},
    {"\\P{L}", "|1|\\|"},
    {"\\p{^L}", "|1|\\|"},
    {"\\P{^L}", "|a|b|\303\251|"},
    {"\\p{Letter}", "|a|b|\303\251|"},
    {"\\p{LETTER}*",
     "|a|b|x7|x_|xD|x-y|xo|ab|ax|A1|a*|a^|a]|bin/Debug|bin/obj|binobj|src.a|\303\251|"
     "\303\251a|a\\b|obj|src\tab|"},
    {"\\p{ l e_t-ter }", "|a|b|\303\251|"},
    {"*\\p{N}*", "|1|12|x7|A1|"},
    {"*\\pN*", "|1|12|x7|A1|"},
    {"*\\p{Number}", "|1|12|x7|A1|"},
    {"\\PN*",
     "|a|b|x7|x_|xD|x-y|xo|ab|ax|A1|[a]|a*|a^|^a|a]|bin/Debug|bin/obj|binobj|src.a|\\|"
     "\303\251|\303\251a|a\\b|obj|src\tab|"},
    {"\\p{Any}", "|a|b|1|\\|\303\251|"},
    {"\\P{Any}", "||"},
    {"\\p{ASCII}", "|a|b|1|\\|"},
    {"\\p{ASCII}*",
     "|a|b|1|12|x7|x_|xD|x-y|xo|ab|ax|A1|[a]|a*|a^|^a|a]|bin/Debug|bin/obj|binobj|src.a|"
     "\\|a\\b|obj|src\tab|"},
    {"\\P{ASCII}*", "|\303\251|\303\251a|"},
    {"\\p{P}*", "|[a]|\\|"},
    {"\\p{Punct}*", "|[a]|\\|"},
    {"\\p{punctuation}*", "|[a]|\\|"},
    {"*\\p{S}", "|a^|"},
    {"*\\p{Symbol}*", "|a^|^a|"},
    {"*\\p{Z}*", "||"},
    {"*\\p{C}*", "|src\tab|"},
    {"*\\p{Other}*", "|src\tab|"},
    {"\\p{M}", "||"},
    {"\\p{Mark}*", "||"},
    {"[\\p{L}]", "|a|b|\303\251|"},
    {"[^\\p{L}]*", "|1|12|[a]|^a|\\|"},
    {"[\\P{L}\\d]*", "|1|12|[a]|^a|\\|"},
    {"\\p{L}{2}", "|xD|xo|ab|ax|\303\251a|"},
    {"\\p{separator}*", "||"},
    {"\\pl", "|a|b|\303\251|"},
};
/* Lines that end a build there, once they are looked at. */
static const char *const broken[] = {
    "\\c", "*\\c*", "\\e", "*\\e*", "\\g", "*\\g*", "\\h", "*\\h*", "\\i", "*\\i*", "\\j",
    "*\\j*", "\\k", "*\\k*", "\\l", "*\\l*", "\\m", "*\\m*", "\\o", "*\\o*", "\\p", "*\\p*",
    "\\q", "*\\q*", "\\u", "*\\u*", "\\x", "*\\x*", "\\y", "*\\y*", "\\C", "*\\C*", "\\E",
    "*\\E*", "\\F", "*\\F*", "\\G", "*\\G*", "\\H", "*\\H*", "\\I", "*\\I*", "\\J", "*\\J*",
    "\\K", "*\\K*", "\\L", "*\\L*", "\\M", "*\\M*", "\\N", "*\\N*", "\\O", "*\\O*", "\\P",
    "*\\P*", "\\R", "*\\R*", "\\T", "*\\T*", "\\U", "*\\U*", "\\V", "*\\V*", "\\X", "*\\X*",
    "\\Y", "*\\Y*", "\\Z", "*\\Z*", "\\1", "*\\1*", "\\2", "*\\2*", "\\3", "*\\3*", "\\4",
    "*\\4*", "\\5", "*\\5*", "\\6", "*\\6*", "\\7", "*\\7*", "\\8", "*\\8*", "\\9", "*\\9*",
    "\\\303\251", "*\\\303\251*", "bin\\obj", "**\\obj", "\\x4", "[\\q]", "[z-a]", "[a-\\z]",
    "\\p{}", "\\p{", "\\p{L", "\\p{Foo}", "\\pq", "\\p{^}", "\\p{^^L}",
    "[[:foo:]]", "*{2}", "\\x{}", "b*{3}", "a{1001}*", "a{3,2}*",
    "\\p{Lux}", "\\p{L u}x\\p{Zz}",
    /* There it names something; here there is no table of scripts. */
    "\\p{Greek}",
};

/* Classes of Unicode: of these characters BuildKit v0.32 takes those. */
static const char *const runes[] = {
    "1", "A", "_", "a", "\302\255", "\302\262", "\303\211", "\303\251", "\307\205", "\312\260",
    "\314\201", "\315\270", "\340\244\203", "\316\261", "\342\202\254", "\342\200\250",
    "\342\200\277", "\342\205\240", "\342\200\224", "\302\253", "\302\273", "+", "^",
    "\346\274\242", "\342\203\235", "\356\200\200", "(", ")", "\302\240",
};
static const struct {
    const char *pattern, *runes;
} classes[] = {
    {"\\p{L}", "Aa\303\211\303\251\307\205\312\260\316\261\346\274\242"},
    {"\\P{L}",
     "1_\302\255\302\262\314\201\315\270\340\244\203\342\202\254\342\200\250\342\200\277"
     "\342\205\240\342\200\224\302\253\302\273+^\342\203\235\356\200\200()\302\240"},
    {"\\p{Lu}", "A\303\211"},
    {"\\P{Lu}",
     "1_a\302\255\302\262\303\251\307\205\312\260\314\201\315\270\340\244\203\316\261\342\202\254"
     "\342\200\250\342\200\277\342\205\240\342\200\224\302\253\302\273+^\346\274\242\342\203\235"
     "\356\200\200()\302\240"},
    {"\\p{Ll}", "a\303\251\316\261"},
    {"\\p{Lt}", "\307\205"},
    {"\\p{LC}", "Aa\303\211\303\251\307\205\316\261"},
    {"\\p{Lm}", "\312\260"},
    {"\\p{Lo}", "\346\274\242"},
    {"\\p{M}", "\314\201\340\244\203\342\203\235"},
    {"\\p{Mn}", "\314\201"},
    {"\\p{Mc}", "\340\244\203"},
    {"\\p{Me}", "\342\203\235"},
    {"\\p{N}", "1\302\262\342\205\240"},
    {"\\P{N}",
     "A_a\302\255\303\211\303\251\307\205\312\260\314\201\315\270\340\244\203\316\261\342\202\254"
     "\342\200\250\342\200\277\342\200\224\302\253\302\273+^\346\274\242\342\203\235\356\200\200"
     "()\302\240"},
    {"\\p{Nd}", "1"},
    {"\\p{Nl}", "\342\205\240"},
    {"\\p{No}", "\302\262"},
    {"\\p{P}", "_\342\200\277\342\200\224\302\253\302\273()"},
    {"\\p{Pc}", "_\342\200\277"},
    {"\\p{Pd}", "\342\200\224"},
    {"\\p{Ps}", "("},
    {"\\p{Pe}", ")"},
    {"\\p{Pi}", "\302\253"},
    {"\\p{Pf}", "\302\273"},
    {"\\p{Po}", ""},
    {"\\p{S}", "\342\202\254+^"},
    {"\\p{Sm}", "+"},
    {"\\p{Sc}", "\342\202\254"},
    {"\\p{Sk}", "^"},
    {"\\p{So}", ""},
    {"\\p{Z}", "\342\200\250\302\240"},
    {"\\p{Zs}", "\302\240"},
    {"\\p{Zl}", "\342\200\250"},
    {"\\p{Zp}", ""},
    {"\\p{C}", "\302\255\315\270\356\200\200"},
    {"\\p{Cc}", ""},
    {"\\p{Cf}", "\302\255"},
    {"\\p{Co}", "\356\200\200"},
    {"\\p{Cs}", ""},
    {"\\p{Cn}", "\315\270"},
    {"\\P{Cn}",
     "1A_a\302\255\302\262\303\211\303\251\307\205\312\260\314\201\340\244\203\316\261\342\202\254"
     "\342\200\250\342\200\277\342\205\240\342\200\224\302\253\302\273+^\346\274\242\342\203\235"
     "\356\200\200()\302\240"},
    {"\\p{Any}",
     "1A_a\302\255\302\262\303\211\303\251\307\205\312\260\314\201\315\270\340\244\203\316\261"
     "\342\202\254\342\200\250\342\200\277\342\205\240\342\200\224\302\253\302\273+^\346\274\242"
     "\342\203\235\356\200\200()\302\240"},
    {"\\p{Assigned}",
     "1A_a\302\255\302\262\303\211\303\251\307\205\312\260\314\201\340\244\203\316\261\342\202\254"
     "\342\200\250\342\200\277\342\205\240\342\200\224\302\253\302\273+^\346\274\242\342\203\235"
     "\356\200\200()\302\240"},
    {"\\p{ASCII}", "1A_a+^()"},
    {"\\p{uppercase_Letter}", "A\303\211"},
    {"\\p{Close-Punctuation}", ")"},
    {"\\p{digit}", "1"},
    {"\\p{cntrl}", ""},
    {"\\p{punct}", "_\342\200\277\342\200\224\302\253\302\273()"},
    {"\\p{combiningmark}", "\314\201\340\244\203\342\203\235"},
    {"\\p{^Lu}",
     "1_a\302\255\302\262\303\251\307\205\312\260\314\201\315\270\340\244\203\316\261\342\202\254"
     "\342\200\250\342\200\277\342\205\240\342\200\224\302\253\302\273+^\346\274\242\342\203\235"
     "\356\200\200()\302\240"},
};

static struct tenon_patterns *
compile(const char *pattern)
{
    struct tenon_patterns *p = tenon_patterns_compile(&pattern, 1, NULL);
    ck_assert_ptr_nonnull(p);
    return p;
}

START_TEST(test_expression_covers)
{
    auto_patterns struct tenon_patterns *p = compile(expressions[_i].pattern);
    for (size_t i = 0; i < tenon_countof(names); i++) {
        auto_free char *bars = tenon_asprintf("|%s|", names[i]);
        bool want = !expressions[_i].names || strstr(expressions[_i].names, bars);
        ck_assert_msg(tenon_patterns_match(p, names[i]) == want, "\"%s\" on \"%s\"",
                      expressions[_i].pattern, names[i]);
        char *slash = strchr(bars, '/');
        if (!slash || !want || *expressions[_i].pattern == '!')
            continue;
        *slash = '\0'; /* the directory must not be passed over */
        ck_assert_msg(tenon_patterns_may_match_below(p, bars + 1), "\"%s\" below \"%s\"",
                      expressions[_i].pattern, bars + 1);
    }
    ck_assert_ptr_null(tenon_patterns_broken(p));
}
END_TEST

START_TEST(test_expression_that_is_none)
{
    auto_patterns struct tenon_patterns *p = compile(broken[_i]);
    ck_assert_ptr_null(tenon_patterns_broken(p));
    ck_assert(!tenon_patterns_match(p, "a/b"));
    ck_assert_str_eq(tenon_patterns_broken(p), broken[_i]);
}
END_TEST

START_TEST(test_class_of_unicode)
{
    auto_free char *line = tenon_asprintf("f%s", classes[_i].pattern);
    auto_free char *set = tenon_asprintf("f[%s]", classes[_i].pattern);
    const char *const lines[] = { line, set };
    for (size_t n = 0; n < tenon_countof(lines); n++) {
        auto_patterns struct tenon_patterns *p = compile(lines[n]);
        for (size_t i = 0; i < tenon_countof(runes); i++) {
            auto_free char *name = tenon_asprintf("f%s", runes[i]);
            const bool want = strstr(classes[_i].runes, runes[i]);
            ck_assert_msg(tenon_patterns_match(p, name) == want, "\"%s\" on \"%s\"", lines[n], name);
        }
        ck_assert_ptr_null(tenon_patterns_broken(p));
    }
}
END_TEST

/* What earlier lines decide needs no look at a later one. */
START_TEST(test_expression_not_looked_at)
{
    static const char *const lines[] = { "*", "!src", "bin\\obj", "!doc\\k" };
    auto_patterns struct tenon_patterns *p = tenon_patterns_compile(lines, 3, NULL);
    ck_assert(tenon_patterns_match(p, "a"));
    ck_assert_ptr_null(tenon_patterns_broken(p));
    ck_assert(!tenon_patterns_match(p, "src"));
    ck_assert_str_eq(tenon_patterns_broken(p), "bin\\obj");
    auto_patterns struct tenon_patterns *none = tenon_patterns_compile(lines + 3, 1, NULL);
    ck_assert(!tenon_patterns_match(none, "a"));
    ck_assert_ptr_null(tenon_patterns_broken(none));
    ck_assert_ptr_null(tenon_patterns_broken(NULL));
}
END_TEST

START_TEST(test_expression_as_a_walk_finds)
{
    static const char *const lines[] = { "a", "!a/x", "bin\\obj" };
    auto_patterns struct tenon_patterns *p = tenon_patterns_compile(lines, 3, NULL);
    auto_free bool *in = tenon_patterns_enter(p, "a");
    ck_assert_ptr_null(tenon_patterns_broken(p));
    ck_assert(tenon_patterns_match_in(p, in, "a/y"));
    ck_assert_ptr_null(tenon_patterns_broken(p));
    ck_assert(!tenon_patterns_match_in(p, in, "a/x"));
    ck_assert_str_eq(tenon_patterns_broken(p), "bin\\obj");
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("ignore-expressions");
    TCase *c = tcase_create("ignore-expressions");
    tcase_add_loop_test(c, test_expression_covers, 0, tenon_countof(expressions));
    tcase_add_loop_test(c, test_expression_that_is_none, 0, tenon_countof(broken));
    tcase_add_loop_test(c, test_class_of_unicode, 0, tenon_countof(classes));
    tcase_add_test(c, test_expression_not_looked_at);
    tcase_add_test(c, test_expression_as_a_walk_finds);
    suite_add_tcase(s, c);
    return unit_run(s);
}
