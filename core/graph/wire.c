/* graph/wire.c - protobuf's wire format, written and read. */
#include "graph/wire.h"

#include <string.h>

enum { VARINT_MAX = 10, HEAD_MAX = 2 * VARINT_MAX }; /* bytes */

static size_t
to_varint(unsigned char *out, uint64_t v)
{
    size_t n = 0;

    for (; v >= 0x80; v >>= 7)
        out[n++] = (unsigned char)(v | 0x80);
    out[n++] = (unsigned char)v;
    return n;
}

void
tenon_wire_put_varint(struct tenon_buf *b, uint64_t v)
{
    unsigned char bytes[VARINT_MAX];

    tenon_buf_add(b, bytes, to_varint(bytes, v));
}

/* A tag, and the number or length after it. */
static size_t
to_head(unsigned char *out, uint32_t field, uint32_t type, uint64_t v)
{
    size_t n = to_varint(out, (uint64_t)field << 3 | type);

    return n + to_varint(out + n, v);
}

static void
put_head(struct tenon_buf *b, uint32_t field, uint32_t type, uint64_t v)
{
    unsigned char bytes[HEAD_MAX];

    tenon_buf_add(b, bytes, to_head(bytes, field, type, v));
}

void
tenon_wire_wrap(struct tenon_buf *b, size_t start, uint32_t field)
{
    unsigned char bytes[HEAD_MAX];
    size_t len = b->len - start, n = to_head(bytes, field, TENON_WIRE_LEN, len);

    tenon_buf_add(b, bytes, n); /* room; it belongs before what is there */
    memmove(b->data + start + n, b->data + start, len);
    memcpy(b->data + start, bytes, n);
}

void
tenon_wire_put_member_uint(struct tenon_buf *b, uint32_t field, uint64_t v)
{
    put_head(b, field, TENON_WIRE_VARINT, v);
}

void
tenon_wire_put_uint(struct tenon_buf *b, uint32_t field, uint64_t v)
{
    if (v)
        tenon_wire_put_member_uint(b, field, v);
}

void
tenon_wire_put_int(struct tenon_buf *b, uint32_t field, int64_t v)
{
    tenon_wire_put_uint(b, field, (uint64_t)v);
}

void
tenon_wire_put_bool(struct tenon_buf *b, uint32_t field, bool v)
{
    tenon_wire_put_uint(b, field, v);
}

static void
put_len(struct tenon_buf *b, uint32_t field, const void *data, size_t len)
{
    put_head(b, field, TENON_WIRE_LEN, len);
    tenon_buf_add(b, data, len);
}

void
tenon_wire_put_string(struct tenon_buf *b, uint32_t field, const char *s)
{
    if (s && *s)
        put_len(b, field, s, strlen(s));
}

void
tenon_wire_put_bytes(struct tenon_buf *b, uint32_t field, const void *data,
                     size_t len)
{
    if (len)
        put_len(b, field, data, len);
}

void
tenon_wire_put_message(struct tenon_buf *b, uint32_t field,
                       const struct tenon_buf *message)
{
    put_len(b, field, tenon_buf_str(message), message->len);
}

void
tenon_wire_put_item(struct tenon_buf *b, uint32_t field, const char *s)
{
    put_len(b, field, s, strlen(s));
}

void
tenon_wire_put_pair(struct tenon_buf *b, uint32_t field, const char *key,
                    const char *value)
{
    size_t start = b->len;

    tenon_wire_put_item(b, 1, key);
    tenon_wire_put_item(b, 2, value);
    tenon_wire_wrap(b, start, field);
}

void
tenon_wire_init(struct tenon_wire *w, const void *data, size_t len)
{
    static const unsigned char nothing[1];

    memset(w, 0, sizeof *w);
    w->at = len ? data : nothing;
    w->end = w->at + len;
}

static bool
get_varint(struct tenon_wire *w, uint64_t *out)
{
    uint64_t v = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (w->at == w->end)
            return false;
        unsigned char c = *w->at++;
        if (shift == 63 && c > 1)
            return false;
        v |= (uint64_t)(c & 0x7f) << shift;
        if (!(c & 0x80)) {
            *out = v;
            return true;
        }
    }
    return false;
}

static bool
get_fixed(struct tenon_wire *w, unsigned size)
{
    if ((size_t)(w->end - w->at) < size)
        return false;
    w->value = 0;
    for (unsigned i = 0; i < size; i++)
        w->value |= (uint64_t)*w->at++ << (8 * i);
    return true;
}

static bool
get_item(struct tenon_wire *w)
{
    uint64_t n;

    w->value = 0;
    w->data = NULL;
    w->len = 0;
    switch (w->type) {
    case TENON_WIRE_VARINT:
        return get_varint(w, &w->value);
    case TENON_WIRE_FIXED64:
        return get_fixed(w, 8);
    case TENON_WIRE_FIXED32:
        return get_fixed(w, 4);
    case TENON_WIRE_LEN:
        if (!get_varint(w, &n) || n > (size_t)(w->end - w->at))
            return false;
        w->data = w->at;
        w->len = (size_t)n;
        w->at += n;
        return true;
    default:
        return false;
    }
}

int
tenon_wire_next(struct tenon_wire *w, struct tenon_error *err)
{
    uint64_t tag;

    if (w->at == w->end)
        return 0;
    if (!get_varint(w, &tag) || tag >> 3 == 0 || tag >> 3 > 0x1fffffff)
        return tenon_error_set(err, TENON_E_CORRUPT, "malformed protobuf tag");
    w->field = (uint32_t)(tag >> 3);
    w->type = tag & 7;
    if (!get_item(w))
        return tenon_error_set(err, TENON_E_CORRUPT,
                               "malformed protobuf field %u", w->field);
    return 1;
}
