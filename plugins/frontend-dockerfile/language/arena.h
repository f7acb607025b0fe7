/* arena.h - memory that lives and dies together.
 *
 * Everything the language half of this plugin makes belongs to an arena that
 * the caller gives; nothing in it is freed alone.  `= DF_ARENA_INIT` (all
 * zero) is empty.  One thread at a time. */
#ifndef DF_ARENA_H
#define DF_ARENA_H

#include <stdarg.h>
#include <stddef.h>

#include "tools/cleanup.h"

struct df_arena_chunk;
struct df_arena {
    struct df_arena_chunk *chunks; /* the newest first */
    size_t work, work_given; /* of expansions; see df_work_left() */
    size_t bytes;            /* taken so far */
};
#define DF_ARENA_INIT {0}

void df_arena_release(struct df_arena *a);
TENON_DEFINE_AUTO_STRUCT(df_arena, struct df_arena, df_arena_release);
#define auto_df_arena __attribute__((cleanup(tenon_auto_df_arena)))

/* Zeroed, aligned for anything, never NULL. */
void *df_arena_alloc(struct df_arena *a, size_t size);
/* count * size, zeroed; aborts when the product overflows. */
void *df_arena_array(struct df_arena *a, size_t count, size_t size);
char *df_arena_strdup(struct df_arena *a, const char *s); /* NULL gives NULL */
char *df_arena_strndup(struct df_arena *a, const char *s, size_t len);
char *df_arena_printf(struct df_arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
char *df_arena_vprintf(struct df_arena *a, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

#define df_arena_new(a, T) ((T *)df_arena_alloc((a), sizeof(T)))

#endif
