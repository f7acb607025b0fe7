/* devices.h - what allow.c and devices.c share. */
#ifndef TENON_EXEC_DEVICES_H
#define TENON_EXEC_DEVICES_H

#include "context/engine.h"
#include "exec/cdi.h"

/* "cdi-dirs" of tenon.json, or NULL. */
struct json_object *tenon_exec_cdi_dirs(const struct tenon_engine *e);
/* The device that a grant gave this name to ("device=NAME,alias=WORD"), or NULL;
 * the caller frees it. */
char *tenon_exec_device_name(const struct tenon_engine *e, const char *asked);

#endif
