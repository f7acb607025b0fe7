/* common/source/source.h - what source plugins share: attributes, facts, the user's secrets. */
#ifndef TENON_COMMON_SOURCE_H
#define TENON_COMMON_SOURCE_H

#include <tenon-plugin.h>

/* The value of a source attribute, or NULL. */
const char *source_attr(const struct tenon_source_request *req, const char *key);

/* A secret of the user's that is one line of text (a token, a header), without
 * the newline that files end with.  *out is a copy, for source_forget; NULL when the
 * user did not give it, which is no error. */
int source_secret(const struct tenon_host *host, struct tenon_ctx *ctx, const char *id,
                  char **out, struct tenon_error *err);
void source_forget(char **secret); /* overwrites and frees */

/* One more thing that is known; data is the ctx's, and a text has a NUL behind it. */
void source_add_fact(const struct tenon_host *host, struct tenon_ctx *ctx,
                     struct tenon_source_info *info, const char *name, const void *data,
                     size_t len);

/* All that follows in the one to the other: 0 or an errno. */
int source_copy(int from, int to);

/* Is nobody to be asked? */
bool source_offline(const struct tenon_http_api *http, struct tenon_ctx *ctx);
/* NOT_FOUND: what is to be had only from elsewhere, offline. */
int source_not_here(const struct tenon_host *host, const char *what, struct tenon_error *err);

#endif
