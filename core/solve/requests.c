/* solve/requests.c - requests as the loop thread sees them: what they want begins, and they
 * end when all of it is made or something failed. */
#include <sys/eventfd.h>

#include "solve/private.h"

void
requests_start(struct tenon_solver *s, struct request *r)
{
    while (r) {
        struct request *next = r->next, **last = &s->requests;
        while (*last)
            last = &(*last)->next;
        r->next = NULL;
        *last = r;
        if (r->visit)
            r->visit(s, r->visit_data);
        for (size_t i = 0; i < r->count; i++)
            if (r->edges[i].vertex)
                state_want(state_get(s, r->edges[i].vertex), GOAL_RESULT);
        r = next;
    }
}

static void
request_finish(struct tenon_solver *s, struct request **at,
               const struct tenon_error *err)
{
    struct request *r = *at;

    *at = r->next;
    for (size_t i = 0; !err && i < r->count; i++) {
        if (!r->edges[i].vertex)
            continue;
        const struct state *st = state_get(s, r->edges[i].vertex);
        r->made[i].view = st->view;
        if (!st->view)
            tenon_chain_copy(&r->made[i].chain, &st->outputs[r->edges[i].index]);
    }
    if (err) {
        tenon_error_copy(&r->err, err);
        r->code = err->code;
    }
    const int fd = r->event_fd; /* r is its owner's once it is finished */
    pthread_mutex_lock(&s->lock);
    r->finished = true;
    pthread_mutex_unlock(&s->lock);
    eventfd_write(fd, 1);
}

static bool
request_made(struct tenon_solver *s, const struct request *r)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->edges[i].vertex &&
            state_get(s, r->edges[i].vertex)->phase != PHASE_DONE)
            return false;
    return true;
}

/* A failure ends all requests, once nothing runs any more; the solver can then be
 * used again. Requests come last: their owners may end the build's events at once. */
static void
fail_all(struct tenon_solver *s)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;

    tenon_error_copy(&err, &s->culprit->err);
    s->culprit = NULL;
    tenon_vec_push(&s->old_cancels, s->run_cancel);
    s->run_cancel = tenon_cancel_new(s->cancel);
    state_reset_failed(s);
    while (s->requests)
        request_finish(s, &s->requests, &err);
}

void
requests_check(struct tenon_solver *s)
{
    if (s->culprit) {
        if (s->running == 0)
            fail_all(s);
        return;
    }
    bool pending = false;
    for (const struct request *r = s->requests; r; r = r->next)
        pending = pending || !request_made(s, r);
    if (s->requests && !pending)
        states_settle(s);
    for (struct request **at = &s->requests; *at;) {
        if (request_made(s, *at))
            request_finish(s, at, NULL);
        else
            at = &(*at)->next;
    }
    /* Every wait in the machine ends with a job. */
    tenon_assert(!s->requests || s->running);
}
