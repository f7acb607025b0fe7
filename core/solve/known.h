/* solve/known.h - what the solver knows of the vertices that it has met, for provenance. */
#ifndef TENON_SOLVE_KNOWN_H
#define TENON_SOLVE_KNOWN_H

#include "solve/solve.h"

struct tenon_known { /* a vertex; owns what it points to, but for the vertex */
    const struct tenon_vertex *vertex;
    char *platform;  /* of a source */
    char *digest;    /* of a source that was resolved: what its name stood for; or NULL */
    struct tenon_chain *outputs; /* made so far */
    uint32_t output_count;
};
struct tenon_named { /* a name that a frontend asked about; owns its strings */
    char *identifier, *platform, *digest;
};
struct tenon_knowledge {
    struct tenon_known *vertices;
    size_t vertex_count;
    struct tenon_named *names;
    size_t name_count;
};
int tenon_solver_knowledge(struct tenon_solver *s, struct tenon_knowledge *out,
                           struct tenon_error *err);
void tenon_knowledge_release(struct tenon_knowledge *k);

#endif
