/* tools/goregexp.h - regular expressions as Go's regexp package has them, with groups.
 *
 * For what a user writes as one (source policies); regexp.h is about lines of ignore files.
 * Of several ways to match the leftmost is taken, and of those the one that the expression
 * prefers, as Perl does; the time goes with the length of the expression times that of the
 * text. Not there, and refused: \p{...}, \C. Case is folded in ASCII only. */
#ifndef TENON_TOOLS_GOREGEXP_H
#define TENON_TOOLS_GOREGEXP_H

#include <stdbool.h>
#include <stddef.h>

#include "tools/buf.h"

struct tenon_goregexp; /* immutable; any thread */

enum {
    TENON_GOREGEXP_GROUPS = 64,  /* with the whole */
    TENON_GOREGEXP_TEXT = 16384, /* bytes of a text; a longer one does not match */
};

struct tenon_goregexp_match {
    size_t count;                                    /* of groups, the whole is number 0 */
    ptrdiff_t begin[TENON_GOREGEXP_GROUPS], end[TENON_GOREGEXP_GROUPS]; /* -1: not taken */
};

/* NULL when Go refuses it, or when it is too large; *why is then a static text. */
struct tenon_goregexp *tenon_goregexp_compile(const char *text, const char **why);
void tenon_goregexp_free(struct tenon_goregexp *re);
/* What it takes to keep: instructions, and ranges of classes. */
size_t tenon_goregexp_size(const struct tenon_goregexp *re);
/* The first match that begins at `from` or later; out NULL: just whether there is one. */
bool tenon_goregexp_match(const struct tenon_goregexp *re, const char *text, size_t from,
                          struct tenon_goregexp_match *out);
/* Regexp.Expand: adds `format`, in which $1, ${1} and ${name} are groups of the match. It stops
 * once more than max bytes are there. */
void tenon_goregexp_expand(const struct tenon_goregexp *re, const char *format, const char *text,
                           const struct tenon_goregexp_match *m, size_t max, struct tenon_buf *out);
/* Regexp.ReplaceAllString; it stops as that does. */
void tenon_goregexp_replace(const struct tenon_goregexp *re, const char *text, const char *format,
                            size_t max, struct tenon_buf *out);

#endif
