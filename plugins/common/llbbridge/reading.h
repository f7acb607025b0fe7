/* common/llbbridge/reading.h - the files that a program asks for: calls of its bridge. */
#ifndef TENON_COMMON_LLBBRIDGE_READING_H
#define TENON_COMMON_LLBBRIDGE_READING_H

#include "common/grpc/grpc.h"

/* user: the gateway. */
void reading_file(void *user, struct grpc_call *call);
void reading_file_container(void *user, struct grpc_call *call);
void reading_dir(void *user, struct grpc_call *call);
void reading_dir_container(void *user, struct grpc_call *call);
void reading_stat(void *user, struct grpc_call *call);
void reading_stat_container(void *user, struct grpc_call *call);

#endif
