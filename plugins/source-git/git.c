/* source-git: the files of a commit.
 *
 * A name is looked up at the remote each time; the commit it stands for is the
 * key.  Repositories are kept, bare, between builds, and get what they lack. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tenon-plugin.h>

#include "tools/alloc.h"
#include "tools/base64.h"
#include "tools/buf.h"
#include "tools/path.h"
#include "tools/conceal.h"
#include "checkout.h"
#include "remote.h"
#include "common/source/source.h"

#define SCHEME "git://"
#define SUBMODULES_MAX 1000
#define SUBMODULE_DEPTH_MAX 32
#define MODULES_MAX ((git_object_size_t)1 << 20)

static const struct tenon_host *host;
static const struct tenon_http_api *http;
static const struct tenon_store_api *store;
static const struct tenon_limits_api *limits;

struct options { /* strings live until ctx ends */
    const char *remote;
    const char *ref;    /* "" for the default branch */
    const char *subdir; /* clean, relative; "" for all */
    const char *checksum; /* "" for none */
    const char *token_secret, *header_secret, *ssh_id, *known_hosts; /* or NULL */
    bool keep_git_dir, skip_submodules, commit_time, fetch_by_commit;
    bool for_everybody; /* as git made files for BuildKit before 0.15: all may write them */
};

struct resolved { /* from resolve to fetch */
    struct options o;
    struct gs_choice choice; /* its name is NULL for a commit */
};

static int
git_init(const struct tenon_host *h, const struct tenon_values *config, void **self,
         struct tenon_error *err)
{
    (void)config;
    host = h;
    http = host->extension("tenon.http/0");
    store = host->extension("tenon.store/0");
    limits = host->extension("tenon.limits/0");
    *self = NULL; /* no state: each call stands alone */
    if (!http || !store || !limits)
        return host->error->set(err, TENON_E_UNSUPPORTED, 0,
                                "this tenon offers no HTTP, store or limits service");
    if (gs_memory_init() < 0 || git_libgit2_init() < 0)
        return host->error->set(err, TENON_E_FAILED, 0, "libgit2 cannot be used");
    /* The configuration of who runs the build must not change its result, and
     * directories of the store have the owner of the store. */
    for (int level = GIT_CONFIG_LEVEL_PROGRAMDATA; level <= GIT_CONFIG_LEVEL_GLOBAL; level++)
        git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, level, "");
    git_libgit2_opts(GIT_OPT_SET_TEMPLATE_PATH, "");
    git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
    return TENON_OK;
}

static void
git_fini(void *self)
{
    (void)self;
    git_libgit2_shutdown();
}

/* ---- what is asked for ----------------------------------------------------------- */

static bool
is_true(const struct tenon_source_request *req, const char *key)
{
    return tenon_streq(source_attr(req, key), "true");
}

/* URL#ref:subdir of the identifier, unless the whole URL is an attribute. */
static int
read_identifier(struct tenon_ctx *ctx, const struct tenon_source_request *req,
                struct options *o, struct tenon_error *err)
{
    const char *id = req->identifier, *full = source_attr(req, "git.fullurl");
    if (!tenon_has_prefix(id, SCHEME) || !id[strlen(SCHEME)])
        return host->error->set(err, TENON_E_INVALID, 0, "invalid git source \"%s\"", id);
    id += strlen(SCHEME);
    char *plain = host->ctx->strdup(ctx, id), *fragment = strchr(plain, '#');
    if (fragment)
        *fragment++ = '\0';
    char *colon = fragment ? strchr(fragment, ':') : NULL;
    if (colon)
        *colon++ = '\0';
    o->ref = fragment ? fragment : "";
    auto_free char *subdir = tenon_path_join("/", colon ? colon : "");
    o->subdir = host->ctx->strdup(ctx, subdir + 1);
    const char *url = full && *full ? full : plain;
    auto_free char *remote =
        tenon_asprintf("%s%s", gs_conn_allowed(url) || strstr(url, "://") ? "" : "https://", url);
    if (!gs_conn_allowed(remote))
        return host->error->set(err, TENON_E_INVALID, 0, "git remote \"%s\": transport not allowed",
                                remote);
    o->remote = host->ctx->strdup(ctx, remote);
    return TENON_OK;
}

