/* convert/caps.c - what a request says that its frontend has to know: a list of names, each with
 * "+forward" where a frontend that the build file names may know it instead. */
#include "caps.h"

#include <json-c/json.h>
#include <string.h>

#include "answer.h"
#include "tools/alloc.h"

static const char *const known[] = {
    "moby.buildkit.frontend.inputs",
    "moby.buildkit.frontend.subrequests",
    "moby.buildkit.frontend.contexts",
    "moby.buildkit.frontend.gitquerystring",
};

static bool
is_known(const char *cap, size_t len)
{
    for (size_t i = 0; i < tenon_countof(known); i++)
        if (strlen(known[i]) == len && strncmp(known[i], cap, len) == 0)
            return true;
    return len == 0;
}

const char *
df_unknown_cap(struct df_build *b, bool *forward)
{
    const char *list = df_option(b, "frontend.caps"), *unknown = NULL;

    *forward = true;
    for (; list && *list; list += strcspn(list, ","), list += *list == ',') {
        const size_t len = strcspn(list, "+,");
        if (is_known(list, len))
            continue;
        unknown = df_arena_printf(b->arena, "%.*s", (int)len, list);
        *forward = strncmp(list + len, "+forward", strlen("+forward")) == 0;
        if (!*forward)
            break;
    }
    return unknown;
}

int
df_refuse_cap(struct df_build *b, const char *cap, struct tenon_error *err)
{
    struct json_object *detail = json_object_new_object();

    df_json_put(detail, "name", cap);
    b->host->error->set(err, TENON_E_UNSUPPORTED, 0, "unsupported frontend capability %s", cap);
    b->host->error->detail(err, "errdefs.FrontendCap",
                           json_object_to_json_string_ext(detail, JSON_C_TO_STRING_PLAIN));
    json_object_put(detail);
    return b->host->error->code(err);
}
