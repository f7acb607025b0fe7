/* engine/asked.h - who asked for a result: a frontend with its options and inputs, and what all of
 * it began with.  Provenance tells it. */
#ifndef TENON_ENGINE_ASKED_H
#define TENON_ENGINE_ASKED_H

#include "base/json.h"
#include "engine/mask.h"
#include "tenon-plugin.h"

struct tenon_build;

struct tenon_asked { /* immutable once others have it; the build's */
    char *frontend; /* its plugin; "": none, somebody drives */
    char **options;
    struct json_object *inputs; /* by name: the requests that made them, as far as they are known */
    const struct tenon_asked *root; /* NULL: this is it */
};

/* up: by whom it was called, NULL: by nobody whose request counts. */
struct tenon_asked *tenon_asked_new(struct tenon_build *b, const char *frontend,
                                    const char *const *options, const struct tenon_asked *up);
/* Which they are; once. */
void tenon_asked_inputs(struct tenon_build *b, struct tenon_asked *asked,
                        const struct tenon_named_ref *inputs, size_t count);
/* What is in the result was made by it, but for what another one made whom it called. */
void tenon_asked_made(struct tenon_build *b, const struct tenon_asked *asked,
                      struct tenon_result *result);
/* "frontend", "args", "inputs", "root" and, if something is not shown, "masked"; the caller's. */
struct json_object *tenon_asked_json(const struct tenon_asked *asked,
                                     const struct tenon_mask *mask);
/* What no request of the build may show. */
void tenon_asked_mask(struct tenon_build *b, struct tenon_mask *mask);
/* With the build. */
void tenon_asked_release(struct tenon_build *b);

#endif
