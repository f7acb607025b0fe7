/* engine/process.c - processes beside the build, for frontends: in the sandbox of a step, with
 * the frontend's descriptors, and without a result. */
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "engine/build_private.h"
#include "exec/exec.h"

struct tenon_process { /* its thread's, until that was joined */
    struct tenon_build *build;
    struct tenon_ctx *ctx; /* of its own: killing it leaves others alone */
    const struct tenon_vertex *vertex;
    struct tenon_solved *made; /* one an input */
    struct tenon_exec_input *inputs;
    int stdio[3];
    pthread_t thread;
    bool started, waited;
    int32_t wait_status;
    struct tenon_error err;
};

static void
close_stdio(struct tenon_process *p)
{
    for (int i = 0; i < 3; i++) {
        if (p->stdio[i] >= 0)
            close(p->stdio[i]);
        p->stdio[i] = -1;
    }
}

/* With the ctx of the frontend: whoever did not wait for it does so now. */
static void
process_free(void *data)
{
    struct tenon_process *p = data;

    if (p->started && !p->waited) {
        tenon_process_kill(p);
        pthread_join(p->thread, NULL);
    }
    close_stdio(p);
    for (size_t i = 0; p->made && i < p->vertex->input_count; i++)
        tenon_solved_release(&p->made[i]);
    free(p->made);
    free(p->inputs);
    tenon_ctx_free(p->ctx);
    tenon_error_release(&p->err);
    free(p);
}

static void *
process_main(void *data)
{
    struct tenon_process *p = data;

    tenon_exec_enter(p->build->engine, p->ctx, p->vertex, p->inputs, p->stdio, false,
                     &p->wait_status, &p->err);
    close_stdio(p); /* who reads from it sees the end */
    return NULL;
}

static int
make_inputs(struct tenon_process *p, struct tenon_error *err)
{
    const size_t count = p->vertex->input_count;

    p->made = tenon_calloc(count + 1, sizeof *p->made);
    p->inputs = tenon_calloc(count + 1, sizeof *p->inputs);
    if (count && tenon_solver_solve_all(p->build->solver, p->vertex->inputs, count,
                                        tenon_ctx_cancel(p->ctx), p->made, err) < 0)
        return err->code;
    for (size_t i = 0; i < count; i++) {
        if (tenon_solver_make_chain(p->build->solver, &p->made[i], tenon_ctx_cancel(p->ctx),
                                    err) < 0)
            return err->code;
        p->inputs[i].chain = &p->made[i].chain;
    }
    return TENON_OK;
}

static int
start(struct tenon_process *p, struct tenon_node *n, struct tenon_error *err)
{
    sigset_t all, before;

    p->vertex = tenon_node_freeze(n, err);
    if (!p->vertex)
        return err->code;
    if (p->vertex->op.type != TENON_OP_EXEC)
        return tenon_error_set(err, TENON_E_BUG, "a process of an op that is no exec");
    if (tenon_exec_check_entitled(p->build->engine, p->vertex, err) < 0 ||
        make_inputs(p, err) < 0)
        return err->code;
    sigfillset(&all); /* signals are for the loop thread */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int rc = pthread_create(&p->thread, NULL, process_main, p);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc)
        return tenon_error_errno(err, rc, "start a thread");
    p->started = true;
    return TENON_OK;
}

int
tenon_process_start(struct tenon_ctx *ctx, struct tenon_graph *g, struct tenon_node *n,
                    const int32_t stdio[3], struct tenon_process **out,
                    struct tenon_error *err)
{
    struct tenon_process *p = tenon_new0(struct tenon_process);

    p->build = tenon_build_of(g);
    for (int i = 0; i < 3; i++)
        p->stdio[i] = stdio[i];
    p->ctx = tenon_ctx_new(p->build->engine, p->build->engine->events, tenon_ctx_cancel(ctx),
                           NULL);
    tenon_ctx_defer(ctx, process_free, p);
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
    tenon_cancel_fire(tenon_ctx_cancel(p->ctx));
}

int
tenon_process_wait(struct tenon_process *p, int32_t *wait_status, struct tenon_error *err)
{
    tenon_assert(p->started && !p->waited);
    pthread_join(p->thread, NULL);
    p->waited = true;
    if (p->err.code < 0)
        return tenon_error_move(err, &p->err);
    *wait_status = p->wait_status;
    return TENON_OK;
}
