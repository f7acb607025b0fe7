/* exec/relay.c - the relay: what a step prints goes from its pipes to its events. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>

#include "tools/alloc.h"
#include "exec/private.h"

enum { OUT, ERR, STREAMS };

struct tenon_relay { /* the thread's until tenon_relay_finish joins it */
    struct tenon_ctx *ctx;
    int readers[STREAMS];
    int writers[STREAMS]; /* the caller's */
    int stop;             /* eventfd */
    pthread_t thread;
};

/* false: nothing more will come. */
static bool
drain(struct tenon_relay *r, int stream)
{
    char buf[65536];
    for (;;) {
        ssize_t n = read(r->readers[stream], buf, sizeof buf);
        if (n > 0)
            tenon_ctx_output(r->ctx, stream + 1, buf, (size_t)n);
        else if (n < 0 && errno == EINTR)
            continue;
        else
            return n < 0 && errno == EAGAIN;
        if (n < (ssize_t)sizeof buf)
            return true;
    }
}

static void *
relay_main(void *data)
{
    struct tenon_relay *r = data;
    struct pollfd p[STREAMS + 1] = {
        { .fd = r->readers[OUT], .events = POLLIN },
        { .fd = r->readers[ERR], .events = POLLIN },
        { .fd = r->stop, .events = POLLIN },
    };
    bool stopping = false;
    while (p[OUT].fd >= 0 || p[ERR].fd >= 0) {
        int n = poll(p, STREAMS + 1, stopping ? 0 : -1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || (stopping && n == 0))
            break; /* a process that still holds a pipe is not waited for */
        for (int i = 0; i < STREAMS; i++)
            if (p[i].revents && !drain(r, i))
                p[i].fd = -1;
        if (p[STREAMS].revents) {
            stopping = true;
            p[STREAMS].fd = -1;
        }
    }
    return NULL;
}

static void
relay_free(struct tenon_relay *r)
{
    for (int i = 0; i < STREAMS; i++) {
        if (r->readers[i] >= 0)
            close(r->readers[i]);
        if (r->writers[i] >= 0)
            close(r->writers[i]);
    }
    if (r->stop >= 0)
        close(r->stop);
    free(r);
}

static int
open_pipe(struct tenon_relay *r, int i, struct tenon_error *err)
{
    int p[2];
    if (pipe2(p, O_CLOEXEC) < 0)
        return tenon_error_sys(err, "make a pipe");
    r->readers[i] = p[0];
    r->writers[i] = p[1];
    /* Ours alone: the step's end blocks as a terminal or a file would. */
    if (fcntl(p[0], F_SETFL, O_NONBLOCK) < 0)
        return tenon_error_sys(err, "set up a pipe");
    return 0;
}

static int
share_pipe(struct tenon_relay *r, struct tenon_error *err)
{
    r->writers[ERR] = fcntl(r->writers[OUT], F_DUPFD_CLOEXEC, 0);
    return r->writers[ERR] < 0 ? tenon_error_sys(err, "duplicate a pipe") : 0;
}

int
tenon_relay_start(struct tenon_ctx *ctx, bool one_stream, int *out_fd, int *err_fd,
                  struct tenon_relay **relay, struct tenon_error *err)
{
    struct tenon_relay *r = tenon_new0(struct tenon_relay);
    r->ctx = ctx;
    r->readers[OUT] = r->readers[ERR] = r->writers[OUT] = r->writers[ERR] = -1;
    r->stop = eventfd(0, EFD_CLOEXEC);
    if (r->stop < 0)
        tenon_error_sys(err, "make an eventfd");
    else if (open_pipe(r, OUT, err) == 0 &&
             (one_stream ? share_pipe(r, err) : open_pipe(r, ERR, err)) == 0) {
        sigset_t all, old; /* signals are for the loop thread */
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old);
        int e = pthread_create(&r->thread, NULL, relay_main, r);
        pthread_sigmask(SIG_SETMASK, &old, NULL);
        if (e)
            tenon_error_errno(err, e, "start a thread");
    }
    if (err->code) {
        relay_free(r);
        return err->code;
    }
    *out_fd = r->writers[OUT];
    *err_fd = r->writers[ERR];
    *relay = r;
    return 0;
}

void
tenon_relay_finish(struct tenon_relay *r)
{
    if (!r)
        return;
    for (int i = 0; i < STREAMS; i++) {
        close(r->writers[i]);
        r->writers[i] = -1;
    }
    uint64_t one = 1;
    ssize_t n;
    do
        n = write(r->stop, &one, sizeof one);
    while (n < 0 && errno == EINTR);
    pthread_join(r->thread, NULL);
    relay_free(r);
}
