/* graph/encode.c - structs to bytes, by the tables of message.h.
 *
 * A vertex is named by these bytes, so their order is that of BuildKit's encoder: plain
 * fields ascending, the member of a oneof last. */
#include "graph/private.h"
#include "graph/wire.h"

static void
put_user(struct tenon_buf *b, uint32_t number, const struct tenon_op_user *u)
{
    size_t start = b->len;

    switch (u->how) {
    case TENON_USER_UNSET:
        return;
    case TENON_USER_ID: /* a member of a oneof: also when 0 */
        tenon_wire_put_member_uint(b, 2, u->id);
        break;
    case TENON_USER_NAME:
        tenon_wire_put_string(b, 1, u->name);
        tenon_wire_put_int(b, 2, u->input);
        tenon_wire_wrap(b, start, 1);
        break;
    }
    tenon_wire_wrap(b, start, number);
}

static void
put_index(struct tenon_buf *b, uint32_t number, int64_t index)
{
    size_t start = b->len;

    tenon_wire_put_int(b, 1, index);
    tenon_wire_wrap(b, start, number);
}

static void
put_ints(struct tenon_buf *b, uint32_t number, const int64_t *items, size_t count)
{
    size_t start = b->len;

    for (size_t i = 0; i < count; i++)
        tenon_wire_put_varint(b, (uint64_t)items[i]);
    if (count)
        tenon_wire_wrap(b, start, number);
}

static bool
is_written(const struct field *f, const char *at)
{
    switch (f->when) {
    case WHEN_ALWAYS:
    case WHEN_NOT_EMPTY:
        return true;
    case WHEN_SET:
        return *FIELD_AT(at, f->extra, const bool);
    case WHEN_POINTER:
        return *FIELD_AT(at, f->extra, const char *const);
    case WHEN_IS:
        return *FIELD_AT(at, f->extra, const int32_t) == f->is;
    case WHEN_MEMBER:
        return *FIELD_AT(at, f->extra, const uint32_t) == f->number;
    }
    return false;
}

static void
put_message(struct tenon_buf *b, const struct field *f, const char *at)
{
    size_t start = b->len;

    tenon_message_encode(f->message, at, b);
    if (b->len > start || f->when != WHEN_NOT_EMPTY)
        tenon_wire_wrap(b, start, f->number);
}

static void
put_field(struct tenon_buf *b, const struct field *f, const char *at)
{
    const void *p = at + f->offset;
    const size_t *count = FIELD_AT(at, f->extra, const size_t);

    switch (f->type) {
    case FIELD_STRING:
        tenon_wire_put_string(b, f->number, *(const char *const *)p);
        break;
    case FIELD_LIST:
        for (const char *const *s = *(const char *const *const *)p; s && *s; s++)
            tenon_wire_put_item(b, f->number, *s);
        break;
    case FIELD_BYTES:
        tenon_wire_put_bytes(b, f->number, *(const void *const *)p, *count);
        break;
    case FIELD_MAP:
    case FIELD_PAIRS:
        for (size_t i = 0; i < *count; i++) {
            const struct tenon_pair *pair = &(*(const struct tenon_pair *const *)p)[i];
            tenon_wire_put_pair(b, f->number, pair->key, pair->value);
        }
        break;
    case FIELD_INTS:
        put_ints(b, f->number, *(const int64_t *const *)p, *count);
        break;
    case FIELD_INT64:
    case FIELD_MODE:
        tenon_wire_put_int(b, f->number, *(const int64_t *)p);
        break;
    case FIELD_UINT32:
        tenon_wire_put_uint(b, f->number, *(const uint32_t *)p);
        break;
    case FIELD_WORD:
    case FIELD_MOUNT_TYPE:
        tenon_wire_put_int(b, f->number, *(const int32_t *)p);
        break;
    case FIELD_BOOL:
        tenon_wire_put_bool(b, f->number, *(const bool *)p);
        break;
    case FIELD_OPTIONAL:
        tenon_wire_put_bool(b, f->number, **(const char *const *)p);
        break;
    case FIELD_USER:
        put_user(b, f->number, p);
        break;
    case FIELD_INDEX:
        put_index(b, f->number, *(const int64_t *)p);
        break;
    case FIELD_INDEXES:
        for (size_t i = 0; i < *count; i++)
            put_index(b, f->number, (*(const int64_t *const *)p)[i]);
        break;
    case FIELD_GROUP:
        if (is_written(f, at))
            put_message(b, f, at);
        break;
    case FIELD_ITEMS:
        for (size_t i = 0; i < *count; i++)
            put_message(b, f, *(const char *const *)p + i * f->message->size);
        break;
    case FIELD_PLATFORM:
    case FIELD_NO_OUTPUT:
        break;
    }
}

void
tenon_message_encode(const struct message *m, const void *at, struct tenon_buf *out)
{
    for (size_t i = 0; i < m->count; i++)
        put_field(out, &m->fields[i], at);
}

void
tenon_op_encode(const struct tenon_op *op, const struct tenon_edge *inputs,
                size_t input_count, struct tenon_buf *out)
{
    size_t start;

    for (size_t i = 0; i < input_count; i++) {
        start = out->len;
        tenon_wire_put_string(out, 1, inputs[i].vertex->digest.str);
        tenon_wire_put_uint(out, 2, inputs[i].index);
        tenon_wire_wrap(out, start, 1);
    }
    if (op->type == TENON_OP_NONE)
        return; /* the last entry of a definition has nothing else */
    start = out->len;
    if (op->has_platform) {
        tenon_message_encode(&tenon_message_platform, &op->platform, out);
        tenon_wire_wrap(out, start, 10);
    }
    /* BuildKit's client always sends worker constraints, empty as they are. */
    tenon_wire_wrap(out, out->len, 11);
    const struct message *member = tenon_op_message(op->type);
    tenon_assert(member); /* others are never made here */
    start = out->len;
    tenon_message_encode(member, &op->exec, out);
    tenon_wire_wrap(out, start, (uint32_t)op->type);
}
