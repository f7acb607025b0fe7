/* tools/unicode.h - what kind of character one is. */
#ifndef TENON_TOOLS_UNICODE_H
#define TENON_TOOLS_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A bit for each general category. */
uint32_t tenon_unicode_category(uint32_t rune);
/* Those of a class by its name in regular expressions of Go: "L", "Lu", "Uppercase_Letter"; case,
 * "_", "-" and blanks do not count.  0: no such class. */
uint32_t tenon_unicode_class(const char *name, size_t len);

#endif
