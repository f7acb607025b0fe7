/* cli/buildsign.h - build --sign: what a build pushes, or writes as a layout, is signed at once. */
#ifndef TENON_CLI_BUILDSIGN_H
#define TENON_CLI_BUILDSIGN_H

#include "base/cancel.h"
#include "buildflags.h"
#include "buildoutput.h"
#include "cli.h"
#include "context/events.h"
#include "signwith.h"

struct build_sign {
    struct sign_options how; /* its texts are of fields */
    char **fields;
    struct tenon_signing_key *key; /* NULL: nothing is signed */
    struct tenon_certificate *certificate;
    /* The caller's, until the build has ended. */
    const struct cli *cli;
    struct tenon_store *store;
    struct tenon_cancel *cancel;
    struct tenon_events *events;
};

/* The key is read, and its password asked for, before anything is built.  INVALID: no output is
 * one that can be signed. */
int build_sign_parse(const struct build_flags *f, const struct build_outputs *outputs,
                     struct build_sign *out, struct tenon_error *err);
void build_sign_release(struct build_sign *s);
/* For struct tenon_build_request: after an export. */
int build_sign_export(void *sign, const struct tenon_export *x, const struct tenon_result *r,
                      struct tenon_error *err);

#endif
