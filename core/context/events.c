/* context/events.c - a queue of events, and the thread that hands them to the renderer. */
#include "context/events.h"

#include <pthread.h>
#include <stdio.h>
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uthash.h>

#include "base/digest.h"
#include "base/io.h"
#include "tools/alloc.h"
#include "tools/cleanup.h"
#include "tools/conceal.h"

#define TICK_NS UINT64_C(100000000)
/* A step that prints faster than the renderer writes waits for it. */
#define QUEUE_MAX_BYTES ((size_t)4 << 20)

struct queued {
    struct queued *next;
    size_t size;
    bool is_shown, is_kept;
    struct tenon_event event; /* points into `text` */
    max_align_t text[];
};

struct vertex { /* what later events repeat */
    char digest[TENON_DIGEST_STR_LEN + 1];
    char *name, *group_id, *group_name;
    char **inputs;
    bool group_weak, internal;
    int64_t started_ns;
    uint64_t started_monotonic_ns;
    int64_t completed_ns;
    UT_hash_handle hh;
};

struct tenon_events {
    void (*event)(void *, const struct tenon_event *);
    void (*tick)(void *, int64_t now_ns);
    void *data;
    void (*keep)(void *, const struct tenon_event *); /* set before the first event */
    void *keep_data;
    pthread_t thread;
    pthread_mutex_t lock; /* all below */
    pthread_cond_t filled, drained;
    struct queued *first, **last;
    size_t bytes;
    bool stop;
    struct vertex *vertices;
};

/* ---- the queue ---------------------------------------------------------- */

static size_t
string_size(const char *s)
{
    return s ? strlen(s) + 1 : 0;
}

static size_t
list_size(const char *const *list)
{
    size_t n = 0;

    if (!list)
        return 0;
    for (size_t i = 0; list[i]; i++)
        n += sizeof *list + strlen(list[i]) + 1;
    return n + sizeof *list;
}

static const char *
copy_string(char **at, const char *s)
{
    if (!s)
        return NULL;
    char *out = *at;
    size_t n = strlen(s) + 1;
    memcpy(out, s, n);
    *at += n;
    return out;
}

/* The pointers come first: *pointers is aligned, *at is not. */
static const char *const *
copy_list(const char ***pointers, char **at, const char *const *list)
{
    if (!list)
        return NULL;
    const char **out = *pointers;
    size_t i = 0;
    for (; list[i]; i++)
        out[i] = copy_string(at, list[i]);
    out[i] = NULL;
    *pointers = out + i + 1;
    return out;
}

static size_t
pointer_count(const char *const *list)
{
    size_t n = 0;

    if (!list)
        return 0;
    while (list[n])
        n++;
    return n + 1;
}

static struct queued *
queued_copy(const struct tenon_event *ev)
{
    const char *const strings[] = { ev->vertex, ev->name, ev->error,
                                    ev->group_id, ev->group_name, ev->url,
                                    ev->filename };
    const size_t lines = ev->more_count * sizeof *ev->more;
    size_t size = sizeof(struct queued) + ev->len + list_size(ev->inputs) +
                  list_size(ev->detail) + lines;

    for (size_t i = 0; i < tenon_countof(strings); i++)
        size += string_size(strings[i]);
    struct queued *q = tenon_malloc(size);
    const char **pointers = (const char **)q->text;
    char *at = (char *)(pointers + pointer_count(ev->inputs) +
                        pointer_count(ev->detail));
    q->next = NULL;
    q->size = size;
    q->is_shown = q->is_kept = true;
    q->event = *ev;
    if (lines) {
        q->event.more = memcpy(at, ev->more, lines);
        at += lines;
    }
    q->event.inputs = copy_list(&pointers, &at, ev->inputs);
    q->event.detail = copy_list(&pointers, &at, ev->detail);
    q->event.vertex = copy_string(&at, ev->vertex);
    q->event.name = copy_string(&at, ev->name);
    q->event.error = copy_string(&at, ev->error);
    q->event.group_id = copy_string(&at, ev->group_id);
    q->event.group_name = copy_string(&at, ev->group_name);
    q->event.url = copy_string(&at, ev->url);
    q->event.filename = copy_string(&at, ev->filename);
    if (ev->len) {
        memcpy(at, ev->data, ev->len);
        q->event.data = at;
    }
    return q;
}

/* Displays get no passwords of URLs, neither on a terminal nor as JSON. What a step printed is
 * its own. */
