/* cli/renderer.c - the progress display: which plugin, its options, and the core's messages. */
#include "renderer.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "tools/alloc.h"
#include "tools/comma.h"
#include "tools/parse.h"
#include "ending.h"
#include "knownword.h"
#include "observers.h"

struct renderer {
    struct tenon_module *module;
    struct tenon_values *values;
    struct tenon_events *events;
    char **warned; /* files that warnings are about */
};

/* The user's word for a mode, and its plugin. */
static const struct { const char *word, *plugin; } modes[] = {
    { "tty", "tty" }, { "plain", "plain" }, { "rawjson", "json" }, { "json", "json" },
};

static void
on_event(void *data, const struct tenon_event *ev)
{
    struct renderer *r = data;
    ending_note(&r->warned, ev);
    tenon_module_enter(r->module, "event");
    r->module->plugin.ops.progress->event(r->module->self, ev);
    tenon_module_leave(r->module);
}

static void
on_tick(void *data, int64_t now_ns)
{
    struct renderer *r = data;
    if (!r->module->plugin.ops.progress->tick)
        return;
    tenon_module_enter(r->module, "tick");
    r->module->plugin.ops.progress->tick(r->module->self, now_ns);
    tenon_module_leave(r->module);
}

/* The core's messages during a build go through the renderer. */
static void
on_log(void *data, int level, const char *text)
{
    struct renderer *r = data;
    auto_free char *line = tenon_asprintf("%s: %s", level <= TENON_LOG_ERROR ? "error"
                                          : level == TENON_LOG_WARNING ? "warning" : "note", text);
    struct tenon_event ev = { .struct_size = sizeof ev, .type = TENON_EVENT_MESSAGE,
                              .name = line, .level = (uint32_t)level };
    tenon_events_post(r->events, &ev);
}

/* Options from the environment, which only the command reads: an odd value there
 * must not fail a build. */
static void
add_env_number(const char *option, const char *variable, uint64_t min, uint64_t max,
               char ***pairs)
{
    const char *value = secure_getenv(variable);
    uint64_t number;
    if (!value || !*value)
        return;
    if (!tenon_parse_u64(value, 10, &number) || number < min || number > max)
        tenon_log(TENON_LOG_WARNING, "%s=%s is ignored: expected a number from %llu to %llu",
                  variable, value, (unsigned long long)min, (unsigned long long)max);
    else
        tenon_strv_push(pairs, tenon_asprintf("%s=%s", option, value));
}

/* Of our own renderers; others take only what the user writes. */
static void
add_options(const char *plugin, const struct renderer_about *about, char ***pairs)
{
    bool tty = !strcmp(plugin, "tty");
    if (!tty && strcmp(plugin, "plain"))
        return;
    tenon_strv_push(pairs, tenon_asprintf("debug=%s", about->debug ? "true" : "false"));
    tenon_strv_push(pairs, tenon_asprintf("program=%s", about->program));
    if (tty) {
        const char *no_color = secure_getenv("NO_COLOR");
        if (no_color && *no_color)
            tenon_strv_push(pairs, tenon_strdup("color=false"));
        const char *colors = secure_getenv("BUILDKIT_COLORS");
        if (colors && *colors)
            tenon_strv_push(pairs, tenon_asprintf("colors=%s", colors));
        add_env_number("lines", "BUILDKIT_TTY_LOG_LINES", 0, 100, pairs);
        add_env_number("rate", "TTY_DISPLAY_RATE", 1, 60000, pairs);
    } else if (tenon_streq(secure_getenv("PROGRESS_NO_TRUNC"), "0")) {
        tenon_strv_push(pairs, tenon_strdup("truncate=true"));
    }
}

static void
close_display(struct renderer *r, const struct tenon_progress_end *end)
{
    tenon_module_enter(r->module, "close");
    r->module->plugin.ops.progress->close(r->module->self, end);
    tenon_module_leave(r->module);
}

