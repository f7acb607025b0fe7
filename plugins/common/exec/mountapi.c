/* common/exec/mountapi.c - see mountapi.h.  Used between fork and exec. */
#include "mountapi.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif
#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#endif

static int
close_keep_errno(int fd)
{
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

int
mountapi_fs(const char *type, const struct mountapi_option *options, unsigned attrs)
{
    int fs = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);
    if (fs < 0)
        return -1;
    for (const struct mountapi_option *o = options; o && o->key; o++) {
        int command = o->value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;
        if (syscall(SYS_fsconfig, fs, command, o->key, o->value, 0) < 0)
            return close_keep_errno(fs);
    }
    if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return close_keep_errno(fs);
    int fd = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attrs);
    close_keep_errno(fs);
    return fd;
}

int
mountapi_open_tree(int dirfd, const char *path, bool recursive)
{
    unsigned flags = OPEN_TREE_CLONE | O_CLOEXEC | (recursive ? AT_RECURSIVE : 0) |
                     (*path ? 0 : AT_EMPTY_PATH);
    return (int)syscall(SYS_open_tree, dirfd, path, flags);
}

int
mountapi_set_attrs(int fd, unsigned attrs, bool recursive)
{
    struct mount_attr a;
    memset(&a, 0, sizeof a);
    a.attr_set = attrs;
    if (!attrs)
        return 0;
    return (int)syscall(SYS_mount_setattr, fd, "",
                        AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &a, sizeof a);
}

int
mountapi_attach(int mountfd, int targetfd)
{
    return (int)syscall(SYS_move_mount, mountfd, "", targetfd, "",
                        MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

static int
open_how(int root, const char *path, int flags, uint64_t resolve)
{
    struct open_how how;
    memset(&how, 0, sizeof how);
    how.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC);
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve;
    int fd;
    do /* EAGAIN: something was renamed meanwhile */
        fd = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
    while (fd < 0 && errno == EAGAIN);
    return fd;
}

int
mountapi_open_in(int root, const char *path, int flags)
{
    return open_how(root, path, flags, 0);
}

int
mountapi_open_plain(int root, const char *path, int flags)
{
    return open_how(root, path, flags, RESOLVE_NO_SYMLINKS);
}

/* ---- mounts of a step ------------------------------------------------------------- */

/* Make the last component of path, a prefix of the target; it may exist. */
static int
make_name(int root, char *path, char *name, bool is_dir)
{
    char saved = *name;
    *name = 0; /* "/a/b/" is the directory above */
    int parent = mountapi_open_in(root, path, O_PATH | O_DIRECTORY);
    *name = saved;
    if (parent < 0)
        return errno;
    int e = 0;
    if (is_dir) {
        if (mkdirat(parent, name, 0755) < 0 && errno != EEXIST)
            e = errno;
    } else {
        int fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                        0644);
        if (fd < 0 && errno != EEXIST)
            e = errno;
        if (fd >= 0)
            close(fd);
    }
    close(parent);
    return e;
}

/* The core has made mount points in the root; those inside of other mounts are
 * made here, as runtimes do. */
static int
open_target(int root, const char *target, bool is_dir, int *out)
{
    *out = mountapi_open_in(root, target, O_PATH);
    if (*out >= 0 || errno != ENOENT)
        return *out < 0 ? errno : 0;
    char path[PATH_MAX];
    size_t len = strlen(target);
    if (len >= sizeof path)
        return ENAMETOOLONG;
    memcpy(path, target, len + 1);
    for (char *name = path + 1; *name;) {
        char *end = strchr(name, '/');
        if (end)
            *end = 0;
        int e = make_name(root, path, name, end ? true : is_dir);
        if (e)
            return e;
        if (!end)
            break;
        *end = '/';
        name = end + 1;
    }
    *out = mountapi_open_in(root, target, O_PATH);
    return *out < 0 ? errno : 0;
}

int
mountapi_attach_step(int root, const struct tenon_exec_mount *m, unsigned attrs)
{
    attrs |= (m->flags & TENON_MOUNT_RDONLY ? MOUNT_ATTR_RDONLY : 0) |
             (m->flags & TENON_MOUNT_NOEXEC ? MOUNT_ATTR_NOEXEC : 0) |
             (m->flags & TENON_MOUNT_IS_NOSUID ? MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV : 0);
    /* By path: a descriptor belongs to the mount namespace we came from. */
    int tree = mountapi_open_tree(AT_FDCWD, m->source, true);
    if (tree < 0)
        return errno;
    struct stat st;
    int target = -1;
    int e = 0;
    if (mountapi_set_attrs(tree, attrs, true) < 0 || fstat(tree, &st) < 0)
        e = errno;
    if (!e)
        e = open_target(root, m->target, S_ISDIR(st.st_mode), &target);
    if (!e && mountapi_attach(tree, target) < 0)
        e = errno;
    if (target >= 0)
        close(target);
    close(tree);
    return e;
}
