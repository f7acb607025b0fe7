/* base/json.h - json-c with limits on the way in, stable text on the way out. */
#ifndef TENON_BASE_JSON_H
#define TENON_BASE_JSON_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/buf.h"
#include "error.h"

static inline void
tenon_json_put(struct json_object *o)
{
    json_object_put(o);
}
TENON_DEFINE_AUTO(json, struct json_object *, tenon_json_put);
#define auto_json __attribute__((cleanup(tenon_auto_json)))

/* Strict, at most limit bytes and 64 levels, nothing but blanks after it.
 * *out is the caller's (auto_json). */
int tenon_json_parse(const char *text, size_t len, size_t limit,
                     struct json_object **out, struct tenon_error *err);

/* Members of an object; borrowed from it.  A missing or null member gives
 * the default without an error; another type is an error that names the key.
 * `what` names the document in the message. */
int tenon_json_get_str(struct json_object *o, const char *key, const char *def,
                       const char **out, struct tenon_error *err);
int tenon_json_get_int(struct json_object *o, const char *key, int64_t def,
                       int64_t *out, struct tenon_error *err);
int tenon_json_get_bool(struct json_object *o, const char *key, bool def,
                        bool *out, struct tenon_error *err);
/* *out NULL when missing. */
int tenon_json_get_object(struct json_object *o, const char *key,
                          struct json_object **out, struct tenon_error *err);
int tenon_json_get_array(struct json_object *o, const char *key,
                         struct json_object **out, struct tenon_error *err);

#endif
