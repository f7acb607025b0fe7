/* compare/filetree.c - see filetree.h; the tree itself. */
#include "compare/filetree.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tools/alloc.h"
#include "tools/buf.h"
#include "tools/text.h"

#define DEPTH_MAX 2048 /* of a tree; walks of it recurse */
#define XATTR_SHOWN 64 /* bytes of a value; of longer ones the digest */

/* ---- entries -------------------------------------------------------------------- */

void
tenon_file_clear(struct tenon_file *f)
{
    for (size_t i = 0; i < f->xattr_count; i++) {
        free(f->xattrs[i].name);
        free(f->xattrs[i].value);
    }
    free(f->xattrs);
    free(f->link);
    free(f->leader);
    const struct tenon_file kept = *f;
    *f = (struct tenon_file){
        .parent = kept.parent, .kids = kept.kids, .name = kept.name, .hh = kept.hh,
        .emptied = kept.emptied, .depth = kept.depth,
    };
}

/* The deepest first, without recursion: a tree may be as deep as a name is long. */
static void
free_below(struct tenon_file *top)
{
    struct tenon_file *f = top;
    for (;;) {
        while (f->kids)
            f = f->kids;
        if (f == top)
            return;
        struct tenon_file *parent = f->parent;
        HASH_DELETE(hh, parent->kids, f);
        tenon_file_clear(f);
        free(f->name);
        free(f);
        f = parent;
    }
}

void
tenon_file_remove(struct tenon_file *f)
{
    free_below(f);
    tenon_file_clear(f);
    if (!f->parent)
        return;
    HASH_DELETE(hh, f->parent->kids, f);
    free(f->name);
    free(f);
}

struct tenon_file *
tenon_filetree_top(struct tenon_filetree *t)
{
    if (!t->top) {
        t->top = tenon_new0(struct tenon_file);
        t->top->name = tenon_strdup("");
    }
    return t->top;
}

void
tenon_filetree_release(struct tenon_filetree *t)
{
    if (t->top) {
        tenon_file_remove(t->top);
        free(t->top->name);
        free(t->top);
        t->top = NULL;
    }
}

struct tenon_file *
tenon_file_kid(struct tenon_filetree *t, struct tenon_file *dir, const char *name, size_t len,
               bool make, struct tenon_error *err)
{
    struct tenon_file *f;
    HASH_FIND(hh, dir->kids, name, len, f);
    if (f || !make)
        return f;
    if (dir->depth >= DEPTH_MAX) {
        tenon_error_set(err, TENON_E_LIMIT, "directories are nested too deep");
        return NULL;
    }
    /* A name of one entry may be that of many directories. */
    if (++t->nodes > tenon_limit(t->limits, TENON_LIMIT_ENTRIES)) {
        tenon_limit_exceeded(t->limits, TENON_LIMIT_ENTRIES, err,
                             "with directories that have no entries there are %" PRIu64, t->nodes);
        return NULL;
    }
    f = tenon_new0(struct tenon_file);
    f->name = tenon_strndup(name, len);
    f->parent = dir;
    f->depth = dir->depth + 1;
    HASH_ADD_KEYPTR(hh, dir->kids, f->name, len, f);
    return f;
}

int
tenon_filetree_count(struct tenon_filetree *t, const char *path, struct tenon_error *err)
{
    if (++t->entries > tenon_limit(t->limits, TENON_LIMIT_ENTRIES))
        return tenon_limit_exceeded(t->limits, TENON_LIMIT_ENTRIES, err,
                                    "with \"%s\" there are %" PRIu64 " entries", path, t->entries);
    return tenon_cancel_check(t->cancel, err);
}

/* ---- extended attributes --------------------------------------------------------- */

static char *
value_text(const void *value, size_t len)
{
    const char *p = value;
    bool plain = len > 0;
    for (size_t at = 0; at < len && plain;) {
        const size_t n = tenon_text_printable(p + at, len - at);
        plain = n > 0;
        at += n;
    }
    if (plain && len <= XATTR_SHOWN)
        return tenon_strndup(value, len);
    if (len > XATTR_SHOWN) {
        struct tenon_digest digest;
        tenon_digest_of(value, len, &digest);
        return tenon_strdup(digest.str);
    }
    auto_buf struct tenon_buf hex = TENON_BUF_INIT;
    tenon_buf_adds(&hex, "0x");
    for (size_t i = 0; i < len; i++)
        tenon_buf_addf(&hex, "%02x", (unsigned char)p[i]);
    return tenon_buf_steal(&hex);
}

