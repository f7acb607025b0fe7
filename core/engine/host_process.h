/* engine/host_process.h - the extension "tenon.process/0" for host->extension. */
#ifndef TENON_ENGINE_HOST_PROCESS_H
#define TENON_ENGINE_HOST_PROCESS_H

#include "tenon-plugin.h"

const struct tenon_process_api *tenon_process_api(void);

#endif
