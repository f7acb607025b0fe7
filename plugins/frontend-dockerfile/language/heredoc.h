/* language/heredoc.h - the here-documents a logical line announces. */
#ifndef DF_HEREDOC_H
#define DF_HEREDOC_H

#include "parser.h"

/* All of a line, in order, without their contents. */
bool df_heredocs_from_line(struct df_arena *a, const char *line,
                           struct df_heredoc **out, size_t *count,
                           const char **message);

#endif
