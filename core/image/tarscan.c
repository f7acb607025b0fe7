/* image/tarscan.c - see tarscan.h: ustar, pax and GNU's long names, as Go's archive/tar reads
 * them, with which engines unpack layers. */
#include "image/tarscan.h"

#include <stdlib.h>
#include <string.h>

#include "tools/alloc.h"
#include "tools/parse.h"
#include "tools/utf8.h"
#include "tools/vec.h"

enum { BLOCK = 512, META_MAX = 1 << 20 };

struct header { /* the fields of a ustar block, in order */
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8];
    char type, link[100], magic[6], version[2], uname[32], gname[32];
    char major[8], minor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a tar header is one block");

enum state { IN_HEADER, IN_META, IN_CONTENT, IN_PAD, AT_END };

struct tenon_tarscan {
    struct tenon_tarscan_ops ops;
    void *data;
    enum state state;
    unsigned char block[BLOCK];
    size_t have;         /* of block, or of a meta entry's data */
    uint64_t left, pad;  /* of data, and of what fills their last block */
    unsigned zeros;      /* blocks of them, one after the other */
    bool has_global;     /* a header that is about all that follow */
    char meta_type;
    struct tenon_buf meta;
    /* of the entry that the meta entries are about */
    struct tenon_buf pax, name, link;
    TENON_VEC(struct tenon_tar_xattr) xattrs; /* in pax */
};

/* ---- fields ---------------------------------------------------------------- */

static int
broken(struct tenon_error *err, const char *what)
{
    return tenon_error_set(err, TENON_E_CORRUPT, "tar: %s", what);
}

/* Octal, or 256 to the power of its place where the first bit is set. */
static bool
number(const char *field, size_t size, int64_t *out)
{
    const unsigned char *p = (const unsigned char *)field;
    uint64_t v = 0;
    if (*p & 0x80) {
        const bool negative = *p & 0x40;
        v = negative ? UINT64_MAX << 6 | (*p & 0x3f) : *p & 0x3f;
        for (size_t i = 1; i < size; i++) {
            if (v >> 55 != (negative ? 0x1ff : 0))
                return false;
            v = v << 8 | p[i];
        }
        *out = (int64_t)v;
        return true;
    }
    size_t i = 0;
    while (i < size && (p[i] == ' ' || p[i] == '\0'))
        i++;
    for (; i < size && p[i] >= '0' && p[i] <= '7'; i++)
        v = v << 3 | (p[i] - '0');
    for (; i < size; i++)
        if (p[i] != ' ' && p[i] != '\0')
            return false;
    *out = (int64_t)v;
    return true;
}

static bool
sum_is_right(const struct header *h)
{
    const unsigned char *p = (const unsigned char *)h;
    int64_t said, plain = 0, with_signs = 0;
    if (!number(h->sum, sizeof h->sum, &said))
        return false;
    for (size_t i = 0; i < BLOCK; i++) {
        const bool is_sum = i >= offsetof(struct header, sum) && i < offsetof(struct header, type);
        plain += is_sum ? ' ' : p[i];
        with_signs += is_sum ? ' ' : (signed char)p[i];
    }
    return said == plain || said == with_signs;
}

static char *
field_text(const char *field, size_t size)
{
    return tenon_strndup(field, strnlen(field, size));
}

/* ---- pax ------------------------------------------------------------------- */

struct fields { /* what pax says of an entry; NULL: nothing */
    const char *path, *linkpath, *uname, *gname, *uid, *gid, *size, *mtime;
    bool has_more; /* than these and attributes, or values that mean "none" */
};

/* Equal ones in the order in which they came. */
static int
by_name(const void *a, const void *b)
{
    const struct tenon_tar_xattr *x = a, *y = b;
    const int order = strcmp(x->name, y->name);
    return order ? order : x->name < y->name ? -1 : x->name > y->name;
}

/* Of two with one name the last counts. */
static void
sort_xattrs(struct tenon_tarscan *s)
{
    size_t kept = 0;
    if (s->xattrs.len)
        qsort(s->xattrs.items, s->xattrs.len, sizeof *s->xattrs.items, by_name);
    for (size_t i = 0; i < s->xattrs.len; i++) {
        const bool is_again = i + 1 < s->xattrs.len &&
                              !strcmp(s->xattrs.items[i].name, s->xattrs.items[i + 1].name);
        if (!is_again)
            s->xattrs.items[kept++] = s->xattrs.items[i];
    }
    s->xattrs.len = kept;
}

