/* convert/index.c - open addressing; a table is never more than half full. */
#include "index.h"

#include <stdint.h>
#include <string.h>

static struct df_index_slot *
slot_of(const struct df_index *x, const char *key, size_t len)
{
    uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */
    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)key[i]) * 0x100000001b3u;
    for (size_t at = (size_t)(h ^ h >> 32) & (x->cap - 1);;
         at = (at + 1) & (x->cap - 1)) {
        struct df_index_slot *s = &x->slots[at];
        if (!s->key || (s->len == len && memcmp(s->key, key, len) == 0))
            return s;
    }
}

bool
df_index_get(const struct df_index *x, const char *key, size_t len,
             size_t *value)
{
    const struct df_index_slot *s = x->cap ? slot_of(x, key, len) : NULL;
    if (!s || !s->key)
        return false;
    *value = s->value;
    return true;
}

static void
grow(struct df_arena *a, struct df_index *x)
{
    struct df_index old = *x;
    x->cap = old.cap ? old.cap * 2 : 4 * DF_INDEX_FROM;
    x->slots = df_arena_array(a, x->cap, sizeof *x->slots);
    for (size_t i = 0; i < old.cap; i++)
        if (old.slots[i].key)
            *slot_of(x, old.slots[i].key, old.slots[i].len) = old.slots[i];
}

void
df_index_put(struct df_arena *a, struct df_index *x, const char *key,
             size_t len, size_t value)
{
    if (2 * (x->used + 1) > x->cap)
        grow(a, x);
    struct df_index_slot *s = slot_of(x, key, len);
    x->used += !s->key;
    *s = (struct df_index_slot){key, len, value};
}
