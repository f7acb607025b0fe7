/* fuzz-chunks - the index of a cache mount that is imported: what is taken fits together, is no
 * more than it says, and is written as it was. */
#define FUZZ_CORPUS "chunks"
#include "fuzz.h"

#include "image/chunkindex.h"

static void
check(const struct tenon_chunk_index *x)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < x->chunk_count; i++) {
        const struct tenon_chunk *c = &x->chunks[i];
        tenon_assert(c->pack < x->pack_count && c->size && c->size <= TENON_CHUNK_MAX);
        tenon_assert(c->stored && c->stored <= c->size);
        tenon_assert((uint64_t)c->offset + c->stored <= x->packs[c->pack].size);
    }
    for (uint32_t i = 0; i < x->order_len; i++) {
        tenon_assert(x->order[i] < x->chunk_count);
        bytes += x->chunks[x->order[i]].size;
    }
    tenon_assert(bytes == x->bytes);
    for (uint32_t i = 0; i < x->pack_count; i++) {
        struct tenon_digest digest;
        tenon_chunk_pack_digest(&x->packs[i], &digest);
        tenon_assert(strlen(digest.str) == TENON_DIGEST_STR_LEN);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct tenon_limits limits = { .value = { [TENON_LIMIT_UNPACKED] = 1 << 20 } };
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_chunk_index struct tenon_chunk_index x = {0};
    if (tenon_chunk_index_parse(data, size, &limits, &x, &err) < 0) {
        tenon_assert(err.message && !x.packs && !x.chunks && !x.order);
        return 0;
    }
    auto_buf struct tenon_buf again = TENON_BUF_INIT;
    tenon_assert(x.bytes <= 1 << 20);
    check(&x);
    tenon_chunk_index_write(&x, &again);
    tenon_assert(again.len == size && memcmp(again.data, data, size) == 0);
    return 0;
}
