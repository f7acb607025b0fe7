/* serve/optionnames.h - what clients say that we know nothing of: they expect that it is left out,
 * where users of the command want to be told. */
#ifndef TENON_SERVE_OPTIONNAMES_H
#define TENON_SERVE_OPTIONNAMES_H

#include <stdbool.h>

struct tenon_plugin;
/* Does the plugin take "NAME=VALUE", whatever the value? */
bool optionnames_has(const struct tenon_plugin *plugin, const char *pair);
/* Those that it does not take leave *pairs; the list of them, for tenon_strv_free(). */
char **optionnames_split(const struct tenon_plugin *plugin, char ***pairs);

#endif
