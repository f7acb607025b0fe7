#include "tools/arena.h"

#include <stdint.h>
#include <string.h>

#include "tools/alloc.h"

#define CHUNK_SIZE 4096

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
}

static struct tenon_arena_chunk *
chunk_new(size_t size)
{
    size_t total;

    tenon_assert(!__builtin_add_overflow(size, sizeof(struct tenon_arena_chunk),
                                         &total));
    struct tenon_arena_chunk *c = tenon_calloc(1, total);
    c->size = size;
    return c;
}

void *
tenon_arena_alloc(struct tenon_arena *a, size_t size)
{
    const size_t align = _Alignof(max_align_t);

    tenon_assert(size <= SIZE_MAX - align);
    size = (size + align - 1) / align * align;
    struct tenon_arena_chunk *c = a->chunks;
    if (!c || c->size - c->used < size) {
        if (c && size >= CHUNK_SIZE / 4) {
            /* Something large gets a chunk of its own behind the current one,
             * which keeps its free end. */
            struct tenon_arena_chunk *own = chunk_new(size);
            own->next = c->next;
            own->used = size;
            c->next = own;
            return own->data;
        }
        c = chunk_new(size > CHUNK_SIZE ? size : CHUNK_SIZE);
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
