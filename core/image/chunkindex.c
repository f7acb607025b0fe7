/* image/chunkindex.c - the index of a tree in chunks, as bytes and back; see chunkindex.h.
 *
 * Numbers are 32 bits, the highest byte first:
 *
 *   "tenoncm1" packs chunks order     how many of each follow
 *   packs:  digest[32] size count     bytes of it, chunks in it
 *   chunks: digest[32] size stored    of all packs, one after the other
 *   order:  number                    of a chunk: so many are the tar */
#include "image/chunkindex.h"

#include <string.h>

#include "tools/alloc.h"

#define MAGIC "tenoncm1"
#define HEAD (8 + 3 * 4)
#define ENTRY (TENON_DIGEST_BIN_LEN + 2 * 4) /* of a pack, of a chunk */

void
tenon_chunk_index_release(struct tenon_chunk_index *x)
{
    free(x->packs);
    free(x->chunks);
    free(x->order);
    *x = (struct tenon_chunk_index){0};
}

void
tenon_chunk_pack_digest(const struct tenon_chunk_pack *p, struct tenon_digest *out)
{
    tenon_digest_of_bytes(p->digest, out);
}

/* ---- writing -------------------------------------------------------------- */

static void
put(struct tenon_buf *out, uint32_t n)
{
    const unsigned char b[] = { (unsigned char)(n >> 24), (unsigned char)(n >> 16),
                                (unsigned char)(n >> 8), (unsigned char)n };
    tenon_buf_add(out, b, sizeof b);
}

void
tenon_chunk_index_write(const struct tenon_chunk_index *x, struct tenon_buf *out)
{
    tenon_buf_adds(out, MAGIC);
    put(out, x->pack_count);
    put(out, x->chunk_count);
    put(out, x->order_len);
    for (uint32_t i = 0; i < x->pack_count; i++) {
        tenon_buf_add(out, x->packs[i].digest, sizeof x->packs[i].digest);
        put(out, x->packs[i].size);
        put(out, x->packs[i].count);
    }
    for (uint32_t i = 0; i < x->chunk_count; i++) {
        tenon_buf_add(out, x->chunks[i].digest, sizeof x->chunks[i].digest);
        put(out, x->chunks[i].size);
        put(out, x->chunks[i].stored);
    }
    for (uint32_t i = 0; i < x->order_len; i++)
        put(out, x->order[i]);
}

/* ---- reading -------------------------------------------------------------- */

static uint32_t
get(const unsigned char **p)
{
    const unsigned char *b = *p;
    *p += 4;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static int
wrong(struct tenon_error *err, const char *what, uint32_t i)
{
    return tenon_error_set(err, TENON_E_CORRUPT, "index of a cache mount: %s %u is malformed",
                           what, i);
}

static int
read_chunks(struct tenon_chunk_index *x, uint32_t pack, const unsigned char **p,
            struct tenon_error *err)
{
    const struct tenon_chunk_pack *k = &x->packs[pack];
    uint32_t offset = 0;
    for (uint32_t i = k->first; i < k->first + k->count; i++) {
        struct tenon_chunk *c = &x->chunks[i];
        memcpy(c->digest, *p, sizeof c->digest);
        *p += sizeof c->digest;
        c->size = get(p);
        c->stored = get(p);
        c->pack = pack;
        c->offset = offset;
        if (!c->size || c->size > TENON_CHUNK_MAX || !c->stored || c->stored > c->size ||
            c->stored > k->size - offset)
            return wrong(err, "chunk", i);
        offset += c->stored;
    }
    return offset == k->size ? 0 : wrong(err, "pack", pack);
}

static int
read_packs(struct tenon_chunk_index *x, const unsigned char **p, struct tenon_error *err)
{
    uint32_t first = 0;
    for (uint32_t i = 0; i < x->pack_count; i++) {
        struct tenon_chunk_pack *k = &x->packs[i];
        memcpy(k->digest, *p, sizeof k->digest);
        *p += sizeof k->digest;
        k->size = get(p);
        k->count = get(p);
        k->first = first;
        if (!k->size || k->size > TENON_CHUNK_PACK_BYTES_MAX || !k->count ||
            k->count > x->chunk_count - first)
            return wrong(err, "pack", i);
        first += k->count;
    }
    return first == x->chunk_count
               ? 0
               : tenon_error_set(err, TENON_E_CORRUPT,
                                 "index of a cache mount: %u chunks in packs, %u in all", first,
                                 x->chunk_count);
}

static int
read_order(struct tenon_chunk_index *x, const unsigned char **p,
           const struct tenon_limits *limits, struct tenon_error *err)
{
    const uint64_t most = tenon_limit(limits, TENON_LIMIT_UNPACKED);
    for (uint32_t i = 0; i < x->order_len; i++) {
        const uint32_t n = get(p);
        if (n >= x->chunk_count)
            return wrong(err, "place", i);
        x->order[i] = n;
        x->bytes += x->chunks[n].size;
    }
    return x->bytes <= most ? 0
                            : tenon_limit_exceeded(limits, TENON_LIMIT_UNPACKED, err,
                                                   "a cache mount of %llu bytes",
                                                   (unsigned long long)x->bytes);
}

static int
parse(struct tenon_chunk_index *x, const unsigned char *p, size_t len,
      const struct tenon_limits *limits, struct tenon_error *err)
{
    if (len < HEAD || memcmp(p, MAGIC, strlen(MAGIC)) != 0)
        return tenon_error_set(err, TENON_E_CORRUPT, "not an index of a cache mount");
    p += strlen(MAGIC);
    x->pack_count = get(&p);
    x->chunk_count = get(&p);
    x->order_len = get(&p);
    if (x->pack_count > TENON_CHUNK_PACKS_MAX)
        return tenon_error_set(err, TENON_E_LIMIT, "index of a cache mount: %u packs, more than %d",
                               x->pack_count, TENON_CHUNK_PACKS_MAX);
    const uint64_t wanted = HEAD + ((uint64_t)x->pack_count + x->chunk_count) * ENTRY +
                            (uint64_t)x->order_len * 4;
    if (wanted != len)
        return tenon_error_set(err, TENON_E_CORRUPT,
                               "index of a cache mount: %zu bytes, it says %llu", len,
                               (unsigned long long)wanted);
    x->packs = tenon_calloc(x->pack_count + (size_t)1, sizeof *x->packs);
    x->chunks = tenon_calloc(x->chunk_count + (size_t)1, sizeof *x->chunks);
    x->order = tenon_calloc(x->order_len + (size_t)1, sizeof *x->order);
    if (read_packs(x, &p, err) < 0)
        return err->code;
    for (uint32_t i = 0; i < x->pack_count; i++)
        if (read_chunks(x, i, &p, err) < 0)
            return err->code;
    return read_order(x, &p, limits, err);
}

int
tenon_chunk_index_parse(const void *data, size_t len, const struct tenon_limits *limits,
                        struct tenon_chunk_index *out, struct tenon_error *err)
{
    auto_chunk_index struct tenon_chunk_index x = {0};
    if (len > TENON_CHUNK_INDEX_MAX)
        return tenon_error_set(err, TENON_E_LIMIT, "index of a cache mount: %zu bytes", len);
    if (parse(&x, data, len, limits, err) < 0)
        return err->code;
    *out = x;
    x = (struct tenon_chunk_index){0};
    return 0;
}
