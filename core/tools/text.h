/* tools/text.h - text from elsewhere (steps, images, registries, build files) made harmless
 * for a terminal: no control characters of either set, none that turn the direction of what
 * follows, nothing that is not UTF-8. */
#ifndef TENON_TOOLS_TEXT_H
#define TENON_TOOLS_TEXT_H

#include <stddef.h>

#include "tools/buf.h"

/* Bytes of the character at p (left > 0 are there), or 0 when it is not one to
 * print; tabs and newlines are not. */
size_t tenon_text_printable(const char *p, size_t left);

/* Appends text with what is not printable as "\xNN", except newlines and tabs. */
void tenon_text_add(struct tenon_buf *out, const char *text, size_t len);

/* The same for JSON, which stays the same JSON: "\uNNNN". */
void tenon_text_add_json(struct tenon_buf *out, const char *json, size_t len);

#endif