static int
refuse_unknown(const struct tenon_source_request *req, struct tenon_error *err)
{
    static const char *const later[] = {"git.sig.", "git.bundle", "git.checkoutbundle"};
    for (const char *const *a = req->attrs; a && *a; a++)
        for (size_t i = 0; i < tenon_countof(later); i++)
            if (tenon_has_prefix(*a, later[i]))
                return host->error->set(err, TENON_E_UNSUPPORTED, 0,
                                        "git sources with \"%.*s\" are not supported yet",
                                        (int)strcspn(*a, "="), *a);
    return TENON_OK;
}

static int
read_options(struct tenon_ctx *ctx, const struct tenon_source_request *req, struct options *o,
             struct tenon_error *err)
{
    int rc = read_identifier(ctx, req, o, err);
    if (rc == TENON_OK)
        rc = refuse_unknown(req, err);
    if (rc < 0)
        return rc;
    const char *checksum = source_attr(req, "git.checksum");
    const char *mtime = source_attr(req, "git.mtime");
    o->checksum = checksum ? checksum : "";
    o->token_secret = source_attr(req, "git.authtokensecret");
    o->header_secret = source_attr(req, "git.authheadersecret");
    o->ssh_id = source_attr(req, "git.mountsshsock");
    o->known_hosts = source_attr(req, "git.knownsshhosts");
    o->keep_git_dir = is_true(req, "git.keepgitdir");
    o->skip_submodules = is_true(req, "git.skipsubmodules");
    o->fetch_by_commit = is_true(req, "git.fetchbycommit");
    o->commit_time = tenon_streq(mtime, "commit");
    o->for_everybody = tenon_streq(source_attr(req, "tenon.compatibility-version"), "10");
    if (*o->checksum && !gs_is_hex(o->checksum))
        return host->error->set(err, TENON_E_INVALID, 0,
                                "invalid checksum %s for Git URL, expected hex commit hash",
                                o->checksum);
    if (mtime && *mtime && !o->commit_time && strcmp(mtime, "checkout") != 0)
        return host->error->set(err, TENON_E_INVALID, 0,
                                "invalid git mtime \"%s\": expected checkout or commit", mtime);
    if (o->fetch_by_commit && !gs_is_sha(o->checksum))
        return host->error->set(err, TENON_E_INVALID, 0,
                                "fetch-by-commit wants the full commit as checksum");
    return TENON_OK;
}

/* ---- connections --------------------------------------------------------- */

/* The Authorization that the user's secrets give, for source_forget. */
static int
authorization(struct tenon_ctx *ctx, const struct options *o, char **out,
              struct tenon_error *err)
{
    const char *at = strstr(o->remote, "://");
    *out = NULL;
    if (!at || !tenon_has_prefix(o->remote, "http"))
        return TENON_OK;
    at += 3;
    size_t len = strcspn(at, "/?#");
    const char *user = memrchr(at, '@', len);
    if (user) {
        len -= (size_t)(user + 1 - at);
        at = user + 1;
    }
    const char *const kinds[] = {o->header_secret, o->token_secret};
    for (int general = 0; general < 2; general++)
        for (int token = 0; token < 2; token++) {
            if (!kinds[token] || !*kinds[token])
                continue;
            auto_free char *id = general ? tenon_strdup(kinds[token])
                                         : tenon_asprintf("%s.%.*s", kinds[token], (int)len, at);
            char *secret = NULL;
            int rc = source_secret(host, ctx, id, &secret, err);
            if (rc < 0 || (secret && !token)) {
                *out = secret;
                return rc;
            }
            if (!secret)
                continue;
            char *pair = tenon_asprintf("x-access-token:%s", secret);
            char *encoded = tenon_base64(pair, strlen(pair));
            *out = tenon_asprintf("basic %s", encoded);
            source_forget(&encoded);
            source_forget(&pair);
            source_forget(&secret);
            return TENON_OK;
        }
    return TENON_OK;
}

static void
conn_init(struct gs_conn *conn, struct tenon_ctx *ctx, const struct options *o,
          const char *url, const char *auth, struct tenon_error *err)
{
    *conn = (struct gs_conn){
        .host = host,
        .http = http,
        .limits = limits,
        .object_bytes = limits->get(ctx, "git-file"),
        .ctx = ctx,
        .url = url,
        .authorization = auth && gs_url_in_scope(o->remote, url) ? auth : NULL,
        .ssh_id = o->ssh_id,
        .known_hosts = o->known_hosts,
        .keep_fd = -1,
        .err = err,
    };
}

