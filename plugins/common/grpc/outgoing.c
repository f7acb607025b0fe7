/* common/grpc/outgoing.c - what is sent on a stream: headers, messages, and the status at the
 * end. */
#include <stdarg.h>
#include <string.h>

#include "common/grpc/coding.h"
#include "common/grpc/private.h"

/* nghttp2 copies all of it when it is submitted. */
struct fields {
    TENON_VEC(nghttp2_nv) list;
    size_t bytes; /* as SETTINGS_MAX_HEADER_LIST_SIZE counts */
};

static void
add(struct fields *f, const char *name, const char *value)
{
    nghttp2_nv nv = {
        .name = (uint8_t *)name, /* not written to: the type is nghttp2's */
        .value = (uint8_t *)value,
        .namelen = strlen(name),
        .valuelen = strlen(value),
        .flags = NGHTTP2_NV_FLAG_NONE,
    };
    if (nv.valuelen > STREAM_WINDOW / 256)
        nv.flags = NGHTTP2_NV_FLAG_NO_INDEX;
    f->bytes += nv.namelen + nv.valuelen + HEADER_OVERHEAD;
    tenon_vec_push(&f->list, nv);
}

static void
add_all(struct fields *f, const struct grpc_header *headers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        add(f, headers[i].name, headers[i].value);
}

/* ---- the end ------------------------------------------------------------- */

struct status_texts { /* what a status is on the wire */
    char code[16];
    struct tenon_buf message, details;
};

/* How much a trailer may be: what we allow, and what the peer said it takes. */
static size_t
trailer_room(const struct grpc_conn *conn)
{
    uint32_t theirs =
        nghttp2_session_get_remote_settings(conn->session, NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE);

    return theirs < conn->limits.trailer_max ? theirs : conn->limits.trailer_max;
}

/* The code always, then the message as far as there is room, the details whole or not at
 * all. */
static void
add_status(struct fields *f, struct status_texts *t, const struct grpc_call *call)
{
    const struct grpc_status *s = &call->status;
    size_t room = trailer_room(call->conn);
    size_t names = sizeof "grpc-message" + HEADER_OVERHEAD;

    snprintf(t->code, sizeof t->code, "%d", s->code);
    add(f, "grpc-status", t->code);
    if (s->message && *s->message && f->bytes + names < room) {
        size_t max = room - f->bytes - names;
        grpc_percent_encode(&t->message, s->message, max < STATUS_TEXT_MAX ? max : STATUS_TEXT_MAX);
        add(f, "grpc-message", tenon_buf_str(&t->message));
    }
    names = sizeof "grpc-status-details-bin" + HEADER_OVERHEAD;
    if (s->details_len && f->bytes + names < room &&
        s->details_len <= (room - f->bytes - names) / 4 * 3) {
        grpc_base64_encode(&t->details, s->details, s->details_len);
        add(f, "grpc-status-details-bin", tenon_buf_str(&t->details));
    }
}

static void
release(struct fields *f, struct status_texts *t)
{
    tenon_vec_release(&f->list);
    tenon_buf_release(&t->message);
    tenon_buf_release(&t->details);
}

static int
submit_trailers(struct grpc_call *call)
{
    struct fields f = {0};
    struct status_texts t = {0};

    add_status(&f, &t, call);
    int rv = nghttp2_submit_trailer(call->conn->session, call->stream_id, f.list.items, f.list.len);
    release(&f, &t);
    return rv;
}

/* nghttp2 wants up to `room` bytes of the stream. */
static ssize_t
read_out(nghttp2_session *session, int32_t stream_id, uint8_t *to, size_t room, uint32_t *flags,
         nghttp2_data_source *source, void *user)
{
    struct grpc_call *call = source->ptr;
    size_t left = call->out.len - call->out_at, n = left < room ? left : room;
    (void)session, (void)stream_id, (void)user;

    if (n) {
        memcpy(to, call->out.data + call->out_at, n);
        call->out_at += n;
        call->conn->queued_bytes -= n;
        pthread_cond_broadcast(&call->changed); /* who waits for the queue */
    }
    if (call->out_at < call->out.len)
        return (ssize_t)n;
    call->out_at = 0;
    tenon_buf_clear(&call->out);
    if (call->out.cap > call->conn->limits.queue_max) /* one long message is no reason to keep it */
        tenon_buf_release(&call->out);
    if (!call->closing)
        return n ? (ssize_t)n : NGHTTP2_ERR_DEFERRED;
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    call->closed = true;
    if (call->conn->role == GRPC_SERVER) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        if (submit_trailers(call) != 0)
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* resets the stream */
    }
    return (ssize_t)n;
}

/* ---- the beginning ------------------------------------------------------- */

static nghttp2_data_provider
provider(struct grpc_call *call)
{
    return (nghttp2_data_provider){.source.ptr = call, .read_callback = read_out};
}

