/* serve/historycalls.h - Control.ListenBuildHistory and UpdateBuildHistory: builds that run here,
 * and records of those that are over, whoever built. */
#ifndef TENON_SERVE_HISTORYCALLS_H
#define TENON_SERVE_HISTORYCALLS_H

#include "common/grpc/grpc.h"
#include "servejob.h"

void historycalls_listen(void *server, struct grpc_call *call);
void historycalls_update(void *server, struct grpc_call *call);
/* Status of a build that is over; false: there is no record of it, and nothing was said. */
bool historycalls_replay(struct server *s, struct grpc_call *call, const char *ref);

#endif
