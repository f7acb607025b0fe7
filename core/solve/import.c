/* solve/import.c - records of a cache that another store has filled: read once, looked up by
 * key, unpacked when a result is wanted. */
#include "solve/import.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "tools/arena.h"
#include "solve/buildkitrecords.h"
#include "solve/cache.h"
#include "solve/layerset.h"

#define LAYERS_MAX 65536
#define RECORDS_MAX 1000000
#define CHAIN_MAX 4096
/* Of one record: what a step mounts, and the ways to it. Each is looked up, each key is kept. */
#define RESULTS_MAX 1000
#define KEYS_MAX 1000

struct layer {
    struct tenon_descriptor desc;
    int64_t parent; /* -1: the lowest */
    size_t height;  /* of its chain, it included; 0: not known yet */
    bool complete;  /* all of its chain have a diff id */
    bool base;      /* of an image, not of a step */
};

struct entry { /* a key; many lead to one record */
    struct import_record *record;
    const char *key;
    UT_hash_handle hh;
};

struct tenon_import {
    struct tenon_arena arena; /* all below */
    const char *name;
    struct layer *layers;
    size_t layer_count;
    struct entry *entries;
    struct buildkit_records *buildkit; /* NULL: it is a cache of tenon's */
    tenon_import_fetch *fetch;
    void *data;
    bool trusted;
};

/* ---- reading ------------------------------------------------------------ */

static int
malformed(struct tenon_error *err, const char *what, size_t i)
{
    return tenon_error_set(err, TENON_E_CORRUPT, "%s[%zu] is malformed", what, i);
}

static int
chain_too_long(struct tenon_error *err, size_t i)
{
    return tenon_error_set(err, TENON_E_LIMIT, "layers[%zu] stands on more than %d others", i,
                           CHAIN_MAX - 1);
}

static const char *
keep_string(struct tenon_import *im, struct json_object *o, const char *key)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    const char *s = NULL;

    tenon_json_get_str(o, key, NULL, &s, &ignored);
    return s ? tenon_arena_strdup(&im->arena, s) : NULL;
}

/* foreign: BuildKit's, where parents may come later, none is said for the first, and what is not
 * known of a layer makes its results useless. */
static int
read_layer(struct tenon_import *im, struct json_object *o, size_t i, bool foreign,
           struct tenon_error *err)
{
    struct layer *l = &im->layers[i];
    struct json_object *notes = NULL;
    struct tenon_digest d;

    l->desc.struct_size = sizeof l->desc;
    if (json_object_get_type(o) != json_type_object)
        return malformed(err, "layers", i);
    if (tenon_json_get_int(o, "parent", foreign ? 0 : -1, &l->parent, err) < 0 ||
        tenon_json_get_bool(o, "tenon.base", false, &l->base, err) < 0 ||
        tenon_json_get_object(o, "annotations", &notes, err) < 0 ||
        (notes && tenon_json_get_int(notes, "size", 0, &l->desc.size, err) < 0))
        return tenon_error_context(err, "layers[%zu]", i);
    l->desc.digest = keep_string(im, o, "blob");
    if (notes) {
        l->desc.media_type = keep_string(im, notes, "mediaType");
        l->desc.diff_id = keep_string(im, notes, "diffID");
    }
    const int64_t first_wrong = (int64_t)(foreign ? im->layer_count : i);
    if (!l->desc.digest || !tenon_digest_parse(l->desc.digest, &d) ||
        (l->desc.diff_id ? !tenon_digest_parse(l->desc.diff_id, &d) : !foreign) ||
        l->parent < -1 || l->parent >= first_wrong || l->desc.size < 0)
        return malformed(err, "layers", i);
    return 0;
}

