/* convert/fail.c - errors with the place in the build file they are about. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"
#include "tools/buf.h"
#include "tools/jsontext.h"

int
df_show_at(struct df_build *b, struct tenon_error *err, struct df_lines lines)
{
    if (lines.first && b->have_source) {
        b->host->error->at(err, b->filename, (uint32_t)lines.first,
                           (uint32_t)lines.last);
        b->shown_lines = lines;
    }
    return b->host->error->code(err);
}

int
df_fail_at(struct df_build *b, struct tenon_error *err, struct df_lines lines)
{
    if (lines.first && b->have_source)
        b->fail_lines = lines;
    return df_show_at(b, err, lines);
}

int
df_fail(struct df_build *b, struct tenon_error *err, struct df_lines lines,
        const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *text = df_arena_vprintf(b->arena, fmt, ap);
    va_end(ap);
    b->host->error->set(err, TENON_E_INVALID, 0, "%s", text);
    return df_fail_at(b, err, lines);
}

/* ---- more than one -------------------------------------------------------------- */

#define FURTHER_MAX 20

static int
by_line(const void *x, const void *y)
{
    const struct df_problem *a = x, *b = y;
    if (a->lines.first != b->lines.first)
        return a->lines.first < b->lines.first ? -1 : 1;
    return strcmp(a->message, b->message);
}

/* The place comes first here, so it need not be said again. */
static const char *
without_line(const char *message)
{
    static const char prefix[] = "dockerfile parse error on line ";
    const char *end = strncmp(message, prefix, sizeof prefix - 1) == 0 ?
                          strstr(message, ": ") : NULL;
    return end ? end + 2 : message;
}

/* They travel as details of the error.  A file that is not text has one on each
 * line. */
static void
add_further(struct df_build *b, struct tenon_error *err,
            const struct df_problem *problems, size_t count)
{
    if (!b->have_source || !count || memchr(b->text, 0, b->text_len))
        return;
    struct df_problem *list = df_arena_array(b->arena, count, sizeof *list);
    memcpy(list, problems, count * sizeof *list);
    qsort(list, count, sizeof *list, by_line);
    for (size_t i = 0; i < count; i++) {
        const bool last = i + 1 == FURTHER_MAX && count > FURTHER_MAX;
        const char *text = last ?
            df_arena_printf(b->arena, "%zu more", count - i) :
            df_arena_printf(b->arena, "%s:%zu: %s", b->filename, list[i].lines.first,
                            without_line(list[i].message));
        auto_buf struct tenon_buf json = TENON_BUF_INIT;
        tenon_json_add_string(&json, text, strlen(text), false);
        b->host->error->detail(err, "tenon.Further", tenon_buf_str(&json));
        if (last)
            return;
    }
}

void
df_fail_further(struct df_build *b, struct tenon_error *err,
                const struct df_problems *problems)
{
    add_further(b, err, problems->items, problems->len);
}

int
df_fail_problem(struct df_build *b, struct tenon_error *err,
                const struct df_problems *problems)
{
    if (!problems->len)
        return b->host->error->set(err, TENON_E_BUG, 0,
                                   "the parser failed without saying why");
    const struct df_problem *p = &problems->items[0];
    df_fail(b, err, p->lines, "%s", p->message);
    if (p->hint)
        b->host->error->hint(err, "%s", p->hint);
    add_further(b, err, problems->items + 1, problems->len - 1);
    return b->host->error->code(err);
}

int
df_fail_suggest(struct df_build *b, struct tenon_error *err, const char *word,
                const char *const *options)
{
    const char *near =
        df_did_you_mean(b->arena, "", df_suggest(b->arena, word, options, true));
    int code = b->host->error->code(err);
    if (!*near)
        return code;
    const char *text = df_arena_strdup(b->arena, b->host->error->text(err));
    return b->host->error->set(err, code, 0, "%s%s", text, near);
}
