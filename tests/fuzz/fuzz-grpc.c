/* fuzz-grpc - a peer that says anything: HTTP/2, headers, messages, in either role.  The first
 * byte chooses: the role, whether the beginning of a connection (preface, settings) is put in
 * front, and how many bytes arrive at a time. */
#define FUZZ_CORPUS "grpc"
#include "fuzz.h"

#include "common/grpc/private.h"

static const char beginning[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";

/* Whatever is to be sent; small windows and limits are kept. */
static void
drain(struct grpc_conn *conn)
{
    auto_buf struct tenon_buf out = TENON_BUF_INIT;

    pthread_mutex_lock(&conn->lock);
    grpc_conn_pull(conn, &out, SIZE_MAX);
    grpc_conn_settle(conn);
    tenon_assert(conn->held_bytes <= conn->limits.memory_max);
    tenon_assert(conn->theirs <= conn->limits.streams_max);
    pthread_mutex_unlock(&conn->lock);
}

static bool
feed(struct grpc_conn *conn, const void *data, size_t len)
{
    char *copy = fuzz_copy(data, len);

    pthread_mutex_lock(&conn->lock);
    bool alive = grpc_conn_feed(conn, copy, len);
    pthread_mutex_unlock(&conn->lock);
    free(copy);
    return alive;
}

/* Takes what waits, as nothing here may wait. */
static void
take(struct grpc_call *call)
{
    auto_buf struct tenon_buf m = TENON_BUF_INIT;

    while (call->first && grpc_call_recv(call, &m) == 1) {
        tenon_assert(m.len <= call->conn->limits.message_max);
        if (call->conn->role == GRPC_SERVER && call->out.len < 100)
            grpc_call_send(call, m.data, m.len);
    }
}

static void
serve(struct grpc_conn *conn)
{
    while (!conn->ended && conn->incoming) {
        struct grpc_call *call = grpc_conn_accept(conn);
        struct grpc_header h;
        tenon_assert(grpc_call_path(call)[0] == '/');
        for (size_t i = 0; grpc_call_header_next(call, &i, &h);)
            tenon_assert(*h.name && *h.name != ':');
        take(call);
        if (call->stream_id % 4 == 1) /* of some more is read later */
            grpc_call_fail(call, GRPC_ABORTED, "%s", grpc_call_path(call));
        grpc_call_free(call);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct grpc_limits limits = {
        .message_max = 2000, .send_max = 2000, .header_max = 1000, .trailer_max = 1000,
        .memory_max = 4000, .queue_max = 1000, .streams_max = 5,
    };
    if (size == 0)
        return 0;
    unsigned how = *data++;
    size_t cut = how >> 2 ? how >> 2 : SIZE_MAX;
    struct grpc_conn *conn = grpc_conn_new(how & 1 ? GRPC_SERVER : GRPC_CLIENT, &limits);
    struct grpc_call *calls[3] = {0};
    size--;

    for (size_t i = 0; conn->role == GRPC_CLIENT && i < tenon_countof(calls); i++) {
        calls[i] = grpc_call_start(conn, "/a.B/C", NULL, 0, 0);
        grpc_call_send(calls[i], "question", 8);
        if (i)
            grpc_call_close_send(calls[i]);
    }
    drain(conn);
    if (how & 2) {
        size_t skip = conn->role == GRPC_SERVER ? 0 : 24; /* a server has no preface */
        feed(conn, beginning + skip, sizeof beginning - 1 - skip);
    }
    for (size_t n; size; data += n, size -= n) {
        n = size < cut ? size : cut;
        bool alive = feed(conn, data, n);
        serve(conn);
        for (size_t i = 0; i < tenon_countof(calls); i++) {
            if (calls[i])
                take(calls[i]);
        }
        drain(conn);
        if (!alive)
            break;
    }
    for (size_t i = 0; i < tenon_countof(calls); i++)
        grpc_call_free(calls[i]);
    grpc_conn_free(conn);
    return 0;
}
