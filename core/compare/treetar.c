/* compare/treetar.c - layers and archives into a tree of files, see filetree.h. */
#include <string.h>
#include <sys/stat.h>

#include "tools/alloc.h"
#include "tools/path.h"
#include "compare/filetree.h"
#include "image/layer.h"
#include "image/libarchive.h"

#define NAME_LIMIT 4096
#define FOLLOW_MAX 40
#define FILE_LIMIT (INT64_C(1) << 46)
#define WHITEOUT ".wh."
#define WHITEOUT_META ".wh..wh."
#define OPAQUE ".wh..wh..opq"

struct adding {
    struct tenon_filetree *t;
    enum tenon_filetree_way way;
    unsigned layer;
    size_t order;
    struct tenon_hash *hash;
};

/* ---- what an entry replaces --------------------------------------------------------- */

/* What layers before this one brought below dir goes; a directory in which this one has
 * something is left as what it is above that. */
static void
drop_older(struct tenon_file *dir, unsigned layer)
{
    if (dir->emptied == layer) /* an archive could say it with each entry */
        return;
    dir->emptied = layer;
    struct tenon_file *f, *next;
    HASH_ITER(hh, dir->kids, f, next) {
        drop_older(f, layer);
        if (f->layer >= layer)
            continue;
        if (f->kids)
            tenon_file_clear(f);
        else
            tenon_file_remove(f);
    }
}

/* ---- names -------------------------------------------------------------------------- */

static bool
is_link(const struct tenon_file *f)
{
    return f->link && S_ISLNK(f->mode); /* a hard link has one, too */
}

static struct tenon_file *walk(struct adding *x, const char *path, bool make, unsigned *left,
                               struct tenon_error *err);

/* Where a link on the way leads, as the root sees it; layers are written by those who looked
 * through it. NULL: nowhere. */
static struct tenon_file *
follow_link(struct adding *x, const struct tenon_file *f, unsigned *left, struct tenon_error *err)
{
    auto_free char *here = tenon_file_path(f->parent);
    auto_free char *there = *f->link == '/' ? tenon_path_clean(f->link)
                                            : tenon_path_join(here, f->link);
    --*left;
    return strlen(there) < NAME_LIMIT ? walk(x, there, false, left, err) : NULL;
}

/* left: how many links may be followed yet, on the way and within links. */
static struct tenon_file *
walk(struct adding *x, const char *path, bool make, unsigned *left, struct tenon_error *err)
{
    struct tenon_file *f = tenon_filetree_top(x->t);
    for (const char *at = path + strspn(path, "/"); *at;) {
        const size_t len = strcspn(at, "/");
        struct tenon_file *to = f;
        while (to && is_link(to) && *left)
            to = follow_link(x, to, left, err);
        if (to && !is_link(to))
            f = to;
        if (make && f->mode && !S_ISDIR(f->mode))
            tenon_file_clear(f); /* of something below it: it is a directory now */
        if (make && f->gone)
            tenon_file_clear(f);
        f = tenon_file_kid(x->t, f, at, len, make, err);
        if (!f)
            return NULL;
        at += len;
        at += strspn(at, "/");
    }
    return f;
}

/* The entry of a clean absolute path.  NULL: there is none, or, when it is to be made, the error
 * says why not. */
static struct tenon_file *
find(struct adding *x, const char *path, bool make, struct tenon_error *err)
{
    unsigned left = FOLLOW_MAX; /* in all, as the kernel counts: links may lead through links */
    return walk(x, path, make, &left, err);
}

static int
clean_name(const char *name, char **out, struct tenon_error *err)
{
    if (!name || strlen(name) >= NAME_LIMIT)
        return tenon_error_set(err, TENON_E_CORRUPT, "archive: an entry %s",
                               name ? "with a name that is too long" : "without a name");
    auto_free char *rooted = tenon_asprintf("/%s", name);
    *out = tenon_path_clean(rooted);
    return 0;
}

/* ---- data --------------------------------------------------------------------------- */

