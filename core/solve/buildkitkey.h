/* solve/buildkitkey.h - what BuildKit's solver knows the vertices by, for its caches. Workers. */
#ifndef TENON_SOLVE_BUILDKITKEY_H
#define TENON_SOLVE_BUILDKITKEY_H

#include "solve/private.h"

enum { BUILDKIT_KEYS_MAX = 2 }; /* an image: by its manifest, by its layers */

struct buildkit_keys {
    struct tenon_digest own[BUILDKIT_KEYS_MAX]; /* digests of its "cache maps" */
    size_t own_count;                           /* 0: BuildKit has none of it that lasts */
    char **selectors; /* one an input, a digest or ""; for tenon_strv_free */
};
void buildkit_keys_release(struct buildkit_keys *k);
TENON_DEFINE_AUTO_STRUCT(buildkit_keys, struct buildkit_keys, buildkit_keys_release);
#define auto_buildkit_keys __attribute__((cleanup(tenon_auto_buildkit_keys)))

/* Of a source: once it is resolved. */
int buildkit_keys(const struct state *st, struct buildkit_keys *out, struct tenon_error *err);
/* Of what an input shows, by what its selectors mean. */
int buildkit_content(struct tenon_view *view, const struct dep *d, bool exec,
                     struct tenon_cancel *cancel, struct tenon_digest *out,
                     struct tenon_error *err);

#endif
