/* graph/decode.h - reading messages, for ops (decode.c) and for definitions. */
#ifndef TENON_GRAPH_DECODE_H
#define TENON_GRAPH_DECODE_H

#include "graph/private.h"
#include "graph/wire.h"

struct decoder {
    struct tenon_arena *arena;
    struct tenon_error *err;
};

/* For each field of a message: `return` on malformed input. */
#define EACH_FIELD(d, w, data_, len_)                                         \
    struct tenon_wire w;                                                      \
    tenon_wire_init(&w, data_, len_);                                         \
    int w##_r;                                                                \
    while ((w##_r = tenon_wire_next(&w, (d)->err)) > 0)

/* A list being read: a pointer list ends with NULL. */
#define LIST_TAKE(d, v)                                                       \
    ((v)->len ? tenon_arena_dup((d)->arena, (v)->items,                       \
                                (v)->len * sizeof *(v)->items)                \
              : NULL)

int tenon_decode_string(struct decoder *d, const struct tenon_wire *w,
                        const char **out);
int tenon_decode_count(struct decoder *d, size_t count);
/* The message that w is; what it does not name is left as it is. */
int tenon_message_decode(struct decoder *d, const struct message *m,
                         const struct tenon_wire *w, void *at);

#endif
