/* base/io.c - whole reads and writes, copies, temporary names. */
#include "io.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#include "tools/alloc.h"
#include "tools/vec.h"

#define COPY_CHUNK (256u << 10)
#define READ_CHUNK (64u << 10)

static ssize_t
read_some(int fd, void *data, size_t len)
{
    ssize_t n;
    do
        n = read(fd, data, len);
    while (n < 0 && errno == EINTR);
    return n;
}

int
tenon_read_all(int fd, size_t limit, struct tenon_buf *out,
               struct tenon_error *err)
{
    size_t start = out->len;
    struct stat st;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
        (uint64_t)st.st_size <= limit)
        tenon_buf_reserve(out, (size_t)st.st_size + 1);
    for (;;) {
        size_t got = out->len - start;
        if (out->cap - out->len < 2)
            tenon_buf_reserve(out, READ_CHUNK);
        size_t room = out->cap - out->len - 1;
        /* one byte more than allowed tells "too large" from "just fits" */
        if (limit - got < room)
            room = limit - got + 1;
        if (room > out->cap - out->len - 1)
            room = out->cap - out->len - 1;
        ssize_t n = read_some(fd, out->data + out->len, room);
        if (n < 0) {
            int sys = errno;
            tenon_buf_truncate(out, start);
            return tenon_error_errno(err, sys, "read");
        }
        if (n == 0) {
            out->data[out->len] = '\0';
            return 0;
        }
        if ((size_t)n > limit - got) {
            tenon_buf_truncate(out, start);
            return tenon_error_set(err, TENON_E_LIMIT,
                                   "more than %zu bytes", limit);
        }
        out->len += (size_t)n;
    }
}

