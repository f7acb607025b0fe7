/* tree/copy_file.c - the copy of one file, link or device, and the attributes. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <uthash.h>

#include "base/cancel.h"
#include "base/ids.h"
#include "base/io.h"
#include "base/root.h"
#include "tools/alloc.h"
#include "tools/path.h"
#include "tree/chmod.h"
#include "tree/copy.h"
#include "tree/place.h"

#define SMALL 16384
#define PIECE (1u << 30) /* between two looks at the cancellation */

/* ---- attributes ----------------------------------------------------------- */

/* The mode that an entry gets. */
static uint32_t
new_mode(const struct tenon_copier *k, const struct tenon_entry *e)
{
    uint32_t mode = e->mode & 07777;
    if (k->c->mode_str && *k->c->mode_str)
        tenon_chmod_apply(k->c->mode_str, mode, S_ISDIR(e->mode), &mode);
    else if (k->c->mode >= 0)
        mode = (uint32_t)k->c->mode & 07777;
    return mode;
}

/* Where the entry at hand goes, for messages; caller frees. */
static char *
target_path(const struct tenon_copier *k)
{
    return tenon_path_join(k->to, tenon_buf_str(&k->path));
}

static int
failed(struct tenon_copier *k, const char *what)
{
    int sys = errno;
    auto_free char *path = target_path(k);
    return tenon_error_errno(k->err, sys, "%s \"%s\"", what, path);
}

static int
owner_failed(struct tenon_copier *k, uint32_t uid, uint32_t gid)
{
    int sys = errno;
    auto_free char *path = target_path(k);
    errno = sys;
    return tenon_error_owner(k->err, uid, gid, "change owner of \"%s\"", path);
}

static uint32_t
owner_uid(const struct tenon_copier *k, const struct tenon_entry *e)
{
    return k->c->owner.set ? k->c->owner.uid : e->uid;
}

static uint32_t
owner_gid(const struct tenon_copier *k, const struct tenon_entry *e)
{
    return k->c->owner.set ? k->c->owner.gid : e->gid;
}

static void
entry_times(const struct tenon_copier *k, int64_t mtime_ns,
            struct timespec out[2])
{
    tenon_place_times(k->c->timestamp_ns >= 0 ? k->c->timestamp_ns : mtime_ns,
                      out);
}

/* Of a file or directory that is open; from -1: no extended attributes.  The
 * owner goes first: changing it clears set-id bits and capabilities. */
static int
give_info(struct tenon_copier *k, const struct tenon_entry *e, int from, int to,
          int64_t mtime_ns)
{
    if (fchown(to, owner_uid(k, e), owner_gid(k, e)) < 0)
        return owner_failed(k, owner_uid(k, e), owner_gid(k, e));
    if (fchmod(to, new_mode(k, e)) < 0)
        return failed(k, "change mode of");
    if (from >= 0)
        tenon_xattr_copy(k->view, from, to);
    struct timespec times[2];
    entry_times(k, mtime_ns, times);
    if (futimens(to, times) < 0)
        return failed(k, "set times of");
    return 0;
}

/* The source directory is opened once. */
static int
open_from(struct tenon_copier *k, struct tenon_copy_dir *d)
{
    if (d->from_fd < 0) {
        int fd = tenon_view_open(k->view, d->from, -1, k->err);
        if (fd < 0)
            return fd;
        d->from_fd = fd;
    }
    return 0;
}

int
tenon_copy_dir_info(struct tenon_copier *k, struct tenon_copy_dir *d)
{
    /* Most have no attributes: then the source need not be opened. */
    if (d->from->xattrs || d->from->flags & TENON_ENTRY_ACL) {
        int rc = open_from(k, d);
        if (rc < 0)
            return rc;
    }
    return give_info(k, d->from, d->from_fd, d->to_fd, d->from->mtime_ns);
}

int
tenon_copy_dir_times(struct tenon_copier *k, struct tenon_copy_dir *d)
{
    struct timespec times[2];
    entry_times(k, d->from->mtime_ns, times);
    if (futimens(d->to_fd, times) < 0)
        return failed(k, "set times of");
    return 0;
}

/* ---- hard links ------------------------------------------------------------ */

struct link_id {
    uint64_t dev, ino;
};

struct tenon_link_map {
    struct link_id id;
    char *path; /* of the first copy */
    UT_hash_handle hh;
};

void
tenon_copy_forget_links(struct tenon_copier *k)
{
    struct tenon_link_map *one, *next;
    HASH_ITER(hh, k->links, one, next)
    {
        HASH_DEL(k->links, one);
        free(one->path);
        free(one);
    }
}

