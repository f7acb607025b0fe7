/* common/progress/recap.h - what a display prints at the end of a build: the failed step's last
 * lines, the part of the build file, the error; the warnings. */
#ifndef TENON_COMMON_PROGRESS_RECAP_H
#define TENON_COMMON_PROGRESS_RECAP_H

#include "model.h"

/* Options that both renderers have. */
#define PK_PARAM_DEBUG \
    { .name = "debug", .help = "warnings with their explanation", .type = TENON_TYPE_BOOL, \
      .def = "false" }
#define PK_PARAM_PROGRAM \
    { .name = "program", .help = "name of the command, for hints", \
      .type = TENON_TYPE_STRING, .def = "tenon" }

/* max_lines of the failed step's output, 0: all that is kept. */
void pk_recap_failure(struct tenon_buf *out, struct pk_model *m,
                      const struct tenon_progress_end *end, size_t max_lines);

struct pk_warning_style {
    bool debug;          /* all there is to say */
    const char *program; /* whose --debug would say it */
    const char *color;   /* escape sequence for the headline, or NULL */
};
void pk_recap_warnings(struct tenon_buf *out, const struct pk_model *m,
                       const struct tenon_progress_end *end,
                       const struct pk_warning_style *style);
/* The error line and its hints. */
void pk_recap_error(struct tenon_buf *out, const struct tenon_progress_end *end);

#endif
