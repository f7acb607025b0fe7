/* tools/buf.c - growing bytes. */
#include "tools/buf.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/alloc.h"

void
tenon_buf_release(struct tenon_buf *b)
{
    if (!b)
        return;
    free(b->data);
    *b = (struct tenon_buf)TENON_BUF_INIT;
}

void
tenon_buf_wipe(struct tenon_buf *b)
{
    if (b->data)
        explicit_bzero(b->data, b->cap);
    tenon_buf_release(b);
}

void
tenon_buf_reserve(struct tenon_buf *b, size_t more)
{
    size_t need;
    /* one more for the NUL */
    bool too_much = __builtin_add_overflow(b->len, more, &need) ||
                    __builtin_add_overflow(need, 1, &need) ||
                    need > SIZE_MAX / 2;
    tenon_assert(!too_much);
    if (need <= b->cap)
        return;
    size_t cap = b->cap ? b->cap : 32;
    while (cap < need)
        cap += cap / 2 + 16;
    b->data = tenon_realloc(b->data, cap);
    b->cap = cap;
    b->data[b->len] = '\0';
}

void
tenon_buf_add(struct tenon_buf *b, const void *data, size_t len)
{
    tenon_buf_reserve(b, len);
    if (len)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = '\0';
}

void
tenon_buf_adds(struct tenon_buf *b, const char *s)
{
    tenon_buf_add(b, s, strlen(s));
}

void
tenon_buf_addc(struct tenon_buf *b, char c)
{
    if (b->len + 1 >= b->cap)
        tenon_buf_reserve(b, 1);
    b->data[b->len++] = c;
    b->data[b->len] = '\0';
}

static void
vaddf(struct tenon_buf *b, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    size_t room = b->cap - b->len;
    int n = vsnprintf(b->data ? b->data + b->len : NULL, b->data ? room : 0,
                      fmt, ap);
    tenon_assert(n >= 0);
    if (!b->data || (size_t)n >= room) {
        tenon_buf_reserve(b, (size_t)n);
        vsnprintf(b->data + b->len, b->cap - b->len, fmt, again);
    }
    b->len += (size_t)n;
    va_end(again);
}

void
tenon_buf_addf(struct tenon_buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vaddf(b, fmt, ap);
    va_end(ap);
}

void
tenon_buf_clear(struct tenon_buf *b)
{
    tenon_buf_truncate(b, 0);
}

void
tenon_buf_truncate(struct tenon_buf *b, size_t len)
{
    tenon_assert(len <= b->len);
    b->len = len;
    if (b->data)
        b->data[len] = '\0';
}

const char *
tenon_buf_str(const struct tenon_buf *b)
{
    return b->data ? b->data : "";
}

char *
tenon_buf_steal(struct tenon_buf *b)
{
    char *s = b->data ? b->data : tenon_strdup("");
    *b = (struct tenon_buf)TENON_BUF_INIT;
    return s;
}
