/* convert/platform.h - "linux/arm/v7" as text and as parts, by containerd's rules. */
#ifndef DF_PLATFORM_H
#define DF_PLATFORM_H

#include <stdbool.h>

#include "language/arena.h"

struct df_platform { /* strings never NULL; the arena's */
    const char *os, *arch, *variant, *os_version;
};

/* NULL with *message when it is malformed.  `host` fills what is left out. */
const struct df_platform *df_platform_parse(struct df_arena *a,
                                            const char *text,
                                            const struct df_platform *host,
                                            const char **message);
/* arm means v7, arm64/v8 is arm64, x86_64 is amd64 ... */
const struct df_platform *df_platform_normalize(struct df_arena *a,
                                                const struct df_platform *p);
/* "linux/arm/v7"; with `version`, "windows(10.0)/amd64". */
const char *df_platform_format(struct df_arena *a, const struct df_platform *p,
                               bool version);

#endif