void
grpc_out_request(struct grpc_call *call, const struct grpc_header *headers, size_t count,
                 uint64_t timeout_ns)
{
    nghttp2_data_provider data = provider(call);
    struct fields f = {0};
    char timeout[16];

    add(&f, ":method", "POST");
    add(&f, ":scheme", "http");
    add(&f, ":path", call->path);
    add(&f, ":authority", "localhost");
    add(&f, "content-type", "application/grpc");
    add(&f, "te", "trailers");
    add(&f, "user-agent", "tenon/" TENON_VERSION);
    if (timeout_ns) {
        grpc_timeout_format(timeout_ns, timeout);
        add(&f, "grpc-timeout", timeout);
    }
    add_all(&f, headers, count);
    int32_t id = nghttp2_submit_request(call->conn->session, NULL, f.list.items, f.list.len, &data,
                                        call);
    tenon_vec_release(&f.list);
    if (id < 0) {
        grpc_call_end(call, GRPC_UNAVAILABLE, nghttp2_strerror(id));
        return;
    }
    call->stream_id = id;
    call->open = call->begun = true;
    grpc_conn_wake(call->conn);
}

static void
submit_response(struct grpc_call *call, struct fields *f, const nghttp2_data_provider *data)
{
    call->begun = true;
    if (nghttp2_submit_response(call->conn->session, call->stream_id, f->list.items, f->list.len,
                                data) != 0)
        nghttp2_submit_rst_stream(call->conn->session, NGHTTP2_FLAG_NONE, call->stream_id,
                                  NGHTTP2_INTERNAL_ERROR);
    grpc_conn_wake(call->conn);
}

void
grpc_out_response(struct grpc_call *call, const struct grpc_header *headers, size_t count)
{
    nghttp2_data_provider data = provider(call);
    struct fields f = {0};

    add(&f, ":status", "200");
    add(&f, "content-type", "application/grpc");
    add_all(&f, headers, count);
    submit_response(call, &f, &data);
    tenon_vec_release(&f.list);
}

/* Nothing but a status: one frame ("Trailers-Only"). */
static void
respond_with_status(struct grpc_call *call)
{
    struct fields f = {0};
    struct status_texts t = {0};

    add(&f, ":status", "200");
    add(&f, "content-type", "application/grpc");
    if (call->is_encoded)
        add(&f, "grpc-accept-encoding", "identity");
    add_status(&f, &t, call);
    call->closed = true;
    submit_response(call, &f, NULL);
    release(&f, &t);
}

static void
resume(struct grpc_call *call)
{
    /* Fails when it was not waiting, which is as good. */
    nghttp2_session_resume_data(call->conn->session, call->stream_id);
    grpc_conn_wake(call->conn);
}

void
grpc_out_message(struct grpc_call *call, const void *data, size_t len)
{
    const unsigned char head[FRAME_HEAD] = {0, (unsigned char)(len >> 24),
                                            (unsigned char)(len >> 16), (unsigned char)(len >> 8),
                                            (unsigned char)len};

    if (call->out_at > call->out.len / 2) { /* what is gone makes room */
        memmove(call->out.data, call->out.data + call->out_at, call->out.len - call->out_at);
        tenon_buf_truncate(&call->out, call->out.len - call->out_at);
        call->out_at = 0;
    }
    tenon_buf_reserve(&call->out, sizeof head + len);
    tenon_buf_add(&call->out, head, sizeof head);
    tenon_buf_add(&call->out, data, len);
    call->conn->queued_bytes += sizeof head + len;
    if (!call->begun)
        grpc_out_response(call, NULL, 0);
    resume(call);
}

void
grpc_out_close(struct grpc_call *call)
{
    call->closing = true;
    if (call->begun)
        resume(call);
    else
        respond_with_status(call);
}

/* ---- failures ------------------------------------------------------------ */

void
grpc_out_reset(struct grpc_call *call, uint32_t error)
{
    if (!call->open)
        return;
    nghttp2_submit_rst_stream(call->conn->session, NGHTTP2_FLAG_NONE, call->stream_id, error);
    grpc_conn_wake(call->conn);
}

void
grpc_call_refuse(struct grpc_call *call, int code, const char *fmt, ...)
{
    va_list ap;

    call->deaf = true;
    grpc_call_forget_messages(call);
    grpc_call_consume(call);
    if (call->over || (call->closing && call->conn->role == GRPC_SERVER))
        return;
    va_start(ap, fmt);
    grpc_call_vset_status(call, code, fmt, ap);
    va_end(ap);
    grpc_call_forget_out(call);
    if (call->conn->role == GRPC_SERVER) {
        grpc_out_close(call);
    } else {
        grpc_out_reset(call, NGHTTP2_CANCEL);
    }
    grpc_call_end(call, code, "");
}
