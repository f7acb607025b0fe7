/* common/message/message.c - protobuf messages, driven by tables. */
#include "common/message/message.h"

#include <string.h>

#include "tools/alloc.h"
#include "tools/utf8.h"

enum wire { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

/* ---- in ------------------------------------------------------------------ */

struct input {
    const unsigned char *at, *end;
    const char *why;
};

static bool
get_varint(struct input *in, uint64_t *out)
{
    uint64_t v = 0;

    for (unsigned shift = 0; shift < 64 && in->at < in->end; shift += 7) {
        unsigned char c = *in->at++;
        v |= (uint64_t)(c & 0x7f) << shift;
        if (!(c & 0x80)) {
            *out = v;
            return true;
        }
    }
    in->why = "malformed number";
    return false;
}

/* One field, whatever it is: a number, or bytes. */
static bool
get_item(struct input *in, unsigned wire, uint64_t *value, struct message_bytes *bytes)
{
    size_t left, n;

    if (wire == WIRE_VARINT)
        return get_varint(in, value);
    if (wire == WIRE_BYTES && !get_varint(in, value))
        return false;
    left = (size_t)(in->end - in->at);
    n = wire == WIRE_BYTES ? (*value > left ? left + 1 : (size_t)*value)
        : wire == WIRE_FIXED64 ? 8 : wire == WIRE_FIXED32 ? 4 : left + 1;
    if (n > left) {
        in->why = "malformed field";
        return false;
    }
    *bytes = (struct message_bytes){in->at, n};
    in->at += n;
    return true;
}

static bool
get_string(struct tenon_arena *a, struct message_bytes b, const char **out, const char **why)
{
    if (memchr(b.data, 0, b.len)) {
        *why = "a text with a NUL inside";
        return false;
    }
    *out = tenon_arena_dup(a, b.data, b.len);
    return true;
}

/* Room for one more in the list. */
static void *
grow(struct tenon_arena *a, struct message_list *l, size_t size, const char **why)
{
    if (l->len >= MESSAGE_ITEMS_MAX) {
        *why = "a list with too many items";
        return NULL;
    }
    char *items = tenon_arena_grow(a, l->items, l->len, size);
    l->items = items;
    return items + l->len++ * size;
}

static bool
get_int(struct tenon_arena *a, struct message_list *l, uint64_t value, const char **why)
{
    int64_t *item = grow(a, l, sizeof *item, why);

    if (item)
        *item = (int64_t)value;
    return item != NULL;
}

/* All in one field. */
static bool
get_packed(struct tenon_arena *a, struct message_list *l, struct message_bytes bytes,
           const char **why)
{
    struct input in = {.at = bytes.data, .end = (const unsigned char *)bytes.data + bytes.len};
    uint64_t value;

    while (in.at < in.end) {
        if (!get_varint(&in, &value)) {
            *why = in.why;
            return false;
        }
        if (!get_int(a, l, value, why))
            return false;
    }
    return true;
}

static bool
get_field(struct tenon_arena *a, const struct message_field *f, uint64_t value,
          struct message_bytes bytes, char *at, const char **why)
{
    void *item;

