/* executor-native/mountapi.c - the new mount API as functions.  Used between fork and exec. */
#include "native.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <string.h>
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
native_fs(const char *type, const struct native_fs_option *options, unsigned attrs)
{
    int fs = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);
    if (fs < 0)
        return -1;
    for (const struct native_fs_option *o = options; o && o->key; o++) {
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
native_open_tree(int dirfd, const char *path, bool recursive)
{
    unsigned flags = OPEN_TREE_CLONE | O_CLOEXEC | (recursive ? AT_RECURSIVE : 0) |
                     (*path ? 0 : AT_EMPTY_PATH);
    return (int)syscall(SYS_open_tree, dirfd, path, flags);
}

int
native_set_attrs(int fd, unsigned attrs, bool recursive)
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
native_attach(int mountfd, int targetfd)
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
native_open_in(int root, const char *path, int flags)
{
    return open_how(root, path, flags, 0);
}

int
native_open_plain(int root, const char *path, int flags)
{
    return open_how(root, path, flags, RESOLVE_NO_SYMLINKS);
}
