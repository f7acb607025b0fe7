/* image/diff.c - see diff.h.
 *
 * The upper directory of an overlay says more than the change: directories on
 * the way, files that were copied up and left as they are, opaque marks on
 * directories that hide nothing.  So each entry is compared with what is below,
 * by the rules of BuildKit's overlay differ. */
#include "image/diff.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <uthash.h>

#include "base/aside.h"
#include "base/io.h"
#include "tools/alloc.h"
#include "tools/buf.h"
#include "image/lower.h"

#define DEPTH_MAX 4096
#define CAPABILITY_MAX 256
#define COPY_SIZE ((size_t)256 << 10)

struct inode { /* the first name of a file that has several */
    struct {
        uint64_t dev, ino;
    } key;
    char *name;
    UT_hash_handle hh;
};

/* One directory on the way down. */
struct level {
    struct level *up;
    int fd;                   /* of the upper tree, readable; -1: set aside */
    struct tenon_aside aside;
    struct tenon_lower lower; /* empty: nothing is below */
    bool opaque;              /* what is below does not show through */
    bool emitted;             /* its header has been written */
    struct stat st;
    unsigned depth;
};

static void
close_level(struct level *l)
{
    if (l->fd >= 0)
        close(l->fd);
}
TENON_DEFINE_AUTO_STRUCT(level, struct level, close_level);
#define auto_level __attribute__((cleanup(tenon_auto_level)))

struct walk {
    struct tenon_diff *d; /* without a tar: it is only looked at */
    bool leans;           /* what is below decides what it means */
    struct tenon_buf path; /* of the entry at hand, relative */
    struct inode *inodes;
    char *copy;
};

static int walk_dir(struct walk *w, struct level *l, struct tenon_error *err);

/* ---- comparing ------------------------------------------------------------ */

static ssize_t
capability(int dirfd, const char *name, char *value, struct tenon_error *err)
{
    auto_close int fd = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return tenon_error_sys(err, "open \"%s\"", name);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ssize_t n = getxattr(path, "security.capability", value, CAPABILITY_MAX);
    if (n >= 0)
        return n;
    if (errno == ENODATA || errno == ENOTSUP)
        return 0;
    return tenon_error_sys(err, "read capability of \"%s\"", name);
}