/* The kept directory of conn's remote. */
static int
enter(struct gs_conn *conn)
{
    auto_free char *shown = tenon_url_conceal(conn->url);
    auto_free char *name = tenon_asprintf("shared git repo for %s", shown);
    conn->keep_fd = store->enter(conn->ctx, name, conn->err);
    return conn->keep_fd < 0 ? conn->keep_fd : TENON_OK;
}

static void
leave(struct gs_conn *conn)
{
    store->leave(conn->ctx, conn->keep_fd);
    conn->keep_fd = -1;
}

/* The object that sha names, and the commit that it is or leads to. */
static int
find_commit(struct gs_conn *conn, git_repository *repo, const char *sha, git_object **object,
            git_object **commit)
{
    git_oid id;

    if (git_oid_fromstr(&id, sha) < 0 ||
        git_object_lookup(object, repo, &id, GIT_OBJECT_ANY) < 0 ||
        git_object_peel(commit, *object, GIT_OBJECT_COMMIT) < 0)
        return gs_conn_error(conn, "failed to checkout remote");
    return TENON_OK;
}

/* ---- resolve ------------------------------------------------------------- */

static int
check_sum(const struct options *o, const struct gs_choice *c, struct tenon_error *err)
{
    if (!*o->checksum || gs_sha_matches(c->sha, o->checksum) ||
        (c->commit && gs_sha_matches(c->commit, o->checksum)))
        return TENON_OK;
    return host->error->set(err, TENON_E_CORRUPT, 0, "expected checksum to match %s, got %s%s%s",
                            o->checksum, c->sha, c->commit ? " or " : "",
                            c->commit ? c->commit : "");
}

static int
ask_remote(struct gs_conn *conn, const struct options *o, struct gs_choice *choice)
{
    const struct gs_ref *refs;
    const char *head;
    size_t count;
    int rc = gs_remote_list(conn, &refs, &count, &head);
    if (rc < 0)
        return rc;
    auto_free char *shown = tenon_url_conceal(o->remote);
    if (!*o->ref && !head)
        return host->error->set(conn->err, TENON_E_NOT_FOUND, 0,
                                "could not find default branch for repository: %s", shown);
    gs_refs_choose(refs, count, *o->ref ? o->ref : head, choice);
    if (!choice->name)
        return host->error->set(conn->err, TENON_E_NOT_FOUND, 0,
                                "repository does not contain ref %s", o->ref);
    return check_sum(o, choice, conn->err);
}

/* What a name of the remote stood for is kept for builds that may not ask. */
static char *
note_name(const struct options *o)
{
    char digest[72];
    auto_free char *id = tenon_asprintf("%s\n%s", o->remote, o->ref);
    host->blobs->digest(id, strlen(id), digest);
    return tenon_asprintf("git:%s", digest);
}

/* Names of refs have no newlines. */
static int
remember(struct tenon_ctx *ctx, const struct options *o, const struct gs_choice *c,
         struct tenon_error *err)
{
    auto_free char *name = note_name(o);
    auto_free char *text =
        tenon_asprintf("%s\n%s\n%s", c->name, c->sha, c->commit ? c->commit : "");
    const char *known = store->note_get(ctx, name);
    return known && !strcmp(known, text) ? TENON_OK : store->note_set(ctx, name, text, err);
}

static int
recall(struct tenon_ctx *ctx, const struct options *o, struct gs_choice *c, struct tenon_error *err)
{
    auto_free char *name = note_name(o);
    const char *text = store->note_get(ctx, name);
    char *at = text ? host->ctx->strdup(ctx, text) : NULL, *sha = at ? strchr(at, '\n') : NULL;
    char *commit = sha ? strchr(sha + 1, '\n') : NULL;
    if (!commit)
        return source_not_here(host, *o->ref ? o->ref : "the default branch", err);
    *sha++ = *commit++ = '\0';
    *c = (struct gs_choice){.name = at, .sha = sha, .commit = *commit ? commit : NULL};
    return check_sum(o, c, err);
}

/* A name may have moved since, but not for this build.  A commit that was only claimed for it is
 * not what the remote said. */
