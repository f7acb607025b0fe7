/* tree/readdir.c - the entries of a view's directories, as far as its filters show
 * them. */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#include "base/root.h"
#include "tools/alloc.h"
#include "tree/view.h"

enum shown { SHOWN_NOT, SHOWN_IMPLIED, SHOWN };

static enum shown
filter(const struct tenon_view *v, const struct tenon_held *held, const char *path,
       bool is_dir)
{
    enum shown shown = SHOWN;
    if (v->include &&
        !tenon_patterns_match_in(v->include, held->include, path)) {
        if (!is_dir || !tenon_patterns_may_match_below(v->include, path))
            return SHOWN_NOT;
        shown = SHOWN_IMPLIED;
    }
    if (v->exclude && tenon_patterns_match_in(v->exclude, held->exclude, path)) {
        if (!is_dir || !tenon_patterns_may_reinclude(v->exclude, path))
            return SHOWN_NOT;
        shown = SHOWN_IMPLIED;
    }
    return shown;
}

struct found {
    struct stat st;
    size_t name, link; /* offsets into the text; link 0: none */
    enum shown shown;
};

struct listing {
    TENON_VEC(struct found) list;
    struct tenon_buf text;
};

static void
listing_release(struct listing *l)
{
    tenon_vec_release(&l->list);
    tenon_buf_release(&l->text);
}
TENON_DEFINE_AUTO_STRUCT(listing, struct listing, listing_release);

static int
by_name(const void *a, const void *b, void *text)
{
    const struct found *x = a, *y = b;
    return strcmp((const char *)text + x->name, (const char *)text + y->name);
}

static int
read_link(int dirfd, struct listing *l, struct found *f, const char *path,
          struct tenon_error *err)
{
    char target[PATH_MAX];
    ssize_t n = readlinkat(dirfd, l->text.data + f->name, target,
                           sizeof target);
    if (n < 0)
        return tenon_error_sys(err, "read link \"%s\"", path);
    if ((size_t)n == sizeof target)
        return tenon_error_set(err, TENON_E_LIMIT, "link \"%s\" is too long",
                               path);
    f->link = l->text.len;
    tenon_buf_add(&l->text, target, (size_t)n);
    tenon_buf_addc(&l->text, '\0');
    return 0;
}

/* One name: filter first, so that what is hidden costs no lstat. */
static int
take_name(struct tenon_view *v, const struct tenon_held *held, int dirfd,
          struct listing *l, const char *name, unsigned char type,
          struct tenon_buf *path, struct tenon_error *err)
{
    size_t keep = path->len;
    if (keep)
        tenon_buf_addc(path, '/');
    tenon_buf_adds(path, name);
    struct found f = {0};
    bool have_stat = false;
    int rc = 0;

    if (type == DT_UNKNOWN) {
        if (fstatat(dirfd, name, &f.st, AT_SYMLINK_NOFOLLOW) < 0)
            goto stat_failed;
        have_stat = true;
        type = S_ISDIR(f.st.st_mode) ? DT_DIR : DT_REG;
    }
    f.shown = filter(v, held, path->data, type == DT_DIR);
    if (f.shown == SHOWN_NOT)
        goto out;
    if (!have_stat && fstatat(dirfd, name, &f.st, AT_SYMLINK_NOFOLLOW) < 0)
        goto stat_failed;
    f.name = l->text.len;
    tenon_buf_add(&l->text, name, strlen(name) + 1);
    if (S_ISLNK(f.st.st_mode))
        rc = read_link(dirfd, l, &f, path->data, err);
    if (rc == 0)
        tenon_vec_push(&l->list, f);
    goto out;

stat_failed:
    /* gone since it was listed */
    if (errno != ENOENT)
        rc = tenon_error_sys(err, "\"%s\"", path->data);
out:
    tenon_buf_truncate(path, keep);
    return rc;
}

struct dirent64_head { /* as getdents64(2) gives it */
    uint64_t ino;
    int64_t off;
    unsigned short reclen;
    unsigned char type;
    char name[];
};

static int
list_dir(struct tenon_view *v, int fd, struct tenon_buf *path,
         struct listing *l, struct tenon_error *err)
{
    _Alignas(struct dirent64_head) char chunk[32768];
    auto_held struct tenon_held held =
        tenon_held_in(v->include, v->exclude, tenon_buf_str(path));
    for (;;) {
        ssize_t n = getdents64(fd, chunk, sizeof chunk);
        if (n < 0)
            return tenon_error_sys(err, "read directory \"/%s\"",
                                   tenon_buf_str(path));
        if (n == 0)
            return 0;
        for (ssize_t at = 0; at < n;) {
            const struct dirent64_head *d = (const void *)(chunk + at);
            at += d->reclen;
            if (tenon_streq(d->name, ".") || tenon_streq(d->name, ".."))
                continue;
            int rc = take_name(v, &held, fd, l, d->name, d->type, path, err);
            if (rc < 0)
                return rc;
        }
        if (l->list.len > TENON_VIEW_MAX_ENTRIES)
            return tenon_error_set(err, TENON_E_LIMIT,
                                   "directory \"/%s\" has too many entries",
                                   tenon_buf_str(path));
    }
}

