/* cli/buildpolicy.h - source policies, found as buildx finds them. JSON is obeyed; there is
 * nothing that could obey one in Rego, so a build that is to be held to such a one ends before it
 * begins: a guard must not be missing in silence. */
#ifndef TENON_CLI_BUILDPOLICY_H
#define TENON_CLI_BUILDPOLICY_H

#include "base/error.h"
#include "buildflags.h"
#include "policy/policy.h"

struct build_policies {
    const struct tenon_policy **list; /* that of the environment first */
    size_t count;
};
void build_policies_release(struct build_policies *p);

/* What --policy and the environment ask for; *beside: does a file beside the build file count? */
int build_policy_asked(const struct build_flags *f, struct build_policies *out, bool *beside,
                       struct tenon_error *err);
/* Refuses the file NAME.rego beside the build file NAME of a directory, which buildx obeys. */
int build_policy_beside(const char *dir, const char *name, struct tenon_error *err);

#endif
