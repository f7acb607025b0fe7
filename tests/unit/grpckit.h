/* grpckit.h - a server with some methods, and a client, over a socketpair: direct, or through
 * threads that cut what passes into small parts. */
#ifndef TENON_TEST_GRPCKIT_H
#define TENON_TEST_GRPCKIT_H

#include "unit.h"

#include <pthread.h>
#include <sys/socket.h>

#include "common/grpc/grpc.h"

struct kit {
    struct grpc_conn *client, *server;
    struct grpc_limits client_limits, server_limits;
    size_t cut; /* bytes at a time; 0: straight through */
    pthread_t serving, relays[2];
    int relay_fds[4]; /* client's outer end, server's; a copy of each for the other way */
    /* What methods did, by name of the event. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned waiting, ended; /* calls of Wait: there, and over */
    unsigned stuck;          /* calls of Stuck that are there */
    unsigned many, cut_off;  /* calls of Many: there, and over before all was sent */
    bool release;            /* they may go */
};

/* ---- methods -------------------------------------------------------------------------------- */

static void
kit_count(struct kit *kit, unsigned *what)
{
    pthread_mutex_lock(&kit->lock);
    ++*what;
    pthread_cond_broadcast(&kit->changed);
    pthread_mutex_unlock(&kit->lock);
}

__attribute__((unused)) static void
kit_await(struct kit *kit, const unsigned *what, unsigned count)
{
    pthread_mutex_lock(&kit->lock);
    while (*what < count)
        pthread_cond_wait(&kit->changed, &kit->lock);
    pthread_mutex_unlock(&kit->lock);
}

static void
ok(struct grpc_call *call)
{
    static const struct grpc_status status = {0};
    grpc_call_finish(call, &status);
}

static void
kit_echo(void *user, struct grpc_call *call)
{
    auto_buf struct tenon_buf m = TENON_BUF_INIT;
    (void)user;

    if (grpc_call_recv_only(call, &m) < 0)
        return;
    grpc_call_send(call, tenon_buf_str(&m), m.len);
    ok(call);
}

/* "COUNT SIZE": so many messages, each of bytes of its number. */
static void
kit_many(void *user, struct grpc_call *call)
{
    auto_buf struct tenon_buf m = TENON_BUF_INIT;
    struct kit *kit = user;
    unsigned count, size;

    if (grpc_call_recv_only(call, &m) < 0)
        return;
    ck_assert_int_eq(sscanf(tenon_buf_str(&m), "%u %u", &count, &size), 2);
    auto_free char *data = tenon_malloc(size + 1);
    kit_count(kit, &kit->many);
    for (unsigned i = 0; i < count; i++) {
        memset(data, (int)i, size);
        if (grpc_call_send(call, data, size) < 0)
            break;
    }
    ok(call);
    if (grpc_call_over(call))
        kit_count(kit, &kit->cut_off);
}

static void
kit_sum(void *user, struct grpc_call *call)
{
    auto_buf struct tenon_buf m = TENON_BUF_INIT;
    size_t count = 0, bytes = 0;
    char text[64];
    int got;
    (void)user;

    while ((got = grpc_call_recv(call, &m)) > 0) {
        count++;
        bytes += m.len;
    }
    if (got < 0)
        return;
    snprintf(text, sizeof text, "%zu messages, %zu bytes", count, bytes);
    grpc_call_send(call, text, strlen(text));
    ok(call);
}

static void
kit_chat(void *user, struct grpc_call *call)
{
    auto_buf struct tenon_buf m = TENON_BUF_INIT;
    (void)user;

    grpc_call_begin(call, NULL, 0);
    while (grpc_call_recv(call, &m) > 0)
        grpc_call_send(call, tenon_buf_str(&m), m.len);
    ok(call);
}

/* Fails with code 5, the request as the details, and what x-message says. */
static void
kit_fail(void *user, struct grpc_call *call)
{
    auto_buf struct tenon_buf m = TENON_BUF_INIT;
    const char *message = grpc_call_header(call, "x-message");
    (void)user;

    if (grpc_call_recv_only(call, &m) < 0)
        return;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    if (message)
        grpc_base64_decode(&text, message, strlen(message));
    const struct grpc_status status = {
        .code = GRPC_NOT_FOUND,
        .message = message ? (char *)tenon_buf_str(&text) : NULL,
        .details = m.data,
        .details_len = m.len,
    };
    grpc_call_finish(call, &status);
}

/* Is there until it is over. */
static void
kit_wait(void *user, struct grpc_call *call)
{
    auto_buf struct tenon_buf m = TENON_BUF_INIT;
    struct kit *kit = user;

    kit_count(kit, &kit->waiting);
    while (grpc_call_recv(call, &m) > 0)
        continue;
    if (grpc_call_over(call))
        kit_count(kit, &kit->ended);
}

static void
kit_await_release(struct kit *kit)
{
    pthread_mutex_lock(&kit->lock);
    while (!kit->release)
        pthread_cond_wait(&kit->changed, &kit->lock);
    pthread_mutex_unlock(&kit->lock);
}

/* Is there until the test says so, whatever its client does. */
static void
kit_stuck(void *user, struct grpc_call *call)
{
    struct kit *kit = user;

    kit_count(kit, &kit->stuck);
    kit_await_release(kit);
    ok(call);
}

/* The same, with the request in its hands. */
static void
kit_take(void *user, struct grpc_call *call)
{
    auto_buf struct tenon_buf m = TENON_BUF_INIT;

    if (grpc_call_recv_only(call, &m) == 0)
        kit_stuck(user, call);
}

/* Answers, and is then there as long as that. */
static void
kit_linger(void *user, struct grpc_call *call)
{
    kit_echo(user, call);
    kit_await_release(user);
}

