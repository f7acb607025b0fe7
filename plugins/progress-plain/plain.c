/* progress-plain: blocks of lines, "#N" a step, for logs and pipes.
 *
 * One step has the screen at a time; what the others say waits until it is
 * over, or has been silent, or they have waited too long. */
#include <stdlib.h>
#include <string.h>

#include <tenon-plugin.h>

#include "tools/alloc.h"
#include "common/progress/model.h"
#include "common/progress/output.h"
#include "common/progress/recap.h"
#include "common/progress/text.h"

static const struct tenon_host *host;

static const struct tenon_param options[] = {
    { .name = "detail", .help = "short: without digest and times of each step",
      .type = TENON_TYPE_CHOICE, .choices = "full|short", .def = "full" },
    { .name = "truncate", .help = "cut names of steps after 72 characters",
      .type = TENON_TYPE_BOOL, .def = "false" },
    PK_PARAM_DEBUG,
    PK_PARAM_PROGRAM,
    { .name = NULL },
};

enum { RECAP_LINES = 10, NAME_COLUMNS = 72 };
static const int64_t print_pause_ns = 100000000;   /* between two looks at the model */
static const int64_t keep_screen_ns = 5000000000;  /* against flicker */
static const int64_t max_wait_ns = 10000000000;    /* of the others */
static const int64_t status_pause_ns = 5000000000; /* between two lines of one status */
static const int64_t partial_pause_ns = 2000000000; /* then a line without its end is shown */
/* Limits of text that waits: of the step that has the screen, and of another one,
 * which then gets it.  So a step that prints without end uses no memory. */
enum { MAX_BATCH = 64 << 10, MAX_WAITING = 1 << 20 };

struct plain {
    struct pk_model model;
    struct tenon_buf out;
    struct pk_vertex *active; /* has the screen; NULL after its closing line */
    int64_t active_since_ns;
    struct pk_warning_style warnings;
    char *program;
    int64_t looked_ns;
    unsigned numbers;
    int fd;
    bool full, truncate;
    bool started; /* something was printed */
};

static int
plain_init(const struct tenon_host *h, const struct tenon_values *config, void **self,
           struct tenon_error *err)
{
    (void)config, (void)err;
    static struct plain state; /* one renderer a process */
    state = (struct plain){0};
    host = h;
    *self = &state;
    return TENON_OK;
}

static void
flush(struct plain *p)
{
    pk_write(p->fd, &p->out);
    tenon_buf_clear(&p->out);
}

static int
plain_open(void *self, int fd, bool is_tty, const struct tenon_values *opt,
           struct tenon_error *err)
{
    struct plain *p = self;
    (void)is_tty, (void)err;
    p->fd = fd;
    p->model.keep_pending = true;
    p->full = strcmp(host->values->get_string(opt, "detail"), "short") != 0;
    p->truncate = host->values->get_bool(opt, "truncate");
    p->program = tenon_strdup(host->values->get_string(opt, "program"));
    p->warnings = (struct pk_warning_style){host->values->get_bool(opt, "debug"), p->program, NULL};
    return TENON_OK;
}

static void
header(struct plain *p, struct pk_vertex *v)
{
    if (p->started)
        tenon_buf_adds(&p->out, "\n");
    p->started = true;
    bool fresh = v->number == 0;
    if (fresh)
        v->number = ++p->numbers;
    size_t len = p->truncate ? pk_cut(v->name, NAME_COLUMNS) : strlen(v->name);
    tenon_buf_addf(&p->out, "#%u %.*s%s\n", v->number, (int)len, v->name,
                   v->name[len] ? "..." : "");
    if (fresh && p->full) {
        tenon_buf_addf(&p->out, "#%u       digest: %s\n", v->number, v->digest);
        tenon_buf_addf(&p->out, "#%u         name: \"%s\"\n", v->number, v->name);
        tenon_buf_addf(&p->out, "#%u      started: ", v->number);
        pk_add_go_time(&p->out, v->started_ns);
        tenon_buf_addc(&p->out, '\n');
    }
}

static void
activate(struct plain *p, struct pk_vertex *v, int64_t now)
{
    if (p->active == v)
        return;
    if (p->active)
        tenon_buf_addf(&p->out, "#%u ...\n", p->active->number);
    header(p, v);
    p->active = v;
    p->active_since_ns = now;
}

/* A status line is worth printing at its end, and on the way when it moved by
 * 5 % or 5 seconds. */
