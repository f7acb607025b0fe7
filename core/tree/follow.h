/* tree/follow.h - BuildKit's followpaths; private to core/tree. */
#ifndef TENON_TREE_FOLLOW_H
#define TENON_TREE_FOLLOW_H

#include "base/error.h"

/* Adds to *list (NULL-terminated, may be NULL) the clean relative path of each
 * wanted path and of all that the links on its way lead to.  When one of them
 * is the root itself, nothing is added: then there is no filter. */
int tenon_follow_paths(int rootfd, const char *const *wanted, char ***list,
                       struct tenon_error *err);

#endif
