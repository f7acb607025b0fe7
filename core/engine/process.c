/* engine/process.c - processes beside the build, for frontends: in the sandbox of a step, with
 * the frontend's descriptors, and without a result. */
#include "engine/process.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

/* ---- what a sandbox is made of --------------------------------------------------------- */

/* Those that an op makes; what failed steps left is there already. */
static int
solve_inputs(struct tenon_sandbox_inputs *in, struct tenon_build *b, struct tenon_cancel *cancel,
             const struct tenon_vertex *v, struct tenon_error *err)
{
    auto_free struct tenon_edge *edges = tenon_calloc(in->count + 1, sizeof *edges);
    auto_free size_t *places = tenon_calloc(in->count + 1, sizeof *places);
    auto_free struct tenon_solved *made = tenon_calloc(in->count + 1, sizeof *made);
    size_t n = 0;

    for (size_t i = 0; i < in->count; i++) {
        const struct tenon_chain *left = tenon_build_left(b, v->inputs[i].vertex);
        if (left) {
            tenon_chain_copy(&in->made[i].chain, left);
        } else {
            places[n] = i;
            edges[n++] = v->inputs[i];
        }
    }
    if (n)
        tenon_solver_solve_all(b->solver, edges, n, cancel, made, err);
    for (size_t k = 0; k < n; k++)
        in->made[places[k]] = made[k];
    return err->code;
}

int
tenon_sandbox_inputs_make(struct tenon_sandbox_inputs *in, struct tenon_build *b,
                          struct tenon_cancel *cancel, const struct tenon_vertex *v,
                          struct tenon_error *err)
{
    const size_t count = v->input_count;

    in->made = tenon_calloc(count + 1, sizeof *in->made);
    in->inputs = tenon_calloc(count + 1, sizeof *in->inputs);
    in->count = count;
    if (solve_inputs(in, b, cancel, v, err) < 0)
        return err->code;
    for (size_t i = 0; i < count; i++) {
        if (tenon_solver_make_chain(b->solver, &in->made[i], cancel, err) < 0)
            return err->code;
        in->inputs[i].chain = &in->made[i].chain;
    }
    return TENON_OK;
}

void
tenon_sandbox_inputs_release(struct tenon_sandbox_inputs *in)
{
    for (size_t i = 0; in->made && i < in->count; i++)
        tenon_solved_release(&in->made[i]);
    free(in->made);
    free(in->inputs);
    *in = (struct tenon_sandbox_inputs){0};
}

const struct tenon_vertex *
tenon_sandbox_vertex(struct tenon_build *b, struct tenon_node *n, struct tenon_error *err)
{
    const struct tenon_vertex *v = tenon_node_freeze(n, err);

    if (!v)
        return NULL;
    if (v->op.type != TENON_OP_EXEC) {
        tenon_error_set(err, TENON_E_BUG, "a process of an op that is no exec");
        return NULL;
    }
    return tenon_exec_check_entitled(b->engine, v, err) < 0 ? NULL : v;
}

/* ---- processes --------------------------------------------------------------------------- */

static void
close_stdio(struct tenon_process *p)
{
    for (int i = 0; i < 3; i++) {
        if (p->stdio[i] >= 0)
            close(p->stdio[i]);
        p->stdio[i] = -1;
    }
}

struct tenon_process *
tenon_process_new(struct tenon_build *b, struct tenon_cancel *parent,
                  const struct tenon_process_place *place, const int32_t stdio[3])
{
    struct tenon_process *p = tenon_new0(struct tenon_process);

    p->build = b;
    if (place)
        p->place = *place;
    p->id = place ? tenon_exec_unique_id() : NULL;
    for (int i = 0; i < 3; i++)
        p->stdio[i] = stdio[i];
    p->ctx = tenon_ctx_new(b->engine, b->engine->events, parent, NULL);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->changed, NULL);
    return p;
}

/* Whoever did not wait for it does so now. */
static void
process_join(struct tenon_process *p)
{
    if (!p->started)
        return;
    if (!p->waited)
        tenon_process_kill(p);
    pthread_join(p->thread, NULL);
    p->started = false;
}

void
tenon_process_free(void *data)
{
    struct tenon_process *p = data;

    process_join(p);
    close_stdio(p);
    tenon_sandbox_inputs_release(&p->inputs);
    tenon_ctx_free(p->ctx);
    tenon_error_release(&p->err);
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
    free(p->id);
    free(p);
}

