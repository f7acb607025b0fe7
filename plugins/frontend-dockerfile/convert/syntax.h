/* convert/syntax.h - the "# syntax=" of a build file. */
#ifndef DF_SYNTAX_H
#define DF_SYNTAX_H

#include "convert.h"

/* 1: another frontend, which the file (or BUILDKIT_SYNTAX) names, has made the result; 0: the
 * file is ours.  config: the plugin's. */
int df_obey_syntax(struct df_build *b, const struct tenon_values *config,
                   struct tenon_result *result, struct tenon_error *err);

#endif
