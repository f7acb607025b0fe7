/* serve/answertext.c - see answertext.h. */
#include "answertext.h"

#include <stdlib.h>

#include "tools/alloc.h"
#include "tools/base64.h"

const char *
answertext(struct tenon_arena *a, const struct tenon_result_value *answer)
{
    auto_free char *coded = answer->is_json ? tenon_base64(answer->data, answer->len) : NULL;

    return tenon_arena_strdup(a, coded ? coded : answer->data);
}
