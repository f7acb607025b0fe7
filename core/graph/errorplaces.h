/* graph/errorplaces.h - where in build files an error is, as BuildKit's clients want it told:
 * details of the error, errdefs.Source, each with the file, what it was read from, and its
 * ranges. */
#ifndef TENON_GRAPH_ERRORPLACES_H
#define TENON_GRAPH_ERRORPLACES_H

#include "graph/graph.h"

#define TENON_PLACE_DETAIL "errdefs.Source"

enum { /* what an error tells */
    TENON_ERROR_PLACES_MAX = 16,
    TENON_ERROR_PLACES_BYTES = 1 << 20, /* of JSON, all places together */
};

/* The first places of the vertex.  Files that are too large with what is told already are told
 * without their content. */
void tenon_places_of_vertex(const struct tenon_vertex *v, struct tenon_error *err);
/* The one that the error has by itself (tenon_error_at), unless there is such a detail already;
 * g: has its text, or not; or NULL. */
void tenon_places_of_error(struct tenon_graph *g, struct tenon_error *err);

#endif
