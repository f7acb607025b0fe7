/* compare/imagediff.h - two images, or an image and a tree: documents, layers, files. */
#ifndef TENON_COMPARE_IMAGEDIFF_H
#define TENON_COMPARE_IMAGEDIFF_H

#include "compare/difference.h"
#include "places/places.h"

struct tenon_imagediff {
    const struct tenon_reach *reach;
    const struct tenon_place *a, *b;       /* found */
    const struct tenon_platform *platform; /* of images of several; NULL: all, or this machine's */
    bool trees; /* only what the images unpack to, whatever their layers are */
};
/* Layers that both have are not looked at, nor fetched.  Images of the same number of layers are
 * compared layer by layer, others by what they unpack to.  Returns what a report did. */
int tenon_imagediff(const struct tenon_imagediff *x, struct tenon_comparison *c,
                    struct tenon_error *err);

#endif
