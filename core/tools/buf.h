/* tools/buf.h - growing bytes.  Always followed by a NUL once anything was added;
 * may hold NULs.  `= TENON_BUF_INIT` (all zero) is empty. */
#ifndef TENON_TOOLS_BUF_H
#define TENON_TOOLS_BUF_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/cleanup.h"

struct tenon_buf {
    char *data; /* NULL while nothing was ever added */
    size_t len;
    size_t cap;
};
#define TENON_BUF_INIT {0}

void tenon_buf_release(struct tenon_buf *b);
TENON_DEFINE_AUTO_STRUCT(buf, struct tenon_buf, tenon_buf_release);
#define auto_buf __attribute__((cleanup(tenon_auto_buf)))

/* The same for a secret: its bytes are wiped. */
void tenon_buf_wipe(struct tenon_buf *b);
TENON_DEFINE_AUTO_STRUCT(secret_buf, struct tenon_buf, tenon_buf_wipe);
#define auto_secret_buf __attribute__((cleanup(tenon_auto_secret_buf)))

void tenon_buf_reserve(struct tenon_buf *b, size_t more);
void tenon_buf_add(struct tenon_buf *b, const void *data, size_t len);
void tenon_buf_adds(struct tenon_buf *b, const char *s);
void tenon_buf_addc(struct tenon_buf *b, char c);
void tenon_buf_addf(struct tenon_buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void tenon_buf_clear(struct tenon_buf *b); /* keeps the memory */
void tenon_buf_truncate(struct tenon_buf *b, size_t len);
/* The string; never NULL ("" while empty); stays b's. */
const char *tenon_buf_str(const struct tenon_buf *b);
/* Hands the memory over as a NUL-terminated string and leaves b empty. */
char *tenon_buf_steal(struct tenon_buf *b);

#endif
