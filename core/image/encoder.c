/* image/encoder.c - see encoder.h: from tokens (match.h) to bits. */
#include "image/encoder.h"

#include <endian.h>
#include <stdbool.h>
#include <string.h>

#include "tools/alloc.h"
#include "image/huffman.h"
#include "image/match.h"

_Static_assert(TENON_ENCODE_INPUT == TENON_MATCH_INPUT, "one input is one search");

#define LITLENS 286
#define DISTS 30
#define LENGTH_CODES 19 /* symbols of the code that the codes' lengths are written in */
#define END_OF_BLOCK 256
#define CODE_LONGEST 15 /* a token takes 48 bits at most */
#define LENGTH_LONGEST 7
#define STORED_MAX 65535
#define MATCH_MIN 3
#define MATCH_MAX 258

enum block_type { BLOCK_STORED, BLOCK_FIXED, BLOCK_DYNAMIC };

/* The lengths of both codes, as they are written in a block's head. */
struct head {
    uint8_t symbol[LITLENS + DISTS], extra[LITLENS + DISTS];
    size_t count;
    size_t litlens, dists, lengths; /* how many of each are named */
    struct tenon_huffman code;
    uint64_t bits; /* how many it takes */
};

struct tenon_encoder {
    int level;
    struct tenon_matcher *matcher;
    struct tenon_tokens tokens;
    uint32_t litlen_count[LITLENS], dist_count[DISTS];
    uint64_t extra_bits; /* that the tokens take besides their symbols */
    struct tenon_huffman litlen, dist, fixed_litlen, fixed_dist;
    struct head head;
};

/* ---- bits ---------------------------------------------------------------- */

struct bits {
    uint64_t held;
    unsigned count;
    unsigned char *at;
};

static inline void
put(struct bits *b, uint64_t value, unsigned count)
{
    b->held |= value << b->count;
    b->count += count;
}

/* At most 7 bits stay.  Writes up to 7 bytes more than it counts. */
static inline void
drain(struct bits *b)
{
    uint64_t le = htole64(b->held);
    memcpy(b->at, &le, sizeof le);
    b->at += b->count >> 3;
    b->held >>= b->count & ~7U;
    b->count &= 7;
}

/* ---- symbols ------------------------------------------------------------- */

/* The symbol of a match's length (RFC 1951, 3.2.5), and how many bits follow. */
static unsigned
length_symbol(unsigned length, unsigned *extra)
{
    unsigned l = length - MATCH_MIN;
    *extra = 0;
    if (length == MATCH_MAX)
        return 285;
    if (l < 8)
        return 257 + l;
    unsigned top = 31 - (unsigned)__builtin_clz(l);
    *extra = top - 2;
    return 253 + 4 * top + (l >> (top - 2) & 3);
}

static unsigned
distance_extra(unsigned symbol)
{
    return symbol < 4 ? 0 : symbol / 2 - 1;
}

static void
count_symbols(struct tenon_encoder *e)
{
    const struct tenon_tokens *t = &e->tokens;
    e->extra_bits = 0;
    memset(e->litlen_count, 0, sizeof e->litlen_count);
    for (size_t i = 0; i < 256; i++)
        e->litlen_count[i] = t->first[i] + t->second[TENON_TOKEN_BYTE + i];
    e->litlen_count[END_OF_BLOCK] = 1;
    for (unsigned l = MATCH_MIN; l <= MATCH_MAX; l++) {
        unsigned extra, s = length_symbol(l, &extra);
        uint32_t n = t->first[TENON_TOKEN_MATCH + l - MATCH_MIN];
        e->litlen_count[s] += n;
        e->extra_bits += (uint64_t)n * extra;
    }
    for (unsigned s = 0; s < DISTS; s++) {
        e->dist_count[s] = t->second[s];
        e->extra_bits += (uint64_t)t->second[s] * distance_extra(s);
    }
}

/* ---- a block's head ------------------------------------------------------ */

static const uint8_t length_extra[LENGTH_CODES] = {[16] = 2, [17] = 3, [18] = 7};
static const uint8_t length_order[LENGTH_CODES] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5,
                                                   11, 4, 12, 3, 13, 2, 14, 1, 15};

static void
add_length(struct head *h, unsigned symbol, unsigned extra)
{
    h->symbol[h->count] = (uint8_t)symbol;
    h->extra[h->count++] = (uint8_t)extra;
}

/* 16 repeats the length before it 3 to 6 times, 17 and 18 are 3 to 10 and 11
 * to 138 times zero. */
