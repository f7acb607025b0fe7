/* serve/clientpolicy.h - what the sources of a client's build are held to. */
#ifndef TENON_SERVE_CLIENTPOLICY_H
#define TENON_SERVE_CLIENTPOLICY_H

#include "common/message/message.h"
#include "policy/policy.h"

/* Of a SolveRequest; *out NULL: there is none. */
int clientpolicy_take(const struct message_bytes *message, struct tenon_policy **out,
                      struct tenon_error *err);

#endif
