/* common/export/names.h - the image names an export is given. */
#ifndef TENON_COMMON_EXPORT_NAMES_H
#define TENON_COMMON_EXPORT_NAMES_H

#include <tenon-plugin.h>

/* All of `name` (repeated, or several in one, separated by commas) as they were written;
 * NULL-terminated, lives until ctx ends. */
const char *const *export_given_names(const struct tenon_host *host, struct tenon_ctx *ctx,
                                      const struct tenon_values *options);
/* What export_names gives, not normalised, and NULL never. */
const char *const *export_names_as_given(const struct tenon_host *host, struct tenon_ctx *ctx,
                                         const struct tenon_values *options,
                                         const struct tenon_result *r);
/* The same, normalised; NULL on an invalid one.  "*" alone is what the result calls itself
 * ("image.name" in its metadata), or, with r NULL, before there is one, itself. */
const char *const *export_names(const struct tenon_host *host, struct tenon_ctx *ctx,
                                const struct tenon_values *options, const struct tenon_result *r,
                                struct tenon_error *err);
/* Tell the caller what was made: digest, config digest, descriptor, name. */
int export_respond(const struct tenon_host *host, struct tenon_ctx *ctx,
                      struct tenon_result *r, const struct tenon_image *image,
                      const char *const *names, struct tenon_error *err);

#endif
