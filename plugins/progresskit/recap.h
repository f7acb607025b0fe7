/* recap.h - what stands at the end of a build: the failed step's last lines,
 * the part of the build file, the error; the warnings. */
#ifndef TENON_PROGRESSKIT_RECAP_H
#define TENON_PROGRESSKIT_RECAP_H

#include "model.h"

/* max_lines of the failed step's output, 0: all that is kept. */
void pk_recap_failure(struct tenon_buf *out, struct pk_model *m,
                      const struct tenon_progress_end *end, size_t max_lines);
void pk_recap_warnings(struct tenon_buf *out, const struct pk_model *m);
/* The error line and its hint. */
void pk_recap_error(struct tenon_buf *out, const struct tenon_progress_end *end);

#endif
