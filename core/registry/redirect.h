/* registry/redirect.h - where a request goes on, and what of it. */
#ifndef TENON_REGISTRY_REDIRECT_H
#define TENON_REGISTRY_REDIRECT_H

#include "registry/http.h"

/* Does the answer send the request elsewhere?  *as_get: the resource there tells the result of
 * this one, so it is read (303), not given the body again. */
bool tenon_redirect_wanted(const char *method, long status, bool *as_get);
/* May the request go on there?  DENIED from TLS to plain, unless that was allowed, and for
 * bodies that are secrets, anywhere else. */
int tenon_redirect_check(const struct tenon_http_request *req, const char *from, const char *to,
                         struct tenon_error *err);
/* Does `to` stand for the same server as `from`, so that credentials may go there?  The same
 * scheme, host and port, or from plain to TLS on the usual ports of one host. */
bool tenon_redirect_is_home(const char *from, const char *to);
/* `to` over TLS, for the caller to free, when it is the same server as `from`, which speaks TLS,
 * and only leaves that out when it says where it is; NULL when it is another. */
char *tenon_redirect_with_tls(const char *from, const char *to);

#endif
