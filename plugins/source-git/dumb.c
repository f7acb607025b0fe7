/* source-git/dumb.c - git's dumb HTTP protocol (gitprotocol-http(5)): the files of a repository,
 * from a server that knows nothing of git.
 *
 * What libgit2 has no transport for.  Of a commit we get what its files need, no parents: such a
 * commit is not whole for git, so refs never name it (see mark() in remote.c), and that all of it
 * is here is a note of ours. */
#include <errno.h>
#include <fcntl.h>
#include <git2/sys/odb_backend.h>
#include <git2/sys/repository.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uthash.h>

#include "checkout.h"
#include "remote.h"
#include "tools/alloc.h"
#include "tools/buf.h"

#define INCOMING "incoming" /* a file on its way, in the kept directory */
#define NOTES "dumb"        /* a directory there: names of commits that are whole, and of packs */
#define LIST_MAX ((uint64_t)64 << 20) /* of refs, of packs */
#define CHUNK 65536

struct seen { /* a tree whose all is here: it may be in others many times over */
    git_oid id;
    UT_hash_handle hh;
};

struct dumb { /* one commit */
    struct gs_conn *conn;
    git_repository *repo;
    git_odb *odb;
    bool listed;             /* the server's packs: */
    struct tenon_buf packs;  /* a line each, */
    size_t next_pack;        /* from where on they have not been looked at */
    bool at_home; /* nobody is asked for what is not here, nor told of it */
    uint64_t objects, bytes;
    struct seen *trees;
};

/* ---- files of the server ----------------------------------------------------------- */

/* Into fd, which is at its beginning then; the status, or negative. */
static int
get(struct gs_conn *conn, const char *path, uint64_t most, int fd)
{
    static const char *const headers[] = {"User-Agent: git/2.0 (tenon)", NULL};
    auto_free char *url = tenon_asprintf("%s/%s", conn->dumb, path);
    struct tenon_fetch f = {
        .struct_size = sizeof f,
        .method = "GET",
        .url = url,
        .headers = headers,
        .authorization = gs_url_same_origin(url, conn->url) ? conn->authorization : NULL,
        .most = most,
    };
    struct tenon_fetch_answer answer = {.struct_size = sizeof answer};
    int rc = conn->http->fetch(conn->ctx, &f, fd, &answer, conn->err);

    if (rc < 0)
        return rc;
    if (answer.status != 200 && answer.status != 404)
        return conn->host->error->set(conn->err, TENON_E_FAILED, 0, "invalid response status %d",
                                      answer.status);
    if (lseek(fd, 0, SEEK_SET) < 0)
        return conn->host->error->set(conn->err, TENON_E_FAILED, errno, "read %s", path);
    return answer.status;
}

static int
read_all(struct gs_conn *conn, int fd, struct tenon_buf *out)
{
    char chunk[4096];
    ssize_t n;

    while ((n = read(fd, chunk, sizeof chunk)) > 0 && out->len <= LIST_MAX)
        tenon_buf_add(out, chunk, (size_t)n);
    if (n < 0)
        return conn->host->error->set(conn->err, TENON_E_FAILED, errno, "read the answer");
    return TENON_OK;
}

/* A file of text; one that is not there is empty. */
static int
get_text(struct gs_conn *conn, const char *path, struct tenon_buf *out)
{
    auto_close int fd = conn->host->blobs->create(conn->ctx, conn->err);
    int rc = fd < 0 ? fd : get(conn, path, LIST_MAX, fd);

    if (rc < 0)
        return rc;
    return rc == 200 ? read_all(conn, fd, out) : TENON_OK;
}

/* ---- what there is ------------------------------------------------------------------- */

struct list {
    struct gs_conn *conn;
    struct gs_ref *refs;
    size_t count, room;
};

