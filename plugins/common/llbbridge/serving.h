/* common/llbbridge/serving.h - one call of the program: its thread, its scope of memory, its
 * error; and references, by what the program calls them.  They are numbers in our table:
 * another program's, or another build's, cannot be named. */
#ifndef TENON_COMMON_LLBBRIDGE_SERVING_H
#define TENON_COMMON_LLBBRIDGE_SERVING_H

#include "common/message/message.h"
#include "gateway.h"

struct serving { /* one call */
    struct gateway *gw;
    struct grpc_call *call;
    struct tenon_ctx *ctx; /* a scope: what the host gives goes with the call */
    struct tenon_arena arena;
    struct tenon_buf request; /* strings and bytes of the message point into it, or the arena */
    struct tenon_error *err;
    uint64_t watched; /* its number in gw->watch */
    bool gathers;
};

/* The scope and the error, of a call that gives its messages one by one. */
void serving_open(struct serving *s, struct gateway *gw, struct grpc_call *call);

/* Takes the one message; false: the call is over already. */
bool serving_begin(struct serving *s, struct gateway *gw, struct grpc_call *call,
                   const struct message_type_info *m, void *request);
void serving_answer(struct serving *s, const struct message_type_info *m, const void *message);
/* Ends the call, with the error if there is one. */
void serving_done(struct serving *s);

/* Before a large answer is put together, until the call is done: so many at a time, for each is
 * in memory several times.  Nothing in between waits for the program or for a step.  False: the
 * call was given up meanwhile, see s->err. */
bool serving_gather(struct serving *s);
/* For who waits there (data: the gateway), when a call is over: what gw->watch does. */
void serving_wake(void *gateway);

/* What the program is to call the reference: a text of the arena; NULL: there are too many. */
const char *serving_name_ref(struct serving *s, struct tenon_ref *ref);
/* The same, with its definition, so that the program can build upon it.  False: see s->err. */
struct gw_ref;
bool serving_put_ref(struct serving *s, struct tenon_ref *ref, struct gw_ref *out);
/* NULL: there is none, see s->err. */
struct tenon_ref *serving_find_ref(struct serving *s, const char *name);

#endif
