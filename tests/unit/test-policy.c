/* Expressions of Go, rules over sources, lock files. */
#include "unit.h"

#include "engine/sources.h"
#include "policy/lockfile.h"
#include "policy/policy.h"
#include "policy/repository.h"
#include "tools/arena.h"
#include "tools/goregexp.h"

/* ---- expressions ------------------------------------------------------------------ */

/* ReplaceAllString(text, format) of Go's regexp; result NULL: no match, so it is as it was. */
static const struct {
    const char *re, *text, *format, *result;
} expressions[] = {
    {"", "ab", "-", "-a-b-"},
    {"b", "abcb", "<$0>", "a<b>c<b>"},
    {"a|ab", "ab", "[$0]", "[a]b"},
    {"(a|ab)(c|bcd)(d*)", "abcd", "$1/$2/$3", "a/bcd/"},
    {"a*?", "aa", "x", "xaxax"},
    {"a*", "baac", "x", "xbxcx"},
    {"(a+)(b+)?", "aab", "${1}_${2}", "aa_b"},
    {"^docker-image://(.*):(.*)$", "docker-image://a/b:1", "$1@$2", "a/b@1"},
    {"(?P<repo>.+):(?P<tag>\\w+)$", "r/x:3", "${tag}:$repo", "3:r/x"},
    {"(.)(.)", "ab", "$2x", ""},     /* a group "2x" there is none */
    {"(.)(.)", "ab", "${2}x", "bx"},
    {"(.)", "a", "$$1$", "$1$"},
    {"(.)", "a", "${1", "${1"},
    {"(.)", "a", "$01$9", ""},
    {"x{2,3}", "xxxxx", "-", "--"},
    {"x{2}?", "xxx", "-", "-x"},
    {"x{0,2}y", "xxxy", "-", "x-"},
    {"x{2,}", "xxxxxy", "-", "-y"},
    {"x{,2}", "x{,2}", "-", "-"}, /* not a count */
    {"(ab){2}", "ababab", "$1", "abab"},
    {"(a|b)*c", "abac", "$1", "a"},
    {"(a*)*b", "aab", "$1!", "aa!"},
    {"(?:)*a", "a", "-", "-"},
    {"[^/]+", "a/b", "x", "x/x"},
    {"[]a]+", "a]b", "-", "-b"},
    {"[a-c-]+", "a-cd", "-", "-d"},
    {"[[:digit:]]+|[[:^alnum:]]", "a12.", "-", "a--"},
    {"\\d+\\.\\D", "x10.y", "-", "x-"},
    {"[\\w.]+@", "a.b_c@d", "-", "-d"},
    {"\\bfoo\\b", "foo.foobar", "-", "-.foobar"},
    {"\\Boo", "foo", "-", "f-"},
    {"o\\b", "foo", "-", "fo-"},
    {"o\\B", "foo", "-", "f-o"},
    {"\\Afoo\\z", "foo", "-", "-"},
    {"\\Q.*\\E", "a.*b", "-", "a-b"},
    {"\\x41\\x{42}\\103", "ABC", "-", "-"},
    {".", "\n", "-", NULL},
    {"(?s).", "\n", "-", "-"},
    {"(?i)ALPINE", "alpine", "-", "-"},
    {"(?i:A)B", "aB", "-", "-"},
    {"(?i:A)B", "ab", "-", NULL},
    {"(?i)[a-c]+", "ABCd", "-", "-d"},
    {"a$", "a\n", "-", NULL},
    {"(?m)^b$", "a\nb\nc", "-", "a\n-\nc"},
    {"(?U)a+", "aa", "-", "--"},
    {"(?U)a+?", "aa", "-", "-"},
    {"a(?i)b|c", "aBC", "-", "--"},
    {".", "\xc3\xa4", "-", "-"},
    {"[\xc3\xa4\xc3\xb6]", "x\xc3\xb6", "-", "x-"},
    {"|x", "x", "-", "-x-"},
};

START_TEST(test_goregexp_replaces_as_go)
{
    const char *why = NULL;
    struct tenon_goregexp *re = tenon_goregexp_compile(expressions[_i].re, &why);
    auto_buf struct tenon_buf out = TENON_BUF_INIT;
    ck_assert_msg(re != NULL, "%s: %s", expressions[_i].re, why);
    tenon_goregexp_replace(re, expressions[_i].text, expressions[_i].format,
                           TENON_GOREGEXP_TEXT, &out);
    ck_assert_str_eq(tenon_buf_str(&out),
                     expressions[_i].result ? expressions[_i].result : expressions[_i].text);
    ck_assert_int_eq(tenon_goregexp_match(re, expressions[_i].text, 0, NULL),
                     expressions[_i].result != NULL);
    tenon_goregexp_free(re);
}
END_TEST

static const struct {
    const char *re, *why;
} refused[] = {
    {"a)", "unexpected )"},
    {"(a", "missing closing )"},
    {"[a", "missing closing ]"},
    {"[b-a]", "invalid character class range"},
    {"[[:nope:]]", "invalid character class range"},
    {"*a", "missing argument to repetition operator"},
    {"a|*", "missing argument to repetition operator"},
    {"a**", "invalid nested repetition operator"},
    {"a{2}{3}", "invalid nested repetition operator"},
    {"a{2,1}", "invalid repeat count"},
    {"a{1001}", "invalid repeat count"},
    {"((a{1000}){1000}){1000}", "expression too large"},
    {"a\\", "trailing backslash at end of expression"},
    {"\\1", "invalid escape sequence"},
    {"\\C", "invalid escape sequence"},
    {"\\xq", "invalid escape sequence"},
    {"(?=a)", "invalid or unsupported Perl syntax"},
    {"(?i-)", "invalid or unsupported Perl syntax"},
    {"(?P<n>a)(?P<n>b)", "duplicate capture group name"},
    {"(?P<>a)", "invalid named capture"},
    {"\\pL", "classes of Unicode (\\p) are not supported"},
    {"\xff", "invalid UTF-8"},
};

