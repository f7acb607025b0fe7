/* exec/bindpoint.c - what mount plugins give are descriptors; runtimes want paths. */
#include <fcntl.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "tools/alloc.h"
#include "exec/private.h"

#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#endif
#ifndef OPEN_TREE_CLOEXEC
#define OPEN_TREE_CLOEXEC O_CLOEXEC
#endif
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

static int
set_attributes(int fd, uint32_t flags, struct tenon_error *err)
{
    struct mount_attr attr = {0};
    if (flags & TENON_MOUNT_RDONLY)
        attr.attr_set |= MOUNT_ATTR_RDONLY;
    if (flags & TENON_MOUNT_NOEXEC)
        attr.attr_set |= MOUNT_ATTR_NOEXEC;
    if (flags & TENON_MOUNT_IS_NOSUID)
        attr.attr_set |= MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
    if (!attr.attr_set)
        return 0;
    if (syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr,
                sizeof attr) < 0)
        return tenon_error_sys(err, "set mount attributes");
    return 0;
}

int
tenon_step_bind(struct tenon_step *s, int fd, int tree_fd, uint32_t flags, char **source,
                bool *is_dir, struct tenon_error *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return tenon_error_sys(err, "stat");
    *is_dir = S_ISDIR(st.st_mode);

    auto_free char *path = tenon_asprintf("%s/m%u", s->dir, s->names++);
    if (*is_dir) {
        if (mkdir(path, 0700) < 0)
            return tenon_error_sys(err, "make %s", path);
    } else {
        auto_close int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (file < 0)
            return tenon_error_sys(err, "make %s", path);
    }

    /* A mount from fsmount(2) or open_tree(2) that is not attached cannot be
     * cloned by older kernels (EINVAL); it is moved instead. */
    auto_close int tree = (int)syscall(SYS_open_tree, fd, "",
                                       AT_EMPTY_PATH | AT_RECURSIVE | OPEN_TREE_CLONE |
                                           OPEN_TREE_CLOEXEC);
    if (tree < 0 && errno != EINVAL)
        return tenon_error_sys(err, "clone a mount");
    int from = tree >= 0 ? tree : fd;
    if (tenon_step_ids_map(s, from, fd, tree_fd, err) < 0 || set_attributes(from, flags, err) < 0)
        return err->code;
    if (syscall(SYS_move_mount, from, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return tenon_error_sys(err, "attach a mount at %s", path);
    *source = tenon_steal(&path);
    return 0;
}
