/* attributes.h - what may be set on a node of the builder, one spelling each.
 *
 * The list for frontends is in tenon-graph.h; this is the same as a table.
 * An attribute is a place in the decoded form of its op or part. */
#ifndef TENON_GRAPH_ATTRIBUTES_H
#define TENON_GRAPH_ATTRIBUTES_H

#include <stddef.h>
#include <stdint.h>

enum node_kind {
    NODE_SOURCE, NODE_EXEC, NODE_FILE, NODE_MERGE, NODE_DIFF,
    /* parts */
    NODE_MOUNT, NODE_SECRETENV, NODE_EXTRAHOST, NODE_ULIMIT, NODE_DEVICE,
    NODE_COPY, NODE_MKFILE, NODE_MKDIR, NODE_RM, NODE_SYMLINK,
    NODE_KINDS
};

enum attr_type {
    ATTR_STRING, /* const char * */
    ATTR_LIST,   /* const char *const * */
    ATTR_BYTES,  /* const void *, and a size_t at `extra` */
    ATTR_MAP,    /* const struct tenon_pair *, and a size_t at `extra` */
    ATTR_INTS,   /* const int64_t *, and a size_t at `extra` */
    ATTR_INT64,
    ATTR_INT32,
    ATTR_UINT32,
    ATTR_BOOL,
    ATTR_WORD,     /* int32_t: number in `words` */
    ATTR_OPTIONAL, /* string "optional" or "" */
    ATTR_PLATFORM, /* struct tenon_op_platform of the op */
    ATTR_USER,     /* struct tenon_op_user */
    ATTR_MOUNT_TYPE,
};

struct attr {
    const char *name; /* of a map: with the dot */
    enum attr_type type;
    size_t offset, extra;
    const char *const *words;
};

/* By enum node_kind; each list ends with name NULL. */
extern const struct attr *const tenon_node_attrs[NODE_KINDS];
extern const char *const tenon_node_kind_names[NODE_KINDS];
extern const char *const tenon_mount_type_names[];

#endif
