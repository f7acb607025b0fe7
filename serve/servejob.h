/* serve/servejob.h - one build of the server, by the name (Ref) that its client gave it.
 *
 * Calls about a build come in any order, and on any connection: who asks for one that is not there
 * waits a while.  When it has ended its record tells what happened; one that has none stays until
 * newer ones have ended. */
#ifndef TENON_SERVE_SERVEJOB_H
#define TENON_SERVE_SERVEJOB_H

#include "common/llbbridge/gateway.h"
#include "base/cancel.h"
#include "buildmessages.h"
#include "callset.h"
#include "server.h"
#include "statuslog.h"

struct drive_call {
    struct grpc_call *call;
    bool is_stream; /* whose end is the client's; the build does not wait for it */
};

struct servejob {
    struct server *server;
    char *ref;
    struct tenon_cancel *cancel;
    struct callset asked; /* calls to the client's session; they end with the cancel */
    struct statuslog status;
    unsigned users; /* the server's lock: the list, Solve, and other calls */
    bool ended;     /* the same */
    struct tenon_buf record; /* the same: as ctl_record, while it runs; empty: it has none */
    struct ctl_time created;

    /* While the client drives the build itself, LLBBridge's calls are for this; drive.c. */
    struct gateway gateway;
    pthread_mutex_t lock; /* of the following */
    pthread_cond_t changed;
    bool driving, over;
    TENON_VEC(struct drive_call) calls; /* that are served */
};

/* One that has ended gives its name up.  NULL: there is one of that name, or there are too many,
 * or the server ends; *code of gRPC and *why (static) tell. */
struct servejob *servejob_new(struct server *s, const char *ref, int *code, const char **why);
/* Who listens to the history is told of it from now on. */
void servejob_show(struct servejob *j, const struct ctl_record *record);
/* It is over; the caller still has it.  is_kept: its record is there. */
void servejob_end(struct servejob *j, bool is_kept);
/* NULL: there was none, also a while later. */
struct servejob *servejob_find(struct server *s, const char *ref);
/* The same for who looks elsewhere before waiting, in two steps: none that comes after the first
 * is missed, however short it is.  me: its ref, until the second.  Is there one now? */
bool servejob_expect(struct server *s, struct server_awaiting *me);
struct servejob *servejob_await(struct server *s, struct server_awaiting *me, bool waits);
void servejob_leave(struct servejob *j);

/* Who listens to the history looks again. */
void servejobs_tell(struct server *s);
/* All that there are end soon, and none begins any more. */
void servejobs_cancel(struct server *s);
void servejobs_release(struct server *s); /* nobody uses one */

#endif
