/* graph/builder.h - a node while it is being described. */
#ifndef TENON_GRAPH_BUILDER_H
#define TENON_GRAPH_BUILDER_H

#include "graph/private.h"

enum node_slot { SLOT_INPUT, SLOT_SECONDARY, SLOT_USER, SLOT_GROUP,
                 SLOT_LOWER, SLOT_UPPER, NODE_SLOTS };

struct node_link {
    bool set;
    struct tenon_edge edge;          /* vertex NULL: scratch */
    const struct tenon_node *action; /* of the same file op instead */
};

struct tenon_node { /* the graph's arena; locked by the graph */
    struct tenon_graph *graph;
    enum node_kind kind;
    struct tenon_node *parent; /* of a part */
    size_t number;             /* of a part, in its parent */
    struct tenon_node **parts;
    size_t part_count;
    struct node_link links[NODE_SLOTS];
    struct tenon_edge *merged; /* of a merge, in order */
    size_t merged_count;
    bool has_platform;
    struct tenon_op_platform platform;
    bool no_output; /* of a mount */
    struct tenon_vertex_meta meta;
    const struct tenon_vertex *frozen;
    unsigned asking; /* threads that freeze it and wait for the filter, without the lock */
    union {
        struct tenon_op_source source;
        struct tenon_op_exec exec;
        struct tenon_op_mount mount;
        struct tenon_op_secretenv secretenv;
        struct tenon_op_ulimit ulimit;
        struct tenon_pair pair;
        struct tenon_op_action action;
    };
};

#endif
