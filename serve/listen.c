/* serve/listen.c - a thread for each connection. */
#include "serve.h"

#include <errno.h>
#include <poll.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "control.h"
#include "servejob.h"
#include "tools/alloc.h"
#include "tools/path.h"

#define NS_PER_MS UINT64_C(1000000)
#define FULL_NS UINT64_C(1000000000) /* until one more client is tried, when one did not fit */

/* ---- time ---------------------------------------------------------------- */

void
server_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t clock;

    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &clock);
    pthread_condattr_destroy(&clock);
}

struct timespec
server_deadline(unsigned seconds)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += seconds;
    return t;
}

/* ---- the socket ---------------------------------------------------------- */

/* Does nobody listen there?  One with too many clients still does. */
static bool
is_dead(const struct sockaddr_un *at)
{
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    return fd >= 0 && connect(fd, (const struct sockaddr *)at, sizeof *at) < 0 &&
           errno == ECONNREFUSED;
}

/* Of two that start at once one looks and binds after the other.  -1: without it. */
static int
lock_dir(const char *path)
{
    auto_free char *dir = tenon_path_join(path, "..");
    auto_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd >= 0 && flock(fd, LOCK_EX) == 0 ? tenon_steal_fd(&fd) : -1;
}

int
serve_bind(const char *path, struct tenon_error *err)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct stat st;

    if (strlen(path) > SERVE_UNIX_PATH_MAX)
        return tenon_error_set(err, TENON_E_INVALID,
                               "the path of a socket has at most %d bytes: %s",
                               SERVE_UNIX_PATH_MAX, path);
    strcpy(at.sun_path, path);
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return tenon_error_sys(err, "make a socket");
    auto_close int lock = lock_dir(path);
    (void)lock; /* until the return */
    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode)) {
        if (!is_dead(&at))
            return tenon_error_errno(err, EADDRINUSE, "listen on %s", path);
        unlink(path);
    }
    const mode_t before = umask(0177); /* there are no other threads yet */
    const int rc = bind(fd, (const struct sockaddr *)&at, sizeof at);
    umask(before);
    if (rc < 0 || listen(fd, SOMAXCONN) < 0)
        return tenon_error_sys(err, "listen on %s", path);
    return tenon_steal_fd(&fd);
}

/* ---- clients ------------------------------------------------------------- */

struct client {
    struct server *server;
    struct grpc_conn *conn;
    pthread_t thread;
    int ended_fd; /* is told when it has ended */
    bool ended;   /* the server's lock */
};

struct listener {
    struct server server;
    TENON_VEC(struct client *) clients;
    int ended_fd;
};

static void *
serve_client(void *data)
{
    struct client *c = data;

    control_serve(c->server, c->conn);
    pthread_mutex_lock(&c->server->lock);
    c->ended = true;
    pthread_mutex_unlock(&c->server->lock);
    eventfd_write(c->ended_fd, 1);
    return NULL;
}

static void
add_client(struct listener *l, int in, int out)
{
    struct client *c = tenon_new0(struct client);

    c->server = &l->server;
    c->ended_fd = l->ended_fd;
    c->conn = grpc_conn_new(GRPC_SERVER, NULL);
    if (grpc_conn_start(c->conn, in, out) == 0 &&
        pthread_create(&c->thread, NULL, serve_client, c) == 0) {
        tenon_vec_push(&l->clients, c);
        return;
    }
    tenon_log(TENON_LOG_WARNING, "a client is refused: no thread for it");
    grpc_conn_free(c->conn);
    free(c);
}

/* False: there is no descriptor for it, or no memory; it waits. */
static bool
accept_client(struct listener *l, int socket)
{
    const int fd = accept4(socket, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0)
        return errno == EAGAIN || errno == ECONNABORTED || errno == EINTR;
    if (l->clients.len < SERVER_CLIENTS_MAX) {
        add_client(l, fd, fd);
        return true;
    }
    tenon_log(TENON_LOG_WARNING, "a client is refused: there are %d", SERVER_CLIENTS_MAX);
    close(fd);
    return true;
}

