/* graph/definition.c - a pb.Definition in and out: ops by the digest of their bytes, what
 * stands beside them, and the build files they come from. */
#include <string.h>

#include "graph/decode.h"

/* ---- in --------------------------------------------------------------------- */

struct pending { /* an op of the definition, by the digest of its bytes */
    struct tenon_digest digest;
    const void *bytes;
    size_t len;
    enum { PENDING_NEW, PENDING_OPEN, PENDING_DONE } state;
    struct tenon_vertex_meta meta;
    const struct tenon_vertex *made; /* DONE; of other bytes where a filter took part */
    UT_hash_handle hh;
};

struct loader {
    struct tenon_graph *g;
    struct decoder d;
    struct pending *ops; /* in the graph's arena */
    struct pending *last;
    const void *more; /* for the graph's filter */
    bool refused;     /* by it: its words are enough */
    TENON_VEC(uint32_t) sources; /* index of the definition -> number */
};

static int
add_op(struct loader *l, const struct tenon_wire *w)
{
    struct tenon_digest digest;
    struct pending *p;

    if (HASH_COUNT(l->ops) >= TENON_GRAPH_MAX_OPS)
        return tenon_error_set(l->d.err, TENON_E_LIMIT,
                               "definition with more than %u ops",
                               TENON_GRAPH_MAX_OPS);
    tenon_digest_of(w->data ? w->data : "", w->len, &digest);
    HASH_FIND_STR(l->ops, digest.str, p);
    if (!p) {
        p = tenon_arena_alloc(&l->g->arena, sizeof *p);
        p->digest = digest;
        p->bytes = w->data;
        p->len = w->len;
        HASH_ADD_STR(l->ops, digest.str, p);
    }
    l->last = p;
    return 0;
}

/* The op that a map entry is about, and the entry's value; *p NULL: none. */
static int
map_entry(struct loader *l, const struct tenon_wire *w, struct pending **p,
          struct tenon_wire *value)
{
    const char *key = "";
    int rc = 0;

    memset(value, 0, sizeof *value);
    EACH_FIELD(&l->d, f, w->data, w->len) {
        if (f.field == 1)
            rc = tenon_decode_string(&l->d, &f, &key);
        else if (f.field == 2)
            *value = f;
        if (rc < 0)
            return rc;
    }
    HASH_FIND_STR(l->ops, key, *p);
    return f_r;
}

/* An int32: what is none is no line, and no character. */
static uint32_t
position(const struct tenon_wire *f)
{
    return f->value <= INT32_MAX ? (uint32_t)f->value : 0;
}

static int
load_position(struct loader *l, const struct tenon_wire *w, uint32_t *line, uint32_t *character)
{
    EACH_FIELD(&l->d, f, w->data, w->len) {
        if (f.field == 1)
            *line = position(&f);
        else if (f.field == 2)
            *character = position(&f);
    }
    return f_r;
}

static int
load_range(struct loader *l, const struct tenon_wire *w, struct tenon_range *out)
{
    int rc = 0;

    EACH_FIELD(&l->d, f, w->data, w->len) {
        if (f.field == 1)
            rc = load_position(l, &f, &out->line, &out->character);
        else if (f.field == 2)
            rc = load_position(l, &f, &out->end_line, &out->end_character);
        if (rc < 0)
            return rc;
    }
    return f_r;
}

static bool
is_one_line(const struct tenon_range *r)
{
    return r->line && r->line == r->end_line && !r->character && !r->end_character;
}

/* BuildKit's Dockerfile frontend has a range for each line; those in a row are one. */
static size_t
join_ranges(struct tenon_range *ranges, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        struct tenon_range *last = kept ? &ranges[kept - 1] : NULL;
        ranges[i].by_line = is_one_line(&ranges[i]);
        ranges[i].more = i > 0;
        if (last && last->by_line && ranges[i].by_line && ranges[i].line == last->end_line + 1)
            last->end_line = ranges[i].line;
        else
            ranges[kept++] = ranges[i];
    }
    return kept;
}

static int
load_location(struct loader *l, const struct tenon_wire *w,
              struct tenon_vertex_meta *b)
{
    TENON_VEC(struct tenon_range) ranges = {0};
    uint64_t index = 0; /* left out on the wire when 0 */
    int rc = 0;

