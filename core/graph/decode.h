/* decode.h - what the two halves of the decoder share. */
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

struct string_list {
    const char **items;
    size_t len, cap;
};
void tenon_string_list_release(struct string_list *l);
TENON_DEFINE_AUTO_STRUCT(string_list, struct string_list, tenon_string_list_release);
#define auto_string_list __attribute__((cleanup(tenon_auto_string_list)))

int tenon_decode_string(struct decoder *d, const struct tenon_wire *w,
                        const char **out);
int tenon_decode_item(struct decoder *d, const struct tenon_wire *w,
                      struct string_list *list);
/* NULL-terminated, in the arena; never NULL. */
const char *const *tenon_decode_list(struct decoder *d,
                                     const struct string_list *list);
int tenon_decode_pair(struct decoder *d, const struct tenon_wire *w,
                      struct tenon_pair *out);
int tenon_decode_count(struct decoder *d, size_t count);
int tenon_decode_exec(struct decoder *d, const struct tenon_wire *w,
                      struct tenon_op_exec *out);
int tenon_decode_file(struct decoder *d, const struct tenon_wire *w,
                      struct tenon_op *out);

#endif
