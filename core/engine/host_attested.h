/* engine/host_attested.h - what attests an image at its registry, as facts of a source. */
#ifndef TENON_ENGINE_HOST_ATTESTED_H
#define TENON_ENGINE_HOST_ATTESTED_H

#include <tenon-plugin.h>

#include "base/json.h"
#include "image/image.h"
#include "registry/registry.h"

struct tenon_attested_query {
    struct tenon_registry *registry;
    const struct tenon_registry_call *call;
    const char *ref;                  /* of the index */
    const struct tenon_descriptor *root;
    const void *index;
    size_t len;
    const struct tenon_platform *platform;
    const char *const *predicates;    /* whose statements are wanted; NULL at the end, or NULL */
};
/* Of the image of that platform; what is not attested has the digest of its manifest alone.
 * Facts live until ctx ends. */
int tenon_attested_facts(struct tenon_ctx *ctx, const struct tenon_attested_query *q,
                         const struct tenon_fact **facts, size_t *count,
                         struct tenon_error *err);

#endif