/* 1: linked to an earlier copy; 0: this is the first, or links do not work. */
static int
try_link(struct tenon_copier *k, struct tenon_copy_dir *d,
         const struct tenon_entry *e, const char *name)
{
    struct link_id id = {e->dev, e->ino};
    struct tenon_link_map *one;
    HASH_FIND(hh, k->links, &id, sizeof id, one);
    if (!one) {
        one = tenon_new0(struct tenon_link_map);
        one->id = id;
        one->path = target_path(k);
        HASH_ADD(hh, k->links, id, sizeof one->id, one);
        return 0;
    }
    const char *first;
    int dir = tenon_place_parent(k->dst, one->path, &first, k->err);
    if (dir < 0)
        return dir;
    int rc = linkat(dir, first, d->to_fd, name, 0);
    int sys = errno;
    close(dir);
    if (rc == 0)
        return 1;
    if (sys == EMLINK || sys == EPERM || sys == EOPNOTSUPP || sys == ENOENT)
        return 0;
    errno = sys;
    return failed(k, "link");
}

/* ---- data ------------------------------------------------------------------ */

static int
copy_range(struct tenon_copier *k, int from, int to, uint64_t len)
{
    while (len) {
        uint64_t piece = len < PIECE ? len : PIECE;
        int rc = tenon_cancel_check(k->cancel, k->err);
        if (rc < 0)
            return rc;
        int64_t n = tenon_copy_fd(from, to, piece, k->err);
        if (n < 0)
            return (int)n;
        if ((uint64_t)n < piece)
            return 0; /* the end came earlier */
        len -= (uint64_t)n;
    }
    return 0;
}

/* A file with holes keeps them. */
static int
copy_sparse(struct tenon_copier *k, int from, int to, off_t size)
{
    off_t at = 0;
    while (at < size) {
        off_t data = lseek(from, at, SEEK_DATA);
        if (data < 0 && errno == ENXIO)
            break; /* only a hole is left */
        off_t hole = data < 0 ? -1 : lseek(from, data, SEEK_HOLE);
        if (data < 0 || hole < 0) {
            data = at;
            hole = size;
        }
        if (lseek(from, data, SEEK_SET) < 0 || lseek(to, data, SEEK_SET) < 0)
            return failed(k, "seek in");
        int rc = copy_range(k, from, to, (uint64_t)(hole - data));
        if (rc < 0)
            return rc;
        at = hole;
    }
    if (ftruncate(to, size) < 0)
        return failed(k, "set size of");
    return 0;
}

/* Two calls instead of six: most files of most trees are small. */
static int
copy_small(struct tenon_copier *k, int from, int to)
{
    char chunk[SMALL];
    int64_t n = tenon_read_full(from, chunk, sizeof chunk, k->err);
    if (n <= 0)
        return (int)n;
    return tenon_write_all(to, chunk, (size_t)n, k->err);
}

static int
copy_data(struct tenon_copier *k, int from, int to, const struct stat *st)
{
    int rc;
    if (st->st_size == 0)
        return 0;
    if (st->st_size <= SMALL)
        rc = copy_small(k, from, to);
    else if ((uint64_t)st->st_blocks * 512 < (uint64_t)st->st_size)
        rc = copy_sparse(k, from, to, st->st_size);
    else
        rc = copy_range(k, from, to, (uint64_t)st->st_size);
    if (rc < 0 && rc != TENON_E_CANCELLED) {
        auto_free char *path = target_path(k);
        tenon_error_context(k->err, "copy to \"%s\"", path);
    }
    return rc;
}

/* The key of this step was made of a digest.  When the file is not what the
 * walk saw, the copy has to have that digest, or the cache would keep other
 * bytes under the key. */
static int
verify(struct tenon_copier *k, struct tenon_entry *e, int from, int to)
{
    struct tenon_digest *want = atomic_load(&e->body);
    struct stat st;
    if (!want)
        return 0;
    if (!atomic_load(&e->unstable) && fstat(from, &st) == 0 &&
        (uint64_t)st.st_size == e->size &&
        tenon_stat_mtime_ns(&st) == e->mtime_ns)
        return 0;
    struct tenon_digest got;
    if (lseek(to, 0, SEEK_SET) < 0)
        return failed(k, "seek in");
    int rc = tenon_body_digest(k->view, to, from, k->cancel, &got, NULL, k->err);
    if (rc < 0)
        return rc;
    if (tenon_streq(got.str, want->str))
        return 0;
    auto_buf struct tenon_buf path = TENON_BUF_INIT;
    tenon_entry_path(e, &path);
    tenon_error_set(k->err, TENON_E_UNAVAILABLE,
                    "\"/%s\": changed while the build was using it", path.data);
    return tenon_error_hint(k->err, "build again, or exclude the file");
}

