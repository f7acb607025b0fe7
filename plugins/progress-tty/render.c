#include "render.h"

#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "progresskit/text.h"

struct line {
    char *left;
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

/* ---- colours ------------------------------------------------------------------ */

static char *
color_code(const char *value)
{
    static const char *const names[] = { "black", "red", "green", "yellow", "blue",
                                         "magenta", "cyan", "white" };
    for (size_t i = 0; i < tenon_countof(names); i++)
        if (!strcmp(value, names[i]))
            return tenon_asprintf("\033[%zum", 30 + i);
    char **parts = tenon_parse_csv(value);
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
        if (strcmp(key, keys[i].word))
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

/* ---- lines --------------------------------------------------------------------- */

static void
add_line(struct picture *p, char *left, int64_t took_ns, enum tty_color color, bool running,
         bool detail)
{
    struct line l = { .left = left, .color = color, .running = running, .detail = detail };
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
        tenon_buf_addf(&b, " => => %s", s->id);
        if (s->total) {
            tenon_buf_addc(&b, ' ');
            pk_add_bytes(&b, s->current);
            tenon_buf_adds(&b, " / ");
            pk_add_bytes(&b, s->total);
        } else if (s->current) {
            tenon_buf_addc(&b, ' ');
            pk_add_bytes(&b, s->current);
        }
        int64_t end = s->completed_ns ? s->completed_ns : v->completed_ns ? v->completed_ns : now;
        add_line(p, tenon_buf_steal(&b), end - s->started_ns,
                 v->completed_ns ? TTY_RUN : TTY_PLAIN, !s->completed_ns && pk_is_running(v), true);
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
    add_line(p, tenon_buf_steal(&b), -1, TTY_DIM, true, true);
}

static void
add_log_tail(struct picture *p, const struct pk_vertex *v, unsigned count)
{
    size_t first = v->lines.len > count ? v->lines.len - count : 0;
    for (size_t i = first; i < v->lines.len; i++)
        add_log_line(p, v->lines.items[i]);
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
    add_line(p, tenon_asprintf(" => %s%s", prefix, v->name),
             running ? now - v->started_ns : v->duration_ns, color, running, false);
    add_statuses(p, v, now);
    if (running && v->lines.len && *logs_left) {
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
                free(l->left);
                free(l->right);
                excess--;
            } else {
                p->lines.items[kept++] = *l;
            }
        }
        p->lines.len = kept;
    }
}

/* ---- drawing --------------------------------------------------------------------- */

const char *
tty_render_code(const struct tty_render *r, enum tty_color c)
{
    return r->codes[c] ? r->codes[c] : default_codes[c];
}

static void
put_line(struct tty_render *r, const struct line *l, unsigned width, struct tenon_buf *out)
{
    size_t right = l->right ? strlen(l->right) : 0;
    /* On a very narrow terminal the name is worth more than the seconds. */
    if (right && width < right + 12)
        right = 0;
    size_t room = right ? width - right - 1 : width;
    /* The last column stays empty: some terminals wrap when it is written. */
    if (!right && room > 1)
        room--;
    size_t bytes = pk_cut(l->left, room);
    bool colored = r->color && *tty_render_code(r, l->color);
    if (colored)
        tenon_buf_adds(out, tty_render_code(r, l->color));
    tenon_buf_add(out, l->left, bytes);
    auto_free char *shown = tenon_strndup(l->left, bytes);
    size_t cols = pk_columns(shown);
    if (right) {
        size_t pad = width - 1 - right - cols;
        tenon_buf_addf(out, "%*s%s", (int)pad, "", l->right);
        cols = width - 1;
    }
    if (colored)
        tenon_buf_adds(out, "\033[0m");
    tenon_buf_adds(out, "\033[K\n");
    tenon_vec_push(&r->drawn, cols);
}

/* Rows that the last picture takes now: a narrower terminal has wrapped it. */
static size_t
rows_drawn(const struct tty_render *r, unsigned width)
{
    size_t rows = 0;
    for (size_t i = 0; i < r->drawn.len; i++)
        rows += r->drawn.items[i] > width ? (r->drawn.items[i] + width - 1) / width : 1;
    return rows;
}

static char *
headline(const struct pk_model *m, int64_t now, bool final)
{
    size_t done = 0, total = 0;
    tenon_vec_foreach(it, &m->vertices) {
        total++;
        done += (*it)->completed_ns != 0;
    }
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    tenon_buf_adds(&b, "[+] Building ");
    pk_add_seconds(&b, m->first_ns ? now - m->first_ns : 0);
    tenon_buf_addf(&b, " (%zu/%zu)%s", done, total, final ? " FINISHED" : "");
    return tenon_buf_steal(&b);
}

void
tty_render_picture(struct tty_render *r, struct pk_model *m, int64_t now_ns,
                   unsigned width, unsigned height, bool final,
                   const struct tenon_buf *above, struct tenon_buf *out)
{
    if (width < 4)
        width = 4;
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
        shrink(&p, height > 3 ? height - 3 : 1);

    size_t rows = rows_drawn(r, width);
    tenon_buf_adds(out, "\033[?25l");
    if (rows)
        tenon_buf_addf(out, "\033[%zuA", rows);
    tenon_buf_adds(out, "\r");
    if (above->len) {
        tenon_buf_adds(out, "\033[J");
        tenon_buf_add(out, above->data, above->len);
    }
    r->drawn.len = 0;
    struct line head = { .left = headline(m, now_ns, final), .color = TTY_PLAIN };
    put_line(r, &head, width, out);
    free(head.left);
    tenon_vec_foreach(l, &p.lines) {
        put_line(r, l, width, out);
        free(l->left);
        free(l->right);
    }
    tenon_vec_release(&p.lines);
    tenon_buf_adds(out, "\033[J\033[?25h");
}
