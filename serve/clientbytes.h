/* serve/clientbytes.h - what a client sends in pieces, until its call ends. */
#ifndef TENON_SERVE_CLIENTBYTES_H
#define TENON_SERVE_CLIENTBYTES_H

#include "base/error.h"
#include "budget.h"
#include "common/grpc/grpc.h"
#include "common/message/message.h"

/* Written to fd as it comes, within the budget.  piece: a message that is a struct ctl_bytes.  How
 * the call ended is for the caller to ask. */
int clientbytes_receive(struct grpc_call *call, const struct message_type_info *piece,
                        struct budget *budget, int fd, struct tenon_error *err);

#endif
