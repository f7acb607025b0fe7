/* serve/tunnel.h - sessions of clients: what only a client has, offered by services of gRPC on a
 * connection inside of a stream (Control.Session), on which we are the client. */
#ifndef TENON_SERVE_TUNNEL_H
#define TENON_SERVE_TUNNEL_H

#include "common/grpc/grpc.h"
#include "server.h"

struct tunnel {
    char *id; /* immutable, as the following four */
    char *peer; /* who it is: a certificate, or a user of this machine */
    char *shared_key;
    char **methods; /* "/package.Service/Method"; ends with NULL */
    struct grpc_conn *conn;
    unsigned users; /* the server's lock */
};

/* The method Control.Session: the session is there until the call ends. */
void tunnel_serve(void *server, struct grpc_call *call);

/* NULL: there is none of that id, also a while later. */
struct tunnel *tunnel_find(struct server *s, const char *id);
void tunnel_leave(struct server *s, struct tunnel *t);
/* Does the client serve that?  It writes names in its own case. */
bool tunnel_has(const struct tunnel *t, const char *method);

#endif
