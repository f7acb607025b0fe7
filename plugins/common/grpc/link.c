/* common/grpc/link.c - the thread between two descriptors and a connection. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include "common/grpc/private.h"

enum { PART = 64 * 1024 }; /* bytes read, or written, at a time */

struct link { /* the thread's own */
    struct grpc_conn *conn;
    struct tenon_buf out; /* from `at` on: to be written */
    size_t at;
    char in[PART];
};

/* False: nothing can be written any more. */
static bool
write_out(struct link *l)
{
    while (l->at < l->out.len) {
        ssize_t n = write(l->conn->out_fd, l->out.data + l->at, l->out.len - l->at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return true;
        if (n < 0) {
            int saved = errno;
            pthread_mutex_lock(&l->conn->lock);
            grpc_conn_end(l->conn, GRPC_UNAVAILABLE, "the peer is gone: %s", strerror(saved));
            pthread_mutex_unlock(&l->conn->lock);
            return false;
        }
        l->at += (size_t)n;
    }
    tenon_buf_clear(&l->out);
    l->at = 0;
    return true;
}

static void
read_in(struct link *l)
{
    ssize_t n = read(l->conn->in_fd, l->in, sizeof l->in);
    int saved = errno;

    if (n < 0 && (saved == EINTR || saved == EAGAIN || saved == EWOULDBLOCK))
        return;
    pthread_mutex_lock(&l->conn->lock);
    if (n > 0)
        grpc_conn_feed(l->conn, l->in, (size_t)n);
    else if (n == 0)
        grpc_conn_end(l->conn, GRPC_UNAVAILABLE, "the peer closed the connection");
    else
        grpc_conn_end(l->conn, GRPC_UNAVAILABLE, "the peer is gone: %s", strerror(saved));
    pthread_mutex_unlock(&l->conn->lock);
}

/* For poll(): until the next deadline, rounded up. */
static int
patience(uint64_t deadline_ns)
{
    if (deadline_ns == 0)
        return -1;
    uint64_t now = grpc_now_ns();
    if (deadline_ns <= now)
        return 0;
    uint64_t ms = (deadline_ns - now) / 1000000 + 1;
    return ms < 3600000 ? (int)ms : 3600000;
}

/* One turn; false: it has ended, and what had to be written is. */
static bool
turn(struct link *l)
{
    struct grpc_conn *conn = l->conn;
    uint64_t drain;

    pthread_mutex_lock(&conn->lock);
    uint64_t deadline = grpc_conn_expire(conn, grpc_now_ns());
    /* What was queued while the last part could not be written has to be asked for again: whoever
     * queued it has woken us for nothing. */
    bool more = l->out.len > 0;
    if (!more)
        grpc_conn_pull(conn, &l->out, PART);
    more = more || l->out.len >= PART;
    bool behind = grpc_conn_is_behind(conn);
    bool ended = conn->ended, done = !ended && grpc_conn_is_done(conn);
    pthread_mutex_unlock(&conn->lock);

    if (!write_out(l) || ended)
        return false;
    bool blocked = l->out.len > 0;
    if (blocked != conn->blocked) { /* which nobody else sets */
        pthread_mutex_lock(&conn->lock);
        conn->blocked = blocked;
        pthread_mutex_unlock(&conn->lock);
    }
    if (done && !blocked) {
        pthread_mutex_lock(&conn->lock);
        grpc_conn_settle(conn);
        pthread_mutex_unlock(&conn->lock);
        return false;
    }
    struct pollfd fds[] = {
        {.fd = conn->wake_fd, .events = POLLIN},
        {.fd = done || (behind && blocked) ? -1 : conn->in_fd, .events = POLLIN},
        {.fd = blocked ? conn->out_fd : -1, .events = POLLOUT},
    };
    const int wait = more && !blocked ? 0 : patience(deadline);
    if (poll(fds, tenon_countof(fds), wait) < 0 && errno != EINTR) {
        pthread_mutex_lock(&conn->lock);
        grpc_conn_end(conn, GRPC_INTERNAL, "poll: %s", strerror(errno));
        pthread_mutex_unlock(&conn->lock);
        return false;
    }
    if (fds[0].revents && read(conn->wake_fd, &drain, sizeof drain) < 0)
        tenon_assert(errno == EAGAIN);
    if (fds[1].revents)
        read_in(l);
    return true;
}

static void *
run(void *arg)
{
    struct link *l = arg;
    struct grpc_conn *conn = l->conn;
    bool stop = false;

    while (!stop && turn(l)) {
        pthread_mutex_lock(&conn->lock);
        stop = conn->stop;
        pthread_mutex_unlock(&conn->lock);
    }
    pthread_mutex_lock(&conn->lock);
    grpc_conn_end(conn, GRPC_UNAVAILABLE, "the connection was closed");
    /* The peer sees the end now, whoever still holds calls of it. */
    close(conn->in_fd);
    if (conn->out_fd != conn->in_fd)
        close(conn->out_fd);
    conn->in_fd = conn->out_fd = -1;
    pthread_mutex_unlock(&conn->lock);
    tenon_buf_release(&l->out);
    free(l);
    return NULL;
}

static int
unblocked(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

int
grpc_conn_start(struct grpc_conn *conn, int in_fd, int out_fd)
{
    sigset_t all, before;
    int rv;

    tenon_assert(!conn->started);
    conn->in_fd = in_fd;
    conn->out_fd = out_fd;
    rv = unblocked(in_fd);
    if (rv == 0)
        rv = unblocked(out_fd);
    conn->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (rv == 0 && conn->wake_fd < 0)
        rv = -errno;
    if (rv == 0) {
        struct link *l = tenon_new0(struct link);
        l->conn = conn;
        if (conn->role == GRPC_SERVER && conn->limits.greeting_ns)
            conn->greet_by_ns = grpc_now_ns() + conn->limits.greeting_ns;
        sigfillset(&all); /* signals are others'; and a pipe without a reader is EPIPE */
        pthread_sigmask(SIG_SETMASK, &all, &before);
        pthread_mutex_lock(&conn->lock); /* until conn->thread is known */
        rv = -pthread_create(&conn->thread, NULL, run, l);
        conn->started = rv == 0;
        pthread_mutex_unlock(&conn->lock);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (rv != 0)
            free(l);
    }
    if (rv != 0) {
        close(in_fd);
        if (out_fd != in_fd)
            close(out_fd);
        conn->in_fd = conn->out_fd = -1;
    }
    return rv;
}

bool
grpc_conn_alive(struct grpc_conn *conn, struct grpc_status *why)
{
    pthread_mutex_lock(&conn->lock);
    bool alive = !conn->ended;
    if (!alive)
        *why = (struct grpc_status){.code = conn->why.code,
                                    .message = tenon_strdup(conn->why.message)};
    pthread_mutex_unlock(&conn->lock);
    return alive;
}

bool
grpc_conn_ping(struct grpc_conn *conn, uint64_t timeout_ns)
{
    uint64_t end = grpc_now_ns() + timeout_ns;
    const struct timespec until = {.tv_sec = (time_t)(end / 1000000000),
                                   .tv_nsec = (long)(end % 1000000000)};
    int waited = 0;

    pthread_mutex_lock(&conn->lock);
    uint64_t mine = ++conn->pings_sent;
    if (!conn->ended) {
        nghttp2_submit_ping(conn->session, NGHTTP2_FLAG_NONE, NULL);
        grpc_conn_wake(conn);
    }
    while (!conn->ended && conn->pings_answered < mine && waited == 0)
        waited = pthread_cond_timedwait(&conn->changed, &conn->lock, &until);
    bool answered = conn->pings_answered >= mine;
    pthread_mutex_unlock(&conn->lock);
    return answered;
}

void
grpc_conn_shutdown(struct grpc_conn *conn)
{
    pthread_mutex_lock(&conn->lock);
    if (!conn->ended) {
        conn->goaway = true;
        nghttp2_submit_goaway(conn->session, NGHTTP2_FLAG_NONE,
                              nghttp2_session_get_last_proc_stream_id(conn->session),
                              NGHTTP2_NO_ERROR, NULL, 0);
        grpc_conn_wake(conn);
    }
    pthread_mutex_unlock(&conn->lock);
}

void
grpc_conn_close(struct grpc_conn *conn)
{
    pthread_mutex_lock(&conn->lock);
    conn->stop = true;
    bool join = conn->started && !conn->joined;
    conn->joined = true;
    grpc_conn_end(conn, GRPC_UNAVAILABLE, "the connection was closed");
    grpc_conn_wake(conn);
    pthread_mutex_unlock(&conn->lock);
    if (join)
        pthread_join(conn->thread, NULL);
    pthread_mutex_lock(&conn->lock);
    if (conn->wake_fd >= 0)
        close(conn->wake_fd);
    conn->wake_fd = -1;
    pthread_mutex_unlock(&conn->lock);
}

void
grpc_conn_free(struct grpc_conn *conn)
{
    if (!conn)
        return;
    grpc_conn_close(conn);
    for (struct grpc_call *call = conn->incoming, *next; call; call = next) {
        next = call->next_incoming; /* nobody accepted it */
        call->held = false;
        grpc_call_drop(call);
    }
    tenon_assert(!conn->calls);
    nghttp2_session_del(conn->session);
    grpc_status_release(&conn->why);
    pthread_cond_destroy(&conn->changed);
    pthread_mutex_destroy(&conn->lock);
    free(conn);
}
