/* common/progress/recap.c - see recap.h. */
#include "recap.h"

#include <string.h>

#include "tools/alloc.h"
#include "tools/conceal.h"
#include "text.h"

enum { CONTEXT_LINES = 2, MAX_EXCERPT = 64 };

static uint32_t
last_of(const struct tenon_lines *r)
{
    return r->end_line > r->line ? r->end_line : r->line;
}

static bool
has_line(const struct tenon_lines *ranges, size_t count, uint32_t n)
{
    for (size_t i = 0; i < count; i++) {
        if (n >= ranges[i].line && n <= last_of(&ranges[i]))
            return true;
    }
    return false;
}

/* From the first to the last of the lines; there is a range at least. */
static void
excerpt(struct tenon_buf *out, const struct tenon_source_excerpt *x,
        const struct tenon_lines *ranges, size_t count)
{
    const char *p = x->data, *end = p + x->len;
    uint32_t first = ranges[0].line, last = last_of(&ranges[0]);
    for (size_t i = 1; i < count; i++) {
        first = ranges[i].line < first ? ranges[i].line : first;
        last = last_of(&ranges[i]) > last ? last_of(&ranges[i]) : last;
    }
    uint32_t from = first > CONTEXT_LINES ? first - CONTEXT_LINES : 1;
    uint32_t to = last + CONTEXT_LINES;
    if (to - from > MAX_EXCERPT)
        to = from + MAX_EXCERPT;

    tenon_buf_addf(out, "%s:%u\n--------------------\n", x->filename, first);
    for (uint32_t n = 1; p < end && n <= to; n++) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        size_t len = (size_t)((nl ? nl : end) - p);
        if (n >= from) {
            tenon_buf_addf(out, " %3u | %s ", n, has_line(ranges, count, n) ? ">>>" : "   ");
            auto_free char *shown = tenon_url_conceal_n(p, len);
            pk_sanitize(out, shown, strlen(shown));
            tenon_buf_addc(out, '\n');
        }
        p = nl ? nl + 1 : end;
    }
    tenon_buf_adds(out, "--------------------\n");
}

void
pk_recap_failure(struct tenon_buf *out, struct pk_model *m,
                 const struct tenon_progress_end *end, size_t max_lines)
{
    struct pk_vertex *v = pk_model_find(m, end->vertex);
    if (v) {
        pk_model_flush_line(m, v);
        tenon_buf_addf(out, "------\n > %s:\n", v->name);
        size_t first = max_lines && v->lines.len > max_lines ? v->lines.len - max_lines : 0;
        if (!max_lines && v->lines_lost)
            tenon_buf_addf(out, "[%zu lines of output before]\n", v->lines_lost);
        for (size_t i = first; i < v->lines.len; i++) {
            pk_add_log_time(out, v->lines.items[i].at_ns);
            tenon_buf_addf(out, " %s\n", v->lines.items[i].text);
        }
        tenon_buf_adds(out, "------\n");
        /* For a step that printed nothing. */
        if (!v->lines.len && v->error)
            tenon_buf_addf(out, "%s\n", v->error);
    }
    for (size_t i = 0; i < end->excerpt_count; i++) {
        const struct tenon_source_excerpt *x = end->excerpts[i];
        const struct tenon_lines lines = {x->line, x->end_line};
        excerpt(out, x, &lines, 1);
    }
}

static void
warning_excerpt(struct tenon_buf *out, const struct pk_warning *w,
                const struct tenon_progress_end *end)
{
    for (size_t i = 0; w->filename && w->line && i < end->file_count; i++) {
        if (strcmp(end->files[i]->filename, w->filename))
            continue;
        TENON_VEC(struct tenon_lines) lines = {0};
        tenon_vec_push(&lines, ((struct tenon_lines){w->line, w->end_line}));
        tenon_vec_foreach(more, &w->more) {
            if (more->line)
                tenon_vec_push(&lines, *more);
        }
        excerpt(out, end->files[i], lines.items, lines.len);
        tenon_vec_release(&lines);
        return;
    }
}

void
pk_recap_warnings(struct tenon_buf *out, const struct pk_model *m,
                  const struct tenon_progress_end *end,
                  const struct pk_warning_style *style)
{
    if (!m->warnings.len)
        return;
    bool colored = style->color && *style->color;
    tenon_buf_addf(out, "\n %s%zu warning%s found", colored ? style->color : "",
                   m->warnings.len, m->warnings.len == 1 ? "" : "s");
    if (!style->debug)
        tenon_buf_addf(out, " (use %s --debug to expand)", style->program);
    tenon_buf_addf(out, ":%s\n", colored ? "\033[0m" : "");
    for (size_t i = 0; i < m->warnings.len; i++) {
        const struct pk_warning *w = &m->warnings.items[i];
        tenon_buf_addf(out, " - %s\n", w->text);
        if (!style->debug)
            continue;
        for (char **d = w->detail; d && *d; d++)
            tenon_buf_addf(out, "%s\n", *d);
        if (w->url)
            tenon_buf_addf(out, "More info: %s\n", w->url);
        warning_excerpt(out, w, end);
        tenon_buf_addc(out, '\n');
    }
}

void
pk_recap_error(struct tenon_buf *out, const struct tenon_progress_end *end)
{
    if (!end->error)
        return;
    tenon_buf_adds(out, "ERROR: ");
    pk_sanitize(out, end->error, strlen(end->error));
    tenon_buf_addc(out, '\n');
    for (const char *at = end->hint; at && *at;) {
        const size_t len = strcspn(at, "\n");
        tenon_buf_adds(out, "hint: ");
        pk_sanitize(out, at, len);
        tenon_buf_adds(out, "\n");
        at += len + (at[len] == '\n');
    }
    if (end->further && *end->further)
        tenon_buf_adds(out, "more errors:\n");
    for (const char *const *f = end->further; f && *f; f++) {
        tenon_buf_adds(out, " - ");
        pk_sanitize(out, *f, strlen(*f));
        tenon_buf_addc(out, '\n');
    }
}
