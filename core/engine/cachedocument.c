/* engine/cachedocument.c - the document of a cache: a manifest whose config lists layers and
 * records in the form of BuildKit's cache config, with keys of our own. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "tools/alloc.h"
#include "tools/base64.h"
#include "tools/jsontext.h"
#include "tools/parse.h"
#include "engine/buildkitdocument.h"
#include "engine/cachemounts.h"
#include "engine/remotecache.h"
#include "image/assemble.h"
#include "solve/cache.h"

/* Up to that size the document is in its manifest, too (OCI's "data" of a descriptor): who has the
 * one needs not ask for the other. */
#define BESIDE_MAX ((size_t)128 << 10)

struct layer { /* a blob on another; the same blob may come again elsewhere */
    char *name; /* "PARENT DIGEST" */
    int64_t index;
    UT_hash_handle hh;
};

struct document {
    struct tenon_store *store;
    const struct tenon_image_options *options;
    struct json_object *layers, *records; /* of the config */
    struct json_object *blobs;            /* of the manifest */
    struct layer *by_name, *by_digest;    /* written so far */
};

static void
put_string(struct json_object *o, const char *key, const char *value)
{
    json_object_object_add(o, key, json_object_new_string(value));
}

static void
put_time(struct json_object *o, const char *key, int64_t ns)
{
    auto_free char *text = tenon_format_time(ns);
    put_string(o, key, text);
}

/* Remember name; its index, or -1 when it is new. */
static int64_t
seen(struct layer **set, char *name, int64_t index)
{
    struct layer *l;
    HASH_FIND_STR(*set, name, l);
    if (l) {
        free(name);
        return l->index;
    }
    l = tenon_new0(struct layer);
    l->name = name;
    l->index = index;
    HASH_ADD_KEYPTR(hh, *set, l->name, strlen(l->name), l);
    return -1;
}

static void
seen_release(struct layer *set)
{
    struct layer *l, *tmp;
    HASH_ITER(hh, set, l, tmp) {
        HASH_DEL(set, l);
        free(l->name);
        free(l);
    }
}

static void
add_blob(struct document *d, const struct tenon_snapshot_blob *b)
{
    if (seen(&d->by_digest, tenon_strdup(b->digest.str), 0) >= 0)
        return;
    struct json_object *o = json_object_new_object();
    struct json_object *notes = json_object_new_object();
    put_string(o, "mediaType", b->media_type);
    put_string(o, "digest", b->digest.str);
    json_object_object_add(o, "size", json_object_new_int64(b->size));
    put_string(notes, "containerd.io/uncompressed", b->diff_id.str);
    json_object_object_add(o, "annotations", notes);
    json_object_array_add(d->blobs, o);
}

static int64_t
add_layer(struct document *d, const struct tenon_image_layer *l, int64_t snapshot,
          int64_t parent)
{
    struct tenon_snapshot_blob base;
    int64_t index = (int64_t)json_object_array_length(d->layers);
    int64_t before = seen(&d->by_name, tenon_asprintf("%" PRId64 " %s", parent,
                                                      l->blob.digest.str), index);
    if (before >= 0)
        return before;
    struct json_object *o = json_object_new_object();
    struct json_object *notes = json_object_new_object();
    put_string(o, "blob", l->blob.digest.str);
    json_object_object_add(o, "parent", json_object_new_int64(parent));
    put_string(notes, "mediaType", l->blob.media_type);
    put_string(notes, "diffID", l->blob.diff_id.str);
    json_object_object_add(notes, "size", json_object_new_int64(l->blob.size));
    put_time(notes, "createdAt", l->created_ns);
    json_object_object_add(o, "annotations", notes);
    /* its times are its maker's: no SOURCE_DATE_EPOCH changes them */
    if (tenon_snapshot_get_base(d->store, snapshot, &base))
        json_object_object_add(o, "tenon.base", json_object_new_boolean(true));
    json_object_array_add(d->layers, o);
    add_blob(d, &l->blob);
    return index;
}

