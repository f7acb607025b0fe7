/* tree/buildkitdigest.c - what a selector means as BuildKit's digest of it: to find what is in
 * caches of BuildKit's (docs/caching.md).
 *
 * A file is its header, in the form of docker's "tarsum" and without a name, and its data. A
 * directory is the list of what is in it, each with its digest, itself first as "\0". With
 * patterns, or a wildcard, all that is selected is one list of paths with a digest each, in which
 * a directory is its header alone. */
#include "tree/buildkitdigest.h"

#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/cancel.h"
#include "tools/alloc.h"
#include "tools/path.h"
#include "tree/view.h"

#define CHUNK (256 * 1024)

struct digester {
    struct tenon_view *view;
    struct tenon_cancel *cancel;
    struct tenon_error *err;
};

/* ---- one entry ------------------------------------------------------------------------- */

static void
add_text(struct tenon_hash *h, const char *s)
{
    tenon_hash_update(h, s, strlen(s));
}

static void
add_number(struct tenon_hash *h, const char *name, uint64_t value)
{
    char text[64];
    snprintf(text, sizeof text, "%s%llu", name, (unsigned long long)value);
    add_text(h, text);
}

static char
type_flag(mode_t mode)
{
    return S_ISDIR(mode) ? '5' : S_ISLNK(mode) ? '2' : S_ISCHR(mode) ? '3'
           : S_ISBLK(mode) ? '4' : S_ISFIFO(mode) ? '6' : '0';
}

static void
add_header(struct tenon_hash *h, const struct tenon_entry *e)
{
    const bool device = S_ISCHR(e->mode) || S_ISBLK(e->mode);
    const mode_t mode = S_ISLNK(e->mode) ? 0777 : e->mode & 07777;
    const char type[] = { type_flag(e->mode), '\0' };
    add_text(h, "name");
    add_number(h, "mode", mode);
    add_number(h, "uid", e->uid);
    add_number(h, "gid", e->gid);
    add_number(h, "size", *type == '0' && !(e->flags & TENON_ENTRY_EMPTY) ? e->size : 0);
    add_text(h, "typeflag");
    add_text(h, type);
    add_text(h, "linkname");
    add_text(h, e->link ? e->link : "");
    add_text(h, "unamegname");
    add_number(h, "devmajor", device ? major(e->rdev) : 0);
    add_number(h, "devminor", device ? minor(e->rdev) : 0);
}

/* Framed by tenon_xattr_read; there without lengths. */
static void
add_xattrs(struct tenon_hash *h, const struct tenon_buf *framed)
{
    for (size_t at = 0; at < framed->len;) {
        const unsigned char *le = (const unsigned char *)framed->data + at;
        size_t n = le[0] | (size_t)le[1] << 8 | (size_t)le[2] << 16 | (size_t)le[3] << 24;
        tenon_hash_update(h, le + 4, n);
        at += 4 + n;
    }
}