static bool
has_ended(struct client *c)
{
    pthread_mutex_lock(&c->server->lock);
    const bool ended = c->ended;
    pthread_mutex_unlock(&c->server->lock);
    return ended;
}

/* Those that have ended; or all, which end now: first each of them, as a build of one may wait
 * for a call of another. */
static void
reap(struct listener *l, bool all)
{
    for (size_t i = 0; all && i < l->clients.len; i++)
        grpc_conn_close(l->clients.items[i]->conn);
    for (size_t i = l->clients.len; i-- > 0;) {
        struct client *c = l->clients.items[i];
        if (!all && !has_ended(c))
            continue;
        grpc_conn_close(c->conn);
        pthread_join(c->thread, NULL);
        grpc_conn_free(c->conn);
        free(c);
        l->clients.items[i] = l->clients.items[--l->clients.len];
    }
}

/* ---- until the end ------------------------------------------------------- */

static int
open_listener(struct listener *l, const struct serve_setup *setup, struct tenon_error *err)
{
    *l = (struct listener){.server.setup = setup};
    pthread_mutex_init(&l->server.lock, NULL);
    server_cond_init(&l->server.changed);
    l->ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return l->ended_fd < 0 ? tenon_error_sys(err, "eventfd") : TENON_OK;
}

static void
close_listener(struct listener *l)
{
    servejobs_cancel(&l->server);
    reap(l, true);
    servejobs_release(&l->server);
    tenon_vec_release(&l->clients);
    tenon_vec_release(&l->server.tunnels);
    pthread_mutex_destroy(&l->server.lock);
    pthread_cond_destroy(&l->server.changed);
    if (l->ended_fd >= 0)
        close(l->ended_fd);
}

static int
open_signals(struct tenon_error *err)
{
    sigset_t ends;

    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    const int fd = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? tenon_error_sys(err, "signalfd") : fd;
}

/* Milliseconds for poll; 0: for ever. */
static int
wait_of(uint64_t ns)
{
    const uint64_t ms = ns / NS_PER_MS + (ns % NS_PER_MS > 0);

    return !ns ? -1 : ms < INT32_MAX ? (int)ms : INT32_MAX;
}

/* socket -1: none comes besides those that are there. */
static int
attend(struct listener *l, int socket, uint64_t idle_ns, struct tenon_error *err)
{
    auto_close int signals = open_signals(err);
    if (signals < 0)
        return err->code;
    struct pollfd p[] = {{.fd = signals, .events = POLLIN},
                         {.fd = l->ended_fd, .events = POLLIN},
                         {.fd = socket, .events = POLLIN}};
    for (;;) {
        const bool idle = l->clients.len == 0, full = p[2].fd != socket;
        if (idle && socket < 0)
            return TENON_OK;
        const int n = poll(p, tenon_countof(p), wait_of(full   ? FULL_NS
                                                        : idle ? idle_ns : 0));
        if (n < 0 && errno != EINTR)
            return tenon_error_sys(err, "wait for clients");
        p[2].fd = socket;
        if (n == 0 && full)
            continue;
        if (n == 0 || (n > 0 && p[0].revents))
            return TENON_OK;
        eventfd_t ended;
        if (n > 0 && p[1].revents && eventfd_read(l->ended_fd, &ended) == 0)
            reap(l, false);
        if (n > 0 && p[2].revents && !accept_client(l, socket))
            p[2].fd = -1; /* a while, or it would be asked for ever */
    }
}

int
serve_listen(const struct serve_setup *setup, const char *path, int socket, uint64_t idle_ns,
             struct tenon_error *err)
{
    auto_close int fd = socket;
    struct listener l;

    if (open_listener(&l, setup, err) == 0)
        attend(&l, fd, idle_ns, err);
    unlink(path); /* before another can have made it: that sees that we listen */
    close(tenon_steal_fd(&fd));
    close_listener(&l);
    return err->code;
}

int
serve_one(const struct serve_setup *setup, int in, int out, struct tenon_error *err)
{
    struct listener l;

    if (open_listener(&l, setup, err) == 0) {
        add_client(&l, in, out);
        attend(&l, -1, 0, err);
    }
    close_listener(&l);
    return err->code;
}