static struct queued *
queued_new(const struct tenon_event *ev)
{
    struct tenon_event shown = *ev;
    const char **const texts[] = { &shown.name, &shown.error, &shown.group_name, &shown.url };
    char *concealed[tenon_countof(texts)] = {0};
    char **detail = NULL;

    for (size_t i = 0; i < tenon_countof(texts); i++)
        if (*texts[i] && tenon_url_maybe(*texts[i]))
            *texts[i] = concealed[i] = tenon_url_conceal(*texts[i]);
    for (const char *const *d = ev->detail; d && *d; d++)
        tenon_strv_push(&detail, tenon_url_conceal(*d));
    if (detail)
        shown.detail = (const char *const *)detail;
    struct queued *q = queued_copy(&shown);
    tenon_strv_free(detail);
    for (size_t i = 0; i < tenon_countof(texts); i++)
        free(concealed[i]);
    return q;
}

static void
queue_locked(struct tenon_events *e, struct queued *q)
{
    *e->last = q;
    e->last = &q->next;
    e->bytes += q->size;
    pthread_cond_signal(&e->filled);
}

static void
post_locked(struct tenon_events *e, const struct tenon_event *ev)
{
    queue_locked(e, queued_new(ev));
}

static void
post(struct tenon_events *e, const struct tenon_event *ev, bool is_shown, bool is_kept)
{
    if (!e)
        return;
    struct queued *q = queued_new(ev);
    q->is_shown = is_shown;
    q->is_kept = is_kept;
    pthread_mutex_lock(&e->lock);
    /* Output alone may wait; states must not, their order is the lock's. */
    while (ev->type == TENON_EVENT_LOG && e->bytes > QUEUE_MAX_BYTES &&
           !pthread_equal(pthread_self(), e->thread))
        pthread_cond_wait(&e->drained, &e->lock);
    queue_locked(e, q);
    pthread_mutex_unlock(&e->lock);
}

void
tenon_events_post(struct tenon_events *e, const struct tenon_event *ev)
{
    post(e, ev, true, true);
}

void
tenon_events_post_shown(struct tenon_events *e, const struct tenon_event *ev)
{
    post(e, ev, true, false);
}

void
tenon_events_post_kept(struct tenon_events *e, const struct tenon_event *ev)
{
    if (e && e->keep)
        post(e, ev, false, true);
}

/* ---- the consumer ------------------------------------------------------- */

static void
deliver(struct tenon_events *e, struct queued *q)
{
    while (q) {
        struct queued *next = q->next;
        if (e->event && q->is_shown)
            e->event(e->data, &q->event);
        if (e->keep && q->is_kept)
            e->keep(e->keep_data, &q->event);
        free(q);
        q = next;
    }
}

static struct timespec
to_timespec(uint64_t ns)
{
    return (struct timespec){ .tv_sec = (time_t)(ns / 1000000000u),
                              .tv_nsec = (long)(ns % 1000000000u) };
}

static void *
consume(void *data)
{
    struct tenon_events *e = data;
    uint64_t next_tick_ns = tenon_monotonic_ns() + TICK_NS;
    bool stop = false;

    while (!stop) {
        pthread_mutex_lock(&e->lock);
        while (!e->first && !e->stop && tenon_monotonic_ns() < next_tick_ns) {
            const struct timespec until = to_timespec(next_tick_ns);
            pthread_cond_timedwait(&e->filled, &e->lock, &until);
        }
        struct queued *q = e->first;
        stop = e->stop && !q;
        e->first = NULL;
        e->last = &e->first;
        e->bytes = 0;
        pthread_cond_broadcast(&e->drained);
        pthread_mutex_unlock(&e->lock);
        deliver(e, q);
        if (tenon_monotonic_ns() >= next_tick_ns) {
            if (e->tick)
                e->tick(e->data, (int64_t)tenon_now_ns());
            next_tick_ns = tenon_monotonic_ns() + TICK_NS;
        }
    }
    return NULL;
}

static void
release(struct tenon_events *e)
{
    struct vertex *v, *tmp;

    HASH_ITER(hh, e->vertices, v, tmp) {
        HASH_DEL(e->vertices, v);
        tenon_strv_free(v->inputs);
        free(v->name);
        free(v->group_id);
        free(v->group_name);
        free(v);
    }
    pthread_cond_destroy(&e->filled);
    pthread_cond_destroy(&e->drained);
    pthread_mutex_destroy(&e->lock);
    free(e);
}

void
tenon_events_keep(struct tenon_events *e, void (*keep)(void *, const struct tenon_event *),
                  void *data)
{
    if (!e)
        return;
    pthread_mutex_lock(&e->lock);
    e->keep = keep;
    e->keep_data = data;
    pthread_mutex_unlock(&e->lock);
}

