/* tools/regexp.h - regular expressions of Go, as far as lines of ignore files become them.
 *
 * moby/patternmatcher makes one of each line that is more than plain text, and does not shield all
 * of what means something there: "bin\Debug" is bin, no digit, ebug. So this knows literals,
 * escapes (\d \b \x41 \Q...), classes, "^", counts ({2,3}), alternatives (a|b), "*" behind a
 * class, ".*", "(.*[/])?", and "$" at the end: other groups and repetitions are shielded. */
#ifndef TENON_TOOLS_REGEXP_H
#define TENON_TOOLS_REGEXP_H

#include <stdbool.h>
#include <stddef.h>

struct tenon_regexp; /* immutable; any thread */

enum tenon_regexp_want {
    TENON_REGEXP_WHOLE,     /* the path itself */
    TENON_REGEXP_OR_PARENT, /* the path or one of its parents */
    TENON_REGEXP_OR_BELOW,  /* these, or perhaps something below the path */
};

/* text begins with "^". NULL when Go's regexp.Compile refuses it. */
struct tenon_regexp *tenon_regexp_compile(const char *text);
void tenon_regexp_free(struct tenon_regexp *re);
bool tenon_regexp_match(const struct tenon_regexp *re, const char *path, size_t len,
                        enum tenon_regexp_want want);

#endif
