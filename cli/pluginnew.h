/* cli/pluginnew.h - tenon plugin new: a package for a plugin, to begin with. */
#ifndef TENON_CLI_PLUGINNEW_H
#define TENON_CLI_PLUGINNEW_H

#include "base/error.h"

/* Writes cli/newplugin's files for this kind below dir, which is made, and must
 * not be there or be empty. INVALID: no such kind, no name of a plugin's, a
 * name that is taken. */
int cli_plugin_new(const char *kind, const char *name, const char *dir,
                   struct tenon_error *err);

#endif
