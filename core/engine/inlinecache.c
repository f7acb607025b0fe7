/* engine/inlinecache.c - a cache inside of an image: the config says which steps made its layers,
 * so that a build that pulls nothing but the config knows what it may take (--cache-to
 * type=inline). The layers are the image's own; keys are as in cachedocument.c. */
#include "engine/remotecache.h"

#include <string.h>

#include "engine/buildkitdocument.h"

#include "tools/base64.h"
#include "tools/jsontext.h"
#include "image/assemble.h"
#include "solve/cache.h"

/* BuildKit's name for it. */
#define MEMBER "moby.buildkit.cache.v0"

static void
put_string(struct json_object *o, const char *key, const char *value)
{
    json_object_object_add(o, key, json_object_new_string(value));
}

/* ---- written ------------------------------------------------------------------- */

/* Which of the image's layers are of other images. */
static struct json_object *
bases_json(struct tenon_store *s, const struct tenon_chain *chain)
{
    struct json_object *list = json_object_new_array();
    for (size_t i = 0; i < chain->len; i++) {
        struct tenon_snapshot_blob base;
        if (tenon_snapshot_get_base(s, chain->ids[i], &base))
            json_object_array_add(list, json_object_new_int64((int64_t)i));
    }
    return list;
}

/* The results of a step, when each is a lower part of the image; else NULL: its keys alone.
 * No times: they would make each image a new one. */
static struct json_object *
results_json(const struct tenon_cache_entry *k, const struct tenon_chain *image)
{
    struct json_object *list = json_object_new_array();
    for (uint32_t i = 0; i < k->output_count; i++) {
        const struct tenon_chain *c = &k->outputs[i];
        if (c->len > image->len ||
            (c->len && memcmp(c->ids, image->ids, c->len * sizeof *c->ids) != 0)) {
            json_object_put(list);
            return NULL;
        }
        struct json_object *o = json_object_new_object();
        json_object_object_add(o, "layer", json_object_new_int64((int64_t)c->len - 1));
        json_object_array_add(list, o);
    }
    return list;
}

static int
records_json(struct tenon_store *s, const struct tenon_chain *image,
             struct tenon_cache_entry *known, size_t count, struct json_object *records,
             struct tenon_error *err)
{
    auto_free struct json_object **all = tenon_calloc(count + 1, sizeof *all);
    tenon_cache_entries_sort(known, count);
    for (size_t i = 0; i < count; i++) {
        if (!known[i].id.str[0])
            continue;
        struct json_object *keys = NULL, *o = json_object_new_object();
        struct json_object *results = known[i].output_count ? results_json(&known[i], image) : NULL;
        json_object_array_add(records, o);
        put_string(o, "digest", known[i].id.str);
        if (results)
            json_object_object_add(o, "results", results);
        all[i] = results;
        if (tenon_cache_keys(s, &known[i], &keys, err) < 0)
            return err->code;
        json_object_object_add(o, "tenon.keys", keys);
    }
    tenon_buildkit_document(known, count, all, records);
    if (json_object_array_length(records) > 0)
        json_object_object_add(json_object_array_get_idx(records, 0), "tenon.base",
                               bases_json(s, image));
    return 0;
}

int
tenon_inline_cache_add(void *build, const struct tenon_chain *image,
                       const struct tenon_image_layer *layers, struct json_object *config,
                       struct tenon_error *err)
{
    struct tenon_build *b = build;
    struct tenon_cache_entry *known = NULL;
    size_t count = 0;
    if (tenon_caches_known(b, false, &known, &count, err) < 0)
        return err->code;
    (void)layers;
    auto_json struct json_object *records = json_object_new_array();
    int rc = records_json(b->engine->store, image, known, count, records, err);
    tenon_cache_entries_free(known, count);
    if (rc < 0)
        return rc;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    tenon_json_write(&text, records, true);
    if (text.len > TENON_CACHE_INLINE_MAX)
        return tenon_error_set(err, TENON_E_LIMIT, "the cache has too many records for a config");
    auto_free char *coded = tenon_base64(text.data, text.len);
    put_string(config, MEMBER, coded);
    return 0;
}

