/* signing/signimage.h - put a signature beside an image. */
#ifndef TENON_SIGNING_SIGNIMAGE_H
#define TENON_SIGNING_SIGNIMAGE_H

#include "places/places.h"
#include "signing/signature.h"

enum tenon_signature_forms {
    TENON_FORM_SIMPLE = 1u << 0,
    TENON_FORM_BUNDLE = 1u << 1,
};

struct tenon_sign_image {
    const struct tenon_reach *reach;
    struct tenon_place *place; /* found */
    const struct tenon_signing_key *key;
    const struct tenon_certificate *certificate; /* or NULL */
    const char *name; /* what the image is called in the signature; the place's own when NULL */
    unsigned forms;   /* enum tenon_signature_forms */
    bool each;        /* the manifests for each platform, too, which podman looks at */
    int64_t time_s;
};
/* All forms of each are there afterwards, or an error. */
int tenon_image_sign(const struct tenon_sign_image *x, struct tenon_error *err);
/* The bundle alone, for a file. */
int tenon_image_sign_apart(const struct tenon_sign_image *x, struct tenon_buf *out,
                           struct tenon_error *err);

/* The name of an image, as signatures have it: "docker.io/library/x:1", without a tag when it was
 * called by its digest. NULL when it is in a place that gives images no such names. */
char *tenon_signed_name(const struct tenon_place *p);

#endif
