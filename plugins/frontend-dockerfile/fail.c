/* fail.c - errors with the place in the build file they are about. */
#include <stdarg.h>

#include "build.h"

int
df_fail_at(struct df_build *b, struct tenon_error *err, struct df_lines lines)
{
    if (lines.first && b->have_source) {
        b->host->error_at(err, b->filename, (uint32_t)lines.first,
                          (uint32_t)lines.last);
        b->fail_lines = lines;
    }
    return b->host->error_code(err);
}

int
df_fail(struct df_build *b, struct tenon_error *err, struct df_lines lines,
        const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *text = df_arena_vprintf(b->arena, fmt, ap);
    va_end(ap);
    b->host->error(err, TENON_E_INVALID, 0, "%s", text);
    return df_fail_at(b, err, lines);
}

int
df_fail_problem(struct df_build *b, struct tenon_error *err,
                const struct df_problems *problems)
{
    if (!problems->len)
        return b->host->error(err, TENON_E_BUG, 0,
                              "the parser failed without saying why");
    const struct df_problem *p = &problems->items[0];
    df_fail(b, err, p->lines, "%s", p->message);
    if (p->hint)
        b->host->error_hint(err, "%s", p->hint);
    return b->host->error_code(err);
}

int
df_fail_suggest(struct df_build *b, struct tenon_error *err, const char *word,
                const char *const *options)
{
    const char *near = df_suggest(b->arena, word, options, true);
    int code = b->host->error_code(err);
    if (!near)
        return code;
    const char *text = df_arena_strdup(b->arena, b->host->error_text(err));
    return b->host->error(err, code, 0, "%s (did you mean %s?)", text, near);
}
