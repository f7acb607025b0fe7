/* serve/granted.c - network.host, security.insecure, device and device=NAME[,alias=WORD]: the
 * server says which words it gives, its clients which of these they want. */
#include "granted.h"

#include <string.h>

#include "exec/exec.h"
#include "tools/alloc.h"

bool
granted_is_word(const char *word)
{
    return !strcmp(word, "network.host") || !strcmp(word, "security.insecure") ||
           !strcmp(word, "device");
}

static bool
is_in(const char *word, const char *const *list)
{
    for (; list && *list; list++)
        if (!strcmp(*list, word))
            return true;
    return false;
}

int
granted_check(const struct message_list *asked, const char *const *allowed,
               struct tenon_error *err)
{
    const char *const *words = asked->items;

    for (size_t i = 0; i < asked->len; i++) {
        auto_free char *word = tenon_has_prefix(words[i], "device=") ? tenon_strdup("device")
                                                                     : tenon_strdup(words[i]);
        if (!granted_is_word(word))
            return tenon_error_set(err, TENON_E_INVALID, "unknown entitlement %s", word);
        if (tenon_exec_check_entitlement(words[i], err) < 0)
            return err->code;
        if (!is_in(word, allowed))
            return tenon_error_set(err, TENON_E_DENIED, "granting entitlement %s is not allowed by "
                                   "build daemon configuration", word);
    }
    return TENON_OK;
}
