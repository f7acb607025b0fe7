/* common/grpc/call.c - calls, as their users see them. */
#include <stdarg.h>
#include <string.h>
#include <sys/eventfd.h>

#include "common/grpc/private.h"

static void
lock(const struct grpc_call *call)
{
    pthread_mutex_lock(&call->conn->lock);
}

static void
unlock(const struct grpc_call *call)
{
    pthread_mutex_unlock(&call->conn->lock);
}

static void
wait_for_change(struct grpc_call *call)
{
    pthread_cond_wait(&call->changed, &call->conn->lock);
}

/* ---- beginning ----------------------------------------------------------- */

struct grpc_call *
grpc_call_start(struct grpc_conn *conn, const char *path, const struct grpc_header *headers,
                size_t count, uint64_t timeout_ns)
{
    pthread_mutex_lock(&conn->lock);
    struct grpc_call *call = grpc_call_new(conn);
    call->path = tenon_strdup(path);
    tenon_assert(conn->role == GRPC_CLIENT);
    if (conn->ended)
        grpc_call_end(call, conn->why.code, conn->why.message);
    else if (conn->goaway)
        grpc_call_end(call, GRPC_UNAVAILABLE, "the server takes no more calls");
    else
        grpc_out_request(call, headers, count, timeout_ns);
    if (timeout_ns && !call->over) {
        uint64_t now = grpc_now_ns();
        call->deadline_ns = timeout_ns < UINT64_MAX - now ? now + timeout_ns : UINT64_MAX;
        conn->deadlines++;
    }
    pthread_mutex_unlock(&conn->lock);
    return call;
}

struct grpc_call *
grpc_conn_accept(struct grpc_conn *conn)
{
    pthread_mutex_lock(&conn->lock);
    while (!conn->ended && !conn->incoming)
        pthread_cond_wait(&conn->changed, &conn->lock);
    struct grpc_call *call = conn->ended ? NULL : conn->incoming;
    if (call) {
        conn->incoming = call->next_incoming;
        call->next_incoming = NULL;
        if (!conn->incoming)
            conn->incoming_last = &conn->incoming;
    }
    pthread_mutex_unlock(&conn->lock);
    return call;
}

/* ---- messages ------------------------------------------------------------ */

/* Takes the first that waits. */
static void
take(struct grpc_call *call, struct tenon_buf *out)
{
    struct grpc_waiting *w = call->first;
    size_t bytes = w->data.len + MESSAGE_OVERHEAD;

    call->first = w->next;
    if (!call->first) {
        call->last = &call->first;
        grpc_call_consume(call); /* now it may go on */
    }
    call->held_bytes -= bytes;
    call->conn->held_bytes -= call->taken_bytes; /* that is in use no more */
    call->taken_bytes = bytes;
    tenon_buf_release(out);
    *out = w->data;
    free(w);
}

/* What stands after the last message. */
static int
end_of_messages(const struct grpc_call *call)
{
    if (call->conn->role == GRPC_SERVER)
        return call->over ? -1 : 0;
    return call->status.code == GRPC_OK ? 0 : -1;
}

static int
recv_locked(struct grpc_call *call, struct tenon_buf *out)
{
    while (!call->first && !call->all_in)
        wait_for_change(call);
    if (!call->first || (call->conn->role == GRPC_SERVER && call->over))
        return end_of_messages(call);
    take(call, out);
    return 1;
}

int
grpc_call_recv(struct grpc_call *call, struct tenon_buf *out)
{
    lock(call);
    int got = recv_locked(call, out);
    unlock(call);
    return got;
}

int
grpc_call_recv_only(struct grpc_call *call, struct tenon_buf *out)
{
    auto_buf struct tenon_buf more = TENON_BUF_INIT;

    lock(call);
    int got = recv_locked(call, out);
    int second = got == 1 ? recv_locked(call, &more) : -1;
    if (got == 0)
        grpc_call_refuse(call, GRPC_INTERNAL, "the request has no message");
    else if (second == 1)
        grpc_call_refuse(call, GRPC_INTERNAL, "the request has more than one message");
    unlock(call);
    return second == 0 ? 0 : -1;
}

static bool
may_send(const struct grpc_call *call)
{
    return !call->over && !call->closing;
}

