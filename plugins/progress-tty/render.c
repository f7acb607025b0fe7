/* progress-tty/render.c - the lines that draw the build, fitted to the size of the terminal. */
#include "render.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tools/comma.h"
#include "tools/parse.h"
#include "common/progress/text.h"

enum { MIN_NAME = 10 }; /* columns; with fewer, a name stands alone */

struct line {
    char *left;
    char *status; /* how far it is, or NULL: stays when left is cut */
    char *right; /* seconds, or NULL */
    enum tty_color color;
    bool running; /* of a step that is not over: stays in sight */
    bool detail;  /* a sub-line: the first to go when there is no room */
};

struct picture {
    TENON_VEC(struct line) lines;
};

static const char *const default_codes[TTY_COLORS] = {
    [TTY_PLAIN] = "", [TTY_RUN] = "\033[34m", [TTY_CANCEL] = "\033[33m",
    [TTY_ERROR] = "\033[31m", [TTY_WARNING] = "\033[33m", [TTY_DIM] = "\033[2m",
};

/* ---- colours ------------------------------------------------------------ */

static char *
color_code(const char *value)
{
    static const char *const names[] = { "black", "red", "green", "yellow", "blue",
                                         "magenta", "cyan", "white" };
    if (!strcasecmp(value, "default"))
        return tenon_strdup("\033[39m");
    bool light = !strncasecmp(value, "light-", 6);
    for (size_t i = 0; i < tenon_countof(names); i++)
        if (!strcasecmp(value + (light ? 6 : 0), names[i]))
            return tenon_asprintf("\033[%zum", (light ? 90 : 30) + i);
    char **parts = tenon_comma_fields(value, NULL);
    uint64_t rgb[3];
    char *code = NULL;
    if (parts && tenon_strv_len(parts) == 3 && tenon_parse_u64(parts[0], 10, &rgb[0]) &&
        tenon_parse_u64(parts[1], 10, &rgb[1]) && tenon_parse_u64(parts[2], 10, &rgb[2]) &&
        rgb[0] < 256 && rgb[1] < 256 && rgb[2] < 256)
        code = tenon_asprintf("\033[38;2;%u;%u;%um", (unsigned)rgb[0], (unsigned)rgb[1],
                              (unsigned)rgb[2]);
    tenon_strv_free(parts);
    return code;
}

static bool
set_color(struct tty_render *r, const char *key, const char *value)
{
    static const struct { const char *word; enum tty_color color; } keys[] = {
        { "run", TTY_RUN }, { "cancel", TTY_CANCEL }, { "error", TTY_ERROR },
        { "warning", TTY_WARNING },
    };
    for (size_t i = 0; i < tenon_countof(keys); i++) {
        if (strcasecmp(key, keys[i].word))
            continue;
        char *code = color_code(value);
        if (!code)
            return false;
        free(r->codes[keys[i].color]);
        r->codes[keys[i].color] = code;
        return true;
    }
    return false;
}

char *
tty_render_colors(struct tty_render *r, const char *spec)
{
    char *bad = NULL;
    auto_free char *copy = tenon_strdup(spec ? spec : "");
    char *rest = copy;
    for (char *one = strsep(&rest, ":"); one; one = strsep(&rest, ":")) {
        auto_free char *key = tenon_strdup(one);
        char *value = strchr(key, '=');
        if (value)
            *value++ = '\0';
        if (*one && (!value || !set_color(r, key, value)) && !bad)
            bad = tenon_strdup(one);
    }
    return bad;
}

void
tty_render_release(struct tty_render *r)
{
    for (size_t i = 0; i < TTY_COLORS; i++) {
        free(r->codes[i]);
        r->codes[i] = NULL;
    }
    tenon_vec_release(&r->drawn);
}

/* ---- lines -------------------------------------------------------------- */

static void
free_line(struct line *l)
{
    free(l->left);
    free(l->status);
    free(l->right);
}

static void
add_line(struct picture *p, struct line l, int64_t took_ns)
{
    if (took_ns >= 0) {
        auto_buf struct tenon_buf b = TENON_BUF_INIT;
        pk_add_seconds(&b, took_ns);
        l.right = tenon_buf_steal(&b);
    }
    tenon_vec_push(&p->lines, l);
}