static bool
worth_printing(const struct pk_status *s)
{
    if (!s->changed || s->shown_done)
        return false;
    if (s->completed_ns)
        return true;
    bool late = s->timestamp_ns - (s->shown_ns ? s->shown_ns : s->started_ns) >= status_pause_ns;
    if (s->shown_current < 0)
        return s->waiting || s->total > 0 || late;
    return late || (s->total > 0 && (s->current - s->shown_current) * 20 >= s->total);
}

static void
print_status(struct plain *p, const struct pk_vertex *v, struct pk_status *s)
{
    struct tenon_buf *b = &p->out;
    tenon_buf_addf(b, "#%u %s", v->number, s->id);
    if (s->total) {
        tenon_buf_addc(b, ' ');
        pk_add_bytes(b, s->current);
        tenon_buf_adds(b, " / ");
        pk_add_bytes(b, s->total);
    } else if (s->current) {
        tenon_buf_addc(b, ' ');
        pk_add_bytes(b, s->current);
    }
    int64_t took = (s->completed_ns ? s->completed_ns : s->timestamp_ns) - s->started_ns;
    if (took > 10000000 && (s->completed_ns || !s->waiting)) {
        tenon_buf_addc(b, ' ');
        pk_add_seconds(b, took);
    }
    tenon_buf_adds(b, s->completed_ns ? " done\n" : "\n");
    s->shown_current = s->current;
    s->shown_ns = s->timestamp_ns;
    s->shown_done = s->completed_ns != 0;
}

static bool
has_news(const struct pk_vertex *v)
{
    bool news = v->pending_lines > 0 || v->warnings_shown < v->warnings.len;
    tenon_vec_foreach(s, &v->statuses)
        news |= worth_printing(*s);
    return news;
}

static void
print_pending(struct plain *p, struct pk_vertex *v, int64_t now)
{
    tenon_vec_foreach(s, &v->statuses) {
        if (worth_printing(*s))
            print_status(p, v, *s);
        (*s)->changed = false;
    }
    while (v->warnings_shown < v->warnings.len)
        tenon_buf_addf(&p->out, "#%u WARN: %s\n", v->number,
                       v->warnings.items[v->warnings_shown++]);
    const char *line = tenon_buf_str(&v->pending);
    while (*line) {
        size_t len = strcspn(line, "\n");
        tenon_buf_addf(&p->out, "#%u %.*s\n", v->number, (int)len, line);
        line += len + (line[len] == '\n');
    }
    tenon_buf_clear(&v->pending);
    v->pending_lines = 0;
    v->last_shown_ns = now;
}

static void
closing(struct plain *p, struct pk_vertex *v)
{
    if (p->full) {
        tenon_buf_addf(&p->out, "#%u    completed: ", v->number);
        pk_add_go_time(&p->out, v->completed_ns);
        tenon_buf_addf(&p->out, "\n#%u     duration: ", v->number);
        auto_buf struct tenon_buf d = TENON_BUF_INIT;
        pk_add_go_duration(&d, v->duration_ns);
        tenon_buf_addf(&p->out, "%s\n", tenon_buf_str(&d));
    }
    tenon_buf_addf(&p->out, "#%u ", v->number);
    if (v->canceled)
        tenon_buf_adds(&p->out, "CANCELED");
    else if (v->error)
        tenon_buf_addf(&p->out, "ERROR: %s", v->error);
    else if (v->cached)
        tenon_buf_adds(&p->out, "CACHED");
    else {
        tenon_buf_adds(&p->out, "DONE ");
        pk_add_seconds(&p->out, v->duration_ns);
    }
    tenon_buf_addc(&p->out, '\n');
    v->closed = true;
    p->active = NULL;
    if (!v->error)
        pk_model_forget_output(v);
}

static void
show(struct plain *p, struct pk_vertex *v, int64_t now)
{
    activate(p, v, now);
    if (v->completed_ns)
        pk_model_flush_line(&p->model, v);
    print_pending(p, v, now);
    if (v->completed_ns && !v->closed)
        closing(p, v);
}

static struct pk_vertex *
next_completed(struct plain *p)
{
    struct pk_vertex *best = NULL;
    tenon_vec_foreach(it, &p->model.vertices) {
        struct pk_vertex *v = *it;
        if (v->completed_ns && !v->closed &&
            (!best || v->completed_order < best->completed_order))
            best = v;
    }
    return best;
}

/* Completed steps first, in the order of completion; then the active one goes on,
 * unless it is over or it is the turn of another. */
