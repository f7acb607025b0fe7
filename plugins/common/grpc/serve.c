/* common/grpc/serve.c - a thread for each call that is served at a time. */
#include <signal.h>
#include <string.h>

#include "common/grpc/private.h"

struct serving {
    const struct grpc_method *methods;
    size_t count;
    void *user;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct grpc_call *first, **last; /* by next_incoming, which nobody else uses by now */
    size_t waiting;  /* of these */
    size_t idle;     /* threads that wait for one */
    bool ended;
    TENON_VEC(pthread_t) threads;
};

static void
serve_one(const struct serving *s, struct grpc_call *call)
{
    const char *path = grpc_call_path(call);

    for (size_t i = 0; i < s->count; i++) {
        if (strcmp(s->methods[i].path, path) == 0) {
            s->methods[i].run(s->user, call);
            grpc_call_free(call);
            return;
        }
    }
    grpc_call_fail(call, GRPC_UNIMPLEMENTED, "unknown method %s", path);
    grpc_call_free(call);
}

static void *
worker(void *arg)
{
    struct serving *s = arg;

    pthread_mutex_lock(&s->lock);
    for (;;) {
        s->idle++;
        while (!s->first && !s->ended)
            pthread_cond_wait(&s->changed, &s->lock);
        s->idle--;
        struct grpc_call *call = s->first;
        if (!call)
            break;
        s->first = call->next_incoming;
        if (!s->first)
            s->last = &s->first;
        call->next_incoming = NULL;
        s->waiting--;
        pthread_mutex_unlock(&s->lock);
        serve_one(s, call);
        pthread_mutex_lock(&s->lock);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* With the lock held: a thread for each that waits, as far as there can be. */
static void
enough_threads(struct serving *s)
{
    sigset_t all, before;
    pthread_t thread;

    if (s->waiting <= s->idle)
        return;
    sigfillset(&all); /* signals are for the main thread */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&thread, NULL, worker, s) == 0)
        tenon_vec_push(&s->threads, thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void
grpc_serve(struct grpc_conn *conn, const struct grpc_method *methods, size_t count, void *user)
{
    struct serving s = {.methods = methods, .count = count, .user = user};
    struct grpc_call *call;

    s.last = &s.first;
    pthread_mutex_init(&s.lock, NULL);
    pthread_cond_init(&s.changed, NULL);
    while ((call = grpc_conn_accept(conn)) != NULL) {
        pthread_mutex_lock(&s.lock);
        s.waiting++;
        enough_threads(&s);
        bool nobody = s.threads.len == 0;
        if (nobody) {
            s.waiting--;
        } else {
            *s.last = call;
            s.last = &call->next_incoming;
            pthread_cond_signal(&s.changed);
        }
        pthread_mutex_unlock(&s.lock);
        if (nobody) { /* no thread to be had */
            grpc_call_fail(call, GRPC_RESOURCE_EXHAUSTED, "no thread for the call");
            grpc_call_free(call);
        }
    }
    pthread_mutex_lock(&s.lock);
    s.ended = true;
    pthread_cond_broadcast(&s.changed);
    pthread_mutex_unlock(&s.lock);
    tenon_vec_foreach(thread, &s.threads)
        pthread_join(*thread, NULL);
    tenon_vec_release(&s.threads);
    pthread_cond_destroy(&s.changed);
    pthread_mutex_destroy(&s.lock);
}
