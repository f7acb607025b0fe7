/* compare/treediff.c - see treediff.h. */
#include "compare/treediff.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tools/alloc.h"
#include "tools/parse.h"

struct both {
    struct tenon_comparison *c;
    struct tenon_filetree *a, *b;
    bool whole_seconds; /* one side knows no fractions */
    struct tenon_error *err;
};

/* ---- as text ------------------------------------------------------------------------- */

static char *
time_text(const struct both *x, const struct tenon_file *f)
{
    int64_t ns;
    if (__builtin_mul_overflow(f->mtime_s, INT64_C(1000000000), &ns) ||
        __builtin_add_overflow(ns, x->whole_seconds ? 0 : (int64_t)f->mtime_ns, &ns))
        return tenon_asprintf("@%" PRId64, f->mtime_s);
    return tenon_format_time(ns);
}

static char *
content_text(const struct tenon_file *f)
{
    struct tenon_digest digest;
    if (!f->has_digest)
        return tenon_asprintf("%" PRIu64 " bytes", f->size);
    tenon_digest_of_bytes(f->digest, &digest);
    return tenon_asprintf("%" PRIu64 " bytes, %s", f->size, digest.str);
}

static size_t
count_below(const struct tenon_file *f)
{
    size_t n = 0;
    for (const struct tenon_file *kid = f->kids; kid; kid = kid->hh.next)
        n += 1 + count_below(kid);
    return n;
}

/* Of an entry that the other side has not. */
static char *
entry_text(const struct tenon_file *f)
{
    const size_t below = count_below(f);
    if (S_ISREG(f->mode) && !f->gone)
        return tenon_asprintf("file, %" PRIu64 " bytes", f->size);
    if (f->link)
        return tenon_asprintf("%s to %s", tenon_file_type(f), f->link);
    return below ? tenon_asprintf("%s, %zu below it", tenon_file_type(f), below)
                 : tenon_strdup(tenon_file_type(f));
}

/* ---- one entry ------------------------------------------------------------------------ */

static int
differ(struct both *x, enum tenon_word word, const char *path, const char *member, const char *a,
       const char *b)
{
    return tenon_differ(x->c, word, path, member, a, b, x->err);
}

static int
compare_text(struct both *x, enum tenon_word word, const char *path, const char *a, const char *b)
{
    return tenon_streq(a, b) ? 0 : differ(x, word, path, NULL, a, b);
}

static int
compare_content(struct both *x, const char *path, struct tenon_file *a, struct tenon_file *b)
{
    if (x->c->ignored & TENON_WORD_BIT(TENON_WORD_CONTENT))
        return 0;
    if (a->size == b->size && (tenon_filetree_digest(x->a, a, x->err) < 0 ||
                               tenon_filetree_digest(x->b, b, x->err) < 0))
        return x->err->code;
    if (a->size == b->size && a->has_digest == b->has_digest &&
        !memcmp(a->digest, b->digest, sizeof a->digest))
        return 0;
    auto_free char *one = content_text(a), *other = content_text(b);
    return differ(x, TENON_WORD_CONTENT, path, NULL, one, other);
}

static int
compare_xattrs(struct both *x, const char *path, const struct tenon_file *a,
               const struct tenon_file *b)
{
    size_t i = 0, k = 0;
    int rc = 0;
    while (rc == 0 && (i < a->xattr_count || k < b->xattr_count)) {
        const struct tenon_file_xattr *one = i < a->xattr_count ? &a->xattrs[i] : NULL;
        const struct tenon_file_xattr *other = k < b->xattr_count ? &b->xattrs[k] : NULL;
        const int order = !one ? 1 : !other ? -1 : strcmp(one->name, other->name);
        if (order != 0 || strcmp(one->value, other->value))
            rc = differ(x, TENON_WORD_XATTR, path, order <= 0 ? one->name : other->name,
                        order <= 0 ? one->value : NULL, order >= 0 ? other->value : NULL);
        i += order <= 0;
        k += order >= 0;
    }
    return rc;
}

static int
compare_device(struct both *x, const char *path, const struct tenon_file *a,
               const struct tenon_file *b)
{
    auto_free char *one = tenon_asprintf("%u:%u", a->major, a->minor);
    auto_free char *other = tenon_asprintf("%u:%u", b->major, b->minor);
    return compare_text(x, TENON_WORD_DEVICE, path, one, other);
}

static int
compare_mode(struct both *x, const char *path, const struct tenon_file *a,
             const struct tenon_file *b)
{
    auto_free char *one = tenon_asprintf("%04o", a->mode & 07777);
    auto_free char *other = tenon_asprintf("%04o", b->mode & 07777);
    return compare_text(x, TENON_WORD_MODE, path, one, other);
}

