/* tools/conceal.h - URLs for people: whatever is printed, logged or kept goes through this. */
#ifndef TENON_TOOLS_CONCEAL_H
#define TENON_TOOLS_CONCEAL_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"

/* The text with what is secret in its URLs as "xxxxx", as BuildKit shows it: user names and
 * passwords before a host (a token is a user name for many servers; the user of ssh is none),
 * and the values of parameters that are named like a token or a signature; and the password of
 * USER:PASSWORD@HOST:PATH, as git has it. Everything else is as it was. malloc'ed. */
char *tenon_url_conceal(const char *text);
char *tenon_url_conceal_n(const char *text, size_t len);
/* The same of bytes, NULs among them: added to out. */
void tenon_url_conceal_bytes(struct tenon_buf *out, const char *data, size_t len);
/* Only what is secret in URLs: of what things are told apart by, where "app:1@linux:amd64" is no
 * password. Two of them must not become one. */
char *tenon_url_conceal_id(const char *id);
/* Could there be something to conceal?  Most texts have nothing, and this is cheap. */
bool tenon_url_maybe(const char *text);

/* Of a variable or an argument: does it promise that its value is secret (NPM_TOKEN)?  The words
 * are those of BuildKit's rule SecretsUsedInArgOrEnv. */
bool tenon_is_secret_name(const char *name);
/* The same for what is kept: of names with the least doubt the value is not kept (DB_PASS). */
bool tenon_is_doubtful_name(const char *name);

#endif
