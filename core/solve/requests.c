/* solve/requests.c - requests as the loop thread sees them: what they want begins, and they
 * end when all of it is made or something failed. */
#include <sys/eventfd.h>

#include "solve/private.h"

void
requests_start(struct tenon_solver *s, struct request *r)
{
    while (r) {
        /* What is stopped begins anew when all of it is. */
        struct request *next = r->next, **last = s->stopped.len ? &s->held : &s->requests;
        while (*last)
            last = &(*last)->next;
        r->next = NULL;
        *last = r;
        if (s->stopped.len) {
            r = next;
            continue;
        }
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

/* ---- what fails, and for whom -------------------------------------------- */

typedef bool walk_visit(struct state *st, void *data); /* false: enough */

/* All that the request waits for; what is done waits for nothing.  False: it was enough. */
static bool
walk(struct tenon_solver *s, const struct request *r, unsigned number, walk_visit *visit,
     void *data)
{
    TENON_VEC(struct state *) todo = {0};
    bool more = true;

    for (size_t i = 0; i < r->count; i++)
        if (r->edges[i].vertex)
            tenon_vec_push(&todo, state_get(s, r->edges[i].vertex));
    while (more && todo.len) {
        struct state *st = todo.items[--todo.len];
        if (st->seen == number || st->phase == PHASE_DONE)
            continue;
        st->seen = number;
        more = visit(st, data);
        for (size_t i = 0; i < st->v->input_count; i++)
            if (st->inputs[i] && st->inputs[i]->seen != number)
                tenon_vec_push(&todo, st->inputs[i]);
    }
    tenon_vec_release(&todo);
    return more;
}

static bool
visit_failed(struct state *st, void *data)
{
    const struct state **first = data;

    if (st->phase == PHASE_FAILED && (!*first || st->failure < (*first)->failure))
        *first = st;
    return true;
}

/* The first of what it waits for; or NULL. */
static const struct state *
first_failure(struct tenon_solver *s, const struct request *r)
{
    const struct state *first = NULL;

    walk(s, r, ++s->walks, visit_failed, &first);
    return first;
}

static bool
visit_wanted(struct state *st, void *data)
{
    (void)st, (void)data;
    return true; /* that it was seen is all */
}

/* Nobody who goes on has seen it. */
static bool
visit_doomed(struct state *st, void *data)
{
    struct tenon_solver *s = data;

    if (!st->stopped) {
        st->stopped = true;
        tenon_vec_push(&s->stopped, st);
        if (st->out)
            tenon_cancel_fire(st->cancel);
    }
    return true;
}

static bool
was_given_up(struct tenon_solver *s, const struct request *r)
{
    pthread_mutex_lock(&s->lock);
    const bool cancelled = r->cancelled;
    pthread_mutex_unlock(&s->lock);
    return cancelled;
}

/* Each request has its own failure: of several callers of a step that fails each gets
 * that, and who wants something else is not concerned. */
static bool
doom(struct tenon_solver *s, struct request *r)
{
    const struct state *failed = first_failure(s, r);

    if (!failed && !was_given_up(s, r))
        return false;
    r->doomed = true;
    if (failed)
        tenon_error_copy(&r->err, &failed->err);
    return true;
}

/* What has failed and is of no request: nobody is to be told. */
static void
forget_failures(struct tenon_solver *s)
{
    tenon_vec_foreach(st, &s->failed)
        if (!(*st)->stopped && (*st)->phase == PHASE_FAILED)
            state_reset(*st);
    s->failed.len = 0;
}

void
requests_doom(struct tenon_solver *s)
{
    bool any = false;

    for (struct request *r = s->requests; r; r = r->next)
        if (!r->doomed && (s->failed.len || was_given_up(s, r)) && !request_made(s, r))
            any = doom(s, r) || any;
    if (any) {
        const unsigned number = ++s->walks;
        for (const struct request *r = s->requests; r; r = r->next)
            if (!r->doomed)
                walk(s, r, number, visit_wanted, NULL);
        for (const struct request *r = s->requests; r; r = r->next)
            if (r->doomed)
                walk(s, r, number, visit_doomed, s);
    }
    forget_failures(s);
}

static bool
is_calm(const struct tenon_solver *s)
{
    tenon_vec_foreach(st, &s->stopped)
        if ((*st)->out)
            return false;
    return true;
}

/* Of one that was given up, what became of what it waited for says more than that. */
static void
explain_doom(struct tenon_solver *s, struct request *r)
{
    const struct state *failed = r->err.code ? NULL : first_failure(s, r);

    if (failed)
        tenon_error_copy(&r->err, &failed->err);
    else if (!r->err.code)
        tenon_error_set(&r->err, TENON_E_CANCELLED, "canceled");
}

/* Once what was stopped has ended, it can begin anew.  The requests come last: their owners may
 * end the build's events at once.  True: some had waited for that. */
static bool
end_doomed(struct tenon_solver *s)
{
    struct request *held = tenon_steal(&s->held);

    for (struct request *r = s->requests; r; r = r->next)
        if (r->doomed)
            explain_doom(s, r);
    tenon_vec_foreach(st, &s->stopped) {
        (*st)->stopped = false;
        state_reset(*st);
    }
    s->stopped.len = 0;
    for (struct request **at = &s->requests; *at;) {
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        if (!(*at)->doomed) {
            at = &(*at)->next;
            continue;
        }
        tenon_error_move(&err, &(*at)->err);
        request_finish(s, at, &err);
    }
    requests_start(s, held);
    return held != NULL;
}

bool
requests_check(struct tenon_solver *s)
{
    bool pending = false, doomed = false;

    for (const struct request *r = s->requests; r; r = r->next) {
        pending = pending || !request_made(s, r);
        doomed = doomed || r->doomed;
    }
    if (s->requests && !pending)
        states_settle(s);
    for (struct request **at = &s->requests; *at;) {
        if (!(*at)->doomed && request_made(s, *at))
            request_finish(s, at, NULL);
        else
            at = &(*at)->next;
    }
    if (doomed && is_calm(s))
        return end_doomed(s);
    /* Every wait in the machine ends with a job. */
    tenon_assert(!s->requests || s->running);
    return false;
}
