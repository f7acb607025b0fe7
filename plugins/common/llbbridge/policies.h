/* common/llbbridge/policies.h - source policies that a program sends along. */
#ifndef TENON_COMMON_LLBBRIDGE_POLICIES_H
#define TENON_COMMON_LLBBRIDGE_POLICIES_H

#include "common/message/message.h"

/* gw_policy messages as JSON documents, NULL at the end; the arena's. */
const char *const *gateway_policies(struct tenon_arena *arena, const struct message_list *policies);

#endif
