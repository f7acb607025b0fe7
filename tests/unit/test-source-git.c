/* Names of commits, addresses and .gitmodules. */
#include "source-git/checkout.h"
#include "source-git/conn.h"
#include "source-git/refs.h"
#include "unit.h"

static const char a[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
static const char b[] = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
static const char c[] = "cccccccccccccccccccccccccccccccccccccccc";
static const struct gs_ref refs[] = {
    {"HEAD", a},
    {"refs/heads/main", a},
    {"refs/heads/both", a},
    {"refs/tags/both", b},
    {"refs/tags/v1", b},
    {"refs/tags/v1^{}", c},
    {"refs/tags/light", c},
    {"refs/pull/7/head", b},
};

static const struct {
    const char *wanted, *name, *sha, *commit;
} choices[] = {
    {"main", "refs/heads/main", a, NULL},
    {"refs/heads/main", "refs/heads/main", a, NULL},
    {"heads/main", "refs/heads/main", a, NULL},
    {"both", "refs/heads/both", a, NULL},
    {"tags/both", "refs/tags/both", b, NULL},
    {"v1", "refs/tags/v1", b, c},
    {"refs/tags/v1", "refs/tags/v1", b, c},
    {"light", "refs/tags/light", c, NULL},
    {"refs/pull/7/head", "refs/pull/7/head", b, NULL},
    {"pull/7/head", "refs/pull/7/head", b, NULL},
    {"mai", NULL, NULL, NULL},
    {"HEAD", NULL, NULL, NULL},
    {"v1^{}", "refs/tags/v1^{}", c, NULL},
};

START_TEST(test_git_refs_choose)
{
    struct gs_choice got;
    gs_refs_choose(refs, tenon_countof(refs), choices[_i].wanted, &got);
    ck_assert_pstr_eq(got.name, choices[_i].name);
    ck_assert_pstr_eq(got.sha, choices[_i].sha);
    ck_assert_pstr_eq(got.commit, choices[_i].commit);
}
END_TEST

START_TEST(test_git_sha)
{
    ck_assert(gs_is_sha(a));
    ck_assert(!gs_is_sha("aaaa"));
    ck_assert(!gs_is_sha("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
    ck_assert(gs_is_hex("0aF"));
    ck_assert(!gs_is_hex(""));
    ck_assert(!gs_is_hex("main"));
    ck_assert(gs_sha_matches(a, "aaa"));
    ck_assert(!gs_sha_matches(a, b));
}
END_TEST

static const struct {
    const char *url, *user, *host, *port, *path; /* host NULL: refused */
} ssh[] = {
    {"git@example.org:a/b.git", "git", "example.org", "", "a/b.git"},
    {"ssh://git@example.org/a/b.git", "git", "example.org", "", "/a/b.git"},
    {"ssh://example.org:2222/b", NULL, "example.org", "2222", "/b"},
    {"ssh://me@example.org/~/b", "me", "example.org", "", "~/b"},
    {"ssh://-oProxyCommand=x/b", NULL, NULL, NULL, NULL},
    {"-oProxyCommand=x@example.org:b", NULL, NULL, NULL, NULL},
    {"git@-x:b", NULL, NULL, NULL, NULL},
    {"ssh://example.org:22x/b", NULL, NULL, NULL, NULL},
    {"ssh://example.org", NULL, NULL, NULL, NULL},
    {"https://example.org/b", NULL, NULL, NULL, NULL},
    {"/srv/b.git", NULL, NULL, NULL, NULL},
    {"example.org:b", NULL, NULL, NULL, NULL},
};

START_TEST(test_git_url_ssh)
{
    auto_free char *user = NULL;
    auto_free char *host = NULL;
    auto_free char *port = NULL;
    auto_free char *path = NULL;
    ck_assert_int_eq(gs_url_ssh(ssh[_i].url, &user, &host, &port, &path), ssh[_i].host != NULL);
    ck_assert_pstr_eq(user, ssh[_i].user);
    ck_assert_pstr_eq(host, ssh[_i].host);
    ck_assert_pstr_eq(port, ssh[_i].port);
    ck_assert_pstr_eq(path, ssh[_i].path);
}
END_TEST

START_TEST(test_git_url_allowed)
{
    ck_assert(gs_conn_allowed("https://example.org/a"));
    ck_assert(gs_conn_allowed("git://example.org/a"));
    ck_assert(gs_conn_allowed("git@example.org:a"));
    ck_assert(!gs_conn_allowed("file:///a"));
    ck_assert(!gs_conn_allowed("/a"));
    ck_assert(!gs_conn_allowed("ext::sh -c true"));
}
END_TEST

static const struct {
    const char *base, *url, *result;
} relative[] = {
    {"https://example.org/a/b.git", "../c.git", "https://example.org/a/c.git"},
    {"https://example.org/a/b.git/", "../c.git", "https://example.org/a/c.git"},
    {"https://example.org/a/b", "./c", "https://example.org/a/b/c"},
    {"https://example.org/a/b", "../../c", "https://example.org/c"},
    {"https://example.org/a", "../../c", NULL},
    {"git@example.org:a/b", "../c", "git@example.org:a/c"},
    {"git@example.org:b", "../c", "git@example.org:c"},
    {"git@example.org:b", "../../c", NULL},
    {"https://example.org/a", "https://other.org/x", "https://other.org/x"},
    {"https://example.org/a", "/etc", NULL},
    {"https://example.org/a", "file:///etc", NULL},
    {"https://example.org", "../c", NULL},
};

START_TEST(test_git_url_resolve)
{
    auto_free char *got = gs_url_resolve(relative[_i].base, relative[_i].url);
    ck_assert_pstr_eq(got, relative[_i].result);
}
END_TEST

START_TEST(test_git_url_secrets)
{
    auto_free char *shown = gs_url_redact("https://me:hush@example.org/a@b");
    ck_assert_str_eq(shown, "https://me:xxxxx@example.org/a@b");
    ck_assert(gs_url_same_origin("https://example.org/a", "https://EXAMPLE.org:443/b"));
    ck_assert(!gs_url_same_origin("https://example.org/a", "http://example.org/a"));
    ck_assert(!gs_url_same_origin("https://example.org/a", "https://example.org.evil/a"));
    ck_assert(gs_url_same_origin("https://u:p@example.org/a", "https://example.org/"));
    ck_assert(gs_url_in_scope("https://example.org/a", "https://example.org/a"));
    ck_assert(gs_url_in_scope("https://example.org/a", "https://example.org/a/b"));
    ck_assert(!gs_url_in_scope("https://example.org/a", "https://example.org/ab"));
    ck_assert(gs_url_in_scope("https://github.com/a/b", "https://github.com/c/d"));
    ck_assert(!gs_url_in_scope("https://github.com/a/b", "https://github.com.evil/c"));
    auto_free char *quoted = gs_shell_quote("it's; $(x)");
    ck_assert_str_eq(quoted, "'it'\\''s; $(x)'");
}
END_TEST

static const struct {
    const char *text, *path, *url;
} modules[] = {
    {"[submodule \"m\"]\n\tpath = m\n\turl = ../x\n", "m", "../x"},
    {"[submodule \"m\"]\n\turl = ../x\n\tpath = m\n", "m", "../x"},
    {"[submodule \"m\"]\n\turl = ../x\n\tpath = m\n", "n", NULL},
    {"[submodule \"a\"] path = a\nurl=1\n[submodule \"b\"]\npath=b\nurl=2", "b", "2"},
    {"# path = m\n[submodule \"m\"] ; x\nPath = \"m n\" # c\nURL = a\\\\b \"; \" ", "m n",
     "a\\b ; "},
    {"[submodule \"we]rd\"]\npath=m\nurl=u\n", "m", "u"},
    {"[other \"m\"]\npath=m\nurl=u\n", "m", NULL},
    {"[include]\npath=/etc/passwd\n", "/etc/passwd", NULL},
    {"[submodule \"m\"]\nignore\nbranch = b\npath = m\nurl = u", "m", "u"},
    {"[submodule", "m", NULL},
    {"", "m", NULL},
    {"path=m\nurl=u", "m", NULL},
    {"[submodule \"m\"]\npath=m\nurl=\\", "m", "\\"},
};

START_TEST(test_git_modules)
{
    /* a block of its size, for the sanitizers to see the end */
    size_t len = strlen(modules[_i].text);
    auto_free char *text = malloc(len ? len : 1);
    memcpy(text, modules[_i].text, len);
    auto_free char *got = gs_modules_url(text, len, modules[_i].path);
    ck_assert_pstr_eq(got, modules[_i].url);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("source-git");
    TCase *t = tcase_create("source-git");
    tcase_add_loop_test(t, test_git_refs_choose, 0, tenon_countof(choices));
    tcase_add_test(t, test_git_sha);
    tcase_add_loop_test(t, test_git_url_ssh, 0, tenon_countof(ssh));
    tcase_add_test(t, test_git_url_allowed);
    tcase_add_loop_test(t, test_git_url_resolve, 0, tenon_countof(relative));
    tcase_add_test(t, test_git_url_secrets);
    tcase_add_loop_test(t, test_git_modules, 0, tenon_countof(modules));
    suite_add_tcase(s, t);
    return unit_run(s);
}
