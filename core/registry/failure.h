/* registry/failure.h - what libcurl says of a failed request, in the words that Go's
 * net/http has for it. */
#ifndef TENON_REGISTRY_FAILURE_H
#define TENON_REGISTRY_FAILURE_H

#include <stdbool.h>

#include "registry/libcurl.h"

/* The cause, for the caller to free; *code is set to what it means to us.  answered:
 * some of an answer had come, so that an alert of TLS is an end, not a refusal. */
char *tenon_http_failure(CURL *easy, CURLcode rc, const char *url, const char *detail,
                         bool answered, int *code);
/* Where "host[:port]" begins in a URL, behind a user's name and password, and its length. */
const char *tenon_url_authority(const char *url, size_t *len);
/* The URL with its password as "xxxxx"; for the caller to free. */
char *tenon_url_redact(const char *url);

#endif
