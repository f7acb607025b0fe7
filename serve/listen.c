/* serve/listen.c - a thread for each connection. */
#include "serve.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "control.h"
#include "addresses.h"
#include "engine/producers.h"
#include "servejob.h"
#include "tls.h"
#include "tools/alloc.h"
#include "tools/parse.h"

#define NS_PER_MS UINT64_C(1000000)
#define FULL_NS UINT64_C(1000000000) /* until one more client is tried, when one did not fit */

enum { SIGNALS, ENDED, PLACES }; /* what is waited for */

enum { /* bytes */
    HEAP_FREE_MAX = 256 << 10, /* at the end of a heap */
    HEAP_PIECE_MAX = 1 << 20,  /* what is larger is mapped by itself */
};

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

/* ---- clients ------------------------------------------------------------- */

/* Who speaks at all says so at once. */
static struct grpc_limits
server_limits(void)
{
    struct grpc_limits limits = grpc_limits_default();

    limits.greeting_ns = SERVER_GREETING_S * UINT64_C(1000000000);
    return limits;
}

struct client {
    struct server *server;
    struct grpc_conn *conn;
    struct tlslink *link; /* NULL: there is no TLS between us */
    char *peer; /* whose it is, in that case */
    pthread_t thread;
    int ended_fd; /* is told when it has ended */
    bool ended;   /* the server's lock */
};

struct listener {
    struct server server;
    const struct serve_places *places; /* NULL: none comes besides those that are there */
    TENON_VEC(struct client *) clients;
    int ended_fd;
};

static void *
serve_client(void *data)
{
    struct client *c = data;

    control_serve(c->server, c->conn);
    tlslink_free(c->link); /* it has ended, too, or does; the main thread does not wait for that */
    pthread_mutex_lock(&c->server->lock);
    c->ended = true;
    pthread_mutex_unlock(&c->server->lock);
    eventfd_write(c->ended_fd, 1);
    return NULL;
}

/* It calls only once its certificate is known. */
char *
server_peer(const struct grpc_call *call)
{
    const struct client *c = grpc_call_owner(call);

    if (!c) /* the process itself, at both ends */
        return tenon_strdup("");
    return c->link ? tlslink_certificate(c->link) : tenon_strdup(c->peer);
}

/* What the kernel tells in place of all users that have no number here. */
static uid_t
overflow_uid(void)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    int64_t uid = 65534;

    if (tenon_read_file("/proc/sys/kernel/overflowuid", 100, &text, &ignored) == 0) {
        const char *line = tenon_buf_str(&text);
        auto_free char *number = tenon_strndup(line, strcspn(line, "\n"));
        tenon_parse_i64(number, &uid);
    }
    return (uid_t)uid;
}

/* Of whom nothing is known each connection is somebody else.  Pipes are of who started us. */
static char *
peer_of(int fd)
{
    static const uid_t nobody = (uid_t)-1;
    struct ucred who = {.uid = geteuid()};
    socklen_t size = sizeof who;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0 && errno != ENOTSOCK)
        who.uid = nobody;
    if (who.uid != nobody && who.uid != overflow_uid())
        return tenon_asprintf("user %lld", (long long)who.uid);
    return tenon_asprintf("connection %ld %d %llu", (long)getpid(), fd,
                          (unsigned long long)tenon_now_ns());
}

/* With TLS to be spoken first, or NULL. */
static void
add_client(struct listener *l, int in, int out, struct serve_tls *tls)
{
    const struct grpc_limits limits = server_limits();
    struct client *c = tenon_new0(struct client);

    c->server = &l->server;
    c->ended_fd = l->ended_fd;
    c->peer = peer_of(in);
    c->conn = grpc_conn_new(GRPC_SERVER, &limits);
    grpc_conn_set_owner(c->conn, c);
    if (tls)
        c->link = tlslink_start(tls, in, &in);
    if (tls && c->link)
        out = in;
    if ((!tls || c->link) && grpc_conn_start(c->conn, in, out) == 0 &&
        pthread_create(&c->thread, NULL, serve_client, c) == 0) {
        tenon_vec_push(&l->clients, c);
        return;
    }
    tenon_log(TENON_LOG_WARNING, "a client is refused: no thread for it");
    grpc_conn_free(c->conn);
    tlslink_free(c->link);
    free(c->peer);
    free(c);
}

