/* store/changes.c - what a step did to a copied tree, as the layer that an overlay would
 * have made of it: each entry that is new or was touched, its parents, and a mark for each
 * that is gone.  A directory in the place of another needs no mark of its own: what was in
 * the old one is marked as gone. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "tools/alloc.h"
#include "tools/vec.h"
#include "store/copies.h"

enum { MAX_DEPTH = 500 };

struct store_entry {
    char *name;
    struct stat st;
    struct store_entry *children; /* by name */
    size_t count;
};

static void
release(struct store_entry *e)
{
    for (size_t i = 0; i < e->count; i++)
        release(&e->children[i]);
    free(e->children);
    free(e->name);
}

void
store_changes_free(struct store_entry *e)
{
    if (e)
        release(e);
    free(e);
}

/* ---- before ------------------------------------------------------------- */

static bool
is_later(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

static int
look(int dirfd, struct store_entry *dir, struct timespec *last, unsigned depth,
     struct tenon_error *err)
{
    char **names = NULL;
    if (depth > MAX_DEPTH)
        return tenon_error_set(err, TENON_E_LIMIT, "too many directories deep");
    if (tenon_dir_names(dirfd, &names, err) < 0)
        return err->code;
    dir->count = tenon_strv_len(names);
    dir->children = tenon_calloc(dir->count + 1, sizeof *dir->children);
    for (size_t i = 0; i < dir->count; i++) {
        struct store_entry *e = &dir->children[i];
        e->name = names[i];
        if (err->code)
            continue; /* the names are all taken over */
        if (fstatat(dirfd, e->name, &e->st, AT_SYMLINK_NOFOLLOW) < 0) {
            tenon_error_sys(err, "stat \"%s\"", e->name);
            continue;
        }
        if (is_later(&e->st.st_ctim, last))
            *last = e->st.st_ctim;
        if (!S_ISDIR(e->st.st_mode))
            continue;
        auto_close int fd =
            openat(dirfd, e->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
            tenon_error_sys(err, "open \"%s\"", e->name);
        else
            look(fd, e, last, depth + 1, err);
    }
    free(names);
    return err->code;
}

enum { TICK_TRIES = 5000 };

/* Change times have the grain of some milliseconds, or of a server: what is done from now
 * on has to get a later one. */
static int
wait_for_tick(struct tenon_snapshot_work *w, const struct timespec *last, struct tenon_error *err)
{
    auto_close int fd = openat(w->dir, "tick", O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return tenon_error_sys(err, "create %s/tmp/%s/tick", w->store->path, w->name);
    struct stat st;
    for (int i = 0; i < TICK_TRIES; i++) {
        if (fchmod(fd, i & 1 ? 0600 : 0400) < 0 || fstat(fd, &st) < 0)
            return tenon_error_sys(err, "touch %s/tmp/%s/tick", w->store->path, w->name);
        if (is_later(&st.st_ctim, last))
            break;
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    }
    unlinkat(w->dir, "tick", 0);
    return 0;
}

int
store_changes_begin(struct tenon_snapshot_work *w, struct tenon_error *err)
{
    struct timespec last = {0};
    w->before = tenon_new0(struct store_entry);
    if (fstat(w->merged, &w->before->st) < 0)
        return tenon_error_sys(err, "stat %s/tmp/%s/merged", w->store->path, w->name);
    last = w->before->st.st_ctim;
    return look(w->merged, w->before, &last, 0, err) < 0 ? err->code
                                                         : wait_for_tick(w, &last, err);
}

/* ---- after -------------------------------------------------------------- */

/* Another name of a file that went changes its time, too, and is no change of it. */
static bool
is_touched(const struct store_entry *e, const struct stat *st)
{
    const struct stat *was = &e->st;
    if (was->st_ino != st->st_ino || (was->st_mode & S_IFMT) != (st->st_mode & S_IFMT))
        return true;
    if (was->st_ctim.tv_sec == st->st_ctim.tv_sec && was->st_ctim.tv_nsec == st->st_ctim.tv_nsec)
        return false;
    return S_ISDIR(st->st_mode) || st->st_nlink >= was->st_nlink || was->st_mode != st->st_mode ||
           was->st_uid != st->st_uid || was->st_gid != st->st_gid ||
           was->st_size != st->st_size || was->st_mtim.tv_sec != st->st_mtim.tv_sec ||
           was->st_mtim.tv_nsec != st->st_mtim.tv_nsec;
}

struct level { /* a directory on the way down */
    struct level *up;
    const char *name;
    int from, to; /* to: its like in the layer, or -1 */
    struct stat st;
    unsigned depth;
};

static int
make_level(struct level *l, struct tenon_error *err)
{
    if (l->to >= 0)
        return 0;
    if (make_level(l->up, err) < 0)
        return err->code;
    if (mkdirat(l->up->to, l->name, 0700) < 0)
        return tenon_error_sys(err, "make \"%s\"", l->name);
    l->to = openat(l->up->to, l->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return l->to < 0 ? tenon_error_sys(err, "open \"%s\"", l->name) : 0;
}

/* Last: what is put into it changes its times. */
static int
finish_level(struct level *l, struct tenon_error *err)
{
    if (l->to < 0)
        return err->code;
    const struct timespec times[2] = { l->st.st_atim, l->st.st_mtim };
    if (err->code == 0 && store_copy_root(l->from, l->to, err) == 0 && futimens(l->to, times) < 0)
        tenon_error_sys(err, "set times of \"%s\"", l->name);
    if (l->up)
        close(l->to);
    return err->code;
}

static int
put(struct level *l, const char *name, struct tenon_error *err)
{
    if (make_level(l, err) < 0)
        return err->code;
    return renameat(l->from, name, l->to, name) < 0 ? tenon_error_sys(err, "move \"%s\"", name)
                                                    : 0;
}

static int
mark_gone(struct level *l, const char *name, struct tenon_error *err)
{
    return make_level(l, err) < 0 ? err->code : store_mark_gone(l->to, name, err);
}

static int
take(struct level *l, const struct store_entry *before, struct tenon_error *err);

static int
take_one(struct level *l, const char *name, const struct store_entry *was,
         struct tenon_error *err)
{
    struct stat st;
    if (fstatat(l->from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return tenon_error_sys(err, "stat \"%s\"", name);
    bool touched = !was || is_touched(was, &st);
    if (!S_ISDIR(st.st_mode) || !was || !S_ISDIR(was->st.st_mode))
        return touched ? put(l, name, err) : 0;
    if (l->depth > MAX_DEPTH)
        return tenon_error_set(err, TENON_E_LIMIT, "too many directories deep");
    auto_close int fd = openat(l->from, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return tenon_error_sys(err, "open \"%s\"", name);
    struct level sub = { l, name, fd, -1, st, l->depth + 1 };
    if (!touched || make_level(&sub, err) == 0)
        take(&sub, was, err);
    return finish_level(&sub, err);
}

static int
take(struct level *l, const struct store_entry *before, struct tenon_error *err)
{
    char **names = NULL;
    size_t i = 0;
    int rc = tenon_dir_names(l->from, &names, err);
    for (char **n = names; rc == 0 && n && *n; n++) {
        for (; rc == 0 && i < before->count && strcmp(before->children[i].name, *n) < 0; i++)
            rc = mark_gone(l, before->children[i].name, err);
        bool was = i < before->count && !strcmp(before->children[i].name, *n);
        if (rc == 0)
            rc = take_one(l, *n, was ? &before->children[i] : NULL, err);
        i += was;
    }
    for (; rc == 0 && i < before->count; i++)
        rc = mark_gone(l, before->children[i].name, err);
    tenon_strv_free(names);
    return rc;
}

int
store_changes_take(struct tenon_snapshot_work *w, struct tenon_error *err)
{
    auto_close int to = openat(w->fs, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct level root = { .name = "/", .from = w->merged, .to = to };
    if (to < 0 || fstat(w->merged, &root.st) < 0)
        return tenon_error_sys(err, "open the layer of %s/tmp/%s", w->store->path, w->name);
    take(&root, w->before, err);
    return finish_level(&root, err);
}

/* ---- in between --------------------------------------------------------- */

static bool
has_touched(int dirfd, const struct store_entry *dir)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    char **names = NULL;
    bool found = tenon_dir_names(dirfd, &names, &ignored) < 0;
    size_t i = 0;
    for (char **n = names; !found && n && *n; n++) {
        struct stat st;
        for (; i < dir->count && strcmp(dir->children[i].name, *n) < 0; i++)
            found = true; /* one is gone */
        const struct store_entry *was =
            i < dir->count && !strcmp(dir->children[i].name, *n) ? &dir->children[i] : NULL;
        if (found || !was || fstatat(dirfd, *n, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
            is_touched(was, &st)) {
            found = true;
            break;
        }
        if (S_ISDIR(st.st_mode)) {
            auto_close int fd = openat(dirfd, *n, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
            found = fd < 0 || has_touched(fd, was);
        }
        i++;
    }
    tenon_strv_free(names);
    return found || i < dir->count;
}

static const struct store_entry *
child(const struct store_entry *dir, const char *name)
{
    for (size_t i = 0; i < dir->count; i++)
        if (!strcmp(dir->children[i].name, name))
            return &dir->children[i];
    return NULL;
}

bool
store_changes_have(struct tenon_snapshot_work *w, const char *path)
{
    auto_free char *copy = tenon_strdup(path);
    char *rest = copy;
    auto_close int at = openat(w->merged, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const struct store_entry *e = w->before;
    for (char *name = strsep(&rest, "/"); name; name = strsep(&rest, "/")) {
        struct stat st;
        if (!*name)
            continue;
        if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            return false;
        e = child(e, name);
        if (!e || (st.st_ino != e->st.st_ino))
            return true;
        if (!S_ISDIR(st.st_mode))
            return is_touched(e, &st);
        int next = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (next < 0)
            return false;
        close(at);
        at = next;
    }
    struct stat st;
    return fstat(at, &st) < 0 || is_touched(e, &st) || has_touched(at, e);
}
