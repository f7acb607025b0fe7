/* serve/contentcalls.h - containerd's content service, for reading: what records of builds name,
 * and the blobs of the store. */
#ifndef TENON_SERVE_CONTENTCALLS_H
#define TENON_SERVE_CONTENTCALLS_H

#include "common/grpc/grpc.h"

void contentcalls_info(void *server, struct grpc_call *call);
void contentcalls_list(void *server, struct grpc_call *call);
void contentcalls_read(void *server, struct grpc_call *call);
/* All that would change it. */
void contentcalls_refuse(void *server, struct grpc_call *call);

#endif
