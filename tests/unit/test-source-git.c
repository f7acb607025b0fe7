/* What is asked of which server, with which secret; keys; names of commits, addresses and
 * .gitmodules. */
#include "unit.h"

#include "fakehost.h"

#include "source-git/checkout.h"
#include "source-git/conn.h"
#include "source-git/refs.h"

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

/* ---- the plugin, with a host of ours ------------------------------------------------------- */

static struct {
    struct tenon_buf log; /* of requests: METHOD URL[ AUTHORIZATION]\n */
    const char *secrets[4][2]; /* id, value */
} fake;

/* Nobody answers. */
static int
fake_fetch(struct tenon_ctx *ctx, const struct tenon_fetch *f, int fd,
           struct tenon_fetch_answer *answer, struct tenon_error *err)
{
    (void)ctx, (void)fd, (void)answer;
    tenon_buf_addf(&fake.log, "%s %s%s%s\n", f->method, f->url, f->authorization ? " " : "",
                   f->authorization ? f->authorization : "");
    return tenon_error_set(err, TENON_E_UNAVAILABLE, "nobody answers");
}

static int
fake_enter(struct tenon_ctx *ctx, const char *name, struct tenon_error *err)
{
    (void)ctx, (void)name, (void)err;
    return open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void
fake_leave(struct tenon_ctx *ctx, int fd)
{
    (void)ctx;
    if (fd >= 0)
        close(fd);
}

static uint64_t
fake_limit(struct tenon_ctx *ctx, const char *name)
{
    (void)ctx;
    return tenon_limit(NULL, (enum tenon_limit)tenon_limit_find(name));
}

static const void *
fake_extension(const char *name)
{
    static const struct tenon_http_api http = {.struct_size = sizeof http, .fetch = fake_fetch};
    static const struct tenon_store_api store = {
        .struct_size = sizeof store, .enter = fake_enter, .leave = fake_leave};
    static const struct tenon_limits_api limits = {.struct_size = sizeof limits, .get = fake_limit};
    if (!strcmp(name, "tenon.http/0"))
        return &http;
    if (!strcmp(name, "tenon.limits/0"))
        return &limits;
    return strcmp(name, "tenon.store/0") ? NULL : &store;
}

static int
fake_blob_create(struct tenon_ctx *ctx, struct tenon_error *err)
{
    (void)ctx, (void)err;
    return memfd_create("blob", MFD_CLOEXEC);
}

static bool
fake_cancelled(struct tenon_ctx *ctx)
{
    (void)ctx;
    return false;
}

static int
fake_secret(struct tenon_ctx *ctx, const char *service, const char *id, struct tenon_error *err)
{
    for (size_t i = 0; i < tenon_countof(fake.secrets); i++)
        if (fake.secrets[i][0] && !strcmp(fake.secrets[i][0], id)) {
            fake_of(ctx)->secret = fake.secrets[i][1];
            fake_of(ctx)->secret_len = strlen(fake.secrets[i][1]);
            return fake_client_open(ctx, service, id, err);
        }
    return tenon_error_set(err, TENON_E_NOT_FOUND, "%s: not supplied", id);
}

static const struct tenon_plugin *plugin;

static void
setup(void)
{
    static struct fake_tables tables;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    void *self;
    fake_tables_init(&tables);
    tables.host.extension = fake_extension;
    tables.blobs.create = fake_blob_create;
    tables.client.open = fake_secret;
    tables.ctx.cancelled = fake_cancelled;
    plugin = fake_load("source-git.so", "source_git_LTX_tenon_plugin_query");
    ck_assert_ptr_nonnull(plugin);
    ck_assert_int_eq(plugin->init(&tables.host, NULL, &self, &err), 0);
}

static void
teardown(void)
{
    plugin->fini(NULL);
    tenon_buf_release(&fake.log);
    memset(&fake, 0, sizeof fake);
}

/* resolve; what it says is a copy, to free. */
static int
look(const char *id, const char *const *attrs, char **key, char **digest, struct tenon_error *err)
{
    struct fake_ctx ctx = {.agent_fd = -1};
    const struct tenon_source_request req = {.struct_size = sizeof req, .identifier = id,
                                             .attrs = attrs};
    struct tenon_source_info info = {.struct_size = sizeof info};
    int rc = plugin->ops.source->resolve(NULL, (struct tenon_ctx *)(void *)&ctx, &req, &info, err);
    *key = tenon_strdup(info.key);
    *digest = tenon_strdup(info.digest);
    ck_assert(rc < 0 || info.flags == TENON_SOURCE_TREE);
    fake_ctx_release(&ctx);
    return rc;
}

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

/* A commit by its full name needs no server; each thing that changes what is checked out is in
 * its key, and nothing else is. */
static const struct {
    const char *id;
    const char *attrs[4];
    const char *key; /* NULL: an error */
    int code;
    const char *says;
} keys[] = {
    {"git://h.example/r#" A, {NULL}, A, 0, NULL},
    {"git://h.example/other#" A, {NULL}, A, 0, NULL},
    {"git://h.example/r#" B, {NULL}, B, 0, NULL},
    {"git://h.example/r#" A ":d/e", {NULL}, A ":d/e", 0, NULL},
    {"git://h.example/r#" A ":/d/./e/", {NULL}, A ":d/e", 0, NULL},
    {"git://h.example/r#" A ":../../d", {NULL}, A ":d", 0, NULL},
    {"git://h.example/r#" A, {"git.skipsubmodules=true"}, A "(skip-submodules)", 0, NULL},
    {"git://h.example/r#" A, {"git.skipsubmodules=false"}, A, 0, NULL},
    {"git://h.example/r#" A, {"git.mtime=commit"}, A "(mtime-commit)", 0, NULL},
    {"git://h.example/r#" A, {"git.mtime=checkout"}, A, 0, NULL},
    {"git://h.example/r#" A, {"git.mtime="}, A, 0, NULL},
    {"git://h.example/r#" A, {"git.keepgitdir=true"}, A ".git#" A " https://h.example/r", 0, NULL},
    {"git://h.example/r#" A ":d", {"git.keepgitdir=true", "git.skipsubmodules=true", "git.mtime=commit"},
     A ".git#" A " https://h.example/r:d(skip-submodules)(mtime-commit)", 0, NULL},
    {"git://x#" A, {"git.fullurl=ssh://git@h.example/r", "git.keepgitdir=true"},
     A ".git#" A " ssh://git@h.example/r", 0, NULL},
    {"git://h.example/r#" A, {"git.authtokensecret=T"}, A, 0, NULL},
    {"git://h.example/r#" A, {"git.checksum=aaaa"}, A, 0, NULL},
    {"git://h.example/r#" A, {"git.checksum=" A}, A, 0, NULL},
    {"git://h.example/r#main", {"git.checksum=" A, "git.fetchbycommit=true"}, A, 0, NULL},
    {"git://h.example/r#" A, {"git.checksum=aaab"}, NULL, TENON_E_CORRUPT,
     "expected checksum to match aaab, got " A},
    {"git://h.example/r#" A, {"git.checksum=xyz"}, NULL, TENON_E_INVALID,
     "invalid checksum xyz for Git URL, expected hex commit hash"},
    {"git://h.example/r#" A, {"git.mtime=now"}, NULL, TENON_E_INVALID,
     "invalid git mtime \"now\": expected checkout or commit"},
    {"git://h.example/r#main", {"git.checksum=aaaa", "git.fetchbycommit=true"}, NULL, TENON_E_INVALID,
     "fetch-by-commit wants the full commit as checksum"},
    {"git://", {NULL}, NULL, TENON_E_INVALID, "invalid git source \"git://\""},
    {"https://h.example/r", {NULL}, NULL, TENON_E_INVALID, "invalid git source \"https://h.example/r\""},
    {"git://x#" A, {"git.fullurl=file:///etc"}, NULL, TENON_E_INVALID,
     "git remote \"file:///etc\": transport not allowed"},
    {"git://h.example/r#" A, {"git.sig.pubkey=x"}, NULL, TENON_E_UNSUPPORTED,
     "git sources with \"git.sig.pubkey\" are not supported yet"},
    {"git://h.example/r#" A, {"git.bundle=x"}, NULL, TENON_E_UNSUPPORTED,
     "git sources with \"git.bundle\" are not supported yet"},
    {"git://h.example/r#" A, {"git.checkoutbundle=x"}, NULL, TENON_E_UNSUPPORTED,
     "git sources with \"git.checkoutbundle\" are not supported yet"},
};

START_TEST(test_git_keys)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_free char *key = NULL;
    auto_free char *digest = NULL;
    int rc = look(keys[_i].id, keys[_i].attrs, &key, &digest, &err);
    ck_assert_str_eq(tenon_buf_str(&fake.log), "");
    ck_assert_msg(rc == keys[_i].code, "%d %s", rc, err.message);
    if (keys[_i].key) {
        ck_assert_str_eq(key, keys[_i].key);
        ck_assert(tenon_has_prefix(key, digest) && strlen(digest) == 40);
    } else {
        ck_assert_str_eq(err.message, keys[_i].says);
    }
}
END_TEST

