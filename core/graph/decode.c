/* graph/decode.c - bytes to structs, by the tables of message.h, and what is checked of a
 * decoded op.  The bytes are hostile; nesting is bounded because no message is in itself. */
#include "graph/decode.h"

#include <string.h>

int
tenon_decode_string(struct decoder *d, const struct tenon_wire *w,
                    const char **out)
{
    if (w->type != TENON_WIRE_LEN)
        return tenon_error_set(d->err, TENON_E_CORRUPT,
                               "field %u: expected a string", w->field);
    if (w->len && memchr(w->data, 0, w->len))
        return tenon_error_set(d->err, TENON_E_CORRUPT, "a string holds a NUL");
    *out = tenon_arena_dup(d->arena, w->data, w->len);
    return 0;
}

int
tenon_decode_count(struct decoder *d, size_t count)
{
    if (count >= TENON_GRAPH_MAX_ITEMS)
        return tenon_error_set(d->err, TENON_E_LIMIT,
                               "a list has more than %u items",
                               TENON_GRAPH_MAX_ITEMS);
    return 0;
}

static int
decode_pair(struct decoder *d, const struct tenon_wire *w,
                  struct tenon_pair *out)
{
    int rc = 0;

    out->key = out->value = "";
    EACH_FIELD(d, f, w->data, w->len) {
        if (f.field == 1)
            rc = tenon_decode_string(d, &f, &out->key);
        else if (f.field == 2)
            rc = tenon_decode_string(d, &f, &out->value);
        if (rc < 0)
            return rc;
    }
    return f_r;
}

struct numbered_pair { /* qsort is not stable */
    struct tenon_pair pair;
    size_t number;
};

static int
compare_pairs(const void *a, const void *b)
{
    const struct numbered_pair *p = a, *q = b;
    int rc = strcmp(p->pair.key, q->pair.key);
    return rc ? rc : (p->number > q->number) - (p->number < q->number);
}

void
tenon_pairs_order(struct tenon_pair *pairs, size_t count)
{
    if (!count)
        return;
    auto_free struct numbered_pair *sorted = tenon_calloc(count, sizeof *sorted);
    for (size_t i = 0; i < count; i++) {
        sorted[i].pair = pairs[i];
        sorted[i].number = i;
    }
    qsort(sorted, count, sizeof *sorted, compare_pairs);
    for (size_t i = 0; i < count; i++)
        pairs[i] = sorted[i].pair;
}

size_t
tenon_pairs_sort(struct tenon_pair *pairs, size_t count)
{
    size_t n = 0;

    tenon_pairs_order(pairs, count);
    for (size_t i = 0; i < count; i++) {
        if (n && !strcmp(pairs[n - 1].key, pairs[i].key))
            n--;
        pairs[n++] = pairs[i];
    }
    return n;
}

/* ---- fields -------------------------------------------------------------- */

static int
get_user(struct decoder *d, const struct tenon_wire *w, struct tenon_op_user *u)
{
    int rc = 0;

    EACH_FIELD(d, f, w->data, w->len) {
        if (f.field == 2) {
            u->how = TENON_USER_ID;
            u->id = (uint32_t)f.value;
            continue;
        }
        if (f.field != 1)
            continue;
        u->how = TENON_USER_NAME;
        u->name = "";
        EACH_FIELD(d, n, f.data, f.len) {
            if (n.field == 1)
                rc = tenon_decode_string(d, &n, &u->name);
            else if (n.field == 2)
                u->input = (int64_t)n.value;
            if (rc < 0)
                return rc;
        }
        if (n_r < 0)
            return n_r;
    }
    return f_r;
}

/* A message that holds one index as its field 1. */
static int
get_index(struct decoder *d, const struct tenon_wire *w, int64_t *out)
{
    *out = 0;
    EACH_FIELD(d, f, w->data, w->len)
        if (f.field == 1)
            *out = (int64_t)f.value;
    return f_r;
}

/* The number of items of a list from w on. */
static size_t
count_items(const struct tenon_wire *w)
{
    auto_error struct tenon_error malformed = TENON_ERROR_INIT; /* is found again */
    struct tenon_wire rest = *w;
    size_t n = 1;

    while (n < TENON_GRAPH_MAX_ITEMS && tenon_wire_next(&rest, &malformed) > 0)
        n += rest.field == w->field;
    return n;
}

