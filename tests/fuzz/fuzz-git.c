/* fuzz-git - what a git server sends, as far as we read it: trees with any names and modes into a
 * directory, names of refs, .gitmodules, addresses of submodules. Packs and the answers of the
 * protocol are read by libgit2 alone, and are fuzzed there.
 *
 * The input is lines: "b TEXT" a blob; "t MODE NAME N;..." a tree whose entries are the objects N;
 * "r BYTES" a tree as it is ("%00" is a byte); "c TEXT" the rest of the commit, "s PATH" the
 * directory of it that is wanted, "n NAME" a ref, "w NAME" the one that is wanted, "m TEXT" lines
 * of .gitmodules, "u URL" of a submodule.  The last tree is the commit's. */
#define FUZZ_CORPUS "git"
#include "jail.h"

#include <git2/sys/mempack.h>
#include <git2/sys/odb_backend.h>
#include <git2/sys/repository.h>

#include "../unit/fakehost.h"
#include "source-git/checkout.h"
#include "source-git/refs.h"
#include "tools/parse.h"
#include "tools/vec.h"

static void fuzz_prepare(void);
#include "fuzz.h"

enum { OBJECTS_MAX = 64, FILES_MAX = 2000, ENTRIES_MAX = 10000 };

struct input {
    git_oid objects[OBJECTS_MAX];
    size_t count;
    const git_oid *tree; /* the last one */
    const char *committer, *subdir, *wanted, *url;
    TENON_VEC(struct gs_ref) refs;
    struct tenon_buf modules;
};

static git_repository *repo;
static git_odb *odb;
static git_odb_backend *memory;

static void
must(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "%s: %s\n", what, git_error_last() ? git_error_last()->message : "");
        abort();
    }
}

int
gs_conn_error(struct gs_conn *conn, const char *what)
{
    return tenon_error_set(conn->err, TENON_E_FAILED, "%s", what);
}

static unsigned files_left;

/* Trees that are each other's entries many times are a bomb: ended by whoever waits. */
static bool
cancelled(struct tenon_ctx *ctx)
{
    (void)ctx;
    return files_left == 0 || --files_left == 0;
}

/* ---- lines ------------------------------------------------------------------------------- */

static void
add_object(struct input *in, const void *data, size_t len, git_object_t type)
{
    git_oid *id = &in->objects[in->count];
    if (in->count == OBJECTS_MAX || git_odb_write(id, odb, data, len, type) < 0)
        return;
    in->count++;
    if (type == GIT_OBJECT_TREE)
        in->tree = id;
}

static void
add_tree(struct input *in, char *text)
{
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    for (char *entry = text, *next; entry && in->count; entry = next) {
        next = strchr(entry, ';');
        if (next)
            *next++ = '\0';
        char *last = strrchr(entry, ' ');
        int64_t n;
        if (!last || !tenon_parse_i64(last + 1, &n) || n < 0)
            continue;
        tenon_buf_add(&b, entry, (size_t)(last - entry) );
        tenon_buf_addc(&b, '\0');
        tenon_buf_add(&b, in->objects[(size_t)n % in->count].id, GIT_OID_RAWSZ);
    }
    add_object(in, tenon_buf_str(&b), b.len, GIT_OBJECT_TREE);
}

static void
add_raw_tree(struct input *in, const char *text)
{
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    for (const char *p = text; *p; p++) {
        static const char digits[] = "0123456789abcdef";
        const char *high = p[0] == '%' && p[1] ? strchr(digits, p[1]) : NULL;
        const char *low = high && p[2] ? strchr(digits, p[2]) : NULL;
        tenon_buf_addc(&b, low ? (char)((high - digits) * 16 + (low - digits)) : *p);
        p += low ? 2 : 0;
    }
    add_object(in, tenon_buf_str(&b), b.len, GIT_OBJECT_TREE);
}

