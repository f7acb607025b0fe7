/* serve/filesend.h - a file that an exporter writes, sent to the client while it is written. */
#ifndef TENON_SERVE_FILESEND_H
#define TENON_SERVE_FILESEND_H

#include "base/error.h"
#include "callset.h"

struct filesend;

struct tenon_result;

/* exporter: its number, as text; result: whose answers the client is told, or NULL.
 * *fd is to be written to, and closed by commit or abort.
 * NULL: see err. */
struct filesend *filesend_open(struct callset *asked, struct grpc_conn *conn, const char *method,
                               const char *exporter, const struct tenon_result *result, int *fd,
                               struct tenon_error *err);
int filesend_fd(const struct filesend *f);
/* All was written: waits until the client has it.  Frees it. */
int filesend_commit(struct filesend *f, struct tenon_error *err);
void filesend_abort(struct filesend *f);

#endif
