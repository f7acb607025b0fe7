/* gRPC with peers that do not keep to it: what is not HTTP/2, lengths of 4 GiB, floods, and each
 * limit by its name; and what of ours goes to peers with limits. */
#include "grpckit.h"

#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#include "common/grpc/coding.h"
#include "common/grpc/private.h"

/* Bytes of a stream that no well-behaved client sends. */
static void
send_raw(struct grpc_call *call, const void *data, size_t len)
{
    struct grpc_conn *conn = call->conn;

    pthread_mutex_lock(&conn->lock);
    tenon_buf_add(&call->out, data, len);
    nghttp2_session_resume_data(conn->session, call->stream_id);
    grpc_conn_wake(conn);
    pthread_mutex_unlock(&conn->lock);
}

/* ---- not HTTP/2 ---------------------------------------------------------------------------------- */

static const struct garbage {
    enum grpc_role role; /* of the one that gets it */
    const char *bytes;
    size_t len;
} garbage[] = {
#define BYTES(s) s, sizeof s - 1
    {GRPC_SERVER, BYTES("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")},
    {GRPC_SERVER, BYTES("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")},
    {GRPC_SERVER, BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r")},
    {GRPC_SERVER, BYTES("hello, what would you like to build?\n")},
    /* Begins well, and then: not SETTINGS; a frame of 16 MiB; headers that are none. */
    {GRPC_SERVER, BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
                        "\0\0\0\1\5\0\0\0\1")},
    {GRPC_SERVER, BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
                        "\xff\xff\xff\4\0\0\0\0\0")},
    {GRPC_SERVER, BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
                        "\0\0\4\1\5\0\0\0\1\xff\xff\xff\xff")},
    {GRPC_CLIENT, BYTES("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")},
    {GRPC_CLIENT, BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")},
};

START_TEST(test_grpc_hostile_garbage_ends_the_connection)
{
    const struct garbage *g = &garbage[_i];
    struct grpc_conn *conn = grpc_conn_new(g->role, NULL);
    auto_grpc_status struct grpc_status why = {0};
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    ck_assert_int_eq(grpc_conn_start(conn, fds[0], fds[0]), 0);
    struct grpc_call *call =
        g->role == GRPC_CLIENT ? grpc_call_start(conn, "/a.B/C", NULL, 0, 0) : NULL;
    ck_assert_int_eq(send(fds[1], g->bytes, g->len, MSG_NOSIGNAL), (ssize_t)g->len);
    if (call) {
        auto_grpc_status struct grpc_status status = {0};
        grpc_call_status(call, &status); /* waits for it */
        ck_assert_int_ne(status.code, GRPC_OK);
        grpc_call_free(call);
    } else {
        ck_assert_ptr_null(grpc_conn_accept(conn)); /* as this does */
        ck_assert(!grpc_conn_alive(conn, &why));
        ck_assert_str_ne(why.message, "");
    }
    char byte;
    while (read(fds[1], &byte, 1) > 0) /* it is closed */
        continue;
    grpc_conn_free(conn);
    close(fds[1]);
}
END_TEST

/* Who says nothing, or begins to say something, keeps no server for ever. */
START_TEST(test_grpc_hostile_greeting)
{
    static const char *const said[] = {"", "PRI * HTTP/2.0\r\n"};
    struct grpc_limits limits = grpc_limits_default();
    auto_grpc_status struct grpc_status why = {0};
    int fds[2];

    limits.greeting_ns = 50000000;
    struct grpc_conn *conn = grpc_conn_new(GRPC_SERVER, &limits);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    ck_assert_int_eq(send(fds[1], said[_i], strlen(said[_i]), MSG_NOSIGNAL),
                     (ssize_t)strlen(said[_i]));
    ck_assert_int_eq(grpc_conn_start(conn, fds[0], fds[0]), 0);
    ck_assert_ptr_null(grpc_conn_accept(conn));
    ck_assert(!grpc_conn_alive(conn, &why));
    ck_assert_str_eq(why.message, "the client does not speak");
    grpc_conn_free(conn);
    close(fds[1]);
}
END_TEST

/* ---- slow --------------------------------------------------------------------- */

enum { FRAME_HEADER = 9, FRAME_HEADERS = 1 }; /* RFC 9113, sections 4.1 and 6.2 */

/* How many frames of headers come, until there are `wanted`; each wait has an end. */
static int
count_headers(int fd, int wanted)
{
    auto_buf struct tenon_buf in = TENON_BUF_INIT;
    size_t at = strlen("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    char part[4096];
    int found = 0;

    while (found < wanted && poll(&readable, 1, 30000) == 1) {
        ssize_t n = read(fd, part, sizeof part);
        if (n <= 0)
            break;
        tenon_buf_add(&in, part, (size_t)n);
        while (at + FRAME_HEADER <= in.len) {
            const unsigned char *head = (const unsigned char *)in.data + at;
            size_t len = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
            if (at + FRAME_HEADER + len > in.len)
                break;
            found += head[3] == FRAME_HEADERS;
            at += FRAME_HEADER + len;
        }
    }
    return found;
}

/* Until its thread can write no more; as nobody reads, that stays so. */
static void
await_blocked(struct grpc_conn *conn)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    bool blocked = false;

    for (int i = 0; i < 60000 && !blocked; i++) {
        pthread_mutex_lock(&conn->lock);
        blocked = conn->blocked;
        pthread_mutex_unlock(&conn->lock);
        nanosleep(&moment, NULL);
    }
    ck_assert(blocked);
}

