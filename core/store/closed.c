/* store/closed.c - a store is its owner's alone.
 *
 * What is in it decides what builds make, and has no digest of its own that is looked at each
 * time; and who can open the database can lock it.  So nobody else may have made any of it, and
 * nobody else gets in, whatever the modes were that it was found with. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/cleanup.h"
#include "tools/alloc.h"
#include "store/private.h"

#define OTHERS (S_IRWXG | S_IRWXO)

static int
refuse_owner(const char *path, const struct stat *st, struct tenon_error *err)
{
    tenon_error_set(err, TENON_E_DENIED, "store refused: %s belongs to uid %u, not to this user",
                    path, (unsigned)st->st_uid);
    return tenon_error_hint(err, "tenon --root DIR ..., or TENON_ROOT=DIR");
}

static bool
is_empty(int dir)
{
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_dir DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d)
        return false;
    for (struct dirent *e = readdir(d); e; e = readdir(d))
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            return false;
    return true;
}

/* The directory itself may be looked at, as /srv/tenon made by an administrator; who may write
 * there could put other parts in place of ours. */
static int
close_root(struct tenon_store *s, struct tenon_error *err)
{
    struct stat st;
    if (fstat(s->fd, &st) < 0)
        return tenon_error_sys(err, "stat %s", s->path);
    if (st.st_uid != geteuid() && faccessat(s->fd, ".", W_OK | X_OK, AT_EACCESS) < 0)
        return tenon_error_sys(err, "open %s", s->path); /* closed to us: what it should be */
    if (st.st_uid != geteuid())
        return refuse_owner(s->path, &st, err);
    if (!(st.st_mode & (S_IWGRP | S_IWOTH)))
        return 0;
    /* A directory for everybody, /tmp, or with other things in it, is not ours to close. */
    struct stat db;
    bool ours = fstatat(s->fd, "tenon.db", &db, AT_SYMLINK_NOFOLLOW) == 0 || is_empty(s->fd);
    if (!ours || (st.st_mode & S_ISVTX)) {
        tenon_error_set(err, TENON_E_DENIED, "store refused: others may write to %s", s->path);
        return tenon_error_hint(err, "chmod go-w %s", s->path);
    }
    if (fchmodat(s->fd, ".", st.st_mode & 07777 & ~(mode_t)(S_IWGRP | S_IWOTH), 0) < 0)
        return tenon_error_sys(err, "close %s to others", s->path);
    return 0;
}

static int
close_part(struct tenon_store *s, const char *name, mode_t type, struct tenon_error *err)
{
    auto_free char *path = tenon_asprintf("%s/%s", s->path, name);
    struct stat st;
    if (fstatat(s->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : tenon_error_sys(err, "stat %s", path);
    if ((st.st_mode & S_IFMT) != type)
        return tenon_error_set(err, TENON_E_DENIED, "store refused: %s is %s", path,
                               S_ISLNK(st.st_mode) ? "a link" :
                               type == S_IFDIR ? "not a directory" : "not a regular file");
    if (st.st_uid != geteuid())
        return refuse_owner(path, &st, err);
    /* By name: to open and close the database would drop the locks that this process has on
     * it. Nobody else can put a link there any more. */
    if ((st.st_mode & OTHERS) &&
        fchmodat(s->fd, name, st.st_mode & 07777 & ~(mode_t)OTHERS, 0) < 0 && errno != ENOENT)
        return tenon_error_sys(err, "close %s to others", path);
    return 0;
}

int
store_close_to_others(struct tenon_store *s, struct tenon_error *err)
{
    static const char *const dirs[] = { "content", "content/blobs", "content/blobs/sha256",
                                        "snapshots", "cache-mounts", "logs", "tmp", "locks" };
    static const char *const files[] = { "tenon.db", "tenon.db-wal", "tenon.db-shm",
                                         "tenon.db-journal" };
    if (close_root(s, err) < 0)
        return err->code;
    for (size_t i = 0; i < tenon_countof(dirs); i++)
        if (close_part(s, dirs[i], S_IFDIR, err) < 0)
            return err->code;
    /* SQLite gives the others the mode of the first. */
    if (mknodat(s->fd, "tenon.db", S_IFREG | 0600, 0) < 0 && errno != EEXIST)
        return tenon_error_sys(err, "create %s/tenon.db", s->path);
    for (size_t i = 0; i < tenon_countof(files); i++)
        if (close_part(s, files[i], S_IFREG, err) < 0)
            return err->code;
    return 0;
}
