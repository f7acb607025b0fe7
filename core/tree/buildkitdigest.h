/* tree/buildkitdigest.h - digests of content as BuildKit has them. */
#ifndef TENON_TREE_BUILDKITDIGEST_H
#define TENON_TREE_BUILDKITDIGEST_H

#include "tree/tree.h"

/* As tenon_view_digest; include_root_name and required are not looked at.  NOT_FOUND: the path
 * is not there. */
int tenon_view_buildkit_digest(struct tenon_view *v, const struct tenon_selector *sel,
                               struct tenon_cancel *cancel, struct tenon_digest *out,
                               struct tenon_error *err);

#endif
