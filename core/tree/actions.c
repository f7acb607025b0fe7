/* tree/actions.c - mkdir, mkfile, rm and symlink of a file op; see tree.h. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/ids.h"
#include "base/io.h"
#include "base/root.h"
#include "tools/alloc.h"
#include "tools/path.h"
#include "tree/place.h"
#include "tree/view.h"

/* What BuildKit's filepath.Join("/", path) gives. */
static char *
rooted(const char *path)
{
    auto_free char *with = tenon_asprintf("/%s", path);
    return tenon_path_clean(with);
}

static int
give_owner(int dir, const char *name, const struct tenon_owner *owner,
           const char *path, struct tenon_error *err)
{
    if (owner && owner->set &&
        fchownat(dir, name, owner->uid, owner->gid, AT_SYMLINK_NOFOLLOW) < 0)
        return tenon_error_owner(err, owner->uid, owner->gid, "change owner of \"%s\"", path);
    return 0;
}

static int
give_times(int dir, const char *name, int64_t timestamp_ns, const char *path,
           struct tenon_error *err)
{
    if (timestamp_ns < 0)
        return 0;
    struct timespec times[2];
    tenon_place_times(timestamp_ns, times);
    if (utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) < 0)
        return tenon_error_sys(err, "set times of \"%s\"", path);
    return 0;
}

int
tenon_tree_mkdir(int dst, const char *path, uint32_t mode, bool parents,
                 const struct tenon_owner *owner, int64_t timestamp_ns,
                 struct tenon_error *err)
{
    auto_free char *clean = rooted(path);
    if (parents) {
        auto_made_dirs struct tenon_made_dirs made = {0};
        int rc = tenon_place_mkdir_p(dst, clean, mode, owner, &made, err);
        return rc < 0 ? rc
                       : tenon_place_fix_times(dst, &made, timestamp_ns, err);
    }
    auto_free char *real = NULL;
    int rc = tenon_place_resolve(dst, clean, &real, err);
    if (rc < 0)
        return rc;
    const char *name;
    auto_close int dir = tenon_place_parent(dst, real, &name, err);
    if (dir < 0)
        return tenon_error_context(err, "make directory \"%s\"", clean);
    if (!*name)
        return 0; /* the root is there */
    if (mkdirat(dir, name, 0700) < 0) {
        /* Whatever is there is left as it is. */
        if (errno == EEXIST)
            return 0;
        return tenon_error_sys(err, "make directory \"%s\"", clean);
    }
    struct stat st; /* in a set-group-id directory it is one, too */
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return tenon_error_sys(err, "make directory \"%s\"", clean);
    rc = give_owner(dir, name, owner, clean, err);
    if (rc == 0 && fchmodat(dir, name, (mode & 0777) | (st.st_mode & S_ISGID), 0) < 0)
        rc = tenon_error_sys(err, "change mode of \"%s\"", clean);
    return rc < 0 ? rc : give_times(dir, name, timestamp_ns, clean, err);
}

static int
fill_file(int fd, const char *path, uint32_t mode, const void *data, size_t len,
          const struct tenon_owner *owner, int64_t timestamp_ns,
          struct tenon_error *err)
{
    int rc = tenon_write_all(fd, data, len, err);
    if (rc < 0)
        return tenon_error_context(err, "write \"%s\"", path);
    if (owner && owner->set && fchown(fd, owner->uid, owner->gid) < 0)
        return tenon_error_owner(err, owner->uid, owner->gid, "change owner of \"%s\"", path);
    if (fchmod(fd, mode & 0777) < 0)
        return tenon_error_sys(err, "change mode of \"%s\"", path);
    if (timestamp_ns < 0)
        return 0;
    struct timespec times[2];
    tenon_place_times(timestamp_ns, times);
    if (futimens(fd, times) < 0)
        return tenon_error_sys(err, "set times of \"%s\"", path);
    return 0;
}

/* A new file takes the place of what was there: a device or a pipe left by an
 * earlier action is never written to. */