START_TEST(test_goregexp_refuses)
{
    const char *why = NULL;
    ck_assert_ptr_null(tenon_goregexp_compile(refused[_i].re, &why));
    ck_assert_str_eq(why, refused[_i].why);
}
END_TEST

START_TEST(test_goregexp_takes_no_longer_than_the_text)
{
    /* Backtracking alone would take 2^64 steps for this. */
    const char *why = NULL;
    struct tenon_goregexp *re = tenon_goregexp_compile("^(a|a)*(a|aa)*b$", &why);
    char text[65];
    memset(text, 'a', 64);
    text[64] = '\0';
    ck_assert(!tenon_goregexp_match(re, text, 0, NULL));
    text[63] = 'b';
    ck_assert(tenon_goregexp_match(re, text, 0, NULL));
    tenon_goregexp_free(re);
    auto_buf struct tenon_buf deep = TENON_BUF_INIT;
    for (int i = 0; i < 300; i++)
        tenon_buf_adds(&deep, "(?:");
    ck_assert_ptr_null(tenon_goregexp_compile(tenon_buf_str(&deep), &why));
    ck_assert_str_eq(why, "expression nests too deeply");
}
END_TEST

/* ---- rules --------------------------------------------------------------------------- */

#define ALPINE "docker-image://docker.io/library/alpine:3"
#define BUSYBOX "docker-image://docker.io/library/busybox:1"
#define SEL(id) "\"selector\":{\"identifier\":\"" id "\"}"
#define EXACT_(id) "\"selector\":{\"identifier\":\"" id "\",\"match_type\":\"EXACT\"}"
#define REGEX_(id) "\"selector\":{\"identifier\":\"" id "\",\"match_type\":\"REGEX\"}"
#define WHERE(id, k, v, c) \
    "\"selector\":{\"identifier\":\"" id "\",\"constraints\":[{\"key\":\"" k \
    "\",\"value\":\"" v "\",\"condition\":\"" c "\"}]}"
#define ALLOW_ "{\"action\":\"ALLOW\","
#define DENY_ "{\"action\":\"DENY\","
#define CONVERT_ "{\"action\":\"CONVERT\","
#define TO(id) ",\"updates\":{\"identifier\":\"" id "\"}}"
#define WITH(attrs) ",\"updates\":{\"attrs\":{" attrs "}}}"

#define SUM "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

enum { AS_IS = 0, CHANGED = 1, DENIED = TENON_E_DENIED, WRONG = TENON_E_INVALID,
       ENDLESS = TENON_E_LIMIT };

