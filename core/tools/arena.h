/* tools/arena.h - memory that lives and dies together.
 *
 * `= TENON_ARENA_INIT` (all zero) is empty.  Nothing in it is freed alone, and
 * what it gave never moves.  One thread at a time. */
#ifndef TENON_TOOLS_ARENA_H
#define TENON_TOOLS_ARENA_H

#include <stdarg.h>
#include <stddef.h>

#include "tools/cleanup.h"

struct tenon_arena_chunk;
struct tenon_arena {
    struct tenon_arena_chunk *chunks; /* newest first */
    size_t bytes;                     /* taken so far */
};
#define TENON_ARENA_INIT {0}

void tenon_arena_release(struct tenon_arena *a);
TENON_DEFINE_AUTO_STRUCT(arena, struct tenon_arena, tenon_arena_release);
#define auto_arena __attribute__((cleanup(tenon_auto_arena)))

void *tenon_arena_alloc(struct tenon_arena *a, size_t size); /* zeroed */
/* count * size, zeroed; aborts when the product overflows. */
void *tenon_arena_array(struct tenon_arena *a, size_t count, size_t size);
/* Room for one more in an array of count items (items NULL: of none) that grows by doubling;
 * one item after the last stays zero. */
void *tenon_arena_grow(struct tenon_arena *a, const void *items, size_t count, size_t size);
void *tenon_arena_dup(struct tenon_arena *a, const void *data, size_t len); /* adds a NUL */
char *tenon_arena_strdup(struct tenon_arena *a, const char *s); /* NULL gives NULL */
char *tenon_arena_vprintf(struct tenon_arena *a, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

#endif