/* ---- read ---------------------------------------------------------------------- */

/* Types and sizes from the manifest, digests of what is inside from the config. */
static int
complete_layer(struct json_object *layer, const struct tenon_manifest *m, char *const *diff_ids,
               struct tenon_error *err)
{
    const char *digest = NULL;
    if (json_object_get_type(layer) != json_type_object ||
        tenon_json_get_str(layer, "blob", NULL, &digest, err) < 0 || !digest)
        return tenon_error_set(err, TENON_E_CORRUPT, "a layer of the cache is malformed");
    for (size_t i = 0; i < m->layer_count; i++) {
        if (strcmp(m->layers[i].digest, digest) != 0)
            continue;
        struct json_object *notes = json_object_new_object();
        put_string(notes, "mediaType", m->layers[i].media_type);
        put_string(notes, "diffID", diff_ids[i]);
        json_object_object_add(notes, "size", json_object_new_int64(m->layers[i].size));
        json_object_object_add(layer, "annotations", notes);
        return 0;
    }
    return tenon_error_set(err, TENON_E_CORRUPT, "the cache has a layer that the image does not");
}

static int
complete(struct json_object *cache, const struct tenon_manifest *m, char *const *diff_ids,
         struct tenon_error *err)
{
    struct json_object *layers = NULL;
    if (json_object_get_type(cache) != json_type_object ||
        tenon_json_get_array(cache, "layers", &layers, err) < 0)
        return tenon_error_set(err, TENON_E_CORRUPT, "the cache in the config is malformed");
    if (tenon_strv_len(diff_ids) != m->layer_count)
        return tenon_error_set(err, TENON_E_CORRUPT,
                               "mismatched image rootfs and manifest layers");
    if (layers && json_object_array_length(layers) > m->layer_count)
        return tenon_error_set(err, TENON_E_CORRUPT, "the cache has more layers than the image");
    for (size_t i = 0; layers && i < json_object_array_length(layers); i++)
        if (complete_layer(json_object_array_get_idx(layers, i), m, diff_ids, err) < 0)
            return err->code;
    return 0;
}

int
tenon_inline_cache_read(const struct tenon_manifest *m, const void *config, size_t len,
                        struct tenon_buf *out, struct tenon_error *err)
{
    auto_json struct json_object *o = NULL, *cache = NULL;
    const char *coded = NULL;
    if (tenon_json_parse(config, len, TENON_CACHE_DOCUMENT_MAX, &o, err) < 0)
        return tenon_error_context(err, "image config");
    if (json_object_get_type(o) != json_type_object ||
        tenon_json_get_str(o, MEMBER, NULL, &coded, err) < 0 || !coded)
        return tenon_error_set(err, TENON_E_NOT_FOUND, "the image has no cache in its config");
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    if (!tenon_base64_decode(coded, strlen(coded), &text) ||
        tenon_json_parse(text.data, text.len, TENON_CACHE_DOCUMENT_MAX, &cache, err) < 0)
        return tenon_error_set(err, TENON_E_CORRUPT, "the cache in the config is malformed");
    if (!json_object_is_type(cache, json_type_array))
        return tenon_error_set(err, TENON_E_CORRUPT, "the cache in the config is malformed");
    struct json_object *whole = tenon_inline_cache_whole(cache, m);
    json_object_put(cache);
    cache = whole;
    char **diff_ids = NULL;
    int rc = tenon_config_diff_ids(config, len, &diff_ids, err);
    if (rc == 0)
        rc = complete(cache, m, diff_ids, err);
    tenon_strv_free(diff_ids);
    if (rc == 0)
        tenon_inline_cache_chains(cache);
    if (rc == 0)
        tenon_json_write(out, cache, true);
    return rc;
}
