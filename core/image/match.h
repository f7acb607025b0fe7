/* image/match.h - what repeats within 32 KiB, as tokens for deflate. */
#ifndef TENON_IMAGE_MATCH_H
#define TENON_IMAGE_MATCH_H

#include <stddef.h>
#include <stdint.h>

/* What is looked at at a time: no match reaches before it or over its end. */
#define TENON_MATCH_INPUT ((size_t)1 << 20)
/* What shares one code: whichever is full first. */
#define TENON_MATCH_TOKENS 16384
#define TENON_MATCH_BLOCK ((size_t)1 << 17)
/* A search that finds ever better matches moves on by less than the longest one, 258
 * bytes, before it writes: two bytes a token, and the match. */
#define TENON_MATCH_MORE 160

/* A token is a byte, two bytes, or a match; which one does not show in how it
 * is written: its first symbol, its second, the second's extra bits.
 *   first   (9 bits)  a byte, or 256 and what the match is longer than 3
 *   second  (9 bits)  symbol of a distance, TENON_TOKEN_NONE, or 32 and a byte
 *   extra  (13 bits)  what the distance is more than its symbol says */
#define TENON_TOKEN_MATCH 256
#define TENON_TOKEN_NONE 30
#define TENON_TOKEN_BYTE 32
#define TENON_TOKEN_FIRSTS 512
#define TENON_TOKEN_SECONDS (TENON_TOKEN_BYTE + 256)

static inline uint32_t
tenon_token(uint32_t first, uint32_t second, uint32_t extra)
{
    return first | second << 9 | extra << 18;
}

static inline uint32_t
tenon_token_first(uint32_t token)
{
    return token & 511;
}

static inline uint32_t
tenon_token_second(uint32_t token)
{
    return token >> 9 & 511;
}

static inline uint32_t
tenon_token_extra(uint32_t token)
{
    return token >> 18;
}

/* The tokens of a block, and how often each symbol occurs in them. */
struct tenon_tokens {
    uint32_t token[TENON_MATCH_TOKENS + TENON_MATCH_MORE];
    size_t count;
    uint32_t first[TENON_TOKEN_FIRSTS], second[TENON_TOKEN_SECONDS];
};

/* The tables of one thread; level 1..9. */
struct tenon_matcher;
struct tenon_matcher *tenon_matcher_new(int level);
void tenon_matcher_free(struct tenon_matcher *m);
/* An input of at most TENON_MATCH_INPUT bytes begins: nothing is known of it,
 * nor of any before it. */
void tenon_matcher_start(struct tenon_matcher *m, const unsigned char *in, size_t len);
/* The tokens of the next block, from where the last one ended.  Returns how
 * many bytes they stand for; 0 at the end of the input. */
size_t tenon_matcher_next(struct tenon_matcher *m, struct tenon_tokens *out);

#endif