/* ---- one entry ------------------------------------------------------------- */

/* Something has the name: a file goes, a directory stays unless asked. */
static int
clear_target(struct tenon_copier *k, struct tenon_copy_dir *d, const char *name)
{
    struct stat st;
    if (fstatat(d->to_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : failed(k, "stat");
    if (!S_ISDIR(st.st_mode)) {
        if (unlinkat(d->to_fd, name, 0) < 0 && errno != ENOENT)
            return failed(k, "remove");
        return 0;
    }
    if (k->c->always_replace)
        return tenon_remove_tree(d->to_fd, name, k->err);
    auto_free char *path = target_path(k);
    return tenon_error_set(k->err, TENON_E_INVALID,
                           "cannot replace to directory %s with file", path);
}

static int
make_file(struct tenon_copier *k, struct tenon_copy_dir *d, const char *name)
{
    for (;;) {
        int fd = openat(d->to_fd, name,
                        O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd >= 0)
            return fd;
        if (errno != EEXIST)
            return failed(k, "create");
        int rc = clear_target(k, d, name);
        if (rc < 0)
            return rc;
    }
}

static int
copy_regular(struct tenon_copier *k, struct tenon_copy_dir *d,
             struct tenon_entry *e, const char *name)
{
    if (e->nlink > 1) {
        int rc = clear_target(k, d, name);
        if (rc == 0)
            rc = try_link(k, d, e, name);
        if (rc != 0)
            return rc < 0 ? rc : 0;
    }
    if (e->flags & TENON_ENTRY_EMPTY) {
        auto_close int to = make_file(k, d, name);
        return to < 0 ? to : give_info(k, e, -1, to, e->mtime_ns);
    }
    int rc = open_from(k, d);
    if (rc < 0)
        return rc;
    auto_close int from = tenon_view_open(k->view, e, d->from_fd, k->err);
    if (from < 0)
        return from;
    struct stat st;
    if (fstat(from, &st) < 0)
        return failed(k, "stat source of");
    auto_close int to = make_file(k, d, name);
    if (to < 0)
        return to;
    rc = copy_data(k, from, to, &st);
    if (rc == 0)
        rc = verify(k, e, from, to);
    if (rc < 0)
        return rc;
    return give_info(k, e, from, to, tenon_stat_mtime_ns(&st));
}

/* A refusal is logged, as everywhere. */
static int
copy_special_attributes(struct tenon_copier *k, struct tenon_copy_dir *d,
                        const struct tenon_entry *e, const char *name)
{
    auto_error struct tenon_error gone = TENON_ERROR_INIT; /* what it was is known */
    auto_close int from = tenon_view_open_path(k->view, e, &gone);
    if (from < 0)
        return 0;
    auto_close int to = openat(d->to_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (to < 0)
        return failed(k, "open");
    tenon_xattr_copy(k->view, from, to);
    return 0;
}

static int
copy_special(struct tenon_copier *k, struct tenon_copy_dir *d,
             struct tenon_entry *e, const char *name)
{
    /* overlay reads a 0:0 device as "this file was removed". */
    if (S_ISCHR(e->mode) && e->rdev == 0) {
        auto_free char *path = target_path(k);
        return tenon_error_set(k->err, TENON_E_UNSUPPORTED,
                               "cannot copy the character device 0:0 to \"%s\"",
                               path);
    }
    int rc = clear_target(k, d, name);
    if (rc < 0)
        return rc;
    if (S_ISLNK(e->mode)) {
        if (symlinkat(e->link, d->to_fd, name) < 0)
            return failed(k, "make link");
    } else if (mknodat(d->to_fd, name, (e->mode & S_IFMT) | 0600, e->rdev) < 0) {
        return failed(k, "make device");
    }
    if (fchownat(d->to_fd, name, owner_uid(k, e), owner_gid(k, e),
                 AT_SYMLINK_NOFOLLOW) < 0)
        return owner_failed(k, owner_uid(k, e), owner_gid(k, e));
    /* Not a link: it was made just now, and no other process writes here. */
    if (!S_ISLNK(e->mode) &&
        fchmodat(d->to_fd, name, new_mode(k, e), 0) < 0)
        return failed(k, "change mode of");
    rc = copy_special_attributes(k, d, e, name);
    if (rc < 0)
        return rc;
    struct timespec times[2];
    entry_times(k, e->mtime_ns, times);
    if (utimensat(d->to_fd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
        return failed(k, "set times of");
    return 0;
}

int
tenon_copy_leaf(struct tenon_copier *k, struct tenon_copy_dir *d,
                struct tenon_entry *e, const char *name)
{
    return S_ISREG(e->mode) ? copy_regular(k, d, e, name)
                            : copy_special(k, d, e, name);
}
