/* epoch.c - SOURCE_DATE_EPOCH: seconds, or where to take them from. */
#include <string.h>

#include "base/alloc.h"
#include "base/parse.h"
#include "convert.h"

static int
set_seconds(struct df_convert *c, int64_t seconds, struct tenon_error *err)
{
    int64_t ns;
    if (__builtin_mul_overflow(seconds, INT64_C(1000000000), &ns))
        return df_fail(c->build, err, (struct df_lines){0},
                       "invalid SOURCE_DATE_EPOCH: %lld", (long long)seconds);
    auto_free char *text = tenon_format_time(ns);
    c->epoch = df_arena_strdup(c->arena, text);
    c->epoch_ns = ns;
    c->epoch_text = df_arena_printf(c->arena, "%lld", (long long)seconds);
    return 0;
}

static bool
parse_decimal(const char *text, int64_t *out)
{
    const char *digits = text + (*text == '-' || *text == '+');
    while (digits[0] == '0' && digits[1])
        digits++; /* leading zeros are no octal here */
    int64_t v;
    if (*digits < '0' || *digits > '9' || !tenon_parse_i64(digits, &v))
        return false;
    *out = *text == '-' ? -v : v;
    return true;
}

int
df_epoch_resolve(struct df_convert *c, struct tenon_error *err)
{
    const char *given = df_build_arg(c->build, "SOURCE_DATE_EPOCH");
    const char *value = given ? given : df_vars_get(&c->globals, "SOURCE_DATE_EPOCH");
    int64_t seconds;
    if (!value || (!given && !*value))
        return 0;
    if (*value && parse_decimal(value, &seconds)) {
        int r = set_seconds(c, seconds, err);
        if (r < 0)
            return r;
    } else if (*value && strcmp(value, "context") != 0) {
        /* LATER: BuildKit also takes the name of a stage that ADDs one URL, or
         * of a remote named context; needs times in tenon_source_meta. */
        return df_fail(c->build, err, (struct df_lines){0},
                       "invalid SOURCE_DATE_EPOCH: %s", value);
    }
    /* "context": a local directory has no time of its own. */
    c->source_epoch_given = given != NULL;
    c->source_epoch = c->epoch_text;
    if (df_vars_get(&c->globals, "SOURCE_DATE_EPOCH")) {
        if (c->epoch_text)
            df_vars_set(c->arena, &c->globals, "SOURCE_DATE_EPOCH", c->epoch_text);
        else
            df_vars_delete(&c->globals, "SOURCE_DATE_EPOCH");
    }
    return 0;
}