static void
add_statuses(struct picture *p, const struct pk_vertex *v, int64_t now)
{
    tenon_vec_foreach(it, &v->statuses) {
        struct pk_status *s = *it;
        auto_buf struct tenon_buf b = TENON_BUF_INIT;
        if (s->total || s->current)
            pk_add_bytes(&b, s->current);
        if (s->total) {
            tenon_buf_adds(&b, " / ");
            pk_add_bytes(&b, s->total);
        }
        int64_t end = s->completed_ns ? s->completed_ns : v->completed_ns ? v->completed_ns : now;
        struct line l = {
            .left = tenon_asprintf(" => => %s", s->id),
            .status = b.len ? tenon_buf_steal(&b) : NULL,
            .color = v->completed_ns ? TTY_RUN : TTY_PLAIN,
            .running = !s->completed_ns && pk_is_running(v),
            .detail = true,
        };
        add_line(p, l, end - s->started_ns);
    }
}

static void
add_log_line(struct picture *p, const char *text)
{
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    tenon_buf_adds(&b, " => => # ");
    for (; *text; text++)
        if (*text == '\t')
            tenon_buf_adds(&b, "    ");
        else
            tenon_buf_addc(&b, *text);
    add_line(p, (struct line){ .left = tenon_buf_steal(&b), .color = TTY_DIM, .running = true,
                               .detail = true }, -1);
}

/* The line that has no end yet is one of them: a progress bar, a question. */
static void
add_log_tail(struct picture *p, const struct pk_vertex *v, size_t count)
{
    auto_buf struct tenon_buf open = TENON_BUF_INIT;
    pk_sanitize(&open, v->partial.data, v->partial.len);
    if (open.len)
        count--;
    for (size_t i = v->lines.len > count ? v->lines.len - count : 0; i < v->lines.len; i++)
        add_log_line(p, v->lines.items[i].text);
    if (open.len)
        add_log_line(p, tenon_buf_str(&open));
}

static void
add_vertex(struct picture *p, const struct tty_render *r, const struct pk_vertex *v,
           int64_t now, unsigned *logs_left)
{
    bool running = pk_is_running(v);
    const char *prefix = v->canceled ? "CANCELED " : v->error ? "ERROR "
                       : v->completed_ns && v->cached ? "CACHED " : "";
    enum tty_color color = v->canceled ? TTY_CANCEL : v->error ? TTY_ERROR
                         : running ? TTY_PLAIN : TTY_RUN;
    int64_t took = running ? now - v->started_ns : v->duration_ns;
    add_line(p, (struct line){ .left = tenon_asprintf(" => %s%s", prefix, v->name),
                               .color = color, .running = running }, took);
    add_statuses(p, v, now);
    tenon_vec_foreach(w, &v->warnings)
        add_line(p, (struct line){ .left = tenon_asprintf(" => WARN: %s", *w),
                                   .color = TTY_WARNING, .detail = true }, took);
    if (running && r->log_lines && (v->lines.len || v->partial.len) && *logs_left) {
        add_log_tail(p, v, r->log_lines);
        --*logs_left;
    }
}

/* Too tall: sub-lines of what is over go first, then steps that are over,
 * oldest first, then sub-lines of what runs, at last the oldest runners. */
static void
shrink(struct picture *p, size_t room)
{
    for (int pass = 0; pass < 4 && p->lines.len > room; pass++) {
        size_t excess = p->lines.len - room, kept = 0;
        for (size_t i = 0; i < p->lines.len; i++) {
            struct line *l = &p->lines.items[i];
            bool drop = pass == 0 ? l->detail && !l->running
                      : pass == 1 ? !l->running
                      : pass == 2 ? l->detail : true;
            if (drop && excess) {
                free_line(l);
                excess--;
            } else {
                p->lines.items[kept++] = *l;
            }
        }
        p->lines.len = kept;
    }
}

/* ---- drawing ------------------------------------------------------------ */

const char *
tty_render_code(const struct tty_render *r, enum tty_color c)
{
    return r->codes[c] ? r->codes[c] : default_codes[c];
}

/* At most so many columns of s; how many it took. */
static size_t
put_cut(const char *s, size_t room, struct tenon_buf *out)
{
    auto_free char *shown = tenon_strndup(s, pk_cut(s, room));
    tenon_buf_adds(out, shown);
    return pk_columns(shown);
}

