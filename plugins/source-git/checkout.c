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
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "tools/buf.h"

struct walk {
    struct gs_conn *conn;
    const struct gs_checkout *c;
    struct gs_submodule_list *submodules;
    struct timespec times[2];
    uint64_t room; /* bytes that were free when it began, and are not of a file yet */
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
    return w->conn->host->error->set(w->conn->err, TENON_E_FAILED, errno, "%s \"%s\"", what,
                                     tenon_buf_str(&w->path));
}

static bool
name_ok(const char *name)
{
    return *name && !strchr(name, '/') && strcmp(name, ".") && strcmp(name, "..") &&
           strcasecmp(name, ".git") != 0;
}

/* ---- how much of it ---------------------------------------------------------------- */

#define BLOCK UINT64_C(4096) /* that a file system gives to a file of a byte, and to a directory */

/* What is free there, bytes and inodes; UINT64_MAX where the file system does not say. */
static void
look_what_is_free(int fd, uint64_t *bytes, uint64_t *inodes)
{
    struct statvfs v;
    bool known = fstatvfs(fd, &v) == 0;
    if (!known || !v.f_blocks || __builtin_mul_overflow(v.f_bavail, v.f_frsize, bytes))
        *bytes = UINT64_MAX;
    *inodes = known && v.f_files ? v.f_favail : UINT64_MAX;
}

/* Before anything is written. */
static int
take_entries(struct walk *w, const git_oid *tree, uint64_t inodes)
{
    struct gs_conn *conn = w->conn;
    struct gs_spent *spent = w->c->spent;
    uint64_t n;
    int rc = gs_count_entries(conn, w->c->repo, tree, &n);
    if (rc < 0)
        return rc;
    if (__builtin_add_overflow(spent->entries, n, &spent->entries))
        spent->entries = UINT64_MAX;
    if (spent->entries > conn->limits->get(conn->ctx, "git-entries"))
        return conn->limits->exceeded(conn->ctx, "git-entries", conn->err,
                                      "the commit has %llu files and directories",
                                      (unsigned long long)spent->entries);
    if (n > inodes)
        return conn->host->error->set(conn->err, TENON_E_FAILED, ENOSPC,
                                      "the commit has %llu files and "
                                      "directories, and the file system %llu free inodes",
                                      (unsigned long long)n, (unsigned long long)inodes);
    return TENON_OK;
}

static int
take_blocks(struct walk *w, uint64_t n)
{
    const uint64_t whole = (n + BLOCK - 1) / BLOCK * BLOCK;
    if (whole > w->room)
        return w->conn->host->error->set(w->conn->err, TENON_E_FAILED, ENOSPC,
                                         "with the %llu bytes of \"%s\" the commit is larger than "
                                         "what is free: %llu bytes", (unsigned long long)n,
                                         tenon_buf_str(&w->path), (unsigned long long)w->room);
    w->room -= w->room == UINT64_MAX ? 0 : whole;
    return TENON_OK;
}

static int
take_bytes(struct walk *w, uint64_t n)
{
    struct gs_conn *conn = w->conn;
    struct gs_spent *spent = w->c->spent;
    spent->bytes += n;
    if (spent->bytes > conn->limits->get(conn->ctx, "unpacked"))
        return conn->limits->exceeded(conn->ctx, "unpacked", conn->err,
                                      "with \"%s\" the commit's files have %llu bytes",
                                      tenon_buf_str(&w->path), (unsigned long long)spent->bytes);
    return take_blocks(w, n);
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
    int spent = take_bytes(w, len);
    if (spent < 0) {
        git_buf_dispose(&filtered);
        return spent;
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
        return w->conn->host->error->set(w->conn->err, TENON_E_INVALID, 0,
                                         "invalid symbolic link \"%s\"", tenon_buf_str(&w->path));
    if (symlinkat(target, dirfd, name) < 0 ||
        (w->c->commit_time && utimensat(dirfd, name, w->times, AT_SYMLINK_NOFOLLOW) < 0))
        return failed(w, "make link");
    return TENON_OK;
}

/* It is in memory as a whole when it is looked up. */
static int
check_size(struct walk *w, const git_oid *id)
{
    struct gs_conn *conn = w->conn;
    git_odb *odb = NULL;
    git_object_t type;
    size_t size;
    int rc = git_repository_odb(&odb, w->c->repo);
    if (rc == 0)
        rc = git_odb_read_header(&size, &type, odb, id);
    git_odb_free(odb);
    if (rc < 0)
        return gs_conn_error(conn, "failed to checkout remote");
    return size <= conn->object_bytes
               ? TENON_OK
               : conn->limits->exceeded(conn->ctx, "git-file", conn->err, "\"%s\" has %zu bytes",
                                        tenon_buf_str(&w->path), size);
}

static int
write_blob(struct walk *w, const git_tree_entry *e, bool attributes, int dirfd)
{
    git_blob *blob = NULL;
    git_filemode_t mode = git_tree_entry_filemode(e);
    const char *name = git_tree_entry_name(e);
    if (check_size(w, git_tree_entry_id(e)) < 0)
        return w->conn->host->error->code(w->conn->err);
    if (git_blob_lookup(&blob, w->c->repo, git_tree_entry_id(e)) < 0)
        return gs_conn_error(w->conn, "failed to checkout remote");
    const mode_t plain = w->c->for_everybody ? 0666 : 0644;
    int rc = mode == GIT_FILEMODE_LINK
                 ? write_link(w, blob, dirfd, name)
                 : write_file(w, blob, attributes,
                              mode == GIT_FILEMODE_BLOB_EXECUTABLE ? 0755 : plain, dirfd, name);
    git_blob_free(blob);
    return rc;
}

/* ---- directories --------------------------------------------------------- */

static int
make_dir(struct walk *w, int dirfd, const char *name)
{
    int spent = take_blocks(w, 1);
    if (spent < 0)
        return spent;
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
    if (w->conn->host->ctx->cancelled(w->conn->ctx))
        return w->conn->host->error->set(w->conn->err, TENON_E_CANCELLED, 0, "cancelled");
    if (!name_ok(name))
        return w->conn->host->error->set(w->conn->err, TENON_E_INVALID, 0, "invalid path \"%s\"",
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
        return w->conn->host->error->set(w->conn->err, TENON_E_INVALID, 0,
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
    if (depth > GS_DEPTH_MAX)
        return w->conn->host->error->set(w->conn->err, TENON_E_LIMIT, 0,
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
            return conn->host->error->set(conn->err, TENON_E_NOT_FOUND, 0,
                                          "failed to open subdir %s: no such file or directory",
                                          c->subdir);
        tenon_buf_adds(&w.path, c->subdir);
        attributes = true; /* one above may have some */
    }
    uint64_t inodes;
    look_what_is_free(dirfd, &w.room, &inodes);
    int rc = take_entries(&w, &id, inodes);
    if (rc == TENON_OK)
        rc = write_tree(&w, &id, attributes, dirfd, 0);
    tenon_buf_release(&w.path);
    return rc;
}
