/* source-git/remote.c - see remote.h. */
#include "remote.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"
#include "tools/conceal.h"

#define REFS_MAX 2000000

static void
free_remote(git_remote **r)
{
    git_remote_free(*r);
}
#define auto_remote __attribute__((cleanup(free_remote)))

/* The transport failed, and what it found helps. */
static int
list_files(struct gs_conn *conn, const struct gs_ref **refs, size_t *count, const char **head)
{
    auto_free char *shown = tenon_url_conceal(conn->url);

    conn->failed = false;
    if (gs_dumb_list(conn, refs, count, head) < 0)
        return conn->host->error->context(conn->err, "failed to fetch remote %s", shown);
    return TENON_OK;
}

int
gs_remote_list(struct gs_conn *conn, const struct gs_ref **refs, size_t *count,
                const char **head)
{
    git_remote *remote auto_remote = NULL;
    git_remote_connect_options o;
    git_remote_connect_options_init(&o, GIT_REMOTE_CONNECT_OPTIONS_VERSION);
    const git_remote_head **heads = NULL;
    size_t n = 0;
    gs_conn_callbacks(conn, &o.callbacks);
    if (git_remote_create_detached(&remote, conn->url) < 0 ||
        git_remote_connect_ext(remote, GIT_DIRECTION_FETCH, &o) < 0 ||
        git_remote_ls(&heads, &n, remote) < 0)
        return conn->dumb ? list_files(conn, refs, count, head)
                          : gs_conn_error(conn, "failed to fetch remote");
    if (n > REFS_MAX)
        return conn->host->error->set(conn->err, TENON_E_LIMIT, 0, "remote has too many refs");
    struct gs_ref *list = conn->host->ctx->alloc(conn->ctx, (n + 1) * sizeof *list);
    *head = NULL;
    for (size_t i = 0; i < n; i++) {
        char sha[GIT_OID_HEXSZ + 1];
        git_oid_tostr(sha, sizeof sha, &heads[i]->oid);
        list[i].name = conn->host->ctx->strdup(conn->ctx, heads[i]->name);
        list[i].sha = conn->host->ctx->strdup(conn->ctx, sha);
        if (!strcmp(heads[i]->name, "HEAD") && heads[i]->symref_target)
            *head = conn->host->ctx->strdup(conn->ctx, heads[i]->symref_target);
    }
    *refs = list;
    *count = n;
    git_remote_disconnect(remote);
    return TENON_OK;
}

int
gs_store_open(struct gs_conn *conn, int dirfd, git_repository **out)
{
    auto_free char *path = tenon_asprintf("/proc/self/fd/%d", dirfd);
    if (git_repository_open_bare(out, path) == 0)
        return TENON_OK;
    /* New, or a process died while it was made: making goes on from there. */
    if (git_repository_init(out, path, 1) < 0)
        return gs_conn_error(conn, "make a repository for");
    return TENON_OK;
}

static bool
has(git_repository *repo, const git_oid *id)
{
    git_object *o = NULL, *commit = NULL;
    bool there = git_object_lookup(&o, repo, id, GIT_OBJECT_ANY) == 0 &&
                 git_object_peel(&commit, o, GIT_OBJECT_COMMIT) == 0;
    git_object_free(commit);
    git_object_free(o);
    return there;
}

/* Refs tell the remote what is here, so that the next fetch gets only the difference.  A hint:
 * without it all is right, but slower. */
static void
mark(git_repository *repo, int dirfd, const git_oid *id)
{
    char sha[GIT_OID_HEXSZ + 1];
    git_reference *ref = NULL;
    git_oid_tostr(sha, sizeof sha, id);
    auto_free char *name = tenon_asprintf("refs/tenon/%s", sha);
    auto_free char *stale = tenon_asprintf("%s.lock", name);
    unlinkat(dirfd, stale, 0); /* of one that died: the directory is ours alone */
    git_reference_create(&ref, repo, name, id, 1, NULL);
    git_reference_free(ref);
}

static int
download(git_remote *remote, struct gs_conn *conn, const char *const *specs, size_t count)
{
    git_fetch_options o;
    git_fetch_options_init(&o, GIT_FETCH_OPTIONS_VERSION);
    const git_strarray list = {(char **)specs, count};
    gs_conn_callbacks(conn, &o.callbacks);
    o.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE;
    o.update_fetchhead = 0;
    return git_remote_download(remote, &list, &o);
}

static int
get_files(struct gs_conn *conn, git_repository *repo, const git_oid *id)
{
    auto_free char *shown = tenon_url_conceal(conn->url);

    conn->failed = false;
    if (gs_dumb_get(conn, repo, id) < 0)
        return conn->host->error->context(conn->err, "failed to fetch remote %s", shown);
    conn->host->progress->status_done(conn->ctx, "receiving objects");
    return TENON_OK;
}

int
gs_remote_get(struct gs_conn *conn, git_repository *repo, const char *sha, const char *ref)
{
    git_remote *remote auto_remote = NULL;
    git_oid id;
    if (strlen(sha) != GS_SHA_LEN || git_oid_fromstr(&id, sha) < 0)
        return conn->host->error->set(conn->err, TENON_E_UNSUPPORTED, 0,
                                      "repositories with SHA-256 names are not supported");
    const bool begun = has(repo, &id);
    if (begun && gs_dumb_is_whole(conn, repo, &id))
        return TENON_OK;
    if (begun)
        gs_dumb_forget(conn, repo, &id);
    const bool stays = begun && has(repo, &id); /* in a pack */
    if (git_remote_create_anonymous(&remote, repo, conn->url) < 0)
        return gs_conn_error(conn, "failed to fetch remote");

    /* From the cheapest to the surest; the ref may have moved on meanwhile. */
    auto_free char *one = tenon_asprintf("+%s:refs/tenon/fetch", ref ? ref : "");
    const char *const by_ref[] = {one};
    const char *const by_sha[] = {sha};
    const char *const all[] = {"+refs/heads/*:refs/tenon/heads/*",
                               "+refs/tags/*:refs/tenon/tags/*"};
    int rc = -1;
    if (ref)
        rc = download(remote, conn, by_ref, 1);
    if (!conn->failed && (!has(repo, &id) || (stays && !ref)))
        rc = download(remote, conn, by_sha, 1); /* servers may refuse this */
    if (!conn->failed && !has(repo, &id))
        rc = download(remote, conn, all, 2);
    if (conn->dumb)
        return get_files(conn, repo, &id);
    if (rc < 0 || conn->failed)
        return gs_conn_error(conn, "failed to fetch remote");
    conn->host->progress->status_done(conn->ctx, "receiving objects");
    if (!has(repo, &id)) {
        auto_free char *shown = tenon_url_conceal(conn->url);
        return conn->host->error->set(conn->err, TENON_E_NOT_FOUND, 0,
                                      "%s: commit %s is not in the repository", shown, sha);
    }
    if (stays && !gs_dumb_is_whole(conn, repo, &id)) {
        auto_free char *shown = tenon_url_conceal(conn->url);
        conn->host->error->set(conn->err, TENON_E_CORRUPT, 0,
                               "%s: what is kept of commit %s is not all of it", shown, sha);
        conn->host->error->hint(conn->err, "tenon prune removes what is kept");
        return TENON_E_CORRUPT;
    }
    mark(repo, conn->keep_fd, &id);
    return TENON_OK;
}
