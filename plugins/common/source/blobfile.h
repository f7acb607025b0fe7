/* common/source/blobfile.h - one blob as a file of a tree, as its attributes want the file:
 * "http.filename", "http.perm", "http.uid", "http.gid". */
#ifndef TENON_COMMON_SOURCE_BLOBFILE_H
#define TENON_COMMON_SOURCE_BLOBFILE_H

#include "common/source/source.h"

struct source_blobfile { /* strings live until ctx ends */
    const char *digest; /* "sha256:..." */
    const char *name;
    int64_t perm, uid, gid;
};

/* Of the identifier "SCHEME://NAME@DIGEST"; *name is NAME.  INVALID: it says no digest. */
int source_blobfile_read(const struct tenon_host *host, struct tenon_ctx *ctx,
                         const struct tenon_source_request *req, struct source_blobfile *out,
                         const char **name, struct tenon_error *err);
/* What resolve says of it. */
void source_blobfile_tell(const struct tenon_host *host, struct tenon_ctx *ctx,
                          const struct tenon_source_request *req,
                          const struct source_blobfile *file, struct tenon_source_info *info);
/* From the content store, which has it. */
int source_blobfile_write(const struct tenon_host *host, struct tenon_ctx *ctx,
                          const struct source_blobfile *file, int dirfd,
                          struct tenon_error *err);

#endif
