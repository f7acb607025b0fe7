/* serve/attests.h - what is to be attested of a build, as its client says it. */
#ifndef TENON_SERVE_ATTESTS_H
#define TENON_SERVE_ATTESTS_H

#include "common/message/message.h"
#include "engine/attestlist.h"

/* Of the options (ctl_pair) those that begin with "attest:", or with what was before it,
 * "build-arg:BUILDKIT_ATTEST_".  *out is released whatever the answer. */
int attests_take(const struct message_list *options, struct tenon_plugins *plugins,
                 struct tenon_attests *out, struct tenon_error *err);

#endif