static int
compare_owner(struct both *x, const char *path, const struct tenon_file *a,
              const struct tenon_file *b)
{
    auto_free char *one = tenon_asprintf("%u:%u", a->uid, a->gid);
    auto_free char *other = tenon_asprintf("%u:%u", b->uid, b->gid);
    return compare_text(x, TENON_WORD_OWNER, path, one, other);
}

static int
compare_time(struct both *x, const char *path, const struct tenon_file *a,
             const struct tenon_file *b)
{
    auto_free char *one = time_text(x, a), *other = time_text(x, b);
    return compare_text(x, TENON_WORD_TIME, path, one, other);
}

static int
compare_entry(struct both *x, const char *path, struct tenon_file *a, struct tenon_file *b)
{
    int rc = 0;
    if (a->gone != b->gone || (a->mode & S_IFMT) != (b->mode & S_IFMT))
        return differ(x, TENON_WORD_TYPE, path, NULL, tenon_file_type(a), tenon_file_type(b));
    if (a->gone)
        return 0;
    if (a->opaque != b->opaque)
        rc = differ(x, TENON_WORD_FILE, path, NULL, a->opaque ? "what was in it is removed" : NULL,
                    b->opaque ? "what was in it is removed" : NULL);
    if (rc == 0)
        rc = compare_text(x, TENON_WORD_LINK, path, a->link, b->link);
    if (rc == 0 && (a->leader || b->leader) && !tenon_streq(a->leader, b->leader))
        rc = differ(x, TENON_WORD_LINK, path, "hard", a->leader, b->leader);
    if (rc == 0 && S_ISREG(a->mode))
        rc = compare_content(x, path, a, b);
    if (rc == 0)
        rc = compare_device(x, path, a, b);
    if (rc == 0)
        rc = compare_mode(x, path, a, b);
    if (rc == 0)
        rc = compare_owner(x, path, a, b);
    if (rc == 0)
        rc = compare_xattrs(x, path, a, b);
    if (rc == 0)
        rc = compare_time(x, path, a, b);
    return rc;
}

/* ---- all of them ----------------------------------------------------------------------- */

static int compare_dir(struct both *x, struct tenon_file *a, struct tenon_file *b);

/* Of a directory that a layer has for what is below it alone, that is what it has. */
static int
one_side(struct both *x, struct tenon_file *f, bool is_a)
{
    int rc = 0;
    if (f->mode || f->gone) {
        auto_free char *path = tenon_file_path(f), *text = entry_text(f);
        return differ(x, TENON_WORD_FILE, path, NULL, is_a ? text : NULL, is_a ? NULL : text);
    }
    struct tenon_file **kids = tenon_filetree_kids(f);
    for (size_t i = 0; rc == 0 && kids[i]; i++)
        rc = one_side(x, kids[i], is_a);
    free(kids);
    return rc;
}

static int
compare_pair(struct both *x, struct tenon_file *a, struct tenon_file *b)
{
    int rc = 0;
    if ((a->mode || a->gone) && (b->mode || b->gone)) {
        auto_free char *path = tenon_file_path(a);
        rc = compare_entry(x, path, a, b);
    } else if (a->mode || a->gone || b->mode || b->gone) { /* the other implies a directory */
        struct tenon_file *f = a->mode || a->gone ? a : b;
        auto_free char *path = tenon_file_path(f);
        rc = differ(x, TENON_WORD_FILE, path, NULL, f == a ? tenon_file_type(f) : NULL,
                    f == b ? tenon_file_type(f) : NULL);
    }
    return rc ? rc : compare_dir(x, a, b);
}

static int
compare_dir(struct both *x, struct tenon_file *a, struct tenon_file *b)
{
    struct tenon_file **one = tenon_filetree_kids(a), **other = tenon_filetree_kids(b);
    int rc = 0;
    for (size_t i = 0, k = 0; rc == 0 && (one[i] || other[k]);) {
        const int order = !one[i] ? 1 : !other[k] ? -1 : strcmp(one[i]->name, other[k]->name);
        if (order < 0)
            rc = one_side(x, one[i++], true);
        else if (order > 0)
            rc = one_side(x, other[k++], false);
        else
            rc = compare_pair(x, one[i++], other[k++]);
    }
    free(one);
    free(other);
    return rc;
}

int
tenon_treediff(struct tenon_comparison *c, struct tenon_filetree *a, struct tenon_filetree *b,
               struct tenon_error *err)
{
    struct both x = {.c = c, .a = a, .b = b, .err = err,
                     .whole_seconds = a->whole_seconds || b->whole_seconds};
    return compare_dir(&x, tenon_filetree_top(a), tenon_filetree_top(b));
}
