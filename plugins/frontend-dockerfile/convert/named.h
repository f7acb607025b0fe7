/* convert/named.h - named contexts (--build-context NAME=...), in the place of a stage or an
 * image. */
#ifndef DF_NAMED_H
#define DF_NAMED_H

#include "convert.h"

struct df_named {
    const char *name;  /* with the platform, when that was asked for */
    const char *plain; /* without */
    const char *input; /* "docker-image://...", "local:NAME" ... */
    const struct df_platform *platform;
    unsigned moved; /* by policies, so many times */
};

/* The context called `name` (an image name is made familiar first), or NULL
 * when there is none. */
int df_named_find(struct df_convert *c, const char *name,
                  const struct df_platform *platform, struct df_named **out,
                  struct tenon_error *err);
/* Its tree and, when it is an image, its config (*has_image).  `paths` are the
 * paths that will be used of a local one: they are read when everything is known. */
int df_named_load(struct df_convert *c, const struct df_named *n,
                  const struct df_paths *paths, struct df_vertex **tree,
                  struct df_image *image, bool *has_image,
                  struct tenon_error *err);

#endif
