/* engine/sbomlayers.h - a list of an image's contents says which layer a file is in. */
#ifndef TENON_ENGINE_SBOMLAYERS_H
#define TENON_ENGINE_SBOMLAYERS_H

#include "image/assemble.h"

#define TENON_PREDICATE_SPDX "https://spdx.dev/Document"

/* The statement becomes one whose files without a comment have "layerID: DIGEST", that of the
 * blob of the topmost layer which has the file, and whose creators have tenon among them.  What
 * is no SPDX, or too long to be parsed, stays as it is.  layers: one a snapshot of the chain. */
int tenon_sbom_layers(struct tenon_store *s, const struct tenon_chain *chain,
                      const struct tenon_image_layer *layers, struct tenon_image_statement *st,
                      struct tenon_error *err);

#endif
