/* convert/index.h - the place of a name in a list that is too long to search.
 *
 * `= {0}` is empty.  Keys are borrowed.  Not to be used through two copies of the
 * structure: each would write into the other's table. */
#ifndef DF_INDEX_H
#define DF_INDEX_H

#include <stdbool.h>
#include <stddef.h>

#include "language/arena.h"

/* Lists up to this length are searched faster than indexed. */
#define DF_INDEX_FROM 16

/* Of an array that a stage has in common with those that are built on it, each its own length of
 * it: the next item is for whoever reaches to the end, others copy. */
struct df_tail {
    size_t used;
    bool is_shared; /* what is in it stays as it is */
};

struct df_index_slot {
    const char *key; /* NULL: free */
    size_t len, value;
};
struct df_index {
    struct df_index_slot *slots;
    size_t cap, used;
};

bool df_index_get(const struct df_index *x, const char *key, size_t len,
                  size_t *value);
/* Replaces the value of an equal key. */
void df_index_put(struct df_arena *a, struct df_index *x, const char *key,
                  size_t len, size_t value);

#endif
