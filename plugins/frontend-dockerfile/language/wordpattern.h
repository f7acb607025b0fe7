/* language/wordpattern.h - the patterns of ${x#p}, ${x%p} and ${x/p/r}: '*' and '?'. */
#ifndef DF_WORDPATTERN_H
#define DF_WORDPATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "arena.h"
#include "tools/buf.h"

/* All fail when the work the arena allows is done: df_work_left(). */

/* Remove a prefix (suffix) that matches, the longest when greedy, else the
 * shortest.  NULL with *message when the pattern is malformed. */
char *df_pattern_trim(struct df_arena *a, const char *pattern,
                      const char *value, bool suffix, bool greedy,
                      const char **message);
/* Replace the first match (all matches). */
char *df_pattern_replace(struct df_arena *a, const char *pattern,
                         const char *value, const char *replacement, bool all,
                         const char **message);

#endif
