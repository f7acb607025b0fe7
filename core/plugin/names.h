/* plugin/names.h - the form of the names that a plugin declares: schemes, "# syntax=", files. */
#ifndef TENON_PLUGIN_NAMES_H
#define TENON_PLUGIN_NAMES_H

#include <stddef.h>

#include "tenon-plugin.h"

/* Of a value of "# syntax=" what is before tag and digest. */
size_t tenon_syntax_len(const char *syntax);
/* What is wrong with the names that a plugin with a complete table declares, or NULL. */
const char *tenon_names_wrong(const struct tenon_plugin *pl);

#endif
