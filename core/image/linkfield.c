/* image/linkfield.c - see linkfield.h. */
#include "image/linkfield.h"

#include <stdio.h>
#include <string.h>

enum { BLOCK = 512, PAX_MAX = 1 << 20 };
enum { SIZE_AT = 124, SUM_AT = 148, TYPE_AT = 156, LINK_AT = 157, FIELD = 12, SUM_LEN = 8 };

void
tenon_linkfield_release(struct tenon_linkfield *l)
{
    tenon_buf_release(&l->held);
    tenon_buf_release(&l->pax);
}

static bool
read_octal(const char *p, size_t len, uint64_t *out)
{
    size_t i = 0;
    *out = 0;
    while (i < len && p[i] == ' ')
        i++;
    for (; i < len && p[i] >= '0' && p[i] <= '7'; i++)
        *out = *out * 8 + (uint64_t)(p[i] - '0');
    return i == len || p[i] == ' ' || !p[i]; /* else base 256, or nonsense */
}

static uint64_t
sum_of(const char *block)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < BLOCK; i++)
        sum += i >= SUM_AT && i < SUM_AT + SUM_LEN ? ' ' : (unsigned char)block[i];
    return sum;
}

/* Records are "LENGTH KEY=VALUE\n". */
static void
read_pax(struct tenon_linkfield *l)
{
    static const char link[] = "linkpath=", size[] = "size=";
    const char *p = tenon_buf_str(&l->pax), *end = p + l->pax.len;
    while (p < end) {
        size_t len = 0;
        const char *key = p;
        for (; key < end && *key >= '0' && *key <= '9' && len <= PAX_MAX; key++)
            len = len * 10 + (size_t)(*key - '0');
        if (key == end || *key++ != ' ' || len > (size_t)(end - p) || key >= p + len) {
            l->lost = true;
            return;
        }
        const size_t left = (size_t)(p + len - key);
        if (left >= sizeof link && !memcmp(key, link, sizeof link - 1)) {
            l->has_link = left > sizeof link; /* an empty one is none for libarchive */
        } else if (left >= sizeof size && !memcmp(key, size, sizeof size - 1)) {
            l->has_size = true;
            l->size = 0;
            for (key += sizeof size - 1;
                 *key >= '0' && *key <= '9' && l->size <= INT64_MAX / 16; key++)
                l->size = l->size * 10 + (uint64_t)(*key - '0');
            l->lost = *key != '\n';
        }
        p += len;
    }
}

static void
fill_in(char *block)
{
    block[LINK_AT] = '?';
    snprintf(block + SUM_AT, SUM_LEN, "%06o", (unsigned)sum_of(block));
    block[SUM_AT + SUM_LEN - 1] = ' ';
}

/* Of an entry proper: what the extensions before it said was of it alone. */
static void
entry_header(struct tenon_linkfield *l, char *block, uint64_t size)
{
    const char type = block[TYPE_AT];
    const bool is_file = !type || type == '0' || type == '7';
    if (l->has_link && (type == '1' || type == '2') && !block[LINK_AT])
        fill_in(block);
    size = l->has_size ? l->size : size;
    /* Of others readers do not agree about what follows them. */
    l->lost = (!is_file && (size || !strchr("123456", type))) || size > INT64_MAX;
    l->data = is_file ? size / BLOCK + !!(size % BLOCK) : 0;
    l->has_link = l->has_size = l->has_pax = false;
}

static void
header(struct tenon_linkfield *l, char *block)
{
    static const char zeros[BLOCK];
    uint64_t sum, size;
    if (!memcmp(block, zeros, BLOCK))
        return;
    if (!read_octal(block + SUM_AT, SUM_LEN, &sum) || sum != sum_of(block) ||
        !read_octal(block + SIZE_AT, FIELD, &size)) {
        l->lost = true;
        return;
    }
    const char type = block[TYPE_AT];
    if (!type || !strchr("xgLK", type)) {
        entry_header(l, block, size);
        return;
    }
    l->has_link |= type == 'K';
    /* Of several in a row readers do not agree which one counts. */
    l->lost = size > PAX_MAX || (type == 'x' && l->has_pax);
    l->has_pax |= type == 'x';
    l->data = size / BLOCK + !!(size % BLOCK);
    l->in_pax = type == 'x' && size;
    l->pax_len = (size_t)size;
    tenon_buf_clear(&l->pax);
}

static void
block_came(struct tenon_linkfield *l, char *block)
{
    if (!l->data) {
        header(l, block);
        return;
    }
    l->data--;
    if (!l->in_pax)
        return;
    tenon_buf_add(&l->pax, block, BLOCK);
    if (!l->data) {
        l->in_pax = false;
        tenon_buf_truncate(&l->pax, l->pax_len);
        read_pax(l);
    }
}

const void *
tenon_linkfield_pass(struct tenon_linkfield *l, const void *in, size_t len, size_t *out_len)
{
    if (l->gone) {
        memmove(l->held.data, l->held.data + l->gone, l->held.len - l->gone);
        tenon_buf_truncate(&l->held, l->held.len - l->gone);
    }
    tenon_buf_add(&l->held, in, len);
    const size_t whole = l->held.len - l->held.len % BLOCK;
    for (size_t at = 0; at < whole && !l->lost; at += BLOCK)
        block_came(l, l->held.data + at);
    l->gone = len ? whole : l->held.len;
    *out_len = l->gone;
    return l->held.data;
}
