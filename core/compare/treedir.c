/* compare/treedir.c - a directory as a tree of files, see filetree.h.  Nothing is followed, and
 * files are read only when their bytes are asked for. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/io.h"
#include "base/root.h"
#include "tools/alloc.h"
#include "compare/filetree.h"

#define CHUNK ((size_t)1 << 18)

struct linked { /* a file with several names */
    struct {
        uint64_t dev, ino;
    } key;
    uint64_t inode;
    UT_hash_handle hh;
};

struct walk {
    struct tenon_filetree *t;
    struct linked *linked;
};

/* Those that a build takes over. */
static bool
is_wanted(const char *name)
{
    if (tenon_has_prefix(name, "security."))
        return !strcmp(name, "security.capability");
    return !tenon_has_prefix(name, "system.");
}

static int
take_xattrs(struct tenon_file *f, int fd, struct tenon_error *err)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    const ssize_t room = listxattr(path, NULL, 0);
    if (room <= 0) /* none, or a file system that knows none */
        return 0;
    auto_free char *names = tenon_malloc((size_t)room + 1);
    ssize_t len = listxattr(path, names, (size_t)room);
    for (const char *name = names; len > 0 && name < names + len; name += strlen(name) + 1) {
        char value[65536];
        if (!is_wanted(name))
            continue;
        const ssize_t n = getxattr(path, name, value, sizeof value);
        if (n < 0 && errno != ENODATA)
            return tenon_error_sys(err, "read attribute \"%s\"", name);
        if (n >= 0)
            tenon_file_add_xattr(f, name, value, (size_t)n);
    }
    tenon_file_sort_xattrs(f);
    return 0;
}

static void
note_links(struct walk *w, struct tenon_file *f, const struct stat *st)
{
    struct linked *l, wanted = {.key = {st->st_dev, st->st_ino}};
    if (st->st_nlink < 2 || S_ISDIR(st->st_mode))
        return;
    HASH_FIND(hh, w->linked, &wanted.key, sizeof wanted.key, l);
    if (!l) {
        l = tenon_new0(struct linked);
        l->key = wanted.key;
        l->inode = ++w->t->inodes;
        HASH_ADD(hh, w->linked, key, sizeof l->key, l);
    }
    f->inode = l->inode;
}

static int
take(struct walk *w, struct tenon_file *f, int fd, const struct stat *st, struct tenon_error *err)
{
    f->mode = st->st_mode;
    f->uid = st->st_uid;
    f->gid = st->st_gid;
    f->mtime_s = st->st_mtim.tv_sec;
    f->mtime_ns = (uint32_t)st->st_mtim.tv_nsec;
    if (f->mtime_ns)
        w->t->whole_seconds = false;
    if (S_ISREG(st->st_mode))
        f->size = (uint64_t)st->st_size;
    if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) {
        f->major = major(st->st_rdev);
        f->minor = minor(st->st_rdev);
    }
    if (S_ISLNK(st->st_mode)) {
        char target[4097];
        const ssize_t n = readlinkat(fd, "", target, sizeof target - 1);
        if (n < 0)
            return tenon_error_sys(err, "read link");
        f->link = tenon_strndup(target, (size_t)n);
        f->mode = S_IFLNK | 0777;
    } else if (take_xattrs(f, fd, err) < 0) {
        return err->code;
    }
    note_links(w, f, st);
    return 0;
}

static int walk(struct walk *w, struct tenon_file *dir, int dirfd, struct tenon_error *err);

static int
walk_entry(struct walk *w, struct tenon_file *dir, int dirfd, const char *name,
           struct tenon_error *err)
{
    struct stat st;
    auto_close int fd = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return 0; /* it has gone meanwhile */
    if (fd < 0 || fstat(fd, &st) < 0)
        return tenon_error_sys(err, "open \"%s\"", name);
    struct tenon_file *f = tenon_file_kid(w->t, dir, name, strlen(name), true, err);
    if (!f || tenon_filetree_count(w->t, name, err) < 0 || take(w, f, fd, &st, err) < 0)
        return err->code;
    return S_ISDIR(st.st_mode) ? walk(w, f, fd, err) : 0;
}

static int
walk(struct walk *w, struct tenon_file *dir, int dirfd, struct tenon_error *err)
{
    char **names = NULL;
    if (tenon_dir_names(dirfd, &names, err) < 0)
        return tenon_error_context(err, "directory \"%s\"", dir->name);
    int rc = 0;
    for (char **n = names; rc == 0 && n && *n; n++)
        rc = walk_entry(w, dir, dirfd, *n, err);
    tenon_strv_free(names);
    return rc;
}

int
tenon_filetree_add_dir(struct tenon_filetree *t, int dirfd, struct tenon_error *err)
{
    struct walk w = {.t = t};
    int rc = walk(&w, tenon_filetree_top(t), dirfd, err);
    struct linked *l, *next;
    HASH_ITER(hh, w.linked, l, next) {
        HASH_DEL(w.linked, l);
        free(l);
    }
    t->rootfd = dirfd;
    return rc;
}

int
tenon_filetree_digest(struct tenon_filetree *t, struct tenon_file *f, struct tenon_error *err)
{
    if (f->has_digest || t->rootfd < 0)
        return 0;
    auto_free char *path = tenon_file_path(f);
    auto_close int fd = tenon_root_open(t->rootfd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0,
                                        err);
    if (fd < 0)
        return err->code;
    auto_hash struct tenon_hash *hash = tenon_hash_new();
    auto_free char *buf = tenon_malloc(CHUNK);
    for (;;) {
        const int64_t n = tenon_read_full(fd, buf, CHUNK, err);
        if (n < 0)
            return tenon_error_context(err, "read \"%s\"", path);
        if (n == 0)
            break;
        tenon_hash_update(hash, buf, (size_t)n);
        if (tenon_cancel_check(t->cancel, err) < 0)
            return err->code;
    }
    struct tenon_digest digest;
    tenon_hash_final(hash, &digest);
    tenon_digest_bytes(&digest, f->digest);
    f->has_digest = true;
    return 0;
}
