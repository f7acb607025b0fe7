/* image/chunkread.c - chunks and packs back into a tree; see chunkindex.h. The tar goes through a
 * pipe to what unpacks every hostile archive; a thread puts it together. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "base/io.h"
#include "image/chunkindex.h"
#include "image/layer.h"
#include "tools/alloc.h"

struct reader {
    struct tenon_store *store;
    const struct tenon_chunk_index *x;
    int out;  /* the pipe's */
    int pack; /* the blob of `number` */
    uint32_t number;
    ZSTD_DCtx *zstd;
    struct tenon_hash *hash;
    char stored[TENON_CHUNK_MAX], chunk[TENON_CHUNK_MAX];
    struct tenon_error err;
};

static int
turn_to(struct reader *r, uint32_t pack, struct tenon_error *err)
{
    struct tenon_digest digest;
    if (r->pack >= 0 && r->number == pack)
        return 0;
    if (r->pack >= 0)
        close(tenon_steal_fd(&r->pack));
    tenon_chunk_pack_digest(&r->x->packs[pack], &digest);
    r->pack = tenon_blob_open(r->store, digest.str, NULL, err);
    r->number = pack;
    return r->pack < 0 ? r->pack : 0;
}

static int
read_chunk(struct reader *r, const struct tenon_chunk *c, const char **data,
           struct tenon_error *err)
{
    struct tenon_digest got, said;
    if (turn_to(r, c->pack, err) < 0)
        return err->code;
    tenon_digest_of_bytes(c->digest, &said);
    if (pread(r->pack, r->stored, c->stored, c->offset) != (ssize_t)c->stored)
        return tenon_error_set(err, TENON_E_CORRUPT, "a pack ends before chunk %s", said.str);
    *data = r->stored;
    if (c->stored < c->size) {
        const size_t n = ZSTD_decompressDCtx(r->zstd, r->chunk, c->size, r->stored, c->stored);
        if (ZSTD_isError(n) || n != c->size)
            return tenon_error_set(err, TENON_E_CORRUPT, "chunk %s is damaged", said.str);
        *data = r->chunk;
    }
    tenon_hash_update(r->hash, *data, c->size);
    tenon_hash_final(r->hash, &got);
    return tenon_streq(got.str, said.str)
               ? 0
               : tenon_error_set(err, TENON_E_CORRUPT, "chunk %s has digest %s", said.str,
                                 got.str);
}

static void *
put_together(void *data)
{
    struct reader *r = data;
    for (uint32_t i = 0; i < r->x->order_len && !r->err.code; i++) {
        const struct tenon_chunk *c = &r->x->chunks[r->x->order[i]];
        const char *bytes = NULL;
        if (read_chunk(r, c, &bytes, &r->err) == 0)
            tenon_write_all(r->out, bytes, c->size, &r->err); /* EPIPE: the other end says why */
    }
    close(tenon_steal_fd(&r->out));
    return NULL;
}

/* SIGPIPE is not for us. */
static int
start(struct reader *r, pthread_t *thread, struct tenon_error *err)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    const int rc = pthread_create(thread, NULL, put_together, r);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return rc ? tenon_error_errno(err, rc, "start a thread") : 0;
}

static int
run(struct reader *r, int dirfd, struct tenon_cancel *cancel, struct tenon_error *err)
{
    int ends[2];
    pthread_t thread;
    if (!r->zstd)
        return tenon_error_set(err, TENON_E_NOMEM, "zstd: no memory");
    if (pipe2(ends, O_CLOEXEC) < 0)
        return tenon_error_sys(err, "pipe");
    fcntl(ends[0], F_SETPIPE_SZ, 1 << 20); /* or what the kernel gives */
    r->out = ends[1];
    if (start(r, &thread, err) < 0) {
        close(ends[0]);
        close(ends[1]);
        return err->code;
    }
    tenon_tree_unpack(ends[0], dirfd, tenon_store_limits(r->store), cancel, err);
    close(ends[0]);
    pthread_join(thread, NULL);
    if (!r->err.code || r->err.sys == EPIPE)
        return err->code;
    tenon_error_release(err); /* it saw a tar that ends too early */
    return tenon_error_move(err, &r->err);
}

int
tenon_chunk_read(struct tenon_store *s, const struct tenon_chunk_index *x, int dirfd,
                 struct tenon_cancel *cancel, struct tenon_error *err)
{
    struct reader *r = tenon_new0(struct reader);
    r->store = s;
    r->x = x;
    r->out = r->pack = -1;
    r->zstd = ZSTD_createDCtx();
    r->hash = tenon_hash_new();
    const int rc = run(r, dirfd, cancel, err);
    if (r->pack >= 0)
        close(r->pack);
    ZSTD_freeDCtx(r->zstd);
    tenon_hash_free(r->hash);
    tenon_error_release(&r->err);
    free(r);
    return rc;
}