static void
take_line(struct input *in, char *line)
{
    static const char sha[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    char *rest = line[0] && line[1] ? line + 2 : line + strlen(line);
    switch (line[0]) {
    case 'b': add_object(in, rest, strlen(rest), GIT_OBJECT_BLOB); break;
    case 't': add_tree(in, rest); break;
    case 'r': add_raw_tree(in, rest); break;
    case 'c': in->committer = rest; break;
    case 's': in->subdir = rest; break;
    case 'w': in->wanted = rest; break;
    case 'u': in->url = rest; break;
    case 'n': tenon_vec_push(&in->refs, (struct gs_ref){rest, sha}); break;
    case 'm': tenon_buf_addf(&in->modules, "%s\n", rest); break;
    default: break;
    }
}

/* A relative address of a submodule stays on the server. */
static void
resolve(const char *base, const char *url)
{
    auto_free char *whole = gs_url_resolve(base, url);
    bool relative = tenon_has_prefix(url, "./") || tenon_has_prefix(url, "../");
    if (whole && relative && strstr(base, "://"))
        tenon_assert(gs_url_same_origin(base, whole));
    if (whole && relative)
        tenon_assert(strncmp(whole, base, strcspn(base, ":") + 1) == 0);
}

/* ---- what is done with them --------------------------------------------------------------- */

static uint64_t
limit(struct tenon_ctx *ctx, const char *name)
{
    (void)ctx;
    return strcmp(name, "git-entries") ? UINT64_MAX : ENTRIES_MAX;
}

static int
exceeded(struct tenon_ctx *ctx, const char *name, struct tenon_error *err, const char *fmt, ...)
{
    (void)ctx, (void)fmt;
    return tenon_error_set(err, TENON_E_LIMIT, "more than %s", name);
}

static const struct tenon_limits_api limits = {
    .struct_size = sizeof limits, .get = limit, .exceeded = exceeded,
};

static void
check_out(struct input *in)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct fake_tables fake;
    struct fake_ctx ctx = {.agent_fd = -1};
    struct gs_conn conn = {.host = &fake.host, .ctx = (struct tenon_ctx *)&ctx,
                           .url = "https://git.test/x.git", .keep_fd = -1, .err = &err,
                           .limits = &limits};
    struct gs_spent spent = {0};
    struct gs_submodule_list submodules = {0};
    char sha[GIT_OID_HEXSZ + 1];
    git_oid id;
    git_commit *commit = NULL;
    if (!in->tree)
        return;
    fake_tables_init(&fake);
    fake.ctx.cancelled = cancelled;
    files_left = FILES_MAX;
    git_oid_tostr(sha, sizeof sha, in->tree);
    auto_free char *text = tenon_asprintf("tree %s\nauthor a <a> 1 +0000\ncommitter %s\n\nx\n", sha,
                                          in->committer ? in->committer : "a <a> 1 +0000");
    if (git_odb_write(&id, odb, text, strlen(text), GIT_OBJECT_COMMIT) < 0 ||
        git_commit_lookup(&commit, repo, &id) < 0)
        return;
    must(mkdir(JAIL_ROOM "/root", 0755) == 0, "mkdir");
    auto_close int root = open(JAIL_ROOM "/root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct gs_checkout c = {.repo = repo, .commit = commit, .subdir = in->subdir ? in->subdir : "",
                            .commit_time = in->committer != NULL, .spent = &spent};
    int rc = gs_checkout_files(&conn, &c, root, &submodules);
    tenon_assert(rc == 0 || err.message);
    for (size_t i = 0; i < submodules.len; i++) {
        auto_free char *url = gs_modules_url(tenon_buf_str(&in->modules), in->modules.len,
                                             submodules.items[i].path);
        resolve(conn.url, url ? url : "");
    }
    gs_submodule_list_release(&submodules);
    git_commit_free(commit);
}

static void
check_texts(struct input *in)
{
    struct gs_choice choice;
    gs_refs_choose(in->refs.items, in->refs.len, in->wanted ? in->wanted : "main", &choice);
    tenon_assert(!choice.name || tenon_has_prefix(choice.name, "refs/"));
    if (!in->url)
        return;
    static const char *const bases[] = {"https://git.test/a/b.git", "git@git.test:a/b", "ssh://x"};
    for (size_t i = 0; i < tenon_countof(bases); i++) {
        resolve(bases[i], in->url);
        (void)gs_url_in_scope(bases[i], in->url);
        (void)gs_url_same_origin(bases[i], in->url);
    }
    char *user = NULL, *host = NULL, *port = NULL, *path = NULL;
    if (gs_url_ssh(in->url, &user, &host, &port, &path)) {
        /* Words of the ssh program's command line. */
        tenon_assert(*host && *host != '-' && (!user || *user != '-'));
        auto_free char *quoted = gs_shell_quote(path);
        tenon_assert(quoted[0] == '\'');
    }
    free(user), free(host), free(port), free(path);
}

/* Before the jail: it looks for certificates. */
static void
fuzz_prepare(void)
{
    static const int levels[] = {GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_XDG,
                                 GIT_CONFIG_LEVEL_GLOBAL, GIT_CONFIG_LEVEL_PROGRAMDATA};
    must(git_libgit2_init() >= 0, "libgit2");
    for (size_t i = 0; i < tenon_countof(levels); i++)
        git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, levels[i], "");
    git_libgit2_opts(GIT_OPT_ENABLE_CACHING, 0);
}

static void
begin(void)
{
    must(git_repository_init(&repo, JAIL_ROOM "/repo", 1) == 0, "repository");
    must(git_repository_odb(&odb, repo) == 0, "odb");
    must(git_mempack_new(&memory) == 0 && git_odb_add_backend(odb, memory, 999) == 0, "memory");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf before = TENON_BUF_INIT, after = TENON_BUF_INIT;
    struct input in = {.modules = TENON_BUF_INIT};
    if (!repo)
        begin();
    auto_free char *text = tenon_strndup((const char *)data, size);
    for (char *line = text, *next; line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        take_line(&in, line);
    }
    jail_note_all(&before);
    check_texts(&in);
    check_out(&in);
    jail_note_all(&after);
    jail_same(&before, &after);

    auto_close int room = open(JAIL_ROOM, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    must(room >= 0 && tenon_remove_tree(room, "root", &err) == 0, "remove");
    git_mempack_reset(memory);
    git_attr_cache_flush(repo);
    tenon_vec_release(&in.refs);
    tenon_buf_release(&in.modules);
    return 0;
}
