/* base/limits.c - see limits.h. */
#include "limits.h"

#include <string.h>

#include "tools/alloc.h"

#define KIB UINT64_C(1024)
#define MIB (KIB << 10)
#define GIB (KIB << 20)
#define MOST TENON_LIMIT_MOST

/* What real images, archives and repositories need and some more: layers of 100 GB, millions of
 * files, disk images of zeros, text of which gzip makes the thousandth part. */
const struct tenon_limit_kind tenon_limit_kinds[TENON_LIMITS] = {
    [TENON_LIMIT_UNPACKED] = { "unpacked", true, 256 * GIB, 1, MOST },
    [TENON_LIMIT_HOLES] = { "holes", true, 256 * GIB, 1, MOST },
    [TENON_LIMIT_ENTRIES] = { "entries", false, 16000000, 1, MOST },
    [TENON_LIMIT_RATIO] = { "ratio", false, 2000, 1, MOST },
    [TENON_LIMIT_RATIO_FROM] = { "ratio-from", true, 16 * GIB, 1, MOST },
    [TENON_LIMIT_WINDOW] = { "window", true, 128 * MIB, KIB, 2 * GIB },
    [TENON_LIMIT_GIT_ENTRIES] = { "git-entries", false, 8000000, 1, MOST },
    [TENON_LIMIT_GIT_FILE] = { "git-file", true, 2 * GIB, 1, MOST },
    [TENON_LIMIT_GIT_OBJECTS] = { "git-objects", false, 100000000, 1, MOST },
    [TENON_LIMIT_GIT_PACK] = { "git-pack", true, 128 * GIB, 1, MOST },
    [TENON_LIMIT_DOWNLOAD] = { "download", true, 256 * GIB, 1, MOST },
    [TENON_LIMIT_STEP_LOG] = { "step-log", true, 16 * MIB, 4 * KIB, MOST },
    [TENON_LIMIT_LOGS] = { "logs", true, GIB, 4 * KIB, MOST },
};

uint64_t
tenon_limit(const struct tenon_limits *l, enum tenon_limit which)
{
    return l && l->value[which] ? l->value[which] : tenon_limit_kinds[which].preset;
}

int
tenon_limit_find(const char *name)
{
    for (int i = 0; i < TENON_LIMITS; i++)
        if (!strcmp(tenon_limit_kinds[i].name, name))
            return i;
    return -1;
}

int
tenon_limit_vexceeded(const struct tenon_limits *l, enum tenon_limit which,
                      struct tenon_error *err, const char *fmt, va_list ap)
{
    const struct tenon_limit_kind *kind = &tenon_limit_kinds[which];
    auto_free char *what = tenon_vasprintf(fmt, ap);
    tenon_error_set(err, TENON_E_LIMIT, "%s: the limit \"%s\" is %llu%s", what, kind->name,
                    (unsigned long long)tenon_limit(l, which), kind->is_size ? " bytes" : "");
    return tenon_error_hint(err, "\"limits\": {\"%s\": ...} in tenon.json allows more, if you "
                            "trust where this comes from", kind->name);
}

int
tenon_limit_exceeded(const struct tenon_limits *l, enum tenon_limit which,
                     struct tenon_error *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int rc = tenon_limit_vexceeded(l, which, err, fmt, ap);
    va_end(ap);
    return rc;
}

int
tenon_limit_unpacked(const struct tenon_limits *l, uint64_t in, uint64_t out,
                     struct tenon_error *err)
{
    const uint64_t ratio = tenon_limit(l, TENON_LIMIT_RATIO);
    if (out > tenon_limit(l, TENON_LIMIT_UNPACKED))
        return tenon_limit_exceeded(l, TENON_LIMIT_UNPACKED, err, "more than %llu bytes unpacked",
                                    (unsigned long long)out - 1);
    if (ratio != TENON_LIMIT_NONE && out > tenon_limit(l, TENON_LIMIT_RATIO_FROM) &&
        out / ratio > in)
        return tenon_limit_exceeded(l, TENON_LIMIT_RATIO, err, "%llu bytes unpacked out of %llu",
                                    (unsigned long long)out, (unsigned long long)in);
    return 0;
}
