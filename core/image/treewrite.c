/* image/treewrite.c - see treewrite.h. */
#include "image/treewrite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <uthash.h>

#include "base/io.h"
#include "tools/alloc.h"

#define DEPTH_MAX 500
#define COPY_SIZE ((size_t)256 << 10)
#define NAMES_MAX ((size_t)64 << 10) /* of attributes, as the kernel has it */
#define XATTRS_MAX 64
#define VALUES_MAX ((size_t)64 << 10) /* bytes, of one file */

struct inode { /* the first name of a file that has several */
    struct {
        uint64_t dev, ino;
    } key;
    char *name;
    UT_hash_handle hh;
};

struct walk {
    const struct tenon_tree_tar *t;
    struct inode *inodes;
    char *copy, *names, *values; /* room */
};

struct xattrs {
    struct tenon_tar_xattr list[XATTRS_MAX];
    size_t count;
    char capability[256];
    ssize_t capability_len;
};

static int
by_name(const void *a, const void *b)
{
    return strcmp(((const struct tenon_tar_xattr *)a)->name,
                  ((const struct tenon_tar_xattr *)b)->name);
}

/* Those that the unpacking takes. What there is no room for is left out. */
static void
read_xattrs(struct walk *w, int fd, struct xattrs *x)
{
    size_t used = 0;
    *x = (struct xattrs){0};
    x->capability_len =
        fgetxattr(fd, "security.capability", x->capability, sizeof x->capability);
    const ssize_t len = flistxattr(fd, w->names, NAMES_MAX);
    for (const char *p = w->names; len > 0 && p < w->names + len; p += strlen(p) + 1) {
        if (!tenon_has_prefix(p, "user.") || tenon_has_prefix(p, "user.overlay.") ||
            x->count == XATTRS_MAX)
            continue;
        const size_t room = VALUES_MAX - used; /* none: the kernel would say a size, and no value */
        const ssize_t n = room ? fgetxattr(fd, p, w->values + used, room) : -1;
        if (n < 0)
            continue;
        x->list[x->count++] = (struct tenon_tar_xattr){ p, w->values + used, (size_t)n };
        used += (size_t)n;
    }
    if (x->count)
        qsort(x->list, x->count, sizeof *x->list, by_name);
}

static void
describe(struct tenon_tar_entry *e, const struct stat *st, const struct xattrs *x)
{
    e->mode = st->st_mode & 07777;
    e->uid = st->st_uid;
    e->gid = st->st_gid;
    e->mtime = st->st_mtim.tv_sec;
    e->mtime_ns = e->mtime < 0 ? 0 : (uint32_t)st->st_mtim.tv_nsec;
    if (!x)
        return;
    e->capability = x->capability_len > 0 ? x->capability : NULL;
    e->capability_len = x->capability_len > 0 ? (size_t)x->capability_len : 0;
    e->xattrs = x->list;
    e->xattr_count = x->count;
}

static int
border(const struct walk *w, uint64_t size, struct tenon_error *err)
{
    return w->t->border ? w->t->border(w->t->data, size, err) : 0;
}

static int
write_data(struct walk *w, int fd, const char *path, uint64_t size, struct tenon_error *err)
{
    for (uint64_t left = size; left > 0;) {
        const size_t want = left < COPY_SIZE ? (size_t)left : COPY_SIZE;
        if (tenon_cancel_check(w->t->cancel, err) < 0)
            return err->code;
        const int64_t n = tenon_read_full(fd, w->copy, want, err);
        if (n < 0)
            return tenon_error_context(err, "read \"%s\"", path);
        if ((size_t)n < want)
            return tenon_error_set(err, TENON_E_UNAVAILABLE,
                                   "\"%s\" became shorter while it was read", path);
        if (w->t->tar->write(w->t->tar->data, w->copy, want, err) < 0)
            return err->code;
        left -= want;
    }
    return tenon_tar_pad(w->t->tar, size, err);
}

/* The name under which this file was written before, or NULL; remembers it. */
static const char *
earlier_name(struct walk *w, const struct stat *st, const char *path)
{
    struct inode *i, key = { .key = { st->st_dev, st->st_ino } };
    if (st->st_nlink < 2)
        return NULL;
    HASH_FIND(hh, w->inodes, &key.key, sizeof key.key, i);
    if (i)
        return i->name;
    i = tenon_new0(struct inode);
    i->key = key.key;
    i->name = tenon_strdup(path);
    HASH_ADD(hh, w->inodes, key, sizeof i->key, i);
    return NULL;
}

