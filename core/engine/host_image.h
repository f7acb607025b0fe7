/* engine/host_image.h - the host table's services about images. */
#ifndef TENON_ENGINE_HOST_IMAGE_H
#define TENON_ENGINE_HOST_IMAGE_H

#include "tenon-plugin.h"

/* Of an exporter with TENON_IMAGE_PARAMS, before anything runs: values that
 * tenon_host_image_build would refuse.  index: several platforms. */
int tenon_host_image_check(const struct tenon_values *options, bool index,
                           struct tenon_error *err);
int tenon_host_image_build(struct tenon_ctx *ctx, struct tenon_result *r,
                           const struct tenon_values *options,
                           struct tenon_image *out, struct tenon_error *err);
int tenon_host_image_walk(struct tenon_ctx *ctx, const char *digest,
                          tenon_blob_visit *visit, void *data,
                          struct tenon_error *err);
int tenon_host_image_tag(struct tenon_ctx *ctx, const char *name,
                         const char *digest, struct tenon_error *err);
const char *tenon_host_image_normalize(struct tenon_ctx *ctx, const char *name,
                                       struct tenon_error *err);

#endif