static void
add(struct list *l, const char *name, const char *sha)
{
    const struct tenon_host *host = l->conn->host;

    if (l->count == l->room) {
        l->room = l->room ? l->room * 2 : 16;
        l->refs = tenon_reallocarray(l->refs, l->room, sizeof *l->refs);
    }
    l->refs[l->count++] = (struct gs_ref){host->ctx->strdup(l->conn->ctx, name),
                                          host->ctx->strdup(l->conn->ctx, sha)};
}

/* "NAME-OF-OBJECT<tab>NAME-OF-REF" each. */
static bool
read_refs(struct list *l, char *text)
{
    for (char *next, *line = text; *line; line = next) {
        next = line + strcspn(line, "\n");
        if (*next)
            *next++ = '\0';
        char *tab = strchr(line, '\t');
        if (!tab)
            return false;
        *tab = '\0';
        if (!gs_is_sha(line))
            return false;
        add(l, tab + 1, line);
    }
    return true;
}

/* "ref: NAME", or the name of a commit. */
static void
read_head(struct list *l, char *text, const char **head)
{
    text[strcspn(text, "\r\n")] = '\0';
    if (gs_is_sha(text)) {
        add(l, "HEAD", text);
        return;
    }
    if (!tenon_has_prefix(text, "ref: "))
        return;
    text += strlen("ref: ");
    for (size_t i = 0; i < l->count; i++)
        if (!strcmp(l->refs[i].name, text)) {
            *head = l->refs[i].name;
            add(l, "HEAD", l->refs[i].sha);
            return;
        }
}

int
gs_dumb_list(struct gs_conn *conn, const struct gs_ref **refs, size_t *count, const char **head)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT, which = TENON_BUF_INIT;
    struct list l = {.conn = conn};
    int rc = get_text(conn, "info/refs", &text);

    *head = NULL;
    if (rc == TENON_OK)
        rc = get_text(conn, "HEAD", &which);
    tenon_buf_addc(&text, '\0');
    tenon_buf_addc(&which, '\0');
    if (rc == TENON_OK && !read_refs(&l, text.data))
        rc = conn->host->error->set(conn->err, TENON_E_UNSUPPORTED, 0,
                                    "the server speaks neither of git's HTTP protocols");
    if (rc == TENON_OK) {
        read_head(&l, which.data, head);
        struct gs_ref *kept = conn->host->ctx->alloc(conn->ctx, (l.count + 1) * sizeof *kept);
        if (l.count)
            memcpy(kept, l.refs, l.count * sizeof *kept);
        *refs = kept;
        *count = l.count;
    }
    free(l.refs);
    return rc;
}

/* ---- objects ------------------------------------------------------------------------- */

static int
refuse(struct dumb *d, const char *what, const git_oid *id)
{
    char sha[GIT_OID_HEXSZ + 1];

    if (d->at_home)
        return TENON_E_NOT_FOUND;
    if (d->conn->refused_bytes) /* it is whole: we did not want to read it */
        return gs_conn_too_large(d->conn);
    git_oid_tostr(sha, sizeof sha, id);
    return d->conn->host->error->set(d->conn->err, TENON_E_CORRUPT, 0, "object %s %s", sha, what);
}

/* What this commit may still take of what the limits give to a pack. */
static int
spend(struct dumb *d, int fd)
{
    struct gs_conn *conn = d->conn;
    struct stat st;

    if (fstat(fd, &st) < 0)
        return conn->host->error->set(conn->err, TENON_E_FAILED, errno, "look at what arrived");
    d->bytes += (uint64_t)st.st_size;
    if (++d->objects > conn->limits->get(conn->ctx, "git-objects"))
        return conn->limits->exceeded(conn->ctx, "git-objects", conn->err, "%llu objects",
                                      (unsigned long long)d->objects);
    if (d->bytes > conn->limits->get(conn->ctx, "git-pack"))
        return conn->limits->exceeded(conn->ctx, "git-pack", conn->err, "%llu bytes of objects",
                                      (unsigned long long)d->bytes);
    conn->host->progress->status(conn->ctx, "receiving objects", (int64_t)d->bytes, 0);
    return TENON_OK;
}