static int
add_data(struct tenon_hash *h, const struct digester *d, int fd)
{
    auto_free char *chunk = tenon_malloc(CHUNK);
    for (;;) {
        ssize_t n = read(fd, chunk, CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return tenon_error_sys(d->err, "read");
        if (n == 0)
            return 0;
        tenon_hash_update(h, chunk, (size_t)n);
        if (tenon_cancel_fired(d->cancel))
            return tenon_cancel_check(d->cancel, d->err);
    }
}

static int
digest_entry(struct digester *d, const struct tenon_entry *e, struct tenon_digest *out)
{
    auto_hash struct tenon_hash *h = tenon_hash_new();
    const bool file = S_ISREG(e->mode) && !(e->flags & TENON_ENTRY_EMPTY);
    auto_buf struct tenon_buf xattrs = TENON_BUF_INIT;
    int rc = 0;
    if (!e->parent && d->view->owner_root) { /* what holds a context is not of the context */
        tenon_digest_of("", 0, out);
        return 0;
    }
    add_header(h, e);
    if (file || (S_ISDIR(e->mode) && e->xattrs)) {
        auto_close int fd = tenon_view_open(d->view, e, -1, d->err);
        if (fd < 0)
            return fd;
        tenon_xattr_read(d->view, fd, &xattrs);
        add_xattrs(h, &xattrs);
        rc = file ? add_data(h, d, fd) : 0;
    } else if (!S_ISREG(e->mode) && !S_ISDIR(e->mode)) {
        tenon_xattr_read_special(d->view, e, &xattrs);
        add_xattrs(h, &xattrs);
    }
    if (rc == 0)
        tenon_hash_final(h, out);
    return rc;
}

/* ---- a tree ---------------------------------------------------------------------------- */

static int
digest_tree(struct digester *d, struct tenon_entry *e, struct tenon_digest *out)
{
    struct tenon_digest one;
    if (!S_ISDIR(e->mode))
        return digest_entry(d, e, out);
    auto_hash struct tenon_hash *h = tenon_hash_new();
    int rc = tenon_view_load(d->view, e, d->err);
    if (rc == 0)
        rc = digest_entry(d, e, &one);
    if (rc < 0)
        return rc;
    tenon_hash_update(h, "", 1);
    add_text(h, one.str);
    for (size_t i = 0; i < e->kid_count; i++) {
        if (e->kids[i].flags & TENON_ENTRY_HIDDEN)
            continue;
        rc = digest_tree(d, &e->kids[i], &one);
        if (rc < 0)
            return rc;
        tenon_hash_update(h, "", 1);
        add_text(h, e->kids[i].name);
        add_text(h, one.str);
    }
    tenon_hash_final(h, out);
    return 0;
}

static int
digest_path(struct digester *d, const char *path, bool follow, struct tenon_digest *out)
{
    struct tenon_entry *e;
    int rc = tenon_view_lookup(d->view, path, follow, &e, d->err);
    return rc < 0 ? rc : digest_tree(d, e, out);
}

/* ---- a selection ----------------------------------------------------------------------- */

struct item {
    char *path; /* "/a/b", below where the selection begins; "" itself */
    struct tenon_digest digest;
};

struct selection {
    struct digester *d;
    bool follow;
    struct tenon_patterns *include, *exclude; /* NULL: none */
    size_t prefix;         /* length of what all paths begin with */
    struct tenon_buf path; /* of the entry, and where `top` of it is the one that was named */
    size_t top;
    TENON_VEC(struct item) items;
};

struct frame { /* a directory on the way down, for those that show only by what is below */
    struct frame *up;
    struct tenon_entry *dir;
    size_t path_len;
    bool done;
};

static int
add_item(struct selection *s, struct tenon_entry *e, size_t path_len, bool follow)
{
    struct item *item = tenon_vec_add(&s->items);
    item->path = tenon_strndup(s->path.data + s->prefix, path_len - s->prefix);
    if (!follow || !S_ISLNK(e->mode))
        return digest_entry(s->d, e, &item->digest);
    return digest_path(s->d, tenon_buf_str(&s->path), true, &item->digest);
}

static int
add_frames(struct selection *s, struct frame *f)
{
    if (!f || f->done)
        return 0;
    int rc = add_frames(s, f->up);
    f->done = true;
    return rc < 0 ? rc : add_item(s, f->dir, f->path_len, false);
}

/* held: of the directory that the entry is in; NULL for the one that was named. */
static int
select_tree(struct selection *s, struct tenon_entry *e, struct frame *up,
            const struct tenon_held *held, bool bare)
{
    if (tenon_cancel_fired(s->d->cancel))
        return tenon_cancel_check(s->d->cancel, s->d->err);
    const char *path = tenon_buf_str(&s->path) + s->top;
    path += *path == '/';
    bool wanted = !s->include || (held && tenon_patterns_match_in(s->include, held->include, path));
    if (wanted && held && s->exclude)
        wanted = !tenon_patterns_match_in(s->exclude, held->exclude, path);
    if (!S_ISDIR(e->mode)) {
        int rc = wanted ? add_frames(s, up) : 0;
        return rc < 0 || !wanted ? rc : add_item(s, e, s->path.len, !up && s->follow);
    }
    struct frame f = { up, e, s->path.len, bare };
    int rc = tenon_view_load(s->d->view, e, s->d->err);
    if (rc == 0 && wanted)
        rc = add_frames(s, &f);
    auto_held struct tenon_held below = tenon_held_in(s->include, s->exclude, held ? path : "");
    const size_t keep = s->path.len;
    for (size_t i = 0; rc == 0 && i < e->kid_count; i++) {
        if (e->kids[i].flags & TENON_ENTRY_HIDDEN)
            continue;
        tenon_buf_addc(&s->path, '/');
        tenon_buf_adds(&s->path, e->kids[i].name);
        rc = select_tree(s, &e->kids[i], bare ? NULL : &f, &below, false);
        tenon_buf_truncate(&s->path, keep);
    }
    return rc;
}

static int
select_wildcard(struct selection *s, const char *pattern)
{
    auto_matches struct tenon_matches found = {0};
    int rc = tenon_view_glob(s->d->view, pattern, true, &found, s->d->err);
    if (rc == TENON_E_NOT_FOUND) { /* nothing is selected */
        tenon_error_release(s->d->err);
        return 0;
    }
    /* What is before the first wildcard is in none of the paths, whatever it leads to. */
    size_t depth = 0, wild = 0;
    for (const char *p = pattern; *p; p++) {
        depth += *p == '/' && p[1];
        if (!wild && (*p == '*' || *p == '?' || *p == '[' || *p == '\\'))
            wild = depth;
    }
    tenon_vec_foreach(m, &found.list) {
        const char *at = m->path + strlen(m->path);
        for (size_t n = depth - wild + 1; n > 0 && at > m->path; n -= *at == '/')
            at--;
        s->prefix = (size_t)(at - m->path);
        tenon_buf_clear(&s->path);
        tenon_buf_adds(&s->path, m->path);
        s->top = s->path.len;
        if (rc == 0)
            rc = select_tree(s, m->entry, NULL, NULL, false);
    }
    return rc;
}

static void
digest_items(const struct selection *s, const char *path, struct tenon_digest *out)
{
    const char *only = s->items.len == 1 ? s->items.items[0].path : NULL;
    if (only && tenon_streq(tenon_path_base(path), tenon_path_base(*only ? only : path))) {
        *out = s->items.items[0].digest;
        return;
    }
    auto_hash struct tenon_hash *h = tenon_hash_new();
    tenon_vec_foreach(item, &s->items) {
        size_t len = strlen(item->path);
        for (char *p = item->path; *p; p++)
            *p = *p == '/' ? '\0' : *p;
        tenon_hash_update(h, item->path, len ? len : 1);
        add_text(h, item->digest.str);
    }
    tenon_hash_final(h, out);
}

static int
digest_selection(struct digester *d, const struct tenon_selector *sel, const char *path,
                 struct tenon_digest *out)
{
    struct selection s = { .d = d, .follow = sel->follow };
    struct tenon_entry *e;
    const bool root = tenon_streq(path, "/");
    int rc = tenon_view_compile(sel->include, "include", &s.include, d->err);
    if (rc == 0)
        rc = tenon_view_compile(sel->exclude, "exclude", &s.exclude, d->err);
    if (rc == 0 && sel->wildcard) {
        rc = select_wildcard(&s, path);
    } else if (rc == 0) {
        rc = tenon_view_lookup(d->view, path, false, &e, d->err);
        if (!root)
            tenon_buf_adds(&s.path, path);
        s.prefix = s.top = s.path.len;
        if (rc == 0)
            rc = select_tree(&s, e, NULL, NULL, root);
    }
    if (rc == 0)
        digest_items(&s, path, out);
    tenon_vec_foreach(item, &s.items)
        free(item->path);
    tenon_vec_release(&s.items);
    tenon_buf_release(&s.path);
    tenon_patterns_free(s.include);
    tenon_patterns_free(s.exclude);
    return rc < 0 ? rc : 0;
}

int
tenon_view_buildkit_digest(struct tenon_view *v, const struct tenon_selector *sel,
                           struct tenon_cancel *cancel, struct tenon_digest *out,
                           struct tenon_error *err)
{
    struct digester d = { .view = v, .cancel = cancel, .err = err };
    auto_free char *path = tenon_path_join("/", sel->path);
    bool filtered = (sel->include && *sel->include) || (sel->exclude && *sel->exclude);
    return sel->wildcard || filtered ? digest_selection(&d, sel, path, out)
                                     : digest_path(&d, path, sel->follow, out);
}