static int
add_zeros(struct adding *x, uint64_t len, struct tenon_error *err)
{
    static const char zeros[1 << 16];
    x->t->holes += len;
    if (x->t->holes > tenon_limit(x->t->limits, TENON_LIMIT_HOLES))
        return tenon_limit_exceeded(x->t->limits, TENON_LIMIT_HOLES, err,
                                    "archive: %llu bytes of holes in its files",
                                    (unsigned long long)x->t->holes);
    while (len) {
        const size_t n = len < sizeof zeros ? (size_t)len : sizeof zeros;
        tenon_hash_update(x->hash, zeros, n);
        len -= n;
        if (tenon_cancel_check(x->t->cancel, err) < 0)
            return err->code;
    }
    return 0;
}

static int
add_data(struct adding *x, struct tenon_file *f, struct archive *a, struct tenon_error *err)
{
    int64_t end = 0;
    for (;;) {
        const void *data;
        size_t len;
        la_int64_t offset;
        int rc = archive_read_data_block(a, &data, &len, &offset);
        if (rc == ARCHIVE_EOF)
            break;
        if (rc < ARCHIVE_WARN || rc == ARCHIVE_RETRY) {
            const char *text = archive_error_string(a);
            return err->code ? err->code
                             : tenon_error_set(err, TENON_E_CORRUPT, "archive: %s",
                                               text ? text : "damaged");
        }
        if (tenon_cancel_check(x->t->cancel, err) < 0)
            return err->code;
        if (offset < end || (uint64_t)offset > f->size || len > f->size - (uint64_t)offset)
            return tenon_error_set(err, TENON_E_CORRUPT, "archive: data outside of its file");
        if (offset > end && add_zeros(x, (uint64_t)(offset - end), err) < 0)
            return err->code;
        tenon_hash_update(x->hash, data, len);
        end = offset + (int64_t)len;
    }
    if ((uint64_t)end < f->size && add_zeros(x, f->size - (uint64_t)end, err) < 0)
        return err->code;
    struct tenon_digest digest;
    tenon_hash_final(x->hash, &digest);
    tenon_digest_bytes(&digest, f->digest);
    f->has_digest = true;
    return 0;
}

/* ---- entries ------------------------------------------------------------------------ */

static void
take_attributes(struct adding *x, struct tenon_file *f, struct archive_entry *e)
{
    const char *name;
    const void *value;
    size_t len;
    f->mode = (f->mode & S_IFMT) | ((uint32_t)archive_entry_perm(e) & 07777);
    if (S_ISLNK(f->mode))
        f->mode = S_IFLNK | 0777; /* nobody asks for it */
    f->uid = (uint32_t)archive_entry_uid(e);
    f->gid = (uint32_t)archive_entry_gid(e);
    f->mtime_s = archive_entry_mtime(e);
    f->mtime_ns = (uint32_t)archive_entry_mtime_nsec(e);
    if (f->mtime_ns)
        x->t->whole_seconds = false;
    if (!archive_entry_xattr_reset(e))
        return;
    while (archive_entry_xattr_next(e, &name, &value, &len) == ARCHIVE_OK)
        if (name)
            tenon_file_add_xattr(f, name, value, len);
    tenon_file_sort_xattrs(f);
}

/* One more name of a file that is there; the entry speaks of the file, whichever name it has. */
static int
add_hard_link(struct adding *x, struct tenon_file *f, struct archive_entry *e,
              struct tenon_error *err)
{
    auto_free char *path = NULL;
    if (clean_name(archive_entry_hardlink(e), &path, err) < 0)
        return err->code;
    struct tenon_file *to = find(x, path, false, err);
    if (!to || to == f || to->gone || S_ISDIR(to->mode) || !to->mode) {
        f->mode = S_IFREG; /* of a layer below */
        f->link = tenon_steal(&path);
    } else {
        if (!to->inode)
            to->inode = ++x->t->inodes;
        f->mode = to->mode;
        f->inode = to->inode;
        f->size = to->size;
        f->major = to->major;
        f->minor = to->minor;
        f->link = tenon_strdup(to->link);
        f->has_digest = to->has_digest;
        memcpy(f->digest, to->digest, sizeof f->digest);
    }
    take_attributes(x, f, e);
    return 0;
}

