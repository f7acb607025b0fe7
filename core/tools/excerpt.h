/* tools/excerpt.h - the lines of a text around a place, the place itself marked. */
#ifndef TENON_TOOLS_EXCERPT_H
#define TENON_TOOLS_EXCERPT_H

#include <stddef.h>

#include "tools/buf.h"

/* Appends lines first to last (from 1) of text and some around them, below "NAME:FIRST", as
 * BuildKit prints them; nothing when there is no such line. */
void tenon_excerpt_add(struct tenon_buf *out, const char *name, const char *text, size_t len,
                       size_t first, size_t last);

#endif
