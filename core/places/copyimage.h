/* places/copyimage.h - an image from one place to another, with all that it consists of. */
#ifndef TENON_PLACES_COPYIMAGE_H
#define TENON_PLACES_COPYIMAGE_H

#include "places/places.h"

struct tenon_place_copy {
    const struct tenon_reach *reach;
    const struct tenon_place *from; /* found */
    struct tenon_place *to;         /* parsed */
    const struct tenon_platform *platform; /* this one alone; NULL: all */
    bool no_referrers;              /* signatures and the like stay where they are */
};
/* What a registry can mount from another of its repositories, or has, is not moved.  *digest: of
 * the image at its new place, malloc'ed. */
int tenon_place_copy(const struct tenon_place_copy *x, char **digest, struct tenon_error *err);

/* The documents of an image into the content store. */
int tenon_place_gather(const struct tenon_reach *reach, const struct tenon_place *p,
                       const struct tenon_desc *top, struct tenon_error *err);
/* Images as entries of an OCI layout: a directory, or a tar (which `docker load` takes when there
 * is but one, for one platform).  Their documents are in the content store. */
struct tenon_layout_entry {
    const struct tenon_place *from;
    const struct tenon_desc *top;
    const char *name; /* what the entry is called, or NULL */
};
struct tenon_layout {
    const struct tenon_reach *reach;
    const char *path;
    bool tar;
    const struct tenon_layout_entry *entries;
    size_t count;
    struct json_object *keep; /* index.json of the tar that is replaced, all of which is in the
                               * content store; NULL: what a tar had is gone.  A directory's
                               * entries stay. */
    struct json_object **index; /* NULL, or what index.json is now; for the caller to put */
};
int tenon_place_write_layout(const struct tenon_layout *x, struct tenon_error *err);

#endif