/* The next item of the array at the field; *count of them came with this message so far. */
static int
add_item(struct decoder *d, const struct field *f, const struct tenon_wire *w, char *at,
         size_t size, size_t *count, void **out)
{
    void **items = FIELD_AT(at, f->offset, void *);
    int rc = tenon_decode_count(d, *count);

    if (rc < 0)
        return rc;
    if (!*count)
        *items = tenon_arena_array(d->arena, count_items(w) + 1, size);
    *out = (char *)*items + *count * size;
    ++*count;
    if (f->type != FIELD_LIST)
        *FIELD_AT(at, f->extra, size_t) = *count;
    return 0;
}

static int
add_int(struct decoder *d, const struct field *f, char *at, int64_t value, size_t *count)
{
    int64_t **items = FIELD_AT(at, f->offset, int64_t *);
    int rc = tenon_decode_count(d, *count);

    if (rc < 0)
        return rc;
    *items = tenon_arena_grow(d->arena, *count ? *items : NULL, *count, sizeof **items);
    (*items)[(*count)++] = value;
    *FIELD_AT(at, f->extra, size_t) = *count;
    return 0;
}

static int
get_ints(struct decoder *d, const struct field *f, const struct tenon_wire *w, char *at,
         size_t *count)
{
    const unsigned char *p = w->data, *end = p + w->len;
    int rc = 0;

    if (w->type == TENON_WIRE_VARINT)
        return add_int(d, f, at, (int64_t)w->value, count);
    while (p < end && rc == 0) { /* packed */
        uint64_t v = 0;
        for (unsigned shift = 0; p < end && shift < 64; shift += 7) {
            unsigned char c = *p++;
            v |= (uint64_t)(c & 0x7f) << shift;
            if (!(c & 0x80))
                break;
        }
        rc = add_int(d, f, at, (int64_t)v, count);
    }
    return rc;
}

/* Strings become "", lists empty ones, indexes -1: for a struct of zeroes. */
static void
clear(const struct message *m, void *at)
{
    static const char *const none[] = { NULL };

    for (size_t i = 0; i < m->count; i++) {
        const struct field *f = &m->fields[i];
        if (f->type == FIELD_STRING || f->type == FIELD_OPTIONAL)
            *FIELD_AT(at, f->offset, const char *) = "";
        else if (f->type == FIELD_LIST)
            *FIELD_AT(at, f->offset, const char *const *) = none;
        else if (f->type == FIELD_USER)
            FIELD_AT(at, f->offset, struct tenon_op_user)->name = "";
        else if (f->type == FIELD_INDEX)
            *FIELD_AT(at, f->offset, int64_t) = -1;
        else if (f->type == FIELD_GROUP && f->when != WHEN_POINTER)
            clear(f->message, at);
    }
}

static int
enter_group(struct decoder *d, const struct field *f, char *at)
{
    uint32_t *member = FIELD_AT(at, f->extra, uint32_t);

    switch (f->when) {
    case WHEN_SET:
        *FIELD_AT(at, f->extra, bool) = true;
        break;
    case WHEN_POINTER:
        clear(f->message, at); /* the pointer is one of its strings */
        break;
    case WHEN_MEMBER:
        if (*member)
            return tenon_error_set(d->err, TENON_E_CORRUPT, "a file action has two kinds");
        *member = f->number;
        break;
    case WHEN_ALWAYS:
    case WHEN_NOT_EMPTY:
    case WHEN_IS: /* whatever the type is: only the encoder asks */
        break;
    }
    return 0;
}

