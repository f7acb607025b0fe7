/* context/events.h - what happens in a build, append-only, congruent with BuildKit's
 * SolveStatus (struct tenon_event in tenon-plugin.h).
 *
 * Any thread posts; events are copied and handed, in order, to one consumer
 * thread that owns the renderer. */
#ifndef TENON_CONTEXT_EVENTS_H
#define TENON_CONTEXT_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tenon-plugin.h"

struct tenon_events;

/* The consumer runs on a thread of its own: event for each, tick about every
 * 100 ms; both from that thread only.  NULL with errno: there is no thread to be had. */
struct tenon_events *tenon_events_new(void (*event)(void *, const struct tenon_event *),
                                      void (*tick)(void *, int64_t now_ns), void *data);
/* Who keeps what happens, by the same thread: before the first event.  Of output that had secrets
 * it gets what may be kept. */
void tenon_events_keep(struct tenon_events *e, void (*keep)(void *, const struct tenon_event *),
                       void *data);
/* Delivers what is queued, then stops the thread. */
void tenon_events_free(struct tenon_events *e);

/* Copies; e NULL: dropped. */
void tenon_events_post(struct tenon_events *e, const struct tenon_event *ev);

/* The same for who shows it alone, and for who keeps it alone. */
void tenon_events_post_shown(struct tenon_events *e, const struct tenon_event *ev);
void tenon_events_post_kept(struct tenon_events *e, const struct tenon_event *ev);

/* Vertex life cycle; digest and name are copied.  A vertex that has started keeps its started
 * time in every later event.  Internal steps that are not vertices make up a digest of their own
 * (tenon_events_fresh_digest). */
struct tenon_vertex_info {
    const char *digest, *name;
    const char *const *inputs;
    const char *group_id, *group_name;
    bool group_weak, internal;
};
/* Announced, not started. */
void tenon_events_vertex(struct tenon_events *e, const struct tenon_vertex_info *v);
/* A completed vertex that starts again keeps its first start. */
void tenon_events_start(struct tenon_events *e, const struct tenon_vertex_info *v);
/* error NULL: fine; canceled: stopped from outside. */
void tenon_events_done(struct tenon_events *e, const char *digest, bool cached,
                       const char *error, bool canceled);
void tenon_events_fresh_digest(char out[72]);

#endif