/* False: there is no descriptor for it, or no memory; it waits. */
static bool
accept_client(struct listener *l, const struct place *place)
{
    const int fd = accept4(place->fd, NULL, NULL, SOCK_CLOEXEC);
    struct serve_tls *tls = place->secure ? l->places->tls : NULL;

    if (fd < 0)
        return errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM;
    if (l->clients.len < SERVER_CLIENTS_MAX) {
        add_client(l, fd, fd, tls);
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
        free(c->peer);
        free(c);
        l->clients.items[i] = l->clients.items[--l->clients.len];
    }
}

/* ---- until the end ------------------------------------------------------- */

/* Threads of builds come and go, and their heaps stay for those that come.  Each would keep some
 * MiB of what was freed: by itself the allocator keeps twice what the largest piece had, once one
 * of that size was freed. */
static void
keep_little(void)
{
    mallopt(M_TRIM_THRESHOLD, HEAP_FREE_MAX);
    mallopt(M_MMAP_THRESHOLD, HEAP_PIECE_MAX);
}

static int
open_listener(struct listener *l, const struct serve_setup *setup, struct tenon_error *err)
{
    keep_little();
    *l = (struct listener){.server.setup = setup};
    pthread_mutex_init(&l->server.lock, NULL);
    server_cond_init(&l->server.changed);
    l->server.producers = tenon_producers_new();
    l->ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return l->ended_fd < 0 ? tenon_error_sys(err, "eventfd") : TENON_OK;
}

static void
close_listener(struct listener *l)
{
    servejobs_cancel(&l->server);
    reap(l, true);
    servejobs_release(&l->server);
    tenon_producers_free(l->server.producers);
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

static void
fill_polls(struct pollfd *p, const struct listener *l, int signals, bool full)
{
    p[SIGNALS] = (struct pollfd){.fd = signals, .events = POLLIN};
    p[ENDED] = (struct pollfd){.fd = l->ended_fd, .events = POLLIN};
    for (size_t i = 0; l->places && i < l->places->list.len; i++)
        p[PLACES + i] = (struct pollfd){.fd = full ? -1 : l->places->list.items[i].fd,
                                        .events = POLLIN};
}

static int
attend(struct listener *l, uint64_t idle_ns, struct tenon_error *err)
{
    auto_close int signals = open_signals(err);
    const size_t places = l->places ? l->places->list.len : 0;
    struct pollfd p[PLACES + SERVE_PLACES_MAX];
    bool full = false; /* a while, or they would be asked for ever */

    if (signals < 0)
        return err->code;
    for (;;) {
        const bool idle = l->clients.len == 0;
        if (idle && !places)
            return TENON_OK;
        fill_polls(p, l, signals, full);
        const int n = poll(p, PLACES + places, wait_of(full   ? FULL_NS
                                                       : idle ? idle_ns : 0));
        if (n < 0 && errno != EINTR)
            return tenon_error_sys(err, "wait for clients");
        if (n == 0 && full) {
            full = false;
            continue;
        }
        full = false;
        if (n == 0 || (n > 0 && p[SIGNALS].revents))
            return TENON_OK;
        eventfd_t ended;
        if (n > 0 && p[ENDED].revents && eventfd_read(l->ended_fd, &ended) == 0)
            reap(l, false);
        for (size_t i = 0; n > 0 && i < places; i++)
            if (p[PLACES + i].revents && !accept_client(l, &l->places->list.items[i]))
                full = true;
    }
}

int
serve_listen(const struct serve_setup *setup, struct serve_places *places, uint64_t idle_ns,
             struct tenon_error *err)
{
    struct listener l;

    tenon_vec_foreach(place, &places->list)
        tenon_log(TENON_LOG_NOTICE, "serving at %s", place->text);
    if (open_listener(&l, setup, err) == 0) {
        l.places = places;
        attend(&l, idle_ns, err);
    }
    serve_places_hide(places);
    close_listener(&l);
    return err->code;
}

int
serve_one(const struct serve_setup *setup, int in, int out, struct tenon_error *err)
{
    struct listener l;

    if (open_listener(&l, setup, err) == 0) {
        add_client(&l, in, out, NULL);
        attend(&l, 0, err);
    }
    close_listener(&l);
    return err->code;
}
