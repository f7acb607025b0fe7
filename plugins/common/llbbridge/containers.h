/* common/llbbridge/containers.h - containers that the program has asked for, by the names that it
 * gave them. */
#ifndef TENON_COMMON_LLBBRIDGE_CONTAINERS_H
#define TENON_COMMON_LLBBRIDGE_CONTAINERS_H

#include "serving.h"

struct gateway_container {
    char *name;
    struct tenon_ctx *scope; /* the container is of it */
    struct tenon_container *container;
    char **targets; /* of its mounts, in the order in which they were told; ends with NULL */
    unsigned users; /* the table, and calls: the last one ends the scope; gw->lock */
    bool ready;     /* it was made; gw->lock */
    bool is_windows;   /* the platform that was asked for */
    unsigned running;  /* processes; gw->lock */
};

/* For a call; NULL: there is none, see s->err. */
struct gateway_container *containers_find(struct serving *s, const char *name);
void containers_leave(struct gateway *gw, struct gateway_container *c);
/* The target of a mount by its number; NULL: see s->err. */
const char *containers_target(struct serving *s, const struct gateway_container *c, int64_t index);
/* All of them: the program has ended. */
void containers_release(struct gateway *gw);

/* The methods. */
void containers_new(void *gateway, struct grpc_call *call);
void containers_release_one(void *gateway, struct grpc_call *call);
void containers_exec(void *gateway, struct grpc_call *call); /* exec.c */

#endif
