/* exec/stubs.c - mount points that the image lacks: made before the step, removed after it. */
#include "exec/stubs.h"

#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/root.h"
#include "tools/alloc.h"
#include "tools/buf.h"
#include "tools/path.h"
#include "exec/private.h"

/* The new contents of these three belong to the executor. */
static const char *const own_trees[] = { "/proc", "/sys", "/dev" };

static bool
is_covered(const struct tenon_stubs *s, const char *real)
{
    for (size_t i = 0; i < tenon_countof(own_trees); i++)
        if (tenon_path_is_below(real, own_trees[i]))
            return true;
    tenon_vec_foreach(c, &s->covered)
        if (!strcmp(real, *c) || tenon_path_is_below(real, *c))
            return true;
    return false;
}

static void
set_times(int dirfd, const struct stat *st)
{
    const struct timespec times[2] = { st->st_atim, st->st_mtim };
    /* A directory whose times cannot be set keeps the new ones. */
    (void)futimens(dirfd, times);
}

static int
remember_parent(struct tenon_stubs *s, const char *path, const struct stat *st,
                struct tenon_error *err)
{
    tenon_vec_foreach(p, &s->parents)
        if (!strcmp(p->path, path))
            return 0;
    struct stat on_disk = *st;
    if (!tenon_step_id_inside(&s->ids, &on_disk.st_uid) ||
        !tenon_step_id_inside(&s->ids, &on_disk.st_gid))
        return tenon_error_errno(err, EOVERFLOW, "owner of %s", path);
    struct tenon_stub_parent *p = tenon_vec_add(&s->parents);
    *p = (struct tenon_stub_parent){ tenon_strdup(path), on_disk };
    return 0;
}

static int
make_one(struct tenon_stubs *s, int dirfd, const char *name, bool is_dir,
         bool leaf, const char *target, struct tenon_error *err)
{
    struct stat before;
    if (fstat(dirfd, &before) < 0)
        return tenon_error_sys(err, "mount target \"%s\"", target);
    if (is_dir) {
        if (mkdirat(dirfd, name, 0755) < 0)
            return tenon_error_sys(err, "mount target \"%s\": make \"%s\"", target, name);
    } else {
        auto_close int fd = openat(dirfd, name,
                                   O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                                   0644);
        if (fd < 0)
            return tenon_error_sys(err, "mount target \"%s\": make \"%s\"", target, name);
    }
    set_times(dirfd, &before);
    int keep = fcntl(dirfd, F_DUPFD_CLOEXEC, 3);
    if (keep < 0)
        return tenon_error_sys(err, "mount target \"%s\"", target);
    tenon_vec_push(&s->made, ((struct tenon_stub){ keep, tenon_strdup(name), leaf }));
    return 0;
}

