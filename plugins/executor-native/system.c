/* executor-native/system.c - /proc, /dev, /sys and what is hidden in them.  Between fork and
 * exec. */
#include "native.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/exec/mountapi.h"
#include "common/exec/nodes.h"
#include "common/exec/profile.h"

const char native_mounting_proc[] = "mount /proc";

enum { PTS_GROUP = 5 }; /* tty */
#define SAFE (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

/* Closes mountfd; path must hold no link: an image whose /proc is one would
 * have us mount elsewhere. */
static int
attach_at(int root, const char *path, int mountfd)
{
    if (mountfd < 0)
        return errno;
    int e = 0;
    int target = mountapi_open_plain(root, path, O_PATH);
    if (target < 0 || mountapi_attach(mountfd, target) < 0)
        e = errno;
    if (target >= 0)
        close(target);
    close(mountfd);
    return e;
}

/* ---- /dev --------------------------------------------------------------- */

static int
bind_device(const struct native_launch *l, int root, int dev, const char *name)
{
    char host[32] = "/dev/", path[32] = "dev/";
    strncat(host, name, sizeof host - 6);
    strncat(path, name, sizeof path - 5);
    int file = openat(dev, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file < 0)
        return errno;
    close(file);
    /* An ordinary user's root is nobody who could change it. */
    return attach_at(root, path, l->rootless ? mountapi_open_tree(AT_FDCWD, host, false)
                                             : nodes_open(host));
}

static int
make_devices(const struct native_launch *l, int root, int dev)
{
    for (size_t i = 0; i < profile_device_count; i++) {
        const struct profile_device *d = &profile_devices[i];
        if (!l->nodev &&
            mknodat(dev, d->name, S_IFCHR | 0666, makedev(d->major, d->minor)) == 0)
            continue;
        if (!l->nodev && errno != EPERM)
            return errno;
        int e = bind_device(l, root, dev, d->name); /* in a user namespace, too */
        if (e)
            return e;
    }
    return 0;
}

static int
make_links(int dev)
{
    static const char *const links[][2] = {
        { "fd", "/proc/self/fd" },       { "stdin", "/proc/self/fd/0" },
        { "stdout", "/proc/self/fd/1" }, { "stderr", "/proc/self/fd/2" },
        { "ptmx", "pts/ptmx" },
    };
    static const char *const dirs[] = { "pts", "shm", "mqueue" };
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        if (symlinkat(links[i][1], dev, links[i][0]) < 0)
            return errno;
    for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++)
        if (mkdirat(dev, dirs[i], 0755) < 0)
            return errno;
    return 0;
}

/* File systems that belong to the machine's root whoever mounts them; file NULL: none in it. */
static int
attach_owned(const struct native_launch *l, int root, const char *path, int fd, const char *file)
{
    if (fd >= 0 && l->root_id &&
        (fchownat(fd, "", l->root_id, l->root_id, AT_EMPTY_PATH) < 0 ||
         (file && fchownat(fd, file, l->root_id, l->root_id, 0) < 0))) {
        int e = errno;
        close(fd);
        return e;
    }
    return attach_at(root, path, fd);
}

/* As text at the end of out, without allocating. */
static const char *
write_number(char out[11], uint32_t value)
{
    size_t at = 10;
    out[at] = 0;
    do
        out[--at] = (char)('0' + value % 10);
    while (value /= 10);
    return out + at;
}

