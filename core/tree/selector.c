/* tree/selector.c - what a selector means, as one digest.
 *
 * The entries in the order of their names, each with its path relative to what
 * was selected, so that it does not matter where a tree is.  Times are not
 * in it. */
#include <string.h>

#include "base/cancel.h"
#include "tools/alloc.h"
#include "tools/path.h"
#include "tree/view.h"

#define FLUSH_AT 65536

/* A directory on the way down, for those that show only by what is below. */
struct frame {
    struct frame *up;
    struct tenon_entry *dir;
    size_t path_len;
    bool done;
};

struct digester {
    struct tenon_view *view;
    struct tenon_cancel *cancel;
    struct tenon_patterns *include, *exclude; /* NULL: none */
    struct tenon_hash *hash;
    struct tenon_buf out;  /* not hashed yet */
    struct tenon_buf path; /* of the entry, below the selected one */
    struct tenon_error *err;
};

static void
put(struct digester *d, uint64_t value, unsigned bytes)
{
    uint8_t le[8];
    for (unsigned i = 0; i < bytes; i++)
        le[i] = (uint8_t)(value >> (8 * i));
    tenon_buf_add(&d->out, le, bytes);
}

static void
put_text(struct digester *d, const char *s, size_t len)
{
    put(d, len, 4);
    tenon_buf_add(&d->out, s, len);
}

static void
flush(struct digester *d)
{
    tenon_hash_update(d->hash, d->out.data, d->out.len);
    tenon_buf_clear(&d->out);
}

/* Every field has a fixed size, or begins with its length. */
static int
add_entry(struct digester *d, struct tenon_entry *e, size_t path_len)
{
    const struct tenon_digest *body = NULL;
    struct tenon_digest special;
    if (S_ISREG(e->mode)) {
        int rc = tenon_view_body(d->view, e, d->cancel, &body, NULL, d->err);
        if (rc < 0)
            return rc;
    } else if (S_ISDIR(e->mode)) {
        body = e->xattrs;
    } else {
        auto_buf struct tenon_buf xattrs = TENON_BUF_INIT;
        tenon_xattr_read_special(d->view, e, &xattrs);
        tenon_digest_of(tenon_buf_str(&xattrs), xattrs.len, &special);
        body = xattrs.len ? &special : NULL;
    }
    /* What holds a context is not part of it. */
    bool bare = !e->parent && d->view->owner_root;
    bool device = S_ISCHR(e->mode) || S_ISBLK(e->mode);
    put_text(d, tenon_buf_str(&d->path), path_len);
    put(d, bare ? S_IFDIR : e->mode, 4);
    put(d, e->uid, 4);
    put(d, e->gid, 4);
    put(d, device ? e->rdev : 0, 8);
    put_text(d, e->link ? e->link : "", e->link ? strlen(e->link) : 0);
    put_text(d, body && !bare ? body->str : "",
             body && !bare ? strlen(body->str) : 0);
    if (d->out.len > FLUSH_AT)
        flush(d);
    return 0;
}

static int
add_frames(struct digester *d, struct frame *f)
{
    if (!f || f->done)
        return 0;
    int rc = add_frames(d, f->up);
    f->done = true;
    return rc < 0 ? rc : add_entry(d, f->dir, f->path_len);
}

/* held: of the directory that the entry is in; NULL for the top. */
static int
add_tree(struct digester *d, struct tenon_entry *e, struct frame *up,
         const struct tenon_held *held)
{
    if (tenon_cancel_fired(d->cancel))
        return tenon_cancel_check(d->cancel, d->err);
    bool top = !up;
    const char *path = tenon_buf_str(&d->path);
    bool included = top || !d->include ||
                    tenon_patterns_match_in(d->include, held->include, path);
    bool excluded = !top && d->exclude &&
                    tenon_patterns_match_in(d->exclude, held->exclude, path);

    if (!S_ISDIR(e->mode)) {
        if (!included || excluded)
            return 0;
        int rc = add_frames(d, up);
        return rc < 0 ? rc : add_entry(d, e, d->path.len);
    }
    struct frame f = {up, e, d->path.len, false};
    int rc = tenon_view_load(d->view, e, d->err);
    if (rc == 0 && included && !excluded)
        rc = add_frames(d, &f);
    if (rc < 0)
        return rc;
    if (!top && excluded && !tenon_patterns_may_reinclude(d->exclude, path))
        return 0;
    if (!included && !tenon_patterns_may_match_below(d->include, path))
        return 0;
    auto_held struct tenon_held below =
        tenon_held_in(d->include, d->exclude, path);
    size_t keep = d->path.len;
    for (size_t i = 0; rc == 0 && i < e->kid_count; i++) {
        struct tenon_entry *kid = &e->kids[i];
        if (kid->flags & TENON_ENTRY_HIDDEN)
            continue;
        if (keep)
            tenon_buf_addc(&d->path, '/');
        tenon_buf_adds(&d->path, kid->name);
        rc = add_tree(d, kid, &f, &below);
        tenon_buf_truncate(&d->path, keep);
    }
    return rc;
}

