/* tools/utf8.h - what a character is. */
#ifndef TENON_TOOLS_UTF8_H
#define TENON_TOOLS_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Length of the valid UTF-8 sequence at p (Go's utf8.DecodeRune: no surrogates,
 * nothing overlong, at most U+10FFFF) of which `left` bytes are there, or 0. */
size_t tenon_utf8_len(const void *p, size_t left);
/* The character at p, left > 0, and its length. A byte that is not UTF-8 is a character of its
 * own, this and the byte. */
uint32_t tenon_utf8_next(const char *p, size_t left, size_t *len);
#define TENON_UTF8_NONE 0x110000u

#endif
