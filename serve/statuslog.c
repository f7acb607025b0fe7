/* serve/statuslog.c - events of a build as messages: written once, told to anybody. */
#include "statuslog.h"

#include <string.h>

#include "common/grpc/grpc.h"
#include "ctlmessages.h"
#include "server.h"

#define NS_PER_S INT64_C(1000000000)

void
statuslog_init(struct statuslog *l)
{
    *l = (struct statuslog){0};
    pthread_mutex_init(&l->lock, NULL);
    server_cond_init(&l->changed);
}

void
statuslog_release(struct statuslog *l)
{
    tenon_vec_foreach(b, &l->batches)
        tenon_buf_release(b);
    tenon_vec_release(&l->batches);
    tenon_buf_release(&l->next);
    tenon_buf_release(&l->event);
    pthread_cond_destroy(&l->changed);
    pthread_mutex_destroy(&l->lock);
}

/* ---- events -------------------------------------------------------------- */

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
put_vertex(struct statuslog *l, const struct tenon_event *ev)
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

    message_encode(&l->event, &ctl_statuses_message, &all);
}

/* The word alone, where clients look for it. */
static const char *
action_of(const char *id)
{
    static const char transferring[] = "transferring";

    return tenon_has_prefix(id, transferring) ? transferring : id;
}

static void
put_line(struct statuslog *l, const struct tenon_event *ev)
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

    message_encode(&l->event, &ctl_statuses_message, &all);
}

static void
put_log(struct statuslog *l, const struct tenon_event *ev)
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

    if (l->cut)
        return;
    if (l->bytes > STATUSLOG_MAX) {
        l->cut = true;
        log.text = (struct message_bytes){left_out, strlen(left_out)};
    }
    message_encode(&l->event, &ctl_statuses_message, &all);
}

static void
put_warning(struct statuslog *l, const struct tenon_event *ev)
{
    const struct ctl_warning w = {
        .vertex = ev->vertex,
        .level = ev->level,
        .text = ev->name,
        .detail = texts(ev->detail),
        .url = ev->url,
    };
    const struct ctl_statuses all = {.warnings = {&w, 1}};

    message_encode(&l->event, &ctl_statuses_message, &all);
}

/* With the lock held. */
static void
flush(struct statuslog *l)
{
    if (!l->next.len)
        return;
    l->bytes += l->next.len;
    tenon_vec_push(&l->batches, l->next);
    l->next = (struct tenon_buf)TENON_BUF_INIT;
    pthread_cond_broadcast(&l->changed);
}

void
statuslog_event(void *data, const struct tenon_event *ev)
{
    struct statuslog *l = data;

    pthread_mutex_lock(&l->lock);
    switch (ev->type) {
    case TENON_EVENT_VERTEX: put_vertex(l, ev); break;
    case TENON_EVENT_STATUS: put_line(l, ev); break;
    case TENON_EVENT_LOG: put_log(l, ev); break;
    case TENON_EVENT_WARNING: put_warning(l, ev); break;
    default: break; /* the core's notes are no part of a build as clients know it */
    }
    if (l->event.len <= STATUSLOG_EVENT_MAX && l->bytes <= STATUSLOG_HARD_MAX)
        tenon_buf_add(&l->next, l->event.data, l->event.len);
    tenon_buf_clear(&l->event);
    if (l->next.len > STATUSLOG_BATCH)
        flush(l);
    pthread_mutex_unlock(&l->lock);
}

void
statuslog_tick(void *data, int64_t now_ns)
{
    struct statuslog *l = data;

    (void)now_ns;
    pthread_mutex_lock(&l->lock);
    flush(l);
    pthread_mutex_unlock(&l->lock);
}

void
statuslog_end(struct statuslog *l)
{
    pthread_mutex_lock(&l->lock);
    flush(l);
    l->ended = true;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->lock);
}

/* ---- telling ------------------------------------------------------------- */

bool
statuslog_tell(struct statuslog *l, struct grpc_call *call)
{
    size_t told = 0;
    bool good = true;

    pthread_mutex_lock(&l->lock);
    while (good && (told < l->batches.len || !l->ended)) {
        if (told == l->batches.len) {
            const struct timespec soon = server_deadline(1);
            pthread_cond_timedwait(&l->changed, &l->lock, &soon);
            good = !grpc_call_over(call);
            continue;
        }
        const struct tenon_buf batch = l->batches.items[told++]; /* its bytes stay where they are */
        pthread_mutex_unlock(&l->lock);
        good = grpc_call_send(call, batch.data, batch.len) == 0;
        pthread_mutex_lock(&l->lock);
    }
    pthread_mutex_unlock(&l->lock);
    return good;
}