static void
pack_lengths(struct head *h, const uint8_t *lengths, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t same = 1;
        while (i + same < n && lengths[i + same] == lengths[i])
            same++;
        if (lengths[i] == 0 && same >= 3) {
            same = same < 138 ? same : 138;
            add_length(h, same > 10 ? 18 : 17, (unsigned)(same - (same > 10 ? 11 : 3)));
        } else if (same >= 4) {
            same = same < 7 ? same : 7;
            add_length(h, lengths[i], 0);
            add_length(h, 16, (unsigned)(same - 1 - 3));
        } else {
            same = 1;
            add_length(h, lengths[i], 0);
        }
        i += same;
    }
}

static void
make_head(struct tenon_encoder *e)
{
    struct head *h = &e->head;
    uint8_t lengths[LITLENS + DISTS];
    uint32_t counts[LENGTH_CODES] = {0};
    h->litlens = LITLENS;
    while (h->litlens > 257 && e->litlen.of[h->litlens - 1].length == 0)
        h->litlens--;
    h->dists = DISTS;
    while (h->dists > 1 && e->dist.of[h->dists - 1].length == 0)
        h->dists--;
    for (size_t i = 0; i < h->litlens; i++)
        lengths[i] = e->litlen.of[i].length;
    for (size_t i = 0; i < h->dists; i++)
        lengths[h->litlens + i] = e->dist.of[i].length;
    h->count = 0;
    pack_lengths(h, lengths, h->litlens + h->dists);
    for (size_t i = 0; i < h->count; i++)
        counts[h->symbol[i]]++;
    tenon_huffman_build(&h->code, counts, LENGTH_CODES, LENGTH_LONGEST);
    h->lengths = LENGTH_CODES;
    while (h->lengths > 4 && h->code.of[length_order[h->lengths - 1]].length == 0)
        h->lengths--;
    h->bits = 5 + 5 + 4 + 3 * h->lengths;
    for (size_t i = 0; i < h->count; i++)
        h->bits += h->code.of[h->symbol[i]].length + length_extra[h->symbol[i]];
}

static void
write_head(struct bits *b, const struct head *h)
{
    put(b, h->litlens - 257, 5);
    put(b, h->dists - 1, 5);
    put(b, h->lengths - 4, 4);
    drain(b);
    for (size_t i = 0; i < h->lengths; i++) {
        put(b, h->code.of[length_order[i]].length, 3);
        drain(b);
    }
    for (size_t i = 0; i < h->count; i++) {
        unsigned s = h->symbol[i];
        put(b, h->code.of[s].bits, h->code.of[s].length);
        put(b, h->extra[i], length_extra[s]);
        drain(b);
    }
}

/* ---- a block ------------------------------------------------------------- */

static void
make_fixed(struct tenon_encoder *e)
{
    for (size_t i = 0; i < TENON_HUFFMAN_SYMBOLS; i++)
        e->fixed_litlen.of[i].length = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
    tenon_huffman_assign(&e->fixed_litlen, TENON_HUFFMAN_SYMBOLS);
    for (size_t i = 0; i < 32; i++)
        e->fixed_dist.of[i].length = 5;
    tenon_huffman_assign(&e->fixed_dist, 32);
}

/* How many bits the tokens take in these codes. */
static uint64_t
cost(const struct tenon_encoder *e, const struct tenon_huffman *litlen,
     const struct tenon_huffman *dist)
{
    uint64_t bits = e->extra_bits;
    for (size_t i = 0; i < LITLENS; i++)
        bits += (uint64_t)e->litlen_count[i] * litlen->of[i].length;
    for (size_t i = 0; i < DISTS; i++)
        bits += (uint64_t)e->dist_count[i] * dist->of[i].length;
    return bits;
}

/* What a token's symbols are in bits: of the first with its extra bits, of the
 * second with room for them. */
struct piece {
    uint32_t bits;
    uint16_t code, all; /* lengths: of the code, and with the extra bits */
};

static void
make_pieces(struct piece *first, struct piece *second, const struct tenon_huffman *litlen,
            const struct tenon_huffman *dist)
{
    for (unsigned i = 0; i < 256; i++) {
        struct piece p = {litlen->of[i].bits, litlen->of[i].length, litlen->of[i].length};
        first[i] = second[TENON_TOKEN_BYTE + i] = p;
    }
    for (unsigned l = MATCH_MIN; l <= MATCH_MAX; l++) {
        unsigned extra, s = length_symbol(l, &extra), code = litlen->of[s].length;
        uint32_t low = (l - MATCH_MIN) & ((1U << extra) - 1);
        first[TENON_TOKEN_MATCH + l - MATCH_MIN] = (struct piece){
            litlen->of[s].bits | low << code, (uint16_t)code, (uint16_t)(code + extra)};
    }
    for (unsigned s = 0; s < DISTS; s++)
        second[s] = (struct piece){dist->of[s].bits, dist->of[s].length,
                                   (uint16_t)(dist->of[s].length + distance_extra(s))};
    second[TENON_TOKEN_NONE] = (struct piece){0, 0, 0};
}