/* The secret of that host before the one for all, a header before a token; over HTTP only. */
#define X "basic eC1hY2Nlc3MtdG9rZW46" /* of "x-access-token:" and */
static const struct {
    const char *url;
    const char *secrets[3][2];
    const char *auth; /* NULL: none */
} auths[] = {
    {"https://h.example/r", {{NULL}}, NULL},
    {"https://h.example/r", {{"T", "one\n"}}, X "b25l"},
    {"https://h.example/r", {{"T", "four"}}, X "Zm91cg=="},
    {"https://h.example/r", {{"T", "seven!!"}}, X "c2V2ZW4hIQ=="},
    {"https://h.example/r", {{"T", "eight..."}}, X "ZWlnaHQuLi4="},
    {"https://h.example/r", {{"H", "Custom x"}}, "Custom x"},
    {"https://h.example/r", {{"T", "one"}, {"H", "Custom x"}}, "Custom x"},
    {"https://h.example/r", {{"T", "one"}, {"T.h.example", "four"}}, X "Zm91cg=="},
    {"https://h.example/r", {{"H", "Custom x"}, {"T.h.example", "four"}}, X "Zm91cg=="},
    {"https://h.example/r", {{"T.h.example", "one"}, {"H.h.example", "Custom y"}}, "Custom y"},
    {"https://h.example:8443/r", {{"T.h.example", "one"}, {"T.h.example:8443", "four"}}, X "Zm91cg=="},
    {"https://u:p@h.example/r@s", {{"T.h.example", "one"}}, X "b25l"},
    {"https://h.example/r", {{"T.g.example", "one"}}, NULL},
    {"https://h.example@g.example/r", {{"T.h.example", "one"}}, NULL},
};

