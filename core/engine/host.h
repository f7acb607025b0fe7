/* engine/host.h - the table for plugins: one static object; its functions find the engine
 * through the ctx. */
#ifndef TENON_ENGINE_HOST_H
#define TENON_ENGINE_HOST_H

#include "tenon-plugin.h"

const struct tenon_host *tenon_engine_host(void);

#endif