void
tenon_file_add_xattr(struct tenon_file *f, const char *name, const void *value, size_t len)
{
    f->xattrs = tenon_reallocarray(f->xattrs, f->xattr_count + 1, sizeof *f->xattrs);
    f->xattrs[f->xattr_count++] =
        (struct tenon_file_xattr){tenon_strdup(name), value_text(value, len)};
}

static int
by_xattr_name(const void *a, const void *b)
{
    return strcmp(((const struct tenon_file_xattr *)a)->name,
                  ((const struct tenon_file_xattr *)b)->name);
}

void
tenon_file_sort_xattrs(struct tenon_file *f)
{
    if (f->xattr_count)
        qsort(f->xattrs, f->xattr_count, sizeof *f->xattrs, by_xattr_name);
}

/* ---- looking --------------------------------------------------------------------- */

static int
by_name(const void *a, const void *b)
{
    return strcmp((*(struct tenon_file *const *)a)->name, (*(struct tenon_file *const *)b)->name);
}

struct tenon_file **
tenon_filetree_kids(const struct tenon_file *dir)
{
    const size_t count = HASH_COUNT(dir->kids);
    struct tenon_file **list = tenon_calloc(count + 1, sizeof *list);
    size_t n = 0;
    for (struct tenon_file *f = dir->kids; f; f = f->hh.next)
        list[n++] = f;
    qsort(list, count, sizeof *list, by_name);
    return list;
}

char *
tenon_file_path(const struct tenon_file *f)
{
    size_t len = 0;
    for (const struct tenon_file *at = f; at->parent; at = at->parent)
        len += strlen(at->name) + 1;
    if (!len)
        return tenon_strdup("/");
    char *path = tenon_malloc(len + 1);
    path[len] = '\0';
    for (const struct tenon_file *at = f; at->parent; at = at->parent) {
        const size_t n = strlen(at->name);
        len -= n;
        memcpy(path + len, at->name, n);
        path[--len] = '/';
    }
    return path;
}

const char *
tenon_file_type(const struct tenon_file *f)
{
    if (f->gone)
        return "removed";
    switch (f->mode & S_IFMT) {
    case S_IFREG:
        return "file";
    case S_IFDIR:
    case 0:
        return "directory";
    case S_IFLNK:
        return "link";
    case S_IFCHR:
        return "character device";
    case S_IFBLK:
        return "block device";
    case S_IFIFO:
        return "fifo";
    default:
        return "socket";
    }
}

/* ---- hard links ------------------------------------------------------------------ */

struct group { /* the names of one file */
    uint64_t inode;
    struct tenon_file *first; /* in the order of paths */
    UT_hash_handle hh;
};

/* In the order of a walk: the first one that is seen leads. */
static void
lead(struct tenon_file *dir, struct group **groups)
{
    struct tenon_file **kids = tenon_filetree_kids(dir);
    for (size_t i = 0; kids[i]; i++) {
        struct tenon_file *f = kids[i];
        if (f->inode) {
            struct group *g;
            HASH_FIND(hh, *groups, &f->inode, sizeof f->inode, g);
            if (g) {
                free(f->leader);
                f->leader = tenon_file_path(g->first);
            } else {
                g = tenon_new0(struct group);
                g->inode = f->inode;
                g->first = f;
                HASH_ADD(hh, *groups, inode, sizeof g->inode, g);
            }
        }
        lead(f, groups);
    }
    free(kids);
}

void
tenon_filetree_settle(struct tenon_filetree *t)
{
    struct group *groups = NULL, *g, *next;
    lead(tenon_filetree_top(t), &groups);
    HASH_ITER(hh, groups, g, next) {
        HASH_DEL(groups, g);
        free(g);
    }
}
