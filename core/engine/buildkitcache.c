/* engine/buildkitcache.c - documents of caches that BuildKit wrote: what it says of layers beside
 * the document, or leaves to the image, is put into it. */
#include <string.h>

#include "engine/remotecache.h"
#include "solve/cache.h"
#include "tools/alloc.h"
#include "tools/jsontext.h"

#define LAYERS_MAX 65536 /* as its reader takes */

static void
put_string(struct json_object *o, const char *key, const char *value)
{
    json_object_object_add(o, key, json_object_new_string(value));
}

static const char *
text_of(struct json_object *o, const char *key)
{
    struct json_object *v = NULL;
    return json_object_is_type(o, json_type_object) && json_object_object_get_ex(o, key, &v) &&
                   json_object_is_type(v, json_type_string)
               ? json_object_get_string(v) : NULL;
}

/* The notes of a layer, from its descriptor; NULL when that has not what is needed. */
static struct json_object *
notes_of(struct json_object *descriptor)
{
    struct json_object *own = NULL, *size = NULL;
    json_object_object_get_ex(descriptor, "annotations", &own);
    json_object_object_get_ex(descriptor, "size", &size);
    const char *diff_id = text_of(own, "containerd.io/uncompressed");
    const char *type = text_of(descriptor, "mediaType");
    if (!diff_id || !type || !size)
        return NULL;
    struct json_object *notes = json_object_new_object();
    put_string(notes, "mediaType", type);
    put_string(notes, "diffID", diff_id);
    json_object_object_add(notes, "size", json_object_get(size));
    return notes;
}

/* By digest; borrowed. */
static struct json_object *
by_digest(struct json_object *descriptors)
{
    struct json_object *map = json_object_new_object();
    for (size_t i = 0; i < json_object_array_length(descriptors); i++) {
        struct json_object *d = json_object_array_get_idx(descriptors, i);
        const char *digest = text_of(d, "digest");
        if (digest)
            json_object_object_add(map, digest, json_object_get(d));
    }
    return map;
}

int
tenon_buildkit_cache_complete(struct json_object *descriptors, struct tenon_buf *document,
                              struct tenon_error *err)
{
    auto_json struct json_object *o = NULL;
    struct json_object *layers = NULL, *known = NULL, *descriptor;
    if (tenon_json_parse(document->data, document->len, TENON_CACHE_DOCUMENT_MAX, &o, err) < 0)
        return err->code;
    if (!json_object_is_type(o, json_type_object) ||
        !json_object_object_get_ex(o, "layers", &layers) ||
        !json_object_is_type(layers, json_type_array))
        return TENON_OK; /* for its reader to judge */
    auto_json struct json_object *map = by_digest(descriptors);
    bool changed = false;
    for (size_t i = 0; i < json_object_array_length(layers); i++) {
        struct json_object *layer = json_object_array_get_idx(layers, i);
        const char *digest = text_of(layer, "blob");
        if (!digest || json_object_object_get_ex(layer, "annotations", &known) ||
            !json_object_object_get_ex(map, digest, &descriptor))
            continue;
        struct json_object *notes = notes_of(descriptor);
        if (notes)
            json_object_object_add(layer, "annotations", notes);
        changed = changed || notes;
    }
    if (!changed)
        return TENON_OK;
    tenon_buf_clear(document);
    tenon_json_write(document, o, true);
    return TENON_OK;
}

/* Which layers a record of ours names as those of other images: a flag each, the caller's. */
static bool *
base_layers(struct json_object *records, size_t count)
{
    bool *flags = tenon_calloc(count + 1, sizeof *flags);
    struct json_object *list = NULL;
    struct json_object *first = json_object_array_get_idx(records, 0);
    if (!json_object_is_type(first, json_type_object) ||
        !json_object_object_get_ex(first, "tenon.base", &list) ||
        !json_object_is_type(list, json_type_array))
        return flags;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        const int64_t n = json_object_get_int64(json_object_array_get_idx(list, i));
        if (n >= 0 && (uint64_t)n < count)
            flags[n] = true;
    }
    return flags;
}

struct json_object *
tenon_inline_cache_whole(struct json_object *records, const struct tenon_manifest *m)
{
    struct json_object *o = json_object_new_object(), *layers = json_object_new_array();
    auto_free bool *bases = base_layers(records, m->layer_count);
    for (size_t i = 0; i < m->layer_count; i++) {
        struct json_object *layer = json_object_new_object();
        put_string(layer, "blob", m->layers[i].digest);
        json_object_object_add(layer, "parent", json_object_new_int64((int64_t)i - 1));
        if (bases[i])
            json_object_object_add(layer, "tenon.base", json_object_new_boolean(true));
        json_object_array_add(layers, layer);
    }
    json_object_object_add(o, "layers", layers);
    json_object_object_add(o, "records", json_object_get(records));
    return o;
}

/* The topmost of layers that are these, upon each other; -1: it is malformed, or too much. */
static int64_t
add_chain(struct json_object *layers, struct json_object *chain)
{
    struct json_object *list = NULL, *notes;
    int64_t top = -1;
    if (!json_object_is_type(chain, json_type_object) ||
        !json_object_object_get_ex(chain, "layers", &list) ||
        !json_object_is_type(list, json_type_array))
        return -1;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        int64_t n = json_object_get_int64(json_object_array_get_idx(list, i));
        const size_t count = json_object_array_length(layers);
        if (n < 0 || n >= (int64_t)count || count >= LAYERS_MAX)
            return -1;
        struct json_object *from = json_object_array_get_idx(layers, (size_t)n);
        struct json_object *layer = json_object_new_object();
        put_string(layer, "blob", text_of(from, "blob"));
        json_object_object_add(layer, "parent", json_object_new_int64(top));
        if (json_object_object_get_ex(from, "annotations", &notes))
            json_object_object_add(layer, "annotations", json_object_get(notes));
        json_object_array_add(layers, layer);
        top = (int64_t)count;
    }
    return top;
}

void
tenon_inline_cache_chains(struct json_object *document)
{
    struct json_object *layers = json_object_object_get(document, "layers");
    struct json_object *records = json_object_object_get(document, "records");
    for (size_t i = 0; i < json_object_array_length(records); i++) {
        struct json_object *o = json_object_array_get_idx(records, i), *chains, *results;
        if (!json_object_is_type(o, json_type_object) ||
            !json_object_object_get_ex(o, "chains", &chains) ||
            !json_object_is_type(chains, json_type_array))
            continue;
        if (!json_object_object_get_ex(o, "layers", &results)) {
            results = json_object_new_array();
            json_object_object_add(o, "layers", results);
        }
        for (size_t k = 0; k < json_object_array_length(chains); k++) {
            int64_t top = add_chain(layers, json_object_array_get_idx(chains, k));
            if (top < 0 || !json_object_is_type(results, json_type_array))
                continue;
            struct json_object *result = json_object_new_object();
            json_object_object_add(result, "layer", json_object_new_int64(top));
            json_object_array_add(results, result);
        }
    }
}
