/* cli/buildinput.h - from flags to the frontend's options and what the session offers. */
#ifndef TENON_CLI_BUILDINPUT_H
#define TENON_CLI_BUILDINPUT_H

#include "base/cancel.h"
#include "base/error.h"
#include "base/json.h"
#include "buildflags.h"
#include "localsession.h"
#include "plugin/plugins.h"

/* BuildKit's frontend options as a sorted "k=v" list (tenon_strv_free); local
 * directories and secrets go into the session, policies to *policies. */
struct build_policies; /* buildpolicy.h */
int build_input(const struct build_flags *f, struct json_object *config,
                struct tenon_plugins *plugins, struct cli_session *s, struct tenon_cancel *cancel,
                struct build_policies *policies, char ***options, struct tenon_error *err);
/* The rest, after all that can be refused at once: a context or a build file of standard input,
 * of a pipe or of the web is read now, until cancel fires. */
int build_input_read(const struct build_flags *f, struct json_object *config,
                     struct tenon_plugins *plugins, struct cli_session *s,
                     struct tenon_cancel *cancel, char ***options, struct tenon_error *err);
/* Does git fetch the context over ssh, so that it takes the user's agent? */
bool build_context_is_ssh(const char *context);

#endif
