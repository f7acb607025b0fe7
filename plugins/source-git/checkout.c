/* source-git/checkout.c - see checkout.h.
 *
 * Not libgit2's checkout: it works by paths and needs a work tree that is the
 * repository's; a fresh directory can be filled on descriptors alone. */
#include "checkout.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "tools/buf.h"

#define DEPTH_MAX 1000

struct walk {
    struct gs_conn *conn;
    const struct gs_checkout *c;
    struct gs_submodule_list *submodules;
    struct timespec times[2];
    struct tenon_buf path; /* in the commit's tree, of what is worked on */
};

void
gs_submodule_list_release(struct gs_submodule_list *l)
{
    for (size_t i = 0; i < l->len; i++) {
        free(l->items[i].path);
        free(l->items[i].sha);
        if (l->items[i].dirfd >= 0)
            close(l->items[i].dirfd);
    }
    free(l->items);
    *l = (struct gs_submodule_list){0};
}

static int
failed(struct walk *w, const char *what)
{
    return w->conn->host->error(w->conn->err, TENON_E_FAILED, errno, "%s \"%s\"", what,
                                tenon_buf_str(&w->path));
}

static bool
name_ok(const char *name)
{
    return *name && !strchr(name, '/') && strcmp(name, ".") && strcmp(name, "..") &&
           strcasecmp(name, ".git") != 0;
}

/* ---- files ----------------------------------------------------------------------- */

