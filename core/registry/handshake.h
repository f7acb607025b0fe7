/* registry/handshake.h - the way to a server before HTTP, one step at a time, for who wants to know
 * where it stops: its addresses, a connection, TLS. */
#ifndef TENON_REGISTRY_HANDSHAKE_H
#define TENON_REGISTRY_HANDSHAKE_H

#include <stdbool.h>

#include "registry/http.h"
#include "registry/settings.h"

struct tenon_peer {
    char *host, *port;
    struct addrinfo *addresses;
    char *shown;    /* the addresses, as text */
    int fd;         /* the connection, -1 none */
    char *address;  /* it goes to */
};
#define TENON_PEER_INIT {.fd = -1}
void tenon_peer_release(struct tenon_peer *p);
TENON_DEFINE_AUTO_STRUCT(peer, struct tenon_peer, tenon_peer_release);
#define auto_peer __attribute__((cleanup(tenon_auto_peer)))

/* Each needs the one before.  The host and port of a URL, looked up: NOT_FOUND. */
int tenon_peer_find(const char *url, struct tenon_peer *out, struct tenon_error *err);
/* UNAVAILABLE: none of the addresses takes a connection. */
int tenon_peer_connect(struct tenon_peer *p, uint64_t patience_ns, struct tenon_error *err);
/* Whose certificate is shown (*shown, malloc'ed, also when it is not believed).  DENIED: by whom it
 * is not believed, and why; UNSUPPORTED: it speaks no TLS. */
int tenon_peer_tls(struct tenon_peer *p, const struct tenon_http_tls *tls,
                   const struct tenon_http_settings *s, char **shown, struct tenon_error *err);

#endif
