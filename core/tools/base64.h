/* tools/base64.h - bytes as text (RFC 4648, section 4: with padding). */
#ifndef TENON_TOOLS_BASE64_H
#define TENON_TOOLS_BASE64_H

#include <stddef.h>

/* To be free()d.  It is the only copy, so a secret can be wiped. */
char *tenon_base64(const void *data, size_t len);

#endif
