/* common/grpc/connection.c - HTTP/2, and what arrives: bytes in, bytes out.
 *
 * nghttp2 does frames, header compression, windows, pings and the limits on floods of control
 * frames.  Here its events become calls and messages. */
#include <string.h>

#include "common/grpc/coding.h"
#include "common/grpc/private.h"
#include "tools/parse.h"

/* ---- headers ------------------------------------------------------------- */

static bool
is_text(const uint8_t *value, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (value[i] < ' ' || value[i] > '~')
            return false;
    }
    return true;
}

static bool
equals(const uint8_t *name, size_t len, const char *text)
{
    return len == strlen(text) && memcmp(name, text, len) == 0;
}

static void
keep(struct grpc_pairs *p, const uint8_t *name, size_t namelen, const uint8_t *value, size_t len)
{
    struct grpc_pair *pair = tenon_vec_add(&p->list);

    pair->name = tenon_strndup((const char *)name, namelen);
    pair->value = tenon_strndup((const char *)value, len);
}

/* A header of HTTP's or of the protocol's; false: metadata. */
static bool
take_known(struct grpc_call *call, const uint8_t *name, size_t namelen, const uint8_t *value,
           size_t len)
{
    static const char type[] = "application/grpc";
    uint64_t n;

    if (equals(name, namelen, ":path")) {
        call->path = call->path ? call->path : tenon_strndup((const char *)value, len);
    } else if (equals(name, namelen, ":method")) {
        call->is_post = equals(value, len, "POST");
    } else if (equals(name, namelen, ":status")) {
        auto_free char *text = tenon_strndup((const char *)value, len);
        call->http_status = tenon_parse_u64(text, 10, &n) && n < 1000 ? (unsigned)n : 0;
    } else if (equals(name, namelen, "content-type")) {
        call->is_grpc = len >= sizeof type - 1 && memcmp(value, type, sizeof type - 1) == 0 &&
                        (len == sizeof type - 1 || strchr("+;", value[sizeof type - 1]));
    } else if (equals(name, namelen, "grpc-encoding")) {
        call->is_encoded = !equals(value, len, "identity");
    } else if (equals(name, namelen, "grpc-timeout") && call->conn->role == GRPC_SERVER) {
        if (!grpc_timeout_parse((const char *)value, len, &n)) {
            call->bad_timeout = true;
        } else if (!call->deadline_ns && !call->bad_timeout) {
            uint64_t now = grpc_now_ns();
            call->deadline_ns = n < UINT64_MAX - now ? now + n : UINT64_MAX;
            call->conn->deadlines++;
        }
    } else {
        return namelen && name[0] == ':';
    }
    return true;
}

/* A header of the end; false: metadata. */
static bool
take_status(struct grpc_call *call, const uint8_t *name, size_t namelen, const uint8_t *value,
            size_t len)
{
    uint64_t n;

    if (equals(name, namelen, "grpc-status")) {
        auto_free char *text = tenon_strndup((const char *)value, len);
        bool good = tenon_parse_u64(text, 10, &n) && n <= INT32_MAX;
        if (!call->has_status)
            call->status.code = good ? (int)n : GRPC_UNKNOWN;
        call->has_status = true;
    } else if (equals(name, namelen, "grpc-message")) {
        struct tenon_buf text = TENON_BUF_INIT;
        grpc_percent_decode(&text, (const char *)value, len);
        if (!call->status.message)
            call->status.message = tenon_buf_steal(&text);
        tenon_buf_release(&text);
    } else if (equals(name, namelen, "grpc-status-details-bin")) {
        auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
        /* What is no base64 is no details: the status counts without them. */
        if (!call->status.details && grpc_base64_decode(&bytes, (const char *)value, len)) {
            call->status.details_len = bytes.len;
            call->status.details = tenon_buf_steal(&bytes);
        }
    } else {
        return false;
    }
    return true;
}

