/* convert/subrequests.h - questions about a build file that build nothing: their answers are
 * result.json and result.txt, with BuildKit's field names. */
#ifndef DF_SUBREQUESTS_H
#define DF_SUBREQUESTS_H

#include <json-c/json.h>

#include "convert.h"
#include "tools/buf.h"

/* Answers "requestid" when the request has one: 1, 0 when it has none. */
int df_subrequest(struct df_build *b, struct tenon_result *result,
                  struct tenon_error *err);

/* The members of the family; each fills json and text. */
int df_outline_report(struct df_build *b, struct json_object *json,
                      struct tenon_buf *text, struct tenon_error *err);
int df_targets_report(struct df_build *b, struct json_object *json,
                      struct tenon_buf *text, struct tenon_error *err);
/* The graph; *json lives as long as the ctx. */
int df_llb_report(struct df_build *b, const char **json, struct tenon_error *err);
/* *findings: number of warnings, and 1 more when the file cannot be built, which json
 * alone tells. */
int df_check_report(struct df_build *b, struct json_object *json,
                    struct tenon_buf *text, size_t *findings, struct tenon_error *err);

#endif
