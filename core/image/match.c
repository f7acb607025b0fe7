/* image/match.c - see match.h.
 *
 * Positions are counted from the start of the input.  Numbers are read as
 * little-endian ones on every machine. */
#include "image/match.h"

#include <endian.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tools/alloc.h"

#define WINDOW 32768U
/* A match of 3 bytes saves little and takes long to find. */
#define MATCH_MIN 4U
#define MATCH_MAX 258U
#define FAST_BITS 15
#define CHAIN_BITS 15
/* In a table of places: further away than any match may be. */
#define NOWHERE_BYTE 0x80
/* Where nothing repeats, pairs of bytes are left out: one more for each so
 * many pairs without a match. */
#define MISSES_SHIFT 5
#define SKIP_MAX 16U

struct level {
    uint16_t chain; /* how many earlier places are tried; 0: the fast way */
    uint16_t good;  /* a match that long is taken without looking for a better one */
    uint8_t lazy;   /* how many further places may have a better one */
};

static const struct level levels[] = {
    [1] = {0, 0, 0},     [2] = {3, 16, 0},    [3] = {4, 24, 1},
    [4] = {8, 32, 1},    [5] = {24, 64, 1},   [6] = {80, 128, 1},
    [7] = {200, 258, 1}, [8] = {600, 258, 1}, [9] = {2000, 258, 2},
};

_Static_assert(TENON_MATCH_MORE > MATCH_MAX / 2 + 2, "a search must not outgrow its tokens");

struct tenon_matcher {
    struct level level;
    const unsigned char *in;
    size_t len, at;
    union {
        /* the last place with this hash, its lower bits: 0, where none is, is a
         * place like any other */
        uint16_t fast[1 << FAST_BITS];
        struct {
            size_t entered; /* the first place that the tables do not know */
            uint32_t newest[1 << CHAIN_BITS]; /* the last place with this hash */
            uint32_t older[WINDOW];           /* the one before it, by place */
        } chain;
    };
};

static inline uint32_t
load32(const unsigned char *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return le32toh(v);
}

static inline uint64_t
load64(const unsigned char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return le64toh(v);
}

static inline uint32_t
hash4(uint32_t v, unsigned bits)
{
    return v * 2654435761U >> (32 - bits);
}

/* How many of the first bytes are equal in two words that differ by `differ`. */
static inline unsigned
equal_bytes(uint64_t differ)
{
    return (unsigned)__builtin_ctzll(differ) >> 3;
}

/* How far two places agree, at most `max` bytes; the first `from` do. */
static inline unsigned
agree(const unsigned char *a, const unsigned char *b, unsigned from, unsigned max)
{
    unsigned n = from;
    for (; n + 8 <= max; n += 8) {
        uint64_t differ = load64(a + n) ^ load64(b + n);
        if (differ)
            return n + equal_bytes(differ);
    }
    while (n < max && a[n] == b[n])
        n++;
    return n;
}

/* ---- tokens -------------------------------------------------------------- */

static inline void
add(struct tenon_tokens *t, uint32_t first, uint32_t second, uint32_t extra)
{
    t->first[first]++;
    t->second[second]++;
    t->token[t->count++] = tenon_token(first, second, extra);
}

static inline void
add_match(struct tenon_tokens *t, unsigned length, unsigned distance)
{
    uint32_t d = distance - 1, symbol = d, extra = 0;
    if (d >= 4) {
        unsigned top = 31 - (unsigned)__builtin_clz(d);
        symbol = 2 * top + (d >> (top - 1) & 1);
        extra = d & ((1U << (top - 1)) - 1);
    }
    add(t, TENON_TOKEN_MATCH + length - 3, symbol, extra);
}

static inline void
add_bytes(struct tenon_tokens *t, const unsigned char *p, size_t n)
{
    for (; n >= 2; n -= 2, p += 2)
        add(t, p[0], TENON_TOKEN_BYTE + p[1], 0);
    if (n > 0)
        add(t, *p, TENON_TOKEN_NONE, 0);
}

/* Is there room for n tokens, and for what a loop adds before it asks again? */
static inline bool
has_room(const struct tenon_tokens *t, size_t n)
{
    return t->count + n < TENON_MATCH_TOKENS - (SKIP_MAX + 4);
}

/* ---- the fast way: one earlier place, the first match -------------------- */

struct place {
    uint64_t word;   /* what is there */
    uint64_t differ; /* in what it differs from the last place with its hash */
    uint32_t back;   /* how far back that is; 0 or above WINDOW: it is of no use */
};

static inline void
remember(struct tenon_matcher *m, uint64_t word, size_t at)
{
    m->fast[hash4((uint32_t)word, FAST_BITS)] = (uint16_t)at;
}

/* The earlier place is never before the start of the input: its lower bits
 * are those of a place that was passed, or 0. */
static inline struct place
look(struct tenon_matcher *m, size_t at)
{
    struct place p = {.word = load64(m->in + at)};
    p.back = (uint16_t)(at - m->fast[hash4((uint32_t)p.word, FAST_BITS)]);
    p.differ = p.word ^ load64(m->in + at - p.back);
    remember(m, p.word, at);
    return p;
}

static inline bool
is_match(const struct place *p)
{
    return (uint32_t)p->differ == 0 && p->back - 1 < WINDOW;
}

static inline unsigned
at_least(const struct place *p)
{
    return p->differ ? equal_bytes(p->differ) : 8;
}

static inline unsigned
length_of(const struct place *p, const unsigned char *here, size_t left)
{
    if (p->differ)
        return equal_bytes(p->differ);
    return agree(here, here - p->back, 8, left < MATCH_MAX ? (unsigned)left : MATCH_MAX);
}

