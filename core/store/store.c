/* store/store.c - opening, the layout on disk, what dead processes left. */
#include "store/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/ids.h"
#include "base/io.h"
#include "tools/alloc.h"
#include "store/copies.h"
#include "store/deep.h"

static int
open_dir(struct tenon_store *s, const char *name, int *out, struct tenon_error *err)
{
    *out = openat(s->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (*out < 0 && errno == ENOENT) {
        if (tenon_mkdir_p(s->fd, name, 0700, err) < 0)
            return tenon_error_context(err, "store %s", s->path);
        *out = openat(s->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    }
    return *out < 0 ? tenon_error_sys(err, "open %s/%s", s->path, name) : 0;
}

int
tenon_store_open(const char *root, struct tenon_store **out, struct tenon_error *err)
{
    return tenon_store_open_with(NULL, root, out, err);
}

int
tenon_store_open_with(struct tenon_store_spares *spares, const char *root,
                      struct tenon_store **out, struct tenon_error *err)
{
    struct tenon_store *s = tenon_new0(struct tenon_store);
    s->path = tenon_strdup(root);
    s->spares = spares;
    s->fd = s->blobs_fd = s->snapshots_fd = s->tmp_fd = s->locks_fd = -1;
    pthread_mutex_init(&s->tmpfs.lock, NULL);
    s->tmpfs.fd = s->tmpfs.lock_fd = -1;
    pthread_mutex_init(&s->copies.lock, NULL);
    pthread_mutex_init(&s->deep.lock, NULL);
    pthread_mutex_init(&s->mapped.lock, NULL);
    s->mapped.snapshots_fd = -1;
    memcpy(s->bounds, tenon_default_bounds, sizeof s->bounds);
    s->began_ns = (int64_t)tenon_now_ns();
    s->lease_name = tenon_asprintf("lease-%ld-%lld", (long)getpid(), (long long)s->began_ns);
    s->fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (s->fd < 0 && errno == ENOENT && tenon_mkdir_p(AT_FDCWD, root, 0700, err) == 0)
        s->fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (s->fd < 0) {
        if (!err->code)
            tenon_error_sys(err, "open store %s", root);
        goto fail;
    }
    if (store_close_to_others(s, err) < 0)
        goto fail;
    if (open_dir(s, "content/blobs/sha256", &s->blobs_fd, err) < 0 ||
        open_dir(s, "snapshots", &s->snapshots_fd, err) < 0 ||
        open_dir(s, "tmp", &s->tmp_fd, err) < 0 ||
        open_dir(s, "locks", &s->locks_fd, err) < 0)
        goto fail;
    s->userxattr = tenon_ids_mapped();
    store_copies_load(s);
    if (db_open(s, err) < 0 || store_after_start(s, err) < 0)
        goto fail;
    if (tenon_lock_acquire(s, s->lease_name, true, -1, NULL, &s->lease, err) < 0)
        goto fail;
    *out = s;
    return 0;
fail:
    tenon_store_close(s);
    return err->code;
}

void
tenon_store_close(struct tenon_store *s)
{
    if (!s)
        return;
    store_copies_close(s);
    store_deep_close(s);
    store_mapped_close(s);
    store_tmpfs_close(s);
    pthread_mutex_destroy(&s->tmpfs.lock);
    tenon_lock_release(s->lease);
    if (s->db)
        db_close(s);
    int fds[] = { s->fd, s->blobs_fd, s->snapshots_fd, s->tmp_fd, s->locks_fd };
    for (size_t i = 0; i < tenon_countof(fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    free(s->path);
    free(s->lease_name);
    free(s);
}

const char *
tenon_store_path(const struct tenon_store *s)
{
    return s->path;
}

void
tenon_store_set_limits(struct tenon_store *s, const struct tenon_limits *l)
{
    s->limits = *l;
}

const struct tenon_limits *
tenon_store_limits(const struct tenon_store *s)
{
    return s ? &s->limits : NULL;
}

int
tenon_store_fd(const struct tenon_store *s)
{
    return s->fd;
}

/* A directory of tmp/ is locked by its owner; the kernel drops the lock with
 * the process. */
static void
sweep_one(struct tenon_store *s, const char *name)
{
    auto_close int fd = openat(s->tmp_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    /* The name may have been removed and made again by a live process that has the dead one's
     * number. */
    if (fd < 0 || store_flock(fd, LOCK_EX | LOCK_NB) < 0 ||
        !store_still_there(s->tmp_fd, name, fd))
        return;
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    tenon_remove_tree(s->tmp_fd, name, &ignored);
}

/* The file of a lock whose holder died.  A process that has opened it meanwhile notices
 * (lock.c). */
static void
sweep_lock(struct tenon_store *s, const char *name)
{
    auto_close int fd = openat(s->locks_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd >= 0 && store_flock(fd, LOCK_EX | LOCK_NB) == 0 &&
        store_still_there(s->locks_fd, name, fd))
        unlinkat(s->locks_fd, name, 0);
}

enum { SWEEP_MAX = 256 };

static void
sweep_dir(struct tenon_store *s, int dir_fd, void (*sweep)(struct tenon_store *, const char *))
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir)
        return;
    int n = 0;
    for (struct dirent *e = readdir(dir); e && n < SWEEP_MAX; e = readdir(dir))
        if (e->d_name[0] != '.') {
            sweep(s, e->d_name);
            n++;
        }
}

void
tenon_store_sweep(struct tenon_store *s)
{
    sweep_dir(s, s->tmp_fd, sweep_one);
    sweep_dir(s, s->locks_fd, sweep_lock);
}
