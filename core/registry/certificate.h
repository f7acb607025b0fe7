/* registry/certificate.h - what libcurl over gnutls does not ask of a server's
 * certificate, and Go (and with it docker and BuildKit) does. */
#ifndef TENON_REGISTRY_CERTIFICATE_H
#define TENON_REGISTRY_CERTIFICATE_H

#include "registry/libcurl.h"

/* For a request over TLS whose server libcurl has verified, before anything is sent: may the
 * certificate be used by servers, and did the host match one of its alternative names?
 * NULL when it is right, else what is wrong, in Go's words. */
const char *tenon_certificate_fault(CURL *easy, const char *url);

#endif
