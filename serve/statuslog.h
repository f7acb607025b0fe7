/* serve/statuslog.h - what happened in a build so far, as messages of Control.Status: they are
 * kept, so that who asks late hears all of it. */
#ifndef TENON_SERVE_STATUSLOG_H
#define TENON_SERVE_STATUSLOG_H

#include <pthread.h>
#include <stdbool.h>

#include "statusmessage.h"
#include "tools/buf.h"
#include "tools/vec.h"

struct grpc_call;
struct statuslog {
    pthread_mutex_t lock; /* of the following */
    pthread_cond_t changed;
    TENON_VEC(struct tenon_buf) batches;
    struct tenon_buf next; /* the batch to come */
    struct statusmessage messages;
    bool ended;
};

void statuslog_init(struct statuslog *l);
void statuslog_release(struct statuslog *l);
/* For tenon_events_new; data is the log. */
void statuslog_event(void *data, const struct tenon_event *ev);
void statuslog_tick(void *data, int64_t now_ns);
void statuslog_end(struct statuslog *l);
/* Tells the call all of it, until the build has ended; false: the call is over. */
bool statuslog_tell(struct statuslog *l, struct grpc_call *call);

#endif
