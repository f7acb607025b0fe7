/* serve/pulse.h - does the client of a session still answer?  A connection that is silent, and
 * stays open, would keep its builds for ever. */
#ifndef TENON_SERVE_PULSE_H
#define TENON_SERVE_PULSE_H

#include <pthread.h>
#include <stdint.h>

#include "common/grpc/grpc.h"

enum {
    PULSE_INTERVAL = 5, /* seconds between questions */
    PULSE_TIMEOUT = 15, /* seconds for an answer */
    PULSE_FAILURES = 2, /* one after the other, and it is taken for dead */
    /* A client that wants another time has it between questions, and for an answer; one failure is
     * enough then. */
    PULSE_OWN_MIN = 1, PULSE_OWN_MAX = 600,
};

struct pulse {
    struct grpc_conn *conn;
    uint64_t interval_ns, timeout_ns;
    unsigned failures; /* that are too many */
    void (*dead)(void *data); /* called once at most, in a thread of its own */
    void *data;
    int stop_fd;
    pthread_t thread;
};

/* timeout: milliseconds as the client wrote them, or NULL.  0 or an errno. */
int pulse_start(struct pulse *p, const char *timeout);
/* Its connection is closed, or soon: a question that waits ends by that. */
void pulse_stop(struct pulse *p);

#endif
