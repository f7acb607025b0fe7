/* executor-native/steproot.c - the step's root and its mounts.  Between fork and exec. */
#include "native.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

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
    if (*root < 0 || native_set_attrs(*root, l->nodev ? MOUNT_ATTR_NODEV : 0, true) < 0)
        return errno;
    return 0;
}

/* Make the last component of path, a prefix of the target; it may exist. */
static int
make_name(int root, char *path, char *name, bool is_dir)
{
    char saved = *name;
    *name = 0; /* "/a/b/" is the directory above */
    int parent = native_open_in(root, path, O_PATH | O_DIRECTORY);
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
    *out = native_open_in(root, target, O_PATH);
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
    *out = native_open_in(root, target, O_PATH);
    return *out < 0 ? errno : 0;
}

static int
mount_one(const struct native_launch *l, int root, const struct tenon_exec_mount *m)
{
    unsigned attrs = (l->nodev && !(m->flags & TENON_MOUNT_DEVICE) ? MOUNT_ATTR_NODEV : 0) |
                     (m->flags & TENON_MOUNT_RDONLY ? MOUNT_ATTR_RDONLY : 0) |
                     (m->flags & TENON_MOUNT_NOEXEC ? MOUNT_ATTR_NOEXEC : 0) |
                     (m->flags & TENON_MOUNT_IS_NOSUID ? MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV : 0);
    /* By path: a descriptor belongs to the mount namespace we came from. */
    int tree = native_open_tree(AT_FDCWD, m->source, true);
    if (tree < 0)
        return errno;
    struct stat st;
    int target = -1;
    int e = 0;
    if (native_set_attrs(tree, attrs, true) < 0 || fstat(tree, &st) < 0)
        e = errno;
    if (!e)
        e = open_target(root, m->target, S_ISDIR(st.st_mode), &target);
    if (!e && native_attach(tree, target) < 0)
        e = errno;
    if (target >= 0)
        close(target);
    close(tree);
    return e;
}

int
native_mount_step(const struct native_launch *l, int root, const char **what)
{
    for (size_t i = 0; i < l->x->mount_count; i++) {
        int e = mount_one(l, root, &l->x->mounts[i]);
        if (e) {
            *what = l->x->mounts[i].target;
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
