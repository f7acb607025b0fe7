/* engine/compatibility.h - BuildKit's numbers for what its releases do otherwise to the bytes of
 * images: 30 is what this is, 20 how it was until 0.31, 10 until 0.14. */
#ifndef TENON_ENGINE_COMPATIBILITY_H
#define TENON_ENGINE_COMPATIBILITY_H

#include "engine/result.h"

enum {
    TENON_COMPATIBILITY_NOW = 30,
    TENON_COMPATIBILITY_UNTIL_0_31 = 20,
    TENON_COMPATIBILITY_UNTIL_0_14 = 10, /* of files from git, too */
};

/* 0 means the newest.  INVALID, UNSUPPORTED. */
int tenon_compatibility_check(int64_t version, struct tenon_error *err);
/* Can an output of that type, which has this compression or NULL, be as it was then?
 * UNSUPPORTED. */
int tenon_compatibility_check_compression(int64_t version, const char *type,
                                          const char *compression, struct tenon_error *err);
/* The options of an output of that type, with the defaults that it had then behind them; the
 * caller's (tenon_strv_free). */
char **tenon_compatibility_pairs(int64_t version, const char *type, char *const *pairs,
                                 const struct tenon_result *r);

#endif
