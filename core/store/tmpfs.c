/* store/tmpfs.c - the process's own tmpfs below tmp/: mount points and files of a few
 * bytes.
 *
 * A RUN step needs half a dozen of them for some milliseconds.  On a disk each
 * costs an inode to find, to write and to free; here it costs nothing, and all
 * of it goes with the process's mount namespace. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "store/private.h"

static void
release(struct tenon_store *s)
{
    if (s->tmpfs.fd >= 0)
        close(s->tmpfs.fd);
    if (s->tmpfs.lock_fd >= 0)
        close(s->tmpfs.lock_fd);
    free(s->tmpfs.name);
    s->tmpfs.fd = s->tmpfs.lock_fd = -1;
    s->tmpfs.name = NULL;
}

/* Where a tmpfs cannot be mounted the disk is used, and that is no error. */
static void
make(struct tenon_store *s)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    s->tmpfs.lock_fd = store_temp_dir(s, "tmpfs", &s->tmpfs.name, &ignored);
    if (s->tmpfs.lock_fd < 0)
        return;
    auto_free char *path = tenon_asprintf("%s/tmp/%s", s->path, s->tmpfs.name);
    if (mount("tmpfs", path, "tmpfs", MS_NOSUID, "size=64m,mode=0700") == 0)
        s->tmpfs.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    /* Our own sweep sees the tmpfs; other processes see the directory below it. */
    if (s->tmpfs.fd >= 0 && store_flock(s->tmpfs.fd, LOCK_EX | LOCK_NB) == 0)
        return;
    store_tmpfs_close(s);
}

int
store_tmpfs(struct tenon_store *s, const char **name)
{
    pthread_mutex_lock(&s->tmpfs.lock);
    if (!s->tmpfs.is_tried) {
        s->tmpfs.is_tried = true;
        make(s);
    }
    pthread_mutex_unlock(&s->tmpfs.lock);
    *name = s->tmpfs.name;
    return s->tmpfs.fd;
}

void
store_tmpfs_close(struct tenon_store *s)
{
    if (!s->tmpfs.name)
        return;
    auto_free char *path = tenon_asprintf("%s/tmp/%s", s->path, s->tmpfs.name);
    if (s->tmpfs.fd >= 0)
        umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
    unlinkat(s->tmp_fd, s->tmpfs.name, AT_REMOVEDIR);
    release(s);
}
