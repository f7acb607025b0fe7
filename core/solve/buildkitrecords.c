/* solve/buildkitrecords.c - see buildkitrecords.h. */
#include "solve/buildkitrecords.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/json.h"
#include "solve/buildkitkey.h"
#include "solve/cache.h"
#include "tools/arena.h"

#define INPUTS_MAX 100000
#define FOUND_MAX 4096

struct link {
    const char *selector; /* "" for none */
    size_t record;
};

struct links {
    struct link *list;
    size_t count;
};

struct buildkit_record {
    struct import_record made;
    const char *digest;
    struct links *inputs;
    size_t input_count;
    struct buildkit_record *next; /* of the same digest */
    UT_hash_handle hh;            /* the first of a digest */
};

struct buildkit_records {
    struct buildkit_record *list;
    size_t count;
    struct buildkit_record *by_digest;
};

/* ---- reading ------------------------------------------------------------------------------ */

static int
malformed(size_t i, struct tenon_error *err)
{
    return tenon_error_set(err, TENON_E_CORRUPT, "records[%zu] is malformed", i);
}

static int
read_link(struct tenon_arena *arena, struct json_object *o, size_t i, size_t count,
          struct link *out, struct tenon_error *err)
{
    const char *selector = "";
    int64_t record = -1;
    if (json_object_get_type(o) != json_type_object ||
        tenon_json_get_str(o, "selector", "", &selector, err) < 0 ||
        tenon_json_get_int(o, "link", -1, &record, err) < 0 || record < 0 ||
        record >= (int64_t)count)
        return malformed(i, err);
    *out = (struct link){ tenon_arena_strdup(arena, selector), (size_t)record };
    return 0;
}

static int
read_inputs(struct tenon_arena *arena, struct json_object *list, size_t i, size_t count,
            struct buildkit_record *r, struct tenon_error *err)
{
    r->input_count = list ? json_object_array_length(list) : 0;
    if (r->input_count > INPUTS_MAX)
        return malformed(i, err);
    r->inputs = tenon_arena_array(arena, r->input_count + 1, sizeof *r->inputs);
    for (size_t n = 0; n < r->input_count; n++) {
        struct json_object *links = json_object_array_get_idx(list, n);
        struct links *to = &r->inputs[n];
        if (json_object_get_type(links) != json_type_array)
            return malformed(i, err);
        to->count = json_object_array_length(links);
        to->list = tenon_arena_array(arena, to->count + 1, sizeof *to->list);
        for (size_t k = 0; k < to->count; k++)
            if (read_link(arena, json_object_array_get_idx(links, k), i, count, &to->list[k],
                          err) < 0)
                return err->code;
    }
    return 0;
}

/* The first that has all of its layers. */
static int
read_result(struct tenon_arena *arena, struct json_object *list, size_t i, int64_t layer_count,
            bool (*has_layers)(const struct tenon_import *im, int64_t top),
            struct buildkit_record *r, struct tenon_error *err)
{
    static const char *const no_keys[] = { NULL };
    r->made.keys = no_keys;
    for (size_t n = 0; list && n < json_object_array_length(list); n++) {
        struct json_object *o = json_object_array_get_idx(list, n);
        int64_t top = -1;
        if (json_object_get_type(o) != json_type_object ||
            tenon_json_get_int(o, "layer", 0, &top, err) < 0 || top < 0 || top >= layer_count)
            return malformed(i, err);
        if (r->made.result_count || !has_layers || !has_layers(r->made.import, top))
            continue;
        r->made.results = tenon_arena_array(arena, 1, sizeof *r->made.results);
        r->made.results[0] = top;
        r->made.result_count = 1;
    }
    return 0;
}

static void
add_by_digest(struct buildkit_records *all, struct buildkit_record *r)
{
    struct buildkit_record *first;
    HASH_FIND_STR(all->by_digest, r->digest, first);
    if (!first) {
        HASH_ADD_KEYPTR(hh, all->by_digest, r->digest, strlen(r->digest), r);
        return;
    }
    r->next = first->next;
    first->next = r;
}

