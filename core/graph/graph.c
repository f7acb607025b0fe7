/* graph/graph.c - the table of vertices, and the build files they come from. */
#include "graph/graph.h"

#include <string.h>

#include "graph/private.h"
#include "tools/conceal.h"

struct tenon_graph *
tenon_graph_new(void)
{
    struct tenon_graph *g = tenon_new0(struct tenon_graph);
    g->memory_max = TENON_GRAPH_MAX_MEMORY;
    pthread_mutex_init(&g->lock, NULL);
    return g;
}

void
tenon_graph_free(struct tenon_graph *g)
{
    if (!g)
        return;
    /* the entries are the arena's, the table itself is not */
    HASH_CLEAR(hh, g->vertices);
    tenon_vec_release(&g->sources);
    tenon_arena_release(&g->arena);
    pthread_mutex_destroy(&g->lock);
    free(g);
}

int
tenon_graph_check_room(const struct tenon_graph *g, struct tenon_error *err)
{
    if (g->arena.bytes <= g->memory_max)
        return 0;
    return tenon_error_set(err, TENON_E_LIMIT, "the build is described by more than %zu bytes",
                           g->memory_max);
}

void
tenon_graph_set_owner(struct tenon_graph *g, void *owner)
{
    g->owner = owner;
}

void *
tenon_graph_owner(const struct tenon_graph *g)
{
    return g->owner;
}

void
tenon_graph_set_filter(struct tenon_graph *g, tenon_source_filter *filter, void *data)
{
    g->filter = filter;
    g->filter_data = data;
}

static bool
is_same_source(const struct tenon_graph_source *a, const struct tenon_graph_source *b)
{
    return a->len == b->len && !strcmp(a->filename, b->filename) &&
           !strcmp(a->language, b->language) && !memcmp(a->data, b->data, a->len) &&
           a->definition_len == b->definition_len &&
           (!a->definition_len || !memcmp(a->definition, b->definition, a->definition_len));
}

uint32_t
tenon_graph_source_locked(struct tenon_graph *g, const struct tenon_graph_source *source)
{
    const size_t room = g->memory_max > g->arena.bytes ? g->memory_max - g->arena.bytes : 0;

    for (size_t i = 0; i < g->sources.len; i++)
        if (is_same_source(g->sources.items[i], source))
            return (uint32_t)i;
    if (source->len > room || source->definition_len > room - source->len)
        return UINT32_MAX; /* a number of none: there is no excerpt then */
    struct tenon_graph_source *s = tenon_arena_alloc(&g->arena, sizeof *s);
    s->filename = tenon_arena_strdup(&g->arena, source->filename);
    s->language = tenon_arena_strdup(&g->arena, source->language);
    s->data = tenon_arena_dup(&g->arena, source->data, source->len);
    s->len = source->len;
    if (source->definition_len) {
        s->definition = tenon_arena_dup(&g->arena, source->definition, source->definition_len);
        s->definition_len = source->definition_len;
    }
    tenon_vec_push(&g->sources, s);
    return (uint32_t)g->sources.len - 1;
}

uint32_t
tenon_graph_source_from(struct tenon_graph *g, const char *filename, const char *language,
                        const void *data, size_t len, const void *definition,
                        size_t definition_len)
{
    const struct tenon_graph_source source = {
        .filename = filename ? filename : "", .language = language ? language : "",
        .data = data ? data : "", .len = data ? len : 0,
        .definition = definition, .definition_len = definition ? definition_len : 0,
    };

    pthread_mutex_lock(&g->lock);
    const uint32_t n = tenon_graph_source_locked(g, &source);
    pthread_mutex_unlock(&g->lock);
    return n;
}

uint32_t
tenon_graph_source(struct tenon_graph *g, const char *filename,
                   const char *language, const void *data, size_t len)
{
    return tenon_graph_source_from(g, filename, language, data, len, NULL, 0);
}

const struct tenon_graph_source *
tenon_graph_get_source(const struct tenon_graph *g, uint32_t number)
{
    struct tenon_graph *m = (struct tenon_graph *)g;
    const struct tenon_graph_source *s = NULL;

    pthread_mutex_lock(&m->lock);
    if (number < g->sources.len)
        s = g->sources.items[number];
    pthread_mutex_unlock(&m->lock);
    return s;
}

const char *
tenon_vertex_describe(const struct tenon_vertex *v, const char *key)
{
    for (size_t i = 0; i < v->meta.description_count; i++)
        if (!strcmp(v->meta.description[i].key, key))
            return v->meta.description[i].value;
    return NULL;
}

