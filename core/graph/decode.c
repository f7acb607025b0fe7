/* Bytes to ops: sources, merges, diffs and what all ops have.  The bytes are
 * hostile; nesting is bounded because each message type has its own function. */
#include <string.h>

#include "graph/decode.h"

void
tenon_string_list_release(struct string_list *l)
{
    tenon_vec_release(l);
}

int
tenon_wire_string(struct tenon_arena *a, const void *data, size_t len,
                  const char **out, struct tenon_error *err)
{
    if (len && memchr(data, 0, len))
        return tenon_error_set(err, TENON_E_CORRUPT, "a string holds a NUL");
    *out = tenon_arena_dup(a, data, len);
    return 0;
}

int
tenon_decode_string(struct decoder *d, const struct tenon_wire *w,
                    const char **out)
{
    if (w->type != TENON_WIRE_LEN)
        return tenon_error_set(d->err, TENON_E_CORRUPT,
                               "field %u: expected a string", w->field);
    return tenon_wire_string(d->arena, w->data, w->len, out, d->err);
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

int
tenon_decode_item(struct decoder *d, const struct tenon_wire *w,
                  struct string_list *list)
{
    const char *s;
    int r = tenon_decode_count(d, list->len);

    if (r == 0)
        r = tenon_decode_string(d, w, &s);
    if (r == 0)
        tenon_vec_push(list, s);
    return r;
}

const char *const *
tenon_decode_list(struct decoder *d, const struct string_list *list)
{
    const char **v = tenon_arena_array(d->arena, list->len + 1, sizeof *v);
    for (size_t i = 0; i < list->len; i++)
        v[i] = list->items[i];
    return v;
}

int
tenon_decode_pair(struct decoder *d, const struct tenon_wire *w,
                  struct tenon_pair *out)
{
    int r = 0;

    out->key = out->value = "";
    EACH_FIELD(d, f, w->data, w->len) {
        if (f.field == 1)
            r = tenon_decode_string(d, &f, &out->key);
        else if (f.field == 2)
            r = tenon_decode_string(d, &f, &out->value);
        if (r < 0)
            return r;
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
    int r = strcmp(p->pair.key, q->pair.key);
    return r ? r : (p->number > q->number) - (p->number < q->number);
}

size_t
tenon_pairs_sort(struct tenon_pair *pairs, size_t count)
{
    size_t n = 0;

    if (!count)
        return 0;
    auto_free struct numbered_pair *sorted = tenon_calloc(count, sizeof *sorted);
    for (size_t i = 0; i < count; i++) {
        sorted[i].pair = pairs[i];
        sorted[i].number = i;
    }
    qsort(sorted, count, sizeof *sorted, compare_pairs);
    for (size_t i = 0; i < count; i++) {
        if (n && !strcmp(pairs[n - 1].key, sorted[i].pair.key))
            n--;
        pairs[n++] = sorted[i].pair;
    }
    return n;
}

static int
decode_platform(struct decoder *d, const struct tenon_wire *w,
                struct tenon_op_platform *p)
{
    auto_string_list struct string_list features = {0};
    int r = 0;

    EACH_FIELD(d, f, w->data, w->len) {
        if (f.field == 1)
            r = tenon_decode_string(d, &f, &p->arch);
        else if (f.field == 2)
            r = tenon_decode_string(d, &f, &p->os);
        else if (f.field == 3)
            r = tenon_decode_string(d, &f, &p->variant);
        else if (f.field == 4)
            r = tenon_decode_string(d, &f, &p->os_version);
        else if (f.field == 5)
            r = tenon_decode_item(d, &f, &features);
        if (r < 0)
            return r;
    }
    p->os_features = tenon_decode_list(d, &features);
    return f_r;
}

static int
decode_input(struct decoder *d, const struct tenon_wire *w,
             struct raw_input *in)
{
    int r = 0;

    EACH_FIELD(d, f, w->data, w->len) {
        if (f.field == 1)
            r = tenon_decode_string(d, &f, &in->digest);
        else if (f.field == 2)
            in->index = (int64_t)f.value;
        if (r < 0)
            return r;
    }
    if (f_r < 0)
        return f_r;
    struct tenon_digest digest;
    if (!in->digest || !tenon_digest_parse(in->digest, &digest))
        return tenon_error_set(d->err, TENON_E_INVALID,
                               "an input is no sha256 digest");
    if (in->index < 0 || in->index > UINT32_MAX)
        return tenon_error_set(d->err, TENON_E_INVALID,
                               "input %s: output index out of range",
                               in->digest);
    return 0;
}

static int
decode_source(struct decoder *d, const struct tenon_wire *w,
              struct tenon_op_source *s)
{
    TENON_VEC(struct tenon_pair) attrs = {0};
    int r = 0;

    s->identifier = "";
    EACH_FIELD(d, f, w->data, w->len) {
        if (f.field == 1)
            r = tenon_decode_string(d, &f, &s->identifier);
        else if (f.field == 2 && (r = tenon_decode_count(d, attrs.len)) == 0)
            r = tenon_decode_pair(d, &f, tenon_vec_add(&attrs));
        if (r < 0)
            break;
    }
    s->attr_count = tenon_pairs_sort(attrs.items, attrs.len);
    s->attrs = LIST_TAKE(d, &attrs);
    tenon_vec_release(&attrs);
    if (r < 0 || f_r < 0)
        return r < 0 ? r : f_r;
    if (!*s->identifier)
        return tenon_error_set(d->err, TENON_E_INVALID,
                               "source without an identifier");
    return 0;
}

/* A message that holds one index as its field 1. */
static int
decode_index(struct decoder *d, const struct tenon_wire *w, int64_t *out)
{
    *out = 0;
    EACH_FIELD(d, f, w->data, w->len)
        if (f.field == 1)
            *out = (int64_t)f.value;
    return f_r;
}

static int
decode_merge(struct decoder *d, const struct tenon_wire *w, struct tenon_op *op)
{
    TENON_VEC(int64_t) inputs = {0};
    int r = 0;

    EACH_FIELD(d, f, w->data, w->len) {
        int64_t index = 0;
        if (f.field != 1)
            continue;
        r = tenon_decode_count(d, inputs.len);
        if (r == 0)
            r = decode_index(d, &f, &index);
        if (r < 0)
            break;
        tenon_vec_push(&inputs, index);
    }
    op->merge.count = inputs.len;
    op->merge.inputs = LIST_TAKE(d, &inputs);
    tenon_vec_release(&inputs);
    return r < 0 ? r : f_r;
}

static int
decode_diff(struct decoder *d, const struct tenon_wire *w, struct tenon_op *op)
{
    int r = 0;

    op->diff.lower = op->diff.upper = -1;
    EACH_FIELD(d, f, w->data, w->len) {
        if (f.field == 1)
            r = decode_index(d, &f, &op->diff.lower);
        else if (f.field == 2)
            r = decode_index(d, &f, &op->diff.upper);
        if (r < 0)
            return r;
    }
    return f_r;
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
    switch (op->type) {
    case TENON_OP_EXEC:
        return tenon_decode_exec(d, w, &op->exec);
    case TENON_OP_SOURCE:
        return decode_source(d, w, &op->source);
    case TENON_OP_FILE:
        return tenon_decode_file(d, w, op);
    case TENON_OP_MERGE:
        return decode_merge(d, w, op);
    case TENON_OP_DIFF:
        return decode_diff(d, w, op);
    case TENON_OP_BUILD:
    case TENON_OP_PASSTHROUGH:
    case TENON_OP_NONE:
        return 0; /* known by number; the solver says that it cannot run it */
    }
    return 0;
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
    int r = 0;

    if (!x->args[0])
        return tenon_error_set(d->err, TENON_E_INVALID,
                               "exec without arguments");
    for (size_t i = 0; i < x->mount_count && r == 0; i++) {
        const struct tenon_op_mount *m = &x->mounts[i];
        root = root || !strcmp(m->dest, "/");
        r = check_index(d, m->input, inputs, "mount input");
        if (r == 0 && (m->output < -1 || m->output >= (int64_t)x->mount_count))
            r = tenon_error_set(d->err, TENON_E_INVALID,
                                "mount \"%s\": output %lld is out of range",
                                m->dest, (long long)m->output);
    }
    if (r == 0 && !root)
        r = tenon_error_set(d->err, TENON_E_INVALID, "exec without a mount at /");
    return r;
}

static int
check_file(struct decoder *d, const struct tenon_op *op, size_t inputs)
{
    int r = 0;

    if (!op->file.count)
        return tenon_error_set(d->err, TENON_E_INVALID,
                               "file op without actions");
    for (size_t i = 0; i < op->file.count && r == 0; i++) {
        const struct tenon_op_action *a = &op->file.actions[i];
        /* An action may use the results of those before it only. */
        r = check_index(d, a->input, inputs + i, "action input");
        if (r == 0)
            r = check_index(d, a->secondary, inputs + i, "action input");
        if (r == 0 && a->user.how == TENON_USER_NAME)
            r = check_index(d, a->user.input, inputs, "owner input");
        if (r == 0 && a->group.how == TENON_USER_NAME)
            r = check_index(d, a->group.input, inputs, "owner input");
        if (r == 0 && (a->output < -1 || a->output >= (int64_t)op->file.count))
            r = tenon_error_set(d->err, TENON_E_INVALID,
                                "action output %lld is out of range",
                                (long long)a->output);
    }
    return r;
}

static int
check_op(struct decoder *d, const struct tenon_op *op, size_t inputs)
{
    int r = 0;

    switch (op->type) {
    case TENON_OP_EXEC:
        return check_exec(d, &op->exec, inputs);
    case TENON_OP_FILE:
        return check_file(d, op, inputs);
    case TENON_OP_MERGE:
        for (size_t i = 0; i < op->merge.count && r == 0; i++)
            r = check_index(d, op->merge.inputs[i], inputs, "merge input");
        return r;
    case TENON_OP_DIFF:
        r = check_index(d, op->diff.lower, inputs, "lower input");
        return r < 0 ? r : check_index(d, op->diff.upper, inputs, "upper input");
    case TENON_OP_SOURCE:
        if (inputs)
            return tenon_error_set(d->err, TENON_E_INVALID,
                                   "source \"%s\" has inputs",
                                   op->source.identifier);
        return 0;
    case TENON_OP_NONE:
    case TENON_OP_BUILD:
    case TENON_OP_PASSTHROUGH:
        return 0;
    }
    return 0;
}

int
tenon_op_decode(struct tenon_arena *a, const void *data, size_t len,
                struct tenon_op *op, struct raw_input **inputs,
                size_t *input_count, struct tenon_error *err)
{
    struct decoder decoder = { .arena = a, .err = err }, *d = &decoder;
    TENON_VEC(struct raw_input) in = {0};
    int r = 0;

    memset(op, 0, sizeof *op);
    op->platform.arch = op->platform.os = op->platform.variant =
        op->platform.os_version = "";
    EACH_FIELD(d, f, data, len) {
        if (f.field == 1 && f.type == TENON_WIRE_LEN) {
            if ((r = tenon_decode_count(d, in.len)) == 0)
                r = decode_input(d, &f, tenon_vec_add(&in));
        } else if (f.field >= TENON_OP_EXEC && f.field <= TENON_OP_PASSTHROUGH) {
            r = decode_member(d, &f, op);
        } else if (f.field == 10 && f.type == TENON_WIRE_LEN) {
            op->has_platform = true;
            r = decode_platform(d, &f, &op->platform);
        }
        if (r < 0)
            break;
    }
    if (r == 0)
        r = f_r;
    if (r == 0)
        r = check_op(d, op, in.len);
    *inputs = LIST_TAKE(d, &in);
    *input_count = in.len;
    tenon_vec_release(&in);
    return r;
}
