/* serve/callset.h - calls of a build to its client that are under way: when the build is cancelled
 * they are, and no other begins.  Any thread. */
#ifndef TENON_SERVE_CALLSET_H
#define TENON_SERVE_CALLSET_H

#include <pthread.h>
#include <stdbool.h>

#include "common/grpc/grpc.h"
#include "tools/vec.h"

struct callset {
    pthread_mutex_t lock; /* of the following */
    TENON_VEC(struct grpc_call *) calls;
    bool cancelled;
};

void callset_init(struct callset *s);
void callset_release(struct callset *s); /* none is under way */
void callset_cancel(struct callset *s);

/* As grpc_call_start, grpc_call_free and grpc_call_unary, for calls of the set. */
struct grpc_call *callset_start(struct callset *s, struct grpc_conn *conn, const char *path,
                                const struct grpc_header *headers, size_t count);
void callset_free(struct callset *s, struct grpc_call *call);
bool callset_unary(struct callset *s, struct grpc_conn *conn, const char *path,
                   uint64_t timeout_ns, const struct tenon_buf *request, struct tenon_buf *reply,
                   struct grpc_status *status);

#endif
