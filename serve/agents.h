/* serve/agents.h - a connection with a client's ssh agent: a socket here, a stream there. */
#ifndef TENON_SERVE_AGENTS_H
#define TENON_SERVE_AGENTS_H

#include "base/error.h"
#include "callset.h"

struct agent;

/* *fd is the caller's end.  NULL: see err; NOT_FOUND: the client has no agent of that id. */
struct agent *agent_connect(struct callset *asked, struct grpc_conn *conn, const char *id,
                            int *fd, struct tenon_error *err);
bool agent_is_over(const struct agent *a); /* nothing comes any more, either way */
void agent_free(struct agent *a); /* ends it */

#endif
