/* graph/message.h - the fields of each message of LLB, once.
 *
 * Each message has a table that gives, for each field, its number on the wire, its place in
 * the decoded struct, and the attribute that sets it on a node.  The tables drive the encoder,
 * the decoder and the builder, so a new field is a line in message.c and a member of the
 * struct; what it means is up to the key (solve/key.c) and the executor. */
#ifndef TENON_GRAPH_MESSAGE_H
#define TENON_GRAPH_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "graph/graph.h"

enum node_kind {
    NODE_SOURCE, NODE_EXEC, NODE_FILE, NODE_MERGE, NODE_DIFF,
    /* parts */
    NODE_MOUNT, NODE_SECRETENV, NODE_EXTRAHOST, NODE_ULIMIT, NODE_DEVICE,
    NODE_COPY, NODE_MKFILE, NODE_MKDIR, NODE_RM, NODE_SYMLINK,
    NODE_KINDS
};

enum field_type {      /* C type at `offset`           on the wire */
    FIELD_STRING,      /* const char *                 bytes; "" is left out */
    FIELD_LIST,        /* const char *const *          bytes, one field an item */
    FIELD_BYTES,       /* const void *, size_t         bytes; none are left out */
    FIELD_MAP,         /* const struct tenon_pair *, size_t   entries sorted by key */
    FIELD_PAIRS,       /* the same, and a key may come again, in the order in which it was set */
    FIELD_INTS,        /* const int64_t *, size_t      varints, packed */
    FIELD_INT64,       /* int64_t                      varint; 0 is left out, as below */
    FIELD_MODE,        /* int64_t                      varint of an int32 */
    FIELD_UINT32,      /* uint32_t                     varint */
    FIELD_BOOL,        /* bool                         varint */
    FIELD_WORD,        /* int32_t, place in `words`    varint */
    FIELD_MOUNT_TYPE,  /* int32_t of a mount; sets the type of a plugin, too */
    FIELD_OPTIONAL,    /* const char *: "optional" or ""      varint */
    FIELD_USER,        /* struct tenon_op_user         a message, left out when unset */
    FIELD_INDEX,       /* int64_t, -1 by default       a message that holds it */
    FIELD_INDEXES,     /* const int64_t *, size_t      a message for each */
    FIELD_GROUP,       /* members of the same struct   a message */
    FIELD_ITEMS,       /* array of structs, size_t     a message for each */
    FIELD_PLATFORM,    /* not in this message: the op has it */
    FIELD_NO_OUTPUT,   /* not on the wire: the builder's */
};

enum group_when { /* which groups are written */
    WHEN_ALWAYS,
    WHEN_NOT_EMPTY, /* any of its fields is */
    WHEN_SET,       /* the bool at `extra` is */
    WHEN_POINTER,   /* the string at `extra` is not NULL */
    WHEN_IS,        /* the int32_t at `extra` is `is` */
    WHEN_MEMBER,    /* of a oneof: the enum at `extra` is the field's number */
};

struct field {
    const char *name; /* of the attribute, of a map's with the dot; NULL: not settable */
    uint32_t number;  /* 0: not on the wire */
    enum field_type type;
    size_t offset, extra; /* extra: of the count; for a group see enum group_when */
    const char *const *words;
    const struct message *message; /* of a group or of items */
    enum group_when when;
    int32_t is;
};

/* In the order of the wire: numbers ascend, members of a oneof come last. */
#define FIELDS_MAX 20
struct message {
    size_t size; /* of the struct */
    size_t count;
    const struct field *fields;
};

extern const struct message tenon_message_source, tenon_message_exec, tenon_message_file,
    tenon_message_merge, tenon_message_diff, tenon_message_passthrough, tenon_message_platform,
    tenon_message_meta;

/* Of the struct in the op's union; NULL: a kind that is known by its number only. */
const struct message *tenon_op_message(enum tenon_op_type type);

/* By enum node_kind: what it is called, and the message that its attributes are in. */
struct node_kind_info {
    const char *name;
    const struct message *message;
};
extern const struct node_kind_info tenon_node_kinds[NODE_KINDS];

/* The field that the attribute sets, or NULL. */
const struct field *tenon_field_find(const struct message *m, const char *attr);

#define FIELD_AT(at, offset, T) ((T *)(void *)((char *)(at) + (offset)))

#endif