static bool
said_before(const struct tenon_source_info *before, const struct options *o,
            struct gs_choice *choice)
{
    const struct resolved *r = before ? before->cookie : NULL;

    if (!r || r->o.fetch_by_commit || strcmp(r->o.remote, o->remote) != 0 ||
        strcmp(r->o.ref, o->ref) != 0)
        return false;
    *choice = r->choice;
    return true;
}

static int
look_up(struct tenon_ctx *ctx, const struct options *o, const struct tenon_source_info *before,
        struct gs_choice *choice, struct tenon_error *err)
{
    const char *known = o->fetch_by_commit ? o->checksum : gs_is_sha(o->ref) ? o->ref : NULL;
    if (known) {
        *choice = (struct gs_choice){.sha = known};
        return check_sum(o, choice, err);
    }
    if (said_before(before, o, choice))
        return check_sum(o, choice, err);
    if (source_offline(http, ctx))
        return recall(ctx, o, choice, err);
    char *auth;
    struct gs_conn conn;
    int rc = authorization(ctx, o, &auth, err);
    if (rc < 0)
        return rc;
    conn_init(&conn, ctx, o, o->remote, auth, err);
    if (!tenon_has_prefix(o->remote, "http"))
        rc = enter(&conn); /* host keys are kept there */
    gs_memory_begin(&conn);
    if (rc == TENON_OK)
        rc = ask_remote(&conn, o, choice);
    gs_memory_end();
    leave(&conn);
    source_forget(&auth);
    return rc == TENON_OK ? remember(ctx, o, choice, err) : rc;
}

static const char *
key_of(struct tenon_ctx *ctx, const struct options *o, const struct gs_choice *c)
{
    auto_buf struct tenon_buf key = TENON_BUF_INIT;
    tenon_buf_adds(&key, c->commit && !o->keep_git_dir ? c->commit : c->sha);
    if (o->keep_git_dir)
        tenon_buf_addf(&key, ".git#%s %s", c->name ? c->name : c->sha, o->remote);
    if (*o->subdir)
        tenon_buf_addf(&key, ":%s", o->subdir);
    if (o->skip_submodules)
        tenon_buf_adds(&key, "(skip-submodules)");
    if (o->commit_time)
        tenon_buf_adds(&key, "(mtime-commit)");
    if (o->for_everybody)
        tenon_buf_adds(&key, "(0666)");
    return host->ctx->strdup(ctx, tenon_buf_str(&key));
}

static void
add_text(struct tenon_ctx *ctx, struct tenon_source_info *info, const char *name,
         const char *text)
{
    if (text && *text)
        source_add_fact(host, ctx, info, name, text, strlen(text));
}

/* As git hashes it, but for the head. */
static int
copy_object(struct gs_conn *conn, git_odb *odb, const git_object *object, const void **out,
            size_t *len)
{
    git_odb_object *raw = NULL;

    if (git_odb_read(&raw, odb, git_object_id(object)) < 0)
        return gs_conn_error(conn, "failed to read the commit of");
    *len = git_odb_object_size(raw);
    char *copy = host->ctx->alloc(conn->ctx, *len + 1);
    memcpy(copy, git_odb_object_data(raw), *len);
    git_odb_object_free(raw);
    *out = copy;
    return TENON_OK;
}

/* In the kept directory: the commit as it was signed and hashed, and the tag that leads to it. */
static int
copy_commit(struct gs_conn *conn, const struct gs_choice *choice, struct tenon_source_info *info)
{
    git_repository *repo = NULL;
    git_object *object = NULL, *commit = NULL;
    git_odb *odb = NULL;
    const void *tag = NULL;
    size_t len = 0;
    int rc = gs_store_open(conn, conn->keep_fd, &repo);
    if (rc == TENON_OK)
        rc = gs_remote_get(conn, repo, choice->sha, choice->name);
    if (rc == TENON_OK)
        rc = find_commit(conn, repo, choice->sha, &object, &commit);
    if (rc == TENON_OK && git_repository_odb(&odb, repo) < 0)
        rc = gs_conn_error(conn, "failed to read the commit of");
    if (rc == TENON_OK)
        rc = copy_object(conn, odb, commit, &info->object, &info->object_len);
    if (rc == TENON_OK && git_object_type(object) == GIT_OBJECT_TAG)
        rc = copy_object(conn, odb, object, &tag, &len);
    if (rc == TENON_OK && tag)
        source_add_fact(host, conn->ctx, info, "git.tag", tag, len);
    git_odb_free(odb);
    git_object_free(commit);
    git_object_free(object);
    git_repository_free(repo);
    return rc;
}