START_TEST(test_git_authorization)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_free char *key = NULL;
    auto_free char *digest = NULL;
    auto_free char *full = tenon_asprintf("git.fullurl=%s", auths[_i].url);
    const char *attrs[] = {full, "git.authtokensecret=T", "git.authheadersecret=H", NULL};
    const char *auth = auths[_i].auth;
    memcpy(fake.secrets, auths[_i].secrets, sizeof auths[_i].secrets);
    ck_assert_int_eq(look("git://x#main", attrs, &key, &digest, &err), TENON_E_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(err.message, "nobody answers"));
    auto_free char *log = tenon_asprintf("GET %s/info/refs?service=git-upload-pack%s%s\n",
                                         auths[_i].url, auth ? " " : "", auth ? auth : "");
    ck_assert_str_eq(tenon_buf_str(&fake.log), log);
    ck_assert_ptr_null(strstr(err.message, "u:p"));
}
END_TEST

/* Without the names of secrets nobody looks for any. */
START_TEST(test_git_no_secrets_asked_for)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_free char *key = NULL;
    auto_free char *digest = NULL;
    const char *attrs[] = {"git.authtokensecret=", NULL};
    fake.secrets[0][0] = "";
    fake.secrets[0][1] = "one";
    fake.secrets[1][0] = ".h.example";
    fake.secrets[1][1] = "one";
    ck_assert_int_lt(look("git://h.example/r#main", attrs, &key, &digest, &err), 0);
    ck_assert_str_eq(tenon_buf_str(&fake.log),
                     "GET https://h.example/r/info/refs?service=git-upload-pack\n");
}
END_TEST