static void
kit_silent(void *user, struct grpc_call *call)
{
    (void)user, (void)call;
}

/* The request's metadata, one a line; and some of its own. */
static void
kit_headers(void *user, struct grpc_call *call)
{
    static const struct grpc_header own[] = {{"x-answer", "yes"}, {"x-blob-bin", "AAEC"}};
    auto_buf struct tenon_buf text = TENON_BUF_INIT, m = TENON_BUF_INIT;
    struct grpc_header h;
    (void)user;

    if (grpc_call_recv_only(call, &m) < 0)
        return;
    for (size_t i = 0; grpc_call_header_next(call, &i, &h);)
        tenon_buf_addf(&text, "%s: %s\n", h.name, h.value);
    grpc_call_begin(call, own, tenon_countof(own));
    grpc_call_send(call, tenon_buf_str(&text), text.len);
    ok(call);
}

static const struct grpc_method kit_methods[] = {
    {"/test.Test/Echo", kit_echo},     {"/test.Test/Many", kit_many},
    {"/test.Test/Sum", kit_sum},       {"/test.Test/Chat", kit_chat},
    {"/test.Test/Fail", kit_fail},     {"/test.Test/Wait", kit_wait},
    {"/test.Test/Stuck", kit_stuck},   {"/test.Test/Silent", kit_silent},
    {"/test.Test/Take", kit_take},
    {"/test.Test/Linger", kit_linger}, {"/test.Test/Headers", kit_headers},
};

static void *
kit_serve(void *arg)
{
    struct kit *kit = arg;

    grpc_serve(kit->server, kit_methods, tenon_countof(kit_methods), kit);
    return NULL;
}

/* ---- both ends --------------------------------------------------------------------------------- */

struct relay {
    int from, to;
    size_t cut;
};

static void *
relay(void *arg)
{
    struct relay r = *(struct relay *)arg;
    char data[4096];
    ssize_t n;

    free(arg);
    while ((n = read(r.from, data, r.cut)) > 0) {
        if (send(r.to, data, (size_t)n, MSG_NOSIGNAL) != n)
            break;
    }
    shutdown(r.from, SHUT_RD);
    shutdown(r.to, SHUT_WR);
    return NULL;
}

static void
kit_relay(struct kit *kit, int i, int from, int to)
{
    struct relay *r = tenon_new0(struct relay);

    *r = (struct relay){.from = from, .to = to, .cut = kit->cut};
    ck_assert_int_eq(pthread_create(&kit->relays[i], NULL, relay, r), 0);
}

static struct kit *
kit_new(size_t cut)
{
    struct kit *kit = tenon_new0(struct kit);

    kit->client_limits = kit->server_limits = grpc_limits_default();
    kit->cut = cut;
    pthread_mutex_init(&kit->lock, NULL);
    pthread_cond_init(&kit->changed, NULL);
    return kit;
}

__attribute__((unused)) static void
kit_start(struct kit *kit)
{
    int a[2], b[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, a), 0);
    if (kit->cut) {
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, b), 0);
        kit->relay_fds[0] = a[1];
        kit->relay_fds[1] = b[1];
        kit_relay(kit, 0, a[1], b[1]);
        kit_relay(kit, 1, b[1], a[1]);
    } else {
        b[0] = a[1];
    }
    kit->client = grpc_conn_new(GRPC_CLIENT, &kit->client_limits);
    kit->server = grpc_conn_new(GRPC_SERVER, &kit->server_limits);
    ck_assert_int_eq(grpc_conn_start(kit->server, b[0], b[0]), 0);
    ck_assert_int_eq(grpc_conn_start(kit->client, a[0], a[0]), 0);
    ck_assert_int_eq(pthread_create(&kit->serving, NULL, kit_serve, kit), 0);
}

__attribute__((unused)) static struct kit *
kit_open(size_t cut)
{
    struct kit *kit = kit_new(cut);

    kit_start(kit);
    return kit;
}

__attribute__((unused)) static void
kit_free(struct kit *kit)
{
    pthread_mutex_lock(&kit->lock);
    kit->release = true;
    pthread_cond_broadcast(&kit->changed);
    pthread_mutex_unlock(&kit->lock);
    grpc_conn_free(kit->client);
    pthread_join(kit->serving, NULL);
    grpc_conn_free(kit->server);
    for (int i = 0; kit->cut && i < 2; i++)
        pthread_join(kit->relays[i], NULL);
    for (int i = 0; kit->cut && i < 2; i++)
        close(kit->relay_fds[i]);
    pthread_mutex_destroy(&kit->lock);
    pthread_cond_destroy(&kit->changed);
    free(kit);
}

#define kit_call(kit, method) grpc_call_start((kit)->client, "/test.Test/" method, NULL, 0, 0)

/* A unary call that has to end with this code. */
__attribute__((unused)) static void
kit_unary(struct kit *kit, const char *path, const void *data, size_t len, int code,
          struct tenon_buf *reply)
{
    auto_grpc_status struct grpc_status status = {0};

    grpc_call_unary(kit->client, path, NULL, 0, 0, data, len, reply, &status);
    ck_assert_msg(status.code == code, "%s: %d (%s) instead of %d", path, status.code,
                  status.message ? status.message : "", code);
}

/* The status that a call ends with. */
__attribute__((unused)) static void
kit_ends(struct grpc_call *call, int code, const char *part)
{
    auto_grpc_status struct grpc_status status = {0};

    grpc_call_status(call, &status);
    const char *message = status.message ? status.message : "";
    ck_assert_msg(status.code == code && strstr(message, part), "%d (%s) instead of %d (%s)",
                  status.code, message, code, part);
}

#endif
