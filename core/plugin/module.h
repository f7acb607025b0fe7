/* plugin/module.h - libltdl, in this file alone, so that replacing it is one small
 * patch. */
#ifndef TENON_PLUGIN_MODULE_H
#define TENON_PLUGIN_MODULE_H

#include "base/error.h"
#include "tenon-plugin.h"

/* A regular file, not a link, that only root or we can change, nor any
 * directory above it.  Inside a user namespace root's files show the overflow
 * uid: accepted for files below trusted_dir (may be NULL) only. */
int tenon_module_vet(const char *path, const char *trusted_dir,
                     struct tenon_error *err);
/* Open path (absolute) and call its query function.  symbol is
 * "KIND_NAME_LTX_tenon_plugin_query".  Never closed again. */
int tenon_module_open(const char *path, const char *symbol,
                      const struct tenon_plugin **out,
                      struct tenon_error *err);

#endif
