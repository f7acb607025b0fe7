/* cli/signwith.h - with what an image is signed: by `tenon sign` and by `build --sign`. */
#ifndef TENON_CLI_SIGNWITH_H
#define TENON_CLI_SIGNWITH_H

#include "signing/certificates.h"
#include "signing/signingkey.h"

struct sign_options {
    const char *key, *certificate, *password; /* files */
    const char *name; /* what the image is called, or NULL: its own */
    unsigned forms;   /* enum tenon_signature_forms */
    bool each;
};

/* simple, bundle, both */
int sign_form_parse(const char *text, unsigned *forms, struct tenon_error *err);
/* Asks for the password at the terminal when none is given and one is needed.  A key that others
 * may read is taken, with a warning. */
int sign_open_key(const struct sign_options *o, struct tenon_signing_key **out,
                  struct tenon_error *err);
/* *out stays NULL when there is none. */
int sign_open_certificate(const struct sign_options *o, struct tenon_certificate **out,
                          struct tenon_error *err);

#endif
