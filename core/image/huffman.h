/* image/huffman.h - prefix codes as deflate has them (RFC 1951, 3.2.2). */
#ifndef TENON_IMAGE_HUFFMAN_H
#define TENON_IMAGE_HUFFMAN_H

#include <stddef.h>
#include <stdint.h>

#define TENON_HUFFMAN_SYMBOLS 288

/* Bits and length side by side, not in two arrays: from these gcc 12 makes a
 * loop for arm64 whose stores it then forgets. */
struct tenon_huffman {
    struct {
        uint16_t bits;  /* the code; its first bit is the lowest */
        uint8_t length; /* 0: the symbol does not occur */
    } of[TENON_HUFFMAN_SYMBOLS];
};

/* The best code for n symbols that occur so often, none longer than `longest`.
 * Always complete: where less than two symbols occur, others get a code too.
 * The counts of all symbols together fit in 31 bits. */
void tenon_huffman_build(struct tenon_huffman *h, const uint32_t *counts, size_t n,
                         unsigned longest);
/* Codes from lengths that are there. */
void tenon_huffman_assign(struct tenon_huffman *h, size_t n);

#endif
