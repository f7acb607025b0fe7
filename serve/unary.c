/* serve/unary.c - one message in, one out. */
#include "unary.h"

#include "ctlmessages.h"

#define NS_PER_S INT64_C(1000000000)

bool
unary_take(struct grpc_call *call, struct tenon_arena *arena, struct tenon_buf *bytes,
           const struct message_type_info *m, void *request)
{
    const char *why;

    if (grpc_call_recv_only(call, bytes) < 0)
        return false;
    if (message_decode(arena, m, bytes->data, bytes->len, request, &why))
        return true;
    grpc_call_fail(call, GRPC_INVALID_ARGUMENT, "%s: %s", grpc_call_path(call), why);
    return false;
}

bool
unary_send(struct grpc_call *call, const struct message_type_info *m, const void *reply)
{
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;

    message_encode(&bytes, m, reply);
    return grpc_call_send(call, tenon_buf_str(&bytes), bytes.len) == 0;
}

void
unary_end(struct grpc_call *call)
{
    static const struct grpc_status ok = {0};

    grpc_call_finish(call, &ok);
}

void
unary_answer(struct grpc_call *call, const struct message_type_info *m, const void *reply)
{
    unary_send(call, m, reply);
    unary_end(call);
}

const struct ctl_time *
unary_time(struct tenon_arena *a, int64_t ns)
{
    const struct ctl_time t = {ns / NS_PER_S, ns % NS_PER_S};
    return ns > 0 ? tenon_arena_dup(a, &t, sizeof t) : NULL;
}
