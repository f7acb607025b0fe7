/* image/chunkindex.h - a tree of files as chunks of its tar, in packs (docs/caching.md, "Cache
 * mounts that travel"): the index that says which, and what makes and reads them.
 *
 * A pack is a blob: chunks, one after the other, each compressed by itself or as it is. The index
 * is another: which packs there are, which chunks are in them, and in which order these are the
 * tar. A pack may have chunks that nothing needs any more. */
#ifndef TENON_IMAGE_CHUNKINDEX_H
#define TENON_IMAGE_CHUNKINDEX_H

#include <stdint.h>

#include "base/cancel.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/limits.h"
#include "store/store.h"
#include "tools/chunker.h"

#define TENON_MT_CHUNK_INDEX "application/vnd.tenon.cachemount.index.v1"
#define TENON_MT_CHUNK_PACK "application/vnd.tenon.cachemount.pack.v1"

/* Limits of what is read, and written. */
#define TENON_CHUNK_INDEX_MAX ((size_t)256 << 20) /* bytes of an index */
#define TENON_CHUNK_PACKS_MAX 2000                /* of one: a manifest lists them */
#define TENON_CHUNK_PACK_BYTES_MAX ((uint32_t)32 << 20)

struct tenon_chunk {
    uint8_t digest[TENON_DIGEST_BIN_LEN];
    uint32_t size;   /* 1 to TENON_CHUNK_MAX */
    uint32_t stored; /* bytes of it in its pack; size: it is not compressed */
    uint32_t pack, offset;
};

struct tenon_chunk_pack {
    uint8_t digest[TENON_DIGEST_BIN_LEN];
    uint32_t size;
    uint32_t first, count; /* its chunks */
};

struct tenon_chunk_index {
    struct tenon_chunk_pack *packs;
    struct tenon_chunk *chunks; /* as they are in the packs, which are in order */
    uint32_t *order;            /* numbers of chunks: the tar */
    uint32_t pack_count, chunk_count, order_len;
    uint64_t bytes; /* of the tar */
};
void tenon_chunk_index_release(struct tenon_chunk_index *x);
TENON_DEFINE_AUTO_STRUCT(chunk_index, struct tenon_chunk_index, tenon_chunk_index_release);
#define auto_chunk_index __attribute__((cleanup(tenon_auto_chunk_index)))

void tenon_chunk_index_write(const struct tenon_chunk_index *x, struct tenon_buf *out);
/* Hostile: all that is said in it fits together, and makes no more of a tar than limits allow
 * (NULL: the defaults). */
int tenon_chunk_index_parse(const void *data, size_t len, const struct tenon_limits *limits,
                            struct tenon_chunk_index *out, struct tenon_error *err);
/* As descriptors have it. */
void tenon_chunk_pack_digest(const struct tenon_chunk_pack *p, struct tenon_digest *out);

/* ---- making (chunkwrite.c) ------------------------------------------------ */

struct tenon_chunk_write {
    /* What was sent before: what their packs in the content store have is not made again. What
     * they say of packs is not believed, but compared. */
    const struct tenon_chunk_index *const *bases;
    size_t base_count;
    struct tenon_cancel *cancel;
    void (*progress)(void *data, uint64_t bytes); /* of the tar, so far */
    void *data;
    uint64_t new_bytes; /* out: of the packs that were made */
};
/* Of the tree at dirfd; new packs are in the content store. Packs of the bases that are mostly of
 * use are named again; what little is of use in others, and in too many small ones, is packed
 * anew. */
int tenon_chunk_write(struct tenon_store *s, int dirfd, struct tenon_chunk_write *w,
                      struct tenon_chunk_index *out, struct tenon_error *err);

/* ---- reading (chunkread.c) ------------------------------------------------ */

/* The tree into an empty directory; the packs that it needs are in the content store. */
int tenon_chunk_read(struct tenon_store *s, const struct tenon_chunk_index *x, int dirfd,
                     struct tenon_cancel *cancel, struct tenon_error *err);

#endif
