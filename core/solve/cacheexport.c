/* solve/cacheexport.c - what --cache-to exports of this solver: keys and results of its
 * vertices. */
#include <stdlib.h>
#include <string.h>

#include "solve/apart.h"
#include "solve/buildkitkey.h"
#include "solve/cache.h"
#include "solve/import.h"

struct collection {
    TENON_VEC(struct tenon_cache_entry) list;
    TENON_VEC(struct tenon_edge) promised; /* imported, not yet unpacked */
};

static void
add_key(struct tenon_cache_entry *k, const struct tenon_digest *key)
{
    if (key->str[0])
        tenon_strv_push(&k->keys, tenon_strdup(key->str));
}

static void
add_keys(struct tenon_cache_entry *k, const struct state *st)
{
    add_key(k, &st->k1);
    add_key(k, &st->k2);
    for (size_t i = 0; st->imported && st->imported->keys[i]; i++)
        tenon_strv_push(&k->keys, tenon_strdup(st->imported->keys[i]));
}

static void
add_buildkit(struct tenon_buildkit_key *to, const struct state *st)
{
    auto_buildkit_keys struct buildkit_keys keys = {0};
    auto_error struct tenon_error ignored = TENON_ERROR_INIT; /* BuildKit will not find it */
    const uint32_t outputs = tenon_vertex_output_count(st->v);
    if (!st->solver->options.for_buildkit || outputs == UINT32_MAX ||
        buildkit_keys(st, &keys, &ignored) < 0)
        return;
    *to = (struct tenon_buildkit_key){ .vertex = st, .own_count = keys.own_count,
                                       .output_count = outputs,
                                       .input_count = st->v->input_count };
    memcpy(to->own, keys.own, sizeof to->own);
    to->inputs = tenon_calloc(to->input_count + 1, sizeof *to->inputs);
    for (size_t i = 0; i < to->input_count; i++) {
        struct tenon_buildkit_input *in = &to->inputs[i];
        *in = (struct tenon_buildkit_input){
            .vertex = st->inputs[i], .output = st->v->inputs[i].index,
            .selector = tenon_strdup(keys.selectors ? keys.selectors[i] : ""),
            .content = st->deps[i].buildkit,
        };
        if (!in->content.str[0]) /* it was found by its definition */
            buildkit_content_known(st, i, &in->content);
    }
}

static void
add_state(struct collection *c, const struct state *st)
{
    struct tenon_cache_entry *k = tenon_vec_add(&c->list);

    *k = (struct tenon_cache_entry){ .id = st->ckey, .apart = st->apart };
    add_buildkit(&k->buildkit, st);
    add_keys(k, st);
    if (st->phase != PHASE_DONE)
        return;
    k->output_count = st->output_count;
    k->outputs = tenon_calloc(st->output_count, sizeof *k->outputs);
    for (uint32_t i = 0; i < st->output_count; i++)
        tenon_chain_copy(&k->outputs[i], &st->outputs[i]);
}

static bool
is_record(const struct state *st)
{
    /* Contexts are found by content, images by their own digests. */
    return state_has_key(st) && st->ckey.str[0] && !st->is_volatile && !st->unlike_key &&
           !st->view && (!st->source || source_is_tree(st));
}

static void
collect(struct tenon_solver *s, void *data)
{
    struct collection *c = data;
    struct state *st, *tmp;

    HASH_ITER(hh, s->states, st, tmp) {
        if (is_record(st)) {
            add_state(c, st);
        } else if (s->options.for_buildkit && st->source && state_has_key(st) && !st->view) {
            struct tenon_cache_entry *k = tenon_vec_add(&c->list); /* what stands on it needs it */
            add_buildkit(&k->buildkit, st);
        }
    }
}

static void
collect_promised(struct tenon_solver *s, void *data)
{
    struct collection *c = data;
    struct state *st, *tmp;

    HASH_ITER(hh, s->states, st, tmp)
        if (st->imported && st->phase == PHASE_KEYED)
            tenon_vec_push(&c->promised, (struct tenon_edge){ .vertex = st->v });
}

static int
unpack_promised(struct tenon_solver *s, struct collection *c,
                struct tenon_cancel *cancel, struct tenon_error *err)
{
    int rc = solver_visit(s, collect_promised, c, err);

    if (rc < 0 || !c->promised.len)
        return rc;
    const size_t n = c->promised.len;
    struct tenon_solved *made = tenon_calloc(n, sizeof *made);
    rc = tenon_solver_solve_all(s, c->promised.items, n, cancel, made, err);
    for (size_t i = 0; i < n; i++)
        tenon_solved_release(&made[i]);
    free(made);
    return rc;
}

