/* image/extract.c - see extract.h. */
#include "image/extract.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <uthash.h>

#include "base/ids.h"
#include "base/io.h"
#include "base/log.h"
#include "base/root.h"
#include "tools/alloc.h"
#include "tools/buf.h"
#include "tools/path.h"
#include "tools/vec.h"

#define NAME_LIMIT 4096
#define FILE_LIMIT (INT64_C(1) << 46)
#define XATTR_LIMIT 65536
#define MTIME_MAX (INT64_MAX / 1000000000)
#define MTIME_MAX_NSEC (INT64_MAX % 1000000000)
#define WHITEOUT ".wh."
#define WHITEOUT_META ".wh..wh."
#define OPAQUE ".wh..wh..opq"
#define PARENT_MODE 0755

struct dir_time {
    char *path;
    struct timespec mtime;
};

struct emptied {
    UT_hash_handle hh;
    char path[];
};

struct run {
    const struct tenon_extract *x;
    struct archive *a;
    char *parent;  /* path of parentfd */
    int parentfd;  /* the directory of the last entry; -1 */
    bool squashed; /* an owner was not kept */
    uint64_t room; /* bytes that were free when it began, and are not promised to a file */
    uint64_t inodes;  /* the same of inodes */
    uint64_t entries; /* and directories that were made for them */
    uint64_t bytes;   /* of files, and of those that links copied; with holes */
    uint64_t holes;
    struct emptied *emptied; /* by path: directories that hold nothing from below any more */
    TENON_VEC(struct dir_time) dirs; /* set last: filling changes them */
};

static int
archive_failed(struct run *r, struct tenon_error *err)
{
    const char *text = archive_error_string(r->a);
    if (err->code)
        return err->code; /* our read callback has set it */
    return tenon_error_set(err, TENON_E_CORRUPT, "archive: %s",
                           text ? text : "damaged");
}

static void
forget_parent(struct run *r)
{
    if (r->parentfd >= 0)
        close(r->parentfd);
    r->parentfd = -1;
    free(tenon_steal(&r->parent));
}

/* ---- names --------------------------------------------------------------- */

/* Clean and absolute; "/" for the top itself. */
static int
clean_name(const char *name, char **out, struct tenon_error *err)
{
    if (!name)
        return tenon_error_set(err, TENON_E_CORRUPT,
                               "archive: an entry without a name");
    if (strlen(name) >= NAME_LIMIT)
        return tenon_error_set(err, TENON_E_LIMIT,
                               "archive: a name of %zu bytes", strlen(name));
    auto_free char *rooted = tenon_asprintf("/%s", name);
    *out = tenon_path_clean(rooted);
    return 0;
}

/* ---- how much of it -------------------------------------------------------- */

/* What is free there: bytes, and inodes.  Of a file with holes all of it counts: whoever makes a
 * layer of it or copies it reads it all. */
static void
look_what_is_free(struct run *r, int fd)
{
    struct statvfs v;
    uint64_t bytes;
    /* Without blocks it does not say: a tmpfs without a limit, some servers. */
    bool known = fstatvfs(fd, &v) == 0;
    if (!known || !v.f_blocks ||
        __builtin_mul_overflow(v.f_bavail, v.f_frsize, &bytes))
        bytes = UINT64_MAX;
    r->room = bytes;
    r->inodes = known && v.f_files ? v.f_favail : UINT64_MAX; /* btrfs makes them as it goes */
}

/* A file system gives whole blocks: to a file of a byte as well, to a directory, to a long link. */
#define BLOCK UINT64_C(4096)
#define SHORT_LINK 60 /* has room in the inode */

/* Before the disk is full of it, and other builds fail, too. */
static int
take_blocks(struct run *r, const char *name, uint64_t size, struct tenon_error *err)
{
    const uint64_t whole = (size + BLOCK - 1) / BLOCK * BLOCK;
    if (r->room == UINT64_MAX)
        return 0;
    if (whole <= r->room) {
        r->room -= whole;
        return 0;
    }
    tenon_error_errno(err, ENOSPC, "archive: with the %llu bytes of \"%s\" it is larger than what "
                      "is free: %llu bytes", (unsigned long long)size, name,
                      (unsigned long long)r->room);
    return tenon_error_hint(err, "tenon prune, or a store on a larger disk: tenon --root DIR ...");
}