static int
on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
          size_t namelen, const uint8_t *value, size_t len, uint8_t flags, void *user)
{
    struct grpc_conn *conn = user;
    struct grpc_call *call = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    (void)flags;

    if (!call || call->deaf)
        return 0;
    if (conn->role == GRPC_SERVER && frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0; /* gRPC has no trailers of requests */
    call->header_bytes += namelen + len + HEADER_OVERHEAD;
    if (call->header_bytes > conn->limits.header_max) {
        /* A server answers when it has all of them. */
        call->deaf = true;
        if (conn->role == GRPC_CLIENT)
            grpc_call_refuse(call, GRPC_RESOURCE_EXHAUSTED,
                             "headers are longer than header_max, %zu bytes",
                             conn->limits.header_max);
        return 0;
    }
    bool is_end = conn->role == GRPC_CLIENT && frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    if (is_end && call->over)
        return 0;
    if (is_end && take_status(call, name, namelen, value, len))
        return 0;
    if (take_known(call, name, namelen, value, len) || !is_text(value, len))
        return 0;
    if (is_end)
        keep(&call->trailers, name, namelen, value, len);
    else
        keep(&call->headers, name, namelen, value, len);
    return 0;
}

/* One more call is given up; not 0: it was one too many. */
static int
count_reset(struct grpc_conn *conn)
{
    if (conn->role == GRPC_CLIENT || ++conn->resets <= conn->limits.resets_max)
        return 0;
    grpc_conn_end(conn, GRPC_RESOURCE_EXHAUSTED,
                  "more calls were given up than resets_max, %u, above those that were not",
                  conn->limits.resets_max);
    return NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int
on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct grpc_conn *conn = user;

    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    if (grpc_screen_gave_up(&conn->screen, frame->hd.stream_id)) {
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                  NGHTTP2_CANCEL);
        return count_reset(conn);
    }
    if (conn->theirs >= conn->limits.streams_max) { /* of some the stream is gone, not the call */
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                  NGHTTP2_REFUSED_STREAM);
        return 0;
    }
    struct grpc_call *call = grpc_call_new(conn);
    call->counted = true;
    conn->theirs++;
    call->held = false; /* until its headers are complete */
    call->open = true;
    call->stream_id = frame->hd.stream_id;
    nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, call);
    return 0;
}

/* What is wrong with a request, or NULL. */
static const char *
request_fault(const struct grpc_call *call, int *code)
{
    *code = GRPC_INTERNAL;
    if (call->deaf) {
        *code = GRPC_RESOURCE_EXHAUSTED;
        return "headers are longer than header_max";
    }
    if (!call->is_post)
        return "the request's method is not POST";
    if (!call->is_grpc)
        return "the request's content-type is not application/grpc";
    if (!call->path || call->path[0] != '/')
        return "the request has no path";
    if (call->bad_timeout)
        return "malformed grpc-timeout";
    return NULL;
}

static void
begin_incoming(struct grpc_call *call)
{
    struct grpc_conn *conn = call->conn;
    int code;
    const char *fault = request_fault(call, &code);

    if (fault) {
        grpc_call_refuse(call, code, "%s", fault);
        return;
    }
    call->held = true;
    *conn->incoming_last = call;
    conn->incoming_last = &call->next_incoming;
    pthread_cond_broadcast(&conn->changed);
}

/* ---- messages ------------------------------------------------------------ */

static void
hold(struct grpc_call *call, size_t bytes)
{
    call->held_bytes += bytes;
    call->conn->held_bytes += bytes;
}

