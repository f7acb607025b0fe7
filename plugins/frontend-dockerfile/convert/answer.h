/* convert/answer.h - what the answers about a build file are made of: JSON, and a table of text. */
#ifndef DF_ANSWER_H
#define DF_ANSWER_H

#include <json-c/json.h>

#include "build.h"
#include "tools/buf.h"

/* {"ranges":[...]} as LLB's Location; NULL for nowhere. */
struct json_object *df_json_location(struct df_lines lines);
/* The build file's bytes in base64. */
struct json_object *df_json_source(const struct df_build *b);
void df_json_put(struct json_object *o, const char *key, const char *value);

/* Rows of cells into columns of even width, cells ended by '\t' and rows by
 * '\n', `gap` blanks between; as Go's tabwriter does. */
void df_table(struct tenon_buf *out, const char *cells, size_t gap);

#endif