static int
take_room(struct run *r, const char *name, int64_t size, struct tenon_error *err)
{
    const uint64_t most = tenon_limit(r->x->limits, TENON_LIMIT_UNPACKED);
    r->bytes += (uint64_t)size; /* of FILE_LIMIT at most, of less than 2^17 a second */
    if (r->bytes > most)
        return tenon_limit_exceeded(r->x->limits, TENON_LIMIT_UNPACKED, err, "archive: with "
                                    "\"%s\" its files have %llu bytes", name,
                                    (unsigned long long)r->bytes);
    return take_blocks(r, name, (uint64_t)size, err);
}

/* Entries, and the directories above them that nobody names. */
static int
take_entries(struct run *r, const char *path, uint64_t count, struct tenon_error *err)
{
    r->entries += count;
    if (r->entries > tenon_limit(r->x->limits, TENON_LIMIT_ENTRIES))
        return tenon_limit_exceeded(r->x->limits, TENON_LIMIT_ENTRIES, err,
                                    "archive: with \"%s\" it has %llu entries", path,
                                    (unsigned long long)r->entries);
    if (r->entries > r->inodes) {
        tenon_error_errno(err, ENOSPC, "archive: with \"%s\" it has more entries than the file "
                          "system has free inodes", path);
        return tenon_error_hint(err, "tenon prune, or another store: tenon --root DIR ...");
    }
    return 0;
}

static int
take_hole(struct run *r, uint64_t bytes, struct tenon_error *err)
{
    r->holes += bytes;
    if (r->holes <= tenon_limit(r->x->limits, TENON_LIMIT_HOLES))
        return 0;
    return tenon_limit_exceeded(r->x->limits, TENON_LIMIT_HOLES, err,
                                "archive: %llu bytes of holes in its files",
                                (unsigned long long)r->holes);
}

/* libarchive unpacks what our own stream does not know. */
static int
check_stream(struct run *r, struct tenon_error *err)
{
    const la_int64_t made = archive_filter_bytes(r->a, 0);
    if (!r->x->stream)
        return 0;
    return tenon_limit_unpacked(r->x->limits, tenon_inflate_bytes_read(r->x->stream),
                                made > 0 ? (uint64_t)made : 0, err);
}

/* A link to nothing on the way: layers make what it means, as containerd does;
 * ADD stops there, as docker's archive package does. */
static int
check_dangling(struct run *r, const char *dir, const char *path,
               struct tenon_error *err)
{
    auto_free char *prefix = tenon_strdup(dir);
    for (char *end = prefix; *end;) {
        end += 1 + strcspn(end + 1, "/");
        char kept = *end;
        *end = '\0';
        struct stat st;
        auto_error struct tenon_error none = TENON_ERROR_INIT;
        if (tenon_root_stat(r->x->rootfd, prefix, false, &st, &none) < 0)
            return 0;
        if (S_ISLNK(st.st_mode) &&
            tenon_root_stat(r->x->rootfd, prefix, true, &st, &none) < 0)
            return tenon_error_set(err, TENON_E_NOT_FOUND,
                                   "open %s: no such file or directory", path);
        *end = kept;
    }
    return 0;
}

/* Descriptor of the directory that will hold path (borrowed) and the name in
 * it (points into path). */
static int
open_parent(struct run *r, const char *path, const char **base,
            struct tenon_error *err)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash > path ? (size_t)(slash - path) : 1;
    *base = slash + 1;
    if (r->parentfd >= 0 && strlen(r->parent) == len &&
        memcmp(r->parent, path, len) == 0)
        return r->parentfd;
    forget_parent(r);
    auto_free char *dir = tenon_strndup(path, len);
    if (!r->x->layer && check_dangling(r, dir, path, err) < 0)
        return err->code;
    unsigned made;
    int fd = tenon_root_mkdir_p(r->x->rootfd, dir, PARENT_MODE, 0, 0, &made, err);
    if (fd < 0)
        return tenon_error_context(err, "archive: directory of \"%s\"", path);
    r->parent = tenon_steal(&dir);
    r->parentfd = fd;
    if (take_entries(r, path, made, err) < 0 || take_blocks(r, path, made * BLOCK, err) < 0)
        return err->code;
    return fd;
}

