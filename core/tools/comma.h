/* tools/comma.h - lists in one text, separated by commas. */
#ifndef TENON_TOOLS_COMMA_H
#define TENON_TOOLS_COMMA_H

#include <stdbool.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"

/* One record of comma-separated values, of which some may be quoted ("a,b",c), as the flags of
 * docker and RUN --mount take them; for tenon_strv_free().  NULL when it is malformed, with what
 * Go's encoding/csv says of it in *why (malloced; why may be NULL).  Empty text is malformed. */
char **tenon_comma_fields(const char *s, char **why);
/* The same without quotes: "a,,b" is "a", "" and "b", and "" is one item.  Never NULL. */
char **tenon_comma_split(const char *s);
bool tenon_comma_has(const char *list, const char *item);

TENON_DEFINE_AUTO(strv, char **, tenon_strv_free);
#define auto_strv __attribute__((cleanup(tenon_auto_strv)))

#endif
