/* engine/mask.h - what is secret, or has a name that says so, becomes "xxxxx" in JSON: values of
 * build arguments, wherever else they turn up, variables, passwords in URLs. */
#ifndef TENON_ENGINE_MASK_H
#define TENON_ENGINE_MASK_H

#include "base/json.h"
#include "tools/vec.h"

struct tenon_mask {
    TENON_VEC(const char *) hidden; /* values that arguments with secret names have; borrowed */
};

/* The value of "build-arg:NAME=VALUE" whose name is that of a secret; NULL: it is none. */
const char *tenon_hidden_argument(const char *option);
/* The options of one more request, which outlive the mask. */
void tenon_mask_take(struct tenon_mask *m, const char *const *options);
void tenon_mask_release(struct tenon_mask *m);
/* Copies, the caller's.  Of files: their "data" are bytes, as of build files. */
struct json_object *tenon_mask_json(const struct tenon_mask *m, struct json_object *o);
struct json_object *tenon_mask_files(const struct tenon_mask *m, struct json_object *o);

#endif