static int
add_entry(struct adding *x, const char *path, struct archive *a, struct archive_entry *e,
          struct tenon_error *err)
{
    const uint32_t type = archive_entry_filetype(e);
    const bool is_link = archive_entry_hardlink(e) != NULL;
    if (!is_link && type != S_IFREG && type != S_IFDIR && type != S_IFLNK && type != S_IFCHR &&
        type != S_IFBLK && type != S_IFIFO)
        return 0; /* unpacking leaves it out as well */
    struct tenon_file *f = find(x, path, true, err);
    if (!f)
        return err->code;
    const bool stays = !is_link && type == S_IFDIR;
    struct tenon_file *kid, *next;
    if (!stays)
        HASH_ITER(hh, f->kids, kid, next)
            tenon_file_remove(kid);
    const bool opaque = stays && f->opaque && f->layer == x->layer;
    tenon_file_clear(f);
    f->opaque = opaque;
    f->layer = x->layer;
    f->order = x->order++;
    if (is_link)
        return add_hard_link(x, f, e, err);
    f->mode = type;
    if (type == S_IFCHR || type == S_IFBLK) {
        f->major = (uint32_t)archive_entry_rdevmajor(e);
        f->minor = (uint32_t)archive_entry_rdevminor(e);
    }
    if (type == S_IFLNK)
        f->link = tenon_strdup(archive_entry_symlink(e) ? archive_entry_symlink(e) : "");
    take_attributes(x, f, e);
    if (type != S_IFREG)
        return 0;
    const int64_t size = archive_entry_size(e);
    if (size < 0 || size > FILE_LIMIT)
        return tenon_error_set(err, TENON_E_LIMIT, "archive: \"%s\" has %lld bytes", path,
                               (long long)size);
    f->size = (uint64_t)size;
    return add_data(x, f, a, err);
}

/* 1: it was one. */
static int
add_whiteout(struct adding *x, const char *path, struct tenon_error *err)
{
    const char *base = strrchr(path, '/') + 1;
    if (x->way == TENON_FILETREE_ARCHIVE || !tenon_has_prefix(base, WHITEOUT))
        return 0;
    auto_free char *dir = tenon_strndup(path, base > path + 1 ? (size_t)(base - path - 1) : 1);
    const bool layer = x->way == TENON_FILETREE_LAYER;
    if (!strcmp(base, OPAQUE)) {
        struct tenon_file *f = find(x, dir, layer, err);
        if (!f && layer)
            return err->code;
        if (layer) {
            f->opaque = true;
            f->layer = x->layer;
        } else if (f) {
            drop_older(f, x->layer);
        }
        return 1;
    }
    if (tenon_has_prefix(base, WHITEOUT_META))
        return 1; /* AUFS's own */
    auto_free char *gone = tenon_path_join(dir, base + strlen(WHITEOUT));
    struct tenon_file *f = find(x, gone, layer, err);
    if (!f && layer)
        return err->code;
    if (!f || !f->parent)
        return 1;
    if (layer && !f->mode && !f->kids) {
        f->gone = true;
        f->layer = x->layer;
        f->order = x->order++;
    } else if (!layer) {
        drop_older(f, x->layer);
        if (f->layer < x->layer && !f->kids)
            tenon_file_remove(f);
        else if (f->layer < x->layer)
            tenon_file_clear(f);
    }
    return 1;
}

static int
visit(void *data, struct archive *a, struct archive_entry *e, struct tenon_error *err)
{
    struct adding *x = data;
    auto_free char *path = NULL;
    if (clean_name(archive_entry_pathname(e), &path, err) < 0 ||
        tenon_filetree_count(x->t, path, err) < 0)
        return err->code;
    if (!strcmp(path, "/")) /* unpacking leaves the top alone */
        return 0;
    const int rc = add_whiteout(x, path, err);
    return rc == 0 ? add_entry(x, path, a, e, err) : rc < 0 ? rc : 0;
}

int
tenon_filetree_add_tar(struct tenon_filetree *t, int fd, const char *diff_id,
                       enum tenon_filetree_way way, unsigned layer, struct tenon_error *err)
{
    auto_hash struct tenon_hash *hash = tenon_hash_new();
    struct adding x = {.t = t, .way = way, .layer = layer, .hash = hash};
    return tenon_layer_each(fd, diff_id, t->limits, visit, &x, err);
}