int
buildkit_records_read(struct tenon_arena *arena, const struct tenon_import *im,
                      struct json_object *list, int64_t layer_count,
                      bool (*has_layers)(const struct tenon_import *im, int64_t top),
                      struct buildkit_records **out, struct tenon_error *err)
{
    struct buildkit_records *all = tenon_arena_alloc(arena, sizeof *all);
    all->count = json_object_array_length(list);
    all->list = tenon_arena_array(arena, all->count + 1, sizeof *all->list);
    *out = all; /* its table is not the arena's: forgotten also when a record is malformed */
    for (size_t i = 0; i < all->count; i++) {
        struct json_object *o = json_object_array_get_idx(list, i);
        struct buildkit_record *r = &all->list[i];
        struct json_object *inputs = NULL, *results = NULL;
        const char *digest = "";
        r->made.import = im;
        if (json_object_get_type(o) != json_type_object)
            return malformed(i, err);
        if (tenon_json_get_str(o, "digest", "", &digest, err) < 0 ||
            tenon_json_get_array(o, "inputs", &inputs, err) < 0 ||
            tenon_json_get_array(o, "layers", &results, err) < 0)
            return tenon_error_context(err, "records[%zu]", i);
        r->digest = tenon_arena_strdup(arena, digest);
        if (read_inputs(arena, inputs, i, all->count, r, err) < 0 ||
            read_result(arena, results, i, layer_count, has_layers, r, err) < 0)
            return err->code;
        add_by_digest(all, r);
    }
    return 0;
}

void
buildkit_records_forget(struct buildkit_records *r)
{
    if (r)
        HASH_CLEAR(hh, r->by_digest);
}

/* ---- looking up --------------------------------------------------------------------------- */

static int
by_record(const void *a, const void *b)
{
    const struct buildkit_find *x = a, *y = b;
    const uintptr_t xr = (uintptr_t)x->record, yr = (uintptr_t)y->record;
    if (xr != yr)
        return xr < yr ? -1 : 1;
    return x->output < y->output ? -1 : x->output > y->output;
}

/* The order of the list says which result is taken, so that it stays. */
void
buildkit_found_sort(struct buildkit_found *f)
{
    free(f->sorted);
    f->sorted = f->count ? tenon_memdup(f->list, f->count * sizeof *f->list) : NULL;
    if (f->count)
        qsort(f->sorted, f->count, sizeof *f->sorted, by_record);
}

/* Anybody's cache may have thousands found here and thousands of links to ask for. */
static bool
has_record(const struct buildkit_found *f, const struct buildkit_record *r, uint32_t output)
{
    const struct buildkit_find wanted = { r, output };
    return f->sorted && bsearch(&wanted, f->sorted, f->count, sizeof wanted, by_record);
}

/* Does input n of the record stand for input n of the state? */
static bool
input_matches(const struct buildkit_records *all, const struct buildkit_record *r, size_t n,
              const struct state *st, const char *selector, const struct tenon_digest *content)
{
    const struct links *links = &r->inputs[n];
    struct tenon_digest root = {{0}};
    if (content && content->str[0])
        tenon_buildkit_root_key(content->str, -1, &root);
    for (size_t i = 0; i < links->count; i++) {
        const struct link *l = &links->list[i];
        const struct buildkit_record *to = &all->list[l->record];
        if (!strcmp(l->selector, selector) &&
            has_record(&st->inputs[n]->buildkit, to, st->v->inputs[n].index))
            return true;
        if (!*l->selector && root.str[0] && !to->input_count && !strcmp(to->digest, root.str))
            return true;
    }
    return false;
}

void
buildkit_records_find(const struct buildkit_records *all, const struct state *st,
                      const struct buildkit_keys *keys, const struct tenon_digest *contents,
                      uint32_t output, struct buildkit_found *out)
{
    for (size_t k = 0; k < keys->own_count; k++) {
        struct buildkit_record *r;
        struct tenon_digest root;
        tenon_buildkit_root_key(keys->own[k].str, output, &root);
        HASH_FIND_STR(all->by_digest, root.str, r);
        for (; r && out->count < FOUND_MAX; r = r->next) {
            bool all_match = r->input_count == st->v->input_count;
            for (size_t n = 0; n < r->input_count && all_match; n++)
                all_match = input_matches(all, r, n, st, keys->selectors[n],
                                          contents ? &contents[n] : NULL);
            if (!all_match)
                continue;
            out->list = tenon_reallocarray(out->list, out->count + 1, sizeof *out->list);
            out->list[out->count++] = (struct buildkit_find){ r, output };
        }
    }
}

void
buildkit_found_release(struct buildkit_found *f)
{
    free(f->list);
    free(f->sorted);
    *f = (struct buildkit_found){0};
}

const struct import_record *
buildkit_found_result(const struct state *st, const struct buildkit_found *f)
{
    for (size_t i = 0; i < f->count && tenon_vertex_output_count(st->v) == 1; i++)
        if (f->list[i].record->made.result_count)
            return &f->list[i].record->made;
    return NULL;
}
