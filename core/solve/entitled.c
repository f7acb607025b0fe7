/* solve/entitled.c - entitlements of a whole graph, checked before any of it runs: also of
 * steps whose results are in the store, and of their inputs. */
#include "exec/exec.h"
#include "solve/private.h"

struct seen {
    const struct tenon_vertex *v;
    UT_hash_handle hh;
};

struct walk {
    struct seen *seen;
    TENON_VEC(const struct tenon_vertex *) todo;
};

static void
visit(struct walk *w, const struct tenon_vertex *v)
{
    struct seen *s;

    HASH_FIND_PTR(w->seen, &v, s);
    if (!v || s)
        return;
    s = tenon_new0(struct seen);
    s->v = v;
    HASH_ADD_PTR(w->seen, v, s);
    tenon_vec_push(&w->todo, v);
}

static void
release(struct walk *w)
{
    struct seen *s, *tmp;

    HASH_ITER(hh, w->seen, s, tmp) {
        HASH_DEL(w->seen, s);
        free(s);
    }
    tenon_vec_release(&w->todo);
}

int
solver_check_entitled(struct tenon_solver *s, const struct tenon_edge *edges, size_t count,
                      struct tenon_error *err)
{
    struct walk w = {0};
    int rc = 0;

    for (size_t i = 0; i < count; i++)
        visit(&w, edges[i].vertex);
    while (rc == 0 && w.todo.len > 0) {
        const struct tenon_vertex *v = w.todo.items[--w.todo.len];
        for (size_t i = 0; i < v->input_count; i++)
            visit(&w, v->inputs[i].vertex);
        if (v->op.type != TENON_OP_EXEC)
            continue;
        rc = tenon_exec_check_entitled(s->engine, v, err);
        if (rc < 0) {
            vertex_refused(s, v, err);
            vertex_blame(v, err);
        }
    }
    release(&w);
    return rc;
}