/* What the next file may have, so that a disk is not full before the limit is looked at. */
static uint64_t
left(const struct dumb *d)
{
    const uint64_t most = d->conn->limits->get(d->conn->ctx, "git-pack");

    return most > d->bytes ? most - d->bytes : 1; /* 0 would be: as much as there is */
}

/* A file of the kept directory, empty, for what arrives. */
static int
incoming(struct dumb *d)
{
    int fd = openat(d->conn->keep_fd, INCOMING,
                    O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

    return fd >= 0 ? fd : d->conn->host->error->set(d->conn->err, TENON_E_FAILED, errno,
                                                    "write what arrives");
}

/* libgit2 reads what it was told the name of: it has to be that. */
static int
check(struct dumb *d, const git_oid *id, const char *path)
{
    git_odb_object *o = NULL;

    if (git_odb_read(&o, d->odb, id) < 0) {
        unlinkat(d->conn->keep_fd, path, 0);
        return refuse(d, "is broken", id);
    }
    git_odb_object_free(o);
    return TENON_OK;
}

/* 1 when it is here now, 0 when it is no file of its own there. */
static int
get_loose(struct dumb *d, const git_oid *id)
{
    struct gs_conn *conn = d->conn;
    char sha[GIT_OID_HEXSZ + 1];

    git_oid_tostr(sha, sizeof sha, id);
    auto_free char *dir = tenon_asprintf("objects/%.2s", sha);
    auto_free char *path = tenon_asprintf("%s/%s", dir, sha + 2);
    auto_close int fd = incoming(d);
    int rc = fd < 0 ? fd : get(conn, path, left(d), fd);
    if (rc < 0 || rc == 404)
        return rc < 0 ? rc : 0;
    rc = spend(d, fd);
    if (rc < 0)
        return rc;
    if ((mkdirat(conn->keep_fd, dir, 0755) < 0 && errno != EEXIST) || fchmod(fd, 0444) < 0 ||
        renameat(conn->keep_fd, INCOMING, conn->keep_fd, path) < 0)
        return conn->host->error->set(conn->err, TENON_E_FAILED, errno, "write %s", path);
    rc = check(d, id, path);
    return rc < 0 ? rc : 1;
}

static int
index_pack(struct dumb *d, int fd)
{
    git_odb_writepack *pack = NULL;
    git_indexer_progress progress = {0};
    auto_free char *chunk = tenon_calloc(1, CHUNK);
    ssize_t n = 0;
    int rc = git_odb_write_pack(&pack, d->odb, gs_conn_progress, d->conn);

    while (rc == 0 && (n = read(fd, chunk, CHUNK)) > 0)
        rc = pack->append(pack, chunk, (size_t)n, &progress);
    if (rc == 0)
        rc = n < 0 ? -1 : pack->commit(pack, &progress);
    if (pack)
        pack->free(pack);
    return rc < 0 ? gs_conn_error(d->conn, "failed to fetch remote") : TENON_OK;
}

static void
note(struct gs_conn *conn, const char *name)
{
    auto_free char *path = tenon_asprintf("%s/%s", NOTES, name);
    auto_close int fd =
        openat(conn->keep_fd, path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
    (void)fd; /* a hint: without it what is missing is looked for again */
}

static bool
is_pack_name(const char *s)
{
    return tenon_has_prefix(s, "pack-") && !strchr(s, '/') && strlen(s) < 128;
}

/* The name of a pack is that of what is in it: one that was got, by an earlier commit as well, is
 * here. */
static int
get_pack(struct dumb *d, const char *name)
{
    auto_free char *path = tenon_asprintf("objects/pack/%s", name);
    auto_free char *noted = tenon_asprintf("%s/%s", NOTES, name);
    if (faccessat(d->conn->keep_fd, noted, F_OK, 0) == 0)
        return TENON_OK;
    auto_close int fd = incoming(d);
    int rc = fd < 0 ? fd : get(d->conn, path, left(d), fd);
    if (rc < 0 || rc == 404) /* packed anew since the list was made */
        return rc < 0 ? rc : TENON_OK;
    rc = spend(d, fd);
    if (rc == TENON_OK)
        rc = index_pack(d, fd);
    if (rc == TENON_OK)
        note(d->conn, name);
    return rc;
}

/* Which objects are in which one only their indexes say: one after the other, until it is here. */
static int
get_packs(struct dumb *d, const git_oid *id)
{
    int rc = d->listed ? TENON_OK : get_text(d->conn, "objects/info/packs", &d->packs);

    if (!d->listed)
        tenon_buf_addc(&d->packs, '\0');
    d->listed = true;
    while (rc == TENON_OK && d->packs.data[d->next_pack] && !git_odb_exists(d->odb, id)) {
        char *line = d->packs.data + d->next_pack;
        const size_t len = strcspn(line, "\n");
        d->next_pack += len + (line[len] != '\0');
        line[len] = '\0';
        if (tenon_has_prefix(line, "P ") && is_pack_name(line + 2))
            rc = get_pack(d, line + 2);
    }
    return rc;
}

static int
need(struct dumb *d, const git_oid *id)
{
    struct gs_conn *conn = d->conn;
    int rc;

    if (conn->host->ctx->cancelled(conn->ctx))
        return d->at_home ? TENON_E_CANCELLED
                          : conn->host->error->set(conn->err, TENON_E_CANCELLED, 0, "cancelled");
    if (git_odb_exists(d->odb, id))
        return TENON_OK;
    rc = d->at_home ? TENON_E_NOT_FOUND : get_loose(d, id);
    if (rc == 0)
        rc = get_packs(d, id);
    if (rc < 0)
        return rc;
    return git_odb_exists(d->odb, id) ? TENON_OK : refuse(d, "is not in the repository", id);
}

static void
keep_in_mind(struct dumb *d, const git_oid *id)
{
    struct seen *s = tenon_calloc(1, sizeof *s);

    s->id = *id;
    HASH_ADD(hh, d->trees, id, sizeof s->id, s);
}

static void
forget_trees(struct dumb *d)
{
    struct seen *s, *next;

    HASH_ITER(hh, d->trees, s, next) {
        HASH_DEL(d->trees, s);
        free(s);
    }
}

static int need_tree(struct dumb *d, const git_oid *id, unsigned depth);

static int
need_entries(struct dumb *d, const git_tree *tree, unsigned depth)
{
    const size_t n = git_tree_entrycount(tree);
    int rc = TENON_OK;

    for (size_t i = 0; i < n && rc == TENON_OK; i++) {
        const git_tree_entry *e = git_tree_entry_byindex(tree, i);
        const git_object_t type = git_tree_entry_type(e);
        if (type == GIT_OBJECT_TREE)
            rc = need_tree(d, git_tree_entry_id(e), depth + 1);
        else if (type == GIT_OBJECT_BLOB)
            rc = need(d, git_tree_entry_id(e));
    }
    return rc;
}

static int
need_tree(struct dumb *d, const git_oid *id, unsigned depth)
{
    git_tree *tree = NULL;
    struct seen *seen;

    HASH_FIND(hh, d->trees, id, sizeof *id, seen);
    const int there = seen ? TENON_OK : need(d, id);
    if (seen || there < 0)
        return there;
    if (depth > GS_DEPTH_MAX)
        return d->at_home ? TENON_E_LIMIT
                          : d->conn->host->error->set(d->conn->err, TENON_E_LIMIT, 0,
                                                      "directories are nested too deep");
    if (git_tree_lookup(&tree, d->repo, id) < 0)
        return refuse(d, "is no directory", id);
    const int rc = need_entries(d, tree, depth);
    git_tree_free(tree);
    if (rc == TENON_OK)
        keep_in_mind(d, id);
    return rc;
}

/* A commit, or tags that lead to one. */
static int
need_commit(struct dumb *d, const git_oid *id)
{
    git_object *o = NULL;
    git_oid at = *id;
    int rc = TENON_OK;

    for (unsigned depth = 0; rc == TENON_OK; depth++) {
        git_object_free(o);
        o = NULL;
        rc = need(d, &at);
        if (rc == TENON_OK &&
            (depth > GS_DEPTH_MAX || git_object_lookup(&o, d->repo, &at, GIT_OBJECT_ANY) < 0))
            rc = refuse(d, "cannot be read", &at);
        if (rc < 0 || git_object_type(o) != GIT_OBJECT_TAG)
            break;
        at = *git_tag_target_id((const git_tag *)o);
    }
    if (rc == TENON_OK && git_object_type(o) == GIT_OBJECT_COMMIT)
        rc = need_tree(d, git_commit_tree_id((const git_commit *)o), 0);
    else if (rc == TENON_OK)
        rc = refuse(d, "is no commit", &at);
    git_object_free(o);
    return rc;
}

static bool
is_noted(const struct gs_conn *conn, const char *sha)
{
    auto_free char *path = tenon_asprintf("%s/%s", NOTES, sha);
    auto_free char *ref = tenon_asprintf("refs/tenon/%s", sha);

    return faccessat(conn->keep_fd, NOTES, F_OK, 0) < 0 ||
           faccessat(conn->keep_fd, path, F_OK, 0) == 0 ||
           faccessat(conn->keep_fd, ref, F_OK, 0) == 0;
}

/* A pack brings commits that nobody asked for, and a fetch that was given up has a beginning. */
bool
gs_dumb_is_whole(struct gs_conn *conn, git_repository *repo, const git_oid *id)
{
    struct dumb d = {.conn = conn, .repo = repo, .at_home = true};
    char sha[GIT_OID_HEXSZ + 1];

    git_oid_tostr(sha, sizeof sha, id);
    if (is_noted(conn, sha))
        return true;
    if (git_repository_odb(&d.odb, repo) < 0)
        return false;
    const int rc = need_commit(&d, id);
    forget_trees(&d);
    git_odb_free(d.odb);
    if (rc == TENON_OK)
        note(conn, sha);
    return rc == TENON_OK;
}

void
gs_dumb_forget(const struct gs_conn *conn, git_repository *repo, const git_oid *id)
{
    char sha[GIT_OID_HEXSZ + 1];

    git_oid_tostr(sha, sizeof sha, id);
    auto_free char *path = tenon_asprintf("objects/%.2s/%s", sha, sha + 2);
    unlinkat(conn->keep_fd, path, 0);
    git_repository__cleanup(repo); /* what it remembers of it */
}

int
gs_dumb_get(struct gs_conn *conn, git_repository *repo, const git_oid *id)
{
    struct dumb d = {.conn = conn, .repo = repo};
    char sha[GIT_OID_HEXSZ + 1];

    git_oid_tostr(sha, sizeof sha, id);
    if (mkdirat(conn->keep_fd, NOTES, 0755) < 0 && errno != EEXIST)
        return conn->host->error->set(conn->err, TENON_E_FAILED, errno, "make a directory for");
    if (git_repository_odb(&d.odb, repo) < 0)
        return gs_conn_error(conn, "failed to fetch remote");
    const int rc = need_commit(&d, id);
    forget_trees(&d);
    tenon_buf_release(&d.packs);
    git_odb_free(d.odb);
    unlinkat(conn->keep_fd, INCOMING, 0);
    if (rc == TENON_OK)
        note(conn, sha);
    return rc;
}
