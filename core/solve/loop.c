/* solve/loop.c - the loop thread: takes what came in, finished jobs and new requests, and
 * does what follows from it. */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "solve/private.h"

/* Everything that came in, and what follows from it.  True when something
 * had come. */
static bool
turn(struct tenon_solver *s)
{
    pthread_mutex_lock(&s->lock);
    struct job *done = s->done;
    struct request *incoming = s->incoming;
    const bool cancel = s->cancel_asked;
    s->done = NULL;
    s->done_last = &s->done;
    s->incoming = NULL;
    s->incoming_last = &s->incoming;
    s->cancel_asked = false;
    pthread_mutex_unlock(&s->lock);

    bool any = done || incoming || cancel;
    while (done) {
        struct job *j = done;
        done = j->next;
        s->running--;
        state_job_back(j->state);
        j->finish(j);
        job_free(j);
    }
    requests_doom(s); /* before more is begun: what comes in waits for what that stops */
    requests_start(s, incoming);
    do {
        states_advance(s); /* all that is wanted knows its inputs now, which are walked */
        requests_doom(s);
    } while (requests_check(s));
    return any;
}

static void *
loop(void *data)
{
    struct tenon_solver *s = data;
    bool stop = false;

    while (!stop) {
        struct epoll_event ev;
        eventfd_t count;
        if (epoll_wait(s->epoll_fd, &ev, 1, -1) == 1)
            eventfd_read(s->wake_fd, &count);
        turn(s);
        pthread_mutex_lock(&s->lock);
        stop = s->stop && !s->incoming; /* who came before the end gets an answer */
        pthread_mutex_unlock(&s->lock);
        stop = stop && s->running == 0;
    }
    return NULL;
}

bool
tenon_solver_step(struct tenon_solver *s)
{
    tenon_assert(s->stepped);
    bool did_one = jobs_do_one(s);
    return turn(s) || did_one;
}

int
loop_start(struct tenon_solver *s, bool stepped)
{
    struct epoll_event ev = { .events = EPOLLIN };

    s->stepped = stepped;
    s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int e = s->wake_fd < 0 ? errno : 0;
    s->epoll_fd = e ? -1 : epoll_create1(EPOLL_CLOEXEC);
    if (!e && (s->epoll_fd < 0 || epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, s->wake_fd, &ev) < 0))
        e = errno;
    if (!e && !stepped) {
        jobs_start(s);
        e = pthread_create(&s->loop, NULL, loop, s);
    }
    if (e) {
        jobs_stop(s);
        if (s->epoll_fd >= 0)
            close(s->epoll_fd);
        if (s->wake_fd >= 0)
            close(s->wake_fd);
        s->wake_fd = s->epoll_fd = -1; /* nothing runs that would have to be stopped */
    }
    return e;
}

void
loop_stop(struct tenon_solver *s)
{
    if (s->wake_fd < 0)
        return;
    tenon_cancel_fire(s->cancel);
    pthread_mutex_lock(&s->lock);
    s->stop = true;
    pthread_cond_broadcast(&s->work_there);
    pthread_mutex_unlock(&s->lock);
    solver_wake(s);
    if (s->stepped) {
        while (tenon_solver_step(s) || s->running)
            ;
    } else {
        pthread_join(s->loop, NULL);
    }
    jobs_stop(s);
    pthread_mutex_lock(&s->lock);
    close(s->wake_fd);
    close(s->epoll_fd);
    s->wake_fd = s->epoll_fd = -1;
    pthread_mutex_unlock(&s->lock);
}
