/* tools/base64.h - bytes as text (RFC 4648, section 4: with padding). */
#ifndef TENON_TOOLS_BASE64_H
#define TENON_TOOLS_BASE64_H

#include <stdbool.h>
#include <stddef.h>

struct tenon_buf;

/* To be free()d.  It is the only copy, so a secret can be wiped. */
char *tenon_base64(const void *data, size_t len);
/* Appended to out; the padding may be missing. False: not base64, and out has what came before. */
bool tenon_base64_decode(const char *text, size_t len, struct tenon_buf *out);

#endif