/* No chain may run in a circle, or be longer than any image. */
static int
check_layers(struct tenon_import *im, struct tenon_error *err)
{
    auto_free int64_t *open = tenon_calloc(CHAIN_MAX + 1, sizeof *open);
    for (size_t i = 0; i < im->layer_count; i++) {
        size_t count = 0;
        int64_t n = (int64_t)i;
        for (; n >= 0 && !im->layers[n].height; n = im->layers[n].parent) {
            if (count == im->layer_count)
                return malformed(err, "layers", i);
            if (count == CHAIN_MAX)
                return chain_too_long(err, i);
            open[count++] = n;
        }
        while (count) { /* from the bottom */
            struct layer *l = &im->layers[open[--count]];
            const struct layer *below = l->parent >= 0 ? &im->layers[l->parent] : NULL;
            l->height = below ? below->height + 1 : 1;
            l->complete = l->desc.diff_id && (!below || below->complete);
            if (l->height > CHAIN_MAX)
                return chain_too_long(err, i);
        }
    }
    return 0;
}

static bool
has_layers(const struct tenon_import *im, int64_t top)
{
    return top < 0 || im->layers[top].complete;
}

static int
read_results(struct tenon_import *im, struct import_record *r,
             struct json_object *list, size_t i, struct tenon_error *err)
{
    r->result_count = list ? json_object_array_length(list) : 0;
    r->results = tenon_arena_array(&im->arena, r->result_count, sizeof *r->results);
    for (size_t k = 0; k < r->result_count; k++) {
        struct json_object *o = json_object_array_get_idx(list, k);
        if (json_object_get_type(o) != json_type_object ||
            tenon_json_get_int(o, "layer", -1, &r->results[k], err) < 0 ||
            r->results[k] < -1 || r->results[k] >= (int64_t)im->layer_count)
            return malformed(err, "records", i);
    }
    return 0;
}

static int
read_keys(struct tenon_import *im, struct import_record *r,
          struct json_object *list, size_t i, struct tenon_error *err)
{
    const size_t count = json_object_array_length(list);
    const char **keys = tenon_arena_array(&im->arena, count + 1, sizeof *keys);

    for (size_t k = 0; k < count; k++) {
        struct json_object *o = json_object_array_get_idx(list, k);
        struct tenon_digest d;
        struct entry *e;
        if (json_object_get_type(o) != json_type_string ||
            !tenon_digest_parse(json_object_get_string(o), &d))
            return malformed(err, "records", i);
        keys[k] = tenon_arena_strdup(&im->arena, d.str);
        HASH_FIND_STR(im->entries, keys[k], e);
        if (e)
            continue;
        e = tenon_arena_alloc(&im->arena, sizeof *e);
        e->key = keys[k];
        e->record = r;
        HASH_ADD_KEYPTR(hh, im->entries, e->key, strlen(e->key), e);
    }
    r->keys = keys;
    return 0;
}

static int
read_record(struct tenon_import *im, struct json_object *o, size_t i,
            struct tenon_error *err)
{
    struct import_record *r = tenon_arena_alloc(&im->arena, sizeof *r);
    struct json_object *results = NULL, *keys = NULL;
    const char *id;

    r->import = im;
    if (json_object_get_type(o) != json_type_object)
        return malformed(err, "records", i);
    if (tenon_json_get_str(o, "digest", "", &id, err) < 0 ||
        tenon_json_get_array(o, "results", &results, err) < 0 ||
        tenon_json_get_array(o, "tenon.keys", &keys, err) < 0)
        return tenon_error_context(err, "records[%zu]", i);
    if (!keys) /* another builder's */
        return 0;
    if (!tenon_digest_parse(id, &r->id))
        return malformed(err, "records", i);
    if ((results && json_object_array_length(results) > RESULTS_MAX) ||
        json_object_array_length(keys) > KEYS_MAX)
        return tenon_error_set(err, TENON_E_LIMIT, "records[%zu] has more than %d results or %d "
                               "keys", i, RESULTS_MAX, KEYS_MAX);
    int rc = read_results(im, r, results, i, err);
    return rc < 0 ? rc : read_keys(im, r, keys, i, err);
}

/* Before layers are read: another builder's may be less than ours need. */
static bool
has_our_keys(struct json_object *records, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct json_object *o = json_object_array_get_idx(records, i);
        if (json_object_get_type(o) != json_type_object ||
            json_object_object_get_ex(o, "tenon.keys", NULL))
            return true; /* or read_record says what is wrong */
    }
    return false;
}