static int
add_result(struct document *d, const struct tenon_chain *chain,
           struct json_object *results, struct tenon_error *err)
{
    struct tenon_image_layer *layers = NULL;
    int64_t top = -1, created_ns = 0;
    if (tenon_image_layers(d->store, chain, d->options, &layers, err) < 0)
        return err->code;
    for (size_t i = 0; i < chain->len; i++) {
        top = add_layer(d, &layers[i], chain->ids[i], top);
        created_ns = layers[i].created_ns;
    }
    tenon_image_layers_free(layers, chain->len);
    struct json_object *o = json_object_new_object();
    json_object_object_add(o, "layer", json_object_new_int64(top));
    put_time(o, "createdAt", created_ns);
    json_object_array_add(results, o);
    return TENON_OK;
}

static bool
is_part(const struct tenon_chain *c, const struct tenon_chain *final, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (c->len <= final[i].len &&
            (!c->len || !memcmp(c->ids, final[i].ids, c->len * sizeof *c->ids)))
            return true;
    return false;
}

/* Of a step that has several results some may be in an image and others beside it: a record has
 * them all, so what only ran beside goes with it. */
static bool
is_of_image(const struct tenon_cache_entry *k, const struct tenon_chain *final, size_t count)
{
    bool some = false, every = k->output_count > 0;
    for (uint32_t n = 0; n < k->output_count; n++) {
        const bool part = is_part(&k->outputs[n], final, count);
        some = some || (part && k->outputs[n].len);
        every = every && part;
    }
    return some || every;
}

int
tenon_cache_keys(struct tenon_store *s, const struct tenon_cache_entry *k,
                 struct json_object **out, struct tenon_error *err)
{
    char **keys = NULL;
    if (tenon_record_keys(s, k->id.str, &keys, err) < 0)
        return err->code;
    for (char **p = k->keys; p && *p; p++)
        tenon_strv_push(&keys, tenon_strdup(*p));
    *out = json_object_new_array();
    const size_t count = tenon_strv_len(keys);
    if (count)
        qsort(keys, count, sizeof *keys, tenon_by_text);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || strcmp(keys[i - 1], keys[i]))
            json_object_array_add(*out, json_object_new_string(keys[i]));
    tenon_strv_free(keys);
    return TENON_OK;
}

/* *list: its results, borrowed; or NULL. */
static int
add_record(struct document *d, const struct tenon_cache_entry *k, bool made,
           struct json_object **list, struct tenon_error *err)
{
    auto_json struct json_object *o = json_object_new_object();
    put_string(o, "digest", k->id.str);
    if (made) {
        struct json_object *results = json_object_new_array();
        json_object_object_add(o, "results", results);
        for (uint32_t i = 0; i < k->output_count; i++)
            if (add_result(d, &k->outputs[i], results, err) < 0)
                return err->code;
        *list = results;
    }
    struct json_object *keys = NULL;
    if (tenon_cache_keys(d->store, k, &keys, err) < 0)
        return err->code;
    json_object_object_add(o, "tenon.keys", keys);
    json_object_array_add(d->records, tenon_steal(&o));
    return TENON_OK;
}

static int
put_text(struct tenon_store *s, struct json_object *o, struct tenon_buf *text,
         struct tenon_digest *digest, struct tenon_error *err)
{
    tenon_json_write(text, o, true);
    if (text->len > TENON_CACHE_DOCUMENT_MAX)
        return tenon_error_set(err, TENON_E_LIMIT, "the cache has too many records");
    return tenon_blob_put(s, text->data, text->len, digest, err);
}

