/* solve/known.c - a copy of what the solver knows, taken by the loop thread while nothing of it
 * changes. */
#include "solve/known.h"

#include <stdlib.h>

#include "solve/private.h"
#include "solve/sourcejob.h"

struct copying {
    TENON_VEC(struct tenon_known) list;
};

static void
copy_states(struct tenon_solver *s, void *data)
{
    struct copying *c = data;
    struct state *st, *tmp;

    HASH_ITER(hh, s->states, st, tmp) {
        struct tenon_known *k = tenon_vec_add(&c->list);
        k->vertex = st->v;
        if (st->source) {
            k->platform = tenon_strdup(st->source->platform);
            k->digest = tenon_strdup(st->source->info.digest);
        }
        if (st->phase != PHASE_DONE || !st->output_count || !st->outputs)
            continue;
        k->output_count = st->output_count;
        k->outputs = tenon_calloc(st->output_count, sizeof *k->outputs);
        for (uint32_t i = 0; i < st->output_count; i++)
            tenon_chain_copy(&k->outputs[i], &st->outputs[i]);
    }
}

int
tenon_solver_knowledge(struct tenon_solver *s, struct tenon_knowledge *out,
                       struct tenon_error *err)
{
    struct copying c = {0};
    int rc = solver_visit(s, copy_states, &c, err);

    *out = (struct tenon_knowledge){ .vertices = c.list.items, .vertex_count = c.list.len };
    metas_copy(s, &out->names, &out->name_count);
    return rc;
}

void
tenon_knowledge_release(struct tenon_knowledge *k)
{
    for (size_t i = 0; i < k->vertex_count; i++) {
        struct tenon_known *v = &k->vertices[i];
        for (uint32_t n = 0; n < v->output_count; n++)
            tenon_chain_release(&v->outputs[n]);
        free(v->outputs);
        free(v->platform);
        free(v->digest);
    }
    for (size_t i = 0; i < k->name_count; i++) {
        free(k->names[i].identifier);
        free(k->names[i].platform);
        free(k->names[i].digest);
    }
    free(k->vertices);
    free(k->names);
    *k = (struct tenon_knowledge){0};
}
