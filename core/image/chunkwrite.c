/* image/chunkwrite.c - a tree into chunks and packs; see chunkindex.h.
 *
 * Chunks begin at files of some size, and where the content says so: what is changed in a file, or
 * a file that is new, changes the chunks of it and hardly a neighbour. What the bases have of
 * them is not made again. */
#include "image/chunkindex.h"

#include <string.h>
#include <sys/types.h>
#include <unistd.h>
#include <uthash.h>
#include <zstd.h>

#include "image/treewrite.h"
#include "tools/alloc.h"
#include "tools/vec.h"

#define LEVEL 3
/* Files from here on have chunks of their own. */
#define ALONE (8 << 10)
/* A pack ends behind a chunk whose digest says so (one in 256: some 4 MiB), but has at least
 * this and at most that. */
#define PACK_LEAST ((uint32_t)2 << 20)
#define PACK_MOST ((uint32_t)16 << 20)
/* So many packs of bases may be smaller than PACK_LEAST; more are put together. */
#define SMALL_PACKS 32
#define NONE UINT32_MAX

struct known { /* a chunk, by its digest */
    uint8_t digest[TENON_DIGEST_BIN_LEN];
    uint32_t number; /* in found */
    UT_hash_handle hh;
};

struct found { /* a chunk of the tar, each once */
    struct tenon_chunk chunk;
    const struct tenon_chunk_index *base; /* that has it, as chunk `at`; NULL: it is new */
    uint32_t at;
};

struct based { /* a pack of a base */
    const struct tenon_chunk_index *base;
    uint32_t pack, live; /* bytes of use */
    bool kept;
    uint32_t first; /* its chunks in what is made, if it is kept */
};

struct sorted { /* a base's chunks by digest: hostile ones cost no more than others */
    const struct tenon_chunk_index *base;
    const struct tenon_chunk **chunks;
    struct based *packs;
};

struct writer {
    struct tenon_store *store;
    struct tenon_chunk_write *w;
    struct tenon_chunker chunker;
    unsigned char chunk[TENON_CHUNK_MAX];
    size_t len; /* of it */
    struct tenon_hash *hash;
    ZSTD_CCtx *zstd;
    void *packed;
    struct known *known;
    TENON_VEC(struct found) found;
    TENON_VEC(uint32_t) order; /* numbers in found */
    struct sorted *bases;
    uint64_t bytes;
    ZSTD_DCtx *unzstd;
    const struct tenon_chunk_pack *turned_to; /* a pack of a base, */
    int old;                                  /* and its blob; -1: it is not here */
    char stored[TENON_CHUNK_MAX], unpacked[TENON_CHUNK_MAX];

    struct tenon_blob_writer *blob; /* the pack at hand; NULL: none yet */
    uint32_t pack_size;
    TENON_VEC(struct tenon_chunk_pack) packs;
    TENON_VEC(uint32_t) put; /* numbers in found, as they are in the packs */
};

/* ---- packs ---------------------------------------------------------------- */

static int
end_pack(struct writer *w, struct tenon_error *err)
{
    struct tenon_digest digest;
    if (!w->blob)
        return 0;
    if (tenon_blob_commit(tenon_steal(&w->blob), NULL, -1, &digest, err) < 0)
        return err->code;
    struct tenon_chunk_pack *p = &w->packs.items[w->packs.len - 1];
    tenon_digest_bytes(&digest, p->digest);
    p->size = w->pack_size;
    w->w->new_bytes += w->pack_size;
    return 0;
}

/* stored bytes of the chunk, to the end of the pack at hand. */
static int
pack_chunk(struct writer *w, uint32_t number, const void *data, uint32_t stored,
           struct tenon_error *err)
{
    struct tenon_chunk *c = &w->found.items[number].chunk;
    if (!w->blob) {
        if (w->packs.len >= TENON_CHUNK_PACKS_MAX)
            return tenon_error_set(err, TENON_E_LIMIT, "more than %d packs",
                                   TENON_CHUNK_PACKS_MAX);
        if (tenon_blob_writer_new(w->store, &w->blob, err) < 0)
            return err->code;
        tenon_vec_push(&w->packs,
                       (struct tenon_chunk_pack){ .first = (uint32_t)w->put.len });
        w->pack_size = 0;
    }
    if (tenon_blob_write(w->blob, data, stored, err) < 0)
        return err->code;
    c->stored = stored;
    c->offset = w->pack_size;
    c->pack = (uint32_t)w->packs.len - 1;
    w->found.items[number].base = NULL;
    w->packs.items[c->pack].count++;
    w->pack_size += stored;
    tenon_vec_push(&w->put, number);
    const bool border = c->digest[0] == 0 && w->pack_size >= PACK_LEAST;
    return border || w->pack_size >= PACK_MOST ? end_pack(w, err) : 0;
}

