/* convert/foreign.h - sources of other plugins, which a build file names by their scheme
 * ("data://...") where an image, a URL or a context may stand. */
#ifndef DF_FOREIGN_H
#define DF_FOREIGN_H

#include "convert.h"

/* Is text the identifier of one?  1, 0 or negative: two plugins serve the scheme. */
int df_foreign_is(struct df_build *b, const char *text, struct tenon_error *err);
/* Its tree, shown as `name`, and what its plugin has for an image config (*has_image). */
int df_foreign_load(struct df_convert *c, const char *identifier,
                    const struct df_platform *platform, const char *name,
                    struct df_vertex **tree, struct df_image *image, bool *has_image,
                    struct tenon_error *err);

#endif
