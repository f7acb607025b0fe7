/* serve/filesend.h - a file that an exporter writes, sent to the client while it is written. */
#ifndef TENON_SERVE_FILESEND_H
#define TENON_SERVE_FILESEND_H

#include "base/error.h"
#include "callset.h"

struct filesend;

/* exporter: its number, as text.  *fd is to be written to, and closed by commit or abort.
 * NULL: see err. */
struct filesend *filesend_open(struct callset *asked, struct grpc_conn *conn, const char *method,
                               const char *exporter, int *fd, struct tenon_error *err);
int filesend_fd(const struct filesend *f);
/* All was written: waits until the client has it.  Frees it. */
int filesend_commit(struct filesend *f, struct tenon_error *err);
void filesend_abort(struct filesend *f);

#endif
