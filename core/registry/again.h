/* registry/again.h - a request outside of the distribution protocol, with the same patience. */
#ifndef TENON_REGISTRY_AGAIN_H
#define TENON_REGISTRY_AGAIN_H

#include "registry/http.h"
#include "registry/patience.h"

/* tenon_http_do, made again after failures and statuses that may pass.  p: of a longer operation,
 * or NULL for as much as the settings have.  What the sink has had is taken back by `back` (NULL:
 * no second request then). */
int tenon_http_patiently(struct tenon_http *h, const struct tenon_http_request *req,
                         struct tenon_http_response *res, struct tenon_patience *p,
                         int (*back)(void *data, struct tenon_error *err),
                         struct tenon_error *err);

#endif