struct tenon_events *
tenon_events_new(void (*event)(void *, const struct tenon_event *),
                 void (*tick)(void *, int64_t now_ns), void *data)
{
    struct tenon_events *e = tenon_new0(struct tenon_events);
    pthread_condattr_t attr;

    e->event = event;
    e->tick = tick;
    e->data = data;
    e->last = &e->first;
    pthread_mutex_init(&e->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&e->filled, &attr);
    pthread_cond_init(&e->drained, NULL);
    pthread_condattr_destroy(&attr);
    /* `thread` is read by posts of the consumer itself */
    pthread_mutex_lock(&e->lock);
    const int rc = pthread_create(&e->thread, NULL, consume, e);
    pthread_mutex_unlock(&e->lock);
    if (rc == 0)
        return e;
    release(e);
    errno = rc;
    return NULL;
}

void
tenon_events_free(struct tenon_events *e)
{
    if (!e)
        return;
    pthread_mutex_lock(&e->lock);
    e->stop = true;
    pthread_cond_signal(&e->filled);
    pthread_mutex_unlock(&e->lock);
    pthread_join(e->thread, NULL);
    release(e);
}

/* ---- vertices ----------------------------------------------------------- */

static struct vertex *
vertex_for(struct tenon_events *e, const struct tenon_vertex_info *info)
{
    struct vertex *v;

    HASH_FIND_STR(e->vertices, info->digest, v);
    if (v)
        return v;
    v = tenon_new0(struct vertex);
    snprintf(v->digest, sizeof v->digest, "%s", info->digest);
    v->name = tenon_strdup(info->name ? info->name : "");
    v->group_id = tenon_strdup(info->group_id);
    v->group_name = tenon_strdup(info->group_name);
    v->group_weak = info->group_weak;
    v->internal = info->internal;
    if (info->inputs)
        v->inputs = tenon_strv_dup(info->inputs);
    HASH_ADD_STR(e->vertices, digest, v);
    return v;
}

static void
post_vertex(struct tenon_events *e, const struct vertex *v,
            const struct tenon_event *extra)
{
    struct tenon_event ev = *extra;

    ev.struct_size = sizeof ev;
    ev.type = TENON_EVENT_VERTEX;
    ev.vertex = v->digest;
    ev.name = v->name;
    ev.inputs = (const char *const *)v->inputs;
    ev.group_id = v->group_id;
    ev.group_name = v->group_name;
    ev.started_ns = v->started_ns;
    ev.flags |= (v->group_weak ? TENON_EVENT_GROUP_WEAK : 0) |
                (v->internal ? TENON_EVENT_INTERNAL : 0);
    post_locked(e, &ev);
}

void
tenon_events_vertex(struct tenon_events *e, const struct tenon_vertex_info *info)
{
    const struct tenon_event none = {0};

    if (!e)
        return;
    pthread_mutex_lock(&e->lock);
    const struct vertex *v = vertex_for(e, info);
    if (!v->started_ns)
        post_vertex(e, v, &none);
    pthread_mutex_unlock(&e->lock);
}

void
tenon_events_start(struct tenon_events *e, const struct tenon_vertex_info *info)
{
    const struct tenon_event none = {0};

    if (!e)
        return;
    pthread_mutex_lock(&e->lock);
    struct vertex *v = vertex_for(e, info);
    if (!v->started_ns) {
        v->started_ns = (int64_t)tenon_now_ns();
        v->started_monotonic_ns = tenon_monotonic_ns();
    }
    v->completed_ns = 0; /* one that goes on is running again */
    post_vertex(e, v, &none);
    pthread_mutex_unlock(&e->lock);
}

void
tenon_events_done(struct tenon_events *e, const char *digest, bool cached,
                  const char *error, bool canceled)
{
    struct vertex *v;

    if (!e)
        return;
    pthread_mutex_lock(&e->lock);
    HASH_FIND_STR(e->vertices, digest, v);
    if (v && !v->completed_ns) {
        if (!v->started_ns) {
            v->started_ns = (int64_t)tenon_now_ns();
            v->started_monotonic_ns = tenon_monotonic_ns();
        }
        const int64_t took =
            (int64_t)(tenon_monotonic_ns() - v->started_monotonic_ns);
        /* never before its start, even if the wall clock was set back */
        v->completed_ns = v->started_ns + took;
        const struct tenon_event ev = {
            .completed_ns = v->completed_ns,
            .duration_ns = took,
            .error = error,
            .flags = (cached ? TENON_EVENT_CACHED : 0) |
                     (canceled ? TENON_EVENT_CANCELED : 0),
        };
        post_vertex(e, v, &ev);
    }
    pthread_mutex_unlock(&e->lock);
}

void
tenon_events_fresh_digest(char out[72])
{
    unsigned char raw[TENON_DIGEST_BIN_LEN];
    struct tenon_digest d;

    tenon_assert(getentropy(raw, sizeof raw) == 0);
    tenon_digest_of(raw, sizeof raw, &d);
    memcpy(out, d.str, sizeof d.str);
}