/* A commit that an earlier question claimed is not what the remote says: it is asked. */
START_TEST(test_git_claims_are_no_answers)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct fake_ctx ctx = {.agent_fd = -1};
    const char *const claim[] = {"git.checksum=" A, "git.fetchbycommit=true", NULL};
    struct tenon_source_request req = {.struct_size = sizeof req, .attrs = claim,
                                       .identifier = "git://h.example/r#main"};
    struct tenon_source_info first = {.struct_size = sizeof first};
    struct tenon_source_info second = {.struct_size = sizeof second};
    struct tenon_ctx *work = (struct tenon_ctx *)(void *)&ctx;
    ck_assert_int_eq(plugin->ops.source->resolve(NULL, work, &req, &first, &err), 0);
    ck_assert_str_eq(tenon_buf_str(&fake.log), "");
    req.attrs = NULL;
    req.before = &first;
    ck_assert_int_eq(plugin->ops.source->resolve(NULL, work, &req, &second, &err),
                     TENON_E_UNAVAILABLE);
    ck_assert_str_eq(tenon_buf_str(&fake.log),
                     "GET https://h.example/r/info/refs?service=git-upload-pack\n");
    fake_ctx_release(&ctx);
}
END_TEST

/* What ssh is told, by a program of that name: an argument a line, and the hosts to be known.
 * Those that are given are all there are, and the path is one word for the server's shell. */
#define KNOWN "h.example ssh-ed25519 AAAA"
static const char *const ssh_words[] = {
    "StrictHostKeyChecking=yes\n", "IdentityFile=none\n", "-F\n/dev/null\n", "KNOWN " KNOWN "\n",
    "-l\nme\n--\nh.example\n", "\ngit-upload-pack '/a b'\\''; touch /c'\n",
};

START_TEST(test_git_ssh_program)
{
    static const char program[] = "#!/bin/sh\n"
                                  "exec 3>\"${0%/*}/told\"\n"
                                  "for word; do\n"
                                  "    printf '%s\\n' \"$word\" >&3\n"
                                  "    case $word in UserKnownHostsFile=*) file=${word#*=} ;; esac\n"
                                  "done\n"
                                  "file=${file#?}\n"
                                  "echo KNOWN \"$(cat \"${file%?}\")\" >&3\n"
                                  "exit 1\n";
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_free char *key = NULL;
    auto_free char *digest = NULL;
    const char *attrs[] = {"git.fullurl=ssh://me@h.example/a b'; touch /c",
                           "git.knownsshhosts=" KNOWN, NULL};
    char path[64], told[4096] = "";
    int dir = unit_tmpdir(path);
    unit_write(dir, "ssh", program);
    ck_assert_int_eq(fchmodat(dir, "ssh", 0755, 0), 0);
    auto_free char *old = tenon_strdup(getenv("PATH"));
    auto_free char *new = tenon_asprintf("%s:%s", path, old);
    setenv("PATH", new, 1);
    int rc = look("git://x#main", attrs, &key, &digest, &err);
    setenv("PATH", old, 1);
    auto_close int fd = openat(dir, "told", O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(read(fd, told, sizeof told - 1), 0);
    unit_tmpdir_remove(dir, path);
    ck_assert_int_lt(rc, 0);
    ck_assert_msg(strstr(told, ssh_words[_i]) != NULL, "no %s in\n%s", ssh_words[_i], told);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("source-git");
    TCase *t = tcase_create("source-git");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, test_git_keys, 0, tenon_countof(keys));
    tcase_add_loop_test(t, test_git_authorization, 0, tenon_countof(auths));
    tcase_add_test(t, test_git_no_secrets_asked_for);
    tcase_add_test(t, test_git_claims_are_no_answers);
    tcase_add_loop_test(t, test_git_ssh_program, 0, tenon_countof(ssh_words));
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