static int
add_root(struct digester *d, struct tenon_entry *e, const char *name)
{
    flush(d);
    tenon_hash_item(d->hash, "root", name, strlen(name));
    tenon_buf_clear(&d->path);
    return add_tree(d, e, NULL, NULL);
}

static int
add_wildcard(struct digester *d, const struct tenon_selector *sel,
             const char *path)
{
    auto_matches struct tenon_matches found = {0};
    int rc = tenon_view_glob(d->view, path, true, &found, d->err);
    if (rc == TENON_E_NOT_FOUND) {
        /* For the copy to refuse; what it did where there was a directory
         * without a match must not stand in for that. */
        tenon_error_release(d->err);
        tenon_hash_item(d->hash, "missing", path, strlen(path));
        return 0;
    }
    tenon_vec_foreach(m, &found.list)
    {
        if (rc < 0)
            return rc;
        struct tenon_entry *e = m->entry;
        if (sel->follow && S_ISLNK(e->mode))
            rc = tenon_view_lookup(d->view, m->path, true, &e, d->err);
        if (rc == 0)
            rc = add_root(d, e, tenon_path_base(m->path));
    }
    return rc;
}

/* Is any of it wanted: the entry itself, or something below? */
static int
any_wanted(struct tenon_view *v, struct tenon_entry *e, const struct tenon_patterns *include,
           const struct tenon_patterns *exclude, const char *path, struct tenon_error *err)
{
    auto_free char *up = tenon_path_join(path, "..");
    auto_held struct tenon_held held =
        tenon_held_in(include, exclude, tenon_streq(up, ".") ? "" : up);
    bool included = !include || tenon_patterns_match_in(include, held.include, path);
    bool excluded = exclude && tenon_patterns_match_in(exclude, held.exclude, path);
    if (included && !excluded)
        return 1;
    if (!S_ISDIR(e->mode) || (excluded && !tenon_patterns_may_reinclude(exclude, path)) ||
        (!included && !tenon_patterns_may_match_below(include, path)))
        return 0;
    int rc = tenon_view_load(v, e, err);
    for (size_t i = 0; rc == 0 && i < e->kid_count; i++) {
        auto_free char *below = tenon_path_join(path, e->kids[i].name);
        if (!(e->kids[i].flags & TENON_ENTRY_HIDDEN))
            rc = any_wanted(v, &e->kids[i], include, exclude, below, err);
    }
    return rc;
}

/* The entry of a clean path below dir, through no link; NULL in *out for none. */
static int
find_below(struct tenon_view *v, struct tenon_entry *dir, const char *path,
           struct tenon_entry **out, struct tenon_error *err)
{
    *out = NULL;
    while (*path) {
        size_t len = strcspn(path, "/");
        auto_free char *name = tenon_strndup(path, len);
        path += len + (path[len] == '/');
        if (!S_ISDIR(dir->mode))
            return 0;
        int rc = tenon_view_load(v, dir, err);
        if (rc < 0)
            return rc;
        dir = tenon_entry_child(dir, name);
        if (!dir)
            return 0;
        if (!*path)
            *out = dir;
    }
    return 0;
}

/* BuildKit's look at a whole tree with patterns starts at the entries in it, and takes each for
 * what a COPY might name: it wants to see where a link leads. */
