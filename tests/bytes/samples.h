/* samples.h - what is compressed to see that it comes out the same everywhere:
 * made by arithmetic on integers, so that it is the same everywhere itself. */
#ifndef TENON_TEST_SAMPLES_H
#define TENON_TEST_SAMPLES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tools/alloc.h"

#define SAMPLE_BLOCK (1 << 20) /* what gzip's threads take at a time */

struct sample {
    const char *name;
    size_t len;
    void (*fill)(unsigned char *p, size_t len);
};

static uint32_t
sample_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

/* Half repetition, half noise. */
static void
fill_mixed(unsigned char *p, size_t len)
{
    uint32_t x = 12345;
    for (size_t i = 0; i < len; i++) {
        uint32_t r = sample_random(&x);
        p[i] = (unsigned char)(i >> 12 & 1 ? r >> 16 : 'a' + i % 17);
    }
}

/* Words of a small language, the short ones more often, and phrases that come
 * again. */
static void
fill_text(unsigned char *p, size_t len)
{
    uint32_t x = 7;
    for (size_t i = 0; i < len;) {
        size_t n = 6 + sample_random(&x) % 30, back = n + sample_random(&x) % 30000;
        for (bool again = sample_random(&x) % 3 == 0 && back < i; again && n > 0 && i < len; n--, i++)
            p[i] = p[i - back];
        uint32_t words = 1 + sample_random(&x) % 2000, word = sample_random(&x) % words;
        for (uint32_t w = word * 2654435761U; i < len; w /= 13) {
            p[i++] = (unsigned char)"etaoinshrdlucm"[w % 14];
            if (w < 13u << (word % 24))
                break;
        }
        if (i < len)
            p[i++] = sample_random(&x) % 11 ? ' ' : '\n';
    }
}

static void
fill_random(unsigned char *p, size_t len)
{
    uint32_t x = 99;
    for (size_t i = 0; i < len; i++)
        p[i] = (unsigned char)(sample_random(&x) >> 16);
}

static void
fill_zeros(unsigned char *p, size_t len)
{
    memset(p, 0, len);
}

/* Here and there a byte in nothing. */
static void
fill_sparse(unsigned char *p, size_t len)
{
    uint32_t x = 5;
    memset(p, 0, len);
    for (size_t i = 0; i < len; i += 1 + sample_random(&x) % 3000)
        p[i] = (unsigned char)(sample_random(&x) >> 16);
}

/* The same noise again and again, just within the reach of a match and just
 * out of it. */
static void
fill_far(unsigned char *p, size_t len)
{
    size_t period = 32767;
    fill_random(p, len < period ? len : period);
    for (size_t i = period; i < len; i++) {
        period = i < len / 3 ? 32767 : i < 2 * len / 3 ? 32768 : 32769;
        p[i] = p[i - period];
    }
}

/* Four letters: everything has been there before, and the question is how long
 * one looks for where it went on in the same way. */
static void
fill_letters(unsigned char *p, size_t len)
{
    uint32_t x = 11;
    for (size_t i = 0; i < len;) {
        size_t n = 4 + sample_random(&x) % 20, back = n + sample_random(&x) % 30000;
        for (bool again = back < i; again && n > 0 && i < len; n--, i++)
            p[i] = p[i - back];
        for (n = sample_random(&x) % 6; n > 0 && i < len; n--, i++)
            p[i] = (unsigned char)"acgt"[sample_random(&x) % 4];
    }
}

/* Numbers that count up, as in tables of programs. */
static void
fill_table(unsigned char *p, size_t len)
{
    uint32_t x = 3, v = 0x400000;
    for (size_t i = 0; i < len; i++) {
        if (i % 4 == 0)
            v += 16 * (sample_random(&x) % 9);
        p[i] = (unsigned char)(v >> (8 * (i % 4)));
    }
}

static const struct sample samples[] = {
    {"empty", 0, fill_text},
    {"one", 1, fill_text},
    {"few", 11, fill_text},
    {"text", 300000, fill_text},
    {"random", 200000, fill_random},
    {"letters", 200000, fill_letters},
    {"far", 250000, fill_far},
    {"table", 300000, fill_table},
    {"block-1", SAMPLE_BLOCK - 1, fill_sparse},
    {"block", SAMPLE_BLOCK, fill_mixed},
    {"block+1", SAMPLE_BLOCK + 1, fill_text},
    {"zeros", 2 * SAMPLE_BLOCK + 7, fill_zeros},
    {"many", 9 * SAMPLE_BLOCK + 12345, fill_mixed},
};

__attribute__((unused)) static unsigned char *
sample_make(const struct sample *s)
{
    unsigned char *p = tenon_malloc(s->len + 1);
    s->fill(p, s->len);
    return p;
}

#endif