    EACH_FIELD(&l->d, f, w->data, w->len) {
        if (f.field == 1)
            index = f.value;
        if (f.field != 2)
            continue;
        if ((rc = tenon_decode_count(&l->d, ranges.len)) < 0 ||
            (rc = load_range(l, &f, tenon_vec_add(&ranges))) < 0)
            break;
    }
    /* A file that is not there: get_source gives NULL for it. */
    const uint32_t source =
        index < l->sources.len ? l->sources.items[index] : UINT32_MAX;
    const size_t count = join_ranges(ranges.items, ranges.len);
    for (size_t i = 0; i < count && rc == 0; i++) {
        if ((rc = tenon_decode_count(&l->d, b->range_count)) < 0)
            break;
        struct tenon_range *all =
            tenon_arena_grow(&l->g->arena, b->ranges, b->range_count, sizeof *all);
        all[b->range_count] = ranges.items[i];
        all[b->range_count++].source = source;
        b->ranges = all;
    }
    tenon_vec_release(&ranges);
    return rc < 0 ? rc : f_r;
}

static int
load_info(struct loader *l, const struct tenon_wire *w)
{
    struct tenon_graph_source source = {.filename = "", .language = "", .data = ""};
    int rc = 0;

    EACH_FIELD(&l->d, f, w->data, w->len) {
        if (f.field == 1)
            rc = tenon_decode_string(&l->d, &f, &source.filename);
        else if (f.field == 2 && f.data)
            source.data = f.data, source.len = f.len;
        else if (f.field == 3)
            source.definition = f.data, source.definition_len = f.data ? f.len : 0;
        else if (f.field == 4)
            rc = tenon_decode_string(&l->d, &f, &source.language);
        if (rc < 0)
            return rc;
    }
    if (f_r < 0 || (rc = tenon_decode_count(&l->d, l->sources.len)) < 0)
        return f_r < 0 ? f_r : rc;
    tenon_vec_push(&l->sources, tenon_graph_source_locked(l->g, &source));
    return 0;
}

static int
load_sources(struct loader *l, const struct tenon_wire *w)
{
    int rc = 0;

    EACH_FIELD(&l->d, f, w->data, w->len)
        if (f.field == 2 && (rc = load_info(l, &f)) < 0)
            return rc;
    if (f_r < 0)
        return f_r;
    EACH_FIELD(&l->d, m, w->data, w->len) {
        struct tenon_wire value;
        struct pending *p;
        if (m.field != 1)
            continue;
        if ((rc = map_entry(l, &m, &p, &value)) < 0)
            return rc;
        if (!p)
            continue;
        EACH_FIELD(&l->d, loc, value.data, value.len)
            if (loc.field == 1 && (rc = load_location(l, &loc, &p->meta)) < 0)
                return rc;
        if (loc_r < 0)
            return loc_r;
    }
    return m_r;
}

/* ---- what a filter changes ------------------------------------------------------ */

/* An input, of what its op has become. */
static int
put_input(struct loader *l, const struct tenon_wire *input, struct tenon_buf *out)
{
    auto_buf struct tenon_buf m = TENON_BUF_INIT;
    const unsigned char *from = input->data;
    EACH_FIELD(&l->d, f, input->data, input->len) {
        const char *digest = NULL;
        struct pending *q = NULL;
        if (f.field == 1 && tenon_decode_string(&l->d, &f, &digest) < 0)
            return l->d.err->code;
        if (digest)
            HASH_FIND_STR(l->ops, digest, q);
        if (q && q->made)
            tenon_wire_put_string(&m, 1, q->made->digest.str);
        else
            tenon_buf_add(&m, from, (size_t)(f.at - from));
        from = f.at;
    }
    if (f_r == 0)
        tenon_wire_put_message(out, 1, &m);
    return f_r;
}

/* The bytes of an op with other inputs and, when source is not NULL, another source; all else
 * as it is, also what we do not know. */
static int
rewrite(struct loader *l, const struct pending *p, const struct tenon_op_source *source,
        struct tenon_buf *out)
{
    const unsigned char *from = p->bytes;
    EACH_FIELD(&l->d, f, p->bytes, p->len) {
        auto_buf struct tenon_buf m = TENON_BUF_INIT;
        if (f.field == 1 && f.type == TENON_WIRE_LEN) {
            int rc = put_input(l, &f, out);
            if (rc < 0)
                return rc;
        } else if (f.field == TENON_OP_SOURCE && source) {
            tenon_message_encode(&tenon_message_source, source, &m);
            tenon_wire_put_message(out, TENON_OP_SOURCE, &m);
        } else {
            tenon_buf_add(out, from, (size_t)(f.at - from));
        }
        from = f.at;
    }
    return f_r;
}

static bool
input_changed(struct loader *l, const struct raw_input *in, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct pending *q;
        HASH_FIND_STR(l->ops, in[i].digest, q);
        if (q && q->made && strcmp(q->made->digest.str, q->digest.str) != 0)
            return true;
    }
    return false;
}

