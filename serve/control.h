/* serve/control.h - the methods that the server has, of all its services. */
#ifndef TENON_SERVE_CONTROL_H
#define TENON_SERVE_CONTROL_H

#include "common/grpc/grpc.h"
#include "server.h"

/* Serves a connection until it ends. */
void control_serve(struct server *s, struct grpc_conn *conn);

#endif