static int
mount_dev(const struct native_launch *l, int root)
{
    const struct mountapi_option dev[] = { { "mode", "755" }, { "size", "65536k" },
                                            { NULL, NULL } };
    char digits[11];
    const char *gid = write_number(digits, l->first_id + PTS_GROUP);
    const struct mountapi_option pts[] = { { "ptmxmode", "0666" }, { "mode", "0620" },
                                            { l->rootless ? NULL : "gid", gid }, { NULL, NULL } };
    const struct mountapi_option shm[] = { { "mode", "1777" }, { "size", l->shm_size },
                                            { NULL, NULL } };
    int e = attach_at(root, "dev", mountapi_fs("tmpfs", dev, MOUNT_ATTR_NOSUID |
                                                               MOUNT_ATTR_STRICTATIME |
                                                               (l->nodev ? MOUNT_ATTR_NODEV : 0)));
    if (e)
        return e;
    int fd = mountapi_open_plain(root, "dev", O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return errno;
    umask(0);
    e = make_devices(l, root, fd);
    umask(022);
    if (!e)
        e = make_links(fd);
    close(fd);
    if (!e)
        e = attach_owned(l, root, "dev/pts",
                         mountapi_fs("devpts", pts, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC), "ptmx");
    if (!e)
        e = attach_at(root, "dev/shm", mountapi_fs("tmpfs", shm, SAFE));
    if (!e)
        e = attach_owned(l, root, "dev/mqueue", mountapi_fs("mqueue", NULL, SAFE), NULL);
    return e;
}

/* A terminal has a name of this machine's, in a /dev/pts that the step does not see: it gets
 * another one. */
static int
mount_console(const struct native_launch *l, int root)
{
    int dev = l->terminal ? mountapi_open_plain(root, "dev", O_RDONLY | O_DIRECTORY) : -1;
    if (dev < 0)
        return l->terminal ? errno : 0;
    int file = openat(dev, "console", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0620);
    int e = file < 0 ? errno : 0;
    if (file >= 0)
        close(file);
    close(dev);
    return e ? e : attach_at(root, "dev/console", mountapi_open_tree(AT_FDCWD, l->terminal, false));
}

/* ---- /sys --------------------------------------------------------------- */

static int
mount_hierarchy(int dir, const struct native_hierarchy *h, unsigned attrs)
{
    if (mkdirat(dir, h->name, 0755) < 0)
        return errno;
    struct mountapi_option options[16];
    size_t n = 0;
    for (char **o = h->options; o && *o && n < 15; o++) {
        bool named = !strncmp(*o, "name=", 5);
        options[n].key = named ? "name" : *o;
        options[n++].value = named ? *o + 5 : NULL;
    }
    options[n].key = NULL;
    int fd = mountapi_fs(h->is_v2 ? "cgroup2" : "cgroup", options, attrs);
    return attach_at(dir, h->name, fd);
}

/* A step can do without it: where the machine refuses, it is left out. */
static void
mount_cgroup(const struct native_launch *l, int root)
{
    unsigned attrs = SAFE | (l->insecure ? 0 : MOUNT_ATTR_RDONLY);
    if (!l->hierarchy_count) {
        attach_at(root, "sys/fs/cgroup", mountapi_fs("cgroup2", NULL, attrs));
        return;
    }
    const struct mountapi_option options[] = { { "mode", "755" }, { NULL, NULL } };
    if (attach_at(root, "sys/fs/cgroup", mountapi_fs("tmpfs", options, SAFE)) != 0)
        return;
    int dir = mountapi_open_plain(root, "sys/fs/cgroup", O_RDONLY | O_DIRECTORY);
    if (dir < 0)
        return;
    for (size_t i = 0; i < l->hierarchy_count; i++)
        mount_hierarchy(dir, &l->hierarchies[i], attrs);
    mountapi_set_attrs(dir, attrs & MOUNT_ATTR_RDONLY, false);
    close(dir);
}

static int
mount_sys(const struct native_launch *l, int root)
{
    unsigned attrs = SAFE | (l->insecure ? 0 : MOUNT_ATTR_RDONLY);
    if (!l->rootless || l->own_net)
        return attach_at(root, "sys", mountapi_fs("sysfs", NULL, attrs));
    /* sysfs shows a network namespace; that of the host is not ours to mount. */
    int fd = mountapi_open_tree(AT_FDCWD, "/sys", true);
    if (fd >= 0 && mountapi_set_attrs(fd, attrs, true) < 0) {
        int e = errno;
        close(fd);
        return e;
    }
    return attach_at(root, "sys", fd);
}

/* Where parts of /proc are hidden, as in most containers, a user namespace gets
 * no whole one. */
static int
mount_proc(const struct native_launch *l, int root)
{
    if (!l->bind_proc)
        return attach_at(root, "proc", mountapi_fs("proc", NULL, SAFE));
    int fd = mountapi_open_tree(AT_FDCWD, "/proc", true);
    if (fd >= 0 && mountapi_set_attrs(fd, SAFE, true) < 0) {
        int e = errno;
        close(fd);
        return e;
    }
    return attach_at(root, "proc", fd);
}

int
native_mount_system(const struct native_launch *l, int root, const char **what)
{
    *what = native_mounting_proc;
    int e = mount_proc(l, root);
    if (e)
        return e;
    *what = "mount /dev";
    e = mount_dev(l, root);
    if (!e)
        e = mount_console(l, root);
    if (e)
        return e;
    *what = "mount /sys";
    e = mount_sys(l, root);
    if (!e)
        mount_cgroup(l, root);
    return e;
}

/* ---- hidden and read-only ----------------------------------------------- */

static int
hide(int root, const char *path)
{
    int target = mountapi_open_plain(root, path + 1, O_PATH);
    if (target < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : errno;
    struct stat st;
    int cover = -1;
    if (fstat(target, &st) == 0)
        cover = S_ISDIR(st.st_mode) ? mountapi_fs("tmpfs", NULL, SAFE | MOUNT_ATTR_RDONLY)
                                    : mountapi_open_tree(root, "dev/null", false);
    int e = cover < 0 || mountapi_attach(cover, target) < 0 ? errno : 0;
    if (cover >= 0)
        close(cover);
    close(target);
    return e;
}

static int
make_readonly(int root, const char *path)
{
    int target = mountapi_open_plain(root, path + 1, O_PATH);
    if (target < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : errno;
    int e = 0;
    int tree = mountapi_open_tree(target, "", true);
    if (tree < 0 || mountapi_set_attrs(tree, MOUNT_ATTR_RDONLY, true) < 0 ||
        mountapi_attach(tree, target) < 0)
        e = errno;
    if (tree >= 0)
        close(tree);
    close(target);
    return e;
}

int
native_hide_paths(int root, const char **what)
{
    int e = 0;
    *what = "make a path read-only";
    for (const char *const *p = profile_readonly; *p && !e; p++)
        e = make_readonly(root, *p);
    if (e)
        return e;
    *what = "hide a path";
    for (const char *const *p = profile_masked; *p && !e; p++)
        e = hide(root, *p);
    return e;
}
