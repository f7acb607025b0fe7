/* engine/host_fetch.h - HTTP as plugins see it: the extension "tenon.http/0" for
 * host->extension. */
#ifndef TENON_ENGINE_HOST_FETCH_H
#define TENON_ENGINE_HOST_FETCH_H

#include "tenon-plugin.h"

const struct tenon_http_api *tenon_http_api(void);

#endif
