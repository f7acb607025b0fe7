/* arena.c - chunks of memory handed out front to back. */
#include "arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/alloc.h"

#define CHUNK_SIZE (16u << 10)

struct df_arena_chunk {
    struct df_arena_chunk *next;
    size_t used, size;
    _Alignas(max_align_t) char bytes[];
};

void
df_arena_release(struct df_arena *a)
{
    if (!a)
        return;
    while (a->chunks) {
        struct df_arena_chunk *c = a->chunks;
        a->chunks = c->next;
        free(c);
    }
}

void *
df_arena_alloc(struct df_arena *a, size_t size)
{
    const size_t align = _Alignof(max_align_t);
    tenon_assert(size < SIZE_MAX / 2);
    size = (size + align - 1) / align * align;
    if (size == 0)
        size = align;

    struct df_arena_chunk *c = a->chunks;
    if (c && c->size - c->used >= size) {
        void *p = c->bytes + c->used;
        c->used += size;
        return p; /* chunks are zeroed when made and never reused */
    }
    /* A big piece gets a chunk of its own and does not end the use of the
     * current one. */
    bool big = size > CHUNK_SIZE / 4;
    size_t room = big ? size : CHUNK_SIZE;
    struct df_arena_chunk *fresh = tenon_calloc(1, sizeof *fresh + room);
    fresh->size = room;
    a->bytes += room;
    fresh->used = size;
    if (c && big) {
        fresh->next = c->next;
        c->next = fresh;
    } else {
        fresh->next = c;
        a->chunks = fresh;
    }
    return fresh->bytes;
}

void *
df_arena_array(struct df_arena *a, size_t count, size_t size)
{
    size_t bytes;
    tenon_assert(!__builtin_mul_overflow(count, size, &bytes));
    return df_arena_alloc(a, bytes);
}

char *
df_arena_strndup(struct df_arena *a, const char *s, size_t len)
{
    char *p = df_arena_alloc(a, len + 1);
    if (len)
        memcpy(p, s, len);
    p[len] = '\0';
    return p;
}

char *
df_arena_strdup(struct df_arena *a, const char *s)
{
    return s ? df_arena_strndup(a, s, strlen(s)) : NULL;
}

char *
df_arena_vprintf(struct df_arena *a, const char *fmt, va_list ap)
{
    /* Straight into the chunk, when it fits there. */
    struct df_arena_chunk *c = a->chunks;
    size_t room = c ? c->size - c->used : 0;
    va_list again;
    va_copy(again, ap);
    int len = vsnprintf(c ? c->bytes + c->used : NULL, room, fmt, again);
    va_end(again);
    tenon_assert(len >= 0);
    if ((size_t)len < room)
        return df_arena_alloc(a, (size_t)len + 1);
    if (room)
        memset(c->bytes + c->used, 0, room); /* what is handed out is zero */
    char *s = df_arena_alloc(a, (size_t)len + 1);
    vsnprintf(s, (size_t)len + 1, fmt, ap);
    return s;
}

char *
df_arena_printf(struct df_arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *s = df_arena_vprintf(a, fmt, ap);
    va_end(ap);
    return s;
}
