/* engine/buildkitdocument.c - records for BuildKit's solver in a cache's document: what the
 * vertices of this build are to it (solve/buildkitkey.c), linked as it links them. */
#include "engine/buildkitdocument.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "solve/cache.h"
#include "tools/alloc.h"

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

struct writer {
    struct json_object *records;
    struct node *nodes;
    struct content *contents;
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

static struct node *write_node(struct writer *w, const void *vertex);

/* By what it is, and by what it has in it; NULL when BuildKit would know neither. */
static struct json_object *
links_of(struct writer *w, const struct tenon_buildkit_input *in)
{
    struct json_object *links = json_object_new_array();
    struct node *from = write_node(w, in->vertex);
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

static struct json_object *
inputs_of(struct writer *w, const struct tenon_buildkit_key *key)
{
    struct json_object *inputs = json_object_new_array();
    for (size_t i = 0; i < key->input_count; i++) {
        struct json_object *links = links_of(w, &key->inputs[i]);
        if (!links) {
            json_object_put(inputs);
            return NULL;
        }
        json_object_array_add(inputs, links);
    }
    return inputs;
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

/* After all it stands upon, so that a link leads to what is written. NULL: not for BuildKit. The
 * depth is that of the graph, which is a list of steps. */
static struct node *
write_node(struct writer *w, const void *vertex)
{
    struct node *n;
    HASH_FIND_PTR(w->nodes, &vertex, n);
    if (!n || n->progress == UNKNOWN || n->progress == BEGUN)
        return NULL;
    if (n->progress == WRITTEN)
        return n;
    n->progress = BEGUN;
    struct json_object *inputs = inputs_of(w, &n->entry->buildkit);
    n->progress = inputs ? WRITTEN : UNKNOWN;
    if (inputs)
        write_records(w, n, inputs);
    json_object_put(inputs);
    return inputs ? n : NULL;
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
