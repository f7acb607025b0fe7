/* language/directives.h - the zone of directives at the top, line by line. */
#ifndef DF_DIRECTIVES_H
#define DF_DIRECTIVES_H

#include "parser.h"

struct df_directive_zone {
    const char *comment; /* what starts a line: "#" or "//" */
    unsigned seen;       /* 1u << enum df_directive_kind */
    bool done;           /* the zone has ended */
};

enum df_directive_line { DF_DIRECTIVE_NONE, DF_DIRECTIVE_ONE, DF_DIRECTIVE_BAD };

/* The next line of the zone, without its line end.  ONE: *which is an enum
 * df_directive_kind; BAD: *message says why. */
enum df_directive_line df_directive_line(struct df_arena *a,
                                         struct df_directive_zone *zone,
                                         const char *line, size_t len,
                                         int *which, char **value,
                                         const char **message);

#endif
