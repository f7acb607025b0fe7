/* cli/buildpolicy.h - source policies. There is nothing yet that could obey one, so a build
 * that is to be held to one ends before it begins: a guard must not be missing in silence. */
#ifndef TENON_CLI_BUILDPOLICY_H
#define TENON_CLI_BUILDPOLICY_H

#include "base/error.h"
#include "buildflags.h"

/* What --policy and the environment ask for; *beside: does a file beside the build file count? */
int build_policy_asked(const struct build_flags *f, bool *beside, struct tenon_error *err);
/* Refuses the file NAME.rego beside the build file NAME of a directory, which buildx obeys. */
int build_policy_beside(const char *dir, const char *name, struct tenon_error *err);

#endif
