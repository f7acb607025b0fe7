/* places/copyimage.h - an image from one place to another, with all that it consists of. */
#ifndef TENON_PLACES_COPYIMAGE_H
#define TENON_PLACES_COPYIMAGE_H

#include "places/places.h"

struct tenon_place_copy {
    const struct tenon_reach *reach;
    const struct tenon_place *from; /* found */
    const struct tenon_place *to;   /* parsed */
    const struct tenon_platform *platform; /* this one alone; NULL: all */
    bool no_referrers;              /* signatures and the like stay where they are */
};
/* What a registry can mount from another of its repositories, or has, is not moved.  *digest: of
 * the image at its new place, malloc'ed. */
int tenon_place_copy(const struct tenon_place_copy *x, char **digest, struct tenon_error *err);

/* The documents of an image into the content store. */
int tenon_place_gather(const struct tenon_reach *reach, const struct tenon_place *p,
                       const struct tenon_desc *top, struct tenon_error *err);
/* The whole of it, as an entry of an OCI layout: a directory, or a tar (which `docker load` takes
 * when it is for one platform).  name: what the entry is called, or NULL.  Its documents are in
 * the content store. */
int tenon_place_write_layout(const struct tenon_reach *reach, const struct tenon_place *from,
                             const struct tenon_desc *top, const char *path, bool tar,
                             const char *name, struct tenon_error *err);

#endif
