/* tools/chunker.c - see chunker.h. */
#include "tools/chunker.h"

#define WINDOW 64 /* bytes: each moves the hash by a bit */
/* The upper bits, which all of the window has a part in; one place in 2^14 has none of them. */
#define MASK UINT64_C(0xfffc000000000000)

/* splitmix64: numbers that are spread well, and the same everywhere. */
static uint64_t
spread(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void
tenon_chunker_init(struct tenon_chunker *c)
{
    uint64_t state = 0;
    *c = (struct tenon_chunker){0};
    for (size_t i = 0; i < 256; i++)
        c->gear[i] = spread(&state);
}

void
tenon_chunker_end(struct tenon_chunker *c)
{
    c->len = 0;
    c->hash = 0;
}

/* Bytes that cannot be the last ones are looked at only as far as the hash needs them. */
static size_t
pass_over(const struct tenon_chunker *c, size_t len)
{
    const size_t from = TENON_CHUNK_MIN - WINDOW;
    const size_t left = c->len < from ? from - c->len : 0;
    return left < len ? left : len;
}

size_t
tenon_chunker_pass(struct tenon_chunker *c, const void *data, size_t len, bool *ends)
{
    const unsigned char *p = data;
    const size_t over = pass_over(c, len), room = TENON_CHUNK_MAX - c->len;
    const size_t most = len < room ? len : room;
    uint64_t hash = c->hash;
    size_t i = over;
    bool found = false;
    while (i < most && !found) {
        hash = (hash << 1) + c->gear[p[i++]];
        found = (hash & MASK) == 0 && c->len + i >= TENON_CHUNK_MIN;
    }
    c->len += i;
    c->hash = hash;
    *ends = found || c->len == TENON_CHUNK_MAX;
    if (*ends)
        tenon_chunker_end(c);
    return i;
}