static int
write_manifest(struct document *d, struct json_object *config,
               struct tenon_desc *manifest, struct tenon_error *err)
{
    struct tenon_digest digest;
    auto_buf struct tenon_buf document = TENON_BUF_INIT, text = TENON_BUF_INIT;
    if (put_text(d->store, config, &document, &digest, err) < 0)
        return err->code;
    auto_json struct json_object *o = json_object_new_object();
    struct json_object *c = json_object_new_object();
    const bool is_index = d->options->force_index; /* the document is the last of its blobs then */
    const char *media_type = is_index ? TENON_MT_OCI_INDEX : TENON_MT_OCI_MANIFEST;
    json_object_object_add(o, "schemaVersion", json_object_new_int(2));
    put_string(o, "mediaType", media_type);
    put_string(c, "mediaType", TENON_MT_CACHE_CONFIG);
    put_string(c, "digest", digest.str);
    json_object_object_add(c, "size", json_object_new_int64((int64_t)document.len));
    if (!is_index && document.len <= BESIDE_MAX) {
        auto_free char *data = tenon_base64(document.data, document.len);
        put_string(c, "data", data);
    }
    if (is_index)
        json_object_array_add(d->blobs, c);
    else
        json_object_object_add(o, "config", c);
    json_object_object_add(o, is_index ? "manifests" : "layers", json_object_get(d->blobs));
    if (put_text(d->store, o, &text, &digest, err) < 0)
        return err->code;
    *manifest = (struct tenon_desc){ .media_type = tenon_strdup(media_type),
                                     .digest = tenon_strdup(digest.str),
                                     .size = (int64_t)text.len };
    return TENON_OK;
}

/* Who does not know them passes over them: in the document a member that it has no name for, in the
 * manifest blobs that no layer refers to. */
static void
add_mounts(struct document *d, struct json_object *config, const struct tenon_mounts *mounts)
{
    if (!mounts->entries)
        return;
    json_object_object_add(config, "tenon.mounts", json_object_get(mounts->entries));
    for (size_t i = 0; i < json_object_array_length(mounts->blobs); i++) {
        struct json_object *o = json_object_array_get_idx(mounts->blobs, i);
        const char *digest = json_object_get_string(json_object_object_get(o, "digest"));
        if (seen(&d->by_digest, tenon_strdup(digest), 0) < 0)
            json_object_array_add(d->blobs, json_object_get(o));
    }
}

static int
by_id(const void *a, const void *b)
{
    const struct tenon_cache_entry *x = a, *y = b;
    int rc = strcmp(x->id.str, y->id.str);
    return rc ? rc : strcmp(x->buildkit.own[0].str, y->buildkit.own[0].str);
}

void
tenon_cache_entries_sort(struct tenon_cache_entry *list, size_t count)
{
    if (count)
        qsort(list, count, sizeof *list, by_id);
}

int
tenon_cache_document(struct tenon_store *s, struct tenon_cache_entry *known, size_t count,
                     const struct tenon_chain *final, size_t final_count, bool all,
                     const struct tenon_image_options *o, const struct tenon_mounts *mounts,
                     struct tenon_desc *manifest, struct tenon_error *err)
{
    auto_json struct json_object *config = json_object_new_object();
    auto_json struct json_object *blobs = json_object_new_array();
    struct document d = { .store = s, .options = o, .blobs = blobs,
                          .layers = json_object_new_array(),
                          .records = json_object_new_array() };
    json_object_object_add(config, "layers", d.layers);
    json_object_object_add(config, "records", d.records);
    tenon_cache_entries_sort(known, count);
    auto_free struct json_object **results = tenon_calloc(count + 1, sizeof *results);
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        if (!known[i].id.str[0])
            continue;
        const bool made = all ? known[i].output_count > 0
                              : is_of_image(&known[i], final, final_count);
        rc = add_record(&d, &known[i], made, &results[i], err);
    }
    if (rc == 0)
        tenon_buildkit_document(known, count, results, d.records);
    if (rc == 0)
        add_mounts(&d, config, mounts);
    if (rc == 0)
        rc = write_manifest(&d, config, manifest, err);
    seen_release(d.by_name);
    seen_release(d.by_digest);
    return rc;
}

/* ---- what there is to write ------------------------------------------------ */

/* What rests on caches that a frontend named is not sent on in the user's name. */
static void
drop_guests(struct tenon_cache_entry *list, size_t *count)
{
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        if (list[i].apart)
            tenon_cache_entry_release(&list[i]);
        else
            list[kept++] = list[i];
    }
    *count = kept;
}

int
tenon_caches_known(struct tenon_build *b, bool all, struct tenon_cache_entry **out, size_t *count,
                   struct tenon_error *err)
{
    if (tenon_solver_cache_entries(b->solver, all, b->engine->cancel, out, count, err) < 0)
        return err->code;
    if (atomic_load(&b->has_guests))
        drop_guests(*out, count);
    return TENON_OK;
}