static void
fill_entry(const struct tenon_view *v, struct tenon_entry *e,
           const struct found *f)
{
    const struct stat *st = &f->st;
    e->mode = st->st_mode;
    e->uid = v->owner_root ? 0 : st->st_uid;
    e->gid = v->owner_root ? 0 : st->st_gid;
    e->nlink = (uint32_t)st->st_nlink;
    e->dev = st->st_dev;
    e->ino = st->st_ino;
    e->rdev = st->st_rdev;
    e->size = (uint64_t)st->st_size;
    e->mtime_ns = tenon_stat_mtime_ns(st);
    e->ctime_ns = tenon_stat_ctime_ns(st);
    if (f->shown == SHOWN_IMPLIED)
        e->flags |= TENON_ENTRY_IMPLIED;
    /* A client sends a socket without the bit that says so. */
    if (S_ISSOCK(e->mode) && v->owner_root) {
        e->mode = (e->mode & 07777) | S_IFREG;
        e->size = 0;
        e->nlink = 1;
        e->flags |= TENON_ENTRY_EMPTY;
    }
}

int
tenon_view_read_dir(struct tenon_view *v, struct tenon_entry *dir,
                    struct tenon_error *err)
{
    if (dir->read)
        return 0;
    auto_buf struct tenon_buf path = TENON_BUF_INIT;
    tenon_entry_path(dir, &path);
    auto_close int fd =
        tenon_root_open(v->root, path.len ? path.data : ".",
                        O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, err);
    if (fd == TENON_E_NOT_FOUND && dir->parent) {
        /* removed since its parent was read: empty */
        tenon_error_release(err);
        dir->read = true;
        return 0;
    }
    if (fd < 0)
        return fd;

    auto_buf struct tenon_buf xattrs = TENON_BUF_INIT;
    if (tenon_xattr_read(v, fd, &xattrs))
        dir->flags |= TENON_ENTRY_ACL;
    if (xattrs.len) {
        dir->xattrs = tenon_new0(struct tenon_digest);
        tenon_digest_of(xattrs.data, xattrs.len, dir->xattrs);
    }

    __attribute__((cleanup(tenon_auto_listing))) struct listing l = {0};
    tenon_buf_addc(&l.text, '\0'); /* so that offset 0 means none */
    int rc = list_dir(v, fd, &path, &l, err);
    if (rc == 0)
        rc = tenon_view_check_patterns(v->include, v->exclude, err);
    if (rc < 0)
        return rc;
    if (l.list.len)
        qsort_r(l.list.items, l.list.len, sizeof *l.list.items, by_name,
                l.text.data);

    /* One block: the entries, then their names and links. */
    size_t size = l.list.len * sizeof *dir->kids;
    char *block = tenon_calloc(1, size + l.text.len);
    memcpy(block + size, l.text.data, l.text.len);
    dir->kids = (struct tenon_entry *)(void *)block;
    dir->kid_count = l.list.len;
    for (size_t i = 0; i < l.list.len; i++) {
        const struct found *f = &l.list.items[i];
        struct tenon_entry *e = &dir->kids[i];
        e->parent = dir;
        e->name = block + size + f->name;
        e->link = f->link ? block + size + f->link : NULL;
        fill_entry(v, e, f);
    }
    dir->read = true;
    return 0;
}

void
tenon_view_settle(struct tenon_entry *dir)
{
    for (size_t i = 0; i < dir->kid_count; i++) {
        struct tenon_entry *e = &dir->kids[i];
        if (!S_ISDIR(e->mode) || !e->read)
            continue;
        tenon_view_settle(e);
        if (!(e->flags & TENON_ENTRY_IMPLIED))
            continue;
        bool any = false;
        for (size_t k = 0; k < e->kid_count && !any; k++)
            any = !(e->kids[k].flags & TENON_ENTRY_HIDDEN);
        /* Only where it is news: others read the flags of what is loaded. */
        if (!any && !(e->flags & TENON_ENTRY_HIDDEN))
            e->flags |= TENON_ENTRY_HIDDEN;
    }
    atomic_store_explicit(&dir->loaded, true, memory_order_release);
}

/* An implied directory shows only when something below it does. */
static int
read_decided(struct tenon_view *v, struct tenon_entry *dir,
             struct tenon_error *err)
{
    int rc = tenon_view_read_dir(v, dir, err);
    for (size_t i = 0; rc == 0 && i < dir->kid_count; i++) {
        struct tenon_entry *e = &dir->kids[i];
        if (S_ISDIR(e->mode) && (e->flags & TENON_ENTRY_IMPLIED))
            rc = read_decided(v, e, err);
    }
    return rc;
}

int
tenon_view_load(struct tenon_view *v, struct tenon_entry *dir,
                struct tenon_error *err)
{
    if (atomic_load_explicit(&dir->loaded, memory_order_acquire))
        return 0;
    pthread_mutex_lock(&v->lock);
    int rc = 0;
    if (!atomic_load_explicit(&dir->loaded, memory_order_relaxed)) {
        rc = read_decided(v, dir, err);
        if (rc == 0)
            tenon_view_settle(dir);
    }
    pthread_mutex_unlock(&v->lock);
    return rc;
}
