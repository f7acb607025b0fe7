/* image/nondist.h - layers that are named by URLs and need not be in a registry:
 * "non-distributable" (docker: "foreign"). */
#ifndef TENON_IMAGE_NONDIST_H
#define TENON_IMAGE_NONDIST_H

#include "image/image.h"

bool tenon_media_is_nondist(const char *media_type);
/* An ordinary layer's media type becomes that of such a one, in OCI's words or docker's, where they
 * have one; others stay. */
void tenon_media_to_nondist(char *media_type, size_t size);
/* Where the layers of a manifest that are of such a media type are besides, so that one that its
 * registry lacks is found, and an image of them can say so; by their digests.  And which are
 * ordinary ones. */
int tenon_layer_urls_note(struct tenon_store *s, const struct tenon_manifest *m,
                          struct tenon_error *err);
/* Some manifest has it so, which counts whatever others say: else one image would decide where
 * the layers of another are. */
bool tenon_layer_is_ordinary(struct tenon_store *s, const char *digest);
/* A list of texts, the caller's; NULL when none was noted. */
struct json_object *tenon_layer_urls(struct tenon_store *s, const char *digest);
/* The URLs of one layer as text, of its descriptor: http and https alone, 16 at most; *out NULL:
 * none.  CORRUPT: they are no list of texts. */
int tenon_layer_urls_read(struct json_object *layer, char **out, struct tenon_error *err);

#endif