/* ---- chunks ---------------------------------------------------------------- */

static int
by_digest(const void *a, const void *b)
{
    return memcmp((*(const struct tenon_chunk *const *)a)->digest,
                  (*(const struct tenon_chunk *const *)b)->digest, TENON_DIGEST_BIN_LEN);
}

static void
sort_base(const struct tenon_chunk_index *base, struct sorted *s)
{
    s->base = base;
    s->chunks = tenon_calloc(base->chunk_count + (size_t)1, sizeof *s->chunks);
    s->packs = tenon_calloc(base->pack_count + (size_t)1, sizeof *s->packs);
    for (uint32_t i = 0; i < base->chunk_count; i++)
        s->chunks[i] = &base->chunks[i];
    for (uint32_t i = 0; i < base->pack_count; i++)
        s->packs[i] = (struct based){ .base = base, .pack = i };
    if (base->chunk_count)
        qsort(s->chunks, base->chunk_count, sizeof *s->chunks, by_digest);
}

static void
turn_to(struct writer *w, const struct tenon_chunk_pack *pack)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT; /* then it is made again */
    struct tenon_digest digest;
    if (w->turned_to == pack)
        return;
    if (w->old >= 0)
        close(w->old);
    tenon_chunk_pack_digest(pack, &digest);
    w->old = tenon_blob_open(w->store, digest.str, NULL, &ignored);
    w->turned_to = pack;
}

/* Whether the chunk at hand is there. Its index may be another's, and may say anything. */
static bool
has_chunk(struct writer *w, const struct tenon_chunk_index *base, const struct tenon_chunk *c)
{
    if (c->size != w->len)
        return false;
    turn_to(w, &base->packs[c->pack]);
    if (w->old < 0 || pread(w->old, w->stored, c->stored, c->offset) != (ssize_t)c->stored)
        return false;
    if (c->stored == c->size)
        return memcmp(w->stored, w->chunk, w->len) == 0;
    const size_t n = ZSTD_decompressDCtx(w->unzstd, w->unpacked, c->size, w->stored, c->stored);
    return n == w->len && memcmp(w->unpacked, w->chunk, w->len) == 0;
}

static bool
find_in_bases(struct writer *w, struct found *f)
{
    const struct tenon_chunk *key = &f->chunk;
    for (size_t i = 0; i < w->w->base_count; i++) {
        const struct sorted *s = &w->bases[i];
        const struct tenon_chunk **hit =
            s->base->chunk_count ? bsearch(&key, s->chunks, s->base->chunk_count,
                                           sizeof *s->chunks, by_digest)
                                 : NULL;
        if (!hit || !has_chunk(w, s->base, *hit))
            continue;
        f->base = s->base;
        f->at = (uint32_t)(*hit - s->base->chunks);
        s->packs[(*hit)->pack].live += (*hit)->stored;
        return true;
    }
    return false;
}

static int
add_new(struct writer *w, uint32_t number, struct tenon_error *err)
{
    const size_t room = ZSTD_compressBound(TENON_CHUNK_MAX);
    const size_t n = ZSTD_compressCCtx(w->zstd, w->packed, room, w->chunk, w->len, LEVEL);
    if (ZSTD_isError(n))
        return tenon_error_set(err, TENON_E_FAILED, "zstd: %s", ZSTD_getErrorName(n));
    return n < w->len ? pack_chunk(w, number, w->packed, (uint32_t)n, err)
                      : pack_chunk(w, number, w->chunk, (uint32_t)w->len, err);
}

static int
end_chunk(struct writer *w, struct tenon_error *err)
{
    struct tenon_digest digest;
    uint8_t bin[TENON_DIGEST_BIN_LEN];
    struct known *k;
    tenon_chunker_end(&w->chunker);
    if (!w->len)
        return 0;
    if (w->order.len >= NONE - 1)
        return tenon_error_set(err, TENON_E_LIMIT, "too many chunks");
    tenon_hash_update(w->hash, w->chunk, w->len);
    tenon_hash_final(w->hash, &digest);
    tenon_digest_bytes(&digest, bin);
    HASH_FIND(hh, w->known, bin, sizeof bin, k);
    int rc = 0;
    if (!k) {
        k = tenon_new0(struct known);
        memcpy(k->digest, bin, sizeof bin);
        k->number = (uint32_t)w->found.len;
        HASH_ADD(hh, w->known, digest, sizeof k->digest, k);
        struct found *f = tenon_vec_add(&w->found);
        memcpy(f->chunk.digest, bin, sizeof bin);
        f->chunk.size = (uint32_t)w->len;
        if (!find_in_bases(w, f))
            rc = add_new(w, k->number, err);
    }
    tenon_vec_push(&w->order, k->number);
    w->bytes += w->len;
    w->len = 0;
    if (rc == 0 && w->w->progress)
        w->w->progress(w->w->data, w->bytes);
    return rc;
}

