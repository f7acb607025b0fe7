/* common/export/attested.h - attestations of outputs that are files: each a file of its own. */
#ifndef TENON_COMMON_EXPORT_ATTESTED_H
#define TENON_COMMON_EXPORT_ATTESTED_H

#include <stdbool.h>
#include <tenon-plugin.h>

/* One file, `name` beside those of the result's root. */
typedef int export_statement(void *data, const char *name, const void *text, size_t len,
                             struct tenon_error *err);

/* The i-th platform's, about each regular file of tree.  shared: several platforms are in one
 * tree, so that names tell which is meant.  prefix: of the names, or NULL. */
int export_attested(const struct tenon_host *host, struct tenon_ctx *ctx, struct tenon_result *r,
                    size_t i, int tree, const char *prefix, bool shared, export_statement *put,
                    void *data, struct tenon_error *err);

#endif
