/* serve/uploads.h - streams that a client offers by a name, in place of a URL of the web: a context
 * on its standard input. */
#ifndef TENON_SERVE_UPLOADS_H
#define TENON_SERVE_UPLOADS_H

#include "base/error.h"
#include "budget.h"
#include "callset.h"

#define UPLOADS_PULL "/moby.upload.v1.Upload/Pull"

/* Each can be had once. */
int uploads_receive(struct callset *asked, struct grpc_conn *conn, const char *name,
                    struct budget *budget, int fd, struct tenon_error *err);

#endif