static void
set(struct tenon_process *p, bool *what)
{
    pthread_mutex_lock(&p->lock);
    *what = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

static void
process_runs(void *data)
{
    struct tenon_process *p = data;
    set(p, &p->runs);
}

/* Who reads from it sees the end; who waits for it goes on. */
static void
process_ended(void *data)
{
    struct tenon_process *p = data;
    close_stdio(p);
    set(p, &p->over);
}

static void
enter_own(struct tenon_process *p)
{
    const struct tenon_exec_visit visit = {
        .stdio = p->stdio, .ended = process_ended, .data = p,
    };

    tenon_exec_enter(p->build->engine, p->ctx, p->vertex, p->inputs.inputs, &visit,
                     &p->wait_status, &p->err);
    tenon_sandbox_inputs_release(&p->inputs);
}

static void *
process_main(void *data)
{
    struct tenon_process *p = data;
    const struct tenon_exec_process how = {
        .v = p->vertex, .id = p->id, .stdio = p->stdio, .started = process_runs, .data = p,
    };

    if (p->place.exec) {
        tenon_exec_container_run(p->place.exec, p->ctx, &how, &p->wait_status, &p->err);
        process_ended(p);
    } else {
        enter_own(p);
    }
    pthread_mutex_lock(&p->lock);
    tenon_ctx_free(p->ctx); /* with its descriptors: there may be many of us */
    p->ctx = NULL;
    pthread_mutex_unlock(&p->lock);
    if (p->place.exec)
        p->place.leave(p->place.container);
    return NULL;
}

int
tenon_process_launch(struct tenon_process *p, const struct tenon_vertex *v,
                     struct tenon_error *err)
{
    sigset_t all, before;

    p->vertex = v;
    sigfillset(&all); /* signals are for the main thread */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int rc = pthread_create(&p->thread, NULL, process_main, p);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc)
        return tenon_error_errno(err, rc, "start a thread");
    p->started = true;
    return TENON_OK;
}

static int
start(struct tenon_process *p, struct tenon_node *n, struct tenon_error *err)
{
    const struct tenon_vertex *v = tenon_sandbox_vertex(p->build, n, err);

    if (!v || tenon_sandbox_inputs_make(&p->inputs, p->build, tenon_ctx_cancel(p->ctx), v,
                                        err) < 0)
        return err->code;
    return tenon_process_launch(p, v, err);
}

/* The frontend that had it has gone; its sandbox is the build's to clear away, beside the rest. */
static void
frontend_gone(void *data)
{
    struct tenon_process *p = data;
    struct tenon_build *b = p->build;

    if (!p->waited) {
        tenon_process_free(p);
        return;
    }
    pthread_mutex_lock(&p->lock);
    if (p->ctx)
        tenon_cancel_set_parent(tenon_ctx_cancel(p->ctx), b->engine->cancel);
    pthread_mutex_unlock(&p->lock);
    pthread_mutex_lock(&b->lock);
    tenon_vec_push(&b->ended, p);
    pthread_mutex_unlock(&b->lock);
}

void
tenon_processes_clear(struct tenon_build *b)
{
    tenon_vec_foreach(p, &b->ended)
        tenon_process_free(*p);
    tenon_vec_release(&b->ended);
}

int
tenon_process_start(struct tenon_ctx *ctx, struct tenon_graph *g, struct tenon_node *n,
                    const int32_t stdio[3], struct tenon_process **out,
                    struct tenon_error *err)
{
    struct tenon_process *p =
        tenon_process_new(tenon_build_of(g), tenon_ctx_cancel(ctx), NULL, stdio);

    tenon_ctx_defer(ctx, frontend_gone, p);
    if (start(p, n, err) < 0) {
        close_stdio(p);
        return err->code;
    }
    *out = p;
    return TENON_OK;
}

void
tenon_process_kill(struct tenon_process *p)
{
    pthread_mutex_lock(&p->lock);
    if (p->ctx)
        tenon_cancel_fire(tenon_ctx_cancel(p->ctx));
    pthread_mutex_unlock(&p->lock);
}

int
tenon_process_wait(struct tenon_process *p, int32_t *wait_status, struct tenon_error *err)
{
    tenon_assert(p->started && !p->waited);
    pthread_mutex_lock(&p->lock);
    while (!p->over)
        pthread_cond_wait(&p->changed, &p->lock);
    p->waited = true;
    pthread_mutex_unlock(&p->lock);
    if (p->place.exec)
        process_join(p); /* a container may have had thousands */
    if (p->err.code < 0)
        return tenon_error_move(err, &p->err);
    *wait_status = p->wait_status;
    return TENON_OK;
}