int
tenon_write_all(int fd, const void *data, size_t len, struct tenon_error *err)
{
    const char *p = data;
    while (len) {
        ssize_t n = write(fd, p, len);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            return tenon_error_sys(err, "write");
        }
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

int64_t
tenon_read_full(int fd, void *data, size_t len, struct tenon_error *err)
{
    char *p = data;
    size_t got = 0;
    while (got < len) {
        ssize_t n = read_some(fd, p + got, len - got);
        if (n < 0)
            return tenon_error_sys(err, "read");
        if (n == 0)
            break;
        got += (size_t)n;
    }
    return (int64_t)got;
}

/* Shares the extents when that gives exactly what a copy would: the whole of
 * `in` into an empty `out`.  Returns the size, or -1. */
static int64_t
clone_whole(int in, int out, uint64_t len)
{
    struct stat si, so;
    if (fstat(in, &si) < 0 || fstat(out, &so) < 0 || !S_ISREG(si.st_mode) ||
        !S_ISREG(so.st_mode) || so.st_size != 0 || si.st_size == 0 ||
        len < (uint64_t)si.st_size || si.st_dev != so.st_dev)
        return -1;
    if (lseek(in, 0, SEEK_CUR) != 0 || lseek(out, 0, SEEK_CUR) != 0)
        return -1;
    if (ioctl(out, FICLONE, in) < 0)
        return -1;
    /* `in` may have grown since the fstat */
    if (fstat(out, &so) < 0 || lseek(in, so.st_size, SEEK_SET) < 0 ||
        lseek(out, so.st_size, SEEK_SET) < 0)
        return -1;
    return so.st_size;
}

/* Returns 0 at the end, 1 when the kernel would rather not, or a status. */
static int
copy_in_kernel(int in, int out, uint64_t len, uint64_t *done,
               struct tenon_error *err)
{
    while (*done < len) {
        uint64_t left = len - *done;
        size_t ask = left > (1u << 30) ? (1u << 30) : (size_t)left;
        ssize_t n = copy_file_range(in, NULL, out, NULL, ask, 0);
        if (n < 0) {
            switch (errno) {
            case EINTR:
                continue;
            case EXDEV:
            case EINVAL:
            case ENOSYS:
            case EOPNOTSUPP:
            case EPERM:
            case EBADF: /* out is O_APPEND */
            case EISDIR:
            case ETXTBSY:
            case EIO: /* some network file systems; read and write will tell */
                return 1;
            default:
                return tenon_error_sys(err, "copy");
            }
        }
        /* Files of proc and the like say they are empty: try reading. */
        if (n == 0)
            return *done == 0 ? 1 : 0;
        *done += (uint64_t)n;
    }
    return 0;
}

int64_t
tenon_copy_fd(int in, int out, uint64_t len, struct tenon_error *err)
{
    int64_t cloned = clone_whole(in, out, len);
    if (cloned >= 0)
        return cloned;

    uint64_t done = 0;
    int rc = copy_in_kernel(in, out, len, &done, err);
    if (rc < 0)
        return rc;
    if (rc == 0)
        return (int64_t)done;

    auto_free char *chunk = tenon_malloc(COPY_CHUNK);
    while (done < len) {
        uint64_t left = len - done;
        ssize_t n = read_some(in, chunk,
                              left < COPY_CHUNK ? (size_t)left : COPY_CHUNK);
        if (n < 0)
            return tenon_error_sys(err, "read");
        if (n == 0)
            break;
        int code = tenon_write_all(out, chunk, (size_t)n, err);
        if (code < 0)
            return code;
        done += (uint64_t)n;
    }
    return (int64_t)done;
}

int
tenon_read_file(const char *path, size_t limit, struct tenon_buf *out,
                struct tenon_error *err)
{
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return tenon_error_sys(err, "open \"%s\"", path);
    int rc = tenon_read_all(fd, limit, out, err);
    if (rc < 0)
        return tenon_error_context(err, "\"%s\"", path);
    return 0;
}

int
tenon_write_file_at(int dirfd, const char *name, const void *data, size_t len,
                    uint32_t mode, bool durable, struct tenon_error *err)
{
    /* next to the final name, for rename */
    const char *slash = strrchr(name, '/');
    size_t dir_len = slash ? (size_t)(slash - name) + 1 : 0;
    uint64_t random;
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        random = tenon_monotonic_ns() ^ ((uint64_t)getpid() << 40);
    auto_free char *tmp = tenon_asprintf("%.*s.tenon-%016" PRIx64,
                                         (int)dir_len, name, random);
    auto_close int fd = openat(
        dirfd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return tenon_error_sys(err, "create \"%s\"", name);

    int code = tenon_write_all(fd, data, len, err);
    if (code < 0)
        code = tenon_error_context(err, "\"%s\"", name);
    else if (fchmod(fd, mode & 07777) < 0)
        code = tenon_error_sys(err, "chmod \"%s\"", name);
    else if (durable && fsync(fd) < 0)
        code = tenon_error_sys(err, "sync \"%s\"", name);
    else if (close(tenon_steal_fd(&fd)) < 0) /* quotas and network file systems report it here */
        code = tenon_error_sys(err, "close \"%s\"", name);
    else if (renameat(dirfd, tmp, dirfd, name) < 0)
        code = tenon_error_sys(err, "rename to \"%s\"", name);
    if (code < 0) {
        unlinkat(dirfd, tmp, 0);
        return code;
    }
    if (durable) {
        auto_free char *dir = tenon_strndup(name, dir_len);
        auto_close int d = openat(dirfd, dir_len ? dir : ".",
                                  O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (d < 0 || fsync(d) < 0)
            return tenon_error_sys(err, "sync the directory of \"%s\"", name);
    }
    return 0;
}

int
tenon_dir_names(int dirfd, char ***names, struct tenon_error *err)
{
    auto_close int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return tenon_error_sys(err, "open directory");
    auto_dir DIR *d = fdopendir(fd);
    if (!d)
        return tenon_error_sys(err, "open directory");
    tenon_steal_fd(&fd);
    TENON_VEC(char *) list = {0};
    struct dirent *e;
    while ((errno = 0, e = readdir(d)))
        if (!tenon_streq(e->d_name, ".") && !tenon_streq(e->d_name, ".."))
            tenon_vec_push(&list, tenon_strdup(e->d_name));
    int failed = errno;
    if (list.len > 1)
        qsort(list.items, list.len, sizeof *list.items, tenon_by_text);
    tenon_vec_push(&list, NULL);
    if (failed) {
        tenon_strv_free(list.items);
        return tenon_error_errno(err, failed, "read directory");
    }
    *names = list.items;
    return 0;
}

int
tenon_mkdir_p(int dirfd, const char *path, uint32_t mode,
              struct tenon_error *err)
{
    auto_free char *copy = tenon_strdup(path);
    char *p = copy;
    while (*p == '/')
        p++;
    for (;;) {
        p += strcspn(p, "/");
        char *end = p;
        while (*p == '/')
            p++;
        bool last = !*p;
        char was = *end;
        *end = '\0';
        if (*copy && mkdirat(dirfd, copy, mode) < 0 && errno != EEXIST) {
            /* An existing directory on a read-only or foreign file system may
             * answer with something else than EEXIST. */
            int sys = errno;
            struct stat st;
            if (fstatat(dirfd, copy, &st, 0) < 0 || !S_ISDIR(st.st_mode))
                return tenon_error_errno(err, sys, "create directory \"%s\"",
                                         copy);
        }
        *end = was;
        if (last)
            break;
    }
    struct stat st;
    if (fstatat(dirfd, *path ? path : ".", &st, 0) < 0)
        return tenon_error_sys(err, "create directory \"%s\"", path);
    if (!S_ISDIR(st.st_mode))
        return tenon_error_errno(err, ENOTDIR, "create directory \"%s\"", path);
    return 0;
}

/* ---- removing a tree ---------------------------------------------------
 *
 * A stack of frames on the heap, at most OPEN_FRAMES of which keep their
 * directory open.  One that was closed is found again through the ".." of its
 * child, and is the right one only if device and inode are. */

#define OPEN_FRAMES 64

struct frame {
    DIR *dir; /* NULL: closed to save descriptors */
    dev_t dev;
    ino_t ino;
    char *name; /* in the parent */
    unsigned rewinds;
    bool removed_some;
};

struct removal {
    int dirfd; /* the caller's: parent of the first frame */
    TENON_VEC(struct frame) frames;
};

static void
removal_release(struct removal *r)
{
    tenon_vec_foreach(f, &r->frames)
    {
        if (f->dir)
            closedir(f->dir);
        free(f->name);
    }
    tenon_vec_release(&r->frames);
}
TENON_DEFINE_AUTO_STRUCT(removal, struct removal, removal_release);

/* Is what fd is open on the root of a mount? */
static bool
is_mount_root(int fd, const struct stat *st, int parentfd)
{
    struct statx stx;
    if (statx(fd, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, STATX_TYPE, &stx) == 0 &&
        (stx.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT))
        return stx.stx_attributes & STATX_ATTR_MOUNT_ROOT;
    struct stat parent;
    return fstatat(parentfd, parentfd == AT_FDCWD ? "." : "", &parent,
                   parentfd == AT_FDCWD ? 0 : AT_EMPTY_PATH) == 0 &&
           parent.st_dev != st->st_dev;
}

/* Open the directory `name` and push a frame for it.  1 when it is gone or no
 * directory. */
static int
enter(struct removal *r, int parentfd, const char *name,
      struct tenon_error *err)
{
    auto_close int path = openat(
        parentfd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    if (path < 0 || fstat(path, &st) < 0) {
        if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)
            return 1;
        return tenon_error_sys(err, "remove \"%s\"", name);
    }
    if (is_mount_root(path, &st, parentfd))
        return tenon_error_errno(err, EBUSY, "remove \"%s\": a mount point",
                                 name);
    if ((st.st_mode & 0700) != 0700 && geteuid() == st.st_uid) {
        /* fchmod() refuses O_PATH descriptors; this link does not. */
        char link[40];
        snprintf(link, sizeof link, "/proc/self/fd/%d", path);
        (void)!chmod(link, (st.st_mode & 07777) | 0700);
    }
    auto_close int fd = openat(path, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return tenon_error_sys(err, "remove \"%s\"", name);

    size_t depth = r->frames.len;
    if (depth >= OPEN_FRAMES) {
        struct frame *old = &r->frames.items[depth - OPEN_FRAMES];
        if (old->dir)
            closedir(old->dir);
        old->dir = NULL;
    }
    DIR *dir = fdopendir(fd);
    if (!dir)
        return tenon_error_sys(err, "remove \"%s\"", name);
    tenon_steal_fd(&fd);
    struct frame *f = tenon_vec_add(&r->frames);
    f->dir = dir;
    f->dev = st.st_dev;
    f->ino = st.st_ino;
    f->name = tenon_strdup(name);
    return 0;
}

/* The descriptor of the parent of the last frame, reopened when it had been
 * closed. */
static int
parent_of_last(struct removal *r, struct tenon_error *err)
{
    size_t n = r->frames.len;
    if (n == 1)
        return r->dirfd;
    struct frame *last = &r->frames.items[n - 1];
    struct frame *parent = &r->frames.items[n - 2];
    if (parent->dir)
        return dirfd(parent->dir);
    auto_close int fd = openat(dirfd(last->dir), "..",
                               O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return tenon_error_sys(err, "remove \"%s\"", parent->name);
    if (st.st_dev != parent->dev || st.st_ino != parent->ino)
        return tenon_error_set(err, TENON_E_FAILED,
                               "remove \"%s\": moved while being removed",
                               last->name);
    parent->dir = fdopendir(fd);
    if (!parent->dir)
        return tenon_error_sys(err, "remove \"%s\"", parent->name);
    return tenon_steal_fd(&fd);
}

/* Empty the last frame: 0 when empty, 1 when a directory was entered. */
static int
empty_last(struct removal *r, struct tenon_error *err)
{
    struct frame *f = &r->frames.items[r->frames.len - 1];
    int fd = dirfd(f->dir);
    for (;;) {
        errno = 0;
        struct dirent *e = readdir(f->dir);
        if (!e) {
            if (errno)
                return tenon_error_sys(err, "read directory \"%s\"", f->name);
            return 0;
        }
        const char *name = e->d_name;
        if (tenon_streq(name, ".") || tenon_streq(name, ".."))
            continue;
        if (e->d_type != DT_DIR) {
            if (unlinkat(fd, name, 0) == 0 || errno == ENOENT) {
                f->removed_some = true;
                continue;
            }
            if (errno != EISDIR && errno != EPERM)
                return tenon_error_sys(err, "remove \"%s\"", name);
        } else if (unlinkat(fd, name, AT_REMOVEDIR) == 0) { /* many are empty: no need to look */
            f->removed_some = true;
            continue;
        }
        int unlink_errno = e->d_type == DT_DIR ? 0 : errno; /* else rmdir's, of a file */
        /* e lives in the stream of a frame that enter() may move or close */
        auto_free char *copy = tenon_strdup(name);
        int rc = enter(r, fd, copy, err);
        if (rc < 0)
            return rc;
        if (rc == 0)
            return 1;
        /* d_type was out of date */
        if (unlinkat(fd, copy, 0) < 0 && errno != ENOENT)
            return tenon_error_errno(err, unlink_errno ? unlink_errno : errno,
                                     "remove \"%s\"", copy);
        f->removed_some = true;
    }
}

int
tenon_remove_tree(int dirfd, const char *name, struct tenon_error *err)
{
    if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT || errno == ENOTDIR)
        return 0;
    if (errno != EISDIR && errno != EPERM && errno != EACCES)
        return tenon_error_sys(err, "remove \"%s\"", name);
    int unlink_errno = errno;

    __attribute__((cleanup(tenon_auto_removal))) struct removal r = {
        .dirfd = dirfd};
    int rc = enter(&r, dirfd, name, err);
    if (rc < 0)
        return rc;
    if (rc == 1) {
        struct stat st;
        if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 &&
            errno == ENOENT)
            return 0;
        return tenon_error_errno(err, unlink_errno, "remove \"%s\"", name);
    }
    while (r.frames.len) {
        rc = empty_last(&r, err);
        if (rc < 0)
            return tenon_error_context(err, "remove tree \"%s\"", name);
        if (rc == 1)
            continue;
        int parent = parent_of_last(&r, err);
        if (parent < 0 && parent != AT_FDCWD)
            return parent;
        struct frame *f = &r.frames.items[r.frames.len - 1];
        if (unlinkat(parent, f->name, AT_REMOVEDIR) < 0 && errno != ENOENT) {
            /* Some file systems skip entries when others vanish under
             * readdir; look again while that helps. */
            if ((errno == ENOTEMPTY || errno == EEXIST) && f->rewinds < 1000 &&
                (f->removed_some || f->rewinds == 0)) {
                f->rewinds++;
                f->removed_some = false;
                rewinddir(f->dir);
                continue;
            }
            return tenon_error_sys(err, "remove \"%s\"", f->name);
        }
        closedir(f->dir);
        free(f->name);
        r.frames.len--;
        if (r.frames.len)
            r.frames.items[r.frames.len - 1].removed_some = true;
    }
    return 0;
}

static uint64_t
clock_ns(clockid_t clock)
{
    struct timespec ts;
    clock_gettime(clock, &ts);
    return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

int
tenon_sealed(const void *data, size_t len, struct tenon_error *err)
{
    auto_close int fd = memfd_create("tenon-secret", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return tenon_error_sys(err, "memfd_create");
    if (tenon_write_all(fd, data, len, err) < 0)
        return err->code;
    if (lseek(fd, 0, SEEK_SET) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
        return tenon_error_sys(err, "seal a secret");
    return tenon_steal_fd(&fd);
}

uint64_t
tenon_now_ns(void)
{
    return clock_ns(CLOCK_REALTIME);
}

uint64_t
tenon_monotonic_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}
