/* solve/solver.c - the solver as its callers see it: requests in, results out. */
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>

#include "solve/import.h"

static struct tenon_solver *
solver_new(const struct tenon_solver_options *o, bool stepped)
{
    struct tenon_solver *s = tenon_new0(struct tenon_solver);

    s->options = *o;
    s->engine = o->engine;
    s->cancel = tenon_cancel_new(o->engine->cancel);
    tenon_cancel_fd(s->cancel); /* while there are some: it stands in for those of its steps */
    s->todo_last = &s->todo;
    s->done_last = &s->done;
    s->incoming_last = &s->incoming;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->work_there, NULL);
    pthread_mutex_init(&s->meta_lock, NULL);
    pthread_cond_init(&s->meta_ready, NULL);
    int e = loop_start(s, stepped);
    if (e) {
        tenon_solver_free(s);
        errno = e;
        return NULL;
    }
    return s;
}

struct tenon_solver *
tenon_solver_new(const struct tenon_solver_options *o)
{
    return solver_new(o, false);
}

struct tenon_solver *
tenon_solver_new_stepped(const struct tenon_solver_options *o)
{
    return solver_new(o, true);
}

void
tenon_solver_end(struct tenon_solver *s)
{
    loop_stop(s);
}

void
tenon_solver_free(struct tenon_solver *s)
{
    struct state *st, *tmp;

    if (!s)
        return;
    loop_stop(s);
    HASH_ITER(hh, s->states, st, tmp) {
        HASH_DEL(s->states, st);
        state_free(st);
    }
    metas_free(s);
    imports_free(s);
    tenon_vec_release(&s->dirty);
    tenon_vec_release(&s->failed);
    tenon_vec_release(&s->stopped);
    tenon_cancel_free(s->cancel);
    pthread_cond_destroy(&s->work_there);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->meta_ready);
    pthread_mutex_destroy(&s->meta_lock);
    free(s);
}

void
tenon_solved_release(struct tenon_solved *r)
{
    tenon_chain_release(&r->chain);
    r->view = NULL;
}

/* ---- the callers' side -------------------------------------------------- */

static void
submit(struct tenon_solver *s, struct request *r)
{
    r->next = NULL;
    pthread_mutex_lock(&s->lock);
    const bool over = s->stop;
    if (!over) {
        *s->incoming_last = r;
        s->incoming_last = &r->next;
        solver_wake(s); /* with the lock: it is there */
    }
    r->finished = over;
    pthread_mutex_unlock(&s->lock);
    if (!over)
        return;
    r->code = tenon_error_set(&r->err, TENON_E_CANCELLED, "nothing is solved any more");
    eventfd_write(r->event_fd, 1);
}

static bool
request_finished(struct tenon_solver *s, struct request *r)
{
    pthread_mutex_lock(&s->lock);
    bool finished = r->finished;
    pthread_mutex_unlock(&s->lock);
    return finished;
}

static void
request_wait(struct tenon_solver *s, struct request *r,
             struct tenon_cancel *cancel)
{
    struct pollfd fds[2] = {
        { .fd = r->event_fd, .events = POLLIN },
        { .fd = tenon_cancel_fd(cancel), .events = POLLIN }, /* -1: ignored */
    };

    while (!request_finished(s, r)) {
        if (s->stepped) {
            tenon_solver_step(s);
            continue;
        }
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return;
        if (fds[1].revents && fds[1].fd >= 0) {
            pthread_mutex_lock(&s->lock);
            s->cancel_asked = r->cancelled = true;
            if (s->wake_fd >= 0)
                solver_wake(s);
            pthread_mutex_unlock(&s->lock);
            fds[1].fd = -1;
        }
    }
    /* request_finish writes after it set the flag */
    eventfd_t count;
    struct pollfd fd = { .fd = r->event_fd, .events = POLLIN };
    while (poll(&fd, 1, -1) < 0 && errno == EINTR)
        ;
    eventfd_read(r->event_fd, &count);
}

int
tenon_solver_solve_all(struct tenon_solver *s, const struct tenon_edge *edges,
                       size_t count, struct tenon_cancel *cancel,
                       struct tenon_solved *out, struct tenon_error *err)
{
    auto_close int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    auto_free struct tenon_solved *made = tenon_calloc(count, sizeof *made);
    struct request r = { .edges = edges, .count = count, .event_fd = fd,
                         .made = made };

    if (fd < 0)
        return tenon_error_sys(err, "eventfd");
    for (size_t i = 0; i < count; i++)
        if (edges[i].vertex &&
            edges[i].index >= tenon_vertex_output_count(edges[i].vertex))
            return tenon_error_set(err, TENON_E_BUG, "\"%s\" has no output %u",
                                   edges[i].vertex->name, edges[i].index);
    if (solver_check_entitled(s, edges, count, err) < 0)
        return err->code;
    submit(s, &r);
    request_wait(s, &r, cancel);
    if (r.code < 0)
        return tenon_error_move(err, &r.err), r.code;
    for (size_t i = 0; i < count; i++)
        out[i] = made[i];
    return TENON_OK;
}

int
solver_visit(struct tenon_solver *s, void (*visit)(struct tenon_solver *, void *),
             void *data, struct tenon_error *err)
{
    auto_close int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct request r = { .event_fd = fd, .visit = visit, .visit_data = data };

    if (fd < 0)
        return tenon_error_sys(err, "eventfd");
    submit(s, &r);
    request_wait(s, &r, NULL);
    return r.code < 0 ? (tenon_error_move(err, &r.err), r.code) : TENON_OK;
}

int
tenon_solver_solve(struct tenon_solver *s, struct tenon_edge edge,
                   struct tenon_cancel *cancel, struct tenon_solved *out,
                   struct tenon_error *err)
{
    return tenon_solver_solve_all(s, &edge, 1, cancel, out, err);
}
