#include "renderer.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/log.h"
#include "base/parse.h"

struct renderer {
    struct tenon_module *module;
    struct tenon_values *values;
    struct tenon_events *events;
};

/* The word a user says and the plugin that does it. */
static const struct { const char *word, *plugin; } modes[] = {
    { "tty", "tty" }, { "plain", "plain" }, { "rawjson", "json" }, { "json", "json" },
};

static void
on_event(void *data, const struct tenon_event *ev)
{
    struct renderer *r = data;
    r->module->plugin.ops.progress->event(r->module->self, ev);
}

static void
on_tick(void *data, int64_t now_ns)
{
    struct renderer *r = data;
    if (r->module->plugin.ops.progress->tick)
        r->module->plugin.ops.progress->tick(r->module->self, now_ns);
}

/* Talk of the core during a build goes through the renderer. */
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

/* Options of the environment, which only the command reads. */
static void
add_env_options(const char *plugin, char ***pairs)
{
    if (strcmp(plugin, "tty"))
        return;
    const char *no_color = secure_getenv("NO_COLOR");
    const char *colors = secure_getenv("BUILDKIT_COLORS");
    const char *lines = secure_getenv("BUILDKIT_TTY_LOG_LINES");
    if (no_color && *no_color)
        tenon_strv_push(pairs, tenon_strdup("color=false"));
    if (colors && *colors)
        tenon_strv_push(pairs, tenon_asprintf("colors=%s", colors));
    if (lines && *lines)
        tenon_strv_push(pairs, tenon_asprintf("lines=%s", lines));
}

static int
open_plugin(struct tenon_plugins *plugins, const char *name, char **pairs,
            struct renderer **out, struct tenon_error *err)
{
    struct renderer *r = tenon_new0(struct renderer);
    auto_free char *what = tenon_asprintf("--progress=%s", name);
    if (tenon_plugins_get(plugins, TENON_KIND_PROGRESS, name, &r->module, err) < 0)
        goto fail;
    const struct tenon_plugin *p = &r->module->plugin;
    if (tenon_values_parse(p->options, p->param_size, (const char *const *)pairs, what,
                           &r->values, err) < 0)
        goto fail;
    int rc = p->ops.progress->open(r->module->self, STDERR_FILENO, isatty(STDERR_FILENO),
                                   r->values, err);
    if (tenon_module_check(r->module, "open", rc, err) < 0)
        goto fail;
    r->events = tenon_events_new(on_event, on_tick, r);
    tenon_log_set_sink(on_log, r);
    *out = r;
    return TENON_OK;
fail:
    tenon_values_free(r->values);
    free(r);
    return err->code;
}

int
renderer_open(struct tenon_plugins *plugins, const char *spec, struct renderer **out,
              struct tenon_error *err)
{
    *out = NULL;
    char **parts = tenon_parse_csv(spec);
    if (!parts || !parts[0] || !*parts[0]) {
        tenon_strv_free(parts);
        return tenon_error_set(err, TENON_E_INVALID, "invalid progress mode \"%s\"", spec);
    }
    const char *mode = parts[0];
    if (!strcmp(mode, "auto"))
        mode = isatty(STDERR_FILENO) ? "tty" : "plain";
    const char *plugin = mode; /* a renderer of a third party is asked by its name */
    for (size_t i = 0; i < tenon_countof(modes); i++)
        if (!strcmp(mode, modes[i].word))
            plugin = modes[i].plugin;
    int rc = TENON_OK;
    if (strcmp(mode, "quiet") && strcmp(mode, "none")) {
        char **pairs = NULL;
        for (char **p = parts + 1; *p; p++)
            tenon_strv_push(&pairs, tenon_strdup(*p));
        if (!strcmp(plugin, "tty") && !isatty(STDERR_FILENO))
            plugin = "plain";
        add_env_options(plugin, &pairs);
        rc = open_plugin(plugins, plugin, pairs, out, err);
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

static char *
failed_vertex(const struct tenon_error *err)
{
    for (const struct tenon_error_detail *d = err->details; d; d = d->next) {
        auto_error struct tenon_error ignored = TENON_ERROR_INIT;
        auto_json struct json_object *o = NULL;
        const char *digest = NULL;
        if (!strcmp(d->type, "errdefs.Vertex") &&
            tenon_json_parse(d->json, strlen(d->json), 1 << 16, &o, &ignored) == 0 &&
            tenon_json_get_str(o, "digest", NULL, &digest, &ignored) == 0 && digest)
            return tenon_strdup(digest);
    }
    return NULL;
}

void
renderer_close(struct renderer *r, const struct tenon_build *b,
               const struct tenon_error *err, const char *text)
{
    if (!r)
        return;
    tenon_log_set_sink(NULL, NULL);
    tenon_events_free(r->events); /* delivers what is queued */
    auto_free char *vertex = err->code ? failed_vertex(err) : NULL;
    struct tenon_source_excerpt excerpt = {0};
    struct tenon_progress_end end = {
        .struct_size = sizeof end, .status = err->code, .error = err->code ? text : NULL,
        .hint = err->hint, .vertex = vertex,
    };
    const struct tenon_graph_source *src =
        err->code && err->file && b ? tenon_build_source(b, err->file) : NULL;
    if (src && err->line) {
        excerpt = (struct tenon_source_excerpt){ src->filename, src->data, src->len, err->line,
                                                 err->end_line };
        end.excerpts = &excerpt;
        end.excerpt_count = 1;
    }
    r->module->plugin.ops.progress->close(r->module->self, &end);
    tenon_values_free(r->values);
    free(r);
}