static int
take(void *data, const void *buf, size_t len, struct tenon_error *err)
{
    struct writer *w = data;
    const char *p = buf;
    while (len) {
        bool ends;
        const size_t n = tenon_chunker_pass(&w->chunker, p, len, &ends);
        memcpy(w->chunk + w->len, p, n);
        w->len += n;
        p += n;
        len -= n;
        if (ends && end_chunk(w, err) < 0)
            return err->code;
    }
    return 0;
}

static int
border(void *data, uint64_t size, struct tenon_error *err)
{
    return size >= ALONE ? end_chunk(data, err) : 0;
}

/* ---- what is used of the bases --------------------------------------------- */

static bool
is_small(const struct based *p)
{
    return p->base->packs[p->pack].size < PACK_LEAST;
}

/* A pack of which half is of use stays; and of small ones, so many. */
static void
choose(struct writer *w)
{
    uint32_t small = 0;
    for (size_t i = 0; i < w->w->base_count; i++)
        for (uint32_t n = 0; n < w->bases[i].base->pack_count; n++)
            small += w->bases[i].packs[n].live && is_small(&w->bases[i].packs[n]);
    for (size_t i = 0; i < w->w->base_count; i++)
        for (uint32_t n = 0; n < w->bases[i].base->pack_count; n++) {
            struct based *p = &w->bases[i].packs[n];
            const struct tenon_chunk_pack *pack = &p->base->packs[n];
            const bool good = p->live >= pack->size / 2 &&
                              !(small > SMALL_PACKS && is_small(p));
            p->kept = p->live && good;
        }
}

static struct based *
pack_of(struct writer *w, const struct found *f)
{
    for (size_t i = 0; i < w->w->base_count; i++)
        if (w->bases[i].base == f->base)
            return &w->bases[i].packs[f->base->chunks[f->at].pack];
    return NULL;
}

/* Out of a pack that is given up; it was compared when it was found. */
static int
move_chunk(struct writer *w, uint32_t number, struct tenon_error *err)
{
    const struct found *f = &w->found.items[number];
    const struct tenon_chunk *c = &f->base->chunks[f->at];
    const struct tenon_chunk_pack *pack = &f->base->packs[c->pack];
    struct tenon_digest digest;
    turn_to(w, pack);
    tenon_chunk_pack_digest(pack, &digest);
    if (w->old < 0)
        return tenon_error_set(err, TENON_E_NOT_FOUND, "%s is gone", digest.str);
    if (pread(w->old, w->stored, c->stored, c->offset) != (ssize_t)c->stored)
        return tenon_error_set(err, TENON_E_CORRUPT, "%s is too short", digest.str);
    return pack_chunk(w, number, w->stored, c->stored, err);
}

static int
move_rest(struct writer *w, struct tenon_error *err)
{
    for (uint32_t i = 0; i < w->found.len; i++)
        if (w->found.items[i].base && !pack_of(w, &w->found.items[i])->kept &&
            move_chunk(w, i, err) < 0)
            return err->code;
    return end_pack(w, err);
}

/* ---- the index --------------------------------------------------------------- */

static void
add_pack(struct tenon_chunk_index *out, const struct tenon_chunk_pack *p,
         const struct tenon_chunk *chunks)
{
    struct tenon_chunk_pack *to = &out->packs[out->pack_count];
    *to = *p;
    to->first = out->chunk_count;
    for (uint32_t i = 0; i < p->count; i++) {
        struct tenon_chunk *c = &out->chunks[out->chunk_count++];
        *c = chunks[i];
        c->pack = out->pack_count;
    }
    out->pack_count++;
}

