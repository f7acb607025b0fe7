/* engine/host_limits.h - the extension "tenon.limits/0" for host->extension. */
#ifndef TENON_ENGINE_HOST_LIMITS_H
#define TENON_ENGINE_HOST_LIMITS_H

#include "tenon-plugin.h"

const struct tenon_limits_api *tenon_limits_api(void);

#endif
