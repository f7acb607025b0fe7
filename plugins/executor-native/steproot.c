/* executor-native/steproot.c - the step's root and its mounts.  Between fork and exec. */
#include "native.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/exec/mountapi.h"

int
native_enter_root(const struct native_launch *l, int *root, const char **what)
{
    const char *path = l->x->rootfs;
    *what = "make mounts private";
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return errno;
    *what = "open the step's root";
    if (mount(path, path, NULL, MS_BIND | MS_REC, NULL) < 0 || chdir(path) < 0)
        return errno;
    *root = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*root < 0 || mountapi_set_attrs(*root, l->nodev ? MOUNT_ATTR_NODEV : 0, true) < 0)
        return errno;
    return 0;
}

int
native_mount_step(const struct native_launch *l, int root, const char **what)
{
    for (size_t i = 0; i < l->x->mount_count; i++) {
        const struct tenon_exec_mount *m = l->x->mounts[i];
        bool nodev = l->nodev && !(m->flags & TENON_MOUNT_DEVICE);
        int e = mountapi_attach_step(root, m, nodev ? MOUNT_ATTR_NODEV : 0);
        if (e) {
            *what = m->target;
            return e;
        }
    }
    return 0;
}

int
native_leave_host(int root, const char **what)
{
    *what = "change the root";
    /* pivot_root leaves the old root on top of the new one; it is unmounted. */
    if (fchdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
        umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
        return errno;
    return 0;
}
