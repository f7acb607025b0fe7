/* serve/solving.h - Control.Solve. */
#ifndef TENON_SERVE_SOLVING_H
#define TENON_SERVE_SOLVING_H

#include "common/grpc/grpc.h"

/* The method; it returns when the build has ended. */
void solving_solve(void *server, struct grpc_call *call);

#endif
