/* common/grpc/state.c - calls and connections as they are kept: made, ended, dropped. */
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "common/grpc/private.h"

uint64_t
grpc_now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void
grpc_conn_wake(struct grpc_conn *conn)
{
    const uint64_t one = 1;

    if (conn->wake_fd >= 0 && !pthread_equal(pthread_self(), conn->thread) &&
        write(conn->wake_fd, &one, sizeof one) < 0)
        tenon_assert(errno == EAGAIN); /* it is awake */
}

void
grpc_status_release(struct grpc_status *s)
{
    free(s->message);
    free(s->details);
    *s = (struct grpc_status){0};
}

/* ---- a call -------------------------------------------------------------- */

struct grpc_call *
grpc_call_new(struct grpc_conn *conn)
{
    struct grpc_call *call = tenon_new0(struct grpc_call);

    call->conn = conn;
    call->held = true;
    call->over_fd = -1;
    call->last = &call->first;
    pthread_cond_init(&call->changed, NULL);
    call->next = conn->calls;
    if (call->next)
        call->next->prev = call;
    conn->calls = call;
    return call;
}

static void
pairs_release(struct grpc_pairs *p)
{
    tenon_vec_foreach(pair, &p->list) {
        free(pair->name);
        free(pair->value);
    }
    tenon_vec_release(&p->list);
}

const char *
grpc_pairs_get(const struct grpc_pairs *p, const char *name)
{
    tenon_vec_foreach(pair, &p->list) {
        if (strcmp(pair->name, name) == 0)
            return pair->value;
    }
    return NULL;
}

void
grpc_call_forget_messages(struct grpc_call *call)
{
    while (call->first) {
        struct grpc_waiting *w = call->first;
        call->first = w->next;
        tenon_buf_release(&w->data);
        free(w);
    }
    call->last = &call->first;
    tenon_buf_release(&call->body);
    call->conn->held_bytes -= call->held_bytes;
    call->held_bytes = 0;
    call->head_len = 0;
}

/* What waits is of no use. */
void
grpc_call_forget_out(struct grpc_call *call)
{
    call->conn->queued_bytes -= call->out.len - call->out_at;
    call->out_at = 0;
    tenon_buf_release(&call->out);
}

void
grpc_call_uncount(struct grpc_call *call)
{
    if (call->counted)
        call->conn->theirs--;
    call->counted = false;
}

void
grpc_call_drop(struct grpc_call *call)
{
    struct grpc_conn *conn = call->conn;

    if (call->held || call->open)
        return;
    if (call->prev)
        call->prev->next = call->next;
    else
        conn->calls = call->next;
    if (call->next)
        call->next->prev = call->prev;
    grpc_call_uncount(call);
    if (call->deadline_ns)
        conn->deadlines--;
    grpc_call_forget_messages(call);
    pairs_release(&call->headers);
    pairs_release(&call->trailers);
    free(call->path);
    grpc_call_forget_out(call);
    if (conn->role == GRPC_SERVER)
        conn->queued_bytes -= call->status.details_len;
    grpc_status_release(&call->status);
    if (call->over_fd >= 0)
        close(call->over_fd);
    pthread_cond_destroy(&call->changed);
    free(call);
}

void
grpc_call_vset_status(struct grpc_call *call, int code, const char *fmt, va_list ap)
{
    if (call->has_status)
        return;
    call->has_status = true;
    grpc_status_release(&call->status);
    call->status.code = code;
    call->status.message = tenon_vasprintf(fmt, ap);
}

void
grpc_call_set_status(struct grpc_call *call, int code, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    grpc_call_vset_status(call, code, fmt, ap);
    va_end(ap);
}

void
grpc_call_end(struct grpc_call *call, int code, const char *text)
{
    const uint64_t one = 1;

    if (call->over)
        return;
    /* An OK that arrived in what was then cut off is none. */
    if (call->conn->role == GRPC_CLIENT && code != GRPC_OK && call->status.code == GRPC_OK)
        call->has_status = false;
    grpc_call_set_status(call, code, "%s", text);
    call->over = call->all_in = true;
    /* A counter that holds nothing takes one; if it does not, nobody can be told. */
    if (call->over_fd >= 0 && write(call->over_fd, &one, sizeof one) < 0)
        tenon_assert(errno == EAGAIN);
    pthread_cond_broadcast(&call->changed);
}

void
grpc_call_consume(struct grpc_call *call)
{
    if (call->open && call->unconsumed) {
        nghttp2_session_consume_stream(call->conn->session, call->stream_id, call->unconsumed);
        grpc_conn_wake(call->conn);
    }
    call->unconsumed = 0;
}

void
grpc_conn_end(struct grpc_conn *conn, int code, const char *fmt, ...)
{
    va_list ap;

    if (conn->ended)
        return;
    conn->ended = true;
    va_start(ap, fmt);
    conn->why = (struct grpc_status){.code = code, .message = tenon_vasprintf(fmt, ap)};
    va_end(ap);
    for (struct grpc_call *call = conn->calls, *next; call; call = next) {
        next = call->next;
        call->open = false;
        grpc_call_end(call, code, conn->why.message);
        grpc_call_drop(call);
    }
    pthread_cond_broadcast(&conn->changed);
}