static const struct {
    const char *rules, *source, *attr; /* attr: "k=v" or NULL */
    int result;
    const char *text; /* the identifier, and an attribute; or of the error */
} rules[] = {
    /* selectors */
    {DENY_ EXACT_(ALPINE) "}", ALPINE, NULL, DENIED,
     "source \"" ALPINE "\" denied by policy: source denied by policy"},
    {DENY_ EXACT_(ALPINE) "}", BUSYBOX, NULL, AS_IS, BUSYBOX},
    {DENY_ EXACT_("docker-image://*") "}", ALPINE, NULL, AS_IS, ALPINE},
    {DENY_ SEL("docker-image://*") "}", ALPINE, NULL, DENIED, "denied by policy"},
    {DENY_ SEL("*") "}", "local://context", NULL, DENIED, "\"local://context\""},
    {DENY_ SEL("docker-image://docker.io/*/alpine:*") "}", ALPINE, NULL, DENIED, "denied"},
    {DENY_ SEL("docker-image://docker.io/*/alpine") "}", ALPINE, NULL, AS_IS, ALPINE},
    {DENY_ SEL("http://example.org/*") "}", "https://example.org/x", NULL, AS_IS,
     "https://example.org/x"},
    {DENY_ SEL("https://example.org/?") "}", "https://example.org/x", NULL, AS_IS,
     "https://example.org/x"},
    {DENY_ SEL("git://*/tenon.git#*") "}", "git://example.org/tenon.git#main", NULL, DENIED,
     "denied"},
    {DENY_ SEL("oci-layout://*") "}", "oci-layout://x@sha256:0", NULL, DENIED, "denied"},
    {DENY_ SEL(ALPINE) "}", ALPINE, NULL, DENIED, "denied"},
    {DENY_ SEL("a**") "}", ALPINE, NULL, WRONG,
     "error matching source policy: failed to translate wildcard \"a**\" to regexp: invalid "
     "wildcard: \"**\""},
    {DENY_ SEL("a**") "}", "a**", NULL, DENIED, "denied"}, /* that is the identifier itself */
    {DENY_ REGEX_("alpine:[0-9]$") "}", ALPINE, NULL, DENIED, "denied"},
    {DENY_ REGEX_("^alpine") "}", ALPINE, NULL, AS_IS, ALPINE},
    {DENY_ REGEX_("a(") "}", ALPINE, NULL, WRONG, "missing closing )"},
    {"{\"action\":1,\"selector\":{\"identifier\":\"alpine\",\"match_type\":2}}", ALPINE, NULL,
     DENIED, "denied"},
    {"{\"Action\":\"DENY\",\"SELECTOR\":{\"Identifier\":\"alpine\",\"Match_Type\":\"REGEX\"}}",
     ALPINE, NULL, DENIED, "denied"},
    /* constraints */
    {DENY_ WHERE("*", "k", "v", "EQUAL") "}", ALPINE, "k=v", DENIED, "denied"},
    {DENY_ WHERE("*", "k", "v", "EQUAL") "}", ALPINE, "k=w", AS_IS, ALPINE},
    {DENY_ WHERE("*", "k", "v", "EQUAL") "}", ALPINE, NULL, AS_IS, ALPINE},
    {DENY_ WHERE("*", "k", "", "EQUAL") "}", ALPINE, NULL, DENIED, "denied"},
    {DENY_ WHERE("*", "k", "v", "NOTEQUAL") "}", ALPINE, NULL, DENIED, "denied"},
    {DENY_ WHERE("*", "k", "v", "NOTEQUAL") "}", ALPINE, "k=v", AS_IS, ALPINE},
    {DENY_ WHERE("*", "k", "^v\\\\d", "MATCHES") "}", ALPINE, "k=v1", DENIED, "denied"},
    {DENY_ WHERE("*", "k", "^v\\\\d", "MATCHES") "}", ALPINE, "k=xv1", AS_IS, ALPINE},
    {DENY_ WHERE("*", "k", "v(", "MATCHES") "}", ALPINE, "k=v", WRONG, "invalid regex \"v(\""},
    {DENY_ WHERE(ALPINE, "k", "v", "EQUAL") "}", ALPINE, "k=w", AS_IS, ALPINE}, /* before names */
    /* the last one wins */
    {DENY_ SEL("*") "}," ALLOW_ SEL(ALPINE) "}", ALPINE, NULL, AS_IS, ALPINE},
    {DENY_ SEL("*") "}," ALLOW_ SEL(ALPINE) "}", BUSYBOX, NULL, DENIED, "denied"},
    {ALLOW_ SEL(ALPINE) "}," DENY_ SEL("*") "}", ALPINE, NULL, DENIED, "denied"},
    {"", ALPINE, NULL, AS_IS, ALPINE},
    /* what is converted */
    {CONVERT_ EXACT_(ALPINE) TO(BUSYBOX), ALPINE, NULL, CHANGED, BUSYBOX},
    {CONVERT_ EXACT_(ALPINE) TO("$1"), ALPINE, NULL, CHANGED, "$1"},
    {CONVERT_ SEL("docker-image://docker.io/library/*:*") TO("docker-image://r.test/${1}:$2"),
     ALPINE, NULL, CHANGED, "docker-image://r.test/alpine:3"},
    {CONVERT_ REGEX_("docker\\\\.io/(library)/") TO("r.test/$1-"), ALPINE, NULL, CHANGED,
     "docker-image://r.test/library-alpine:3"},
    {CONVERT_ SEL(ALPINE) TO(ALPINE "@sha256:0"), ALPINE, NULL, CHANGED, ALPINE "@sha256:0"},
    {CONVERT_ SEL("https://a/*") TO("http://b/$1"), "https://a/x/y", NULL, CHANGED, "http://b/x/y"},
    {CONVERT_ SEL("https://a/x") WITH("\"http.checksum\":\"sha256:1\""), "https://a/x", NULL,
     CHANGED, "https://a/x http.checksum=sha256:1"},
    {CONVERT_ SEL("https://a/x") WITH("\"http.checksum\":\"sha256:1\""), "https://a/x",
     "http.checksum=sha256:0", CHANGED, "https://a/x http.checksum=sha256:1"},
    {CONVERT_ SEL("https://a/x") WITH("\"http.checksum\":\"\""), "https://a/x", NULL, AS_IS,
     "https://a/x"},
    {CONVERT_ SEL(ALPINE) TO(ALPINE), ALPINE, NULL, AS_IS, ALPINE},
    {CONVERT_ SEL(ALPINE) "}", ALPINE, NULL, WRONG,
     "error mutating source policy: missing destination for convert rule"},
    /* and then looked at again: a denial before it counts no more, one of what it became does */
    {DENY_ SEL(ALPINE) "}," CONVERT_ SEL(ALPINE) TO(BUSYBOX), ALPINE, NULL, CHANGED, BUSYBOX},
    {CONVERT_ SEL(ALPINE) TO(BUSYBOX) "," DENY_ SEL(BUSYBOX) "}", ALPINE, NULL, DENIED,
     "source \"" BUSYBOX "\" denied"},
    {DENY_ SEL(ALPINE) "}," CONVERT_ SEL(ALPINE) TO(ALPINE), ALPINE, NULL, DENIED, "denied"},
    {CONVERT_ SEL(ALPINE) TO(BUSYBOX) "," CONVERT_ SEL(BUSYBOX) TO("docker-image://c"), ALPINE,
     NULL, CHANGED, "docker-image://c"},
    {CONVERT_ SEL(ALPINE) TO(BUSYBOX) "," CONVERT_ SEL(BUSYBOX) TO(ALPINE), ALPINE, NULL, ENDLESS,
     "too many mutations on a single source: too many operations"},
    {CONVERT_ SEL("http://*") TO("http://$1/x"), "http://a", NULL, ENDLESS, "too many mutations"},
    /* a repository is fetched from where its name says, as BuildKit makes one of a URL */
    {ALLOW_ SEL("*") "}", "git://h.test/a/r.git#main:d", "git.fullurl=https://h.test/a/r.git", AS_IS,
     "git://h.test/a/r.git#main:d"},
    {"", "git://h.test:8443/r.git", "git.fullurl=https://me:x@h.test:8443/r.git#main", AS_IS,
     "git://h.test:8443/r.git"},
    {"", "git://h.test/a/r.git", "git.fullurl=git@h.test:a/r.git", AS_IS, "git://h.test/a/r.git"},
    {"", "git://h.test/a/r.git", "git.fullurl=ssh://git@h.test//a/./r.git", AS_IS, "git://h.test/a/r.git"},
    {"", "git://h.test/a b", "git.fullurl=https://h.test/a%20b", AS_IS, "git://h.test/a b"},
    {"", "git://h.test/a%20b", "git.fullurl=h.test/a%20b", AS_IS, "git://h.test/a%20b"},
    {"", "git://h.test/r", "git.fullurl=", AS_IS, "git://h.test/r"},
    {"", "https://h.test/r", "git.fullurl=https://evil.test/r", AS_IS, "https://h.test/r"},
    {ALLOW_ SEL("git://h.test/*") "}", "git://h.test/r", "git.fullurl=https://evil.test/r", DENIED,
     "source \"git://h.test/r\" denied by policy: it is fetched from another repository, "
     "\"https://evil.test/r\""},
    {"", "git://h.test/r", "git.fullurl=https://h.test/other", DENIED, "another repository"},
    {"", "git://h.test/r", "git.fullurl=https://h.test@evil.test/r", DENIED, "another"},
    {"", "git://h.test/r", "git.fullurl=https://evil.test\\@h.test/r", AS_IS, "git://h.test/r"},
    {"", "git://h.test/r", "git.fullurl=https://h.test:81/r", DENIED, "another"},
    {"", "git://h.test/r", "git.fullurl=https://evil.test/?/h.test/r", DENIED, "another"},
    {"", "git://h.test/r", "git.fullurl=h.test@evil.test:r", DENIED, "another"},
    {"", "git://h.test/r", "git.fullurl=evil.test/https://h.test/r", DENIED, "another"},
    /* to ssh a "?" and a "#" are letters, and the last "@" before the path tells who is asked */
    {"", "git://h.test/r", "git.fullurl=ssh://git@h.test?@evil.test/r", DENIED, "another"},
    {"", "git://h.test/r", "git.fullurl=ssh://git@h.test#@evil.test/r", DENIED, "another"},
    {"", "git://h.test", "git.fullurl=git@h.test?x@evil.test:r", DENIED, "another"},
    {"", "git://h.test/", "git.fullurl=git@h.test#x@evil.test:r", DENIED, "another"},
    {"", "git://h.test/ok", "git.fullurl=ssh://git@h.test/ok?/../../r", DENIED, "another"},
    {"", "git://h.test/ok", "git.fullurl=git@h.test:ok#/../../r", DENIED, "another"},
    {"", "git://h.test/ok", "git.fullurl=git@h.test:ok?", DENIED, "another"},
    {"", "git://h.test/ok", "git.fullurl=ssh://git@h.test/%6fk", DENIED, "another"},
    {"", "git://h.test/81/r", "git.fullurl=@h.test:81/r", DENIED, "another"},
    {"", "git://h.test/81/r", "git.fullurl=-x@h.test:81/r", DENIED, "another"},
    {"", "git://h.test/a:b", "git.fullurl=git@h.test:a:b", AS_IS, "git://h.test/a:b"},
    {"", "git://h.test:22/~me/r", "git.fullurl=ssh://me@h.test:22/~me/r", AS_IS, "git://h.test:22/~me/r"},
    {CONVERT_ SEL("git://h.test/*") TO("git://m.test/$1"), "git://h.test/r", "git.fullurl=https://h.test/r",
     DENIED, "\"git://m.test/r\" denied by policy: it is fetched from another repository"},
    {CONVERT_ SEL("git://h.test/r") ",\"updates\":{\"identifier\":\"git://m.test/r\",\"attrs\":{\"git.fullurl\":"
     "\"https://m.test/r\"}}}", "git://h.test/r", "git.fullurl=https://h.test/r", CHANGED,
     "git://m.test/r git.fullurl=https://m.test/r"},
    /* names that would slip past a star */
    {DENY_ SEL("*evil*") "}", "git://evil/x.git#main:\n/..", NULL, WRONG,
     "error matching source policy: an identifier with a control character (0x0a)"},
    {DENY_ EXACT_(ALPINE) "}", "http://a/\x7f", NULL, WRONG, "control character (0x7f)"},
    {DENY_ EXACT_(ALPINE) "}", "http://a/\1", NULL, WRONG, "control character (0x01)"},
    {DENY_ SEL("http://\303\244*") "}", "http://\303\244/ ", NULL, DENIED, "denied"},
    {CONVERT_ SEL("http://a") TO("http://b\\n"), "http://a", NULL, WRONG, "(0x0a)"},
};

