/* image/huffman.c - see huffman.h.
 *
 * Ties are broken by the number of the symbol and nothing else, so the same
 * counts give the same code on every machine. */
#include "image/huffman.h"

#include <string.h>

#define LONGEST 15
#define NODES (2 * TENON_HUFFMAN_SYMBOLS)

struct leaf {
    uint32_t count;
    uint16_t symbol;
};

/* By count, rarest first; equal ones stay in order of their symbols. */
static void
sort_leaves(struct leaf *leaves, size_t n)
{
    struct leaf other[TENON_HUFFMAN_SYMBOLS];
    uint32_t all = 0;
    for (size_t i = 0; i < n; i++)
        all |= leaves[i].count;
    for (unsigned shift = 0; shift < 32 && all >> shift; shift += 8) {
        size_t at[257] = {0};
        for (size_t i = 0; i < n; i++)
            at[(leaves[i].count >> shift & 255) + 1]++;
        for (size_t i = 1; i < 257; i++)
            at[i] += at[i - 1];
        for (size_t i = 0; i < n; i++)
            other[at[leaves[i].count >> shift & 255]++] = leaves[i];
        memcpy(leaves, other, n * sizeof *leaves);
    }
}

/* How many leaves of Huffman's tree are at each depth.  Nodes are made in
 * order of their weight, so the two lightest are always at the fronts of two
 * queues: the leaves, and the nodes made before. */
static void
count_depths(const struct leaf *leaves, size_t n, unsigned longest, uint32_t *at_depth)
{
    uint32_t weight[NODES];
    uint16_t parent[NODES], depth[NODES];
    size_t leaf = 0, inner = n, made = n;
    for (size_t i = 0; i < n; i++)
        weight[i] = leaves[i].count;
    while (made < 2 * n - 1) {
        weight[made] = 0;
        for (int child = 0; child < 2; child++) {
            size_t take = leaf < n && (inner == made || weight[leaf] <= weight[inner])
                              ? leaf++ : inner++;
            weight[made] += weight[take];
            parent[take] = (uint16_t)made;
        }
        made++;
    }
    depth[made - 1] = 0;
    for (size_t i = made - 1; i-- > 0;) {
        depth[i] = (uint16_t)(depth[parent[i]] + 1);
        if (i < n)
            at_depth[depth[i] < longest ? depth[i] : longest]++;
    }
}

/* Leaves that were too deep have been raised to `longest`, which gives away
 * more codes than there are.  Take codes back one at a time: a leaf further up
 * becomes a node with two, itself and one of the deepest. */
static void
limit_depths(uint32_t *at_depth, unsigned longest)
{
    uint32_t given = 0;
    for (unsigned d = 1; d <= longest; d++)
        given += at_depth[d] << (longest - d);
    for (; given > 1U << longest; given--) {
        unsigned d = longest - 1;
        while (at_depth[d] == 0)
            d--;
        at_depth[d]--;
        at_depth[d + 1] += 2;
        at_depth[longest]--;
    }
}

void
tenon_huffman_assign(struct tenon_huffman *h, size_t n)
{
    uint32_t at_length[LONGEST + 2] = {0}, next[LONGEST + 2] = {0};
    for (size_t i = 0; i < n; i++)
        at_length[h->of[i].length]++;
    at_length[0] = 0;
    for (unsigned l = 1; l <= LONGEST; l++)
        next[l] = (next[l - 1] + at_length[l - 1]) << 1;
    for (size_t i = 0; i < n; i++) {
        uint32_t code = h->of[i].length ? next[h->of[i].length]++ : 0, turned = 0;
        for (unsigned b = 0; b < h->of[i].length; b++)
            turned |= (code >> b & 1) << (h->of[i].length - 1 - b);
        h->of[i].bits = (uint16_t)turned;
    }
}

void
tenon_huffman_build(struct tenon_huffman *h, const uint32_t *counts, size_t n,
                    unsigned longest)
{
    struct leaf leaves[TENON_HUFFMAN_SYMBOLS];
    uint32_t at_depth[LONGEST + 1] = {0};
    size_t used = 0;
    for (size_t i = 0; i < n; i++)
        if (counts[i] > 0)
            leaves[used++] = (struct leaf){counts[i], (uint16_t)i};
    for (uint16_t i = 0; used < 2; i++)
        if (counts[i] == 0)
            leaves[used++] = (struct leaf){1, i};
    sort_leaves(leaves, used);
    count_depths(leaves, used, longest, at_depth);
    limit_depths(at_depth, longest);
    memset(h, 0, sizeof *h);
    size_t i = 0;
    for (unsigned d = longest; d > 0; d--)
        for (uint32_t k = 0; k < at_depth[d]; k++)
            h->of[leaves[i++].symbol].length = (uint8_t)d;
    tenon_huffman_assign(h, n);
}