/* The five bytes before a message are there. */
static void
begin_message(struct grpc_call *call)
{
    const struct grpc_limits *limits = &call->conn->limits;
    const unsigned char *h = call->head;

    call->body_len = (uint32_t)h[1] << 24 | (uint32_t)h[2] << 16 | (uint32_t)h[3] << 8 | h[4];
    if (h[0] > 1)
        grpc_call_refuse(call, GRPC_INTERNAL, "a message begins with flags %u", h[0]);
    else if (h[0] == 1 && call->is_encoded)
        grpc_call_refuse(call, GRPC_UNIMPLEMENTED, "compressed messages are not understood");
    else if (h[0] == 1)
        grpc_call_refuse(call, GRPC_INTERNAL, "a compressed message without a grpc-encoding");
    else if (call->body_len > limits->message_max)
        grpc_call_refuse(call, GRPC_RESOURCE_EXHAUSTED,
                         "a message of %u bytes is longer than message_max, %zu bytes",
                         call->body_len, limits->message_max);
    else
        hold(call, MESSAGE_OVERHEAD);
}

static void
end_message(struct grpc_call *call)
{
    struct grpc_waiting *w = tenon_new0(struct grpc_waiting);

    w->data = call->body;
    call->body = (struct tenon_buf)TENON_BUF_INIT;
    call->head_len = 0;
    *call->last = w;
    call->last = &w->next;
    pthread_cond_broadcast(&call->changed);
}

static void
take_bytes(struct grpc_call *call, const uint8_t *data, size_t len)
{
    while (!call->deaf) {
        if (call->head_len < FRAME_HEAD) {
            if (len == 0)
                return;
            call->head[call->head_len++] = *data++;
            len--;
            if (call->head_len == FRAME_HEAD)
                begin_message(call);
            continue;
        }
        size_t wants = call->body_len - call->body.len, n = wants < len ? wants : len;
        tenon_buf_add(&call->body, data, n);
        hold(call, n);
        data += n;
        len -= n;
        if (call->body.len < call->body_len)
            return;
        end_message(call);
    }
}

static int
on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t stream_id, const uint8_t *data,
              size_t len, void *user)
{
    struct grpc_conn *conn = user;
    struct grpc_call *call = nghttp2_session_get_stream_user_data(session, stream_id);
    (void)flags;

    /* One call that is not read must not hold up the others. */
    nghttp2_session_consume_connection(session, len);
    if (!call) {
        nghttp2_session_consume_stream(session, stream_id, len);
        return 0;
    }
    call->unconsumed += len;
    take_bytes(call, data, len);
    if (!call->deaf && conn->held_bytes > conn->limits.memory_max)
        grpc_call_refuse(call, GRPC_RESOURCE_EXHAUSTED,
                         "messages that wait are more than memory_max, %zu bytes",
                         conn->limits.memory_max);
    /* As long as a complete message waits to be taken, no more is asked for. */
    if (call->deaf || !call->first)
        grpc_call_consume(call);
    return 0;
}

/* ---- ends ---------------------------------------------------------------- */

/* The peer's last frame of a stream has arrived. */
static void
end_incoming(struct grpc_call *call)
{
    bool cut = call->head_len > 0;

    if (call->conn->role == GRPC_SERVER) {
        if (cut && !call->deaf)
            grpc_call_refuse(call, GRPC_INTERNAL, "the request ends inside of a message");
        call->all_in = true;
        pthread_cond_broadcast(&call->changed);
        return;
    }
    if (call->over)
        return;
    if (!call->has_status && (call->http_status != 200 || !call->is_grpc))
        grpc_call_set_status(call, grpc_code_of_http(call->http_status),
                             "the answer is not gRPC's (HTTP status %u)", call->http_status);
    if (!call->has_status)
        grpc_call_set_status(call, GRPC_INTERNAL, "the answer ends without a status");
    if (cut && call->status.code == GRPC_OK) {
        call->status.code = GRPC_INTERNAL;
        free(call->status.message);
        call->status.message = tenon_strdup("the answer ends inside of a message");
    }
    grpc_call_end(call, call->status.code, "");
    if (!call->closed) /* it does not want the rest of the request */
        grpc_out_reset(call, NGHTTP2_NO_ERROR);
}