static int
same_content(int a, int b, const char *name, struct tenon_error *err)
{
    auto_close int fa = openat(a, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    auto_close int fb = openat(b, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fa < 0 || fb < 0)
        return tenon_error_sys(err, "open \"%s\"", name);
    char pa[16384], pb[16384];
    for (;;) {
        int64_t na = tenon_read_full(fa, pa, sizeof pa, err);
        int64_t nb = na < 0 ? na : tenon_read_full(fb, pb, sizeof pb, err);
        if (nb < 0)
            return (int)nb;
        if (na != nb || memcmp(pa, pb, (size_t)na) != 0)
            return 0;
        if (na < (int64_t)sizeof pa)
            return 1;
    }
}

static int
same_link(int a, int b, const char *name)
{
    char ta[4096], tb[4096];
    ssize_t na = readlinkat(a, name, ta, sizeof ta);
    ssize_t nb = readlinkat(b, name, tb, sizeof tb);
    return na >= 0 && na == nb && memcmp(ta, tb, (size_t)na) == 0;
}

/* Is the entry what is below already?  1 yes.  Times of whole seconds may have
 * come out of a tar, so that equal ones prove nothing: then the content is
 * read. */
static int
same(int upper, const struct stat *u, int lower, const struct stat *l,
     const char *name, struct tenon_error *err)
{
    if (u->st_mode != l->st_mode || u->st_uid != l->st_uid ||
        u->st_gid != l->st_gid)
        return 0;
    if (S_ISDIR(u->st_mode))
        return 1;
    if ((S_ISCHR(u->st_mode) || S_ISBLK(u->st_mode)) && u->st_rdev != l->st_rdev)
        return 0;
    if (u->st_size != l->st_size || u->st_mtim.tv_sec != l->st_mtim.tv_sec ||
        u->st_mtim.tv_nsec != l->st_mtim.tv_nsec)
        return 0;
    if (S_ISREG(u->st_mode)) {
        char cu[CAPABILITY_MAX], cl[CAPABILITY_MAX];
        ssize_t nu = capability(upper, name, cu, err);
        ssize_t nl = nu < 0 ? nu : capability(lower, name, cl, err);
        if (nl < 0)
            return (int)nl;
        if (nu != nl || memcmp(cu, cl, (size_t)nu) != 0)
            return 0;
    }
    if (u->st_mtim.tv_nsec != 0)
        return 1;
    if (S_ISLNK(u->st_mode))
        return same_link(upper, lower, name);
    if (!S_ISREG(u->st_mode) || u->st_size == 0)
        return 1;
    return same_content(upper, lower, name, err);
}

/* ---- writing -------------------------------------------------------------- */

static int64_t
clamp(const struct walk *w, int64_t mtime)
{
    return w->d->has_epoch && mtime > w->d->epoch ? w->d->epoch : mtime;
}

static void
fill(const struct walk *w, struct tenon_tar_entry *e, const struct stat *st)
{
    e->mode = st->st_mode & 07777;
    e->uid = st->st_uid;
    e->gid = st->st_gid;
    e->mtime = clamp(w, st->st_mtim.tv_sec);
}

/* Headers of the directories above that have none yet, top first.  len: how
 * much of the path names l. */
static int
emit_parents(struct walk *w, struct level *l, size_t len, struct tenon_error *err)
{
    if (!l->up || l->emitted)
        return 0;
    size_t up = len;
    while (up > 0 && w->path.data[up - 1] != '/')
        up--;
    if (emit_parents(w, l->up, up > 0 ? up - 1 : 0, err) < 0)
        return err->code;
    l->emitted = true;
    if (!w->d->tar)
        return 0;
    auto_free char *name = tenon_asprintf("%.*s/", (int)len, w->path.data);
    struct tenon_tar_entry e = {.type = TENON_TAR_DIR, .name = name};
    fill(w, &e, &l->st);
    return tenon_tar_header(w->d->tar, &e, err);
}

static size_t
parent_len(const struct walk *w)
{
    size_t len = w->path.len;
    while (len > 0 && w->path.data[len - 1] != '/')
        len--;
    return len > 0 ? len - 1 : 0;
}

static int
emit_deletion(struct walk *w, struct level *l, struct tenon_error *err)
{
    size_t dir = parent_len(w);
    if (emit_parents(w, l, dir, err) < 0 || !w->d->tar)
        return err->code;
    const char *base = w->path.data + (dir ? dir + 1 : 0);
    auto_free char *name = tenon_asprintf("%.*s%s.wh.%s", (int)dir, w->path.data,
                                          dir ? "/" : "", base);
    struct tenon_tar_entry e = {.type = TENON_TAR_FILE, .name = name};
    return tenon_tar_header(w->d->tar, &e, err);
}

static int
emit_data(struct walk *w, int fd, uint64_t size, struct tenon_error *err)
{
    uint64_t left = size;
    while (left > 0) {
        if (tenon_cancel_check(w->d->cancel, err) < 0)
            return err->code;
        size_t want = left < COPY_SIZE ? (size_t)left : COPY_SIZE;
        int64_t n = tenon_read_full(fd, w->copy, want, err);
        if (n < 0)
            return (int)n;
        if ((size_t)n < want)
            return tenon_error_set(err, TENON_E_CORRUPT,
                                   "\"%s\" became shorter while it was read",
                                   w->path.data);
        if (w->d->tar->write(w->d->tar->data, w->copy, want, err) < 0)
            return err->code;
        left -= want;
    }
    return tenon_tar_pad(w->d->tar, size, err);
}

/* The name under which this file was written before, or NULL; remembers it. */
static const char *
earlier_name(struct walk *w, const struct stat *st)
{
    if (st->st_nlink < 2)
        return NULL;
    struct inode *i, key = {.key = {st->st_dev, st->st_ino}};
    HASH_FIND(hh, w->inodes, &key.key, sizeof key.key, i);
    if (i)
        return i->name;
    i = tenon_new0(struct inode);
    i->key = key.key;
    i->name = tenon_strdup(w->path.data);
    HASH_ADD(hh, w->inodes, key, sizeof i->key, i);
    return NULL;
}

static int
emit_file(struct walk *w, struct level *l, const char *name,
          const struct stat *st, struct tenon_error *err)
{
    if (S_ISSOCK(st->st_mode) && w->d->tar)
        return 0; /* tar cannot express it */
    if (emit_parents(w, l, parent_len(w), err) < 0 || !w->d->tar)
        return err->code;
    struct tenon_tar_entry e = {.name = w->path.data};
    fill(w, &e, st);
    char target[4096 + 1], cap[CAPABILITY_MAX];
    auto_close int fd = -1;
    if (S_ISREG(st->st_mode)) {
        fd = openat(l->fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            return tenon_error_sys(err, "open \"%s\"", w->path.data);
        ssize_t n = fgetxattr(fd, "security.capability", cap, sizeof cap);
        if (n > 0) {
            e.capability = cap;
            e.capability_len = (size_t)n;
        }
    }
    /* A link repeats all but the data: whoever unpacks it gives the file its owner once more, and
     * that takes the capability away. */
    const char *first = earlier_name(w, st);
    if (first) {
        e.type = TENON_TAR_HARDLINK;
        e.link = first;
        return tenon_tar_header(w->d->tar, &e, err);
    }
    switch (st->st_mode & S_IFMT) {
    case S_IFREG:
        e.type = TENON_TAR_FILE;
        e.size = (uint64_t)st->st_size;
        if (tenon_overlay_attr(fd, "metacopy"))
            return tenon_error_set(err, TENON_E_UNSUPPORTED,
                                   "\"%s\": overlay metacopy is not supported",
                                   w->path.data);
        break;
    case S_IFLNK: {
        ssize_t n = readlinkat(l->fd, name, target, sizeof target - 1);
        if (n < 0)
            return tenon_error_sys(err, "read link \"%s\"", w->path.data);
        target[n] = '\0';
        e.type = TENON_TAR_SYMLINK;
        e.link = target;
        break;
    }
    case S_IFIFO:
        e.type = TENON_TAR_FIFO;
        break;
    default:
        e.type = S_ISCHR(st->st_mode) ? TENON_TAR_CHAR : TENON_TAR_BLOCK;
        e.major = major(st->st_rdev);
        e.minor = minor(st->st_rdev);
        break;
    }
    if (tenon_tar_header(w->d->tar, &e, err) < 0)
        return err->code;
    return fd >= 0 ? emit_data(w, fd, e.size, err) : 0;
}

/* ---- walking -------------------------------------------------------------- */

static int
visit_dir(struct walk *w, struct level *l, const char *name,
          const struct stat *st, struct tenon_lower *below,
          const struct stat *below_st, struct tenon_error *err)
{
    if (l->depth >= DEPTH_MAX)
        return tenon_error_set(err, TENON_E_LIMIT, "\"%s\": too deep",
                               w->path.data);
    auto_close int fd = openat(l->fd, name,
                               O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return tenon_error_sys(err, "open \"%s\"", w->path.data);
    if (tenon_overlay_attr(fd, "redirect"))
        return tenon_error_set(err, TENON_E_UNSUPPORTED,
                               "\"%s\": overlay redirect_dir is not supported",
                               w->path.data);
    bool marked = tenon_overlay_attr(fd, "opaque") == 'y';
    auto_level struct level child = {
        .up = l,
        .fd = tenon_steal_fd(&fd),
        .lower = *below,
        .opaque = l->opaque || marked,
        .st = *st,
        .depth = l->depth + 1,
    };
    if (marked)
        w->d->depends = true; /* on another chain it would hide other things */
    w->leans = w->leans || (marked && below->len > 0);
    bool changed = true;
    if (below->len > 0 && !w->d->bare) {
        int rc = same(-1, st, -1, below_st, name, err);
        if (rc < 0)
            return rc;
        changed = rc == 0;
    }
    if (changed && emit_parents(w, &child, w->path.len, err) < 0)
        return err->code;
    if (l->depth >= TENON_ASIDE_DEPTH && tenon_aside_close(&l->fd, &l->aside, err) < 0)
        return err->code;
    if (walk_dir(w, &child, err) < 0)
        return err->code;
    if (!child.emitted)
        w->d->depends = w->leans = true;
    return tenon_aside_open(child.fd, &l->fd, &l->aside, err);
}

/* What the upper tree says about one name; st NULL: it says nothing. */
static int
visit(struct walk *w, struct level *l, const char *name, const struct stat *st,
      struct tenon_error *err)
{
    auto_lower struct tenon_lower below = {0};
    struct stat below_st;
    int at = -1;
    int there = tenon_lower_find(&l->lower, name, &below_st, &below, &at, err);
    if (there < 0)
        return there;
    if (!st || tenon_snapshot_is_gone(w->d->store, l->fd, name, st)) {
        w->d->depends = true;
        w->leans = w->leans || (!there && !w->d->bare); /* elsewhere it may hide something */
        return there ? emit_deletion(w, l, err) : 0;
    }
    if (S_ISDIR(st->st_mode))
        return visit_dir(w, l, name, st, &below, &below_st, err);
    if (there && at >= 0 && !w->d->bare) {
        int rc = same(l->fd, st, at, &below_st, name, err);
        if (rc < 0)
            return rc;
        if (rc) {
            w->d->depends = w->leans = true;
            return 0;
        }
    }
    return emit_file(w, l, name, st, err);
}

/* Names of the upper directory and, below an opaque mark, of what it hides. */
static int
names_of(const struct level *l, char ***out, struct tenon_error *err)
{
    if (tenon_dir_names(l->fd, out, err) < 0 || !l->opaque || l->lower.len == 0)
        return err->code;
    char **own = *out, **below = NULL;
    *out = NULL;
    if (tenon_lower_list(&l->lower, &below, err) < 0) {
        tenon_strv_free(own);
        return err->code;
    }
    char **all = tenon_calloc(tenon_strv_len(own) + tenon_strv_len(below) + 1,
                              sizeof *all);
    size_t n = 0;
    char **a = own, **b = below;
    while (*a || *b) {
        int order = !*a ? 1 : !*b ? -1 : strcmp(*a, *b);
        if (order == 0)
            free(*b++);
        all[n++] = order <= 0 ? *a++ : *b++;
    }
    free(own);
    free(below);
    *out = all;
    return 0;
}

static int
walk_dir(struct walk *w, struct level *l, struct tenon_error *err)
{
    char **names = NULL;
    if (names_of(l, &names, err) < 0)
        return tenon_error_context(err, "\"%s\"", tenon_buf_str(&w->path));
    size_t len = w->path.len;
    int rc = 0;
    for (char **n = names; *n && rc == 0 && (w->d->tar || !w->leans); n++) {
        if (len > 0)
            tenon_buf_addc(&w->path, '/');
        tenon_buf_adds(&w->path, *n);
        struct stat st;
        if (fstatat(l->fd, *n, &st, AT_SYMLINK_NOFOLLOW) == 0)
            rc = visit(w, l, *n, &st, err);
        else if (errno == ENOENT)
            rc = visit(w, l, *n, NULL, err);
        else
            rc = tenon_error_sys(err, "stat \"%s\"", w->path.data);
        tenon_buf_truncate(&w->path, len);
        if (rc == 0)
            rc = tenon_cancel_check(w->d->cancel, err);
    }
    tenon_strv_free(names);
    return rc;
}

static int
walk_all(struct walk *w, struct tenon_error *err)
{
    struct tenon_diff *d = w->d;
    auto_lower struct tenon_lower lower = {0};
    auto_close int top = -1;
    int rc = tenon_lower_open(d->store, d->lower, &lower, err);
    if (rc == 0) {
        top = tenon_snapshot_open(d->store, d->snapshot, err);
        rc = top < 0 ? top : 0;
    }
    if (rc == 0) {
        struct level root = {.fd = top, .lower = lower, .emitted = true};
        rc = walk_dir(w, &root, err);
    }
    tenon_buf_release(&w->path);
    return rc;
}

int
tenon_diff_stands_alone(struct tenon_store *store, int64_t snapshot,
                        const struct tenon_chain *lower, struct tenon_cancel *cancel,
                        struct tenon_error *err)
{
    struct tenon_diff d = {
        .store = store, .snapshot = snapshot, .lower = lower, .cancel = cancel,
        .bare = tenon_snapshot_is_bare(store, snapshot),
    };
    struct walk w = {.d = &d};
    return walk_all(&w, err) < 0 ? err->code : !w.leans;
}

int
tenon_diff_write(struct tenon_diff *d, struct tenon_error *err)
{
    struct walk w = {.d = d, .copy = tenon_malloc(COPY_SIZE)};
    int rc = walk_all(&w, err);
    if (rc == 0)
        rc = tenon_tar_end(d->tar, err);
    struct inode *i, *next;
    HASH_ITER(hh, w.inodes, i, next)
    {
        HASH_DEL(w.inodes, i);
        free(i->name);
        free(i);
    }
    free(w.copy);
    return rc;
}