/* One "LEN KEY=VALUE\n"; the text is cut into strings where it stands. */
static size_t
take_record(struct tenon_tarscan *s, char *at, size_t room, struct fields *f, bool *is_sparse)
{
    static const char xattr[] = "SCHILY.xattr.";
    char *space = memchr(at, ' ', room);
    uint64_t len;
    if (!space)
        return 0;
    *space = '\0';
    if (!tenon_parse_u64(at, 10, &len) || len > room || len < (size_t)(space - at) + 3 ||
        at[len - 1] != '\n')
        return 0;
    char *key = space + 1, *equals = memchr(key, '=', len - (size_t)(key - at));
    if (!equals || memchr(key, '\0', (size_t)(equals - key)))
        return 0;
    at[len - 1] = *equals = '\0';
    const char *value = equals + 1;
    const size_t value_len = (size_t)(at + len - 1 - value);
    const struct {
        const char *key;
        const char **to;
    } known[] = { { "path", &f->path }, { "linkpath", &f->linkpath }, { "uname", &f->uname },
                  { "gname", &f->gname }, { "uid", &f->uid }, { "gid", &f->gid },
                  { "size", &f->size }, { "mtime", &f->mtime } };
    bool is_told = !strncmp(key, xattr, strlen(xattr));
    for (size_t i = 0; i < tenon_countof(known); i++)
        if (!strcmp(key, known[i].key)) {
            is_told = true;
            if (strlen(value) != value_len)
                return 0; /* a name that ends within */
            if (value_len)
                *known[i].to = value;
        }
    f->has_more = f->has_more || !is_told || !value_len;
    if (!strncmp(key, "GNU.sparse.", strlen("GNU.sparse.")))
        *is_sparse = true;
    if (!strncmp(key, xattr, strlen(xattr)))
        tenon_vec_push(&s->xattrs, ((struct tenon_tar_xattr){ key + strlen(xattr), value,
                                                              value_len }));
    return len;
}

static int
read_pax(struct tenon_tarscan *s, struct fields *f, struct tenon_error *err)
{
    bool is_sparse = false;
    for (size_t at = 0, n; at < s->pax.len; at += n)
        if (!(n = take_record(s, s->pax.data + at, s->pax.len - at, f, &is_sparse)))
            return broken(err, "a pax header that is none");
    if (is_sparse)
        return tenon_error_set(err, TENON_E_UNSUPPORTED, "tar: sparse files are not supported");
    sort_xattrs(s);
    return 0;
}

/* "1700000000.5": the seconds, rounded to the nearest. */
static bool
seconds(const char *text, int64_t *out)
{
    const char *dot = strchr(text, '.');
    auto_free char *whole = tenon_strndup(text, dot ? (size_t)(dot - text) : strlen(text));
    const bool is_negative = *whole == '-';
    uint64_t v;
    if (!tenon_parse_u64(whole + is_negative, 10, &v) || v > INT64_MAX / 2)
        return false;
    v += dot && dot[1] >= '5' && dot[1] <= '9';
    *out = is_negative ? -(int64_t)v : (int64_t)v;
    return true;
}

static bool
small_number(const char *text, int64_t *out)
{
    uint64_t v;
    if (!tenon_parse_u64(text, 10, &v) || v > INT64_MAX / 2)
        return false;
    *out = (int64_t)v;
    return true;
}

/* ---- an entry -------------------------------------------------------------- */

static void
forget_meta(struct tenon_tarscan *s)
{
    tenon_buf_release(&s->pax);
    tenon_buf_release(&s->name);
    tenon_buf_release(&s->link);
    s->xattrs.len = 0;
}

static int
start_meta(struct tenon_tarscan *s, char type, int64_t size, struct tenon_error *err)
{
    if (size > META_MAX)
        return tenon_error_set(err, TENON_E_LIMIT, "tar: a header of more than %d bytes", META_MAX);
    s->meta_type = type;
    s->left = (uint64_t)size;
    s->pad = (BLOCK - s->left % BLOCK) % BLOCK;
    s->state = s->left ? IN_META : IN_HEADER;
    tenon_buf_release(&s->meta);
    return 0;
}

