/* common/exec/nodes.c - see nodes.h. */
#include "nodes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/exec/mountapi.h"
#include "common/exec/profile.h"
#include "tools/alloc.h"
#include "tools/cleanup.h"

static int
give_up(int fd, int e)
{
    close(fd);
    errno = e;
    return -1;
}

int
nodes_open(const char *path)
{
    int tree = mountapi_open_tree(AT_FDCWD, path, false);
    if (tree >= 0 && mountapi_set_attrs(tree, MOUNT_ATTR_RDONLY, false) < 0)
        return give_up(tree, errno);
    return tree;
}

/* ---- in tenon -------------------------------------------------------------------- */

static bool
is_null(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

int
nodes_move_up(int fd)
{
    auto_close int tree = is_null(fd) ? nodes_open("/dev/null") : -1;
    auto_close int again = -1;
    if (tree >= 0) {
        auto_free char *path = tenon_asprintf("/proc/self/fd/%d", tree);
        again = open(path, (fcntl(fd, F_GETFL) & O_ACCMODE) | O_CLOEXEC);
    }
    return fcntl(again >= 0 && is_null(again) ? again : fd, F_DUPFD_CLOEXEC, 10);
}

/* ---- in a mount namespace that ends with the step -------------------------------- */

/* As one on `fs`, or where none can be made as it is, and read-only. */
static int
cover_one(int fs, const struct profile_device *d)
{
    char path[32] = "/dev/";
    strncat(path, d->name, sizeof path - 6);
    int place = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (place < 0)
        return errno == ENOENT ? 0 : errno; /* then no runtime can bind it either */
    const bool own = mknodat(fs, d->name, S_IFCHR | 0666, makedev(d->major, d->minor)) == 0 &&
                     fchmodat(fs, d->name, 0666, 0) == 0;
    int tree = own ? mountapi_open_tree(fs, d->name, false) : nodes_open(path);
    int e = tree < 0 || mountapi_attach(tree, place) < 0 ? errno : 0;
    if (tree >= 0)
        close(tree);
    close(place);
    return e;
}

int
nodes_cover(const char *dir)
{
    static const struct mountapi_option options[] = { { "mode", "755" }, { "size", "64k" },
                                                      { NULL, NULL } };
    int target = open(dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int fs = target < 0 ? -1 : mountapi_fs("tmpfs", options, MOUNT_ATTR_NOSUID |
                                                                 MOUNT_ATTR_NOEXEC);
    int e = fs < 0 || mountapi_attach(fs, target) < 0 ? errno : 0;
    for (size_t i = 0; !e && i < profile_device_count; i++)
        e = cover_one(fs, &profile_devices[i]);
    if (fs >= 0)
        close(fs);
    if (target >= 0)
        close(target);
    return e;
}

static bool
is_covered(const char *path)
{
    for (size_t i = 0; i < profile_device_count; i++)
        if (!strncmp(path, "/dev/", 5) && !strcmp(path + 5, profile_devices[i].name))
            return true;
    return false;
}

int
nodes_keep(const char *path)
{
    if (is_covered(path))
        return 0;
    int tree = nodes_open(path);
    int place = tree < 0 ? -1 : open(path, O_PATH | O_CLOEXEC);
    int e = place < 0 || mountapi_attach(tree, place) < 0 ? errno : 0;
    if (tree >= 0)
        close(tree);
    if (place >= 0)
        close(place);
    return e;
}
