/* places/private.h - shared by the files of this room, see places.h. */
#ifndef TENON_PLACES_PRIVATE_H
#define TENON_PLACES_PRIVATE_H

#include "places/places.h"

/* The image that a digest in the content store is. */
int tenon_place_top_of_store(const struct tenon_reach *reach, const char *digest,
                             struct tenon_desc *out, struct tenon_error *err);

/* layout.c: p->fd is the directory. */
int tenon_place_find_in_layout(struct tenon_place *p, struct tenon_error *err);
int tenon_place_open_in_layout(const struct tenon_place *p, const char *digest,
                               struct tenon_error *err);
/* The entry of an index.json that a tag (NULL: there is but one) and digest (or NULL) mean. */
int tenon_place_choose_entry(struct json_object *index, const char *tag, const char *digest,
                             struct tenon_desc *out, struct tenon_error *err);

/* archive.c: does the file at path hold an image?  What cannot be read holds none. */
bool tenon_place_holds_image(const struct tenon_reach *reach, const char *path);
/* p->fd is the file.  Its blobs come into the content store; a file that holds no image
 * makes p a TAR. */
int tenon_place_take_archive(const struct tenon_reach *reach, struct tenon_place *p,
                             struct tenon_error *err);

#endif