static int
make_index(struct writer *w, struct tenon_chunk_index *out, struct tenon_error *err)
{
    size_t packs = w->packs.len, chunks = w->put.len;
    for (size_t i = 0; i < w->w->base_count; i++)
        for (uint32_t n = 0; n < w->bases[i].base->pack_count; n++)
            if (w->bases[i].packs[n].kept) {
                packs++;
                chunks += w->bases[i].base->packs[n].count;
            }
    if (packs > TENON_CHUNK_PACKS_MAX || chunks >= NONE)
        return tenon_error_set(err, TENON_E_LIMIT, "more than %d packs", TENON_CHUNK_PACKS_MAX);
    auto_chunk_index struct tenon_chunk_index x = {
        .packs = tenon_calloc(packs + 1, sizeof *x.packs),
        .chunks = tenon_calloc(chunks + 1, sizeof *x.chunks),
        .order = tenon_calloc(w->order.len + 1, sizeof *x.order),
        .order_len = (uint32_t)w->order.len, .bytes = w->bytes,
    };
    for (size_t i = 0; i < w->w->base_count; i++)
        for (uint32_t n = 0; n < w->bases[i].base->pack_count; n++) {
            struct based *p = &w->bases[i].packs[n];
            if (!p->kept)
                continue;
            p->first = x.chunk_count;
            add_pack(&x, &p->base->packs[n], &p->base->chunks[p->base->packs[n].first]);
        }
    const uint32_t first_new = x.chunk_count;
    auto_free struct tenon_chunk *made = tenon_calloc(w->put.len + 1, sizeof *made);
    auto_free uint32_t *places = tenon_calloc(w->found.len + 1, sizeof *places);
    for (uint32_t i = 0; i < w->put.len; i++) {
        made[i] = w->found.items[w->put.items[i]].chunk;
        places[w->put.items[i]] = first_new + i;
    }
    tenon_vec_foreach(p, &w->packs)
        add_pack(&x, p, made + p->first);
    for (uint32_t i = 0; i < w->found.len; i++) {
        const struct found *f = &w->found.items[i];
        const struct based *p = f->base ? pack_of(w, f) : NULL;
        if (p)
            places[i] = p->first + f->at - p->base->packs[p->pack].first;
    }
    for (uint32_t i = 0; i < x.order_len; i++)
        x.order[i] = places[w->order.items[i]];
    *out = x;
    x = (struct tenon_chunk_index){0};
    return 0;
}

static void
writer_release(struct writer *w)
{
    struct known *k, *next;
    if (w->blob)
        tenon_blob_abort(w->blob);
    HASH_ITER(hh, w->known, k, next) {
        HASH_DEL(w->known, k);
        free(k);
    }
    for (size_t i = 0; i < w->w->base_count; i++) {
        free(w->bases[i].chunks);
        free(w->bases[i].packs);
    }
    free(w->bases);
    tenon_vec_release(&w->found);
    tenon_vec_release(&w->order);
    tenon_vec_release(&w->packs);
    tenon_vec_release(&w->put);
    tenon_hash_free(w->hash);
    ZSTD_freeCCtx(w->zstd);
    ZSTD_freeDCtx(w->unzstd);
    if (w->old >= 0)
        close(w->old);
    free(w->packed);
    free(w);
}

static int
run(struct writer *w, int dirfd, struct tenon_chunk_index *out, struct tenon_error *err)
{
    const struct tenon_tar tar = { .write = take, .data = w };
    const struct tenon_tree_tar tree = { .tar = &tar, .border = border, .data = w,
                                         .cancel = w->w->cancel };
    if (!w->zstd || !w->unzstd)
        return tenon_error_set(err, TENON_E_NOMEM, "zstd: no memory");
    if (tenon_tree_tar_write(&tree, dirfd, err) < 0 || end_chunk(w, err) < 0)
        return err->code;
    choose(w);
    return move_rest(w, err) < 0 ? err->code : make_index(w, out, err);
}

int
tenon_chunk_write(struct tenon_store *s, int dirfd, struct tenon_chunk_write *o,
                  struct tenon_chunk_index *out, struct tenon_error *err)
{
    struct writer *w = tenon_new0(struct writer);
    w->store = s;
    w->w = o;
    w->hash = tenon_hash_new();
    w->zstd = ZSTD_createCCtx();
    w->unzstd = ZSTD_createDCtx();
    w->old = -1;
    w->packed = tenon_malloc(ZSTD_compressBound(TENON_CHUNK_MAX));
    w->bases = tenon_calloc(o->base_count + 1, sizeof *w->bases);
    o->new_bytes = 0;
    tenon_chunker_init(&w->chunker);
    for (size_t i = 0; i < o->base_count; i++)
        sort_base(o->bases[i], &w->bases[i]);
    const int rc = run(w, dirfd, out, err);
    writer_release(w);
    return rc;
}