/* Of a server's: more bytes may wait to be sent. */
static size_t
room_for_answers(const struct grpc_conn *conn)
{
    const size_t most = conn->limits.memory_max;

    return conn->queued_bytes < most ? most - conn->queued_bytes : 0;
}

int
grpc_call_send(struct grpc_call *call, const void *data, size_t len)
{
    const struct grpc_limits *limits = &call->conn->limits;

    lock(call);
    while (may_send(call) && call->out.len - call->out_at >= limits->queue_max)
        wait_for_change(call);
    bool may = may_send(call), fits = len <= limits->send_max && len <= UINT32_MAX;
    const bool crowded = call->conn->role == GRPC_SERVER && len > room_for_answers(call->conn);
    if (may && fits && crowded)
        grpc_call_refuse(call, GRPC_RESOURCE_EXHAUSTED,
                         "answers that wait are more than memory_max, %zu bytes",
                         limits->memory_max);
    else if (may && fits)
        grpc_out_message(call, data, len);
    else if (may)
        grpc_call_refuse(call, GRPC_RESOURCE_EXHAUSTED,
                         "a message of %zu bytes is longer than send_max, %zu bytes", len,
                         limits->send_max);
    unlock(call);
    return may && fits && !crowded ? 0 : -1;
}

void
grpc_call_close_send(struct grpc_call *call)
{
    lock(call);
    tenon_assert(call->conn->role == GRPC_CLIENT);
    if (may_send(call))
        grpc_out_close(call);
    unlock(call);
}

/* ---- a server's answer --------------------------------------------------- */

void
grpc_call_begin(struct grpc_call *call, const struct grpc_header *headers, size_t count)
{
    lock(call);
    tenon_assert(call->conn->role == GRPC_SERVER);
    if (may_send(call) && !call->begun)
        grpc_out_response(call, headers, count);
    unlock(call);
}

static void
finish_locked(struct grpc_call *call, const struct grpc_status *status)
{
    grpc_call_uncount(call);
    if (!may_send(call))
        return;
    grpc_status_release(&call->status);
    call->has_status = true;
    call->status.code = status->code;
    call->status.message = tenon_strdup(status->message);
    /* Without them the code and the message are an answer, too. */
    if (status->details_len && status->details_len <= room_for_answers(call->conn)) {
        call->status.details = tenon_memdup(status->details, status->details_len);
        call->status.details_len = status->details_len;
        call->conn->queued_bytes += status->details_len;
    }
    grpc_out_close(call);
    pthread_cond_broadcast(&call->changed);
}

void
grpc_call_finish(struct grpc_call *call, const struct grpc_status *status)
{
    lock(call);
    tenon_assert(call->conn->role == GRPC_SERVER);
    finish_locked(call, status);
    unlock(call);
}

void
grpc_call_fail(struct grpc_call *call, int code, const char *fmt, ...)
{
    auto_grpc_status struct grpc_status status = {.code = code};
    va_list ap;

    va_start(ap, fmt);
    status.message = tenon_vasprintf(fmt, ap);
    va_end(ap);
    grpc_call_finish(call, &status);
}

bool
grpc_call_await(struct grpc_call *call, bool whole)
{
    lock(call);
    tenon_assert(call->conn->role == GRPC_SERVER);
    while (!call->all_in && (whole || !call->first))
        wait_for_change(call);
    const bool there = !call->over;
    unlock(call);
    return there;
}

void
grpc_call_abort(struct grpc_call *call, int code, const char *message)
{
    lock(call);
    tenon_assert(call->conn->role == GRPC_SERVER);
    grpc_call_refuse(call, code, "%s", message);
    if (!call->over) { /* it was finished, and not all of that is gone */
        grpc_call_forget_out(call);
        grpc_out_reset(call, NGHTTP2_CANCEL);
        grpc_call_end(call, code, "");
    }
    unlock(call);
}

/* ---- the end ------------------------------------------------------------- */

void
grpc_call_cancel(struct grpc_call *call)
{
    lock(call);
    tenon_assert(call->conn->role == GRPC_CLIENT);
    grpc_call_refuse(call, GRPC_CANCELLED, "the call was cancelled");
    unlock(call);
}

