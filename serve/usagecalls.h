/* serve/usagecalls.h - Control.DiskUsage and Control.Prune, of the store. */
#ifndef TENON_SERVE_USAGECALLS_H
#define TENON_SERVE_USAGECALLS_H

#include "common/grpc/grpc.h"

void usagecalls_disk_usage(void *server, struct grpc_call *call);
void usagecalls_prune(void *server, struct grpc_call *call);

#endif
