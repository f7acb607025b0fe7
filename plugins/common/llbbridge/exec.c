/* common/llbbridge/exec.c - ExecProcess: one stream with any number of processes, of any
 * containers. */
#include <string.h>

#include "process.h"

#include "tools/alloc.h"

struct exec {
    struct serving s;
    TENON_VEC(struct gateway_process *) processes;
};

/* With a message that is none: the arena is only for one of them. */
static void
forget(struct exec *e, size_t i)
{
    struct gateway_process *p = e->processes.items[i];
    struct gateway *gw = e->s.gw;

    e->processes.items[i] = e->processes.items[--e->processes.len];
    process_free(p);
    pthread_mutex_lock(&gw->lock);
    gw->processes--;
    pthread_mutex_unlock(&gw->lock);
}

static struct gateway_process *
find(struct exec *e, const char *name)
{
    tenon_vec_foreach(p, &e->processes) {
        if (strcmp((*p)->name, name) == 0)
            return *p;
    }
    return NULL;
}

static bool
one_more(struct gateway *gw)
{
    pthread_mutex_lock(&gw->lock);
    const bool may = gw->processes < GATEWAY_PROCESSES_MAX;
    gw->processes += may;
    pthread_mutex_unlock(&gw->lock);
    return may;
}

static void
start(struct exec *e, const char *name, const struct gw_init *init)
{
    struct gateway *gw = e->s.gw;

    for (size_t i = e->processes.len; i-- > 0;) {
        if (process_is_finished(e->processes.items[i]))
            forget(e, i);
    }
    if (find(e, name)) {
        gw->host->error->set(e->s.err, TENON_E_INVALID, 0, "process \"%s\" is there already", name);
    } else if (!one_more(gw)) {
        gw->host->error->set(e->s.err, TENON_E_LIMIT, 0, "more than %d processes at a time",
                             GATEWAY_PROCESSES_MAX);
    } else {
        struct gateway_process *p = process_start(&e->s, name, init);
        if (p)
            tenon_vec_push(&e->processes, p);
        pthread_mutex_lock(&gw->lock);
        gw->processes -= p == NULL;
        pthread_mutex_unlock(&gw->lock);
    }
}

static void
take(struct exec *e, const struct gw_exec *m)
{
    struct gateway_process *p = m->init ? NULL : find(e, m->process);

    if (m->init) {
        start(e, m->process, m->init);
        return;
    }
    if (!p) { /* it has ended meanwhile, and was forgotten; or never was */
        if (!m->file && !m->resize && !m->signal)
            e->s.gw->host->error->set(e->s.err, TENON_E_INVALID, 0, "a message without a meaning");
        return;
    }
    if (m->file)
        process_write(p, m->file);
    else if (m->resize)
        process_resize(p, m->resize);
    else if (m->signal && !process_signal(p, m->signal->name))
        e->s.gw->host->error->set(e->s.err, TENON_E_INVALID, 0, "no signal is called \"%s\"",
                                  m->signal->name);
}

/* All messages; false: the call is over. */
static bool
listen_to(struct exec *e)
{
    const struct tenon_host *h = e->s.gw->host;
    int got = 1;

    while (h->error->code(e->s.err) == 0 &&
           (got = grpc_call_recv(e->s.call, &e->s.request)) == 1) {
        auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
        struct gw_exec m = {0};
        const char *why = NULL;
        if (message_decode(&arena, &gw_exec_message, e->s.request.data, e->s.request.len, &m, &why))
            take(e, &m);
        else
            h->error->set(e->s.err, TENON_E_INVALID, 0, "%s: %s", grpc_call_path(e->s.call), why);
    }
    return got == 0 && h->error->code(e->s.err) == 0;
}

void
containers_exec(void *user, struct grpc_call *call)
{
    struct exec e = {0};

    serving_open(&e.s, user, call);
    grpc_call_begin(call, NULL, 0);
    if (!listen_to(&e))
        e.s.gw->host->ctx->scope_cancel(e.s.ctx); /* nobody wants to hear of them */
    while (e.processes.len)
        forget(&e, e.processes.len - 1);
    tenon_vec_release(&e.processes);
    serving_done(&e.s);
}