static void
end_meta(struct tenon_tarscan *s)
{
    struct tenon_buf *to = s->meta_type == 'x' ? &s->pax : s->meta_type == 'L' ? &s->name
                           : s->meta_type == 'K' ? &s->link : NULL;
    if (to) {
        tenon_buf_release(to);
        tenon_buf_add(to, s->meta.data, s->meta.len);
    }
    tenon_buf_release(&s->meta);
}

static bool
has_no_data(char type)
{
    return type != TENON_TAR_FILE;
}

static bool
is_utf8(const char *text)
{
    for (size_t left = strlen(text), n; left; text += n, left -= n)
        if (!(n = tenon_utf8_len(text, left)))
            return false;
    return true;
}

/* As POSIX has it, and no member for which an entry has no place: times before the second and of
 * other kinds, numbers of a device that it is not, the name of a link that it is not. */
static bool
is_plain(const struct tenon_tarscan *s, const struct header *h, const struct fields *f,
         const struct tenon_tarscan_entry *e)
{
    static const char star[4] = { 't', 'a', 'r', '\0' }; /* a format with more times */
    const bool is_link = h->type == TENON_TAR_HARDLINK || h->type == TENON_TAR_SYMLINK;
    const bool is_device = h->type == TENON_TAR_CHAR || h->type == TENON_TAR_BLOCK;
    return !s->has_global && !s->name.len && !s->link.len && !f->has_more && h->type &&
           !memcmp(h->magic, "ustar", 6) && !memcmp(h->version, "00", 2) &&
           memcmp(h->pad + sizeof h->pad - sizeof star, star, sizeof star) != 0 &&
           !(f->mtime && strchr(f->mtime, '.')) && (is_link || !*e->link) &&
           (is_device || (!e->major && !e->minor)) && (h->type == TENON_TAR_FILE || !e->size) &&
           is_utf8(e->name) && is_utf8(e->link);
}

static int
take_entry(struct tenon_tarscan *s, const struct header *h, struct tenon_error *err)
{
    struct fields f = {0};
    struct tenon_tarscan_entry e = { .type = h->type };
    if (read_pax(s, &f, err) < 0)
        return err->code;
    const bool is_posix = !memcmp(h->magic, "ustar", 6);
    auto_free char *base = field_text(h->name, sizeof h->name);
    auto_free char *prefix = field_text(h->prefix, is_posix ? sizeof h->prefix : 0);
    auto_free char *name = *prefix ? tenon_asprintf("%s/%s", prefix, base) : tenon_strdup(base);
    auto_free char *link = field_text(h->link, sizeof h->link);
    auto_free char *user = field_text(h->uname, is_posix ? sizeof h->uname : 0);
    auto_free char *group = field_text(h->gname, is_posix ? sizeof h->gname : 0);
    e.name = f.path ? f.path : s->name.len ? s->name.data : name;
    e.link = f.linkpath ? f.linkpath : s->link.len ? s->link.data : link;
    e.user = f.uname ? f.uname : user;
    e.group = f.gname ? f.gname : group;
    e.xattrs = s->xattrs.items;
    e.xattr_count = s->xattrs.len;
    if (!number(h->mode, sizeof h->mode, &e.mode) || !number(h->uid, sizeof h->uid, &e.uid) ||
        !number(h->gid, sizeof h->gid, &e.gid) || !number(h->size, sizeof h->size, &e.size) ||
        !number(h->mtime, sizeof h->mtime, &e.mtime) ||
        !number(h->major, sizeof h->major, &e.major) ||
        !number(h->minor, sizeof h->minor, &e.minor) || (f.uid && !small_number(f.uid, &e.uid)) ||
        (f.gid && !small_number(f.gid, &e.gid)) || (f.size && !small_number(f.size, &e.size)) ||
        (f.mtime && !seconds(f.mtime, &e.mtime)) || e.size < 0)
        return broken(err, "a field that is no number");
    if (e.type == '\0') /* of a time before ustar */
        e.type = tenon_has_suffix(e.name, "/") ? TENON_TAR_DIR : TENON_TAR_FILE;
    if (e.type < TENON_TAR_FILE || e.type > TENON_TAR_FIFO)
        return tenon_error_set(err, TENON_E_UNSUPPORTED,
                               "tar: \"%s\" is of kind 0x%02x, which is not supported", e.name,
                               (unsigned char)e.type);
    e.is_plain = is_plain(s, h, &f, &e);
    if (has_no_data(e.type))
        e.size = 0;
    int rc = s->ops.entry(s->data, &e, err);
    s->left = (uint64_t)e.size;
    s->pad = (BLOCK - s->left % BLOCK) % BLOCK;
    s->state = s->left ? IN_CONTENT : IN_HEADER;
    forget_meta(s);
    return rc;
}