static int
read_document(struct tenon_import *im, struct json_object *o, struct tenon_error *err)
{
    struct json_object *layers = NULL, *records = NULL;

    if (json_object_get_type(o) != json_type_object)
        return tenon_error_set(err, TENON_E_CORRUPT, "the config is not an object");
    if (tenon_json_get_array(o, "layers", &layers, err) < 0 ||
        tenon_json_get_array(o, "records", &records, err) < 0)
        return err->code;
    im->layer_count = layers ? json_object_array_length(layers) : 0;
    const size_t count = records ? json_object_array_length(records) : 0;
    if (im->layer_count > LAYERS_MAX || count > RECORDS_MAX)
        return tenon_error_set(err, TENON_E_LIMIT,
                               "%zu layers and %zu records are more than a cache may have",
                               im->layer_count, count);
    const bool foreign = count && !has_our_keys(records, count);
    im->layers = tenon_arena_array(&im->arena, im->layer_count, sizeof *im->layers);
    for (size_t i = 0; i < im->layer_count; i++)
        if (read_layer(im, json_object_array_get_idx(layers, i), i, foreign, err) < 0)
            return err->code;
    if (check_layers(im, err) < 0)
        return err->code;
    if (foreign)
        return buildkit_records_read(&im->arena, im, records, (int64_t)im->layer_count, has_layers,
                                     &im->buildkit, err);
    for (size_t i = 0; i < count; i++)
        if (read_record(im, json_object_array_get_idx(records, i), i, err) < 0)
            return err->code;
    return 0;
}

int
tenon_import_new(const char *name, const void *config, size_t len,
                 tenon_import_fetch *fetch, void *data,
                 struct tenon_import **out, struct tenon_error *err)
{
    auto_json struct json_object *o = NULL;

    if (tenon_json_parse(config, len, TENON_CACHE_DOCUMENT_MAX, &o, err) < 0)
        return err->code;
    struct tenon_import *im = tenon_new0(struct tenon_import);
    im->name = tenon_arena_strdup(&im->arena, name);
    im->fetch = fetch;
    im->data = data;
    if (read_document(im, o, err) < 0) {
        tenon_import_free(im);
        return err->code;
    }
    *out = im;
    return 0;
}

void
tenon_import_trust(struct tenon_import *im)
{
    im->trusted = true;
}

bool
tenon_import_is_trusted(const struct tenon_import *im)
{
    return im->trusted;
}

const char *
tenon_import_name(const struct tenon_import *im)
{
    return im->name;
}

void
tenon_import_free(struct tenon_import *im)
{
    if (!im)
        return;
    HASH_CLEAR(hh, im->entries);
    buildkit_records_forget(im->buildkit);
    tenon_arena_release(&im->arena);
    free(im);
}

/* ---- looking up --------------------------------------------------------- */

const struct buildkit_records *
import_buildkit(const struct tenon_import *im)
{
    return im->buildkit;
}

void
tenon_solver_import(struct tenon_solver *s, const struct tenon_import *const *imports,
                    size_t count, const char *origin)
{
    struct solver_imports *now = tenon_new0(struct solver_imports);

    if (count)
        now->list = tenon_memdup(imports, count * sizeof *imports);
    now->count = count;
    now->origin = origin ? tenon_strdup(origin) : NULL;
    now->older = atomic_load(&s->imports);
    atomic_store(&s->imports, now);
}

void
imports_free(struct tenon_solver *s)
{
    struct solver_imports *i = atomic_load(&s->imports);

    while (i) {
        struct solver_imports *older = i->older;
        free(i->list);
        free(i->origin);
        free(i);
        i = older;
    }
}

const char *
import_origin(const struct tenon_solver *s)
{
    const struct solver_imports *imports = atomic_load(&s->imports);

    return imports ? imports->origin : NULL;
}

const struct import_record *
import_find(const struct tenon_solver *s, const char *key)
{
    const struct solver_imports *imports = atomic_load(&s->imports);
    const struct import_record *known = NULL;

    for (size_t i = 0; imports && i < imports->count; i++) {
        struct entry *e;
        HASH_FIND_STR(imports->list[i]->entries, key, e);
        if (e && e->record->result_count)
            return e->record;
        if (e && !known)
            known = e->record;
    }
    return known;
}

/* ---- unpacking ---------------------------------------------------------- */

