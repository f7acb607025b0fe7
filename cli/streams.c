/* cli/streams.c - see streams.h. A thread for each stream: none of them waits for another. */
#include "streams.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"

struct stream { /* the thread's, while it runs */
    int from, to; /* one of them is ours: an end of a pipe, to close */
    int stop;     /* eventfd; -1: at the end of what comes */
    int sys;      /* of writing */
    pthread_t thread;
    bool runs;
};

struct streams {
    struct stream list[3];
    int theirs[3];
    int stop;
};

/* A pipe has no errors but EPIPE, and a reader who went is none of ours. */
static bool
put(struct stream *s, const char *data, size_t len)
{
    while (len) {
        ssize_t n = write(s->to, data, len);
        if (n < 0 && errno == EAGAIN) /* the caller's may be so */
            poll(&(struct pollfd){ .fd = s->to, .events = POLLOUT }, 1, -1);
        else if (n < 0 && errno != EINTR)
            return s->sys = errno == EPIPE ? 0 : errno, false;
        data += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return true;
}

static void *
copy(void *data)
{
    struct stream *s = data;
    char buf[65536];
    struct pollfd p[2] = { { .fd = s->from, .events = POLLIN },
                           { .fd = s->stop, .events = POLLIN } };
    for (;;) {
        if (poll(p, 2, -1) < 0) {
            if (errno == EINTR)
                continue;
            break;
        }
        if (p[1].revents)
            break;
        ssize_t n = read(s->from, buf, sizeof buf);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n <= 0 || !put(s, buf, (size_t)n))
            break;
    }
    /* The program notices: the end of its input, or a reader who is gone. */
    int *ours = s->stop >= 0 ? &s->to : &s->from;
    close(*ours);
    *ours = -1;
    return NULL;
}

static bool
is_same(int a, int b)
{
    struct stat x, y;
    return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static int
start(struct streams *s, int i)
{
    int p[2];
    if (i == 2 && is_same(1, 2)) { /* what is written to both stays in its order */
        s->theirs[2] = fcntl(s->theirs[1], F_DUPFD_CLOEXEC, 3);
        return s->theirs[2] < 0 ? errno : 0;
    }
    if (pipe2(p, O_CLOEXEC) < 0)
        return errno;
    s->theirs[i] = p[i != 0];
    s->list[i] = i ? (struct stream){ .from = p[0], .to = i, .stop = -1 }
                   : (struct stream){ .from = 0, .to = p[1], .stop = s->stop };
    sigset_t all, old; /* signals are for the main thread */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int e = pthread_create(&s->list[i].thread, NULL, copy, &s->list[i]);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    s->list[i].runs = !e;
    if (e)
        close(p[i == 0]);
    return e;
}

int
streams_open(struct streams **out, int fds[3], struct tenon_error *err)
{
    struct streams *s = tenon_new0(struct streams);
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    s->stop = eventfd(0, EFD_CLOEXEC);
    int e = s->stop < 0 ? errno : 0;
    for (int i = 0; i < 3; i++)
        s->theirs[i] = -1;
    for (int i = 0; !e && i < 3; i++)
        e = start(s, i);
    if (e) {
        streams_close(s, &ignored);
        return tenon_error_errno(err, e, "set up standard streams");
    }
    for (int i = 0; i < 3; i++)
        fds[i] = s->theirs[i];
    *out = s;
    return 0;
}

int
streams_close(struct streams *s, struct tenon_error *err)
{
    if (!s)
        return 0;
    for (int i = 0; i < 3; i++)
        if (s->theirs[i] >= 0)
            close(s->theirs[i]);
    if (s->stop >= 0)
        eventfd_write(s->stop, 1);
    int rc = 0;
    for (int i = 0; i < 3; i++) {
        if (s->list[i].runs)
            pthread_join(s->list[i].thread, NULL);
        if (i && s->list[i].sys && rc == 0)
            rc = tenon_error_errno(err, s->list[i].sys, "write standard %s",
                                   i == 1 ? "output" : "error");
    }
    if (s->stop >= 0)
        close(s->stop);
    free(s);
    return rc;
}
