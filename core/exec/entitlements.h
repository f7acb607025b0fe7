/* exec/entitlements.h - the devices of a step by the names that the user's entitlements give
 * them. */
#ifndef TENON_EXEC_ENTITLEMENTS_H
#define TENON_EXEC_ENTITLEMENTS_H

#include "context/engine.h"
#include "exec/cdi.h"

/* Was it given by the user, in this word? */
bool tenon_entitlement_has(const struct tenon_engine *e, const char *name);
/* From the directories that "cdi-dirs" of tenon.json names, or the usual ones. */
void tenon_entitlement_load_cdi(const struct tenon_engine *e, struct tenon_cdi *cdi);
/* The device that an entitlement gave this name to ("device=NAME,alias=WORD"), or
 * NULL; the caller frees it. */
char *tenon_entitlement_device(const struct tenon_engine *e, const char *asked);

#endif
