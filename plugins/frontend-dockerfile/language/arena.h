/* language/arena.h - the memory of one build file, and the work that its words may still
 * make.
 *
 * Everything that this plugin makes belongs to an arena that the caller gives; nothing in
 * it is freed alone.  `= DF_ARENA_INIT` (all zero) is empty.  One thread at a time. */
#ifndef DF_ARENA_H
#define DF_ARENA_H

#include <stdarg.h>
#include <stddef.h>

#include "tools/arena.h"

struct df_arena {
    struct tenon_arena memory;
    size_t work, work_given; /* of expansions; see df_work_left() */
};
#define DF_ARENA_INIT {0}

void df_arena_release(struct df_arena *a);
TENON_DEFINE_AUTO_STRUCT(df_arena, struct df_arena, df_arena_release);
#define auto_df_arena __attribute__((cleanup(tenon_auto_df_arena)))

/* As in tools/arena.h. */
static inline void *
df_arena_alloc(struct df_arena *a, size_t size)
{
    return tenon_arena_alloc(&a->memory, size);
}

static inline void *
df_arena_array(struct df_arena *a, size_t count, size_t size)
{
    return tenon_arena_array(&a->memory, count, size);
}

static inline char *
df_arena_strdup(struct df_arena *a, const char *s)
{
    return tenon_arena_strdup(&a->memory, s);
}

static inline char *
df_arena_strndup(struct df_arena *a, const char *s, size_t len)
{
    return tenon_arena_dup(&a->memory, s, len);
}

static inline char *
df_arena_vprintf(struct df_arena *a, const char *fmt, va_list ap)
{
    return tenon_arena_vprintf(&a->memory, fmt, ap);
}

char *df_arena_printf(struct df_arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#define df_arena_new(a, T) ((T *)df_arena_alloc((a), sizeof(T)))

#endif
