/* registry/failure.h - what libcurl says of a failed request, in the words that Go's
 * net/http has for it. */
#ifndef TENON_REGISTRY_FAILURE_H
#define TENON_REGISTRY_FAILURE_H

#include <stdbool.h>

#include "registry/http.h"
#include "registry/libcurl.h"

struct tenon_http_failure {
    CURL *easy;
    CURLcode rc;
    const char *url, *detail;
    bool answered; /* some of an answer had come: an alert of TLS is an end, not a refusal */
    bool proxied;  /* it was for a proxy to pass on */
};
/* The cause, for the caller to free; *code is set to what it means to us. */
char *tenon_http_failure(const struct tenon_http_failure *f, int *code,
                         enum tenon_http_trouble *trouble);

/* The errno when a request failed for want of descriptors or memory here, which libcurl calls
 * a server that cannot be found or reached; else 0.  sys: of the last socket(), or 0. */
int tenon_http_local_trouble(CURLcode rc, int sys);

#endif