static int
give_commit(struct tenon_ctx *ctx, const struct options *o, const struct gs_choice *choice,
            struct tenon_source_info *info, struct tenon_error *err)
{
    struct gs_conn conn;
    char *auth;
    int rc = authorization(ctx, o, &auth, err);
    if (rc < 0)
        return rc;
    conn_init(&conn, ctx, o, o->remote, auth, err);
    rc = enter(&conn);
    gs_memory_begin(&conn);
    if (rc == TENON_OK)
        rc = copy_commit(&conn, choice, info);
    gs_memory_end();
    leave(&conn);
    source_forget(&auth);
    return rc;
}

static int
git_resolve(void *self, struct tenon_ctx *ctx, const struct tenon_source_request *req,
            struct tenon_source_info *info, struct tenon_error *err)
{
    (void)self;
    struct resolved *r = host->ctx->alloc(ctx, sizeof *r);
    struct gs_choice choice = {0};
    int rc = read_options(ctx, req, &r->o, err);
    if (rc == TENON_OK)
        rc = look_up(ctx, &r->o, req->before, &choice, err);
    if (rc == TENON_OK && is_true(req, "git.object"))
        rc = give_commit(ctx, &r->o, &choice, info, err);
    if (rc < 0)
        return rc;
    r->choice = choice;
    add_text(ctx, info, "git.ref", choice.name ? choice.name : r->o.ref);
    add_text(ctx, info, "git.commit", choice.commit);
    info->flags = TENON_SOURCE_TREE;
    info->key = key_of(ctx, &r->o, &choice);
    info->identifier = req->identifier;
    info->digest = choice.sha;
    info->cookie = r;
    return TENON_OK;
}

/* ---- fetch --------------------------------------------------------------- */

struct job { /* one repository to check out, the first or a submodule */
    const char *url, *ref, *sha, *subdir;
    int dirfd;
    unsigned depth;
};

struct fetching {
    const struct options *o;
    struct tenon_ctx *ctx;
    const char *auth;
    size_t submodules; /* so far */
    struct gs_spent spent;
    struct tenon_error *err;
};

/* Text of .gitmodules in the commit; "" when there is none, or it is a link. */
static int
read_modules(struct gs_conn *conn, git_repository *repo, git_commit *commit,
             struct tenon_buf *out)
{
    git_tree *tree = NULL;
    git_blob *blob = NULL;
    int rc = TENON_OK;
    if (git_commit_tree(&tree, commit) < 0)
        return gs_conn_error(conn, "failed to update submodules for");
    const git_tree_entry *e = git_tree_entry_byname(tree, ".gitmodules");
    if (e && git_tree_entry_type(e) == GIT_OBJECT_BLOB &&
        git_tree_entry_filemode(e) != GIT_FILEMODE_LINK) {
        if (git_blob_lookup(&blob, repo, git_tree_entry_id(e)) < 0)
            rc = gs_conn_error(conn, "failed to update submodules for");
        else if (git_blob_rawsize(blob) > MODULES_MAX)
            rc = host->error->set(conn->err, TENON_E_LIMIT, 0, ".gitmodules is too large");
        else
            tenon_buf_add(out, git_blob_rawcontent(blob), (size_t)git_blob_rawsize(blob));
    }
    git_blob_free(blob);
    git_tree_free(tree);
    return rc;
}