START_TEST(test_policy_of_a_source)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_free char *text = tenon_asprintf("{\"version\":1,\"rules\":[%s]}", rules[_i].rules);
    struct tenon_policy *p;
    ck_assert_msg(tenon_policy_parse(text, strlen(text), &p, &err) == 0, "%s", err.message);
    struct tenon_policy_source s = {.identifier = tenon_strdup(rules[_i].source)};
    if (rules[_i].attr)
        tenon_strv_push(&s.attrs, tenon_strdup(rules[_i].attr));
    const struct tenon_policy *list[] = {p};
    int rc = tenon_policies_apply(list, 1, &s, &err);
    ck_assert_msg(rc == rules[_i].result, "%s: %d %s", rules[_i].rules, rc, err.message);
    if (rc < 0) {
        ck_assert_msg(strstr(err.message, rules[_i].text) != NULL, "%s", err.message);
    } else {
        auto_free char *now = tenon_asprintf(rc && s.attrs ? "%s %s" : "%s", s.identifier,
                                             s.attrs ? s.attrs[0] : "");
        ck_assert_str_eq(now, rules[_i].text);
    }
    tenon_policy_source_release(&s);
    tenon_policy_free(p);
}
END_TEST

/* What is too long for an expression is refused, and no rule passes it over. */
START_TEST(test_policy_of_long_texts)
{
    static const struct {
        const char *rule, *why;
        bool attr;
    } cases[] = {
        {DENY_ SEL("*") "}", "an identifier of more than 16384 bytes", false},
        {DENY_ WHERE("*", "k", "a", "MATCHES") "}", "k: an attribute of more than 16384", true},
        {CONVERT_ REGEX_("a") TO("aaaaaaaaa"), "an identifier of more than 16384 bytes", false},
        {CONVERT_ SEL("a*") TO("$1$1$1$1$1$1$1$1$1"), "an identifier of more than 16384", false},
    };
    for (size_t i = 0; i < tenon_countof(cases); i++) {
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        auto_free char *text = tenon_asprintf("{\"rules\":[%s]}", cases[i].rule);
        struct tenon_policy *p;
        ck_assert_int_eq(tenon_policy_parse(text, strlen(text), &p, &err), 0);
        /* Of those that convert it is the result that is too long. */
        auto_free char *longer = tenon_asprintf("%0*d", i < 2 ? 16385 : 2000, 0);
        memset(longer, 'a', strlen(longer));
        struct tenon_policy_source s = {.identifier = tenon_strdup(cases[i].attr ? "x" : longer)};
        if (cases[i].attr)
            tenon_policy_source_set(&s, "k", longer);
        const struct tenon_policy *list[] = {p};
        ck_assert_int_eq(tenon_policies_apply(list, 1, &s, &err), TENON_E_LIMIT);
        ck_assert_msg(strstr(err.message, cases[i].why) != NULL, "%s", err.message);
        tenon_policy_source_release(&s);
        tenon_policy_free(p);
    }
}
END_TEST

