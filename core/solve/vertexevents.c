/* solve/vertexevents.c - what the user sees of a vertex: its events, and the place of its
 * failure. */
#include <string.h>

#include "graph/errorplaces.h"
#include "solve/private.h"

static void
fill_info(const struct tenon_vertex *v, struct tenon_vertex_info *info,
          const char **inputs)
{
    for (size_t i = 0; i < v->input_count; i++)
        inputs[i] = v->inputs[i].vertex->digest.str;
    *info = (struct tenon_vertex_info){
        .digest = v->digest.str,
        .name = v->name,
        .inputs = inputs,
        .group_id = v->meta.group_id,
        .group_name = v->meta.group_name,
        .group_weak = v->meta.group_weak,
    };
}

/* So that the displays know how many steps there will be. */
void
vertex_planned(struct state *st)
{
    auto_free const char **inputs =
        tenon_calloc(st->v->input_count + 1, sizeof *inputs);
    struct tenon_vertex_info info;

    fill_info(st->v, &info, inputs);
    tenon_events_vertex(st->solver->engine->events, &info);
}

void
vertex_started(struct state *st)
{
    auto_free const char **inputs =
        tenon_calloc(st->v->input_count + 1, sizeof *inputs);
    struct tenon_vertex_info info;

    if (st->shown_started && !st->shown_done)
        return;
    /* One that was settled as not needed may be needed after all. */
    st->shown_started = true;
    st->shown_done = false;
    fill_info(st->v, &info, inputs);
    tenon_events_start(st->solver->engine->events, &info);
}

void
vertex_done(struct state *st, bool cached, const struct tenon_error *err)
{
    if (!st->shown_started || st->shown_done)
        return;
    st->shown_done = true;
    bool cancelled = err && err->code == TENON_E_CANCELLED;
    tenon_events_done(st->solver->engine->events, st->v->digest.str, cached,
                      err && !cancelled ? err->message : NULL, cancelled);
}

/* A step that failed before it had a state.  Any thread. */
void
vertex_refused(struct tenon_solver *s, const struct tenon_vertex *v,
               const struct tenon_error *err)
{
    auto_free const char **inputs = tenon_calloc(v->input_count + 1, sizeof *inputs);
    struct tenon_vertex_info info;

    fill_info(v, &info, inputs);
    tenon_events_start(s->engine->events, &info);
    tenon_events_done(s->engine->events, v->digest.str, false, err->message, false);
}

void
vertex_blame(const struct tenon_vertex *v, struct tenon_error *err)
{
    if (err->code == TENON_E_CANCELLED)
        return;
    auto_free char *json = tenon_asprintf("{\"digest\":\"%s\"}", v->digest.str);
    tenon_error_detail(err, "errdefs.Vertex", json);
    if (!v->meta.range_count || !v->graph)
        return;
    const struct tenon_range *r = &v->meta.ranges[0];
    const struct tenon_graph_source *s =
        tenon_graph_get_source(v->graph, r->source);
    tenon_places_of_vertex(v, err);
    if (s)
        tenon_error_at(err, s->filename, r->line, r->end_line);
}
