/* cli/password.h - a password from a file or from who sits at the terminal. */
#ifndef TENON_CLI_PASSWORD_H
#define TENON_CLI_PASSWORD_H

#include "base/error.h"
#include "tools/buf.h"

/* The first line of a file; "-" is standard input. */
int password_from_file(const char *path, struct tenon_buf *out, struct tenon_error *err);
/* Asked for at the terminal of this process, which does not show it. NOT_FOUND: it has none. */
int password_ask(const char *question, struct tenon_buf *out, struct tenon_error *err);

#endif
