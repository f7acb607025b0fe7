/* common/llbbridge/watch.c - see watch.h. */
#include "watch.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tools/alloc.h"

/* With the lock held: a scope may end as soon as it is not. */
static void
fire(struct watch *w, uint64_t number)
{
    tenon_vec_foreach(c, &w->calls) {
        if (c->number != number || c->fd < 0)
            continue;
        epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
        c->fd = -1;
        for (size_t i = 0; i < tenon_countof(c->scopes); i++) {
            if (c->scopes[i])
                w->host->ctx->scope_cancel(c->scopes[i]);
        }
    }
}

static void *
watch_main(void *data)
{
    struct watch *w = data;
    struct epoll_event e;
    int n;

    while ((n = epoll_wait(w->epoll_fd, &e, 1, -1)) == 1 || (n < 0 && errno == EINTR)) {
        if (n == 1 && e.data.u64 == 0)
            break;
        pthread_mutex_lock(&w->lock);
        if (n == 1)
            fire(w, e.data.u64);
        pthread_mutex_unlock(&w->lock);
        w->fired(w->data);
    }
    return NULL;
}

int
watch_start(struct watch *w, const struct tenon_host *host, void (*fired)(void *data), void *data)
{
    struct epoll_event stop = {.events = EPOLLIN};
    sigset_t all, before;

    *w = (struct watch){.host = host, .fired = fired, .data = data};
    pthread_mutex_init(&w->lock, NULL);
    w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    w->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int rc = w->epoll_fd < 0 || w->stop_fd < 0 ||
                     epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, w->stop_fd, &stop) < 0
                 ? errno
                 : 0;
    sigfillset(&all); /* signals are for the main thread */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (rc == 0)
        rc = pthread_create(&w->thread, NULL, watch_main, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == 0)
        return 0;
    if (w->epoll_fd >= 0)
        close(w->epoll_fd);
    if (w->stop_fd >= 0)
        close(w->stop_fd);
    pthread_mutex_destroy(&w->lock);
    return rc;
}

void
watch_stop(struct watch *w)
{
    tenon_assert(w->calls.len == 0);
    eventfd_write(w->stop_fd, 1);
    pthread_join(w->thread, NULL);
    close(w->epoll_fd);
    close(w->stop_fd);
    tenon_vec_release(&w->calls);
    pthread_mutex_destroy(&w->lock);
}

uint64_t
watch_begin(struct watch *w, struct grpc_call *call, struct tenon_ctx *scope)
{
    pthread_mutex_lock(&w->lock);
    const struct watched c = {++w->last, grpc_call_over_fd(call), {scope}};
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = c.number};
    tenon_vec_push(&w->calls, c);
    if (c.fd >= 0) /* else it ends with the build at the latest */
        epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, c.fd, &e);
    pthread_mutex_unlock(&w->lock);
    return c.number;
}

void
watch_also(struct watch *w, uint64_t number, struct tenon_ctx *scope)
{
    pthread_mutex_lock(&w->lock);
    tenon_vec_foreach(c, &w->calls) {
        if (c->number != number)
            continue;
        c->scopes[1] = scope;
        if (scope && c->fd < 0)
            w->host->ctx->scope_cancel(scope);
    }
    pthread_mutex_unlock(&w->lock);
}

void
watch_end(struct watch *w, uint64_t number)
{
    pthread_mutex_lock(&w->lock);
    for (size_t i = 0; i < w->calls.len; i++) {
        struct watched *c = &w->calls.items[i];
        if (c->number != number)
            continue;
        if (c->fd >= 0)
            epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
        *c = w->calls.items[--w->calls.len];
        break;
    }
    pthread_mutex_unlock(&w->lock);
}
