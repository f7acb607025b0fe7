/* tools/tarheader.c - see tarheader.h. */
#include "tools/tarheader.h"

#include <stdio.h>
#include <string.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"
#include "tools/path.h"

/* POSIX.1-2001 "pax interchange format". */

enum { BLOCK = 512 };

struct header { /* the fields of a ustar block, in order */
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8];
    char type, link[100], magic[6], version[2], uname[32], gname[32];
    char major[8], minor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a tar header is one block");

/* Zero-padded octal and a NUL; false when it does not fit. */
static bool
octal(char *field, size_t size, uint64_t value)
{
    if (size - 1 < 22 && value >> (3 * (size - 1)))
        return false;
    for (size_t i = size - 1; i-- > 0; value >>= 3)
        field[i] = (char)('0' + (value & 7));
    field[size - 1] = '\0';
    return true;
}

static bool
ascii(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s >= 0x80)
            return false;
    return true;
}

/* "LEN key=value\n", where LEN counts itself. */
static void
pax_record(struct tenon_buf *b, const char *key, const void *value, size_t len)
{
    size_t rest = strlen(key) + len + 3;
    size_t total = rest + 1;
    char digits[24];
    for (;;) {
        size_t n = (size_t)snprintf(digits, sizeof digits, "%zu", total);
        if (n + rest == total)
            break;
        total = n + rest;
    }
    tenon_buf_addf(b, "%s %s=", digits, key);
    tenon_buf_add(b, value, len);
    tenon_buf_addc(b, '\n');
}

static void
pax_number(struct tenon_buf *b, const char *key, int64_t value)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%lld", (long long)value);
    pax_record(b, key, text, (size_t)n);
}

static void
pax_time(struct tenon_buf *b, int64_t seconds, uint32_t ns)
{
    char text[40];
    int n = snprintf(text, sizeof text, "%lld.%09u", (long long)seconds, ns);
    if (ns)
        pax_record(b, "mtime", text, (size_t)n);
    else
        pax_number(b, "mtime", seconds);
}

/* name, or prefix '/' name; false when it needs pax. */
static bool
set_name(struct header *h, const char *name)
{
    size_t len = strlen(name);
    if (!ascii(name))
        return false;
    if (len <= sizeof h->name) {
        memcpy(h->name, name, len);
        return true;
    }
    if (len > sizeof h->name + 1 + sizeof h->prefix)
        return false;
    /* the last slash that leaves both parts short enough; not a final one */
    for (size_t i = len - 1; i-- > 0;) {
        if (name[i] != '/')
            continue;
        if (len - i - 1 > sizeof h->name)
            return false;
        if (i > sizeof h->prefix || i == 0)
            continue;
        memcpy(h->prefix, name, i);
        memcpy(h->name, name + i + 1, len - i - 1);
        return true;
    }
    return false;
}

static void
set_sum(struct header *h)
{
    unsigned sum = 0;
    memset(h->sum, ' ', sizeof h->sum);
    for (const unsigned char *p = (const unsigned char *)h;
         p < (const unsigned char *)(h + 1); p++)
        sum += *p;
    snprintf(h->sum, sizeof h->sum - 1, "%06o", sum);
    h->sum[7] = ' ';
}

static void
start(struct header *h, char type)
{
    *h = (struct header){.type = type};
    memcpy(h->magic, "ustar", 6);
    memcpy(h->version, "00", 2);
}

/* Truncated text for readers that know no pax. */
static void
fallback(char *field, size_t size, const char *s)
{
    size_t len = strlen(s);
    memcpy(field, s, len < size ? len : size);
    for (size_t i = 0; i < size && field[i]; i++)
        if ((unsigned char)field[i] >= 0x80)
            field[i] = '_';
}

