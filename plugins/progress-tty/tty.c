/* progress-tty: one line a step, redrawn in place.
 *
 * A picture is put together as text and written with one write(2), so that it
 * never flickers; the size of the terminal is asked for each time, so that a
 * resize is seen at the next picture. */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <tenon-plugin.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"
#include "common/progress/model.h"
#include "common/progress/output.h"
#include "common/progress/recap.h"
#include "common/progress/text.h"
#include "render.h"

static const struct tenon_host *host;

static const struct tenon_param options[] = {
    { .name = "color", .help = "use colours", .type = TENON_TYPE_BOOL, .def = "true" },
    { .name = "colors", .help = "as BUILDKIT_COLORS: run=green:error=255,0,0",
      .type = TENON_TYPE_STRING },
    { .name = "lines", .help = "lines of output shown for a running step",
      .type = TENON_TYPE_INT, .def = "6", .min = 0, .max = 100 },
    { .name = "rate", .help = "milliseconds between two updates",
      .type = TENON_TYPE_INT, .def = "100", .min = 1, .max = 60000 },
    PK_PARAM_DEBUG,
    PK_PARAM_PROGRAM,
    { .name = NULL },
};

enum { TICK_NS = 100000000 };

struct tty {
    struct pk_model model;
    struct tty_render render;
    struct tenon_buf messages; /* notes of the core, printed above the picture */
    struct pk_warning_style warnings;
    char *program;
    int64_t drawn_ns, rate_ns;
    bool dirty;
    int fd;
};

static int
tty_init(const struct tenon_host *h, const struct tenon_values *config, void **self,
         struct tenon_error *err)
{
    (void)config, (void)err;
    static struct tty state; /* one renderer a process */
    state = (struct tty){0};
    host = h;
    *self = &state;
    return TENON_OK;
}

static int
tty_open(void *self, int fd, bool is_tty, const struct tenon_values *opt,
         struct tenon_error *err)
{
    struct tty *t = self;
    if (!is_tty)
        return host->error->set(err, TENON_E_UNSUPPORTED, 0,
                                "progress tty: standard error is not a terminal");
    t->fd = fd;
    t->render.log_lines = (unsigned)host->values->get_int(opt, "lines");
    t->render.color = host->values->get_bool(opt, "color");
    t->rate_ns = host->values->get_int(opt, "rate") * 1000000;
    t->program = tenon_strdup(host->values->get_string(opt, "program"));
    const char *colors = host->values->get_string(opt, "colors");
    auto_free char *bad = tty_render_colors(&t->render, colors);
    if (bad)
        tenon_buf_addf(&t->messages, "warning: colors \"%s\": \"%s\" is ignored\n", colors, bad);
    t->warnings = (struct pk_warning_style){
        host->values->get_bool(opt, "debug"), t->program,
        t->render.color ? tty_render_code(&t->render, TTY_WARNING) : NULL,
    };
    return TENON_OK;
}

static void
draw(struct tty *t, int64_t now, bool final)
{
    struct winsize w = {0};
    if (ioctl(t->fd, TIOCGWINSZ, &w) < 0 || w.ws_col == 0 || w.ws_row == 0) {
        w.ws_col = 80;
        w.ws_row = 24;
    }
    auto_buf struct tenon_buf out = TENON_BUF_INIT;
    tty_render_picture(&t->render, &t->model, now, w.ws_col, w.ws_row, final,
                       &t->messages, &out);
    tenon_buf_clear(&t->messages);
    pk_write(t->fd, &out);
    t->drawn_ns = now;
    t->dirty = false;
}

static int64_t
wall_clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void
tty_event(void *self, const struct tenon_event *ev)
{
    struct tty *t = self;
    struct pk_status *status;
    if (ev->type == TENON_EVENT_MESSAGE) {
        pk_sanitize(&t->messages, ev->name, strlen(ev->name));
        tenon_buf_addc(&t->messages, '\n');
    } else {
        pk_model_event(&t->model, ev, &status);
    }
    t->dirty = true;
    /* The core ticks ten times a second; a user who wants more gets it from here. */
    int64_t now = wall_clock_ns();
    if (t->rate_ns < TICK_NS && now - t->drawn_ns >= t->rate_ns && t->model.vertices.len)
        draw(t, now, false);
}

static void
tty_tick(void *self, int64_t now_ns)
{
    struct tty *t = self;
    /* The clock of what runs goes on even when nothing happens. */
    int64_t pause = t->dirty || t->rate_ns > TICK_NS ? t->rate_ns : 2 * TICK_NS;
    /* Ticks come a little early or late. */
    if (now_ns - t->drawn_ns >= pause - TICK_NS / 10 && t->model.vertices.len)
        draw(t, now_ns, false);
}

static void
tty_close(void *self, const struct tenon_progress_end *end)
{
    struct tty *t = self;
    int64_t last = 0;
    if (end->status == 0)
        pk_model_forget_planned(&t->model);
    tenon_vec_foreach(v, &t->model.vertices)
        if ((*v)->completed_ns > last)
            last = (*v)->completed_ns;
    if (t->model.vertices.len || t->messages.len)
        draw(t, last, true);
    auto_buf struct tenon_buf out = TENON_BUF_INIT;
    if (end->status < 0)
        pk_recap_failure(&out, &t->model, end, 0);
    pk_recap_warnings(&out, &t->model, end, &t->warnings);
    pk_recap_error(&out, end);
    pk_write(t->fd, &out);
    pk_model_release(&t->model);
    tenon_buf_release(&t->messages);
    tty_render_release(&t->render);
    free(t->program);
}

static const struct tenon_progress_ops ops = {
    .struct_size = sizeof ops,
    .flags = TENON_PROGRESS_ONE_STREAM,
    .open = tty_open,
    .event = tty_event,
    .tick = tty_tick,
    .close = tty_close,
};
static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_PROGRESS),
    .threads = TENON_THREADS_SERIAL,
    .key_policy = TENON_KEY_NEUTRAL,
    .name = "tty",
    .version = "1.0",
    .summary = "one line a step, redrawn in place on a terminal",
    .options = options,
    .init = tty_init,
    .ops.progress = &ops,
};
TENON_PLUGIN_EXPORT(progress_tty, plugin);
