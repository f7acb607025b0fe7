/* engine/platformcheck.c - did the frontend make what it was asked for?  It may be anybody's, and a
 * result of another platform is noticed late: BuildKit's warnings. */
#include <string.h>

#include "engine/build_private.h"
#include "image/image.h"
#include "tools/alloc.h"
#include "tools/comma.h"

enum { SHOWN = 200 }; /* bytes of a platform */

/* "linux/amd64", as usual words have it; false: it is none. */
static bool
usual(const char *text, char out[SHOWN])
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_platform p;

    if (tenon_platform_parse(text, &p, &err) < 0)
        return false;
    tenon_platform_format(&p, out);
    return true;
}

static bool
has_result(const struct tenon_result *r, const char *platform)
{
    char have[SHOWN];

    tenon_vec_foreach(p, &r->platforms)
        if (usual(p->platform, have) && !strcmp(have, platform))
            return true;
    return false;
}

static char *
join_results(const struct tenon_result *r)
{
    auto_buf struct tenon_buf all = TENON_BUF_INIT;

    tenon_vec_foreach(p, &r->platforms)
        tenon_buf_addf(&all, "%s%s", all.len ? "," : "", p->platform);
    return tenon_buf_steal(&all);
}

static void
warn(struct tenon_build *b, char *text)
{
    const struct tenon_event ev = { .struct_size = sizeof ev, .type = TENON_EVENT_WARNING,
                                    .name = text, .level = 1 };

    tenon_events_post(b->engine->events, &ev);
    free(text);
}

/* In BuildKit's words, too: it is made once. */
static bool
warn_of_duplicates(struct tenon_build *b, char **asked, size_t count)
{
    char one[SHOWN], other[SHOWN];
    bool any = false;

    for (size_t i = 1; i < count; i++) {
        bool again = false;
        for (size_t k = 0; k < i && !again && usual(asked[i], one); k++)
            again = usual(asked[k], other) && !strcmp(one, other);
        if (again)
            warn(b, tenon_asprintf("Duplicate platform result requested \"%s\"", asked[i]));
        any = any || again;
    }
    return any;
}

/* Nothing was made, and nothing was said of platforms: it is an answer, or was one to be. */
static bool
is_empty(const struct tenon_result *r)
{
    tenon_vec_foreach(p, &r->platforms)
        if (p->ref)
            return false;
    return !tenon_result_meta(r, "refs.platforms");
}

/* As many as were asked for, and each of them? */
static bool
is_complete(const struct tenon_result *r, char **asked, size_t count)
{
    char one[SHOWN];

    for (size_t i = 0; i < count; i++)
        if (!usual(asked[i], one) || !has_result(r, one))
            return false;
    return r->platforms.len == count;
}

void
tenon_build_check_platforms(struct tenon_build *b, const char *option)
{
    const struct tenon_result *r = &b->result;
    const bool is_map = tenon_result_meta(r, "tenon.force-index") || r->platforms.len > 1;

    if (is_empty(r))
        return;
    if ((!option || !*option) && r->platforms.len > 1) /* who asks for none wants one */
        option = b->engine->host_platform;
    auto_strv char **asked = option && *option ? tenon_comma_fields(option, NULL) : NULL;
    const size_t count = tenon_strv_len(asked);
    if (!count || is_complete(r, asked, count) || warn_of_duplicates(b, asked, count))
        return;
    auto_free char *all = join_results(r);
    if (count == 1 && r->platforms.len == 1)
        warn(b, tenon_asprintf("Requested platform \"%s\" does not match result platform \"%s\"",
                               asked[0], all));
    else if (!is_map)
        warn(b, tenon_strdup("Multiple platforms requested but result is not multi-platform"));
    else
        warn(b, tenon_asprintf("Requested platforms %s do not match result platforms %s", option,
                               all));
}