static int
get_field(struct decoder *d, const struct field *f, const struct tenon_wire *w, char *at,
          size_t *count)
{
    void *p = at + f->offset, *item;
    int rc;

    switch (f->type) {
    case FIELD_STRING:
        return tenon_decode_string(d, w, p);
    case FIELD_LIST:
        rc = add_item(d, f, w, at, sizeof(char *), count, &item);
        return rc < 0 ? rc : tenon_decode_string(d, w, item);
    case FIELD_BYTES:
        *(const void **)p = tenon_arena_dup(d->arena, w->data, w->len);
        *FIELD_AT(at, f->extra, size_t) = w->len;
        return 0;
    case FIELD_MAP:
    case FIELD_PAIRS:
        rc = add_item(d, f, w, at, sizeof(struct tenon_pair), count, &item);
        return rc < 0 ? rc : decode_pair(d, w, item);
    case FIELD_INTS:
        return get_ints(d, f, w, at, count);
    case FIELD_INT64:
        *(int64_t *)p = (int64_t)w->value;
        return 0;
    case FIELD_MODE:
        *(int64_t *)p = (int32_t)w->value;
        return 0;
    case FIELD_UINT32:
        *(uint32_t *)p = (uint32_t)w->value;
        return 0;
    case FIELD_WORD:
    case FIELD_MOUNT_TYPE:
        *(int32_t *)p = (int32_t)w->value;
        return 0;
    case FIELD_BOOL:
        *(bool *)p = w->value;
        return 0;
    case FIELD_OPTIONAL:
        *(const char **)p = w->value ? "optional" : "";
        return 0;
    case FIELD_USER:
        return get_user(d, w, p);
    case FIELD_INDEX:
        return get_index(d, w, p);
    case FIELD_INDEXES:
        rc = add_item(d, f, w, at, sizeof(int64_t), count, &item);
        return rc < 0 ? rc : get_index(d, w, item);
    case FIELD_GROUP:
        rc = enter_group(d, f, at);
        return rc < 0 ? rc : tenon_message_decode(d, f->message, w, at);
    case FIELD_ITEMS:
        rc = add_item(d, f, w, at, f->message->size, count, &item);
        if (rc < 0)
            return rc;
        clear(f->message, item);
        return tenon_message_decode(d, f->message, w, item);
    case FIELD_PLATFORM:
    case FIELD_NO_OUTPUT:
        break;
    }
    return 0;
}

int
tenon_message_decode(struct decoder *d, const struct message *m, const struct tenon_wire *w,
                     void *at)
{
    size_t counts[FIELDS_MAX] = {0};
    size_t k = 0; /* fields mostly come in their order */
    int rc = 0;

    EACH_FIELD(d, f, w->data, w->len) {
        size_t tries = m->count;
        for (; tries && m->fields[k].number != f.field; tries--)
            k = k + 1 < m->count ? k + 1 : 0;
        if (tries && (rc = get_field(d, &m->fields[k], &f, at, &counts[k])) < 0)
            return rc;
    }
    for (k = 0; k < m->count; k++) {
        const enum field_type type = m->fields[k].type;
        if (!counts[k] || (type != FIELD_MAP && type != FIELD_PAIRS))
            continue;
        struct tenon_pair *pairs = *FIELD_AT(at, m->fields[k].offset, struct tenon_pair *);
        if (type == FIELD_MAP)
            *FIELD_AT(at, m->fields[k].extra, size_t) = tenon_pairs_sort(pairs, counts[k]);
        else
            tenon_pairs_order(pairs, counts[k]);
    }
    return f_r;
}

/* ---- ops ----------------------------------------------------------------- */

static int
decode_input(struct decoder *d, const struct tenon_wire *w,
             struct raw_input *in)
{
    int rc = 0;

    EACH_FIELD(d, f, w->data, w->len) {
        if (f.field == 1)
            rc = tenon_decode_string(d, &f, &in->digest);
        else if (f.field == 2)
            in->index = (int64_t)f.value;
        if (rc < 0)
            return rc;
    }
    if (f_r < 0)
        return f_r;
    struct tenon_digest digest;
    if (!in->digest || !tenon_digest_parse(in->digest, &digest))
        return tenon_error_set(d->err, TENON_E_INVALID,
                               "an input is not a sha256 digest");
    if (in->index < 0 || in->index > UINT32_MAX)
        return tenon_error_set(d->err, TENON_E_INVALID,
                               "input %s: output index out of range",
                               in->digest);
    return 0;
}

