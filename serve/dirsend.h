/* serve/dirsend.h - a directory that an exporter wrote, sent to the client by FileSend.DiffCopy: we
 * are the sender.  The client asks for the files that it wants, and makes all of it its own. */
#ifndef TENON_SERVE_DIRSEND_H
#define TENON_SERVE_DIRSEND_H

#include "base/error.h"
#include "callset.h"

/* exporter: its number, as text. */
int dirsend_send(struct callset *asked, struct grpc_conn *conn, const char *method,
                 const char *exporter, int dirfd, struct tenon_error *err);

#endif