static void
put_line(struct tty_render *r, const struct line *l, unsigned width, struct tenon_buf *out)
{
    /* The last column stays empty: some terminals wrap when it is written. */
    size_t row = width - 1, room = row;
    size_t right = l->right ? 1 + strlen(l->right) : 0;
    /* On a very narrow terminal the name matters more than the rest of the line. */
    if (room < right + MIN_NAME)
        right = 0;
    room -= right;
    size_t status = l->status ? 1 + strlen(l->status) : 0;
    if (room < status + MIN_NAME)
        status = 0;
    room -= status;
    bool colored = r->color && *tty_render_code(r, l->color);
    if (colored)
        tenon_buf_adds(out, tty_render_code(r, l->color));
    size_t cols = put_cut(l->left, room, out);
    if (status)
        tenon_buf_addf(out, " %s", l->status);
    cols += status;
    if (right) {
        tenon_buf_addf(out, "%*s%s", (int)(row - cols - (right - 1)), "", l->right);
        cols = row;
    }
    if (colored)
        tenon_buf_adds(out, "\033[0m");
    tenon_buf_adds(out, "\033[K\n");
    tenon_vec_push(&r->drawn, cols);
}

static size_t
rows_of(size_t columns, unsigned width)
{
    return columns > width ? (columns + width - 1) / width : 1;
}

/* How many rows to go up, to where the next picture begins, and forget what it
 * will replace.
 *
 * Rows that a lower terminal has no room for go into its history, and most
 * terminals show them again when they grow: how many is remembered, so that
 * the next picture covers them. A narrower terminal wraps lines; what it loses
 * then is given up, for counting too much would cover what is not ours. */
static size_t
go_back(struct tty_render *r, unsigned width, unsigned height)
{
    size_t rows = 0, keep = r->lost;
    if (width == r->width && height == r->height) {
        rows = r->drawn.len - r->lost;
    } else {
        tenon_vec_foreach(columns, &r->drawn)
            rows += rows_of(*columns, width);
        size_t off = rows < height ? 0 : rows - (height - 1);
        keep = width == r->width ? off : 0;
        rows -= off;
    }
    r->width = width;
    r->height = height;
    r->drawn.len = r->lost = keep;
    return rows;
}

/* On a narrow terminal the numbers are what matters. */
static char *
headline(const struct pk_model *m, int64_t now, bool final, unsigned width)
{
    size_t done, total;
    pk_model_count(m, &done, &total);
    auto_buf struct tenon_buf took = TENON_BUF_INIT;
    pk_add_seconds(&took, m->first_ns ? now - m->first_ns : 0);
    bool finished = final && total && done == total;
    char *text = NULL;
    for (int form = 0; form < 3; form++) {
        free(text);
        text = tenon_asprintf("[+] %s%s (%zu/%zu)%s", form ? "" : "Building ",
                              tenon_buf_str(&took), done, total,
                              finished && form < 2 ? " FINISHED" : "");
        if (strlen(text) < width)
            break;
    }
    return text;
}

/* A row that was wrapped stays so, whatever is written over it, until it is
 * cleared: from here so many rows down, and back. (Not the whole screen at
 * once: some terminals scroll that into their history.) */
static void
unwrap(size_t rows, struct tenon_buf *out)
{
    for (size_t i = 0; i < rows; i++)
        tenon_buf_adds(out, "\033[2K\033[B");
    tenon_buf_addf(out, "\033[%zuA", rows);
}

void
tty_render_picture(struct tty_render *r, struct pk_model *m, int64_t now_ns,
                   unsigned width, unsigned height, bool final,
                   const struct tenon_buf *above, struct tenon_buf *out)
{
    width = width < 2 ? 2 : width;
    height = height < 2 ? 2 : height;
    struct picture p = {0};
    unsigned logs = height > 8 ? (height - 4) / (r->log_lines + 2) : 0;
    if (final || logs < 1)
        logs = final ? 0 : 1;
    tenon_vec_foreach(v, &m->vertices)
        if ((*v)->started_ns)
            add_vertex(&p, r, *v, now_ns, &logs);
    /* The headline and the row of the cursor. The last picture is scrolled
     * through, so it may be as long as it likes. */
    if (!final)
        shrink(&p, height > 3 ? height - 2 : 1);

    bool wrapped = width < r->width;
    size_t rows = go_back(r, width, height);
    tenon_buf_adds(out, "\033[?25l");
    if (rows)
        tenon_buf_addf(out, "\033[%zuA", rows);
    tenon_buf_adds(out, "\r");
    if (wrapped && rows)
        unwrap(rows, out);
    if (above->len) {
        tenon_buf_adds(out, "\033[J");
        tenon_buf_add(out, above->data, above->len);
        r->drawn.len = r->lost = 0; /* below this text now */
    }
    struct line head = { .left = headline(m, now_ns, final, width), .color = TTY_PLAIN };
    put_line(r, &head, width, out);
    free_line(&head);
    tenon_vec_foreach(l, &p.lines) {
        put_line(r, l, width, out);
        free_line(l);
    }
    tenon_vec_release(&p.lines);
    tenon_buf_adds(out, "\033[J\033[?25h");
}
