/* engine/host_registry.h - registries as plugins see them: the extension "tenon.registry/0"
 * for host->extension. */
#ifndef TENON_ENGINE_HOST_REGISTRY_H
#define TENON_ENGINE_HOST_REGISTRY_H

#include "tenon-plugin.h"

const struct tenon_registry_api *tenon_registry_api(void);

#endif
