/* common/export/remove.h - what an output replaces, with all that is in it. */
#ifndef TENON_COMMON_EXPORT_REMOVE_H
#define TENON_COMMON_EXPORT_REMOVE_H

#include "seen.h"

/* Links are removed, never followed.  path: in messages. */
int export_remove(const struct tenon_host *host, int dirfd, const char *name,
                     const char *path, struct tenon_error *err);
/* Everything in this directory, and below it, that is not among `keep`. */
int export_remove_others(const struct tenon_host *host, struct tenon_ctx *ctx, int dirfd,
                            const struct export_seen *keep, struct tenon_error *err);

#endif