static int
write_all(int fd, const char *p, size_t len)
{
    while (len) {
        ssize_t n = write(fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

static int
write_file(struct walk *w, git_blob *blob, bool attributes, mode_t mode, int dirfd,
           const char *name)
{
    git_buf filtered = GIT_BUF_INIT;
    const char *data = git_blob_rawcontent(blob);
    size_t len = (size_t)git_blob_rawsize(blob);
    if (attributes) {
        git_blob_filter_options o;
        git_blob_filter_options_init(&o, GIT_BLOB_FILTER_OPTIONS_VERSION);
        o.flags = GIT_BLOB_FILTER_CHECK_FOR_BINARY | GIT_BLOB_FILTER_NO_SYSTEM_ATTRIBUTES |
                  GIT_BLOB_FILTER_ATTRIBUTES_FROM_COMMIT;
        o.attr_commit_id = *git_commit_id(w->c->commit);
        if (git_blob_filter(&filtered, blob, tenon_buf_str(&w->path), &o) < 0)
            return gs_conn_error(w->conn, "failed to checkout remote");
        data = filtered.ptr;
        len = filtered.size;
    }
    auto_close int fd =
        openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    int rc = TENON_OK;
    if (fd < 0 || write_all(fd, data, len) < 0 || fchmod(fd, mode) < 0 ||
        (w->c->commit_time && futimens(fd, w->times) < 0))
        rc = failed(w, "write");
    git_buf_dispose(&filtered);
    return rc;
}

static int
write_link(struct walk *w, git_blob *blob, int dirfd, const char *name)
{
    size_t len = (size_t)git_blob_rawsize(blob);
    auto_free char *target = tenon_strndup(git_blob_rawcontent(blob), len);
    if (!len || strlen(target) != len)
        return w->conn->host->error(w->conn->err, TENON_E_INVALID, 0,
                                    "invalid symbolic link \"%s\"", tenon_buf_str(&w->path));
    if (symlinkat(target, dirfd, name) < 0 ||
        (w->c->commit_time && utimensat(dirfd, name, w->times, AT_SYMLINK_NOFOLLOW) < 0))
        return failed(w, "make link");
    return TENON_OK;
}

static int
write_blob(struct walk *w, const git_tree_entry *e, bool attributes, int dirfd)
{
    git_blob *blob = NULL;
    git_filemode_t mode = git_tree_entry_filemode(e);
    const char *name = git_tree_entry_name(e);
    if (git_blob_lookup(&blob, w->c->repo, git_tree_entry_id(e)) < 0)
        return gs_conn_error(w->conn, "failed to checkout remote");
    int rc = mode == GIT_FILEMODE_LINK
                 ? write_link(w, blob, dirfd, name)
                 : write_file(w, blob, attributes,
                              mode == GIT_FILEMODE_BLOB_EXECUTABLE ? 0755 : 0644, dirfd, name);
    git_blob_free(blob);
    return rc;
}

/* ---- directories --------------------------------------------------------- */

static int
make_dir(struct walk *w, int dirfd, const char *name)
{
    if (mkdirat(dirfd, name, 0755) < 0)
        return failed(w, "make directory");
    int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && fchmod(fd, 0755) == 0)
        return fd;
    int rc = failed(w, "make directory");
    if (fd >= 0)
        close(fd);
    return rc;
}

static void
note_submodule(struct walk *w, const git_tree_entry *e, int fd)
{
    struct gs_submodule_list *l = w->submodules;
    char sha[GIT_OID_HEXSZ + 1];
    git_oid_tostr(sha, sizeof sha, git_tree_entry_id(e));
    l->items = tenon_reallocarray(l->items, l->len + 1, sizeof *l->items);
    l->items[l->len++] =
        (struct gs_submodule_at){tenon_strdup(tenon_buf_str(&w->path)), tenon_strdup(sha), fd};
}

static int write_tree(struct walk *w, const git_oid *id, bool attributes, int dirfd,
                      unsigned depth);

static int
write_entry(struct walk *w, const git_tree_entry *e, bool attributes, int dirfd, unsigned depth)
{
    const char *name = git_tree_entry_name(e);
    if (w->conn->host->cancelled(w->conn->ctx))
        return w->conn->host->error(w->conn->err, TENON_E_CANCELLED, 0, "cancelled");
    if (!name_ok(name))
        return w->conn->host->error(w->conn->err, TENON_E_INVALID, 0, "invalid path \"%s\"",
                                    tenon_buf_str(&w->path));
    git_object_t type = git_tree_entry_type(e);
    if (type == GIT_OBJECT_BLOB)
        return write_blob(w, e, attributes, dirfd);
    if (type == GIT_OBJECT_COMMIT) {
        int sub = make_dir(w, dirfd, name);
        if (sub >= 0)
            note_submodule(w, e, sub);
        return sub < 0 ? sub : TENON_OK;
    }
    if (type != GIT_OBJECT_TREE)
        return w->conn->host->error(w->conn->err, TENON_E_INVALID, 0,
                                    "unknown kind of entry \"%s\"", tenon_buf_str(&w->path));
    auto_close int fd = make_dir(w, dirfd, name);
    if (fd < 0)
        return fd;
    int rc = write_tree(w, git_tree_entry_id(e), attributes, fd, depth + 1);
    if (rc == TENON_OK && w->c->commit_time && futimens(fd, w->times) < 0)
        rc = failed(w, "set time of");
    return rc;
}

/* attributes: a directory above has a .gitattributes. */
static int
write_tree(struct walk *w, const git_oid *id, bool attributes, int dirfd, unsigned depth)
{
    git_tree *tree = NULL;
    if (depth > DEPTH_MAX)
        return w->conn->host->error(w->conn->err, TENON_E_LIMIT, 0,
                                    "directories are nested too deep");
    if (git_tree_lookup(&tree, w->c->repo, id) < 0)
        return gs_conn_error(w->conn, "failed to checkout remote");
    attributes = attributes || git_tree_entry_byname(tree, ".gitattributes");
    size_t here = w->path.len, n = git_tree_entrycount(tree);
    int rc = TENON_OK;
    for (size_t i = 0; i < n && rc == TENON_OK; i++) {
        const git_tree_entry *e = git_tree_entry_byindex(tree, i);
        if (here)
            tenon_buf_addc(&w->path, '/');
        tenon_buf_adds(&w->path, git_tree_entry_name(e));
        rc = write_entry(w, e, attributes, dirfd, depth);
        tenon_buf_truncate(&w->path, here);
    }
    git_tree_free(tree);
    return rc;
}

int
gs_checkout_files(struct gs_conn *conn, const struct gs_checkout *c, int dirfd,
                   struct gs_submodule_list *submodules)
{
    struct walk w = {.conn = conn, .c = c, .submodules = submodules};
    git_oid id = *git_commit_tree_id(c->commit);
    w.times[0].tv_sec = w.times[1].tv_sec = (time_t)git_commit_time(c->commit);
    bool attributes = false;
    if (*c->subdir) {
        git_tree *tree = NULL;
        git_tree_entry *e = NULL;
        bool found = git_tree_lookup(&tree, c->repo, &id) == 0 &&
                     git_tree_entry_bypath(&e, tree, c->subdir) == 0 &&
                     git_tree_entry_type(e) == GIT_OBJECT_TREE;
        if (found)
            id = *git_tree_entry_id(e);
        git_tree_entry_free(e);
        git_tree_free(tree);
        if (!found)
            return conn->host->error(conn->err, TENON_E_NOT_FOUND, 0,
                                     "failed to open subdir %s: no such file or directory",
                                     c->subdir);
        tenon_buf_adds(&w.path, c->subdir);
        attributes = true; /* one above may have some */
    }
    int rc = write_tree(&w, &id, attributes, dirfd, 0);
    tenon_buf_release(&w.path);
    return rc;
}
