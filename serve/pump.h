/* serve/pump.h - bytes between a descriptor and a stream of BytesMessages, where only their order
 * counts: tunnels, agents, files. */
#ifndef TENON_SERVE_PUMP_H
#define TENON_SERVE_PUMP_H

#include <stdbool.h>

#include "common/grpc/grpc.h"

/* What can be read, until its end: true; false: the call is over. */
bool pump_out(int fd, struct grpc_call *call);
/* What is received, until its end or until nobody reads fd any more.  A message that is none
 * ends the call (a server's). */
void pump_in(struct grpc_call *call, int fd);

#endif
