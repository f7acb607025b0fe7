/* serve/oldtree.c - see oldtree.h. */
#include "oldtree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "tools/alloc.h"
#include "tools/comma.h"

#define NS_PER_S INT64_C(1000000000)

static int64_t
mtime_of(const struct stat *st)
{
    return st->st_mtim.tv_sec * NS_PER_S + st->st_mtim.tv_nsec;
}

static bool
says(int parent, const char *name, const char *link)
{
    char target[PATH_MAX];
    const ssize_t len = readlinkat(parent, name, target, sizeof target);

    return len >= 0 && (size_t)len == strlen(link) && !memcmp(target, link, (size_t)len);
}

/* A file with several names is not told from one that only has been the other: it comes again. */
static bool
is_same_file(const struct stat *old, const struct oldtree_listed *listed)
{
    if (listed->linked)
        return old->st_dev == listed->linked->st_dev && old->st_ino == listed->linked->st_ino;
    return !listed->unsure && old->st_nlink == 1 && old->st_size == listed->size &&
           (old->st_mode & 07777) == (listed->mode & 07777) &&
           mtime_of(old) == listed->mtime_ns;
}

static bool
is_same(int parent, const char *name, const struct stat *old, const struct oldtree_listed *listed)
{
    if ((old->st_mode & S_IFMT) != (listed->mode & S_IFMT))
        return false;
    return S_ISREG(old->st_mode)   ? is_same_file(old, listed)
           : S_ISLNK(old->st_mode) ? says(parent, name, listed->link) : true;
}

int
oldtree_keep(int parent, const char *name, const struct oldtree_listed *listed,
             struct tenon_error *err)
{
    struct stat old;

    if (fstatat(parent, name, &old, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : tenon_error_sys(err, "stat %s", name);
    if (!is_same(parent, name, &old, listed))
        return tenon_remove_tree(parent, name, err);
    if (S_ISDIR(old.st_mode) && (old.st_mode & 0700) != 0700 &&
        fchmodat(parent, name, 0700, 0) < 0) /* something may have to be made in it */
        return tenon_error_sys(err, "open %s", name);
    return 1;
}

int
oldtree_prune(int dirfd, const char *path, const struct oldtree_list *list,
              struct tenon_error *err)
{
    auto_strv char **names = NULL;

    if (tenon_dir_names(dirfd, &names, err) < 0)
        return err->code;
    for (char **n = names; n && *n; n++) {
        auto_free char *inner = tenon_asprintf("%s%s%s", path, *path ? "/" : "", *n);
        if (!list->has(list->data, inner) && tenon_remove_tree(dirfd, *n, err) < 0)
            return err->code;
    }
    return TENON_OK;
}
