/* wordpattern.h - the patterns of ${x#p}, ${x%p} and ${x/p/r}: '*' and '?'. */
#ifndef DF_WORDPATTERN_H
#define DF_WORDPATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "arena.h"
#include "base/buf.h"

/* What all substitutions of one expansion may take together: matching steps and
 * bytes handled.  Enough for anything sensible, and a bound for a file that was
 * made to be slow. */
#define DF_PATTERN_STEPS_MAX (32u << 20)

/* `steps` counts towards that maximum, over several calls. */

/* Remove a prefix (suffix) that matches, the longest when greedy, else the
 * shortest.  NULL with *message when the pattern is malformed. */
char *df_pattern_trim(struct df_arena *a, const char *pattern,
                      const char *value, bool suffix, bool greedy,
                      size_t *steps, const char **message);
/* Replace the first match (all matches). */
char *df_pattern_replace(struct df_arena *a, const char *pattern,
                         const char *value, const char *replacement, bool all,
                         size_t *steps, const char **message);

#endif