/* What is said while the peer does not read goes out when it does. */
START_TEST(test_grpc_hostile_reads_late)
{
    struct grpc_conn *conn = grpc_conn_new(GRPC_CLIENT, NULL);
    static const char data[60000]; /* less than the first window, more than the socket holds */
    int fds[2], small = 4096;

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    ck_assert_int_eq(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    ck_assert_int_eq(grpc_conn_start(conn, fds[0], fds[0]), 0);
    struct grpc_call *first = grpc_call_start(conn, "/a.B/First", NULL, 0, 0);
    ck_assert_int_eq(grpc_call_send(first, data, sizeof data), 0);
    await_blocked(conn); /* what is queued from here on has to be asked for again */
    struct grpc_call *second = grpc_call_start(conn, "/a.B/Second", NULL, 0, 0);
    ck_assert_int_eq(count_headers(fds[1], 2), 2);
    close(fds[1]);
    grpc_call_free(first);
    grpc_call_free(second);
    grpc_conn_free(conn);
}
END_TEST

/* ---- messages --------------------------------------------------------------------------------------- */

static const struct message {
    const char *bytes;
    size_t len;
    const char *encoding;
    int code;
    const char *part; /* of the answer's message */
} messages[] = {
    {BYTES("\0\xff\xff\xff\xff"), NULL, GRPC_RESOURCE_EXHAUSTED, "4294967295 bytes is longer than message_max"},
    {BYTES("\0\1\0\0\1"), NULL, GRPC_RESOURCE_EXHAUSTED, "16777217 bytes is longer than message_max"},
    {BYTES("\0\0\0\0\1x\0\xff\xff\xff\xff"), NULL, GRPC_RESOURCE_EXHAUSTED, "message_max"},
    {BYTES("\1\0\0\0\1x"), NULL, GRPC_INTERNAL, "without a grpc-encoding"},
    {BYTES("\1\0\0\0\1x"), "identity", GRPC_INTERNAL, "without a grpc-encoding"},
    {BYTES("\1\0\0\0\1x"), "gzip", GRPC_UNIMPLEMENTED, "compressed"},
    {BYTES("\7\0\0\0\1x"), NULL, GRPC_INTERNAL, "flags 7"},
    {BYTES("\0\0\0"), NULL, GRPC_INTERNAL, "ends inside of a message"},
    {BYTES("\0\0\0\0\4abc"), NULL, GRPC_INTERNAL, "ends inside of a message"},
};

START_TEST(test_grpc_hostile_messages)
{
    const struct message *m = &messages[_i];
    struct kit *kit = kit_open(0);
    auto_buf struct tenon_buf reply = TENON_BUF_INIT;
    const struct grpc_header encoding = {"grpc-encoding", m->encoding};
    struct grpc_call *call =
        grpc_call_start(kit->client, "/test.Test/Sum", &encoding, m->encoding != NULL, 0);

    send_raw(call, m->bytes, m->len);
    grpc_call_close_send(call);
    kit_ends(call, m->code, m->part);
    grpc_call_free(call);
    kit_unary(kit, "/test.Test/Echo", "x", 1, GRPC_OK, &reply); /* others do not notice */
    kit_free(kit);
}
END_TEST

START_TEST(test_grpc_hostile_answer_longer_than_message_max)
{
    struct kit *kit = kit_new(0);
    auto_buf struct tenon_buf reply = TENON_BUF_INIT;
    static const char data[101];

    kit->client_limits.message_max = 100;
    kit_start(kit);
    kit_unary(kit, "/test.Test/Echo", data, 100, GRPC_OK, &reply);
    kit_unary(kit, "/test.Test/Echo", data, 101, GRPC_RESOURCE_EXHAUSTED, &reply);
    kit_free(kit);
}
END_TEST

START_TEST(test_grpc_hostile_send_max)
{
    struct kit *kit = kit_new(0);
    static const char data[101];

    kit->client_limits.send_max = 100;
    kit_start(kit);
    struct grpc_call *call = kit_call(kit, "Echo");
    ck_assert_int_eq(grpc_call_send(call, data, 101), -1);
    kit_ends(call, GRPC_RESOURCE_EXHAUSTED, "send_max");
    grpc_call_free(call);
    kit_free(kit);
}
END_TEST

/* Ten calls of 100 bytes that nobody takes, where 700 and a little may wait. */
START_TEST(test_grpc_hostile_memory_max)
{
    struct kit *kit = kit_new(0);
    auto_buf struct tenon_buf reply = TENON_BUF_INIT;
    struct grpc_call *calls[10];
    static const char data[100];

    kit->server_limits.memory_max = 7 * (sizeof data + MESSAGE_OVERHEAD) + 50;
    kit_start(kit);
    for (unsigned i = 0; i < 7; i++) {
        calls[i] = kit_call(kit, "Stuck");
        ck_assert_int_eq(grpc_call_send(calls[i], data, sizeof data), 0);
        kit_await(kit, &kit->stuck, i + 1);
    }
    ck_assert(grpc_conn_ping(kit->client, UINT64_C(60000000000))); /* all of it has arrived */
    calls[7] = kit_call(kit, "Stuck");
    ck_assert_int_eq(grpc_call_send(calls[7], data, sizeof data), 0);
    kit_ends(calls[7], GRPC_RESOURCE_EXHAUSTED, "memory_max");
    pthread_mutex_lock(&kit->server->lock);
    ck_assert_uint_eq(kit->server->held_bytes, 7 * (sizeof data + MESSAGE_OVERHEAD));
    pthread_mutex_unlock(&kit->server->lock);
    kit_unary(kit, "/test.Test/Echo", data, 0, GRPC_RESOURCE_EXHAUSTED, &reply);

    pthread_mutex_lock(&kit->lock);
    kit->release = true;
    pthread_cond_broadcast(&kit->changed);
    pthread_mutex_unlock(&kit->lock);
    for (int i = 0; i < 8; i++) {
        if (i < 7)
            kit_ends(calls[i], GRPC_OK, "");
        grpc_call_free(calls[i]);
    }
    kit_unary(kit, "/test.Test/Echo", data, 100, GRPC_OK, &reply); /* there is room again */
    kit_free(kit);
}
END_TEST

/* What a method has taken is held as long as it works. */
START_TEST(test_grpc_hostile_memory_of_calls_at_work)
{
    struct kit *kit = kit_new(0);
    auto_buf struct tenon_buf reply = TENON_BUF_INIT;
    struct grpc_call *calls[3];
    static const char data[1000];

    kit->server_limits.memory_max = 2 * (sizeof data + MESSAGE_OVERHEAD) + 50;
    kit_start(kit);
    for (unsigned i = 0; i < 2; i++) {
        calls[i] = kit_call(kit, "Take");
        ck_assert_int_eq(grpc_call_send(calls[i], data, sizeof data), 0);
        grpc_call_close_send(calls[i]);
        kit_await(kit, &kit->stuck, i + 1); /* it has taken it */
    }
    pthread_mutex_lock(&kit->server->lock);
    ck_assert_uint_eq(kit->server->held_bytes, 2 * (sizeof data + MESSAGE_OVERHEAD));
    pthread_mutex_unlock(&kit->server->lock);
    calls[2] = kit_call(kit, "Take");
    ck_assert_int_eq(grpc_call_send(calls[2], data, sizeof data), 0);
    kit_ends(calls[2], GRPC_RESOURCE_EXHAUSTED, "memory_max");
    pthread_mutex_lock(&kit->lock);
    kit->release = true;
    pthread_cond_broadcast(&kit->changed);
    pthread_mutex_unlock(&kit->lock);
    for (int i = 0; i < 3; i++) {
        if (i < 2)
            kit_ends(calls[i], GRPC_OK, "");
        grpc_call_free(calls[i]);
    }
    kit_unary(kit, "/test.Test/Echo", data, sizeof data, GRPC_OK, &reply); /* there is room */
    kit_free(kit);
}
END_TEST

/* A flood of empty messages to one that does not read: its window ends it. */
START_TEST(test_grpc_hostile_flood_of_empty_messages_waits)
{
    enum { BESIDE = 10 };
    struct kit *kit = kit_open(0);
    auto_buf struct tenon_buf reply = TENON_BUF_INIT;
    struct grpc_call *call = kit_call(kit, "Stuck");
    static const char empty[5000 * FRAME_HEAD];

    kit_await(kit, &kit->stuck, 1);
    for (int i = 0; i < 100; i++)
        send_raw(call, empty, sizeof empty);
    for (int i = 0; i < BESIDE; i++)
        kit_unary(kit, "/test.Test/Echo", "x", 1, GRPC_OK, &reply);
    pthread_mutex_lock(&kit->server->lock);
    size_t held = kit->server->held_bytes;
    pthread_mutex_unlock(&kit->server->lock);
    /* Those beside it were answered; their methods may still have the request. */
    ck_assert_uint_le(held, (STREAM_WINDOW / FRAME_HEAD + 1) * MESSAGE_OVERHEAD +
                                BESIDE * (1 + MESSAGE_OVERHEAD));
    grpc_call_free(call);
    kit_free(kit);
}
END_TEST

/* ---- headers and calls ---------------------------------------------------------------------------------- */

START_TEST(test_grpc_hostile_header_max)
{
    struct kit *kit = kit_new(0);
    auto_buf struct tenon_buf reply = TENON_BUF_INIT;
    struct grpc_header headers[40];

    kit->server_limits.header_max = 1500; /* 38 bytes each, and those of the protocol */
    kit_start(kit);
    for (size_t i = 0; i < tenon_countof(headers); i++)
        headers[i] = (struct grpc_header){"x", "value"};
    static const struct {
        size_t count;
        int code;
    } tries[] = {{20, GRPC_OK}, {40, GRPC_RESOURCE_EXHAUSTED}, {20, GRPC_OK}};
    for (size_t i = 0; i < tenon_countof(tries); i++) {
        auto_grpc_status struct grpc_status status = {0};
        grpc_call_unary(kit->client, "/test.Test/Echo", headers, tries[i].count, 0, "x", 1, &reply,
                        &status);
        ck_assert_int_eq(status.code, tries[i].code);
        ck_assert(status.code == GRPC_OK || strstr(status.message, "header_max"));
    }
    kit_free(kit);
}
END_TEST

START_TEST(test_grpc_hostile_answer_longer_than_header_max)
{
    struct kit *kit = kit_new(0);
    auto_buf struct tenon_buf reply = TENON_BUF_INIT;
    auto_grpc_status struct grpc_status status = {0};

    kit_start(kit);
    /* The server knows what the client takes, and keeps to it; so that it does not: */
    kit->client->limits.header_max = 100;
    ck_assert(!grpc_call_unary(kit->client, "/test.Test/Headers", NULL, 0, 0, "x", 1, &reply,
                               &status));
    ck_assert_int_eq(status.code, GRPC_RESOURCE_EXHAUSTED);
    ck_assert_ptr_nonnull(strstr(status.message, "header_max"));
    kit_free(kit);
}
END_TEST

/* Each is given up at once, but its method goes on: streams alone do not count. */
START_TEST(test_grpc_hostile_rapid_resets_meet_streams_max)
{
    struct kit *kit = kit_new(0);
    auto_buf struct tenon_buf reply = TENON_BUF_INIT;

    kit->server_limits.streams_max = 4;
    kit_start(kit);
    for (unsigned i = 0; i < 4; i++) {
        struct grpc_call *call = kit_call(kit, "Stuck");
        kit_await(kit, &kit->stuck, i + 1);
        grpc_call_free(call);
    }
    for (int i = 0; i < 20; i++)
        kit_unary(kit, "/test.Test/Stuck", "", 0, GRPC_UNAVAILABLE, &reply);
    pthread_mutex_lock(&kit->lock);
    ck_assert_uint_eq(kit->stuck, 4);
    kit->release = true;
    pthread_cond_broadcast(&kit->changed);
    pthread_mutex_unlock(&kit->lock);
    int code;
    do { /* until the first of them is gone */
        auto_grpc_status struct grpc_status status = {0};
        grpc_call_unary(kit->client, "/test.Test/Stuck", NULL, 0, 0, "", 0, &reply, &status);
        code = status.code;
        ck_assert(code == GRPC_UNAVAILABLE || code == GRPC_INTERNAL); /* Stuck says nothing */
    } while (code == GRPC_UNAVAILABLE);
    kit_free(kit);
}
END_TEST

/* ---- trailers ------------------------------------------------------------------------------------------------ */

/* All of one HTTP/2 connection, without threads: what `from` has to say goes to `to`. */
static void
pump(struct grpc_conn *from, struct grpc_conn *to, struct tenon_buf *seen)
{
    auto_buf struct tenon_buf out = TENON_BUF_INIT;

    pthread_mutex_lock(&from->lock);
    grpc_conn_pull(from, &out, SIZE_MAX);
    grpc_conn_settle(from);
    pthread_mutex_unlock(&from->lock);
    if (seen)
        tenon_buf_add(seen, out.data, out.len);
    pthread_mutex_lock(&to->lock);
    if (out.len)
        grpc_conn_feed(to, out.data, out.len);
    pthread_mutex_unlock(&to->lock);
}

/* RST_STREAM, CANCEL */
static void
add_reset(struct tenon_buf *b, uint32_t id)
{
    const unsigned char frame[] = {0, 0, 4, 3, 0, (unsigned char)(id >> 24), (unsigned char)(id >> 16),
                                   (unsigned char)(id >> 8), (unsigned char)id, 0, 0, 0, 8};

    tenon_buf_add(b, frame, sizeof frame);
}

static void
feed_in_parts(struct grpc_conn *conn, const struct tenon_buf *bytes, size_t part)
{
    pthread_mutex_lock(&conn->lock);
    for (size_t at = 0, n; at < bytes->len; at += n) {
        n = bytes->len - at < part ? bytes->len - at : part;
        grpc_conn_feed(conn, bytes->data + at, n);
    }
    pthread_mutex_unlock(&conn->lock);
}

static const struct early {
    uint32_t first, step; /* streams that are given up before the first begins */
    unsigned count;
    bool good;
} early[] = {
    {1, 2, 1, true},     {3, 2, 1, true},  {5, 2, 1, true},           {1, 2, 2, true},
    {9, 2, EARLY_MAX, true}, {9, 2, EARLY_MAX + 1, false}, {2, 2, 1, false}, {0, 2, 1, false},
};

/* grpcio gives up a call before it has written its beginning: that call alone is over. */
START_TEST(test_grpc_reset_ahead_of_its_stream)
{
    static const size_t parts[] = {1, 5, 9, 13, 24, SIZE_MAX};

    for (size_t p = 0; p < tenon_countof(parts); p++) {
        struct grpc_conn *client = grpc_conn_new(GRPC_CLIENT, NULL);
        struct grpc_conn *server = grpc_conn_new(GRPC_SERVER, NULL);
        auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
        struct grpc_call *calls[2], *served;
        const struct early *e = &early[_i];
        int begun = 0;

        pump(client, server, NULL);
        pump(server, client, NULL);
        pump(client, server, NULL);
        for (int i = 0; i < 2; i++) { /* 1 and 3 */
            calls[i] = grpc_call_start(client, "/a.B/C", NULL, 0, 0);
            grpc_call_send(calls[i], "x", 1);
            grpc_call_close_send(calls[i]);
        }
        for (unsigned i = 0; i < e->count; i++)
            add_reset(&bytes, e->first + i * e->step);
        pthread_mutex_lock(&client->lock);
        grpc_conn_pull(client, &bytes, SIZE_MAX);
        pthread_mutex_unlock(&client->lock);
        feed_in_parts(server, &bytes, parts[p]);
        for (; server->incoming; begun++) {
            served = grpc_conn_accept(server);
            grpc_call_fail(served, GRPC_NOT_FOUND, "here");
            grpc_call_free(served);
        }
        pump(server, client, NULL);
        pump(client, server, NULL);
        ck_assert_int_eq(!server->ended, e->good);
        ck_assert_uint_eq(server->theirs, 0);
        for (int i = 0; i < 2; i++) {
            const uint32_t id = (uint32_t)calls[i]->stream_id;
            const bool over = e->first <= id && id < e->first + e->count * e->step;
            if (e->good)
                kit_ends(calls[i], over ? GRPC_CANCELLED : GRPC_NOT_FOUND, over ? "" : "here");
            begun += over;
            grpc_call_free(calls[i]);
        }
        ck_assert(!e->good || begun == 2);
        grpc_conn_free(client);
        grpc_conn_free(server);
    }
}
END_TEST

/* Such streams are forgotten when later ones begin, however many there are in time. */
START_TEST(test_grpc_resets_ahead_in_the_long_run)
{
    struct grpc_conn *client = grpc_conn_new(GRPC_CLIENT, NULL);
    struct grpc_conn *server = grpc_conn_new(GRPC_SERVER, NULL);

    for (uint32_t i = 0; i < 3 * EARLY_MAX; i++) {
        auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
        struct grpc_call *call = grpc_call_start(client, "/a.B/C", NULL, 0, 0);
        if (i == 0)
            pump(client, server, NULL);
        else
            add_reset(&bytes, 2 * i + 1);
        pthread_mutex_lock(&client->lock);
        grpc_conn_pull(client, &bytes, SIZE_MAX);
        pthread_mutex_unlock(&client->lock);
        feed_in_parts(server, &bytes, SIZE_MAX);
        pump(server, client, NULL);
        ck_assert(grpc_call_over(call) || i == 0);
        grpc_call_free(call);
    }
    ck_assert(!server->ended);
    grpc_conn_free(client);
    grpc_conn_free(server);
}
END_TEST

/* A call that comes to its end; or is given up, once the server has it or before it began. */
static void
one_call(struct grpc_conn *client, struct grpc_conn *server, bool given_up, bool ahead)
{
    static const struct grpc_status fine = {0};
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
    struct grpc_call *call = grpc_call_start(client, "/a.B/C", NULL, 0, 0);

    if (ahead) {
        add_reset(&bytes, (uint32_t)call->stream_id);
        feed_in_parts(server, &bytes, SIZE_MAX);
    }
    if (!given_up)
        grpc_call_close_send(call);
    pump(client, server, NULL);
    struct grpc_call *served = ahead ? NULL : grpc_conn_accept(server);
    if (served && !given_up)
        grpc_call_finish(served, &fine);
    else
        grpc_call_cancel(call);
    pump(client, server, NULL);
    grpc_call_free(served);
    pump(server, client, NULL);
    pump(client, server, NULL);
    grpc_call_free(call);
}

/* Any number, as long as others come to their end; else resets_max. */
START_TEST(test_grpc_hostile_resets_max)
{
    struct grpc_limits limits = grpc_limits_default();
    auto_grpc_status struct grpc_status why = {0};
    const bool ahead = _i == 1;

    limits.resets_max = _i == 2 ? limits.resets_max : 3;
    struct grpc_conn *client = grpc_conn_new(GRPC_CLIENT, NULL);
    struct grpc_conn *server = grpc_conn_new(GRPC_SERVER, &limits);
    one_call(client, server, false, false); /* the settings */
    for (int i = 0; i < (_i == 2 ? 4000 : 20); i++) {
        one_call(client, server, true, ahead);
        if (_i != 2)
            one_call(client, server, false, false);
    }
    for (unsigned i = 0; i < 3; i++)
        one_call(client, server, true, ahead);
    ck_assert(grpc_conn_alive(server, &why));
    if (_i != 2) {
        struct grpc_call *call = grpc_call_start(client, "/a.B/C", NULL, 0, 0);
        auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
        if (!ahead)
            pump(client, server, NULL);
        add_reset(&bytes, (uint32_t)call->stream_id);
        feed_in_parts(server, &bytes, SIZE_MAX);
        pump(client, server, NULL);
        ck_assert(!grpc_conn_alive(server, &why));
        ck_assert_int_eq(why.code, GRPC_RESOURCE_EXHAUSTED);
        ck_assert_ptr_nonnull(strstr(why.message, "resets_max"));
        grpc_call_free(call);
    }
    grpc_conn_free(client);
    grpc_conn_free(server);
}
END_TEST

/* Answers to one who takes none.  Without threads: nothing goes out. */
START_TEST(test_grpc_hostile_memory_of_answers)
{
    struct grpc_limits limits = grpc_limits_default();
    struct grpc_conn *client = grpc_conn_new(GRPC_CLIENT, NULL);
    struct grpc_call *calls[4], *served[4];
    static const char data[700000];

    limits.memory_max = 2000000;
    struct grpc_conn *server = grpc_conn_new(GRPC_SERVER, &limits);
    for (int i = 0; i < 4; i++) {
        calls[i] = grpc_call_start(client, "/a.B/C", NULL, 0, 0);
        grpc_call_close_send(calls[i]);
    }
    pump(client, server, NULL);
    pump(server, client, NULL);
    for (int i = 0; i < 4; i++) {
        served[i] = grpc_conn_accept(server);
        ck_assert_int_eq(grpc_call_send(served[i], data, sizeof data), i < 2 ? 0 : -1);
    }
    ck_assert_uint_eq(server->queued_bytes, 2 * (sizeof data + FRAME_HEAD));
    for (int i = 0; i < 4; i++)
        grpc_call_free(served[i]);
    pump(server, client, NULL);
    for (int i = 2; i < 4; i++) {
        auto_grpc_status struct grpc_status status = {0};
        grpc_call_status(calls[i], &status);
        ck_assert_int_eq(status.code, GRPC_RESOURCE_EXHAUSTED);
        ck_assert_ptr_nonnull(strstr(status.message, "memory_max"));
    }
    for (int i = 0; i < 4; i++)
        grpc_call_free(calls[i]);
    pump(client, server, NULL);
    ck_assert_uint_eq(server->queued_bytes, 0);
    grpc_conn_free(client);
    grpc_conn_free(server);
}
END_TEST

/* The same of errors: their details count, and are left out where there is no room. */
START_TEST(test_grpc_hostile_memory_of_details)
{
    enum { CALLS = 4, FIT = 2, DETAILS = 40000 };
    struct grpc_limits limits = grpc_limits_default();
    struct grpc_conn *client = grpc_conn_new(GRPC_CLIENT, NULL);
    struct grpc_call *calls[CALLS], *served;
    static char details[DETAILS];
    const struct grpc_status status = {GRPC_ABORTED, (char *)"why", details, sizeof details};

    limits.memory_max = DETAILS * FIT + DETAILS / 2;
    struct grpc_conn *server = grpc_conn_new(GRPC_SERVER, &limits);
    for (int i = 0; i < CALLS; i++) {
        calls[i] = grpc_call_start(client, "/a.B/C", NULL, 0, 0);
        grpc_call_close_send(calls[i]);
    }
    pump(client, server, NULL);
    for (int i = 0; i < CALLS; i++) {
        served = grpc_conn_accept(server);
        grpc_call_finish(served, &status);
        grpc_call_free(served);
    }
    ck_assert_uint_eq(server->queued_bytes, FIT * DETAILS);
    pump(server, client, NULL);
    pump(client, server, NULL);
    for (int i = 0; i < CALLS; i++) {
        auto_grpc_status struct grpc_status got = {0};
        grpc_call_status(calls[i], &got);
        ck_assert_int_eq(got.code, GRPC_ABORTED);
        ck_assert_str_eq(got.message, "why");
        ck_assert_uint_eq(got.details_len, i < FIT ? DETAILS : 0);
        grpc_call_free(calls[i]);
    }
    ck_assert_uint_eq(server->queued_bytes, 0);
    grpc_conn_free(client);
    grpc_conn_free(server);
}
END_TEST

/* A call that ends with so many bytes of details: what the server sends, and how the client
 * has it. */
static void
end_with_details(int code, size_t len, const struct grpc_limits *client_limits,
                 const struct grpc_limits *server_limits, struct tenon_buf *sent,
                 struct grpc_status *got)
{
    struct grpc_conn *client = grpc_conn_new(GRPC_CLIENT, client_limits);
    struct grpc_conn *server = grpc_conn_new(GRPC_SERVER, server_limits);
    auto_free char *details = tenon_malloc(len);
    memset(details, 'x', len);

    struct grpc_call *call = grpc_call_start(client, "/a.B/C", NULL, 0, 0);
    grpc_call_close_send(call);
    pump(client, server, NULL);
    pump(server, client, NULL);
    struct grpc_call *served = grpc_conn_accept(server);
    const struct grpc_status status = {
        .code = code, .message = (char *)"why", .details = details, .details_len = len};
    grpc_call_begin(served, NULL, 0);
    grpc_call_finish(served, &status);
    grpc_call_free(served);
    pump(server, client, sent);
    pump(client, server, NULL);
    grpc_call_status(call, got);
    grpc_call_free(call);
    grpc_conn_free(client);
    grpc_conn_free(server);
}

/* nghttp2 leaves out trailers above 64 KiB, if it is not told otherwise; here are the frames. */
START_TEST(test_grpc_trailers_of_megabytes_are_sent)
{
    auto_buf struct tenon_buf sent = TENON_BUF_INIT;
    auto_grpc_status struct grpc_status got = {0};
    struct grpc_limits any = grpc_limits_default();
    size_t at = 0, headers = 0, bytes = 0;
    unsigned type = 0, flags = 0;

    any.header_max = 16 * 1024 * 1024;
    end_with_details(GRPC_ABORTED, 7 * 1024 * 1024, &any, NULL, &sent, &got);
    /* As a client, nghttp2 takes no more than 64 KiB of one; the others came before it. */
    ck_assert_int_eq(got.code, GRPC_ABORTED);
    ck_assert_str_eq(got.message, "why");
    ck_assert_uint_eq(got.details_len, 0);
    for (size_t len; at < sent.len; at += 9 + len) {
        const unsigned char *f = (const unsigned char *)sent.data + at;
        len = (size_t)f[0] << 16 | (size_t)f[1] << 8 | f[2];
        ck_assert_uint_le(9 + len, sent.len - at);
        type = f[3];
        flags = type == NGHTTP2_HEADERS ? f[4] : flags | f[4];
        headers += type == NGHTTP2_HEADERS;
        if (type == NGHTTP2_HEADERS || type == NGHTTP2_CONTINUATION)
            bytes += len;
    }
    ck_assert_uint_eq(at, sent.len);
    ck_assert_uint_eq(headers, 2); /* the answer's, and the trailers */
    ck_assert_uint_eq(type, NGHTTP2_CONTINUATION);
    ck_assert_uint_eq(flags, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM);
    /* base64, in no less than the six bits of a letter that it has. */
    ck_assert_uint_ge(bytes, 7 * 1024 * 1024 / 3 * 4 / 8 * 5);
}
END_TEST

START_TEST(test_grpc_ok_that_was_cut_off_is_none)
{
    auto_grpc_status struct grpc_status got = {0};
    struct grpc_limits any = grpc_limits_default();

    any.header_max = 16 * 1024 * 1024;
    end_with_details(GRPC_OK, 100 * 1024, &any, NULL, NULL, &got);
    ck_assert_int_eq(got.code, GRPC_INTERNAL);
}
END_TEST

START_TEST(test_grpc_details_that_do_not_fit_are_left_out)
{
    static const struct {
        size_t client, server, details;
        bool arrive;
    } tries[] = {
        {2000, 0, 1000, true},   {2000, 0, 3000, false}, /* what the peer says it takes */
        {0, 2000, 1000, true},   {0, 2000, 3000, false}, /* what we want to send */
        {50, 0, 10, false},
    };

    for (size_t i = 0; i < tenon_countof(tries); i++) {
        struct grpc_limits client = grpc_limits_default(), server = client;
        auto_grpc_status struct grpc_status got = {0};
        if (tries[i].client)
            client.header_max = tries[i].client;
        if (tries[i].server)
            server.trailer_max = tries[i].server;
        end_with_details(GRPC_ABORTED, tries[i].details, &client, &server, NULL, &got);
        if (tries[i].client == 50) /* not even the headers of the answer */
            ck_assert_int_eq(got.code, GRPC_RESOURCE_EXHAUSTED);
        else
            ck_assert_int_eq(got.code, GRPC_ABORTED);
        ck_assert_uint_eq(got.details_len, tries[i].arrive ? tries[i].details : 0);
        ck_assert(got.code != GRPC_ABORTED || strcmp(got.message, "why") == 0);
    }
}
END_TEST

/* ---- texts ----------------------------------------------------------------------------------------------------- */

START_TEST(test_grpc_coding_timeouts)
{
    static const struct {
        const char *text;
        uint64_t ns;
    } times[] = {
        {"1n", 1}, {"99999999n", 99999999}, {"100000u", 100000000}, {"7m", 7000000},
        {"15S", UINT64_C(15000000000)}, {"2M", UINT64_C(120000000000)},
        {"1H", UINT64_C(3600000000000)}, {"99999999H", UINT64_MAX}, {"00000001S", 1000000000},
        {"0S", 0},
    };
    static const struct {
        uint64_t ns;
        const char *text;
    } formats[] = {
        {1, "1n"}, {99999999, "99999999n"}, {100000000, "100000u"}, {100000001, "100001u"},
        {UINT64_C(15000000000), "15000000u"}, {UINT64_C(3600000000000), "3600000m"},
        {UINT64_MAX, "5124096H"},
    };
    uint64_t ns;
    char text[16];

    for (size_t i = 0; i < tenon_countof(times); i++) {
        ck_assert(grpc_timeout_parse(times[i].text, strlen(times[i].text), &ns));
        ck_assert_uint_eq(ns, times[i].ns);
    }
    for (size_t i = 0; i < tenon_countof(formats); i++) {
        grpc_timeout_format(formats[i].ns, text);
        ck_assert(strcmp(text, formats[i].text) == 0 || formats[i].ns == UINT64_MAX);
        ck_assert(grpc_timeout_parse(text, strlen(text), &ns));
        ck_assert_uint_ge(ns, formats[i].ns);
    }
}
END_TEST

START_TEST(test_grpc_coding_percent)
{
    static const struct {
        const char *coded, *text;
    } texts[] = {
        {"a%20b", "a b"}, {"%E2%82%AC", "\xe2\x82\xac"}, {"%", "%"}, {"%4", "%4"}, {"%zz", "%zz"},
        {"%41%", "A%"}, {"%00x", "%00x"}, {"100%25", "100%"}, {"%e2%82%ac", "\xe2\x82\xac"},
    };

    for (size_t i = 0; i < tenon_countof(texts); i++) {
        auto_buf struct tenon_buf b = TENON_BUF_INIT;
        grpc_percent_decode(&b, texts[i].coded, strlen(texts[i].coded));
        ck_assert_str_eq(tenon_buf_str(&b), texts[i].text);
    }
    /* As others must be able to read it: blanks at either end of a header are not kept. */
    static const struct {
        const char *text, *coded;
    } sent[] = {
        {"", ""}, {"a b", "a b"}, {" ", "%20"}, {"  ", "%20%20"}, {" a", "%20a"}, {"a ", "a%20"},
        {" a b ", "%20a b%20"}, {"a\n", "a%0A"}, {"\t", "%09"}, {"~\x7f", "~%7F"}, {"100%", "100%25"},
        {"\xe2\x82\xac", "%E2%82%AC"}, {"\xff", "%FF"},
    };
    for (size_t i = 0; i < tenon_countof(sent); i++) {
        auto_buf struct tenon_buf b = TENON_BUF_INIT;
        grpc_percent_encode(&b, sent[i].text, 100);
        ck_assert_str_eq(tenon_buf_str(&b), sent[i].coded);
    }
    /* Never more than there is room for, and never half a character. */
    for (size_t max = 0; max < 24; max++) {
        auto_buf struct tenon_buf b = TENON_BUF_INIT, back = TENON_BUF_INIT;
        grpc_percent_encode(&b, "a\xe2\x82\xac b\xff%", max);
        ck_assert_uint_le(b.len, max);
        grpc_percent_decode(&back, tenon_buf_str(&b), b.len);
        ck_assert_int_eq(strncmp("a\xe2\x82\xac b\xff%", tenon_buf_str(&back), back.len), 0);
        ck_assert(back.len == 0 || back.len == 1 || back.len >= 4);
    }
}
END_TEST

START_TEST(test_grpc_coding_base64)
{
    static const struct {
        const char *text;
        bool good;
        const char *bytes;
    } texts[] = {
        {"", true, ""},        {"YQ", true, "a"},     {"YQ==", true, "a"},  {"YWI", true, "ab"},
        {"YWI=", true, "ab"},  {"YWJj", true, "abc"}, {"YWJjZA", true, "abcd"},
        {"Y", false, NULL},    {"YQ=", false, NULL},  {"YQ===", false, NULL}, {"YW=j", false, NULL},
        {"Y Q=", false, NULL}, {"YW-j", false, NULL}, {"====", false, NULL},  {"YWJjZ", false, NULL},
    };

    for (size_t i = 0; i < tenon_countof(texts); i++) {
        auto_buf struct tenon_buf b = TENON_BUF_INIT, again = TENON_BUF_INIT;
        ck_assert_msg(grpc_base64_decode(&b, texts[i].text, strlen(texts[i].text)) == texts[i].good,
                      "%s", texts[i].text);
        if (!texts[i].good)
            continue;
        ck_assert_str_eq(tenon_buf_str(&b), texts[i].bytes);
        grpc_base64_encode(&again, tenon_buf_str(&b), b.len);
        ck_assert_int_eq(strncmp(tenon_buf_str(&again), texts[i].text, again.len), 0);
    }
}
END_TEST

static Suite *
suite(void)
{
    Suite *s = suite_create("grpc-hostile");
    TCase *t = tcase_create("peers"), *c = tcase_create("coding");

    tcase_add_loop_test(t, test_grpc_hostile_garbage_ends_the_connection, 0,
                        (int)tenon_countof(garbage));
    tcase_add_loop_test(t, test_grpc_hostile_greeting, 0, 2);
    tcase_add_test(t, test_grpc_hostile_reads_late);
    tcase_add_loop_test(t, test_grpc_hostile_messages, 0, (int)tenon_countof(messages));
    tcase_add_test(t, test_grpc_hostile_answer_longer_than_message_max);
    tcase_add_test(t, test_grpc_hostile_send_max);
    tcase_add_test(t, test_grpc_hostile_memory_max);
    tcase_add_test(t, test_grpc_hostile_memory_of_calls_at_work);
    tcase_add_test(t, test_grpc_hostile_memory_of_answers);
    tcase_add_test(t, test_grpc_hostile_memory_of_details);
    tcase_add_test(t, test_grpc_hostile_flood_of_empty_messages_waits);
    tcase_add_test(t, test_grpc_hostile_header_max);
    tcase_add_test(t, test_grpc_hostile_answer_longer_than_header_max);
    tcase_add_test(t, test_grpc_hostile_rapid_resets_meet_streams_max);
    tcase_add_loop_test(t, test_grpc_reset_ahead_of_its_stream, 0, (int)tenon_countof(early));
    tcase_add_test(t, test_grpc_resets_ahead_in_the_long_run);
    tcase_add_loop_test(t, test_grpc_hostile_resets_max, 0, 3);
    tcase_add_test(t, test_grpc_trailers_of_megabytes_are_sent);
    tcase_add_test(t, test_grpc_ok_that_was_cut_off_is_none);
    tcase_add_test(t, test_grpc_details_that_do_not_fit_are_left_out);
    suite_add_tcase(s, t);
    tcase_add_test(c, test_grpc_coding_timeouts);
    tcase_add_test(c, test_grpc_coding_percent);
    tcase_add_test(c, test_grpc_coding_base64);
    suite_add_tcase(s, c);
    return s;
}

int
main(void)
{
    return unit_run(suite());
}
