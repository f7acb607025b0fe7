/* cli/gitfacts.h - what git knows of the context, for labels and for the provenance. */
#ifndef TENON_CLI_GITFACTS_H
#define TENON_CLI_GITFACTS_H

#include "buildflags.h"
#include "localsession.h"

/* Adds the options that buildx makes of a repository in which the context is: labels by
 * BUILDX_GIT_LABELS, and, for a build that is attested, vcs:* unless BUILDX_GIT_INFO is false.
 * A label that a flag gives is left as it is. */
void git_facts_add(const struct build_flags *f, const struct cli_session *s, bool attested,
                   char ***options);

#endif
