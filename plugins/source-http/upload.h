/* source-http/upload.h - http://buildkit-session/NAME, which BuildKit's frontends take for the
 * archive that a client sends as its context: here the file "context" of what its session has under
 * that name, client_open(ctx, "upload", NAME), or of the local source "upload" and nothing else:
 * what other local sources have is a source like others, for lock files too. */
#ifndef TENON_SOURCE_HTTP_UPLOAD_H
#define TENON_SOURCE_HTTP_UPLOAD_H

#include <tenon-plugin.h>

/* NULL: the URL is of the web. */
const char *http_upload_name(const char *url);
int http_upload_open(const struct tenon_host *host, struct tenon_ctx *ctx, const char *name,
                     struct tenon_error *err);

#endif
