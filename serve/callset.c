/* serve/callset.c - a list, and a flag. */
#include "callset.h"

#include <stdlib.h>

#include "tools/alloc.h"

void
callset_init(struct callset *s)
{
    *s = (struct callset){0};
    pthread_mutex_init(&s->lock, NULL);
}

void
callset_release(struct callset *s)
{
    tenon_vec_release(&s->calls);
    pthread_mutex_destroy(&s->lock);
}

void
callset_cancel(struct callset *s)
{
    pthread_mutex_lock(&s->lock);
    s->cancelled = true;
    tenon_vec_foreach(call, &s->calls)
        grpc_call_cancel(*call);
    pthread_mutex_unlock(&s->lock);
}

static struct grpc_call *
start(struct callset *s, struct grpc_conn *conn, const char *path,
      const struct grpc_header *headers, size_t count, uint64_t timeout_ns)
{
    struct grpc_call *call = grpc_call_start(conn, path, headers, count, timeout_ns);

    pthread_mutex_lock(&s->lock);
    tenon_vec_push(&s->calls, call);
    if (s->cancelled)
        grpc_call_cancel(call);
    pthread_mutex_unlock(&s->lock);
    return call;
}

struct grpc_call *
callset_start(struct callset *s, struct grpc_conn *conn, const char *path,
              const struct grpc_header *headers, size_t count)
{
    return start(s, conn, path, headers, count, 0);
}

void
callset_free(struct callset *s, struct grpc_call *call)
{
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->calls.len; i++)
        if (s->calls.items[i] == call) {
            s->calls.items[i] = s->calls.items[--s->calls.len];
            break;
        }
    pthread_mutex_unlock(&s->lock);
    grpc_call_free(call);
}

bool
callset_unary(struct callset *s, struct grpc_conn *conn, const char *path, uint64_t timeout_ns,
              const struct tenon_buf *request, struct tenon_buf *reply,
              struct grpc_status *status)
{
    struct grpc_call *call = start(s, conn, path, NULL, 0, timeout_ns);

    if (grpc_call_send(call, request->data, request->len) == 0)
        grpc_call_close_send(call);
    const bool got = grpc_call_recv(call, reply) == 1;
    grpc_call_status(call, status);
    if (status->code == GRPC_OK && !got) {
        status->code = GRPC_INTERNAL;
        free(status->message);
        status->message = tenon_strdup("the answer has no message");
    }
    callset_free(s, call);
    return status->code == GRPC_OK;
}
