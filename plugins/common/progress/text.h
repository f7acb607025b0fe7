/* common/progress/text.h - the small forms that both renderers print, as BuildKit has
 * them. */
#ifndef TENON_COMMON_PROGRESS_TEXT_H
#define TENON_COMMON_PROGRESS_TEXT_H

#include <stdint.h>

#include "tools/buf.h"

/* Output of a step made safe for a terminal: escape sequences, carriage
 * returns (the text before them is dropped, as a terminal would overwrite
 * it) and control characters are taken out; invalid UTF-8 becomes '?'. */
void pk_sanitize(struct tenon_buf *out, const char *data, size_t len);
void pk_add_bytes(struct tenon_buf *out, int64_t bytes);         /* 1.05kB */
void pk_add_seconds(struct tenon_buf *out, int64_t ns);          /* 1.3s */
void pk_add_log_time(struct tenon_buf *out, int64_t ns);         /* 0.123 */
void pk_add_go_duration(struct tenon_buf *out, int64_t ns);      /* 1.347502967s */
/* 2018-08-31 21:03:30.703550864 +0000 UTC */
void pk_add_go_time(struct tenon_buf *out, int64_t ns);
/* How many columns a string takes, and its prefix of at most so many. */
size_t pk_columns(const char *s);
size_t pk_cut(const char *s, size_t columns); /* bytes */

#endif
