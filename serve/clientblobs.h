/* serve/clientblobs.h - blobs of a client: layouts that it builds from, caches in its directories,
 * layouts that it gets.  Its content stores have names, which it made up itself. */
#ifndef TENON_SERVE_CLIENTBLOBS_H
#define TENON_SERVE_CLIENTBLOBS_H

#include "budget.h"
#include "callset.h"
#include "base/error.h"

#define CLIENTBLOBS_SERVICE "/containerd.services.content.v1.Content/"
#define CLIENTBLOBS_READ CLIENTBLOBS_SERVICE "Read"
#define CLIENTBLOBS_WRITE CLIENTBLOBS_SERVICE "Write"

/* Writes what the client says is that blob; nobody has looked at it. */
int clientblobs_fetch(struct callset *asked, struct grpc_conn *conn, const char *store,
                  const char *digest, struct budget *budget, int fd, struct tenon_error *err);
/* Of an OCI layout the blobs; the client writes its index.json itself, by what Solve answers. */
int clientblobs_send(struct callset *asked, struct grpc_conn *conn, const char *store, int layout,
                 struct tenon_error *err);

#endif