static int
on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct grpc_conn *conn = user;
    const int32_t id = frame->hd.stream_id;
    struct grpc_call *call = id ? nghttp2_session_get_stream_user_data(session, id) : NULL;

    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        if (call && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
            begin_incoming(call);
        break;
    case NGHTTP2_PING:
        if (frame->hd.flags & NGHTTP2_FLAG_ACK) {
            conn->pings_answered++;
            pthread_cond_broadcast(&conn->changed);
        }
        return 0;
    case NGHTTP2_GOAWAY:
        conn->goaway = true;
        conn->fault = frame->goaway.error_code;
        return 0;
    case NGHTTP2_RST_STREAM:
        return call ? count_reset(conn) : 0;
    case NGHTTP2_DATA:
        break;
    default:
        return 0;
    }
    if (call && frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
        end_incoming(call);
    return 0;
}

static int
on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct grpc_conn *conn = user;

    if (frame->hd.type == NGHTTP2_GOAWAY) /* with an error it is nghttp2 that ends it */
        conn->fault = frame->goaway.error_code;
    if (conn->role != GRPC_SERVER || frame->hd.type != NGHTTP2_HEADERS ||
        !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        return 0;
    struct grpc_call *call = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (call && !call->all_in) /* answered before all was said */
        grpc_out_reset(call, NGHTTP2_NO_ERROR);
    return 0;
}

/* nghttp2 leaves out what it cannot send, and the stream would never end. */
static int
on_frame_not_send(nghttp2_session *session, const nghttp2_frame *frame, int error, void *user)
{
    (void)user, (void)error;
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                  NGHTTP2_INTERNAL_ERROR);
    return 0;
}

static int
on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t error, void *user)
{
    struct grpc_conn *conn = user;
    struct grpc_call *call = nghttp2_session_get_stream_user_data(session, stream_id);

    if (!call)
        return 0;
    nghttp2_session_set_stream_user_data(session, stream_id, NULL);
    call->open = false;
    conn->resets -= conn->resets && call->all_in && call->closed;
    if (conn->role == GRPC_SERVER)
        grpc_call_end(call, GRPC_CANCELLED, "the client gave the call up");
    else if (conn->goaway && error == NGHTTP2_REFUSED_STREAM)
        grpc_call_end(call, GRPC_UNAVAILABLE, "the server takes no more calls");
    else
        grpc_call_end(call, grpc_code_of_reset(error), nghttp2_http2_strerror(error));
    grpc_call_drop(call);
    return 0;
}

/* With it the connection ends. */
static uint64_t
expire_greeting(struct grpc_conn *conn, uint64_t now_ns)
{
    if (conn->greet_by_ns && grpc_screen_greeted(&conn->screen))
        conn->greet_by_ns = 0;
    if (conn->greet_by_ns && conn->greet_by_ns <= now_ns)
        grpc_conn_end(conn, GRPC_UNAVAILABLE, "the client does not speak");
    return conn->ended ? 0 : conn->greet_by_ns;
}

uint64_t
grpc_conn_expire(struct grpc_conn *conn, uint64_t now_ns)
{
    uint64_t first = expire_greeting(conn, now_ns);

    if (conn->deadlines == 0)
        return first;
    for (struct grpc_call *call = conn->calls, *next; call; call = next) {
        next = call->next;
        if (!call->deadline_ns || call->over ||
            (call->closed && conn->role == GRPC_SERVER))
            continue;
        if (call->deadline_ns <= now_ns)
            grpc_call_refuse(call, GRPC_DEADLINE_EXCEEDED, "the call's time is over");
        else if (!first || call->deadline_ns < first)
            first = call->deadline_ns;
    }
    return first;
}

/* ---- bytes --------------------------------------------------------------- */

void
grpc_conn_pull(struct grpc_conn *conn, struct tenon_buf *out, size_t most)
{
    while (!conn->ended && out->len < most) {
        const uint8_t *data;
        ssize_t n = nghttp2_session_mem_send(conn->session, &data);
        if (n < 0)
            grpc_conn_end(conn, GRPC_INTERNAL, "HTTP/2: %s", nghttp2_strerror((int)n));
        if (n <= 0)
            break;
        tenon_buf_add(out, data, (size_t)n);
    }
}