static int
gone(const char *path, struct tenon_error *err)
{
    return errno == ENOENT ? 0 : tenon_error_sys(err, "open \"%s\"", path);
}

static int
write_regular(struct walk *w, int dirfd, const char *name, const char *path,
              struct tenon_error *err)
{
    struct xattrs x;
    struct stat st;
    auto_close int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return gone(path, err);
    if (fstat(fd, &st) < 0)
        return tenon_error_sys(err, "stat \"%s\"", path);
    if (!S_ISREG(st.st_mode))
        return 0; /* it was one when its name was read */
    read_xattrs(w, fd, &x);
    struct tenon_tar_entry e = { .type = TENON_TAR_FILE, .name = path,
                                 .size = (uint64_t)st.st_size };
    describe(&e, &st, &x);
    e.link = earlier_name(w, &st, path);
    if (e.link) {
        e.type = TENON_TAR_HARDLINK;
        return tenon_tar_header(w->t->tar, &e, err);
    }
    if (border(w, e.size, err) < 0 || tenon_tar_header(w->t->tar, &e, err) < 0 ||
        write_data(w, fd, path, e.size, err) < 0)
        return err->code;
    return border(w, e.size, err);
}

static int
write_other(struct walk *w, int dirfd, const char *name, const char *path,
            const struct stat *st, struct tenon_error *err)
{
    char target[4096 + 1];
    struct tenon_tar_entry e = { .type = TENON_TAR_FIFO, .name = path };
    describe(&e, st, NULL);
    if (S_ISLNK(st->st_mode)) {
        const ssize_t n = readlinkat(dirfd, name, target, sizeof target - 1);
        if (n < 0)
            return gone(path, err);
        target[n] = '\0';
        e.type = TENON_TAR_SYMLINK;
        e.link = target;
    }
    return tenon_tar_header(w->t->tar, &e, err);
}

/* fd: of the directory, for reading. path: of it, "" for the top. */
static int
write_dir(struct walk *w, int fd, const char *path, unsigned depth, struct tenon_error *err)
{
    struct xattrs x;
    struct stat st;
    char **names = NULL;
    if (depth > DEPTH_MAX)
        return tenon_error_set(err, TENON_E_LIMIT, "\"%s\": too deep", path);
    if (fstat(fd, &st) < 0)
        return tenon_error_sys(err, "stat \"%s\"", path);
    read_xattrs(w, fd, &x);
    auto_free char *own = tenon_asprintf("%s/", path);
    struct tenon_tar_entry e = { .type = TENON_TAR_DIR, .name = own };
    describe(&e, &st, &x);
    if (tenon_tar_header(w->t->tar, &e, err) < 0)
        return err->code;
    if (tenon_dir_names(fd, &names, err) < 0)
        return tenon_error_context(err, "\"%s\"", path);
    int rc = 0;
    for (char **n = names; *n && rc == 0; n++) {
        auto_free char *full = *path ? tenon_asprintf("%s/%s", path, *n) : tenon_strdup(*n);
        if (fstatat(fd, *n, &st, AT_SYMLINK_NOFOLLOW) < 0) {
            rc = gone(full, err);
        } else if (S_ISDIR(st.st_mode)) {
            auto_close int sub =
                openat(fd, *n, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            rc = sub < 0 ? gone(full, err) : write_dir(w, sub, full, depth + 1, err);
        } else if (S_ISREG(st.st_mode)) {
            rc = write_regular(w, fd, *n, full, err);
        } else if (S_ISLNK(st.st_mode) || S_ISFIFO(st.st_mode)) {
            rc = write_other(w, fd, *n, full, &st, err);
        }
        if (rc == 0)
            rc = tenon_cancel_check(w->t->cancel, err);
    }
    tenon_strv_free(names);
    return rc;
}

int
tenon_tree_tar_write(const struct tenon_tree_tar *t, int dirfd, struct tenon_error *err)
{
    auto_close int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return tenon_error_sys(err, "open a tree");
    struct walk w = { .t = t, .copy = tenon_malloc(COPY_SIZE), .names = tenon_malloc(NAMES_MAX),
                      .values = tenon_malloc(VALUES_MAX) };
    int rc = write_dir(&w, fd, "", 0, err);
    if (rc == 0)
        rc = tenon_tar_end(t->tar, err);
    struct inode *i, *next;
    HASH_ITER(hh, w.inodes, i, next) {
        HASH_DEL(w.inodes, i);
        free(i->name);
        free(i);
    }
    free(w.copy);
    free(w.names);
    free(w.values);
    return rc;
}
