/* frontend-gateway/image.h - the image of a frontend: which one it is (choose.c), and the process
 * that is made of it (image.c). */
#ifndef TENON_GATEWAY_IMAGE_H
#define TENON_GATEWAY_IMAGE_H

#include "common/llbbridge/gateway.h"

/* ---- choose.c ------------------------------------------------------------ */

/* The value of an option of the request, or NULL. */
const char *gateway_option(const struct gateway *gw, const char *name);

struct gateway_image {
    struct tenon_node *tree;
    uint32_t output;    /* of tree */
    const void *config; /* JSON; NULL: it has none */
    size_t config_len;
};
int gateway_choose(struct gateway *gw, const char *name, struct gateway_image *image,
                   struct tenon_error *err);

/* ---- image.c ------------------------------------------------------------- */

/* Resolves the image, and describes the process: an exec op.  NULL: see err. */
struct tenon_node *gateway_image_process(struct gateway *gw, const char *image,
                                         struct tenon_error *err);

#endif
