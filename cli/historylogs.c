/* cli/historylogs.c - messages of a record become events again, for a progress display. */
#include "historyparts.h"

#include <string.h>

#include "context/events.h"
#include "renderer.h"
#include "tools/alloc.h"

struct replay {
    struct tenon_events *events;
    const char *ref;
    const char *why; /* a message that is none: static */
};

/* NULL at the end, in the arena. */
static const char *const *
texts(struct tenon_arena *a, struct message_list list)
{
    const char **all = tenon_arena_array(a, list.len + 1, sizeof *all);

    if (list.len)
        memcpy(all, list.items, list.len * sizeof *all);
    return (const char *const *)all;
}

static void
show_vertexes(struct replay *p, struct tenon_arena *a, struct message_list list, bool ended_ones)
{
    const struct ctl_vertex *v = list.items;

    for (size_t i = 0; i < list.len; i++) {
        if ((v[i].completed != NULL) != ended_ones)
            continue;
        const bool canceled = !strcmp(v[i].error, "context canceled");
        const int64_t started = records_ns(v[i].started), ended = records_ns(v[i].completed);
        const struct tenon_event ev = {
            .struct_size = sizeof ev, .type = TENON_EVENT_VERTEX, .vertex = v[i].digest,
            .name = v[i].name, .inputs = texts(a, v[i].inputs), .started_ns = started,
            .completed_ns = ended, .duration_ns = ended > started ? ended - started : 0,
            .error = *v[i].error && !canceled ? v[i].error : NULL,
            .flags = (v[i].cached ? TENON_EVENT_CACHED : 0) |
                     (canceled ? TENON_EVENT_CANCELED : 0),
        };
        tenon_events_post(p->events, &ev);
    }
}

static void
show_lines(struct replay *p, struct message_list list)
{
    const struct ctl_line *l = list.items;

    for (size_t i = 0; i < list.len; i++) {
        const struct tenon_event ev = {
            .struct_size = sizeof ev, .type = TENON_EVENT_STATUS, .vertex = l[i].vertex,
            .name = l[i].id, .current = l[i].current, .total = l[i].total,
            .timestamp_ns = records_ns(l[i].timestamp), .started_ns = records_ns(l[i].started),
            .completed_ns = records_ns(l[i].completed),
        };
        tenon_events_post(p->events, &ev);
    }
}

static void
show_output(struct replay *p, struct message_list list)
{
    const struct ctl_log *l = list.items;

    for (size_t i = 0; i < list.len; i++) {
        const struct tenon_event ev = {
            .struct_size = sizeof ev, .type = TENON_EVENT_LOG, .vertex = l[i].vertex,
            .timestamp_ns = records_ns(l[i].timestamp), .data = l[i].text.data,
            .len = l[i].text.len, .stream = l[i].stream == 1 ? 1 : 2,
        };
        if (l[i].text.len)
            tenon_events_post(p->events, &ev);
    }
}

static void
show_warnings(struct replay *p, struct tenon_arena *a, struct message_list list)
{
    const struct ctl_warning *w = list.items;

    for (size_t i = 0; i < list.len; i++) {
        const struct tenon_event ev = {
            .struct_size = sizeof ev, .type = TENON_EVENT_WARNING, .vertex = w[i].vertex,
            .name = w[i].text, .detail = texts(a, w[i].detail), .url = w[i].url,
            .level = w[i].level >= 0 && w[i].level < 100 ? (uint32_t)w[i].level : 1,
        };
        tenon_events_post(p->events, &ev);
    }
}

static bool
show(void *data, const void *message, size_t len)
{
    struct replay *p = data;
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    struct ctl_statuses all = {0};

    if (!message_decode(&arena, &ctl_statuses_message, message, len, &all, &p->why))
        return false;
    p->why = NULL;
    /* A message has no order: what a step said, it said before it ended. */
    show_vertexes(p, &arena, all.vertexes, false);
    show_lines(p, all.lines);
    show_output(p, all.logs);
    show_vertexes(p, &arena, all.vertexes, true);
    show_warnings(p, &arena, all.warnings);
    return true;
}

int
history_logs(const struct cli *cli, struct tenon_store *s, const struct ctl_record *r,
             const char *progress, struct tenon_error *err)
{
    const struct renderer_about about = {.program = cli->program, .debug = cli->debug};
    auto_error struct tenon_error none = TENON_ERROR_INIT;
    struct tenon_plugins *plugins = NULL;
    struct renderer *renderer = NULL;

    if (cli_open_plugins(cli, &plugins, err) < 0)
        return err->code;
    if (renderer_open(plugins, progress, &about, &renderer, err) == 0 && renderer) {
        struct replay replay = {renderer_events(renderer), r->ref, NULL};
        if (records_replay(s, r, show, &replay, err) == 0 && replay.why)
            tenon_error_set(err, TENON_E_CORRUPT, "record of build %s: %s", r->ref, replay.why);
        renderer_close(renderer, NULL, &none, NULL);
    }
    tenon_plugins_free(plugins);
    return err->code;
}
