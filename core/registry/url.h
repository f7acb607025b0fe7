/* registry/url.h - the parts of URLs that requests need. */
#ifndef TENON_REGISTRY_URL_H
#define TENON_REGISTRY_URL_H

#include <stdbool.h>
#include <stddef.h>

/* Where "host[:port]" begins in a URL, after a user's name and password, and its length. */
const char *tenon_url_authority(const char *url, size_t *len);
/* "scheme://host:port" equal? */
bool tenon_url_same_origin(const char *a, const char *b);
bool tenon_host_is_loopback(const char *host); /* with or without a port */

#endif
