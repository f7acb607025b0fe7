/* engine/buildkitdocument.c - records for BuildKit's solver in a cache's document: what the
 * vertices of this build are to it (solve/buildkitkey.c), linked as it links them. */
#include "engine/buildkitdocument.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "solve/cache.h"
#include "tools/alloc.h"
#include "tools/vec.h"

enum progress { UNSEEN = 0, BEGUN, WRITTEN, UNKNOWN };

struct node { /* a vertex */
    const struct tenon_cache_entry *entry;
    struct json_object *results; /* of each output, borrowed; or NULL */
    enum progress progress;
    int64_t *records; /* of own key k, output n: at k * output_count + n */
    uint32_t output_count;
    const void *vertex;
    UT_hash_handle hh;
};

struct content { /* a record that stands for content */
    struct tenon_digest digest;
    int64_t record;
    UT_hash_handle hh;
};

struct frame { /* a vertex that is begun; a chain of steps is no depth of calls */
    struct node *node;
    struct json_object *inputs; /* as many as have their links */
};

struct writer {
    struct json_object *records;
    struct node *nodes;
    struct content *contents;
    TENON_VEC(struct frame) stack;
};

static int64_t
add_record(struct writer *w, const char *key, int64_t output, struct json_object **o)
{
    struct tenon_digest root;
    tenon_buildkit_root_key(key, output, &root);
    *o = json_object_new_object();
    json_object_object_add(*o, "digest", json_object_new_string(root.str));
    json_object_array_add(w->records, *o);
    return (int64_t)json_object_array_length(w->records) - 1;
}

static int64_t
content_record(struct writer *w, const struct tenon_digest *digest)
{
    struct content *c;
    struct json_object *o;
    HASH_FIND_STR(w->contents, digest->str, c);
    if (c)
        return c->record;
    c = tenon_new0(struct content);
    c->digest = *digest;
    c->record = add_record(w, digest->str, -1, &o);
    HASH_ADD_STR(w->contents, digest.str, c);
    return c->record;
}

static void
add_link(struct json_object *links, const char *selector, int64_t record)
{
    struct json_object *o = json_object_new_object();
    if (*selector)
        json_object_object_add(o, "selector", json_object_new_string(selector));
    json_object_object_add(o, "link", json_object_new_int64(record));
    json_object_array_add(links, o);
}

static struct node *
find_node(const struct writer *w, const void *vertex)
{
    struct node *n;
    HASH_FIND_PTR(w->nodes, &vertex, n);
    return n;
}

/* By what it is, and by what it has in it; NULL when BuildKit would know neither. */
static struct json_object *
links_of(struct writer *w, const struct tenon_buildkit_input *in)
{
    struct json_object *links = json_object_new_array();
    const struct node *from = find_node(w, in->vertex);
    if (from && from->progress != WRITTEN)
        from = NULL;
    for (size_t k = 0; from && k < from->entry->buildkit.own_count; k++)
        if (in->output < from->output_count)
            add_link(links, in->selector, from->records[k * from->output_count + in->output]);
    if (in->content.str[0])
        add_link(links, "", content_record(w, &in->content));
    if (json_object_array_length(links) > 0)
        return links;
    json_object_put(links);
    return NULL;
}

/* A tree without layers cannot be told. */
static void
add_result(struct json_object *record, struct json_object *results, uint32_t output)
{
    struct json_object *result = results ? json_object_array_get_idx(results, output) : NULL;
    struct json_object *layer = result ? json_object_object_get(result, "layer") : NULL;
    if (!layer || json_object_get_int64(layer) < 0)
        return;
    struct json_object *layers = json_object_new_array();
    json_object_array_add(layers, json_object_get(result));
    json_object_object_add(record, "layers", layers);
}

static void
write_records(struct writer *w, struct node *n, struct json_object *inputs)
{
    const struct tenon_buildkit_key *key = &n->entry->buildkit;
    n->output_count = n->results ? (uint32_t)json_object_array_length(n->results) : 0;
    if (n->output_count < key->output_count)
        n->output_count = key->output_count;
    n->records = tenon_calloc(key->own_count * n->output_count + 1, sizeof *n->records);
    for (size_t k = 0; k < key->own_count; k++)
        for (uint32_t i = 0; i < n->output_count; i++) {
            struct json_object *o;
            n->records[k * n->output_count + i] = add_record(w, key->own[k].str, i, &o);
            add_result(o, n->results, i);
            if (key->input_count)
                json_object_object_add(o, "inputs", json_object_get(inputs));
        }
}

static void
begin_node(struct writer *w, struct node *n)
{
    if (!n || n->progress != UNSEEN)
        return;
    n->progress = BEGUN;
    tenon_vec_push(&w->stack, ((struct frame){ n, json_object_new_array() }));
}

static void
end_node(struct writer *w, enum progress progress)
{
    struct frame f = w->stack.items[--w->stack.len];
    f.node->progress = progress;
    if (progress == WRITTEN)
        write_records(w, f.node, f.inputs);
    json_object_put(f.inputs);
}

/* After all it stands upon, so that a link leads to what is written. */
static void
write_node(struct writer *w, const void *vertex)
{
    begin_node(w, find_node(w, vertex));
    while (w->stack.len) {
        const struct frame *f = &w->stack.items[w->stack.len - 1];
        const struct tenon_buildkit_key *key = &f->node->entry->buildkit;
        const size_t i = json_object_array_length(f->inputs);
        if (i == key->input_count) {
            end_node(w, WRITTEN);
            continue;
        }
        struct node *from = find_node(w, key->inputs[i].vertex);
        if (from && from->progress == UNSEEN) {
            begin_node(w, from);
            continue;
        }
        struct json_object *links = links_of(w, &key->inputs[i]);
        if (links)
            json_object_array_add(f->inputs, links);
        else
            end_node(w, UNKNOWN);
    }
}

void
tenon_buildkit_document(const struct tenon_cache_entry *list, size_t count,
                        struct json_object *const *results, struct json_object *records)
{
    struct writer w = { .records = records };
    struct node *n, *tmp;
    struct content *c, *next;
    for (size_t i = 0; i < count; i++) {
        if (!list[i].buildkit.own_count)
            continue;
        n = tenon_new0(struct node);
        n->entry = &list[i];
        n->results = results[i];
        n->vertex = list[i].buildkit.vertex;
        HASH_ADD_PTR(w.nodes, vertex, n);
    }
    for (size_t i = 0; i < count; i++)
        if (list[i].buildkit.own_count && list[i].id.str[0]) /* images for what stands on them */
            write_node(&w, list[i].buildkit.vertex);
    tenon_vec_release(&w.stack);
    HASH_ITER(hh, w.nodes, n, tmp) {
        HASH_DEL(w.nodes, n);
        free(n->records);
        free(n);
    }
    HASH_ITER(hh, w.contents, c, next) {
        HASH_DEL(w.contents, c);
        free(c);
    }
}