/* In the kept directory: get the commit, write its files. */
static int
check_out(struct fetching *f, struct gs_conn *conn, const struct job *job,
          struct gs_submodule_list *list, struct tenon_buf *modules)
{
    git_repository *repo = NULL;
    git_object *object = NULL, *commit = NULL;
    int rc = gs_store_open(conn, conn->keep_fd, &repo);
    if (rc == TENON_OK)
        rc = gs_remote_get(conn, repo, job->sha, job->ref);
    if (rc == TENON_OK)
        rc = find_commit(conn, repo, job->sha, &object, &commit);
    if (rc == TENON_OK) {
        struct gs_checkout c = {
            .repo = repo,
            .commit = (git_commit *)commit,
            .subdir = job->subdir,
            .commit_time = f->o->commit_time,
            .for_everybody = f->o->for_everybody,
            .spent = &f->spent,
        };
        rc = gs_checkout_files(conn, &c, job->dirfd, list);
        if (rc == TENON_OK && job->depth == 0 && f->o->keep_git_dir && !*job->subdir)
            rc = gs_checkout_gitdir(conn, &c, job->ref, job->sha, job->dirfd);
        if (rc == TENON_OK && list->len)
            rc = read_modules(conn, repo, c.commit, modules);
    }
    git_object_free(commit);
    git_object_free(object);
    git_repository_free(repo);
    return rc;
}

static int fetch_one(struct fetching *f, const struct job *job);

static int
fetch_submodules(struct fetching *f, const struct job *job, const struct gs_submodule_list *l,
                 const struct tenon_buf *modules)
{
    for (size_t i = 0; i < l->len; i++) {
        const struct gs_submodule_at *s = &l->items[i];
        auto_free char *url = gs_modules_url(tenon_buf_str(modules), modules->len, s->path);
        auto_free char *full = url ? gs_url_resolve(job->url, url) : NULL;
        if (!url)
            return host->error->set(f->err, TENON_E_NOT_FOUND, 0,
                                    "no url found for submodule path \"%s\" in .gitmodules",
                                    s->path);
        if (!full || !gs_conn_allowed(full))
            return host->error->set(f->err, TENON_E_DENIED, 0,
                                    "submodule \"%s\": \"%s\" is not an allowed address", s->path,
                                    url);
        if (++f->submodules > SUBMODULES_MAX || job->depth == SUBMODULE_DEPTH_MAX)
            return host->error->set(f->err, TENON_E_LIMIT, 0, "too many submodules");
        const struct job below = {full, NULL, s->sha, "", s->dirfd, job->depth + 1};
        if (fetch_one(f, &below) < 0)
            return host->error->context(f->err, "submodule \"%s\"", s->path);
    }
    return TENON_OK;
}

/* Submodules come when the directory has been left: a build that holds two could wait for one
 * that waits for it. */
static int
fetch_one(struct fetching *f, const struct job *job)
{
    struct gs_conn conn;
    struct gs_submodule_list list = {0};
    auto_buf struct tenon_buf modules = TENON_BUF_INIT;
    conn_init(&conn, f->ctx, f->o, job->url, f->auth, f->err);
    int rc = enter(&conn);
    gs_memory_begin(&conn);
    if (rc == TENON_OK)
        rc = check_out(f, &conn, job, &list, &modules);
    gs_memory_end();
    leave(&conn);
    if (rc == TENON_OK && !f->o->skip_submodules)
        rc = fetch_submodules(f, job, &list, &modules);
    gs_submodule_list_release(&list);
    return rc;
}

static int
git_fetch(void *self, struct tenon_ctx *ctx, const struct tenon_source_request *req,
          const struct tenon_source_info *info, int dest_dirfd, struct tenon_error *err)
{
    (void)self, (void)req;
    const struct resolved *r = info->cookie;
    char *auth;
    int rc = authorization(ctx, &r->o, &auth, err);
    if (rc < 0)
        return rc;
    struct fetching f = {.o = &r->o, .ctx = ctx, .auth = auth, .err = err};
    const struct job job = {r->o.remote, r->choice.name, r->choice.sha, r->o.subdir, dest_dirfd, 0};
    rc = fetch_one(&f, &job);
    source_forget(&auth);
    return rc;
}

static const char *const schemes[] = {"git", NULL};

static const struct tenon_source_ops ops = {
    .struct_size = sizeof ops,
    .schemes = schemes,
    .resolve = git_resolve,
    .fetch = git_fetch,
};

static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_SOURCE),
    .threads = TENON_THREADS_PARALLEL,
    .key_policy = TENON_KEY_OPTIONS,
    .key_epoch = 1,
    .name = "git",
    .version = "1.0",
    .summary = "commits of git repositories",
    .init = git_init,
    .fini = git_fini,
    .ops.source = &ops,
};
TENON_PLUGIN_EXPORT(source_git, plugin);