    switch (f->type) {
    case MESSAGE_BOOL:
        *(bool *)at = value != 0;
        return true;
    case MESSAGE_INT:
        *(int64_t *)(void *)at = (int64_t)value;
        return true;
    case MESSAGE_BYTES:
        *(struct message_bytes *)(void *)at = bytes;
        return true;
    case MESSAGE_STRING:
        return get_string(a, bytes, (const char **)(void *)at, why);
    case MESSAGE_STRINGS:
        item = grow(a, (struct message_list *)(void *)at, sizeof(const char *), why);
        return item && get_string(a, bytes, item, why);
    case MESSAGE_INTS:
        return bytes.data ? get_packed(a, (struct message_list *)(void *)at, bytes, why)
                          : get_int(a, (struct message_list *)(void *)at, value, why);
    case MESSAGE_MANY:
        item = grow(a, (struct message_list *)(void *)at, f->message->size, why);
        return item && message_decode(a, f->message, bytes.data, bytes.len, item, why);
    case MESSAGE_ONE:
        item = *(void **)(void *)at; /* of several the last counts, in the place of the first */
        if (item)
            memset(item, 0, f->message->size);
        else
            *(void **)(void *)at = item = tenon_arena_alloc(a, f->message->size);
        return message_decode(a, f->message, bytes.data, bytes.len, item, why);
    }
    return false;
}

static const struct message_field *
find_field(const struct message_type_info *m, uint64_t number)
{
    for (size_t i = 0; i < m->count; i++) {
        if (m->fields[i].number == number)
            return &m->fields[i];
    }
    return NULL;
}

static bool
is_of_wire(const struct message_field *f, unsigned wire)
{
    const bool is_number = f->type == MESSAGE_BOOL || f->type == MESSAGE_INT;

    if (f->type == MESSAGE_INTS)
        return wire == WIRE_VARINT || wire == WIRE_BYTES;
    return wire == (is_number ? WIRE_VARINT : WIRE_BYTES);
}

bool
message_decode(struct tenon_arena *a, const struct message_type_info *m, const void *data,
               size_t len, void *out, const char **why)
{
    const unsigned char *begin = len ? data : (const unsigned char *)""; /* NULL: an empty one */
    struct input in = {.at = begin, .end = begin + len};

    for (size_t i = 0; i < m->count; i++) {
        if (m->fields[i].type == MESSAGE_STRING)
            *(const char **)(void *)((char *)out + m->fields[i].offset) = "";
    }
    while (in.at < in.end) {
        struct message_bytes bytes = {0};
        uint64_t tag, value = 0;
        if (!get_varint(&in, &tag) || !get_item(&in, tag & 7, &value, &bytes)) {
            *why = in.why;
            return false;
        }
        const struct message_field *f = find_field(m, tag >> 3);
        if (!f)
            continue;
        if (!is_of_wire(f, tag & 7)) {
            *why = "a field of another type";
            return false;
        }
        if (!get_field(a, f, value, bytes, (char *)out + f->offset, why))
            return false;
    }
    return true;
}

/* ---- out ----------------------------------------------------------------- */

static void
put_varint(struct tenon_buf *b, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        tenon_buf_addc(b, (char)(v | 0x80));
    tenon_buf_addc(b, (char)v);
}

static void
put_number(struct tenon_buf *b, uint32_t field, uint64_t v)
{
    if (v == 0)
        return;
    put_varint(b, (uint64_t)field << 3 | WIRE_VARINT);
    put_varint(b, v);
}

static void
put_bytes(struct tenon_buf *b, uint32_t field, const void *data, size_t len)
{
    put_varint(b, (uint64_t)field << 3 | WIRE_BYTES);
    put_varint(b, len);
    tenon_buf_add(b, data, len);
}

/* Others refuse a whole message for a text that is not UTF-8: what is not becomes U+FFFD. */
static void
put_text(struct tenon_buf *b, uint32_t field, const char *text)
{
    auto_buf struct tenon_buf clean = TENON_BUF_INIT;
    size_t left = strlen(text);
    const char *from = text;

    for (const char *at = text; left;) {
        const size_t n = tenon_utf8_len(at, left), step = n ? n : 1;
        if (!n) {
            tenon_buf_add(&clean, from, (size_t)(at - from));
            tenon_buf_adds(&clean, "\xef\xbf\xbd");
            from = at + 1;
        }
        at += step;
        left -= step;
    }
    tenon_buf_adds(&clean, from);
    put_bytes(b, field, tenon_buf_str(&clean), clean.len);
}

static void
put_message(struct tenon_buf *b, const struct message_field *f, const void *in)
{
    auto_buf struct tenon_buf inner = TENON_BUF_INIT;

    message_encode(&inner, f->message, in);
    put_bytes(b, f->number, tenon_buf_str(&inner), inner.len);
}

static void
put_ints(struct tenon_buf *b, uint32_t field, const struct message_list *list)
{
    auto_buf struct tenon_buf packed = TENON_BUF_INIT;

    for (size_t i = 0; i < list->len; i++)
        put_varint(&packed, (uint64_t)((const int64_t *)list->items)[i]);
    if (list->len)
        put_bytes(b, field, packed.data, packed.len);
}

static void
put_field(struct tenon_buf *b, const struct message_field *f, const void *at)
{
    const struct message_list *list = at;
    const struct message_bytes *bytes = at;
    const char *text;
    const void *one;

    switch (f->type) {
    case MESSAGE_BOOL:
        put_number(b, f->number, *(const bool *)at);
        break;
    case MESSAGE_INT:
        put_number(b, f->number, (uint64_t)*(const int64_t *)at);
        break;
    case MESSAGE_BYTES:
        if (bytes->data)
            put_bytes(b, f->number, bytes->data, bytes->len);
        break;
    case MESSAGE_STRING:
        text = *(const char *const *)at;
        if (text && *text)
            put_text(b, f->number, text);
        break;
    case MESSAGE_STRINGS:
        for (size_t i = 0; i < list->len; i++) {
            put_text(b, f->number, ((const char *const *)list->items)[i]);
        }
        break;
    case MESSAGE_INTS:
        put_ints(b, f->number, list);
        break;
    case MESSAGE_MANY:
        for (size_t i = 0; i < list->len; i++)
            put_message(b, f, (const char *)list->items + i * f->message->size);
        break;
    case MESSAGE_ONE:
        one = *(const void *const *)at;
        if (one)
            put_message(b, f, one);
        break;
    }
}

void
message_encode(struct tenon_buf *b, const struct message_type_info *m, const void *in)
{
    for (size_t i = 0; i < m->count; i++)
        put_field(b, &m->fields[i], (const char *)in + m->fields[i].offset);
}
