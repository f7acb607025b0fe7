/* common/ssh-agent/proxy.c - see proxy.h. */
#include "proxy.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "filter.h"

enum { MAX_CONNECTIONS = 64 };

struct connection { /* of the step to us */
    int fd;
    struct ssh_reader request;
};

struct ssh_proxy { /* the thread's; stop and thread the caller's */
    int listen_fd, stop;
    int agent; /* -1 once it went away */
    pthread_t thread;
    struct connection list[MAX_CONNECTIONS];
    size_t count;
};

/* Wait until fd can be read or written, or we are to stop: false. */
static bool
ready(const struct ssh_proxy *p, int fd, short events)
{
    struct pollfd f[2] = {
        { .fd = fd, .events = events },
        { .fd = p->stop, .events = POLLIN },
    };
    int n;
    do
        n = poll(f, 2, -1); /* an agent may ask its user first */
    while (n < 0 && errno == EINTR);
    return n > 0 && !f[1].revents;
}

static bool
send_all(const struct ssh_proxy *p, int fd, const uint8_t *data, size_t len)
{
    while (len) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            if (!ready(p, fd, POLLOUT))
                return false;
        } else if (n == 0 || errno != EINTR) {
            return false;
        }
    }
    return true;
}

/* Read what is there.  1: a whole message, 0: not yet, -1: the end. */
static int
take(int fd, struct ssh_reader *r)
{
    for (;;) {
        size_t want = ssh_reader_wants(r);
        if (want == 0)
            return 1;
        if (want == SIZE_MAX)
            return -1;
        uint8_t *space = ssh_reader_space(r, want);
        if (!space)
            return -1;
        ssize_t n = recv(fd, space, want, MSG_DONTWAIT);
        if (n > 0)
            r->have += (size_t)n;
        else if (n < 0 && errno == EAGAIN)
            return 0;
        else if (n == 0 || errno != EINTR)
            return -1;
    }
}

/* Ask the agent; its answer goes back as it is.  false: there is none. */
static bool
ask_agent(const struct ssh_proxy *p, const struct connection *c, struct ssh_reader *answer)
{
    if (p->agent < 0 || !send_all(p, p->agent, c->request.data, c->request.have))
        return false;
    int rc = 0;
    while (rc == 0)
        rc = ready(p, p->agent, POLLIN) ? take(p->agent, answer) : -1;
    return rc == 1;
}

static bool
answer_request(struct ssh_proxy *p, struct connection *c)
{
    static const uint8_t failure[] = { 0, 0, 0, 1, SSH_AGENT_FAILURE };
    if (!ssh_filter_allows(c->request.data[4]))
        return send_all(p, c->fd, failure, sizeof failure);
    struct ssh_reader answer = {0};
    bool good = ask_agent(p, c, &answer);
    if (!good && p->agent >= 0) { /* out of step with it: never use it again */
        close(p->agent);
        p->agent = -1;
    }
    good = good ? send_all(p, c->fd, answer.data, answer.have)
                : send_all(p, c->fd, failure, sizeof failure);
    ssh_reader_release(&answer);
    return good;
}

/* false: the connection is over. */
static bool
serve(struct ssh_proxy *p, struct connection *c)
{
    int rc = take(c->fd, &c->request);
    if (rc <= 0)
        return rc == 0;
    bool good = answer_request(p, c);
    ssh_reader_reset(&c->request);
    return good;
}

static void
drop(struct ssh_proxy *p, size_t i)
{
    close(p->list[i].fd);
    ssh_reader_release(&p->list[i].request);
    p->list[i] = p->list[--p->count];
}

static void
welcome(struct ssh_proxy *p)
{
    int fd = accept4(p->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    if (p->count == MAX_CONNECTIONS)
        close(fd);
    else
        p->list[p->count++] = (struct connection){ .fd = fd };
}

static void *
proxy_main(void *data)
{
    struct ssh_proxy *p = data;
    for (;;) {
        struct pollfd f[MAX_CONNECTIONS + 2];
        f[0] = (struct pollfd){ .fd = p->stop, .events = POLLIN };
        f[1] = (struct pollfd){ .fd = p->listen_fd, .events = POLLIN };
        for (size_t i = 0; i < p->count; i++)
            f[i + 2] = (struct pollfd){ .fd = p->list[i].fd, .events = POLLIN };
        int n = poll(f, p->count + 2, -1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || f[0].revents)
            break;
        for (size_t i = p->count; i-- > 0;) /* from the end: drop moves the last */
            if (f[i + 2].revents && !serve(p, &p->list[i]))
                drop(p, i);
        if (f[1].revents)
            welcome(p);
    }
    while (p->count)
        drop(p, p->count - 1);
    return NULL;
}

struct ssh_proxy *
ssh_proxy_start(int listen_fd, int agent_fd)
{
    struct ssh_proxy *p = calloc(1, sizeof *p);
    int e = p ? 0 : ENOMEM;
    if (p) {
        *p = (struct ssh_proxy){ .listen_fd = listen_fd, .agent = agent_fd };
        p->stop = eventfd(0, EFD_CLOEXEC);
        e = p->stop < 0 ? errno : 0;
    }
    if (!e) {
        sigset_t all, old;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old);
        e = pthread_create(&p->thread, NULL, proxy_main, p);
        pthread_sigmask(SIG_SETMASK, &old, NULL);
    }
    if (!e)
        return p;
    if (p && p->stop >= 0)
        close(p->stop);
    free(p);
    close(listen_fd);
    close(agent_fd);
    errno = e;
    return NULL;
}

void
ssh_proxy_stop(struct ssh_proxy *p)
{
    if (!p)
        return;
    uint64_t one = 1;
    ssize_t n;
    do
        n = write(p->stop, &one, sizeof one);
    while (n < 0 && errno == EINTR);
    pthread_join(p->thread, NULL);
    close(p->stop);
    close(p->listen_fd);
    if (p->agent >= 0)
        close(p->agent);
    free(p);
}