int
tenon_tree_mkfile(int dst, const char *path, uint32_t mode, const void *data,
                  size_t len, const struct tenon_owner *owner,
                  int64_t timestamp_ns, struct tenon_error *err)
{
    auto_free char *clean = rooted(path);
    auto_free char *real = NULL;
    int rc = tenon_place_resolve(dst, clean, &real, err);
    if (rc < 0)
        return rc;
    const char *name;
    auto_close int dir = tenon_place_parent(dst, real, &name, err);
    if (dir < 0)
        return tenon_error_context(err, "make file \"%s\"", clean);
    struct stat st;
    if (!*name ||
        (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
         S_ISDIR(st.st_mode)))
        return tenon_error_errno(err, EISDIR, "make file \"%s\"", clean);

    char temp[32] = ".tenon-";
    auto_close int fd = -1;
    for (unsigned tries = 0; fd < 0; tries++) {
        uint64_t random = 0;
        if (getrandom(&random, sizeof random, 0) < 0)
            return tenon_error_sys(err, "random number");
        snprintf(temp, sizeof temp, ".tenon-%016llx",
                 (unsigned long long)random);
        fd = openat(dir, temp,
                    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0 && (errno != EEXIST || tries > 100))
            return tenon_error_sys(err, "make file \"%s\"", clean);
    }
    rc = fill_file(fd, clean, mode, data, len, owner, timestamp_ns, err);
    if (rc == 0 && renameat(dir, temp, dir, name) < 0)
        rc = tenon_error_sys(err, "make file \"%s\"", clean);
    if (rc < 0)
        unlinkat(dir, temp, 0);
    return rc;
}

static int
remove_one(int dst, const char *path, bool allow_not_found,
           struct tenon_error *err)
{
    auto_free char *clean = rooted(path);
    const char *base = strrchr(clean, '/') + 1;
    if (!*base)
        return tenon_error_set(err, TENON_E_INVALID,
                               "cannot remove the root directory");
    const char *name;
    auto_close int dir = tenon_place_parent(dst, clean, &name, err);
    if (dir == TENON_E_NOT_FOUND && allow_not_found) {
        tenon_error_release(err);
        return 0;
    }
    if (dir < 0)
        return tenon_error_context(err, "remove \"%s\"", clean);
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno == ENOENT && allow_not_found)
            return 0;
        return tenon_error_sys(err, "remove \"%s\"", clean);
    }
    return tenon_remove_tree(dir, name, err);
}

int
tenon_tree_rm(int dst, const char *path, bool allow_not_found, bool wildcard,
              struct tenon_error *err)
{
    if (!wildcard || !tenon_view_is_wildcard(path))
        return remove_one(dst, path, allow_not_found, err);
    struct tenon_view_options o = {.rootfd = dst};
    struct tenon_view *view;
    int rc = tenon_view_new(&o, &view, err);
    if (rc < 0)
        return rc;
    auto_matches struct tenon_matches found = {0};
    rc = tenon_view_glob(view, path, false, &found, err);
    tenon_vec_foreach(m, &found.list)
    {
        if (rc == 0)
            rc = remove_one(dst, m->path, allow_not_found, err);
    }
    tenon_view_free(view);
    return rc;
}

int
tenon_tree_symlink(int dst, const char *target, const char *path,
                   const struct tenon_owner *owner, int64_t timestamp_ns,
                   struct tenon_error *err)
{
    auto_free char *clean = rooted(path);
    auto_free char *real = NULL;
    int rc = tenon_place_resolve(dst, clean, &real, err);
    if (rc < 0)
        return rc;
    const char *name;
    auto_close int dir = tenon_place_parent(dst, real, &name, err);
    if (dir < 0)
        return tenon_error_context(err, "make link \"%s\"", clean);
    if (symlinkat(target, dir, *name ? name : ".") < 0)
        return tenon_error_sys(err, "make link \"%s\"", clean);
    rc = give_owner(dir, name, owner, clean, err);
    return rc < 0 ? rc : give_times(dir, name, timestamp_ns, clean, err);
}
