/* signing/verifyimage.h - is an image what a policy asks for? */
#ifndef TENON_SIGNING_VERIFYIMAGE_H
#define TENON_SIGNING_VERIFYIMAGE_H

#include "places/places.h"
#include "signing/imagepolicy.h"

struct tenon_verify_image {
    const struct tenon_reach *reach;
    const struct tenon_place *place; /* found */
    const struct tenon_image_policy *policy;
    const char *name;               /* what it should be; the place's own when NULL */
    const struct tenon_buf *bundle; /* a signature from elsewhere, or NULL */
    bool blobs;                     /* look at every byte of a registry's image, too */
};

/* DENIED: it is not.  *report is set in either case, for the caller to put: {"name", "digest",
 * "signatures": [{"signer", "form", "name"?, "subject"?}], "refused": [{"form", "reason"}],
 * "attestations": [{"image", "predicate", "builder"?, "signer"?}]}; NULL when it was not looked
 * for any. */
int tenon_image_verify(const struct tenon_verify_image *x, struct json_object **report,
                       struct tenon_error *err);

#endif