bool
grpc_conn_is_done(struct grpc_conn *conn)
{
    return !nghttp2_session_want_read(conn->session) && !nghttp2_session_want_write(conn->session);
}

void
grpc_conn_settle(struct grpc_conn *conn)
{
    if (conn->ended || !grpc_conn_is_done(conn))
        return;
    if (conn->fault == NGHTTP2_NO_ERROR)
        grpc_conn_end(conn, GRPC_UNAVAILABLE, "the connection has ended");
    else
        grpc_conn_end(conn, GRPC_INTERNAL, "the connection broke: %s",
                      nghttp2_http2_strerror(conn->fault));
}

bool
grpc_conn_is_behind(struct grpc_conn *conn)
{
    return nghttp2_session_get_outbound_queue_size(conn->session) > BACKLOG_MAX;
}

/* ---- a connection -------------------------------------------------------- */

struct grpc_limits
grpc_limits_default(void)
{
    return (struct grpc_limits){
        .message_max = 16 * 1024 * 1024,
        .send_max = 16 * 1024 * 1024,
        .header_max = 64 * 1024,
        .trailer_max = 16 * 1024 * 1024,
        .memory_max = 256 * 1024 * 1024,
        .queue_max = 1024 * 1024,
        .resets_max = 100000,
        .streams_max = 250,
    };
}

static nghttp2_session *
session_new(struct grpc_conn *conn)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;
    nghttp2_session *session;

    tenon_assert(nghttp2_session_callbacks_new(&callbacks) == 0);
    tenon_assert(nghttp2_option_new(&option) == 0);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_frame_not_send);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);

#if HAVE_DECL_NGHTTP2_OPTION_SET_STREAM_RESET_RATE_LIMIT
    /* Its own, 1 000 and 33 more a second, would end what a busy client may well do; what a call
     * costs that was given up is ours to know (resets_max). */
    nghttp2_option_set_stream_reset_rate_limit(option, UINT32_MAX, UINT32_MAX);
#endif
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    /* Others write messages with a blank at the end as they are. */
    nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation(option, 1);
    /* Trailers hold whole build files; nghttp2's own limit is 64 KiB.  What it counts is a
     * worst case of the compressed size, so ours is the one that is met. */
    nghttp2_option_set_max_send_header_block_length(option, 2 * conn->limits.trailer_max +
                                                                1024 * 1024);
    if (conn->role == GRPC_SERVER)
        tenon_assert(nghttp2_session_server_new2(&session, callbacks, conn, option) == 0);
    else
        tenon_assert(nghttp2_session_client_new2(&session, callbacks, conn, option) == 0);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    return session;
}

struct grpc_conn *
grpc_conn_new(enum grpc_role role, const struct grpc_limits *limits)
{
    struct grpc_conn *conn = tenon_new0(struct grpc_conn);
    pthread_condattr_t clock;

    conn->role = role;
    conn->limits = limits ? *limits : grpc_limits_default();
    conn->in_fd = conn->out_fd = conn->wake_fd = -1;
    conn->incoming_last = &conn->incoming;
    pthread_mutex_init(&conn->lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&conn->changed, &clock);
    pthread_condattr_destroy(&clock);
    conn->session = session_new(conn);

    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
         role == GRPC_SERVER ? conn->limits.streams_max : 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
         conn->limits.header_max < UINT32_MAX ? (uint32_t)conn->limits.header_max : UINT32_MAX},
    };
    nghttp2_submit_settings(conn->session, NGHTTP2_FLAG_NONE, settings, tenon_countof(settings));
    nghttp2_session_set_local_window_size(conn->session, NGHTTP2_FLAG_NONE, 0, CONN_WINDOW);
    return conn;
}
