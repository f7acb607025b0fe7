/* serve/optionnames.c - see optionnames.h. */
#include "optionnames.h"

#include <stdlib.h>
#include <string.h>
#include <tenon-plugin.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"

/* "annotation" stands for annotation.K, annotation-index.K and annotation[linux/arm64].K. */
static bool
takes(const struct tenon_param *p, const char *pair)
{
    const size_t len = strlen(p->name);

    return !strncmp(p->name, pair, len) &&
           (pair[len] == '=' ||
            (p->type == TENON_TYPE_MAP && pair[len] && strchr(".-[", pair[len])));
}

bool
optionnames_has(const struct tenon_plugin *plugin, const char *pair)
{
    const char *at = (const char *)plugin->options;

    for (; at && ((const struct tenon_param *)at)->name; at += plugin->param_size)
        if (takes((const struct tenon_param *)at, pair))
            return true;
    return false;
}

char **
optionnames_split(const struct tenon_plugin *plugin, char ***pairs)
{
    char **all = tenon_steal(pairs), **others = NULL;

    for (char **p = all; p && *p; p++)
        tenon_strv_push(optionnames_has(plugin, *p) ? pairs : &others, *p);
    free(all);
    return others;
}
