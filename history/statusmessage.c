/* history/statusmessage.c - events as BuildKit's clients know them. */
#include "statusmessage.h"

#include <string.h>

#include "buildmessages.h"
#include "engine/build.h"
#include "tools/alloc.h"
#include "tools/conceal.h"

#define NS_PER_S INT64_C(1000000000)

/* NULL: not yet. */
static const struct ctl_time *
time_of(int64_t ns, struct ctl_time *room)
{
    *room = (struct ctl_time){ns / NS_PER_S, ns % NS_PER_S};
    return ns ? room : NULL;
}

static struct message_list
texts(const char *const *list)
{
    struct message_list out = {.items = list};

    while (list && list[out.len])
        out.len++;
    return out;
}

static bool
is_canceled(const struct tenon_event *ev)
{
    return ev->flags & TENON_EVENT_CANCELED;
}

static void
put_vertex(struct statusmessage *m, const struct tenon_event *ev)
{
    struct ctl_time started, completed;
    const struct ctl_group group = {ev->group_id, ev->group_name,
                                    ev->flags & TENON_EVENT_GROUP_WEAK};
    const struct ctl_vertex v = {
        .digest = ev->vertex,
        .inputs = texts(ev->inputs),
        .name = ev->name,
        .cached = ev->flags & TENON_EVENT_CACHED,
        .started = time_of(ev->started_ns, &started),
        .completed = time_of(ev->completed_ns, &completed),
        .error = is_canceled(ev) ? "context canceled" : ev->error, /* clients look for the words */
        .group = ev->group_id ? &group : NULL,
    };
    const struct ctl_statuses all = {.vertexes = {&v, 1}};

    message_encode(&m->event, &ctl_statuses_message, &all);
}

/* The word alone, where clients look for it. */
static const char *
action_of(const char *id)
{
    static const char transferring[] = "transferring";

    return tenon_has_prefix(id, transferring) ? transferring : id;
}

static void
put_line(struct statusmessage *m, const struct tenon_event *ev)
{
    struct ctl_time at, started, completed;
    const struct ctl_line line = {
        .id = ev->name,
        .vertex = ev->vertex,
        .name = action_of(ev->name),
        .current = ev->current,
        .total = ev->total,
        .timestamp = time_of(ev->timestamp_ns, &at),
        .started = time_of(ev->started_ns, &started),
        .completed = time_of(ev->completed_ns, &completed),
    };
    const struct ctl_statuses all = {.lines = {&line, 1}};

    message_encode(&m->event, &ctl_statuses_message, &all);
}

static void
put_log(struct statusmessage *m, const struct tenon_event *ev)
{
    static const char left_out[] = "[output of steps is left out from here on]\n";
    struct ctl_time at;
    struct ctl_log log = {
        .vertex = ev->vertex,
        .timestamp = time_of(ev->timestamp_ns, &at),
        .stream = ev->stream,
        .text = {ev->data, ev->len},
    };
    const struct ctl_statuses all = {.logs = {&log, 1}};

    if (m->cut)
        return;
    if (m->bytes > STATUS_LOGS_MAX) {
        m->cut = true;
        log.text = (struct message_bytes){left_out, strlen(left_out)};
    }
    message_encode(&m->event, &ctl_statuses_message, &all);
}

static void
add_range(struct tenon_arena *a, struct ctl_range *list, size_t *count, uint32_t line,
          uint32_t end_line)
{
    const struct ctl_position start = {line}, end = {end_line > line ? end_line : line};

    if (line)
        list[(*count)++] = (struct ctl_range){tenon_arena_dup(a, &start, sizeof start),
                                              tenon_arena_dup(a, &end, sizeof end)};
}

/* Clients show the lines out of it; without what is secret in URLs. */
static void
add_file(struct statusmessage *m, const struct tenon_graph_source *file,
         struct ctl_source *source)
{
    if (file->len > STATUS_SOURCE_MAX || m->sources + file->len > STATUS_SOURCES_MAX)
        return;
    if (m->shown_of != file) {
        tenon_buf_clear(&m->shown);
        tenon_url_conceal_bytes(&m->shown, file->data, file->len);
        m->shown_of = file;
    }
    m->sources += file->len;
    source->data = (struct message_bytes){tenon_buf_str(&m->shown), m->shown.len};
    source->language = file->language;
}

/* Clients show the lines, and sort by them. */
static void
add_place(struct statusmessage *m, const struct tenon_event *ev, struct tenon_arena *a,
          struct ctl_warning *w)
{
    struct ctl_range *ranges = tenon_arena_array(a, ev->more_count + 1, sizeof *ranges);
    struct ctl_source source = {.filename = ev->filename};
    size_t count = 0;

    add_range(a, ranges, &count, ev->line, ev->end_line);
    for (size_t i = 0; i < ev->more_count; i++)
        add_range(a, ranges, &count, ev->more[i].line, ev->more[i].end_line);
    const struct tenon_graph_source *file =
        m->build ? tenon_build_source(m->build, ev->filename) : NULL;
    if (file)
        add_file(m, file, &source);
    w->source = tenon_arena_dup(a, &source, sizeof source);
    w->ranges = (struct message_list){ranges, count};
}

static void
put_warning(struct statusmessage *m, const struct tenon_event *ev)
{
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    struct ctl_warning w = {
        .vertex = ev->vertex,
        .level = ev->level,
        .text = ev->name,
        .detail = texts(ev->detail),
        .url = ev->url,
    };
    if (ev->filename && *ev->filename)
        add_place(m, ev, &arena, &w);
    const struct ctl_statuses all = {.warnings = {&w, 1}};

    message_encode(&m->event, &ctl_statuses_message, &all);
}

void
statusmessage_add(struct statusmessage *m, const struct tenon_event *ev, struct tenon_buf *batch)
{
    switch (ev->type) {
    case TENON_EVENT_VERTEX: put_vertex(m, ev); break;
    case TENON_EVENT_STATUS: put_line(m, ev); break;
    case TENON_EVENT_LOG: put_log(m, ev); break;
    case TENON_EVENT_WARNING: put_warning(m, ev); break;
    default: break; /* the core's notes are no part of a build as clients know it */
    }
    if (m->event.len <= STATUS_EVENT_MAX && m->bytes <= STATUS_MAX)
        tenon_buf_add(batch, m->event.data, m->event.len);
    tenon_buf_clear(&m->event);
}

void
statusmessage_release(struct statusmessage *m)
{
    tenon_buf_release(&m->shown);
    tenon_buf_release(&m->event);
}