/* 1: *source is what is to be used instead, 0: as it is. */
static int
filter_op(struct loader *l, const struct pending *p, struct tenon_arena *scratch,
          struct tenon_op_source *source, bool *inputs_changed)
{
    struct tenon_op op;
    struct raw_input *in;
    size_t count;
    int rc = tenon_op_decode(scratch, p->bytes, p->len, &op, &in, &count, l->d.err);
    if (rc < 0)
        return rc;
    *inputs_changed = input_changed(l, in, count);
    if (op.type != TENON_OP_SOURCE)
        return 0;
    *source = op.source;
    rc = l->g->filter(l->g->filter_data, l->more, &op, scratch, source, l->d.err);
    l->refused = rc < 0;
    return rc;
}

static int
make(struct loader *l, struct pending *p)
{
    auto_arena struct tenon_arena scratch = TENON_ARENA_INIT;
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
    struct tenon_op_source source;
    bool inputs_changed = false;
    int rc = l->g->filter ? filter_op(l, p, &scratch, &source, &inputs_changed) : 0;
    const bool changed = rc > 0 || inputs_changed;
    if (changed)
        rc = rewrite(l, p, rc > 0 ? &source : NULL, &bytes);
    if (rc >= 0)
        p->made = changed ? tenon_graph_add_vertex(l->g, bytes.data, bytes.len, &p->meta, l->d.err)
                          : tenon_graph_add_vertex(l->g, p->bytes, p->len, &p->meta, l->d.err);
    if (p->made)
        return TENON_OK;
    return l->refused ? l->d.err->code
                      : tenon_error_context(l->d.err, "vertex %s", p->digest.str);
}

/* Make the vertices of p and all below it, inputs first, with a stack of our
 * own: a definition may be deeper than the thread's stack. */
static int
resolve(struct loader *l, struct pending *from)
{
    TENON_VEC(struct pending *) stack = {0};
    int rc = 0;

    tenon_vec_push(&stack, from);
    while (stack.len && rc == 0) {
        struct pending *p = stack.items[stack.len - 1];
        if (p->state == PENDING_DONE) {
            stack.len--;
            continue;
        }
        if (p->state == PENDING_OPEN) {
            /* everything it needs was above it on the stack */
            p->state = PENDING_DONE;
            stack.len--;
            rc = make(l, p);
            continue;
        }
        p->state = PENDING_OPEN;
        auto_arena struct tenon_arena scratch = TENON_ARENA_INIT;
        struct raw_input *in;
        size_t count;
        rc = tenon_op_inputs(&scratch, p->bytes, p->len, &in, &count, l->d.err);
        if (rc < 0)
            tenon_error_context(l->d.err, "vertex %s", p->digest.str);
        for (size_t i = 0; i < count && rc == 0; i++) {
            struct pending *q;
            HASH_FIND_STR(l->ops, in[i].digest, q);
            /* one that is missing is reported by add_vertex; one that is open
             * would be a cycle of SHA-256 */
            if (q && q->state == PENDING_NEW)
                tenon_vec_push(&stack, q);
        }
    }
    tenon_vec_release(&stack);
    return rc;
}

static int
load_head(struct loader *l, struct tenon_edge *out)
{
    struct tenon_op op;
    struct raw_input *in;
    size_t count;
    struct pending *p;

    int rc = tenon_op_decode(&l->g->arena, l->last->bytes, l->last->len, &op, &in,
                             &count, l->d.err);
    if (rc < 0)
        return tenon_error_context(l->d.err, "last op");
    if (op.type != TENON_OP_NONE || count != 1)
        return tenon_error_set(l->d.err, TENON_E_INVALID,
                               "the definition's last op is not a bare input");
    HASH_FIND_STR(l->ops, in->digest, p);
    if (!p)
        return tenon_error_set(l->d.err, TENON_E_INVALID,
                               "result %s is not in the definition",
                               in->digest);
    if ((rc = resolve(l, p)) < 0)
        return rc;
    const struct tenon_vertex *v = p->made;
    tenon_assert(v);
    if ((uint64_t)in->index >= tenon_vertex_output_count(v))
        return tenon_error_set(l->d.err, TENON_E_INVALID,
                               "result %s has no output %lld", in->digest,
                               (long long)in->index);
    out->vertex = v;
    out->index = (uint32_t)in->index;
    return 0;
}

