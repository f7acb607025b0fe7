/* solve/solve.h - from an edge of the graph to its result (docs/architecture.md).
 *
 * One loop thread owns all vertex states; workers run sources, file actions,
 * steps and key computations.  A vertex is keyed by definition first, then by
 * content (docs/caching.md); what is in the store under either key is not
 * run.  Equal vertices run once in the process and, by a lock named after the
 * key, once across processes. */
#ifndef TENON_SOLVE_SOLVE_H
#define TENON_SOLVE_SOLVE_H

#include "context/engine.h"
#include "graph/graph.h"
#include "store/store.h"
#include "tree/tree.h"

struct tenon_solver;
struct tenon_import; /* solve/cache.h */

struct tenon_solver_options {
    struct tenon_engine *engine;
    /* --explain, or NULL: the digest of a vertex, and "NAME: why it is made" */
    void (*explain)(void *data, const char *vertex, const char *text);
    void *explain_data;
    /* A step, or a source that is a tree, has this result; apart: it rests on what an import
     * says. The loop, which may not be kept waiting; or NULL. */
    void (*made)(void *data, const struct tenon_chain *chain, bool apart);
    void *made_data;
    /* A RUN step is not known: it will run when its inputs are made, with the cache mounts of these
     * ids (as tenon_solver_mount_ids has them). The loop; or NULL. */
    void (*will_run)(void *data, char *const *cache_mounts);
    void *will_run_data;
    int64_t compatibility; /* not 0: sources are told, tenon.compatibility-version=N */
    bool for_buildkit; /* a cache will be exported: BuildKit's keys are made on the way */
};
/* NULL, with errno: no descriptors are left. */
struct tenon_solver *tenon_solver_new(const struct tenon_solver_options *o);
/* Caches to look into from now on, in this order (--cache-from); origin: the names of those that
 * are not trusted, NULL: all are.  One caller at a time, whatever runs. */
void tenon_solver_import(struct tenon_solver *s, const struct tenon_import *const *imports,
                         size_t count, const char *origin);
/* Nothing runs any more, and who asks for more gets CANCELLED; what was solved stays. A step
 * that was begun early and then not needed is cancelled, and shown as that. */
void tenon_solver_end(struct tenon_solver *s);
/* Cancels what runs, waits for the workers, frees. */
void tenon_solver_free(struct tenon_solver *s);

struct tenon_solved { /* what an edge became */
    struct tenon_chain chain;  /* lowest first; empty: scratch */
    struct tenon_view *view;   /* of a source in place: the solver's; else NULL */
};
void tenon_solved_release(struct tenon_solved *r);

/* Blocks until the edge is made, a step failed, or cancel fired.  Any thread
 * but the loop's and the workers'; several at once share the work.
 * On failure err has the place in the build file and the failed vertex as a
 * detail; all other steps that run are cancelled first. */
int tenon_solver_solve(struct tenon_solver *s, struct tenon_edge edge,
                       struct tenon_cancel *cancel, struct tenon_solved *out,
                       struct tenon_error *err);
/* Several edges in parallel; the first failure cancels the rest. */
int tenon_solver_solve_all(struct tenon_solver *s, const struct tenon_edge *edges,
                           size_t count, struct tenon_cancel *cancel,
                           struct tenon_solved *out, struct tenon_error *err);
/* A result in place becomes a snapshot (once for each content), for those who
 * need a chain; others stay as they are. */
int tenon_solver_make_chain(struct tenon_solver *s, struct tenon_solved *r,
                            struct tenon_cancel *cancel, struct tenon_error *err);
/* resolve_source_meta of the bridge: shown as a vertex named log_name. */
struct tenon_source_query;
struct tenon_source_meta;
int tenon_solver_source_meta(struct tenon_solver *s, struct tenon_ctx *ctx,
                             const struct tenon_source_query *q,
                             struct tenon_source_meta *out,
                             struct tenon_error *err);

#endif