static void
schedule(struct plain *p, int64_t now)
{
    if (p->active && p->active->completed_ns)
        show(p, p->active, now);
    for (struct pk_vertex *v = next_completed(p); v; v = next_completed(p))
        show(p, v, now);

    bool busy = p->active != NULL;
    if (busy)
        print_pending(p, p->active, now);
    bool may_switch = !busy || now - p->active_since_ns > keep_screen_ns;
    struct pk_vertex *best = NULL;
    tenon_vec_foreach(it, &p->model.vertices) {
        struct pk_vertex *v = *it;
        if (v == p->active || !pk_is_running(v))
            continue;
        int64_t waiting = now - (v->last_shown_ns ? v->last_shown_ns : v->started_ns);
        bool talks = has_news(v);
        bool full = v->pending.len > MAX_WAITING;
        if (busy && !full && (!may_switch || (!talks && waiting < max_wait_ns)))
            continue;
        if (busy && !talks)
            continue; /* nothing to say: not worth a switch */
        if (!best || v->pending.len > best->pending.len)
            best = v;
    }
    if (best)
        show(p, best, now);
}

static void
look(struct plain *p, int64_t now)
{
    schedule(p, now);
    flush(p);
    p->looked_ns = now;
}

/* A message about a step is a line of it, by its number in place of its name. */
static bool
note(struct plain *p, const struct tenon_event *ev)
{
    struct pk_vertex *v = pk_model_find(&p->model, ev->vertex);
    if (!v)
        return false;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    pk_sanitize(&text, ev->name, strlen(ev->name));
    const char *line = tenon_buf_str(&text);
    const size_t len = strlen(v->name);
    if (len && !strncmp(line, v->name, len) && !strncmp(line + len, ": ", 2))
        line += len + 2;
    for (char *c = text.data; c && *c; c++)
        if (*c == '\n')
            *c = ' ';
    tenon_buf_addf(&v->pending, "%s\n", line);
    v->pending_lines++;
    return true;
}

static void
plain_event(void *self, const struct tenon_event *ev)
{
    struct plain *p = self;
    struct pk_status *status;
    if (ev->type == TENON_EVENT_MESSAGE && ev->vertex && note(p, ev))
        return;
    if (ev->type == TENON_EVENT_MESSAGE) {
        auto_buf struct tenon_buf text = TENON_BUF_INIT;
        pk_sanitize(&text, ev->name, strlen(ev->name));
        tenon_buf_addf(&p->out, "%s\n", tenon_buf_str(&text));
        flush(p);
        return;
    }
    struct pk_vertex *v = pk_model_event(&p->model, ev, &status);
    if (v && status)
        status->changed = true;
    /* Many events are looked at together: a step that is over at once gets one
     * block. */
    int64_t now = ev->timestamp_ns ? ev->timestamp_ns
                : ev->completed_ns ? ev->completed_ns : ev->started_ns;
    bool full = v && v->pending.len > (v == p->active ? MAX_BATCH : MAX_WAITING);
    if (full || now - p->looked_ns >= print_pause_ns)
        look(p, now);
}

/* A line without its end: a question, perhaps, that nobody will answer.  Silence is
 * measured between ticks: events may have waited for a slow reader. */
static void
show_question(struct plain *p, int64_t now)
{
    struct pk_vertex *v = p->active;
    if (!v || !v->partial.len)
        return;
    if (!v->silent_ns)
        v->silent_ns = now;
    else if (now - v->silent_ns >= partial_pause_ns)
        pk_model_flush_line(&p->model, v);
}

static void
plain_tick(void *self, int64_t now_ns)
{
    show_question(self, now_ns);
    look(self, now_ns);
}

static void
plain_close(void *self, const struct tenon_progress_end *end)
{
    struct plain *p = self;
    int64_t now = INT64_MAX / 2;
    schedule(p, now);
    tenon_vec_foreach(v, &p->model.vertices)
        if ((*v)->pending.len)
            show(p, *v, now);
    if (end->status < 0)
        pk_recap_failure(&p->out, &p->model, end, RECAP_LINES);
    pk_recap_warnings(&p->out, &p->model, end, &p->warnings);
    pk_recap_error(&p->out, end);
    flush(p);
    pk_model_release(&p->model);
    tenon_buf_release(&p->out);
    free(p->program);
}

static const struct tenon_progress_ops ops = {
    .struct_size = sizeof ops,
    .flags = TENON_PROGRESS_ONE_STREAM,
    .open = plain_open,
    .event = plain_event,
    .tick = plain_tick,
    .close = plain_close,
};
static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_PROGRESS),
    .threads = TENON_THREADS_SERIAL,
    .key_policy = TENON_KEY_NEUTRAL,
    .name = "plain",
    .version = "1.0",
    .summary = "lines of text, one block a step",
    .options = options,
    .init = plain_init,
    .ops.progress = &ops,
};
TENON_PLUGIN_EXPORT(progress_plain, plugin);