/* What the tables cannot check of a member; inputs come later. */
static int
check_kinds(struct decoder *d, struct tenon_op *op)
{
    if (op->type == TENON_OP_SOURCE && !*op->source.identifier)
        return tenon_error_set(d->err, TENON_E_INVALID, "source without an identifier");
    for (size_t i = 0; op->type == TENON_OP_FILE && i < op->file.count; i++)
        if (!op->file.actions[i].type)
            return tenon_error_set(d->err, TENON_E_UNSUPPORTED,
                                   "a file action of a kind that is not known");
    for (size_t i = 0; op->type == TENON_OP_EXEC && i < op->exec.mount_count; i++) {
        struct tenon_op_mount *m = (struct tenon_op_mount *)&op->exec.mounts[i];
        if (m->type < TENON_LLB_MOUNT_BIND || m->type > TENON_LLB_MOUNT_TMPFS)
            return tenon_error_set(d->err, TENON_E_UNSUPPORTED, "mount type %d is not known",
                                   (int)m->type);
        /* Only binds have outputs; clients leave other types' at 0 as well. */
        if (m->type != TENON_LLB_MOUNT_BIND || m->plugin_type)
            m->output = -1;
    }
    return 0;
}

static int
decode_member(struct decoder *d, const struct tenon_wire *w, struct tenon_op *op)
{
    if (w->type != TENON_WIRE_LEN)
        return tenon_error_set(d->err, TENON_E_CORRUPT,
                               "op member %u: expected a message", w->field);
    if (op->type != TENON_OP_NONE)
        return tenon_error_set(d->err, TENON_E_CORRUPT,
                               "an op has two kinds: %u and %u",
                               (unsigned)op->type, w->field);
    op->type = (enum tenon_op_type)w->field;
    const struct message *m = tenon_op_message(op->type);
    if (!m)
        return 0;
    clear(m, &op->exec);
    int rc = tenon_message_decode(d, m, w, &op->exec);
    return rc < 0 ? rc : check_kinds(d, op);
}

static int
check_index(struct decoder *d, int64_t index, size_t limit, const char *what)
{
    if (index < -1 || (index >= 0 && (uint64_t)index >= limit))
        return tenon_error_set(d->err, TENON_E_INVALID,
                               "%s %lld: the op has %zu inputs", what,
                               (long long)index, limit);
    return 0;
}

static int
check_exec(struct decoder *d, const struct tenon_op_exec *x, size_t inputs)
{
    bool root = false;
    int rc = 0;

    if (!x->args[0])
        return tenon_error_set(d->err, TENON_E_INVALID,
                               "exec without arguments");
    for (size_t i = 0; i < x->mount_count && rc == 0; i++) {
        const struct tenon_op_mount *m = &x->mounts[i];
        root = root || !strcmp(m->dest, "/");
        rc = check_index(d, m->input, inputs, "mount input");
        if (rc == 0 && (m->output < -1 || m->output >= (int64_t)x->mount_count))
            rc = tenon_error_set(d->err, TENON_E_INVALID,
                                 "mount \"%s\": output %lld is out of range",
                                 m->dest, (long long)m->output);
    }
    if (rc == 0 && !root)
        rc = tenon_error_set(d->err, TENON_E_INVALID, "exec without a mount at /");
    if (rc == 0 && x->security != 0 && x->security != 1) /* sandbox, insecure */
        rc = tenon_error_set(d->err, TENON_E_INVALID, "invalid security mode %d", x->security);
    return rc;
}

static int
check_file(struct decoder *d, const struct tenon_op *op, size_t inputs)
{
    int rc = 0;

    if (!op->file.count)
        return tenon_error_set(d->err, TENON_E_INVALID,
                               "file op without actions");
    for (size_t i = 0; i < op->file.count && rc == 0; i++) {
        const struct tenon_op_action *a = &op->file.actions[i];
        /* An action may use the results of those before it only. */
        rc = check_index(d, a->input, inputs + i, "action input");
        if (rc == 0)
            rc = check_index(d, a->secondary, inputs + i, "action input");
        if (rc == 0 && a->user.how == TENON_USER_NAME)
            rc = check_index(d, a->user.input, inputs, "owner input");
        if (rc == 0 && a->group.how == TENON_USER_NAME)
            rc = check_index(d, a->group.input, inputs, "owner input");
        if (rc == 0 && (a->output < -1 || a->output >= (int64_t)op->file.count))
            rc = tenon_error_set(d->err, TENON_E_INVALID,
                                 "action output %lld is out of range",
                                 (long long)a->output);
    }
    return rc;
}