/* Ten bytes of a document may be a thousand instructions. */
START_TEST(test_policy_of_many_large_expressions)
{
    for (int count = 900; count <= 1100; count += 200) {
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        auto_buf struct tenon_buf text = TENON_BUF_INIT;
        struct tenon_policy *p = NULL;
        tenon_buf_adds(&text, "{\"rules\":[" ALLOW_ "\"selector\":{\"constraints\":[");
        for (int i = 0; i < count; i++)
            tenon_buf_addf(&text, "%s{\"condition\":\"MATCHES\",\"value\":\"a{1000}\"}",
                           i ? "," : "");
        tenon_buf_adds(&text, "]}}]}");
        int rc = tenon_policy_parse(text.data, text.len, &p, &err);
        ck_assert_int_eq(rc, count < 1000 ? 0 : TENON_E_LIMIT);
        tenon_policy_free(p);
    }
    /* And so may be many classes, which are ranges. */
    auto_buf struct tenon_buf classes = TENON_BUF_INIT;
    const char *why = NULL;
    for (int i = 0; i < 1700; i++)
        tenon_buf_adds(&classes, "\\w");
    ck_assert_ptr_null(tenon_goregexp_compile(tenon_buf_str(&classes), &why));
    ck_assert_str_eq(why, "expression too large");
}
END_TEST

/* What would be a gigabyte ends soon behind its maximum. */
START_TEST(test_goregexp_stops)
{
    auto_buf struct tenon_buf out = TENON_BUF_INIT, format = TENON_BUF_INIT;
    auto_free char *text = tenon_asprintf("%0*d", TENON_GOREGEXP_TEXT, 0);
    const char *why = NULL;
    for (int i = 0; i < 65536; i++)
        tenon_buf_adds(&format, "$0");
    struct tenon_goregexp *re = tenon_goregexp_compile("^0+$", &why);
    tenon_goregexp_replace(re, text, tenon_buf_str(&format), 3 * TENON_GOREGEXP_TEXT, &out);
    ck_assert_uint_eq(out.len, 4 * TENON_GOREGEXP_TEXT);
    tenon_goregexp_free(re);
}
END_TEST

static struct tenon_policy *
policy(const char *text)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_policy *p;
    ck_assert_msg(tenon_policy_parse(text, strlen(text), &p, &err) == 0, "%s", err.message);
    return p;
}

/* Of several policies each has to allow it; what one changes all look at again. */
START_TEST(test_policies_in_order)
{
    struct tenon_policy *allow = policy("{\"rules\":[" ALLOW_ SEL(ALPINE) "}]}");
    struct tenon_policy *deny = policy("{\"rules\":[" DENY_ SEL(ALPINE) "}]}");
    struct tenon_policy *change = policy("{\"rules\":[" CONVERT_ SEL(ALPINE) TO(BUSYBOX) "]}");
    struct tenon_policy *deny_new = policy("{\"rules\":[" DENY_ SEL(BUSYBOX) "}]}");
    const struct {
        const struct tenon_policy *list[2];
        int result;
    } cases[] = {
        {{deny, allow}, DENIED}, {{allow, deny}, DENIED}, {{deny, change}, DENIED},
        {{change, deny}, CHANGED}, {{deny_new, change}, DENIED}, {{change, deny_new}, DENIED},
    };
    for (size_t i = 0; i < tenon_countof(cases); i++) {
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        struct tenon_policy_source s = {.identifier = tenon_strdup(ALPINE)};
        ck_assert_int_eq(tenon_policies_apply(cases[i].list, 2, &s, &err), cases[i].result);
        tenon_policy_source_release(&s);
    }
    tenon_policy_free(allow);
    tenon_policy_free(deny);
    tenon_policy_free(change);
    tenon_policy_free(deny_new);
}
END_TEST

