/* registry/trust.h - whose certificates are believed. */
#ifndef TENON_REGISTRY_TRUST_H
#define TENON_REGISTRY_TRUST_H

#include <stdbool.h>

#include "tools/buf.h"
#include "registry/settings.h"

/* A file of PEM text after what is there; false when it is none, or cannot be read. */
bool tenon_trust_add_file(struct tenon_buf *to, const char *path, bool warn);
/* The authorities that the settings name in place of libcurl's own, as PEM text for the caller
 * to free; NULL when they name none.  What cannot be read is warned about. */
char *tenon_trust_text(const struct tenon_http_settings *s);
/* They, or else the system's, and more of them, in a file that libcurl can be told: with gnutls
 * it takes no text.  Returns its descriptor. */
int tenon_trust_file(const char *base, const char *more, char path[32], struct tenon_error *err);

#endif