static int
load_all(struct loader *l, const void *def, size_t len, struct tenon_edge *out)
{
    int rc = 0;

    EACH_FIELD(&l->d, f, def, len)
        if (f.field == 1 && (rc = add_op(l, &f)) < 0)
            return rc;
    if (f_r < 0)
        return f_r;
    if (!l->last) {
        *out = (struct tenon_edge){ .vertex = NULL };
        return 0;
    }
    EACH_FIELD(&l->d, m, def, len) {
        struct tenon_wire value;
        struct pending *p;
        if (m.field == 2) {
            rc = map_entry(l, &m, &p, &value);
            if (rc == 0 && p)
                rc = tenon_message_decode(&l->d, &tenon_message_meta, &value, &p->meta);
        } else if (m.field == 3) {
            rc = load_sources(l, &m);
        }
        if (rc < 0)
            return rc;
    }
    return load_head(l, out);
}

int
tenon_graph_load(struct tenon_graph *g, const void *def, size_t len,
                 struct tenon_edge *out, struct tenon_error *err)
{
    return tenon_graph_load_held(g, def, len, NULL, out, err);
}

int
tenon_graph_load_held(struct tenon_graph *g, const void *def, size_t len, const void *more,
                      struct tenon_edge *out, struct tenon_error *err)
{
    struct loader l = { .g = g, .d = { .arena = &g->arena, .err = err }, .more = more };

    if (len > TENON_GRAPH_MAX_BYTES)
        return tenon_error_set(err, TENON_E_LIMIT,
                               "definition of more than %u bytes",
                               TENON_GRAPH_MAX_BYTES);
    pthread_mutex_lock(&g->lock);
    int rc = tenon_graph_check_room(g, err);
    if (rc == 0)
        rc = load_all(&l, def, len, out);
    HASH_CLEAR(hh, l.ops);
    tenon_vec_release(&l.sources);
    pthread_mutex_unlock(&g->lock);
    return rc >= 0 ? 0 : l.refused ? rc : tenon_error_context(err, "load definition");
}

int
tenon_graph_sources(const void *def, size_t len, tenon_graph_source_visit *visit, void *data,
                    struct tenon_error *err)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    auto_arena struct tenon_arena scratch = TENON_ARENA_INIT;
    struct decoder d = {.arena = &scratch, .err = &ignored};
    uint32_t count = 0;

    if (len > TENON_GRAPH_MAX_BYTES)
        return 0;
    EACH_FIELD(&d, f, def, len) {
        auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
        auto_error struct tenon_error bad = TENON_ERROR_INIT;
        struct tenon_op op;
        struct raw_input *in;
        size_t inputs;
        if (f.field != 1 || count++ >= TENON_GRAPH_MAX_OPS ||
            tenon_op_decode(&arena, f.data, f.len, &op, &in, &inputs, &bad) < 0 ||
            op.type != TENON_OP_SOURCE)
            continue;
        int rc = visit(data, &op, err);
        if (rc)
            return rc;
    }
    return 0;
}

/* ---- out -------------------------------------------------------------------- */

struct saved {
    const struct tenon_vertex *vertex;
    bool open;
    UT_hash_handle hh; /* by pointer */
};

typedef TENON_VEC(const struct tenon_vertex *) vertex_list;

static void
collect(const struct tenon_vertex *from, vertex_list *order)
{
    struct saved *seen = NULL, *s, *tmp;
    vertex_list stack = {0};

    tenon_vec_push(&stack, from);
    while (stack.len) {
        const struct tenon_vertex *v = stack.items[stack.len - 1];
        HASH_FIND_PTR(seen, &v, s);
        if (s) {
            stack.len--;
            if (s->open) {
                s->open = false;
                tenon_vec_push(order, v);
            }
            continue;
        }
        s = tenon_new0(struct saved);
        s->vertex = v;
        s->open = true;
        HASH_ADD_PTR(seen, vertex, s);
        for (size_t i = v->input_count; i > 0; i--)
            tenon_vec_push(&stack, v->inputs[i - 1].vertex);
    }
    tenon_vec_release(&stack);
    HASH_ITER(hh, seen, s, tmp) {
        HASH_DEL(seen, s);
        free(s);
    }
}

static int
by_digest(const void *a, const void *b)
{
    const struct tenon_vertex *const *p = a, *const *q = b;
    return strcmp((*p)->digest.str, (*q)->digest.str);
}

static void
put_map_entry(struct tenon_buf *out, uint32_t field, const char *key,
              const struct tenon_buf *value)
{
    auto_buf struct tenon_buf e = TENON_BUF_INIT;

    tenon_wire_put_item(&e, 1, key);
    tenon_wire_put_message(&e, 2, value);
    tenon_wire_put_message(out, field, &e);
}

