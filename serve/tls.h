/* serve/tls.h - TLS at both sides' word: the server shows a certificate, and so does each client.
 *
 * A connection's bytes are carried by a thread between the socket and one end of a socket pair;
 * whoever has the other end speaks as on any socket, and its end of file is the connection's. */
#ifndef TENON_SERVE_TLS_H
#define TENON_SERVE_TLS_H

#include <stdbool.h>

#include "base/error.h"

struct serve_tls;
struct tlslink;

/* PEM files: who signs clients' certificates, ours with what it needs of its chain, our key. */
struct serve_tls *serve_tls_new(const char *ca, const char *cert, const char *key,
                                struct tenon_error *err);
void serve_tls_free(struct serve_tls *tls);

/* Takes the socket over; *plain is the caller's end.  Of too many who have not shown who they are
 * the oldest goes.  NULL: there is no thread or descriptor. */
struct tlslink *tlslink_start(struct serve_tls *tls, int fd, int *plain);
/* Once the caller's end is closed: waits until what was written to it has gone, or nobody took
 * it. */
void tlslink_free(struct tlslink *link);

/* "certificate sha256:...", once what the client says comes through; malloc'ed. */
char *tlslink_certificate(struct tlslink *link);

/* "tcp://127.0.0.1:1234": ours, or the peer's; malloc'ed. */
char *serve_address_name(int fd, bool peers);

#endif