/* What a definition says is looked at under its whole name, and as the plugin will see it. */
START_TEST(test_policies_see_whole_names)
{
    struct tenon_policy *deny = policy("{\"rules\":[" DENY_ SEL(ALPINE) "}]}");
    struct tenon_policy *change = policy("{\"rules\":[" CONVERT_ SEL(BUSYBOX)
                                         TO("docker-image://alpine:3") "]}");
    struct tenon_policy *blobs = policy("{\"rules\":[" DENY_ SEL("docker-image+blob://docker.io/*")
                                        "}]}");
    const struct tenon_policy *const all[] = {deny, change, blobs};
    const struct {
        const char *source, *key;
        int result;
        const char *text; /* the identifier, or of the error */
    } cases[] = {
        {"docker-image://alpine:3", "k", DENIED, "\"" ALPINE "\" denied"},
        {"docker-image://index.docker.io/alpine:3", "k", DENIED, "\"" ALPINE "\" denied"},
        {"docker-image://busybox:1", "k", DENIED, "\"" ALPINE "\" denied"},
        {"docker-image://busybox:2", "k", CHANGED, "docker-image://docker.io/library/busybox:2"},
        {"docker-image://r.test/a:1", "k", AS_IS, "docker-image://r.test/a:1"},
        {"docker-image://A B", "k", WRONG, "invalid reference"},
        {"docker-image+blob://alpine@" SUM, "k", DENIED,
         "\"docker-image+blob://docker.io/library/alpine@" SUM "\" denied"},
        {"docker-image+blob://r.test/a@" SUM, "k", AS_IS, "docker-image+blob://r.test/a@" SUM},
        {"docker-image+blob://A B", "k", WRONG, "invalid reference"},
        {"http://a", "k=v", WRONG, "source \"http://a\": invalid name of an attribute: \"k=v\""},
    };
    for (size_t i = 0; i < tenon_countof(cases); i++) {
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        struct tenon_arena arena = {0};
        struct tenon_engine e = {.policies = all, .policy_count = 3,
                                 .host_platform = "linux/amd64"};
        struct tenon_build b = {.engine = &e};
        const struct tenon_op op = {.type = TENON_OP_SOURCE};
        struct tenon_pair attr = {cases[i].key, "v"};
        struct tenon_op_source s = {cases[i].source, &attr, 1};
        int rc = tenon_sources_filter(&b, NULL, &op, &arena, &s, &err);
        ck_assert_msg(rc == cases[i].result, "%s: %d %s", cases[i].source, rc, err.message);
        ck_assert_msg(strstr(rc < 0 ? err.message : s.identifier, cases[i].text) != NULL, "%s",
                      rc < 0 ? err.message : s.identifier);
        tenon_arena_release(&arena);
    }
    tenon_policy_free(deny);
    tenon_policy_free(change);
    tenon_policy_free(blobs);
}
END_TEST

static int
leave(void *data, struct tenon_build *b, struct tenon_policy_source *s, const char *platform,
      unsigned *left, struct tenon_error *err)
{
    (void)b, (void)s, (void)platform, (void)left, (void)err;
    ++*(int *)data;
    return 0;
}

/* Without a rule there is still somebody who goes by the name. */
START_TEST(test_judge_of_a_repository)
{
    static const struct {
        const char *url;
        int result;
    } cases[] = {{"https://h.test/r", AS_IS}, {"https://evil.test/r", DENIED}, {"", AS_IS}};
    for (size_t i = 0; i < tenon_countof(cases); i++) {
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        struct tenon_arena arena = {0};
        int asked = 0;
        const struct tenon_judge judge = {.judge = leave, .data = &asked};
        struct tenon_engine e = {.judge = &judge, .host_platform = "linux/amd64"};
        struct tenon_build b = {.engine = &e};
        const struct tenon_op op = {.type = TENON_OP_SOURCE};
        struct tenon_pair attr = {"git.fullurl", cases[i].url};
        struct tenon_op_source s = {"git://h.test/r", &attr, 1};
        int rc = tenon_sources_filter(&b, NULL, &op, &arena, &s, &err);
        ck_assert_msg(rc == cases[i].result, "%s: %d %s", cases[i].url, rc, err.message);
        ck_assert_int_eq(asked, 1);
        tenon_arena_release(&arena);
    }
}
END_TEST

/* A document that cannot be understood is no policy; one without rules is an empty one. */
static const struct {
    const char *text, *why; /* NULL: it is one */
} documents[] = {
    {"{}", NULL},
    {"{\"rules\":null}", NULL},
    {"{\"rules\":[{\"selector\":{}}],\"more\":1}", NULL},
    {"", "JSON"},
    {"[]", "a policy is an object with rules"},
    {"{\"rules\":{}}", "rules: expected array"},
    {"{\"rules\":[null]}", "invalid nil rule in policy"},
    {"{\"rules\":[{}]}", "rules[0]: invalid nil selector in policy"},
    {"{\"rules\":[{\"selector\":{\"constraints\":[null]}}]}", "invalid nil constraint in policy"},
    {"{\"rules\":[{\"action\":\"deny\",\"selector\":{}}]}", "action: unknown type \"deny\""},
    {"{\"rules\":[{\"action\":3,\"selector\":{}}]}", "action: unknown type 3"},
    {"{\"rules\":[{\"selector\":{\"match_type\":-1}}]}", "match_type: unknown type -1"},
    {"{\"rules\":[{\"selector\":{\"constraints\":[{\"condition\":\"LIKE\"}]}}]}",
     "condition: unknown type"},
    {"{\"rules\":[{\"selector\":{\"identifier\":1}}]}", "identifier: expected string"},
    {"{\"rules\":[{\"selector\":{},\"updates\":{\"attrs\":{\"k\":1}}}]}", "attrs.k"},
    {"{\"rules\":[{\"selector\":{\"identifier\":\"a\\u0000b\"}}]}", "NUL"},
};

START_TEST(test_policy_documents)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_policy *p = NULL;
    const char *text = documents[_i].text;
    int rc = tenon_policy_parse(text, strlen(text), &p, &err);
    ck_assert_int_eq(rc == 0, documents[_i].why == NULL);
    if (documents[_i].why)
        ck_assert_msg(strstr(err.message, documents[_i].why) != NULL, "%s", err.message);
    tenon_policy_free(p);
}
END_TEST

/* ---- lock files ---------------------------------------------------------------------- */

#define SHA(c) "sha256:" c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c
static const char lock_text[] =
    "{\n  \"version\": 1,\n  \"sources\": [\n"
    "    {\"source\": \"" ALPINE "\", \"platform\": \"linux/amd64\", \"digest\": \"" SHA("aa")
    "\"},\n"
    "    {\"source\": \"git://h/r.git#main\", \"digest\": \"0123\"},\n"
    "    {\"source\": \"https://h/f\", \"digest\": \"" SHA("bb") "\"},\n"
    "    {\"source\": \"local://res\", \"digest\": \"" SHA("cc") "\"}\n  ]\n}\n";