static int
check_passthrough(struct decoder *d, const struct tenon_op_passthrough *p, size_t inputs)
{
    if (!*p->id)
        return tenon_error_set(d->err, TENON_E_INVALID, "invalid passthrough op with no id");
    if (!p->count)
        return tenon_error_set(d->err, TENON_E_INVALID, "invalid passthrough op with no outputs");
    for (size_t i = 0; i < p->count; i++)
        if (p->outputs[i] < 0 || (uint64_t)p->outputs[i] >= inputs)
            return tenon_error_set(d->err, TENON_E_INVALID,
                                   "invalid passthrough output input index %lld",
                                   (long long)p->outputs[i]);
    return 0;
}

static int
check_op(struct decoder *d, const struct tenon_op *op, size_t inputs)
{
    int rc = 0;

    switch (op->type) {
    case TENON_OP_EXEC:
        return check_exec(d, &op->exec, inputs);
    case TENON_OP_FILE:
        return check_file(d, op, inputs);
    case TENON_OP_MERGE:
        for (size_t i = 0; i < op->merge.count && rc == 0; i++)
            rc = check_index(d, op->merge.inputs[i], inputs, "merge input");
        return rc;
    case TENON_OP_DIFF:
        rc = check_index(d, op->diff.lower, inputs, "lower input");
        return rc < 0 ? rc : check_index(d, op->diff.upper, inputs, "upper input");
    case TENON_OP_SOURCE:
        if (inputs)
            return tenon_error_set(d->err, TENON_E_INVALID,
                                   "source \"%s\" has inputs",
                                   op->source.identifier);
        return 0;
    case TENON_OP_PASSTHROUGH:
        return check_passthrough(d, &op->passthrough, inputs);
    case TENON_OP_NONE:
    case TENON_OP_BUILD:
        return 0;
    }
    return 0;
}

static bool
is_input(const struct tenon_wire *w)
{
    return w->field == 1 && w->type == TENON_WIRE_LEN;
}

int
tenon_op_inputs(struct tenon_arena *a, const void *data, size_t len,
                struct raw_input **inputs, size_t *input_count,
                struct tenon_error *err)
{
    struct decoder decoder = { .arena = a, .err = err }, *d = &decoder;
    TENON_VEC(struct raw_input) in = {0};
    int rc = 0;

    EACH_FIELD(d, f, data, len) {
        if (!is_input(&f))
            continue;
        if ((rc = tenon_decode_count(d, in.len)) == 0)
            rc = decode_input(d, &f, tenon_vec_add(&in));
        if (rc < 0)
            break;
    }
    *inputs = LIST_TAKE(d, &in);
    *input_count = in.len;
    tenon_vec_release(&in);
    return rc < 0 ? rc : f_r;
}

int
tenon_op_decode(struct tenon_arena *a, const void *data, size_t len,
                struct tenon_op *op, struct raw_input **inputs,
                size_t *input_count, struct tenon_error *err)
{
    struct decoder decoder = { .arena = a, .err = err }, *d = &decoder;
    int rc = tenon_op_inputs(a, data, len, inputs, input_count, err);

    memset(op, 0, sizeof *op);
    clear(&tenon_message_platform, &op->platform);
    if (rc < 0)
        return rc;
    EACH_FIELD(d, f, data, len) {
        if (f.field >= TENON_OP_EXEC && f.field <= TENON_OP_PASSTHROUGH) {
            rc = decode_member(d, &f, op);
        } else if (f.field == 10 && f.type == TENON_WIRE_LEN) {
            op->has_platform = true;
            rc = tenon_message_decode(d, &tenon_message_platform, &f, &op->platform);
        }
        if (rc < 0)
            return rc;
    }
    return f_r < 0 ? f_r : check_op(d, op, *input_count);
}
