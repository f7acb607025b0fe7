/* graph/private.h - what the files of core/graph share. */
#ifndef TENON_GRAPH_PRIVATE_H
#define TENON_GRAPH_PRIVATE_H

#include <pthread.h>

#include <uthash.h>

#include "graph/graph.h"
#include "graph/message.h"
#include "tools/arena.h"
#include "tools/buf.h"
#include "tools/vec.h"

/* Hostile definitions: far above what a real build has. */
#define TENON_GRAPH_MAX_BYTES (256u << 20)
#define TENON_GRAPH_MAX_OPS 200000u
#define TENON_GRAPH_MAX_MEMORY ((size_t)1 << 30) /* of all that is in one */
#define TENON_GRAPH_MAX_ITEMS 100000u /* of one list in one op */

struct vertex_entry {
    struct tenon_vertex vertex;
    UT_hash_handle hh; /* by vertex.digest.str */
};

struct tenon_graph {
    void *owner;
    tenon_source_filter *filter; /* or NULL */
    void *filter_data;
    pthread_mutex_t lock; /* all below, and the nodes */
    struct tenon_arena arena;
    size_t memory_max; /* TENON_GRAPH_MAX_MEMORY, but for tests */
    struct vertex_entry *vertices;
    TENON_VEC(struct tenon_graph_source *) sources; /* by number */
};

/* LIMIT when it is full.  With the lock held. */
int tenon_graph_check_room(const struct tenon_graph *g, struct tenon_error *err);

/* An input as the bytes have it. */
struct raw_input {
    const char *digest;
    int64_t index;
};

/* encode.c: the bytes of the struct at `at`; of an op, in the order of BuildKit's
 * encoder. */
void tenon_message_encode(const struct message *m, const void *at, struct tenon_buf *out);
void tenon_op_encode(const struct tenon_op *op, const struct tenon_edge *inputs,
                     size_t input_count, struct tenon_buf *out);
/* decode.c: strings and lists go to the arena.  _inputs() looks at nothing else; _decode()
 * checks everything that does not need the inputs' vertices. */
int tenon_op_inputs(struct tenon_arena *a, const void *data, size_t len,
                    struct raw_input **inputs, size_t *input_count,
                    struct tenon_error *err);
int tenon_op_decode(struct tenon_arena *a, const void *data, size_t len,
                    struct tenon_op *op, struct raw_input **inputs,
                    size_t *input_count, struct tenon_error *err);
/* graph.c: the vertex of these bytes; one that is there already is returned as
 * it is.  The graph's lock is held. */
const struct tenon_vertex *
tenon_graph_add_vertex(struct tenon_graph *g, const void *bytes, size_t len,
                       const struct tenon_vertex_meta *meta,
                       struct tenon_error *err);
const struct tenon_vertex *tenon_graph_find_vertex(struct tenon_graph *g,
                                                   const char *digest);
uint32_t tenon_graph_source_locked(struct tenon_graph *g,
                                   const struct tenon_graph_source *source);
/* name.c: what a vertex without "llb.customname" is called. */
char *tenon_op_name(const struct tenon_op *op, const struct tenon_edge *inputs,
                    size_t input_count);
/* Sorted by key; equal ones stay as they were. */
void tenon_pairs_order(struct tenon_pair *pairs, size_t count);
/* The same, and the last of equal keys wins.  Returns the new count. */
size_t tenon_pairs_sort(struct tenon_pair *pairs, size_t count);

#endif