static int
require_links(struct tenon_view *v, const struct tenon_patterns *include,
              const struct tenon_patterns *exclude, struct tenon_error *err)
{
    struct tenon_entry *top;
    int rc = tenon_view_lookup(v, "/", false, &top, err);
    if (rc == 0)
        rc = tenon_view_load(v, top, err);
    auto_held struct tenon_held held = tenon_held_in(include, exclude, "");
    for (size_t i = 0; rc == 0 && i < top->kid_count; i++) {
        struct tenon_entry *kid = &top->kids[i], *target;
        if (!S_ISLNK(kid->mode) || (kid->flags & TENON_ENTRY_HIDDEN) ||
            (include && !tenon_patterns_match_in(include, held.include, kid->name)) ||
            (exclude && tenon_patterns_match_in(exclude, held.exclude, kid->name)))
            continue;
        rc = tenon_view_lookup(v, kid->name, true, &target, err);
        if (rc == TENON_E_NOT_FOUND) {
            tenon_error_release(err);
            tenon_error_set(err, rc, "\"/%s\": not found", kid->name);
            return tenon_error_hint(err, "it is a link to %s, which is not there: copy it without "
                                    "a filter, or by its name", kid->link);
        }
    }
    return rc;
}

/* A literal path of --parents has to name something that the walk will find: not the top itself,
 * nothing beyond a link, not all of it excluded, and by a pattern ("//a" is none of "a"). */
int
tenon_view_require(struct tenon_view *v, const char *base, bool follow,
                   const char *const *required, const struct tenon_patterns *include,
                   const struct tenon_patterns *exclude, struct tenon_error *err)
{
    auto_free char *top = tenon_path_join("/", base);
    size_t skip = strlen(top) > 1 ? strlen(top) : 0;
    for (; required && *required; required++) {
        auto_free char *path = tenon_path_join(
            **required == '/' ? "/" : top, *required);
        struct tenon_entry *dir, *e = NULL;
        /* What is not below the top is not found, nor is the top itself. */
        bool is_below = tenon_has_prefix(path, top) && path[skip] == '/';
        const char *rest = is_below ? path + skip + 1 : "";
        int rc = tenon_view_lookup(v, top, follow, &dir, err);
        if (rc == 0)
            rc = find_below(v, dir, rest, &e, err);
        if (rc == 0 && e)
            rc = any_wanted(v, e, include, exclude, rest, err);
        if (rc < 0)
            return rc;
        if (rc == 0)
            return tenon_error_set(err, TENON_E_NOT_FOUND, "\"%s\": not found", path);
    }
    bool is_filtered = include || exclude;
    int rc = follow && is_filtered && !skip ? require_links(v, include, exclude, err) : 0;
    return rc < 0 ? rc : tenon_view_check_patterns(include, exclude, err);
}

static int
add_selected(struct digester *d, const struct tenon_selector *sel)
{
    const char *path = sel->path ? sel->path : "";
    if (tenon_view_compile(sel->include, "include", &d->include, d->err) < 0 ||
        tenon_view_compile(sel->exclude, "exclude", &d->exclude, d->err) < 0 ||
        tenon_view_require(d->view, path, sel->follow, sel->required, d->include,
                           d->exclude, d->err) < 0)
        return d->err->code;
    if (sel->wildcard && tenon_view_is_wildcard(path))
        return add_wildcard(d, sel, path);
    struct tenon_entry *e;
    int rc = tenon_view_lookup(d->view, path, sel->follow, &e, d->err);
    if (rc < 0)
        return rc;
    auto_free char *rooted = tenon_asprintf("/%s", path);
    auto_free char *clean = tenon_path_clean(rooted);
    return add_root(d, e,
                    sel->include_root_name ? tenon_path_base(clean) : "");
}

int
tenon_view_digest(struct tenon_view *v, const struct tenon_selector *sel,
                  struct tenon_cancel *cancel, struct tenon_digest *out,
                  struct tenon_error *err)
{
    auto_hash struct tenon_hash *hash = tenon_hash_new();
    struct digester d = {
        .view = v, .cancel = cancel, .hash = hash, .err = err};
    tenon_hash_item(hash, "tenon.tree", "1", 1);
    int rc = add_selected(&d, sel);
    if (rc == 0)
        rc = tenon_view_check_patterns(d.include, d.exclude, err);
    if (rc == 0) {
        flush(&d);
        tenon_hash_final(hash, out);
    }
    tenon_patterns_free(d.include);
    tenon_patterns_free(d.exclude);
    tenon_buf_release(&d.out);
    tenon_buf_release(&d.path);
    return rc < 0 ? rc : 0;
}
