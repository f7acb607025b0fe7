/* store/copytree.c - a plain recursive copy: modes, owners, times, links between its
 * files, and extended attributes; or of a layer onto what is below it; or of the directories
 * alone, with the files in both. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <uthash.h>

#include "base/io.h"
#include "tools/alloc.h"
#include "store/private.h"

struct seen { /* a file with several names */
    struct {
        uint64_t dev, ino;
    } key;
    char *path; /* in the copy */
    UT_hash_handle hh;
};

struct copy {
    struct tenon_store *store; /* a layer of it: what it removes goes; or NULL */
    bool shares; /* files are linked, not copied */
    int root;    /* of the copy */
    struct seen *links;
};

static void
copy_xattrs(int from, int to)
{
    char names[4096], value[65536];
    ssize_t n = flistxattr(from, names, sizeof names);
    for (char *p = names; n > 0 && p < names + n; p += strlen(p) + 1) {
        if (!strncmp(p, "trusted.overlay.", 16) || !strncmp(p, "user.overlay.", 13))
            continue;
        ssize_t len = fgetxattr(from, p, value, sizeof value);
        if (len >= 0)
            fsetxattr(to, p, value, (size_t)len, 0); /* what this file system cannot keep is lost */
    }
}

/* First of all: a new owner takes set-id bits and capabilities away. */
static int
set_owner(int dirfd, const char *name, const struct stat *st, struct tenon_error *err)
{
    /* EINVAL: an owner that has no id in this user namespace. */
    if (fchownat(dirfd, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 &&
        errno != EPERM && errno != EINVAL)
        return tenon_error_sys(err, "chown %s", name);
    return 0;
}

static int
set_mode_and_times(int dirfd, const char *name, const struct stat *st, struct tenon_error *err)
{
    struct timespec times[2] = { st->st_atim, st->st_mtim };
    if (!S_ISLNK(st->st_mode) && fchmodat(dirfd, name, st->st_mode & 07777, 0) < 0)
        return tenon_error_sys(err, "chmod %s", name);
    utimensat(dirfd, name, times, AT_SYMLINK_NOFOLLOW);
    return 0;
}

/* What was there before makes way, but for a directory that another is laid on. */
static int
make_way(struct copy *c, int from, int to, const char *name, const struct stat *st,
         struct tenon_error *err)
{
    struct stat old;
    char mark = 0;
    if (!c->store || fstatat(to, name, &old, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    if (S_ISDIR(st->st_mode) && S_ISDIR(old.st_mode)) {
        auto_close int fd = openat(from, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fgetxattr(fd, "trusted.overlay.opaque", &mark, 1) != 1 || mark != 'y')
            fgetxattr(fd, "user.overlay.opaque", &mark, 1);
        if (mark != 'y')
            return 0;
    }
    return tenon_remove_tree(to, name, err);
}

static int copy_dir(struct copy *c, int from, int to, const char *path, unsigned depth,
                    struct tenon_error *err);

static int
copy_regular(int from, int to, const char *name, const struct stat *st, struct tenon_error *err)
{
    auto_close int in = openat(from, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (in < 0)
        return tenon_error_sys(err, "open %s", name);
    auto_close int out =
        openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (out < 0)
        return tenon_error_sys(err, "create %s", name);
    if (tenon_copy_fd(in, out, UINT64_MAX, err) < 0)
        return tenon_error_context(err, "copy %s", name);
    if (set_owner(to, name, st, err) < 0)
        return err->code;
    copy_xattrs(in, out);
    return 0;
}

/* 1: it has a name in the copy, too. 0: it has too many names, or is not ours to link. */
static int
share(int from, int to, const char *name, struct tenon_error *err)
{
    if (linkat(from, name, to, name, 0) == 0)
        return 1;
    return errno == EMLINK || errno == EPERM ? 0 : tenon_error_sys(err, "link %s", name);
}

/* 1: made as a link to an earlier name. */
static int
link_earlier(struct copy *c, const struct stat *st, int to, const char *name, const char *path,
             struct tenon_error *err)
{
    struct seen *s, wanted = { .key = { st->st_dev, st->st_ino } };
    HASH_FIND(hh, c->links, &wanted.key, sizeof wanted.key, s);
    if (s)
        return linkat(c->root, s->path, to, name, 0) < 0
                   ? tenon_error_sys(err, "link %s", path) : 1;
    s = tenon_new0(struct seen);
    s->key = wanted.key;
    s->path = tenon_strdup(path);
    HASH_ADD(hh, c->links, key, sizeof s->key, s);
    return 0;
}

static int
copy_entry(struct copy *c, int from, int to, const char *name, const char *path, unsigned depth,
           struct tenon_error *err)
{
    struct stat st;
    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return tenon_error_sys(err, "stat %s", path);
    if (c->store && tenon_snapshot_is_gone(c->store, from, name, &st))
        return tenon_remove_tree(to, name, err);
    if (S_ISSOCK(st.st_mode) && !c->store && !c->shares)
        return 0; /* nothing without the process that listens */
    if (make_way(c, from, to, name, &st, err) < 0)
        return err->code;
    if (c->shares && !S_ISDIR(st.st_mode)) {
        int rc = share(from, to, name, err);
        if (rc)
            return rc < 0 ? rc : 0;
    } else if (!S_ISDIR(st.st_mode) && st.st_nlink > 1) {
        int rc = link_earlier(c, &st, to, name, path, err);
        if (rc)
            return rc < 0 ? rc : 0;
    }
    int rc = 0;
    if (S_ISREG(st.st_mode)) {
        rc = copy_regular(from, to, name, &st, err);
    } else if (S_ISLNK(st.st_mode)) {
        char target[4096];
        ssize_t n = readlinkat(from, name, target, sizeof target - 1);
        if (n < 0)
            return tenon_error_sys(err, "read link %s", path);
        target[n] = '\0';
        if (symlinkat(target, to, name) < 0)
            return tenon_error_sys(err, "make link %s", path);
        rc = set_owner(to, name, &st, err);
    } else if (S_ISDIR(st.st_mode)) {
        auto_close int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (in < 0 || (mkdirat(to, name, 0700) < 0 && !(c->store && errno == EEXIST)))
            return tenon_error_sys(err, "copy directory %s", path);
        auto_close int out = openat(to, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (out < 0)
            return tenon_error_sys(err, "open %s", path);
        if (set_owner(to, name, &st, err) < 0)
            return err->code;
        copy_xattrs(in, out);
        rc = copy_dir(c, in, out, path, depth + 1, err);
    } else {
        if (mknodat(to, name, st.st_mode, st.st_rdev) < 0)
            return tenon_error_sys(err, "make %s", path);
        rc = set_owner(to, name, &st, err);
    }
    return rc < 0 ? rc : set_mode_and_times(to, name, &st, err);
}

enum { MAX_DEPTH = 500 };

static int
copy_dir(struct copy *c, int from, int to, const char *path, unsigned depth,
         struct tenon_error *err)
{
    if (depth > MAX_DEPTH)
        return tenon_error_set(err, TENON_E_LIMIT, "%s: too many directories deep", path);
    char **names = NULL;
    if (tenon_dir_names(from, &names, err) < 0)
        return tenon_error_context(err, "copy %s", path);
    int rc = 0;
    for (char **name = names; *name && rc == 0; name++) {
        auto_free char *full = *path ? tenon_asprintf("%s/%s", path, *name) : tenon_strdup(*name);
        rc = copy_entry(c, from, to, *name, full, depth, err);
    }
    tenon_strv_free(names);
    return rc;
}

int
store_copy_root(int from, int to, struct tenon_error *err)
{
    struct stat st;
    if (fstat(from, &st) < 0)
        return tenon_error_sys(err, "stat a tree");
    if (set_owner(to, ".", &st, err) < 0)
        return err->code;
    copy_xattrs(from, to);
    return fchmod(to, st.st_mode & 07777) < 0 ? tenon_error_sys(err, "chmod a tree") : 0;
}

static int
copy_tree(struct tenon_store *store, bool shares, int from, int to, struct tenon_error *err)
{
    struct copy c = { .store = store, .shares = shares, .root = to };
    auto_close int in = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (in < 0)
        return tenon_error_sys(err, "open a tree to copy");
    copy_dir(&c, in, to, "", 0, err);
    struct seen *s, *next;
    HASH_ITER(hh, c.links, s, next) {
        HASH_DEL(c.links, s);
        free(s->path);
        free(s);
    }
    return err->code;
}

int
store_copy_tree(int from, int to, struct tenon_error *err)
{
    return copy_tree(NULL, false, from, to, err);
}

int
store_copy_layer(struct tenon_store *s, int from, int to, struct tenon_error *err)
{
    return copy_tree(s, false, from, to, err);
}

int
store_link_tree(int from, int to, struct tenon_error *err)
{
    return copy_tree(NULL, true, from, to, err);
}

int
store_link_layer(struct tenon_store *s, int from, int to, struct tenon_error *err)
{
    return copy_tree(s, true, from, to, err);
}