static size_t
next_fast(struct tenon_matcher *m, struct tenon_tokens *out, size_t end)
{
    const unsigned char *in = m->in;
    size_t at = m->at, misses = 0;
    while (at + 9 <= end && has_room(out, 0)) {
        /* two places at a time: the second does not wait for the first */
        struct place one = look(m, at), two = look(m, at + 1);
        bool first = is_match(&one), second = is_match(&two);
        if (!first && !second) {
            size_t skip = ++misses >> MISSES_SHIFT;
            size_t n = 2 * (1 + (skip < SKIP_MAX ? skip : SKIP_MAX));
            n = n < end - at ? n : end - at;
            add_bytes(out, in + at, n);
            at += n;
            continue;
        }
        misses = 0;
        if (!first || (second && at_least(&two) > at_least(&one))) {
            add_bytes(out, in + at++, 1);
            one = two;
        }
        unsigned length = length_of(&one, in + at, end - at);
        add_match(out, length, one.back);
        for (unsigned i = 1; i < MATCH_MIN; i++)
            remember(m, one.word >> (8 * i), at + i);
        at += length;
        if (at + MATCH_MIN - 1 <= m->len)
            remember(m, load32(in + at - 1), at - 1);
    }
    if (has_room(out, 0)) {
        add_bytes(out, in + at, end - at);
        at = end;
    }
    return at;
}

/* ---- the thorough way: chains of earlier places -------------------------- */

/* Make all places up to and with `at` known; returns the one before `at` that
 * has the same hash. */
static inline uint32_t
enter(struct tenon_matcher *m, size_t at)
{
    size_t i = m->chain.entered;
    for (; i <= at && i + MATCH_MIN <= m->len; i++) {
        uint32_t *slot = &m->chain.newest[hash4(load32(m->in + i), CHAIN_BITS)];
        m->chain.older[i % WINDOW] = *slot;
        *slot = (uint32_t)i;
    }
    m->chain.entered = i;
    return m->chain.older[at % WINDOW];
}

/* The longest match at `at`, if it is longer than `than`; else 0. */
static unsigned
longest(struct tenon_matcher *m, size_t at, size_t end, unsigned than, unsigned *distance)
{
    const unsigned char *here = m->in + at;
    unsigned max = end - at < MATCH_MAX ? (unsigned)(end - at) : MATCH_MAX;
    unsigned best = than;
    uint32_t candidate = enter(m, at);
    for (unsigned tries = m->level.chain; tries > 0 && best < max; tries--) {
        uint32_t back = (uint32_t)at - candidate;
        if (back - 1 >= WINDOW)
            break;
        const unsigned char *there = here - back;
        if (here[best] == there[best] && load32(here) == load32(there)) {
            unsigned n = agree(here, there, MATCH_MIN, max);
            if (n > best) {
                best = n;
                *distance = back;
                if (n >= m->level.good)
                    break;
            }
        }
        if (back == WINDOW) /* its place in the table is that of `at` */
            break;
        candidate = m->chain.older[candidate % WINDOW];
    }
    return best > than ? best : 0;
}

static size_t
next_thorough(struct tenon_matcher *m, struct tenon_tokens *out, size_t end)
{
    size_t at = m->at, bytes = at; /* bytes: from where there are no tokens yet */
    while (at + MATCH_MIN <= end && has_room(out, (at - bytes) / 2)) {
        unsigned distance = 0;
        unsigned length = longest(m, at, end, MATCH_MIN - 1, &distance);
        if (length == 0) {
            at++;
            continue;
        }
        for (unsigned ahead = 1; ahead <= m->level.lazy && length < m->level.good;) {
            unsigned better = 0;
            if (at + ahead + MATCH_MIN <= end)
                better = longest(m, at + ahead, end, length + ahead - 1, &distance);
            at += better ? ahead : 0;
            length = better ? better : length;
            ahead = better ? 1 : ahead + 1;
        }
        add_bytes(out, m->in + bytes, at - bytes);
        add_match(out, length, distance);
        at += length;
        bytes = at;
        enter(m, at - 1);
    }
    if (has_room(out, (at - bytes) / 2))
        at = end;
    add_bytes(out, m->in + bytes, at - bytes);
    tenon_assert(out->count <= tenon_countof(out->token));
    return at;
}

/* ---- the interface ------------------------------------------------------- */

struct tenon_matcher *
tenon_matcher_new(int level)
{
    struct tenon_matcher *m = tenon_new0(struct tenon_matcher);
    tenon_assert(level >= 1 && level < (int)tenon_countof(levels));
    m->level = levels[level];
    return m;
}

void
tenon_matcher_free(struct tenon_matcher *m)
{
    free(m);
}

void
tenon_matcher_start(struct tenon_matcher *m, const unsigned char *in, size_t len)
{
    tenon_assert(len <= TENON_MATCH_INPUT);
    m->in = in;
    m->len = len;
    m->at = 0;
    if (m->level.chain == 0) {
        memset(m->fast, 0, sizeof m->fast);
    } else {
        /* `older` is read only where it was written for this input */
        memset(m->chain.newest, NOWHERE_BYTE, sizeof m->chain.newest);
        m->chain.entered = 0;
    }
}

size_t
tenon_matcher_next(struct tenon_matcher *m, struct tenon_tokens *out)
{
    size_t start = m->at, left = m->len - start;
    size_t end = start + (left < TENON_MATCH_BLOCK ? left : TENON_MATCH_BLOCK);
    out->count = 0;
    memset(out->first, 0, sizeof out->first);
    memset(out->second, 0, sizeof out->second);
    if (left > 0)
        m->at = m->level.chain == 0 ? next_fast(m, out, end) : next_thorough(m, out, end);
    return m->at - start;
}