/* ---- what was there before ------------------------------------------------ */

static int
remove_any(struct run *r, int dirfd, const char *name, struct tenon_error *err)
{
    if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return tenon_error_sys(err, "remove \"%s\"", name);
    /* the directory that goes may be the one we hold */
    auto_close int held = dup(dirfd);
    forget_parent(r);
    return tenon_remove_tree(held, name, err);
}

/* Delete below dirfd, which is at path, what this layer did not bring. */
static int
empty_lower(struct run *r, int dirfd, const char *path, struct tenon_error *err)
{
    auto_close int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return tenon_error_sys(err, "open directory");
    auto_dir DIR *d = fdopendir(fd);
    if (!d)
        return tenon_error_sys(err, "open directory");
    int here = tenon_steal_fd(&fd);
    struct dirent *e;
    while ((errno = 0, e = readdir(d))) {
        struct stat st;
        if (tenon_streq(e->d_name, ".") || tenon_streq(e->d_name, ".."))
            continue;
        auto_free char *entry = tenon_path_join(path, e->d_name);
        if (!tenon_snapshot_work_has(r->x->work, entry)) {
            if (remove_any(r, here, e->d_name, err) < 0)
                return err->code;
            continue;
        }
        if (fstatat(here, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
            continue;
        auto_close int child =
            openat(here, e->d_name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (child >= 0 && empty_lower(r, child, entry, err) < 0)
            return err->code;
    }
    return errno ? tenon_error_sys(err, "read directory") : 0;
}

/* Said once: what is below cannot come back, and an archive could say it with each entry. */
static bool
was_emptied(struct run *r, const char *path)
{
    struct emptied *e;
    const size_t len = strlen(path);
    HASH_FIND(hh, r->emptied, path, len, e);
    if (e)
        return true;
    e = tenon_calloc(1, sizeof *e + len + 1);
    memcpy(e->path, path, len + 1);
    HASH_ADD_KEYPTR(hh, r->emptied, e->path, len, e);
    return false;
}

static void
forget_emptied(struct run *r)
{
    struct emptied *e, *next;
    HASH_ITER(hh, r->emptied, e, next) {
        HASH_DEL(r->emptied, e);
        free(e);
    }
}

static int
opaque(struct run *r, const char *dir, struct tenon_error *err)
{
    if (!r->x->work)
        return 0; /* nothing below this layer */
    auto_free char *real = NULL;
    if (tenon_root_realpath(r->x->rootfd, dir, &real, err) < 0)
        return err->code;
    if (was_emptied(r, real))
        return 0;
    auto_close int fd = tenon_root_open(r->x->rootfd, real, O_PATH | O_DIRECTORY, 0, err);
    return fd < 0 ? err->code : empty_lower(r, fd, real, err);
}

/* 1: the name was a whiteout and is done. */
static int
whiteout(struct run *r, const char *path, struct tenon_error *err)
{
    const char *base = strrchr(path, '/') + 1;
    if (!tenon_has_prefix(base, WHITEOUT))
        return 0;
    const char *name;
    int dirfd = open_parent(r, path, &name, err);
    if (dirfd < 0)
        return dirfd;
    if (tenon_streq(base, OPAQUE)) {
        auto_free char *dir = tenon_strdup(r->parent);
        return opaque(r, dir, err) < 0 ? err->code : 1;
    }
    if (tenon_has_prefix(base, WHITEOUT_META))
        return 1; /* AUFS's own */
    const char *gone = base + strlen(WHITEOUT);
    if (!*gone || tenon_streq(gone, ".") || tenon_streq(gone, ".."))
        return tenon_error_set(err, TENON_E_CORRUPT,
                               "archive: invalid whiteout \"%s\"", path);
    return remove_any(r, dirfd, gone, err) < 0 ? err->code : 1;
}

/* ---- one entry ------------------------------------------------------------ */

static int
write_data(struct run *r, int fd, int64_t size, struct tenon_error *err)
{
    int64_t end = 0;
    for (;;) {
        const void *data;
        size_t len;
        la_int64_t offset;
        int rc = archive_read_data_block(r->a, &data, &len, &offset);
        if (rc == ARCHIVE_EOF)
            break;
        if (rc < ARCHIVE_WARN)
            return archive_failed(r, err);
        if (tenon_cancel_check(r->x->cancel, err) < 0)
            return err->code;
        if (offset < end || offset > size || (int64_t)len > size - offset)
            return tenon_error_set(err, TENON_E_CORRUPT,
                                   "archive: data outside of its file");
        if (check_stream(r, err) < 0 || take_hole(r, (uint64_t)(offset - end), err) < 0)
            return err->code;
        if (offset > end && lseek(fd, offset, SEEK_SET) < 0)
            return tenon_error_sys(err, "seek");
        if (tenon_write_all(fd, data, len, err) < 0)
            return err->code;
        end = offset + (int64_t)len;
    }
    if (end < size && take_hole(r, (uint64_t)(size - end), err) < 0)
        return err->code;
    if (end < size && ftruncate(fd, size) < 0)
        return tenon_error_sys(err, "truncate");
    return 0;
}

/* The data that nobody wanted: of links, of unknown types.  Left alone, libarchive passes over it
 * with the next header, without an end in sight. */
static int
pass_over_data(struct run *r, struct tenon_error *err)
{
    for (;;) {
        const void *data;
        size_t len;
        la_int64_t offset;
        int rc = archive_read_data_block(r->a, &data, &len, &offset);
        if (rc == ARCHIVE_EOF)
            return 0;
        if (rc < ARCHIVE_WARN)
            return archive_failed(r, err);
        if (check_stream(r, err) < 0 || tenon_cancel_check(r->x->cancel, err) < 0)
            return err->code;
    }
}

/* Our own attributes (overlay's) would change what the tree means, and other
 * security.* what the host does with it. */
static bool
xattr_wanted(const char *name)
{
    if (tenon_streq(name, "security.capability"))
        return true;
    return tenon_has_prefix(name, "user.") &&
           !tenon_has_prefix(name, "user.overlay.");
}

static int
set_xattrs(struct archive_entry *e, int dirfd, const char *name,
           struct tenon_error *err)
{
    if (archive_entry_xattr_reset(e) == 0)
        return 0;
    auto_close int fd = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return tenon_error_sys(err, "open \"%s\"", name);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    const char *key;
    const void *value;
    size_t len;
    while (archive_entry_xattr_next(e, &key, &value, &len) == ARCHIVE_OK) {
        if (!key || !xattr_wanted(key))
            continue;
        if (len > XATTR_LIMIT)
            return tenon_error_set(err, TENON_E_LIMIT,
                                   "archive: attribute \"%s\" has %zu bytes", key,
                                   len);
        if (setxattr(path, key, value, len, 0) < 0 && errno != ENOTSUP &&
            errno != EPERM && errno != EINVAL)
            return tenon_error_sys(err, "set attribute \"%s\"", key);
    }
    return 0;
}

/* Times before 1970, or that do not fit into 64 bits of nanoseconds, are 0. */
static struct timespec
entry_mtime(struct archive_entry *e)
{
    int64_t s = archive_entry_mtime(e);
    long ns = archive_entry_mtime_nsec(e);
    if (s < 0 || s > MTIME_MAX || (s == MTIME_MAX && ns > MTIME_MAX_NSEC))
        return (struct timespec){0};
    return (struct timespec){s, ns};
}

/* With one id to give, images can at least be pulled and built upon, and a context is
 * one: all that they hold is 0:0 then.  What a build file asks for (ADD) is done as
 * asked. */
static int
set_owner(struct run *r, struct archive_entry *e, int dirfd, const char *name,
          struct tenon_error *err)
{
    int64_t user = r->x->uid >= 0 ? r->x->uid : archive_entry_uid(e);
    int64_t group = r->x->gid >= 0 ? r->x->gid : archive_entry_gid(e);
    /* Cut to 32 bits 2^32 is root, and the last one leaves root in place. */
    if (user < 0 || user >= UINT32_MAX || group < 0 || group >= UINT32_MAX)
        return tenon_error_set(err, TENON_E_CORRUPT, "archive: \"%s\" belongs to %lld:%lld, "
                               "which are no ids", archive_entry_pathname(e), (long long)user,
                               (long long)group);
    uid_t uid = (uid_t)user;
    gid_t gid = (gid_t)group;
    if (fchownat(dirfd, name, uid, gid, AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
    if (errno != EINVAL || !r->x->squash || !tenon_ids_single())
        return tenon_error_owner(err, uid, gid, "chown \"%s\"", name);
    if (!r->squashed)
        tenon_log(TENON_LOG_WARNING,
                  "one id to build with: \"%s\" and others in an archive belong to 0:0 "
                  "instead of %u:%u (docs/rootless.md)", name, uid, gid);
    r->squashed = true;
    return 0;
}

/* Owner, mode, attributes and time; a chown clears set-id bits and
 * capabilities, so in this order. */
static int
set_metadata(struct run *r, struct archive_entry *e, int dirfd, const char *name,
             bool is_link, struct tenon_error *err)
{
    if (set_owner(r, e, dirfd, name, err) < 0)
        return err->code;
    if (!is_link &&
        fchmodat(dirfd, name, archive_entry_perm(e) & 07777, 0) < 0)
        return tenon_error_sys(err, "chmod \"%s\"", name);
    if (set_xattrs(e, dirfd, name, err) < 0)
        return err->code;
    struct timespec t[2] = {entry_mtime(e), entry_mtime(e)};
    if (utimensat(dirfd, name, t, AT_SYMLINK_NOFOLLOW) < 0)
        return tenon_error_sys(err, "set time of \"%s\"", name);
    return 0;
}

static int
make_file(struct run *r, struct archive_entry *e, int dirfd, const char *name,
          struct tenon_error *err)
{
    int64_t size = archive_entry_size(e);
    if (size < 0 || size > FILE_LIMIT)
        return tenon_error_set(err, TENON_E_LIMIT, "archive: a file of %lld bytes",
                               (long long)size);
    if (take_room(r, name, size, err) < 0)
        return err->code;
    auto_close int fd =
        openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
               0600);
    if (fd < 0)
        return tenon_error_sys(err, "create \"%s\"", name);
    return write_data(r, fd, size, err);
}

static int
make_node(struct archive_entry *e, int dirfd, const char *name, mode_t type,
          struct tenon_error *err)
{
    dev_t dev = 0;
    if (type != S_IFIFO)
        dev = makedev(archive_entry_rdevmajor(e), archive_entry_rdevminor(e));
    /* 0:0 is how overlay spells "deleted"; no archive may say that */
    if (type == S_IFCHR && dev == makedev(0, 0)) {
        tenon_log(TENON_LOG_DEBUG, "archive: device 0:0 \"%s\" skipped", name);
        return 1;
    }
    if (mknodat(dirfd, name, type | 0600, dev) == 0)
        return 0;
    if (errno == EPERM && type != S_IFIFO) {
        /* a user namespace makes no devices */
        tenon_log(TENON_LOG_DEBUG, "archive: device \"%s\" skipped", name);
        return 1;
    }
    return tenon_error_sys(err, "make node \"%s\"", name);
}

/* The entry of a hard link speaks of the inode as any other does. */
static int
set_link_metadata(struct run *r, struct archive_entry *e, int dirfd,
                  const char *name, mode_t type, struct tenon_error *err)
{
    if (!r->x->layer && S_ISLNK(type))
        return set_owner(r, e, dirfd, name, err);
    return set_metadata(r, e, dirfd, name, S_ISLNK(type), err);
}

/* A link to a file of a layer below copies it into this one, and each name of it again. */
static int
take_copy(struct run *r, const char *target, const char *base, const struct stat *st,
          struct tenon_error *err)
{
    if (!r->x->work || !S_ISREG(st->st_mode) || !st->st_size)
        return 0;
    auto_free char *dir = tenon_strndup(target, (size_t)(strrchr(target, '/') - target));
    auto_free char *real = NULL;
    if (tenon_root_realpath(r->x->rootfd, *dir ? dir : "/", &real, err) < 0)
        return err->code;
    auto_free char *path = tenon_path_join(real, base);
    return tenon_snapshot_work_has(r->x->work, path) ? 0
                                                     : take_room(r, target, st->st_size, err);
}

static int
make_link(struct run *r, struct archive_entry *e, const char *path,
          struct tenon_error *err)
{
    auto_free char *target = NULL;
    if (clean_name(archive_entry_hardlink(e), &target, err) < 0)
        return err->code;
    auto_free char *keep = NULL;
    const char *from;
    auto_close int fromfd = tenon_root_open_parent(r->x->rootfd, target, &keep,
                                                   &from, err);
    if (fromfd < 0)
        return tenon_error_context(err, "archive: hard link \"%s\"", path);
    const char *name;
    int dirfd = open_parent(r, path, &name, err);
    if (dirfd < 0)
        return dirfd;
    struct stat a, b;
    if (fstatat(fromfd, from, &a, AT_SYMLINK_NOFOLLOW) < 0)
        return tenon_error_sys(err, "archive: hard link \"%s\" to \"%s\"", path,
                               target);
    if (S_ISDIR(a.st_mode))
        return tenon_error_set(err, TENON_E_CORRUPT,
                               "archive: hard link \"%s\" to a directory", path);
    /* What is there makes way for a link, and who is linked to himself has made way. */
    if (tenon_streq(path, target))
        return tenon_error_errno(err, ENOENT, "archive: hard link \"%s\" to itself", path);
    if (fstatat(dirfd, name, &b, AT_SYMLINK_NOFOLLOW) == 0) {
        if (a.st_dev == b.st_dev && a.st_ino == b.st_ino) /* its attributes copy it as well */
            return take_copy(r, path, name, &b, err) < 0
                       ? err->code
                       : set_link_metadata(r, e, dirfd, name, a.st_mode, err);
        if (remove_any(r, dirfd, name, err) < 0)
            return err->code;
        dirfd = open_parent(r, path, &name, err);
        if (dirfd < 0)
            return dirfd;
    }
    if (take_copy(r, target, from, &a, err) < 0)
        return err->code;
    if (linkat(fromfd, from, dirfd, name, 0) < 0)
        return tenon_error_sys(err, "archive: hard link \"%s\" to \"%s\"", path,
                               target);
    return set_link_metadata(r, e, dirfd, name, a.st_mode, err);
}

static int
make_entry(struct run *r, struct archive_entry *e, const char *path,
           struct tenon_error *err)
{
    if (archive_entry_hardlink(e))
        return make_link(r, e, path, err);

    const char *name;
    int dirfd = open_parent(r, path, &name, err);
    if (dirfd < 0)
        return dirfd;
    mode_t type = archive_entry_filetype(e);
    struct stat st;
    bool there = fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
    bool merge = there && S_ISDIR(st.st_mode) && type == S_IFDIR;
    if (there && !merge) {
        if (remove_any(r, dirfd, name, err) < 0)
            return err->code;
        dirfd = open_parent(r, path, &name, err);
        if (dirfd < 0)
            return dirfd;
    }

    int rc = 0;
    switch (type) {
    case S_IFREG:
        rc = make_file(r, e, dirfd, name, err);
        break;
    case S_IFDIR:
        if (!merge && take_blocks(r, path, 1, err) < 0)
            return err->code;
        if (!merge && mkdirat(dirfd, name, 0700) < 0)
            return tenon_error_sys(err, "make directory \"%s\"", path);
        tenon_vec_push(&r->dirs, (struct dir_time){tenon_strdup(path),
                                                   entry_mtime(e)});
        break;
    case S_IFLNK: {
        const char *target = archive_entry_symlink(e);
        if (!target || !*target || strlen(target) >= NAME_LIMIT)
            return tenon_error_set(err, TENON_E_CORRUPT,
                                   "archive: invalid link \"%s\"", path);
        if (strlen(target) >= SHORT_LINK && take_blocks(r, path, strlen(target), err) < 0)
            return err->code;
        if (symlinkat(target, dirfd, name) < 0)
            return tenon_error_sys(err, "make link \"%s\"", path);
        break;
    }
    case S_IFCHR:
    case S_IFBLK:
    case S_IFIFO:
        rc = make_node(e, dirfd, name, type, err);
        break;
    default:
        tenon_log(TENON_LOG_DEBUG, "archive: \"%s\" of unknown type skipped", path);
        return 0;
    }
    if (rc < 0)
        return tenon_error_context(err, "archive: \"%s\"", path);
    return rc > 0 ? 0
                  : set_metadata(r, e, dirfd, name, type == S_IFLNK, err);
}

/* An entry for the top.  Layers leave their root alone.  So does ADD with "." and
 * "./", as `tar -C dir .` writes them; "/" and ".." are meant for the destination. */
static int
top_entry(struct run *r, struct archive_entry *e, const char *path,
          struct tenon_error *err)
{
    auto_free char *name = tenon_path_clean(archive_entry_pathname(e));
    if (r->x->layer || tenon_streq(name, ".") ||
        archive_entry_filetype(e) != S_IFDIR ||
        archive_entry_hardlink(e))
        return 0;
    auto_close int fd = tenon_root_open(r->x->rootfd, path,
                                        O_RDONLY | O_DIRECTORY, 0, err);
    if (fd < 0)
        return err->code;
    tenon_vec_push(&r->dirs, (struct dir_time){tenon_strdup(path), entry_mtime(e)});
    return set_metadata(r, e, fd, ".", false, err);
}

static void
set_dir_times(struct run *r)
{
    tenon_vec_foreach(d, &r->dirs) {
        auto_error struct tenon_error none = TENON_ERROR_INIT;
        auto_close int fd = tenon_root_open(r->x->rootfd, d->path,
                                            O_PATH | O_DIRECTORY | O_NOFOLLOW, 0,
                                            &none);
        struct timespec t[2] = {d->mtime, d->mtime};
        if (fd >= 0) /* it may have been replaced since; its time does not matter */
            utimensat(fd, ".", t, 0);
        free(d->path);
    }
    tenon_vec_release(&r->dirs);
}

static int
run(struct run *r, uint64_t *entries, struct tenon_error *err)
{
    for (uint64_t n = 0;; n++) {
        struct archive_entry *e;
        int rc = archive_read_next_header(r->a, &e);
        if (rc == ARCHIVE_EOF) {
            if (entries)
                *entries = n;
            return 0;
        }
        if (rc < ARCHIVE_WARN || rc == ARCHIVE_RETRY) /* what comes next is a guess */
            return archive_failed(r, err);
        if (check_stream(r, err) < 0 || tenon_cancel_check(r->x->cancel, err) < 0)
            return err->code;

        auto_free char *path = NULL;
        if (clean_name(archive_entry_pathname(e), &path, err) < 0)
            return err->code;
        if (take_entries(r, path, 1, err) < 0)
            return err->code;
        rc = 0;
        if (tenon_streq(path, "/")) {
            if (top_entry(r, e, path, err) < 0 || pass_over_data(r, err) < 0)
                return err->code;
            continue;
        }
        if (r->x->layer)
            rc = whiteout(r, path, err);
        if (rc == 0)
            rc = make_entry(r, e, path, err);
        if (rc < 0 || (rc = pass_over_data(r, err)) < 0)
            return rc;
    }
}

int
tenon_extract_all(const struct tenon_extract *x, struct archive *a,
                  uint64_t *entries, struct tenon_error *err)
{
    struct run r = {.x = x, .a = a, .parentfd = -1};
    look_what_is_free(&r, x->rootfd);
    int rc = run(&r, entries, err);
    set_dir_times(&r);
    forget_parent(&r);
    forget_emptied(&r);
    return rc;
}

int
tenon_extract_locale_enter(struct tenon_extract_locale *l,
                           struct tenon_error *err)
{
    locale_t bytes = newlocale(LC_CTYPE_MASK, "C", (locale_t)0);
    if (!bytes)
        return tenon_error_sys(err, "locale C");
    l->ours = bytes;
    l->before = uselocale(bytes);
    return 0;
}

void
tenon_extract_locale_leave(struct tenon_extract_locale *l)
{
    if (!l->ours)
        return;
    uselocale((locale_t)l->before);
    freelocale((locale_t)l->ours);
    l->ours = NULL;
}
