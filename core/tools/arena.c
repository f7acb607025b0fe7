/* tools/arena.c - memory that lives and dies together (arena.h): chunks, given out from front
 * to end. */
#include "tools/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "tools/alloc.h"

/* The first chunk and the largest; each is twice the one before it. */
#define CHUNK_FIRST 4096u
#define CHUNK_LAST (64u << 10)

struct tenon_arena_chunk {
    struct tenon_arena_chunk *next;
    size_t used, size;
    max_align_t data[];
};

void
tenon_arena_release(struct tenon_arena *a)
{
    while (a->chunks) {
        struct tenon_arena_chunk *next = a->chunks->next;
        free(a->chunks);
        a->chunks = next;
    }
    a->bytes = 0;
}

static struct tenon_arena_chunk *
chunk_new(struct tenon_arena *a, size_t size)
{
    size_t total;

    tenon_assert(!__builtin_add_overflow(size, sizeof(struct tenon_arena_chunk),
                                         &total));
    struct tenon_arena_chunk *c = tenon_calloc(1, total);
    c->size = size;
    a->bytes += size;
    return c;
}

/* How large the next chunk is. */
static size_t
next_size(const struct tenon_arena *a)
{
    const struct tenon_arena_chunk *c = a->chunks;

    if (!c)
        return CHUNK_FIRST;
    return c->size >= CHUNK_LAST / 2 ? CHUNK_LAST : c->size * 2;
}

void *
tenon_arena_alloc(struct tenon_arena *a, size_t size)
{
    const size_t align = _Alignof(max_align_t);

    tenon_assert(size <= SIZE_MAX - align);
    size = (size + align - 1) / align * align;
    struct tenon_arena_chunk *c = a->chunks;
    if (!c || c->size - c->used < size) {
        size_t next = next_size(a);
        if (c && size >= next / 4) {
            /* Something large gets a chunk of its own after the current one,
             * which keeps its free end. */
            struct tenon_arena_chunk *own = chunk_new(a, size);
            own->next = c->next;
            own->used = size;
            c->next = own;
            return own->data;
        }
        c = chunk_new(a, size > next ? size : next);
        c->next = a->chunks;
        a->chunks = c;
    }
    void *p = (char *)c->data + c->used;
    c->used += size;
    return p;
}

void *
tenon_arena_array(struct tenon_arena *a, size_t count, size_t size)
{
    size_t total;

    tenon_assert(!__builtin_mul_overflow(count, size, &total));
    return tenon_arena_alloc(a, total);
}

void *
tenon_arena_grow(struct tenon_arena *a, const void *items, size_t count,
                 size_t size)
{
    /* capacities are 4, 8, 16 ...: full when count + 1 (the zero at the end)
     * reaches one */
    size_t need = count + 1;
    if (items && (need < 4 || (need & (need - 1))))
        return (void *)items;
    void *more = tenon_arena_array(a, need < 4 ? 4 : need * 2, size);
    if (count)
        memcpy(more, items, count * size);
    return more;
}

void *
tenon_arena_dup(struct tenon_arena *a, const void *data, size_t len)
{
    tenon_assert(len < SIZE_MAX);
    char *p = tenon_arena_alloc(a, len + 1);
    if (len)
        memcpy(p, data, len);
    return p;
}

char *
tenon_arena_strdup(struct tenon_arena *a, const char *s)
{
    return s ? tenon_arena_dup(a, s, strlen(s)) : NULL;
}

char *
tenon_arena_vprintf(struct tenon_arena *a, const char *fmt, va_list ap)
{
    /* Straight into the chunk, when it fits there. */
    struct tenon_arena_chunk *c = a->chunks;
    char *end = c ? (char *)c->data + c->used : NULL;
    size_t room = c ? c->size - c->used : 0;
    va_list again;
    va_copy(again, ap);
    int len = vsnprintf(end, room, fmt, again);
    va_end(again);
    tenon_assert(len >= 0);
    if ((size_t)len < room)
        return tenon_arena_alloc(a, (size_t)len + 1);
    if (room)
        memset(end, 0, room); /* what is handed out is zero */
    char *s = tenon_arena_alloc(a, (size_t)len + 1);
    vsnprintf(s, (size_t)len + 1, fmt, ap);
    return s;
}