static void
put_position(struct tenon_buf *out, uint32_t field, uint32_t line, uint32_t character)
{
    auto_buf struct tenon_buf p = TENON_BUF_INIT;

    tenon_wire_put_uint(&p, 1, line);
    tenon_wire_put_uint(&p, 2, character);
    tenon_wire_put_message(out, field, &p);
}

static void
put_range(struct tenon_buf *location, const struct tenon_range *r)
{
    const uint32_t end = r->end_line ? r->end_line : r->line;

    for (uint64_t line = r->line; line <= (r->by_line ? end : r->line); line++) {
        auto_buf struct tenon_buf range = TENON_BUF_INIT;
        put_position(&range, 1, (uint32_t)line, r->character);
        put_position(&range, 2, r->by_line ? (uint32_t)line : end, r->end_character);
        tenon_wire_put_message(location, 2, &range);
    }
}

struct infos { /* those that a place is in; index of the definition -> number */
    TENON_VEC(uint32_t) numbers;
};

static size_t
info_index(struct infos *infos, uint32_t number)
{
    for (size_t i = 0; i < infos->numbers.len; i++)
        if (infos->numbers.items[i] == number)
            return i;
    tenon_vec_push(&infos->numbers, number);
    return infos->numbers.len - 1;
}

static void
put_locations(struct tenon_buf *out, const struct tenon_graph *g, const struct tenon_vertex *v,
              struct infos *infos)
{
    const struct tenon_range *r = v->meta.ranges;
    const size_t count = v->meta.range_count;

    for (size_t i = 0, next; i < count; i = next) {
        auto_buf struct tenon_buf location = TENON_BUF_INIT;
        const bool known = r[i].source < g->sources.len;
        if (known)
            tenon_wire_put_uint(&location, 1, info_index(infos, r[i].source));
        for (next = i; next < count && (next == i || r[next].more); next++)
            put_range(&location, &r[next]);
        if (known)
            tenon_wire_put_message(out, 1, &location);
    }
}

static void
put_source(struct tenon_graph *g, const vertex_list *sorted,
           struct tenon_buf *out)
{
    auto_buf struct tenon_buf m = TENON_BUF_INIT;
    struct infos infos = {0};

    for (size_t i = 0; i < sorted->len; i++) {
        auto_buf struct tenon_buf locations = TENON_BUF_INIT;
        put_locations(&locations, g, sorted->items[i], &infos);
        if (locations.len)
            put_map_entry(&m, 1, sorted->items[i]->digest.str, &locations);
    }
    for (size_t i = 0; i < infos.numbers.len; i++) {
        const struct tenon_graph_source *s = g->sources.items[infos.numbers.items[i]];
        auto_buf struct tenon_buf info = TENON_BUF_INIT;
        tenon_wire_put_string(&info, 1, s->filename);
        tenon_wire_put_bytes(&info, 2, s->data, s->len);
        if (s->definition_len)
            tenon_wire_put_bytes(&info, 3, s->definition, s->definition_len);
        tenon_wire_put_string(&info, 4, s->language);
        tenon_wire_put_message(&m, 2, &info);
    }
    tenon_vec_release(&infos.numbers);
    if (m.len)
        tenon_wire_put_message(out, 3, &m);
}

void
tenon_graph_save(struct tenon_graph *g, struct tenon_edge edge,
                 struct tenon_buf *out)
{
    vertex_list order = {0};
    auto_buf struct tenon_buf head = TENON_BUF_INIT;
    const struct tenon_op none = {0};

    if (!edge.vertex)
        return; /* scratch is the empty definition */
    pthread_mutex_lock(&g->lock);
    collect(edge.vertex, &order);
    for (size_t i = 0; i < order.len; i++)
        tenon_wire_put_message(out, 1,
                               &(struct tenon_buf){
                                   .data = (char *)order.items[i]->bytes,
                                   .len = order.items[i]->len });
    tenon_op_encode(&none, &edge, 1, &head);
    tenon_wire_put_message(out, 1, &head);
    qsort(order.items, order.len, sizeof *order.items, by_digest);
    for (size_t i = 0; i < order.len; i++) {
        auto_buf struct tenon_buf m = TENON_BUF_INIT;
        tenon_message_encode(&tenon_message_meta, &order.items[i]->meta, &m);
        put_map_entry(out, 2, order.items[i]->digest.str, &m);
    }
    put_source(g, &order, out);
    tenon_vec_release(&order);
    pthread_mutex_unlock(&g->lock);
}