static void
write_tokens(const struct tenon_tokens *t, struct bits *to, const struct tenon_huffman *litlen,
             const struct tenon_huffman *dist)
{
    struct bits b = *to;
    struct piece first[TENON_TOKEN_FIRSTS], second[TENON_TOKEN_SECONDS];
    make_pieces(first, second, litlen, dist);
    for (size_t i = 0; i < t->count; i++) {
        struct piece one = first[tenon_token_first(t->token[i])];
        struct piece two = second[tenon_token_second(t->token[i])];
        put(&b, one.bits, one.all);
        put(&b, two.bits | tenon_token_extra(t->token[i]) << two.code, two.all);
        drain(&b);
    }
    put(&b, litlen->of[END_OF_BLOCK].bits, litlen->of[END_OF_BLOCK].length);
    drain(&b);
    *to = b;
}

static void
write_stored(struct bits *b, const unsigned char *in, size_t len)
{
    do {
        size_t n = len < STORED_MAX ? len : STORED_MAX;
        put(b, BLOCK_STORED << 1, 3);
        put(b, 0, -b->count & 7);
        put(b, n | (~n & 0xffff) << 16, 32);
        drain(b);
        memcpy(b->at, in, n);
        b->at += n;
        in += n;
        len -= n;
    } while (len > 0);
}

/* Not above by more than 7 bits a block: where the byte boundary is does not
 * count. */
static uint64_t
stored_cost(size_t len)
{
    return 8 * len + 40 * ((len + STORED_MAX - 1) / STORED_MAX);
}

static void
write_block(struct tenon_encoder *e, struct bits *b, const unsigned char *in, size_t len)
{
    count_symbols(e);
    tenon_huffman_build(&e->litlen, e->litlen_count, LITLENS, CODE_LONGEST);
    tenon_huffman_build(&e->dist, e->dist_count, DISTS, CODE_LONGEST);
    make_head(e);
    uint64_t dynamic = 3 + e->head.bits + cost(e, &e->litlen, &e->dist);
    uint64_t fixed = 3 + cost(e, &e->fixed_litlen, &e->fixed_dist);
    if (stored_cost(len) <= dynamic && stored_cost(len) <= fixed) {
        write_stored(b, in, len);
    } else if (fixed <= dynamic) {
        put(b, BLOCK_FIXED << 1, 3);
        write_tokens(&e->tokens, b, &e->fixed_litlen, &e->fixed_dist);
    } else {
        put(b, BLOCK_DYNAMIC << 1, 3);
        write_head(b, &e->head);
        write_tokens(&e->tokens, b, &e->litlen, &e->dist);
    }
}

/* ---- the interface ------------------------------------------------------- */

struct tenon_encoder *
tenon_encoder_new(int level)
{
    tenon_assert(level >= 0 && level <= TENON_ENCODE_LEVEL_MAX);
    struct tenon_encoder *e = tenon_new0(struct tenon_encoder);
    e->level = level;
    if (level > 0)
        e->matcher = tenon_matcher_new(level);
    make_fixed(e);
    return e;
}

void
tenon_encoder_free(struct tenon_encoder *e)
{
    if (!e)
        return;
    tenon_matcher_free(e->matcher);
    free(e);
}

size_t
tenon_encode(struct tenon_encoder *e, const unsigned char *in, size_t len,
             unsigned char out[TENON_ENCODE_ROOM])
{
    struct bits b = {0, 0, out};
    tenon_assert(len <= TENON_ENCODE_INPUT);
    if (e->level == 0) {
        if (len > 0)
            write_stored(&b, in, len);
        return (size_t)(b.at - out);
    }
    tenon_matcher_start(e->matcher, in, len);
    for (size_t n; (n = tenon_matcher_next(e->matcher, &e->tokens)) > 0; in += n)
        write_block(e, &b, in, n);
    if (b.count > 0)
        write_stored(&b, in, 0); /* an empty one ends on a byte boundary */
    return (size_t)(b.at - out);
}
