/* registry/proxy.h - which requests go through a proxy, as curl and Go read the variables. */
#ifndef TENON_REGISTRY_PROXY_H
#define TENON_REGISTRY_PROXY_H

#include "registry/settings.h"

/* The proxy for a URL, "" for none.  The loopback is never reached through one. */
const char *tenon_proxy_for(const struct tenon_http_settings *s, const char *url);

#endif