/* real has no links left in it, so each component is opened as it is. */
static int
make_path(struct tenon_stubs *s, int rootfd, const char *real, bool is_dir,
          const char *target, struct tenon_error *err)
{
    auto_close int cur = openat(rootfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (cur < 0)
        return tenon_error_sys(err, "open the step's root");
    auto_free char *path = tenon_strdup(real);
    bool is_new = false;

    for (char *name = path + 1; *name;) {
        char *end = strchrnul(name, '/');
        bool last = !*end;
        *end = 0;

        struct stat st;
        if (fstatat(cur, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
            if (errno != ENOENT)
                return tenon_error_sys(err, "mount target \"%s\"", target);
            if (make_one(s, cur, name, !last || is_dir, last, target, err) < 0)
                return err->code;
            is_new = true;
        } else if (!last && !S_ISDIR(st.st_mode)) {
            return tenon_error_set(err, TENON_E_INVALID,
                                   "mount target \"%s\": \"%s\" is not a directory",
                                   target, path);
        } else if (!last && !is_new && remember_parent(s, path, &st, err) < 0) {
            return err->code;
        }
        if (last)
            break;
        int next = openat(cur, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0)
            return tenon_error_sys(err, "mount target \"%s\"", target);
        close(cur);
        cur = next;
        *end = '/';
        name = end + 1;
    }
    return 0;
}

int
tenon_stubs_add(struct tenon_stubs *s, int rootfd, const char *target,
                bool is_dir, bool covers, struct tenon_error *err)
{
    auto_free char *real = NULL;
    if (tenon_root_realpath(rootfd, target, &real, err) < 0)
        return tenon_error_context(err, "mount target \"%s\"", target);
    if (!strcmp(real, "/"))
        return tenon_error_set(err, TENON_E_INVALID,
                               "invalid mount target \"%s\": it is the root", target);
    if (!is_covered(s, real) && make_path(s, rootfd, real, is_dir, target, err) < 0)
        return err->code;
    if (covers)
        tenon_vec_push(&s->covered, tenon_steal(&real));
    return 0;
}

static void
remove_one(const struct tenon_stub *stub)
{
    struct stat st, dir;
    if (fstatat(stub->parent, stub->name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
        fstat(stub->parent, &dir) < 0)
        return;
    int gone = -1;
    if (S_ISDIR(st.st_mode)) /* not when something is in it */
        gone = unlinkat(stub->parent, stub->name, AT_REMOVEDIR);
    else if (S_ISREG(st.st_mode) && st.st_size == 0)
        gone = unlinkat(stub->parent, stub->name, 0);
    if (gone == 0)
        set_times(stub->parent, &dir);
}

void
tenon_stubs_remove(struct tenon_stubs *s, bool recursive)
{
    while (s->made.len) {
        struct tenon_stub *stub = &s->made.items[--s->made.len];
        if (recursive || stub->leaf)
            remove_one(stub);
        close(stub->parent);
        free(stub->name);
    }
}

/* Has dir attributes besides those that overlayfs keeps for itself? */
static bool
has_attributes(int fd)
{
    char names[4096];
    ssize_t n = flistxattr(fd, names, sizeof names);
    if (n < 0)
        return errno != ENOTSUP;
    for (char *p = names; p < names + n; p += strlen(p) + 1) {
        if (!strcmp(p, "trusted.overlay.opaque") || !strcmp(p, "user.overlay.opaque"))
            return true;
        if (!tenon_has_prefix(p, "trusted.overlay.") && !tenon_has_prefix(p, "user.overlay."))
            return true;
    }
    return false;
}

static bool
is_same(const struct stat *a, const struct stat *b)
{
    return S_ISDIR(a->st_mode) && a->st_mode == b->st_mode && a->st_uid == b->st_uid &&
           a->st_gid == b->st_gid && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void
prune_one(int upperfd, const struct tenon_stub_parent *p)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_free char *keep = NULL;
    const char *name;
    auto_close int dir = tenon_root_open_parent(upperfd, p->path, &keep, &name, &err);
    if (dir < 0)
        return;
    auto_close int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    auto_close int parent = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat st, above;
    if (fd < 0 || parent < 0 || fstat(fd, &st) < 0 || fstat(parent, &above) < 0)
        return;
    if (is_same(&st, &p->st) && !has_attributes(fd) &&
        unlinkat(parent, name, AT_REMOVEDIR) == 0)
        set_times(parent, &above);
}

static int
deepest_first(const void *a, const void *b)
{
    size_t la = strlen(((const struct tenon_stub_parent *)a)->path);
    size_t lb = strlen(((const struct tenon_stub_parent *)b)->path);
    return la < lb ? 1 : la > lb ? -1 : 0;
}

void
tenon_stubs_prune(struct tenon_stubs *s, int upperfd)
{
    if (!s->parents.len)
        return;
    qsort(s->parents.items, s->parents.len, sizeof *s->parents.items, deepest_first);
    tenon_vec_foreach(p, &s->parents)
        prune_one(upperfd, p);
}

void
tenon_stubs_release(struct tenon_stubs *s)
{
    tenon_vec_foreach(m, &s->made) {
        close(m->parent);
        free(m->name);
    }
    tenon_vec_foreach(p, &s->parents)
        free(p->path);
    tenon_vec_foreach(c, &s->covered)
        free(*c);
    tenon_vec_release(&s->made);
    tenon_vec_release(&s->parents);
    tenon_vec_release(&s->covered);
}