static const struct {
    const char *source, *attr, *platform;
    int result;
    const char *text; /* the identifier and attributes; or of the error */
} pins[] = {
    {ALPINE, NULL, "linux/amd64", CHANGED, ALPINE "@" SHA("aa")},
    {ALPINE "@" SHA("aa"), NULL, "linux/amd64", AS_IS, ALPINE "@" SHA("aa")},
    {ALPINE "@" SHA("dd"), NULL, "linux/amd64", DENIED, "has " SHA("aa") ", not " SHA("dd")},
    {ALPINE, NULL, "linux/arm64", DENIED, "for linux/arm64 is not in the lock file L"},
    {BUSYBOX, NULL, "linux/amd64", DENIED, "\"" BUSYBOX "\" for linux/amd64 is not in"},
    {"https://h/f", NULL, "linux/amd64", CHANGED, "https://h/f http.checksum=" SHA("bb")},
    {"https://h/f", "http.checksum=" SHA("bb"), NULL, AS_IS,
     "https://h/f http.checksum=" SHA("bb")},
    {"https://h/f", "http.checksum=" SHA("dd"), NULL, DENIED, "has " SHA("bb") ", not"},
    {"https://u:p@h/f", NULL, NULL, DENIED, "xxxxx"},
    {"https://h/other", NULL, NULL, DENIED, "is not in the lock file L"},
    {"git://h/r.git#main", NULL, NULL, CHANGED,
     "git://h/r.git#main git.checksum=0123 git.fetchbycommit=true"},
    {"git://h/r.git#main", "git.checksum=4567", NULL, DENIED, "has 0123, not 4567"},
    {"git://h/r.git", NULL, NULL, DENIED, "is not in"},
    {"local://res", NULL, NULL, AS_IS, "local://res"},
    {"local://other", NULL, NULL, DENIED, "is not in"},
    {"local://context", NULL, NULL, AS_IS, "local://context"},
    {"local://dockerfile", NULL, NULL, AS_IS, "local://dockerfile"},
    {"http://buildkit-session/upload", NULL, NULL, AS_IS, "http://buildkit-session/upload"},
    {"http://buildkit-session/context", NULL, NULL, DENIED, "is not in the lock file L"},
    {"docker-image://h/r?token=a@b", NULL, NULL, DENIED, "is not in"},
    {"docker-image://u:p@h/r", NULL, NULL, DENIED, "is not in"},
    {"docker-image+blob://h/r@" SHA("aa"), NULL, NULL, DENIED, "is not in"},
};

static struct tenon_lockfile *
lock_of(const char *text)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_lockfile *l;
    ck_assert_msg(tenon_lockfile_parse(text, strlen(text), "L", &l, &err) == 0, "%s", err.message);
    return l;
}

START_TEST(test_lock_pins)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_lockfile *l = lock_of(lock_text);
    struct tenon_policy_source s = {.identifier = tenon_strdup(pins[_i].source)};
    if (pins[_i].attr)
        tenon_strv_push(&s.attrs, tenon_strdup(pins[_i].attr));
    int rc = tenon_lockfile_pin(l, &s, pins[_i].platform, &err);
    ck_assert_msg(rc == pins[_i].result, "%d: %s", rc, err.message);
    if (rc < 0) {
        ck_assert_msg(strstr(err.message, pins[_i].text) != NULL, "%s", err.message);
        ck_assert_ptr_nonnull(err.hint);
    } else {
        auto_buf struct tenon_buf now = TENON_BUF_INIT;
        tenon_buf_adds(&now, s.identifier);
        for (char **a = s.attrs; a && *a; a++)
            tenon_buf_addf(&now, " %s", *a);
        ck_assert_str_eq(tenon_buf_str(&now), pins[_i].text);
    }
    tenon_policy_source_release(&s);
    tenon_lockfile_free(l);
}
END_TEST

START_TEST(test_lock_takes_down)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    struct tenon_lockfile *l = tenon_lockfile_new();
    const struct {
        const char *source, *platform, *digest;
    } used[] = {
        {"local://res", "linux/amd64", SHA("cc")}, /* of which it has none */
        {"https://h/f", NULL, SHA("bb")},
        {ALPINE, "linux/amd64", SHA("aa")},
        {ALPINE "@" SHA("aa"), "linux/amd64", SHA("aa")}, /* what a frontend makes of it */
        {"git://h/r.git#main", NULL, "0123"},
        {"local://context", NULL, SHA("ee")},
    };
    for (size_t i = 0; i < tenon_countof(used); i++)
        ck_assert_int_eq(tenon_lockfile_use(l, used[i].source, used[i].platform, used[i].digest,
                                            &err), 0);
    tenon_lockfile_text(l, &text);
    ck_assert_str_eq(tenon_buf_str(&text), lock_text);
    ck_assert_ptr_null(tenon_lockfile_path(l));
    tenon_lockfile_free(l);
    l = lock_of(tenon_buf_str(&text));
    ck_assert_int_eq(tenon_lockfile_use(l, "local://res", NULL, SHA("cc"), &err), 0);
    ck_assert_int_eq(tenon_lockfile_use(l, "local://res", NULL, SHA("cd"), &err), DENIED);
    ck_assert_ptr_nonnull(strstr(err.message, "the lock file L has " SHA("cc")));
    tenon_lockfile_free(l);
    /* Names that are one when what is secret is not there. */
    l = tenon_lockfile_new();
    auto_error struct tenon_error two = TENON_ERROR_INIT;
    ck_assert_int_eq(tenon_lockfile_use(l, "https://h/f?token=a", NULL, SHA("aa"), &two), 0);
    ck_assert_int_eq(tenon_lockfile_use(l, "https://h/f?token=b", NULL, SHA("aa"), &two), 0);
    ck_assert_int_eq(tenon_lockfile_use(l, "https://h/f?token=c", NULL, SHA("bb"), &two), DENIED);
    ck_assert_ptr_nonnull(strstr(two.message, SHA("aa") " and " SHA("bb")));
    tenon_lockfile_free(l);
    /* A directory may have several digests, one for each way to look at it. */
    l = tenon_lockfile_new();
    auto_error struct tenon_error other = TENON_ERROR_INIT;
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(tenon_lockfile_use(l, "local://res", NULL, SHA("cd"), &other), 0);
        ck_assert_int_eq(tenon_lockfile_use(l, "local://res", NULL, SHA("cc"), &other), 0);
    }
    tenon_buf_clear(&text);
    tenon_lockfile_text(l, &text);
    tenon_lockfile_free(l);
    ck_assert_ptr_nonnull(strstr(tenon_buf_str(&text), SHA("cc") "\"},\n    {\"source\": "
                                 "\"local://res\", \"digest\": \"" SHA("cd") "\"}\n"));
    l = lock_of(tenon_buf_str(&text));
    ck_assert_int_eq(tenon_lockfile_use(l, "local://res", NULL, SHA("cd"), &other), 0);
    ck_assert_int_eq(tenon_lockfile_use(l, "local://res", NULL, SHA("cc"), &other), 0);
    ck_assert_int_eq(tenon_lockfile_use(l, "local://res", NULL, SHA("ce"), &other), DENIED);
    tenon_lockfile_free(l);
    auto_buf struct tenon_buf none = TENON_BUF_INIT;
    l = tenon_lockfile_new();
    tenon_lockfile_text(l, &none);
    ck_assert_str_eq(tenon_buf_str(&none), "{\n  \"version\": 1,\n  \"sources\": []\n}\n");
    tenon_lockfile_free(l);
}
END_TEST