static int
open_plugin(struct tenon_plugins *plugins, const char *name, char **pairs,
            const struct observers *observers, struct renderer **out, struct tenon_error *err)
{
    struct renderer *r = tenon_new0(struct renderer);
    auto_free char *what = tenon_asprintf("--progress=%s", name);
    if (tenon_plugins_get(plugins, TENON_KIND_PROGRESS, name, &r->module, err) < 0)
        goto fail;
    if (observers_have(observers, r->module)) {
        tenon_error_set(err, TENON_E_INVALID, "%s: it is an observer already", what);
        tenon_error_hint(err, "another --progress, or another observer");
        goto fail;
    }
    const struct tenon_plugin *p = &r->module->plugin;
    if (tenon_values_parse(p->options, p->param_size, (const char *const *)pairs, what,
                           &r->values, err) < 0)
        goto fail;
    tenon_values_warn(r->values, what);
    tenon_module_enter(r->module, "open");
    int rc = p->ops.progress->open(r->module->self, STDERR_FILENO, isatty(STDERR_FILENO),
                                   r->values, err);
    tenon_module_leave(r->module);
    if (tenon_module_check(r->module, "open", rc, err) < 0)
        goto fail;
    r->events = tenon_events_new(on_event, on_tick, r);
    if (!r->events) {
        tenon_error_sys(err, "start a thread for the progress");
        const struct tenon_progress_end end = {.struct_size = sizeof end, .status = err->code,
                                               .error = err->message};
        close_display(r, &end);
        goto fail;
    }
    tenon_log_set_sink(on_log, r);
    *out = r;
    return TENON_OK;
fail:
    tenon_values_free(r->values);
    free(r);
    return err->code;
}

/* A terminal that can move its cursor. */
static bool
can_redraw(void)
{
    return isatty(STDERR_FILENO) && !tenon_streq(secure_getenv("TERM"), "dumb");
}

int
renderer_open(struct tenon_plugins *plugins, const char *spec,
              const struct renderer_about *about, struct renderer **out,
              struct tenon_error *err)
{
    *out = NULL;
    char **parts = tenon_comma_fields(spec, NULL);
    if (!parts || !parts[0] || !*parts[0]) {
        tenon_strv_free(parts);
        return tenon_error_set(err, TENON_E_INVALID, "invalid progress mode \"%s\"", spec);
    }
    const char *mode = parts[0];
    if (!strcmp(mode, "auto"))
        mode = can_redraw() && tenon_plugins_has(plugins, TENON_KIND_PROGRESS, "tty") ? "tty"
                                                                                      : "plain";
    static const char *const others[] = { "auto", "none", "quiet", "rawjson", NULL };
    if (known_word_check(plugins, TENON_KIND_PROGRESS, "progress display", mode, others, err) < 0) {
        tenon_strv_free(parts);
        return err->code;
    }
    const char *plugin = mode; /* a renderer of a third party is asked by its name */
    for (size_t i = 0; i < tenon_countof(modes); i++)
        if (!strcmp(mode, modes[i].word))
            plugin = modes[i].plugin;
    int rc = TENON_OK;
    if (strcmp(mode, "quiet") && strcmp(mode, "none")) {
        char **pairs = NULL;
        /* Asked for or by default, a log file gets readable lines. */
        bool fallback = !strcmp(plugin, "tty") && !isatty(STDERR_FILENO);
        if (fallback)
            plugin = "plain";
        add_options(plugin, about, &pairs);
        for (char **p = parts + 1; *p && !fallback; p++)
            tenon_strv_push(&pairs, tenon_strdup(*p));
        rc = open_plugin(plugins, plugin, pairs, about->observers, out, err);
        tenon_strv_free(pairs);
    }
    tenon_strv_free(parts);
    return rc;
}

struct tenon_events *
renderer_events(struct renderer *r)
{
    return r ? r->events : NULL;
}

bool
renderer_has_one_stream(const struct renderer *r)
{
    return !r || (r->module->plugin.ops.progress->flags & TENON_PROGRESS_ONE_STREAM);
}

void
renderer_close(struct renderer *r, const struct tenon_build *b,
               const struct tenon_error *err, const char *text)
{
    if (!r)
        return;
    tenon_log_set_sink(NULL, NULL);
    tenon_events_free(r->events); /* delivers what is queued */
    struct ending *e = ending_new(b, err, text, r->warned);
    close_display(r, ending_told(e));
    ending_free(e);
    tenon_strv_free(r->warned);
    tenon_values_free(r->values);
    free(r);
}
