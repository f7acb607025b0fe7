/* tools/ulimit.c - see ulimit.h. */
#include "tools/ulimit.h"

#include <string.h>

#include "tools/alloc.h"
#include "tools/parse.h"
#include "tools/cleanup.h"

char *
tenon_ulimit_parse(const char *text, struct tenon_ulimit *out)
{
    static const char *const names[] = {
        "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice",
        "nofile", "nproc", "rss", "rtprio", "rttime", "sigpending", "stack",
        NULL};
    const char *eq = strchr(text, '=');
    if (!eq)
        return tenon_asprintf("invalid ulimit argument: %s", *text ? text : "\"\"");
    auto_free char *name = tenon_strndup(text, (size_t)(eq - text));
    const char *const *known = names;
    while (*known && strcmp(*known, name))
        known++;
    auto_free char *meant = tenon_meant(name, names);
    if (!*known)
        return tenon_asprintf("invalid ulimit type: %s%s", name, meant);
    auto_free char *soft = tenon_strdup(eq + 1);
    char *hard = strchr(soft, ':');
    if (hard)
        *hard++ = '\0';
    struct tenon_ulimit u = {.name = *known};
    if (!tenon_parse_i64(soft, &u.soft))
        return tenon_asprintf("invalid ulimit value: %s", soft);
    u.hard = u.soft;
    if (hard && !tenon_parse_i64(hard, &u.hard))
        return tenon_asprintf("invalid ulimit value: %s", hard);
    if (u.hard != -1 && (u.soft == -1 || u.soft > u.hard))
        return tenon_asprintf("ulimit soft limit must be less than or equal to hard limit: "
                              "soft %lld > hard %lld", (long long)u.soft, (long long)u.hard);
    *out = u;
    return NULL;
}
