/* serve/server.h - what all connections of a server share: its builds, and sessions. */
#ifndef TENON_SERVE_SERVER_H
#define TENON_SERVE_SERVER_H

#include <pthread.h>
#include <stdbool.h>

#include "serve.h"
#include "tools/vec.h"

enum {
    SERVER_CLIENTS_MAX = 250,  /* connections at a time */
    SERVER_JOBS_MAX = 200,     /* builds at a time */
    SERVER_JOBS_KEPT = 16,     /* that are over, have no record, and can still be asked for */
    SERVER_SESSIONS_MAX = 1000,
    SERVER_GREETINGS_MAX = 32, /* of them behind TLS, who have not shown a certificate yet */
    SERVER_GREETING_S = 20,    /* seconds for that, and until a client speaks HTTP/2 */
    SERVER_WAIT_JOB = 6,       /* seconds: calls of a client come in any order */
    SERVER_WAIT_SESSION = 5,
};

struct servejob;
struct tunnel;
struct server_awaiting { /* who waits for a build of that name */
    const char *ref;
    struct servejob *job; /* it has come, and is theirs: it may have ended, too, before they look */
};
struct server {
    const struct serve_setup *setup;
    pthread_mutex_t lock; /* of the following */
    pthread_cond_t changed;
    bool ending; /* nothing begins any more */
    TENON_VEC(struct servejob *) jobs; /* those that have ended in the order of that */
    TENON_VEC(struct server_awaiting *) awaiting;
    TENON_VEC(struct tunnel *) tunnels;
    struct tenon_producers *producers; /* what one client's builds know of one another */
    uint64_t history_serial; /* another one: who listens to the history looks again */
};

/* listen.c: for waits that end, the clock is CLOCK_MONOTONIC. */
void server_cond_init(pthread_cond_t *cond);
/* So many seconds from now; for pthread_cond_timedwait. */
struct timespec server_deadline(unsigned seconds);

/* Who calls, in a form that nobody else has: "user 1000", "certificate sha256:...", or, of a user
 * whom nobody knows, "connection ..." of this one alone; malloc'ed. */
struct grpc_call;
char *server_peer(const struct grpc_call *call);

#endif
