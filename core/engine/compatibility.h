/* engine/compatibility.h - BuildKit's numbers for what its releases do otherwise to the bytes of
 * images: 30 is what this is, 20 how it was until 0.31. */
#ifndef TENON_ENGINE_COMPATIBILITY_H
#define TENON_ENGINE_COMPATIBILITY_H

#include "engine/result.h"

enum { TENON_COMPATIBILITY_NOW = 30, TENON_COMPATIBILITY_UNTIL_0_31 = 20 };

/* 0 means the newest.  INVALID, UNSUPPORTED. */
int tenon_compatibility_check(int64_t version, struct tenon_error *err);
/* The options of an output of that type, with the defaults that it had then behind them; the
 * caller's (tenon_strv_free). */
char **tenon_compatibility_pairs(int64_t version, const char *type, char *const *pairs,
                                 const struct tenon_result *r);

#endif
