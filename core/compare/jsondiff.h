/* compare/jsondiff.h - two JSON documents, member by member. */
#ifndef TENON_COMPARE_JSONDIFF_H
#define TENON_COMPARE_JSONDIFF_H

#include "base/json.h"
#include "compare/difference.h"

/* at: how the value is called, "" for the document.  skip: members of the top that are compared
 * elsewhere, or NULL.  Members come in the order of their names; "created" is a time, and lists of
 * NAME=VALUE, as Env is one, are compared by their names. */
int tenon_jsondiff(struct tenon_comparison *c, enum tenon_word word, const char *at,
                   struct json_object *a, struct json_object *b, const char *const *skip,
                   struct tenon_error *err);

#endif