static void
add_pax(struct tenon_buf *out, const char *name, const struct tenon_buf *records)
{
    struct header h;
    start(&h, 'x');
    auto_free char *clean = tenon_path_clean(name);
    const char *base = tenon_path_base(clean);
    auto_free char *own = tenon_asprintf(
        "%.*sPaxHeaders.0/%s", (int)(base - clean), clean, base);
    if (!set_name(&h, own))
        fallback(h.name, sizeof h.name, own);
    octal(h.mode, sizeof h.mode, 0);
    octal(h.uid, sizeof h.uid, 0);
    octal(h.gid, sizeof h.gid, 0);
    octal(h.size, sizeof h.size, records->len);
    octal(h.mtime, sizeof h.mtime, 0);
    set_sum(&h);
    tenon_buf_add(out, &h, sizeof h);
    tenon_buf_add(out, records->data, records->len);
    tenon_tar_pad_buf(out, records->len);
}

/* Sorted by key, as all records are. */
static void
add_xattrs(struct tenon_buf *pax, const struct tenon_tar_entry *e)
{
    if (e->capability)
        pax_record(pax, "SCHILY.xattr.security.capability", e->capability,
                   e->capability_len);
    for (size_t i = 0; i < e->xattr_count; i++) {
        if (strchr(e->xattrs[i].name, '='))
            continue; /* a record's key ends there: it would be another attribute */
        auto_free char *key = tenon_asprintf("SCHILY.xattr.%s", e->xattrs[i].name);
        pax_record(pax, key, e->xattrs[i].value, e->xattrs[i].len);
    }
}

bool
tenon_tar_encode(struct tenon_buf *out, const struct tenon_tar_entry *e)
{
    struct header h;
    auto_buf struct tenon_buf pax = TENON_BUF_INIT;
    start(&h, e->type);
    uint64_t size = e->type == TENON_TAR_FILE ? e->size : 0;

    add_xattrs(&pax, e);
    if (!octal(h.gid, sizeof h.gid, e->gid)) {
        octal(h.gid, sizeof h.gid, 0);
        pax_number(&pax, "gid", e->gid);
    }
    if (e->link) {
        size_t len = strlen(e->link);
        if (len > sizeof h.link || !ascii(e->link)) {
            pax_record(&pax, "linkpath", e->link, len);
            fallback(h.link, sizeof h.link, e->link);
        } else {
            memcpy(h.link, e->link, len);
        }
    }
    if (e->mtime < 0 || !octal(h.mtime, sizeof h.mtime, (uint64_t)e->mtime)) {
        octal(h.mtime, sizeof h.mtime, 0);
        pax_time(&pax, e->mtime, e->mtime_ns);
    } else if (e->mtime_ns) {
        pax_time(&pax, e->mtime, e->mtime_ns);
    }
    if (!set_name(&h, e->name)) {
        pax_record(&pax, "path", e->name, strlen(e->name));
        fallback(h.name, sizeof h.name, e->name);
    }
    if (!octal(h.size, sizeof h.size, size)) {
        octal(h.size, sizeof h.size, 0);
        pax_number(&pax, "size", (int64_t)size);
    }
    if (!octal(h.uid, sizeof h.uid, e->uid)) {
        octal(h.uid, sizeof h.uid, 0);
        pax_number(&pax, "uid", e->uid);
    }
    octal(h.mode, sizeof h.mode, e->mode & 07777);
    bool device = e->type == TENON_TAR_CHAR || e->type == TENON_TAR_BLOCK;
    if (!octal(h.major, sizeof h.major, device ? e->major : 0) ||
        !octal(h.minor, sizeof h.minor, device ? e->minor : 0))
        return false;
    set_sum(&h);
    if (pax.len > 0)
        add_pax(out, e->name, &pax);
    tenon_buf_add(out, &h, sizeof h);
    return true;
}

void
tenon_tar_pad_buf(struct tenon_buf *out, uint64_t size)
{
    static const char zeros[BLOCK];
    size_t over = (size_t)(size % BLOCK);
    if (over)
        tenon_buf_add(out, zeros, BLOCK - over);
}

void
tenon_tar_end_buf(struct tenon_buf *out)
{
    static const char zeros[2 * BLOCK];
    tenon_buf_add(out, zeros, sizeof zeros);
}