uint32_t
tenon_vertex_output_count(const struct tenon_vertex *v)
{
    int64_t n = 0;

    switch (v->op.type) {
    case TENON_OP_EXEC:
        for (size_t i = 0; i < v->op.exec.mount_count; i++)
            if (v->op.exec.mounts[i].output >= n)
                n = v->op.exec.mounts[i].output + 1;
        return (uint32_t)n;
    case TENON_OP_FILE:
        for (size_t i = 0; i < v->op.file.count; i++)
            if (v->op.file.actions[i].output >= n)
                n = v->op.file.actions[i].output + 1;
        return (uint32_t)n;
    case TENON_OP_PASSTHROUGH:
        return (uint32_t)v->op.passthrough.count;
    case TENON_OP_BUILD:
        return UINT32_MAX; /* only its run would tell */
    case TENON_OP_NONE:
    case TENON_OP_SOURCE:
    case TENON_OP_MERGE:
    case TENON_OP_DIFF:
        return 1;
    }
    return 1;
}

const struct tenon_vertex *
tenon_graph_find_vertex(struct tenon_graph *g, const char *digest)
{
    struct vertex_entry *e;

    HASH_FIND_STR(g->vertices, digest, e);
    return e ? &e->vertex : NULL;
}

const struct tenon_vertex *
tenon_graph_vertex(struct tenon_graph *g, const char *digest)
{
    pthread_mutex_lock(&g->lock);
    const struct tenon_vertex *v = tenon_graph_find_vertex(g, digest);
    pthread_mutex_unlock(&g->lock);
    return v;
}

static int
connect_inputs(struct tenon_graph *g, struct tenon_vertex *v,
               const struct raw_input *raw, size_t count,
               struct tenon_error *err)
{
    struct tenon_edge *edges =
        tenon_arena_array(&g->arena, count, sizeof *edges);

    for (size_t i = 0; i < count; i++) {
        edges[i].vertex = tenon_graph_find_vertex(g, raw[i].digest);
        edges[i].index = (uint32_t)raw[i].index;
        if (!edges[i].vertex)
            return tenon_error_set(err, TENON_E_INVALID,
                                   "input %s is not in the definition",
                                   raw[i].digest);
        if (edges[i].index >= tenon_vertex_output_count(edges[i].vertex))
            return tenon_error_set(err, TENON_E_INVALID,
                                   "input %s has no output %u", raw[i].digest,
                                   edges[i].index);
    }
    v->inputs = edges;
    v->input_count = count;
    return 0;
}

static void
set_meta(struct tenon_graph *g, struct tenon_vertex *v, const struct tenon_vertex_meta *meta)
{
    if (meta)
        v->meta = *meta;
    if (!v->meta.cpuset_cpus)
        v->meta.cpuset_cpus = "";
    if (!v->meta.cpuset_mems)
        v->meta.cpuset_mems = "";
    const char *given = tenon_vertex_describe(v, "llb.customname");
    auto_free char *made = given ? NULL : tenon_op_name(&v->op, v->inputs, v->input_count);
    auto_free char *shown = tenon_url_conceal(given ? given : made);
    v->name = tenon_arena_strdup(&g->arena, shown);
}

const struct tenon_vertex *
tenon_graph_add_vertex(struct tenon_graph *g, const void *bytes, size_t len,
                       const struct tenon_vertex_meta *meta,
                       struct tenon_error *err)
{
    struct tenon_digest digest;
    struct raw_input *raw;
    size_t raw_count;

    tenon_digest_of(bytes, len, &digest);
    const struct tenon_vertex *old = tenon_graph_find_vertex(g, digest.str);
    if (old)
        return old;
    if (HASH_COUNT(g->vertices) >= TENON_GRAPH_MAX_OPS) {
        tenon_error_set(err, TENON_E_LIMIT, "more than %u vertices",
                        TENON_GRAPH_MAX_OPS);
        return NULL;
    }
    struct vertex_entry *e = tenon_arena_alloc(&g->arena, sizeof *e);
    struct tenon_vertex *v = &e->vertex;
    v->digest = digest;
    v->graph = g;
    v->bytes = tenon_arena_dup(&g->arena, bytes, len);
    v->len = len;
    if (tenon_op_decode(&g->arena, v->bytes, len, &v->op, &raw, &raw_count,
                        err) < 0 ||
        connect_inputs(g, v, raw, raw_count, err) < 0)
        return NULL;
    set_meta(g, v, meta);
    HASH_ADD_STR(g->vertices, vertex.digest.str, e);
    return v;
}