static const struct {
    const char *text, *why;
} bad_locks[] = {
    {"", "lock file L: "},
    {"[]", "expected object"},
    {"{}", "version 0 is not known"},
    {"{\"version\":2}", "version 2 is not known"},
    {"{\"version\":1,\"sources\":[1]}", "sources[0]: expected object"},
    {"{\"version\":1,\"sources\":[{\"source\":\"a\"}]}", "a source and its digest are wanted"},
    {"{\"version\":1,\"sources\":[{\"source\":1}]}", "source"},
};

static const struct {
    const char *name, *canonical, *url; /* url: "" when the attribute is there */
} repositories[] = {
    {"git://h.test/a/r.git", "git://h.test/a/r.git", NULL},
    {"git://h.test/a/r.git#main:d", "git://h.test/a/r.git#main:d", NULL},
    {"git://h.test/r#main:../a//b/.", "git://h.test/r#main:a/b", NULL},
    {"git://h.test/r#main:/", "git://h.test/r#main", NULL},
    {"git://h.test/r#:/a", "git://h.test/r#:a", NULL},
    {"git://h.test/r#", "git://h.test/r", NULL},
    {"git://h.test/a//b/../r.git#x", "git://h.test/a/r.git#x", "h.test/a//b/../r.git"},
    {"git://h.test:8443/%72", "git://h.test:8443/r", "h.test:8443/%72"},
    {"git://https://me@h.test/r", "git://h.test/r", "https://me@h.test/r"},
    {"git://git@h.test:a/r#v1", "git://h.test/a/r#v1", "git@h.test:a/r"},
    {"git://ssh://git@h.test/a/r", "git://h.test/a/r", "ssh://git@h.test/a/r"},
    {"git://h.test//r#main:../d", "git://h.test//r#main:d", ""},
    {"git://", "git://", NULL},
    {"git://h.test/r#main:\n/..", "git://h.test/r#main:\n/..", NULL},
    {"https://h.test//r#:../x", "https://h.test//r#:../x", NULL},
};

START_TEST(test_repositories_have_one_name)
{
    const char *wanted = repositories[_i].url;
    const bool has_url = wanted && !*wanted;
    auto_free char *url = NULL;
    auto_free char *name = tenon_repository_canonical(repositories[_i].name, has_url, &url);
    ck_assert_str_eq(name, repositories[_i].canonical);
    if (wanted && *wanted)
        ck_assert_str_eq(url, wanted);
    else
        ck_assert_ptr_null(url);
}
END_TEST

START_TEST(test_lock_that_is_none)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_lockfile *l;
    ck_assert_int_lt(tenon_lockfile_parse(bad_locks[_i].text, strlen(bad_locks[_i].text), "L", &l,
                                      &err), 0);
    ck_assert_msg(strstr(err.message, bad_locks[_i].why) != NULL, "%s", err.message);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("policy");
    TCase *c = tcase_create("policy");
    tcase_add_loop_test(c, test_goregexp_replaces_as_go, 0, tenon_countof(expressions));
    tcase_add_loop_test(c, test_goregexp_refuses, 0, tenon_countof(refused));
    tcase_add_test(c, test_goregexp_takes_no_longer_than_the_text);
    tcase_add_loop_test(c, test_policy_of_a_source, 0, tenon_countof(rules));
    tcase_add_test(c, test_policies_in_order);
    tcase_add_test(c, test_policies_see_whole_names);
    tcase_add_test(c, test_judge_of_a_repository);
    tcase_add_loop_test(c, test_repositories_have_one_name, 0, tenon_countof(repositories));
    tcase_add_test(c, test_policy_of_long_texts);
    tcase_add_test(c, test_policy_of_many_large_expressions);
    tcase_add_test(c, test_goregexp_stops);
    tcase_add_loop_test(c, test_policy_documents, 0, tenon_countof(documents));
    tcase_add_loop_test(c, test_lock_pins, 0, tenon_countof(pins));
    tcase_add_test(c, test_lock_takes_down);
    tcase_add_loop_test(c, test_lock_that_is_none, 0, tenon_countof(bad_locks));
    suite_add_tcase(s, c);
    return unit_run(s);
}
