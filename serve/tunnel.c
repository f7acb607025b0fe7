/* serve/tunnel.c - Control.Session, and sessions by their ids. */
#include "tunnel.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pulse.h"
#include "pump.h"
#include "tools/alloc.h"

#define EXPOSED "x-docker-expose-session-"
#define HEALTH_TIMEOUT "x-buildkit-session-health-custom-timeout"

enum { METHODS_MAX = 100 };

/* ---- by their ids -------------------------------------------------------- */

/* With the server's lock held. */
static struct tunnel *
find(struct server *s, const char *id)
{
    tenon_vec_foreach(t, &s->tunnels)
        if (!strcmp((*t)->id, id))
            return *t;
    return NULL;
}

struct tunnel *
tunnel_find(struct server *s, const char *id)
{
    const struct timespec until = server_deadline(SERVER_WAIT_SESSION);
    struct tunnel *t;
    int waited = 0;

    pthread_mutex_lock(&s->lock);
    while (!(t = find(s, id)) && waited == 0 && !s->ending)
        waited = pthread_cond_timedwait(&s->changed, &s->lock, &until);
    if (t)
        t->users++;
    pthread_mutex_unlock(&s->lock);
    return t;
}

void
tunnel_leave(struct server *s, struct tunnel *t)
{
    pthread_mutex_lock(&s->lock);
    t->users--;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

bool
tunnel_has(const struct tunnel *t, const char *method)
{
    for (char **m = t->methods; m && *m; m++)
        if (!strcasecmp(*m, method))
            return true;
    return false;
}

/* False: it may not, which the call was told. */
static bool
enter(struct server *s, struct tunnel *t, struct grpc_call *call)
{
    pthread_mutex_lock(&s->lock);
    const bool taken = find(s, t->id), full = s->tunnels.len >= SERVER_SESSIONS_MAX;
    if (!taken && !full)
        tenon_vec_push(&s->tunnels, t);
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    if (taken)
        grpc_call_fail(call, GRPC_ALREADY_EXISTS, "session %s: there is a session of that id",
                       t->id);
    else if (full)
        grpc_call_fail(call, GRPC_RESOURCE_EXHAUSTED, "session %s: there are too many sessions",
                       t->id);
    return !taken && !full;
}

/* Its id is free again before the client can know that it has ended: closing the connection inside
 * ends the call.  Builds that use it notice by that, too. */
static void
leave(struct server *s, struct tunnel *t)
{
    pthread_mutex_lock(&s->lock);
    size_t i = 0;
    while (s->tunnels.items[i] != t)
        i++;
    s->tunnels.items[i] = s->tunnels.items[--s->tunnels.len];
    pthread_mutex_unlock(&s->lock);
    grpc_conn_close(t->conn);
    pthread_mutex_lock(&s->lock);
    while (t->users > 0)
        pthread_cond_wait(&s->changed, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

/* ---- the connection inside ----------------------------------------------- */

struct way_out { /* what we write inside goes to the client */
    pthread_t thread;
    struct grpc_call *call;
    int fd;
};

static void *
carry_out(void *data)
{
    static const struct grpc_status ok = {0};
    const struct way_out *w = data;

    if (pump_out(w->fd, w->call))
        grpc_call_finish(w->call, &ok); /* the connection inside has ended */
    return NULL;
}

static void
describe(struct tunnel *t, struct grpc_call *call)
{
    const char *key = grpc_call_header(call, EXPOSED "sharedkey");
    struct grpc_header h;
    size_t i = 0, count = 0;

    t->id = tenon_strdup(grpc_call_header(call, EXPOSED "uuid"));
    t->peer = server_peer(call);
    t->shared_key = tenon_strdup(key ? key : "");
    while (count < METHODS_MAX && grpc_call_header_next(call, &i, &h))
        if (!strcmp(h.name, EXPOSED "grpc-method")) {
            tenon_strv_push(&t->methods, tenon_strdup(h.value));
            count++;
        }
}

/* What waits for it ends, as if it had gone. */
static void
give_up(void *data)
{
    const struct way_out *w = data;

    grpc_call_abort(w->call, GRPC_UNAVAILABLE, "the session's client does not answer");
    shutdown(w->fd, SHUT_RDWR);
}

static void
carry_in(struct server *s, struct tunnel *t, struct grpc_call *call, struct way_out *out)
{
    struct pulse pulse = {.conn = t->conn, .dead = give_up, .data = out};

    if (pulse_start(&pulse, grpc_call_header(call, HEALTH_TIMEOUT)) != 0) {
        grpc_call_fail(call, GRPC_RESOURCE_EXHAUSTED, "no thread for the session");
        return;
    }
    if (enter(s, t, call)) {
        pump_in(call, out->fd);
        leave(s, t);
    }
    pulse_stop(&pulse);
}

/* Until the client ends the stream, or is given up. */
static void
carry(struct server *s, struct tunnel *t, struct grpc_call *call, int fd)
{
    struct way_out out = {.call = call, .fd = fd};

    grpc_call_begin(call, NULL, 0);
    if (pthread_create(&out.thread, NULL, carry_out, &out) != 0) {
        grpc_call_fail(call, GRPC_RESOURCE_EXHAUSTED, "no thread for the session");
        return;
    }
    carry_in(s, t, call, &out);
    shutdown(fd, SHUT_RDWR);
    pthread_join(out.thread, NULL);
}

void
tunnel_serve(void *server, struct grpc_call *call)
{
    static const struct grpc_status ok = {0};
    struct tunnel t = {0};
    int ends[2];

    if (!grpc_call_header(call, EXPOSED "uuid")) {
        grpc_call_fail(call, GRPC_INVALID_ARGUMENT, "no " EXPOSED "uuid: a session has an id");
        return;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
        grpc_call_fail(call, GRPC_RESOURCE_EXHAUSTED, "a socket for the session: %s",
                       strerror(errno));
        return;
    }
    describe(&t, call);
    t.conn = grpc_conn_new(GRPC_CLIENT, NULL);
    if (grpc_conn_start(t.conn, ends[0], ends[0]) == 0)
        carry(server, &t, call, ends[1]);
    else
        grpc_call_fail(call, GRPC_RESOURCE_EXHAUSTED, "no thread for the session");
    grpc_call_finish(call, &ok); /* if it has not ended otherwise */
    grpc_conn_free(t.conn);
    close(ends[1]);
    tenon_strv_free(t.methods);
    free(t.shared_key);
    free(t.peer);
    free(t.id);
}
