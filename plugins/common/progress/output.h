/* common/progress/output.h - writing to where the user looks. */
#ifndef TENON_COMMON_PROGRESS_OUTPUT_H
#define TENON_COMMON_PROGRESS_OUTPUT_H

#include "tools/buf.h"

/* All of b, with one write(2) where the other end takes it; waits for one that
 * does not block.  When nothing reads it, the build goes on. */
void pk_write(int fd, const struct tenon_buf *b);

#endif