static bool
is_zero(const unsigned char *block)
{
    for (size_t i = 0; i < BLOCK; i++)
        if (block[i])
            return false;
    return true;
}

static int
take_block(struct tenon_tarscan *s, struct tenon_error *err)
{
    const struct header *h = (const struct header *)(const void *)s->block;
    int64_t size;
    s->have = 0;
    if (is_zero(s->block)) {
        if (++s->zeros == 2)
            s->state = AT_END;
        return 0;
    }
    if (s->zeros || !sum_is_right(h))
        return broken(err, "a header that is none");
    switch (h->type) {
    case 'x':
    case 'g':
    case 'L':
    case 'K':
        if (!number(h->size, sizeof h->size, &size) || size < 0)
            return broken(err, "a field that is no number");
        s->has_global = s->has_global || h->type == 'g';
        return start_meta(s, h->type, size, err);
    default:
        return take_entry(s, h, err);
    }
}

/* ---- the interface --------------------------------------------------------- */

struct tenon_tarscan *
tenon_tarscan_new(const struct tenon_tarscan_ops *ops, void *data)
{
    struct tenon_tarscan *s = tenon_new0(struct tenon_tarscan);
    s->ops = *ops;
    s->data = data;
    return s;
}

void
tenon_tarscan_free(struct tenon_tarscan *s)
{
    if (!s)
        return;
    forget_meta(s);
    tenon_buf_release(&s->meta);
    tenon_vec_release(&s->xattrs);
    free(s);
}

static size_t
smaller(size_t a, uint64_t b)
{
    return b < a ? (size_t)b : a;
}

/* One step within one state; n: how many of the bytes it took. */
static int
step(struct tenon_tarscan *s, const char *p, size_t len, size_t *n, struct tenon_error *err)
{
    const enum state was = s->state;
    *n = was == AT_END ? len : was == IN_PAD ? smaller(len, s->pad)
         : was == IN_HEADER ? smaller(len, BLOCK - s->have) : smaller(len, s->left);
    if (s->ops.bytes(s->data, p, *n, was == IN_CONTENT, err) < 0)
        return err->code;
    switch (was) {
    case IN_HEADER:
        memcpy(s->block + s->have, p, *n);
        s->have += *n;
        return s->have == BLOCK ? take_block(s, err) : 0;
    case IN_META:
        tenon_buf_add(&s->meta, p, *n);
        s->left -= *n;
        if (!s->left)
            end_meta(s);
        break;
    case IN_CONTENT:
        s->left -= *n;
        break;
    case IN_PAD:
        s->pad -= *n;
        break;
    case AT_END:
        return 0;
    }
    if (!s->left)
        s->state = s->pad ? IN_PAD : IN_HEADER;
    return 0;
}

int
tenon_tarscan_write(struct tenon_tarscan *s, const void *buf, size_t len, struct tenon_error *err)
{
    const char *p = buf;
    for (size_t n; len > 0; p += n, len -= n)
        if (step(s, p, len, &n, err) < 0)
            return err->code;
    return 0;
}

int
tenon_tarscan_finish(const struct tenon_tarscan *s, struct tenon_error *err)
{
    const bool is_between = s->state == IN_HEADER && !s->have && !s->pax.len && !s->name.len &&
                            !s->link.len;
    return s->state == AT_END || is_between ? 0 : broken(err, "it ends within an entry");
}
