/* language/arena.c - the memory of one build file, beyond the toolbox's arena. */
#include "arena.h"

void
df_arena_release(struct df_arena *a)
{
    if (a)
        tenon_arena_release(&a->memory);
}

char *
df_arena_printf(struct df_arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *s = tenon_arena_vprintf(&a->memory, fmt, ap);
    va_end(ap);
    return s;
}
