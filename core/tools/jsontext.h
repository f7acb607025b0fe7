/* tools/jsontext.h - JSON text as Go's encoder writes it, byte for byte: members in insertion
 * order, no blanks, '<', '>', '&', U+2028 and U+2029 escaped when html is set, invalid UTF-8
 * replaced by U+FFFD.  Documents that get a digest are made with this. */
#ifndef TENON_TOOLS_JSONTEXT_H
#define TENON_TOOLS_JSONTEXT_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "tools/buf.h"

/* Text that is to be parsed: an object takes 800 bytes of memory for the three that "{}," is, so
 * not only its bytes have a limit. True when there are at most so many objects, and values. */
#define TENON_JSON_OBJECTS_MAX 400000u
#define TENON_JSON_VALUES_MAX 2000000u
bool tenon_json_is_modest(const char *text, size_t len);
/* NULL: it is not JSON, or too much of it. */
struct json_object *tenon_json_parse_modest(const char *text);

void tenon_json_add_string(struct tenon_buf *b, const char *s, size_t len,
                           bool html);
void tenon_json_write(struct tenon_buf *b, struct json_object *o, bool html);
/* What tenon_json_write wrote, in lines indented by two blanks: json.MarshalIndent's. */
void tenon_json_indent(struct tenon_buf *out, const char *text, size_t len);

#endif