struct chain { /* of one result */
    const struct tenon_import *import;
    struct tenon_ctx *ctx;
    const struct layer **layers; /* lowest first */
};

static int
fetch_layer(void *data, size_t i, struct tenon_error *err)
{
    const struct chain *c = data;

    return c->import->fetch(c->import->data, c->ctx, &c->layers[i]->desc, err);
}

/* As the exporter would have named what it made (core/image/chainblobs.c). A base's is what the
 * cache says: images have their own. */
static const char *
layer_variant(void *data, size_t i)
{
    const struct chain *c = data;
    const char *mt = c->layers[i]->desc.media_type;

    if (c->layers[i]->base || !mt)
        return TENON_BLOB_IMPORTED;
    return tenon_has_suffix(mt, "zstd") ? "zstd" :
           tenon_has_suffix(mt, "gzip") ? "gzip" : "uncompressed";
}

static size_t
chain_length(const struct tenon_import *im, int64_t top)
{
    return top < 0 ? 0 : im->layers[top].height;
}

static void
fill_chain(const struct tenon_import *im, int64_t top, size_t count,
           const struct layer **list, const struct tenon_descriptor **descs)
{
    size_t i = count;

    for (int64_t n = top; n >= 0; n = im->layers[n].parent) {
        list[--i] = &im->layers[n];
        descs[i] = &im->layers[n].desc;
    }
}

bool
import_there(const struct import_record *r, size_t result,
             struct tenon_store *store, struct tenon_chain *out)
{
    const int64_t top = r->results[result];
    const size_t count = chain_length(r->import, top);
    auto_free const struct layer **list = tenon_calloc(count + 1, sizeof *list);
    auto_free const struct tenon_descriptor **descs = tenon_calloc(count + 1, sizeof *descs);

    fill_chain(r->import, top, count, list, descs);
    return layers_there(store, descs, count, false, out);
}

static int
unpack_result(struct job *j, struct tenon_ctx *ctx, int64_t top,
              struct tenon_chain *out)
{
    const struct tenon_import *im = j->state->imported->import;
    const size_t count = chain_length(im, top);
    auto_free const struct layer **list = tenon_calloc(count + 1, sizeof *list);
    auto_free const struct tenon_descriptor **descs = tenon_calloc(count + 1, sizeof *descs);
    fill_chain(im, top, count, list, descs);
    struct chain c = { .import = im, .ctx = ctx, .layers = list };
    const struct layer_set set = {
        .store = j->state->solver->engine->store, .ctx = ctx,
        .cancel = j->state->cancel, .layers = descs, .count = count,
        .fetch = fetch_layer, .variant = layer_variant, .data = &c,
    };
    return layers_make(&set, out, &j->err);
}

int
import_make(struct job *j)
{
    struct state *st = j->state;
    struct tenon_engine *e = st->solver->engine;
    const struct import_record *r = st->imported;
    auto_ctx struct tenon_ctx *ctx =
        tenon_ctx_new(e, e->events, st->cancel, st->v->digest.str);
    int rc = 0;

    j->output_count = (uint32_t)r->result_count;
    j->outputs = tenon_calloc(r->result_count, sizeof *j->outputs);
    j->cached = true;
    for (uint32_t i = 0; i < j->output_count && rc == 0; i++)
        rc = unpack_result(j, ctx, r->results[i], &j->outputs[i]);
    return rc;
}

/* The step can still run: what cannot be fetched costs time, not the build. */
void
import_give_up(struct job *j)
{
    struct state *st = j->state;
    const char *why = j->err.message ? j->err.message : "";
    auto_free char *text = tenon_asprintf("WARNING: %s: %s; \"%s\" runs instead",
                                          st->imported->import->name, why,
                                          st->v->name);
    const struct tenon_event ev = {
        .struct_size = sizeof ev, .type = TENON_EVENT_MESSAGE, .name = text,
        .level = TENON_LOG_WARNING,
    };

    tenon_events_post(st->solver->engine->events, &ev);
    tenon_error_release(&j->err);
    for (uint32_t i = 0; i < j->output_count; i++)
        tenon_chain_release(&j->outputs[i]);
    free(tenon_steal(&j->outputs));
    j->output_count = 0;
    j->cached = false;
    j->gave_up = true;
}