void
grpc_call_status(struct grpc_call *call, struct grpc_status *out)
{
    auto_buf struct tenon_buf dropped = TENON_BUF_INIT;

    lock(call);
    tenon_assert(call->conn->role == GRPC_CLIENT);
    while (recv_locked(call, &dropped) == 1)
        continue;
    *out = (struct grpc_status){
        .code = call->status.code,
        .message = tenon_strdup(call->status.message),
        .details = call->status.details_len
                       ? tenon_memdup(call->status.details, call->status.details_len)
                       : NULL,
        .details_len = call->status.details_len,
    };
    unlock(call);
}

bool
grpc_call_over(struct grpc_call *call)
{
    lock(call);
    bool over = call->over;
    unlock(call);
    return over;
}

int
grpc_call_over_fd(struct grpc_call *call)
{
    lock(call);
    if (call->over_fd < 0)
        call->over_fd = eventfd(call->over, EFD_CLOEXEC | EFD_NONBLOCK);
    int fd = call->over_fd;
    unlock(call);
    return fd;
}

void
grpc_call_free(struct grpc_call *call)
{
    static const struct grpc_status silent = {.code = GRPC_UNKNOWN};

    if (!call)
        return;
    struct grpc_conn *conn = call->conn;
    pthread_mutex_lock(&conn->lock);
    if (conn->role == GRPC_CLIENT)
        grpc_call_refuse(call, GRPC_CANCELLED, "the call was cancelled");
    else
        finish_locked(call, &silent);
    call->deaf = true; /* nobody takes what arrives */
    conn->held_bytes -= call->taken_bytes;
    call->taken_bytes = 0;
    grpc_call_forget_messages(call);
    grpc_call_consume(call);
    call->held = false;
    grpc_call_drop(call);
    pthread_mutex_unlock(&conn->lock);
}

bool
grpc_call_unary(struct grpc_conn *conn, const char *path, const struct grpc_header *headers,
                size_t count, uint64_t timeout_ns, const void *request, size_t len,
                struct tenon_buf *reply, struct grpc_status *status)
{
    auto_grpc_call struct grpc_call *call =
        grpc_call_start(conn, path, headers, count, timeout_ns);

    if (grpc_call_send(call, request, len) == 0)
        grpc_call_close_send(call);
    bool got = grpc_call_recv(call, reply) == 1;
    grpc_call_status(call, status);
    if (status->code == GRPC_OK && !got) {
        status->code = GRPC_INTERNAL;
        free(status->message);
        status->message = tenon_strdup("the answer has no message");
    }
    return status->code == GRPC_OK;
}

/* ---- what the other side said -------------------------------------------- */

const char *
grpc_call_path(const struct grpc_call *call)
{
    return call->path;
}

void
grpc_conn_set_owner(struct grpc_conn *conn, void *owner)
{
    conn->owner = owner;
}

void *
grpc_call_owner(const struct grpc_call *call)
{
    return call->conn->owner;
}

const char *
grpc_call_header(struct grpc_call *call, const char *name)
{
    lock(call);
    const char *value = grpc_pairs_get(&call->headers, name);
    unlock(call);
    return value;
}

bool
grpc_call_header_next(struct grpc_call *call, size_t *i, struct grpc_header *out)
{
    lock(call);
    bool there = *i < call->headers.list.len;
    if (there) {
        const struct grpc_pair *pair = &call->headers.list.items[(*i)++];
        *out = (struct grpc_header){.name = pair->name, .value = pair->value};
    }
    unlock(call);
    return there;
}

const char *
grpc_call_trailer(struct grpc_call *call, const char *name)
{
    lock(call);
    const char *value = call->over ? grpc_pairs_get(&call->trailers, name) : NULL;
    unlock(call);
    return value;
}

const char *
grpc_code_name(int code, char room[24])
{
    static const char *const names[] = {
        "ok", "cancelled", "unknown", "invalid argument", "deadline exceeded", "not found",
        "already exists", "permission denied", "resource exhausted", "failed precondition",
        "aborted", "out of range", "unimplemented", "internal", "unavailable", "data loss",
        "unauthenticated",
    };

    if (code >= 0 && (size_t)code < tenon_countof(names))
        return names[code];
    snprintf(room, 24, "code %d", code);
    return room;
}
