/* source-http/suffixed.h - digests of a file with bytes behind it: what signatures of it are of. */
#ifndef TENON_SOURCE_HTTP_SUFFIXED_H
#define TENON_SOURCE_HTTP_SUFFIXED_H

#include "tools/buf.h"

enum { HTTP_SUFFIX_MAX = 4096 }; /* bytes */

/* "ALGORITHM:SUFFIX", sha256, sha384 or sha512, the suffix in hexadecimal digits, of the file from
 * where it stands.  *out gets "ALGORITHM:DIGEST".  NULL, or in *why what is wrong with it (static);
 * a negative errno: the file cannot be read. */
int http_suffixed_digest(int fd, const char *wanted, struct tenon_buf *out, const char **why);

#endif
