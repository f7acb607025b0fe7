/* serve/callerror.h - how a call of a client's service ended, as an error. */
#ifndef TENON_SERVE_CALLERROR_H
#define TENON_SERVE_CALLERROR_H

#include "base/error.h"
#include "common/grpc/grpc.h"

/* Returns the code; `what` is in front. */
int callerror_set(const struct grpc_status *status, const char *what, struct tenon_error *err);

#endif
