/* serve/clientpolicy.c - a policy in a message, as the document that the core takes. */
#include "clientpolicy.h"

#include <string.h>

#include "common/llbbridge/llbbridge.h"
#include "common/llbbridge/policies.h"

int
clientpolicy_take(const struct message_bytes *message, struct tenon_policy **out,
                  struct tenon_error *err)
{
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    struct gw_policy policy = {0};
    const char *why;

    *out = NULL;
    if (!message->len)
        return TENON_OK;
    if (!message_decode(&arena, &gw_policy_message, message->data, message->len, &policy, &why))
        return tenon_error_set(err, TENON_E_INVALID, "source policy: %s", why);
    const struct message_list one = {&policy, 1};
    const char *text = gateway_policies(&arena, &one)[0];
    return tenon_policy_parse(text, strlen(text), out, err) < 0
               ? tenon_error_context(err, "source policy") : TENON_OK;
}
