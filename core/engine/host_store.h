/* engine/host_store.h - the extension "tenon.store/0" for host->extension. */
#ifndef TENON_ENGINE_HOST_STORE_H
#define TENON_ENGINE_HOST_STORE_H

#include "tenon-plugin.h"

const struct tenon_store_api *tenon_store_api(void);

#endif
