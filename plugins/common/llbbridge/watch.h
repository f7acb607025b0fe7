/* common/llbbridge/watch.h - calls that the program gives up (or whose time is over, or whose
 * connection is) have what is done for them stop. */
#ifndef TENON_COMMON_LLBBRIDGE_WATCH_H
#define TENON_COMMON_LLBBRIDGE_WATCH_H

#include <pthread.h>
#include <tenon-plugin.h>

#include "common/grpc/grpc.h"
#include "tools/vec.h"

struct watched {
    uint64_t number;
    int fd;                      /* of the call; -1: it is over */
    struct tenon_ctx *scopes[2]; /* what is to stop; or NULL */
};
struct watch {
    const struct tenon_host *host;
    int epoll_fd, stop_fd;
    pthread_t thread;
    pthread_mutex_t lock; /* of the following */
    uint64_t last;
    TENON_VEC(struct watched) calls;
    void (*fired)(void *data); /* after the scopes of one were told */
    void *data;
};

/* 0 or an errno. */
int watch_start(struct watch *w, const struct tenon_host *host, void (*fired)(void *data),
                void *data);
void watch_stop(struct watch *w); /* no call is watched any more */

/* The number of it; until watch_end, which is before the call or the scope ends. */
uint64_t watch_begin(struct watch *w, struct grpc_call *call, struct tenon_ctx *scope);
/* A second scope; NULL: not any more. */
void watch_also(struct watch *w, uint64_t number, struct tenon_ctx *scope);
void watch_end(struct watch *w, uint64_t number);

#endif
