/* serve/unary.h - calls with one question, and answers of one message. */
#ifndef TENON_SERVE_UNARY_H
#define TENON_SERVE_UNARY_H

#include "common/grpc/grpc.h"
#include "common/message/message.h"

struct ctl_time;

/* The one message of a call; request is zeroed, and points into the arena and the bytes afterwards.
 * False: the call is over. */
bool unary_take(struct grpc_call *call, struct tenon_arena *arena, struct tenon_buf *bytes,
                const struct message_type_info *m, void *request);
/* One of several answers; false: the call is over. */
bool unary_send(struct grpc_call *call, const struct message_type_info *m, const void *reply);
void unary_end(struct grpc_call *call);
/* The only one, and the end. */
void unary_answer(struct grpc_call *call, const struct message_type_info *m, const void *reply);
/* NULL for 0. */
const struct ctl_time *unary_time(struct tenon_arena *a, int64_t ns);

#endif