/* ---- imported and not needed --------------------------------------------- */

struct promise { /* a state's, copied */
    const struct import_record *record;
    struct tenon_digest id;
    char **keys;
    const char *name; /* the vertex's */
    bool apart;       /* apart.h */
};
struct promises {
    TENON_VEC(struct promise) list;
};

static void
collect_records(struct tenon_solver *s, void *data)
{
    struct promises *p = data;
    struct state *st, *tmp;

    HASH_ITER(hh, s->states, st, tmp) {
        struct tenon_cache_entry k = {0};
        if (!st->imported || st->phase != PHASE_KEYED)
            continue;
        add_keys(&k, st);
        tenon_vec_push(&p->list, (struct promise){ .record = st->imported, .apart = st->apart,
                                                   .id = st->ckey, .keys = k.keys,
                                                   .name = st->v->name });
    }
}

static bool
found(struct tenon_solver *s, const struct tenon_digest *id)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    struct tenon_record record = {0};
    bool apart;
    bool yes = apart_find(s, id->str, &record, &apart, &ignored) != 0;

    tenon_record_release(&record);
    return yes;
}

static void
adopt(struct tenon_solver *s, const struct promise *p)
{
    struct tenon_store *store = s->engine->store;
    const struct import_record *r = p->record;
    struct tenon_record record = { .id = p->id,
                                   .output_count = (uint32_t)r->result_count,
                                   .extra = apart_trusted(r) };
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    bool there = true;

    record.outputs = tenon_calloc(r->result_count, sizeof *record.outputs);
    for (size_t i = 0; i < r->result_count && there; i++)
        there = import_there(r, i, store, &record.outputs[i]);
    if (!there) {
        for (size_t i = 0; i < r->result_count; i++)
            tenon_chain_release(&record.outputs[i]);
        record.output_count = 0;
    }
    if (!found(s, &p->id))
        apart_store(s, p->apart, (const char *const *)p->keys, tenon_strv_len(p->keys), &record,
                    NULL, p->name, NULL, 0, &ignored);
    tenon_record_release(&record);
}

void
tenon_solver_adopt(struct tenon_solver *s)
{
    struct promises p = {0};
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;

    const struct solver_imports *imports = atomic_load(&s->imports);
    if (imports && imports->count)
        solver_visit(s, collect_records, &p, &ignored);
    tenon_vec_foreach(one, &p.list) {
        adopt(s, one);
        tenon_strv_free(one->keys);
    }
    tenon_vec_release(&p.list);
}

/* ---- cache mounts ---------------------------------------------------------- */

static void
collect_mount_ids(struct tenon_solver *s, void *data)
{
    struct state *st, *tmp;

    HASH_ITER(hh, s->states, st, tmp)
        if (st->v->op.type == TENON_OP_EXEC)
            vertex_mount_ids(st->v, data);
}

int
tenon_solver_mount_ids(struct tenon_solver *s, char ***out, struct tenon_error *err)
{
    char **ids = NULL;
    if (solver_visit(s, collect_mount_ids, &ids, err) < 0) {
        tenon_strv_free(ids);
        return err->code;
    }
    if (ids)
        qsort(ids, tenon_strv_len(ids), sizeof *ids, tenon_by_text);
    *out = ids;
    return 0;
}

/* ---- all ---------------------------------------------------------------- */

int
tenon_solver_cache_entries(struct tenon_solver *s, bool all, struct tenon_cancel *cancel,
                           struct tenon_cache_entry **out, size_t *count, struct tenon_error *err)
{
    struct collection c = {0};
    int rc = all ? unpack_promised(s, &c, cancel, err) : 0;

    if (rc == 0)
        rc = solver_visit(s, collect, &c, err);
    tenon_vec_release(&c.promised);
    if (rc < 0) {
        tenon_cache_entries_free(c.list.items, c.list.len);
        return rc;
    }
    *out = c.list.items;
    *count = c.list.len;
    return 0;
}

void
tenon_cache_entry_release(struct tenon_cache_entry *k)
{
    tenon_strv_free(k->keys);
    for (size_t i = 0; i < k->buildkit.input_count; i++)
        free(k->buildkit.inputs[i].selector);
    free(k->buildkit.inputs);
    for (uint32_t i = 0; i < k->output_count; i++)
        tenon_chain_release(&k->outputs[i]);
    free(k->outputs);
}

void
tenon_cache_entries_free(struct tenon_cache_entry *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        tenon_cache_entry_release(&list[i]);
    free(list);
}
