/* cli/knownword.h - words that name a plugin or something of ours: output types, cache
 * types, progress displays. */
#ifndef TENON_CLI_KNOWNWORD_H
#define TENON_CLI_KNOWNWORD_H

#include "plugin/plugins.h"

/* INVALID, with the nearest word and all there are, for one that is not a plugin of that kind
 * (installed, or of ours and in a package) and none of `others` (NULL at the end). what: "output
 * type". */
int known_word_check(struct tenon_plugins *plugins, enum tenon_kind kind, const char *what,
                     const char *word, const char *const *others, struct tenon_error *err);

#endif
