/* store/mapped.c - the store once more, with the ids of a user namespace: one mount for a
 * process, below which every layer and upper directory is mapped (Linux 5.12; overlays of
 * such: 5.19). */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "store/private.h"

#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#endif

static bool
is_same(int dirfd, const char *name, int fd)
{
    struct stat a, b;
    return fstatat(dirfd, name, &a, AT_SYMLINK_NOFOLLOW) == 0 && fstat(fd, &b) == 0 &&
           a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Below the process's own tmpfs, and so in its mounts alone: where a sweep could find it, it
 * would be the store that is swept. */
static int
make(struct tenon_store *s, int users_fd, uint32_t root)
{
    const char *tmpfs;
    int parent = store_tmpfs(s, &tmpfs);
    if (parent < 0)
        return ENOTSUP;
    auto_close int tree = (int)syscall(SYS_open_tree, s->fd, "",
                                       AT_EMPTY_PATH | OPEN_TREE_CLONE | O_CLOEXEC);
    struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)users_fd };
    if (tree < 0 || syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0)
        return errno;
    /* Where another file system is mounted there, it is not mapped. */
    if (!is_same(tree, "snapshots", s->snapshots_fd) || !is_same(tree, "tmp", s->tmp_fd))
        return EXDEV;
    auto_free char *name = store_temp_name("mapped");
    if (mkdirat(parent, name, 0700) < 0 ||
        syscall(SYS_move_mount, tree, "", parent, name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return errno;
    s->mapped.path = tenon_asprintf("%s/tmp/%s/%s", s->path, tmpfs, name);
    s->mapped.snapshots_fd = openat(tree, "snapshots", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    s->mapped.root = root;
    return s->mapped.snapshots_fd < 0 ? errno : 0;
}

int
tenon_store_map(struct tenon_store *s, int users_fd, uint32_t first, uint32_t root,
                struct tenon_error *err)
{
    pthread_mutex_lock(&s->mapped.lock);
    if (!s->mapped.is_tried) {
        s->mapped.is_tried = true;
        s->mapped.first = first;
        int e = make(s, users_fd, root);
        if (e)
            s->mapped.why_none = tenon_strdup(strerror(e));
    }
    pthread_mutex_unlock(&s->mapped.lock);
    if (s->mapped.why_none)
        return tenon_error_set(err, TENON_E_UNSUPPORTED, "map ids of %s: %s", s->path,
                               s->mapped.why_none);
    if (__atomic_load_n(&s->mapped.is_off, __ATOMIC_RELAXED))
        return tenon_error_set(err, TENON_E_UNSUPPORTED, "this kernel maps no overlays");
    if (first != s->mapped.first || root != s->mapped.root)
        return tenon_error_set(err, TENON_E_UNSUPPORTED,
                               "the store is mapped to others, from %u on", s->mapped.first);
    return 0;
}

void
store_mapped_turn_off(struct tenon_store *s)
{
    __atomic_store_n(&s->mapped.is_off, true, __ATOMIC_RELAXED);
}

void
store_mapped_close(struct tenon_store *s)
{
    if (s->mapped.snapshots_fd >= 0)
        close(s->mapped.snapshots_fd);
    if (s->mapped.path)
        umount2(s->mapped.path, MNT_DETACH | UMOUNT_NOFOLLOW);
    free(s->mapped.path);
    free(s->mapped.why_none);
    pthread_mutex_destroy(&s->mapped.lock);
}
