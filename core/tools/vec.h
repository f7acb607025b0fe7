/* tools/vec.h - typed arrays by macro.
 *
 *   TENON_VEC(struct foo) list = {0};      items, len, cap
 *   tenon_vec_push(&list, value);
 *   tenon_vec_release(&list);              the array only, not what items own */
#ifndef TENON_TOOLS_VEC_H
#define TENON_TOOLS_VEC_H

#include <stdlib.h>
#include <string.h>

#include "tools/alloc.h"

#define TENON_VEC(T)                                                          \
    struct {                                                                  \
        T *items;                                                             \
        size_t len, cap;                                                      \
    }

#define tenon_vec_grow(v)                                                     \
    do {                                                                      \
        if ((v)->len == (v)->cap) {                                           \
            (v)->cap = (v)->cap ? (v)->cap * 2 : 8;                           \
            (v)->items = tenon_reallocarray((v)->items, (v)->cap,             \
                                            sizeof *(v)->items);              \
        }                                                                     \
    } while (0)

#define tenon_vec_push(v, ...)                                                \
    do {                                                                      \
        tenon_vec_grow(v);                                                    \
        (v)->items[(v)->len++] = (__VA_ARGS__);                               \
    } while (0)

/* Adds a zeroed item and gives its address (valid until the next push). */
#define tenon_vec_add(v)                                                      \
    ({                                                                        \
        tenon_vec_grow(v);                                                    \
        memset(&(v)->items[(v)->len], 0, sizeof *(v)->items);                 \
        &(v)->items[(v)->len++];                                              \
    })

#define tenon_vec_release(v)                                                  \
    do {                                                                      \
        free((v)->items);                                                     \
        (v)->items = NULL;                                                    \
        (v)->len = (v)->cap = 0;                                              \
    } while (0)

#define tenon_vec_foreach(p, v)                                               \
    for (__typeof__(&*(v)->items) p = (v)->items;                             \
         p && p < (v)->items + (v)->len; p++)

#endif
