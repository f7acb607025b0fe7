/* tools/pattern.h - the two pattern languages of build files.
 *
 * Glob: Go's filepath.Match on one path ('*' and '?' stop at '/', [a-z],
 * backslash escapes).  Pattern list: what .dockerignore, --exclude and
 * include patterns mean (github.com/moby/patternmatcher): per-segment glob and
 * "**", '!' negates, a match of a directory covers what is below it, the last
 * match wins.
 *
 * Part of the toolbox (no errors, no state): bundled plugins may use it. */
#ifndef TENON_TOOLS_PATTERN_H
#define TENON_TOOLS_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "tools/cleanup.h"

/* False with *bad set when the pattern is malformed (Go's ErrBadPattern). */
bool tenon_glob_match(const char *pattern, const char *path, bool *bad);

struct tenon_patterns; /* any thread */

/* Each pattern is one line already stripped of comments.  NULL when one is
 * malformed, *bad is then that line (borrowed).  An empty list gives an object
 * that matches nothing. */
struct tenon_patterns *tenon_patterns_compile(const char *const *lines,
                                              size_t count, const char **bad);
void tenon_patterns_free(struct tenon_patterns *p);
TENON_DEFINE_AUTO(patterns, struct tenon_patterns *, tenon_patterns_free);
#define auto_patterns __attribute__((cleanup(tenon_auto_patterns)))

/* path is clean and relative ("a/b").  Considers the parents, too: each pattern
 * covers what it matches and all below that. */
bool tenon_patterns_match(const struct tenon_patterns *p, const char *path);
/* The same as a walk from the top finds it, which differs where there are
 * exceptions: an exception that changes nothing for a directory is not noted
 * for it, and so does not cover what is below.  What holds in the directory
 * `dir` ("" is the top): to be free()d; NULL, which is good, without p or without
 * exceptions. */
bool *tenon_patterns_enter(const struct tenon_patterns *p, const char *dir);
/* path lies in the directory of `held`. */
bool tenon_patterns_match_in(const struct tenon_patterns *p, const bool *held,
                             const char *path);
/* The first pattern that had to be looked at and cannot be: what patternmatcher makes a regular
 * expression of is none ("bin\obj": there is no \o). NULL: none. */
const char *tenon_patterns_broken(const struct tenon_patterns *p);
/* Is there a '!' that may match something below the directory `path`?  When
 * false, an excluded directory need not be entered. */
bool tenon_patterns_may_reinclude(const struct tenon_patterns *p,
                                  const char *path);
/* For include lists: may anything below directory `path` match? */
bool tenon_patterns_may_match_below(const struct tenon_patterns *p,
                                    const char *path);

/* The lines of an ignore file (BOM, comments, blanks, cleaning, one leading
 * slash) as a NULL-terminated list for tenon_strv_free(). */
char **tenon_ignore_parse(const char *text, size_t len);

#endif
