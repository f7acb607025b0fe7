/* image/deflate.c - compressing layers, see stream.h.
 *
 * gzip: the input is cut into blocks of BLOCK_SIZE.  Each is deflated on its
 * own (encoder.h), without history, and ends on a byte boundary; one after the
 * other in one member they are an ordinary gzip file.  Which thread did a block
 * does not show.  One block is done by the caller; threads start with the
 * second.  estargz and zstd:chunked are several members, or frames, with a table
 * of what is in them (contents.h, pieces.h).  ISA-L and zlib are trusted with the
 * checksum alone: their output depends on more than their input
 * (docs/reproducible.md). */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#ifdef HAVE_ISAL
#include <isa-l.h>
#endif

#include "tools/alloc.h"
#include "image/contents.h"
#include "image/encoder.h"
#include "image/pieces.h"
#include "image/stream.h"
#include "image/tar.h"

#define BLOCK_SIZE TENON_ENCODE_INPUT
#define THREADS_MAX 8
#define ZSTD_LEVEL 3
#define ZSTD_JOB_BYTES (4 << 20)

enum method { METHOD_NONE, METHOD_GZIP, METHOD_ZSTD };
enum slot_state { SLOT_FREE, SLOT_READY, SLOT_BUSY, SLOT_DONE };

struct slot {
    enum slot_state state;
    unsigned char *in, *out;
    size_t in_len, out_len;
};

struct tenon_deflate {
    enum method method;
    int level;
    tenon_deflate_sink *sink;
    void *sink_data;
    int64_t written;   /* to the sink */
    bool is_open;      /* something waits for the end of its member or frame */
    struct tenon_hash *hash;
    struct tenon_contents *contents; /* NULL: one member */

    /* gzip */
    uint32_t crc;
    uint64_t total;
    bool started;      /* the header has been written */
    struct slot *slots; /* a ring: [tail, head) are under way */
    size_t slot_count;
    uint64_t head, tail, next; /* next: the first that no thread has taken */
    struct tenon_encoder *encoder; /* the caller's; each thread has one too */
    pthread_t threads[THREADS_MAX];
    size_t thread_count;
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    bool stop;         /* locked by lock, as are states and next */

    ZSTD_CCtx *zstd;
    unsigned char *zstd_out;
};

/* ---- out ----------------------------------------------------------------- */

static int
emit(struct tenon_deflate *d, const void *buf, size_t len, struct tenon_error *err)
{
    d->written += (int64_t)len;
    return d->sink(d->sink_data, buf, len, err);
}

/* ---- threads ------------------------------------------------------------- */

static void
encode_slot(struct tenon_encoder *e, struct slot *s)
{
    s->out_len = tenon_encode(e, s->in, s->in_len, s->out);
}

static void *
worker(void *data)
{
    struct tenon_deflate *d = data;
    auto_encoder struct tenon_encoder *e = tenon_encoder_new(d->level);
    pthread_mutex_lock(&d->lock);
    for (;;) {
        while (!d->stop && d->next == d->head)
            pthread_cond_wait(&d->work, &d->lock);
        if (d->stop)
            break;
        struct slot *s = &d->slots[d->next++ % d->slot_count];
        s->state = SLOT_BUSY;
        pthread_mutex_unlock(&d->lock);
        encode_slot(e, s);
        pthread_mutex_lock(&d->lock);
        s->state = SLOT_DONE;
        pthread_cond_signal(&d->done);
    }
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

/* Threads only help: without any the caller does the blocks. */
static void
start_threads(struct tenon_deflate *d)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    size_t want = cores < 2 ? 0 : cores > THREADS_MAX ? THREADS_MAX : (size_t)cores;
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    while (d->thread_count < want &&
           pthread_create(&d->threads[d->thread_count], NULL, worker, d) == 0)
        d->thread_count++;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* Take the oldest block out of the ring, waiting for it. */
static int
retire(struct tenon_deflate *d, struct tenon_error *err)
{
    struct slot *s = &d->slots[d->tail % d->slot_count];
    pthread_mutex_lock(&d->lock);
    if (s->state == SLOT_READY) {
        /* no thread has taken it yet: do it rather than wait */
        d->next++;
        s->state = SLOT_BUSY;
        pthread_mutex_unlock(&d->lock);
        encode_slot(d->encoder, s);
        pthread_mutex_lock(&d->lock);
        s->state = SLOT_DONE;
    }
    while (s->state != SLOT_DONE)
        pthread_cond_wait(&d->done, &d->lock);
    pthread_mutex_unlock(&d->lock);
    int rc = emit(d, s->out, s->out_len, err);
    s->state = SLOT_FREE;
    s->in_len = 0;
    d->tail++;
    return rc;
}

static int
header(struct tenon_deflate *d, struct tenon_error *err)
{
    static const unsigned char bytes[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff};
    d->started = true;
    return emit(d, bytes, sizeof bytes, err);
}

/* The block being filled; NULL when none is open. */
static struct slot *
open_slot(struct tenon_deflate *d, struct tenon_error *err)
{
    struct slot *s = &d->slots[d->head % d->slot_count];
    if (d->head - d->tail == d->slot_count && retire(d, err) < 0)
        return NULL;
    if (!s->in) {
        s->in = tenon_malloc(BLOCK_SIZE);
        s->out = tenon_malloc(TENON_ENCODE_ROOM);
    }
    return s;
}

static int
submit(struct tenon_deflate *d, struct slot *s, struct tenon_error *err)
{
    if (!d->started && header(d, err) < 0)
        return err->code;
    pthread_mutex_lock(&d->lock);
    s->state = SLOT_READY;
    d->head++;
    pthread_cond_signal(&d->work);
    pthread_mutex_unlock(&d->lock);
    if (d->head == 1)
        start_threads(d);
    return 0;
}

static int
gzip_write(struct tenon_deflate *d, const unsigned char *p, size_t len,
           struct tenon_error *err)
{
#ifdef HAVE_ISAL
    d->crc = crc32_gzip_refl(d->crc, p, len);
#else
    d->crc = (uint32_t)crc32_z(d->crc, p, len);
#endif
    d->total += len;
    while (len > 0) {
        struct slot *s = open_slot(d, err);
        if (!s)
            return err->code;
        size_t n = BLOCK_SIZE - s->in_len;
        if (n > len)
            n = len;
        memcpy(s->in + s->in_len, p, n);
        s->in_len += n;
        p += n;
        len -= n;
        /* the rest of a small layer never gets here: it needs no thread */
        if (s->in_len == BLOCK_SIZE && submit(d, s, err) < 0)
            return err->code;
    }
    return 0;
}

static void
put32(unsigned char *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (unsigned char)(v >> (8 * i));
}

static int
gzip_finish(struct tenon_deflate *d, struct tenon_error *err)
{
    struct slot *s = &d->slots[d->head % d->slot_count];
    bool open = d->head - d->tail < d->slot_count && s->in && s->in_len > 0;
    if (!d->started && header(d, err) < 0)
        return err->code;
    while (d->tail < d->head)
        if (retire(d, err) < 0)
            return err->code;
    if (open) {
        encode_slot(d->encoder, s);
        s->in_len = 0;
        if (emit(d, s->out, s->out_len, err) < 0)
            return err->code;
    }
    /* an empty last block, then the trailer */
    unsigned char end[10] = {0x03, 0x00};
    put32(end + 2, d->crc);
    put32(end + 6, (uint32_t)d->total);
    d->started = false; /* what comes now is another member */
    d->crc = 0;
    d->total = 0;
    return emit(d, end, sizeof end, err);
}

/* ---- zstd ---------------------------------------------------------------- */

static int
zstd_run(struct tenon_deflate *d, const void *data, size_t len,
         ZSTD_EndDirective mode, struct tenon_error *err)
{
    ZSTD_inBuffer in = {data, len, 0};
    for (;;) {
        ZSTD_outBuffer out = {d->zstd_out, BLOCK_SIZE, 0};
        size_t rc = ZSTD_compressStream2(d->zstd, &out, &in, mode);
        if (ZSTD_isError(rc))
            return tenon_error_set(err, TENON_E_FAILED, "zstd: %s",
                                   ZSTD_getErrorName(rc));
        if (out.pos > 0 &&
            emit(d, d->zstd_out, out.pos, err) < 0)
            return err->code;
        if (mode == ZSTD_e_end ? rc == 0 : in.pos == in.size)
            return 0;
    }
}

static int
zstd_open(struct tenon_deflate *d, struct tenon_error *err)
{
    d->zstd = ZSTD_createCCtx();
    if (!d->zstd)
        return tenon_error_set(err, TENON_E_NOMEM, "zstd: no memory");
    d->zstd_out = tenon_malloc(BLOCK_SIZE);
    /* Any number of workers gives the same bytes as one (not as none), with
     * the size of a job fixed. */
    const struct {
        ZSTD_cParameter name;
        int value;
    } parameters[] = {{ZSTD_c_compressionLevel, d->level}, {ZSTD_c_checksumFlag, 1},
                      {ZSTD_c_nbWorkers, 2}, {ZSTD_c_jobSize, ZSTD_JOB_BYTES}};
    /* frames of 4 MiB at most are not worth a thread's start each */
    const size_t count = tenon_countof(parameters) - (d->contents ? 2 : 0);
    for (size_t i = 0; i < count; i++)
        if (ZSTD_isError(ZSTD_CCtx_setParameter(d->zstd, parameters[i].name,
                                                parameters[i].value)))
            return tenon_error_set(err, TENON_E_UNSUPPORTED,
                                   "zstd: this libzstd has no threads, and without them"
                                   " layers come out differently");
    return 0;
}

/* ---- pieces -------------------------------------------------------------- */

static int
add_bytes(void *data, const void *buf, size_t len, struct tenon_error *err)
{
    struct tenon_deflate *d = data;
    if (!len)
        return 0;
    d->is_open = true;
    switch (d->method) {
    case METHOD_GZIP:
        return gzip_write(d, buf, len, err);
    case METHOD_ZSTD:
        return zstd_run(d, buf, len, ZSTD_e_continue, err);
    case METHOD_NONE:
        break;
    }
    return emit(d, buf, len, err);
}

static int
end_stream(struct tenon_deflate *d, struct tenon_error *err)
{
    d->is_open = false;
    return d->method == METHOD_GZIP   ? gzip_finish(d, err)
           : d->method == METHOD_ZSTD ? zstd_run(d, NULL, 0, ZSTD_e_end, err)
                                      : 0;
}

static int
cut(void *data, int64_t *offset, struct tenon_error *err)
{
    struct tenon_deflate *d = data;
    if (d->is_open && end_stream(d, err) < 0)
        return err->code;
    *offset = d->written;
    return 0;
}

static int
hash_and_add(void *data, const void *buf, size_t len, struct tenon_error *err)
{
    struct tenon_deflate *d = data;
    tenon_hash_update(d->hash, buf, len);
    return add_bytes(d, buf, len, err);
}

/* eStargz: the table is a tar of its own, and so in the digest of all. */
static int
add_gzip_table(struct tenon_deflate *d, const struct tenon_buf *table, int64_t offset,
               struct tenon_error *err)
{
    const struct tenon_tar tar = { hash_and_add, d };
    const struct tenon_tar_entry e = { .type = TENON_TAR_FILE, .name = TENON_CONTENTS_NAME,
                                       .size = table->len };
    unsigned char footer[TENON_STARGZ_FOOTER];
    tenon_stargz_footer(offset, footer);
    if (tenon_tar_header(&tar, &e, err) < 0 || hash_and_add(d, table->data, table->len, err) < 0 ||
        tenon_tar_pad(&tar, table->len, err) < 0 || tenon_tar_end(&tar, err) < 0 ||
        end_stream(d, err) < 0)
        return err->code;
    return emit(d, footer, sizeof footer, err);
}

/* A frame that readers of the stream pass over. */
static int
add_passed(struct tenon_deflate *d, const void *data, size_t len, struct tenon_chunked_part *part,
           struct tenon_error *err)
{
    unsigned char head[TENON_ZSTD_SKIP_HEAD];
    if (len > UINT32_MAX)
        return tenon_error_set(err, TENON_E_FAILED, "zstd: the table of contents: too large");
    tenon_zstd_skip_head((uint32_t)len, head);
    if (emit(d, head, sizeof head, err) < 0)
        return err->code;
    part->offset = (uint64_t)d->written;
    part->len = len;
    return emit(d, data, len, err);
}

/* zstd:chunked: the table, the rest of the tar, and where they are. */
static int
add_zstd_table(struct tenon_deflate *d, const struct tenon_buf *table,
               const struct tenon_contents_rest *rest, struct tenon_error *err)
{
    const size_t room = ZSTD_compressBound(table->len);
    auto_free unsigned char *packed = tenon_malloc(room);
    const size_t len = ZSTD_compress(packed, room, table->data, table->len, d->level);
    struct tenon_chunked_part first = { .size = table->len }, second = { .size = rest->size };
    unsigned char footer[TENON_CHUNKED_FOOTER];
    if (ZSTD_isError(len))
        return tenon_error_set(err, TENON_E_FAILED, "zstd: the table of contents: %s",
                               ZSTD_getErrorName(len));
    if (add_passed(d, packed, len, &first, err) < 0 ||
        (rest->packed.len && add_passed(d, rest->packed.data, rest->packed.len, &second, err) < 0))
        return err->code;
    tenon_chunked_footer(&first, &second, footer);
    return emit(d, footer, sizeof footer, err);
}

static int
add_table(struct tenon_deflate *d, struct tenon_error *err)
{
    auto_buf struct tenon_buf table = TENON_BUF_INIT;
    struct tenon_contents_rest rest = { .packed = TENON_BUF_INIT };
    int64_t offset = 0;
    if (tenon_contents_finish(d->contents, &table, &rest, err) == 0 && cut(d, &offset, err) == 0) {
        if (d->method == METHOD_GZIP)
            add_gzip_table(d, &table, offset, err);
        else
            add_zstd_table(d, &table, &rest, err);
    }
    tenon_buf_release(&rest.packed);
    return err->code;
}

/* ---- the interface ------------------------------------------------------- */

static int
choose(const char *method, int *level, enum method *m, struct tenon_error *err)
{
    int level_max = 0;
    if (!method || tenon_streq(method, "gzip") || tenon_streq(method, "estargz")) {
        *m = METHOD_GZIP;
        level_max = TENON_ENCODE_LEVEL_MAX;
        *level = *level == -1 ? TENON_ENCODE_LEVEL : *level;
    } else if (tenon_streq(method, "zstd") || tenon_streq(method, "zstd:chunked")) {
        *m = METHOD_ZSTD;
        level_max = 22;
        *level = *level == -1 ? ZSTD_LEVEL : *level;
    } else if (tenon_streq(method, "uncompressed")) {
        *m = METHOD_NONE;
    } else {
        return tenon_error_set(err, TENON_E_UNSUPPORTED,
                               "compression \"%s\" is not supported", method);
    }
    if (*m != METHOD_NONE && (*level < 0 || *level > level_max))
        return tenon_error_set(err, TENON_E_INVALID,
                               "compression level %d is not in 0..%d", *level,
                               level_max);
    return 0;
}

int
tenon_deflate_check(const char *method, int level, struct tenon_error *err)
{
    enum method m;
    return choose(method, &level, &m, err);
}

int
tenon_deflate_new(const char *method, int level, tenon_deflate_sink *sink,
                  void *data, struct tenon_deflate **out,
                  struct tenon_error *err)
{
    enum method m;
    if (choose(method, &level, &m, err) < 0)
        return err->code;
    struct tenon_deflate *d = tenon_new0(struct tenon_deflate);
    d->method = m;
    d->level = level;
    d->sink = sink;
    d->sink_data = data;
    d->hash = tenon_hash_new();
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->work, NULL);
    pthread_cond_init(&d->done, NULL);
    if (m == METHOD_GZIP) {
        d->slot_count = 2 * THREADS_MAX;
        d->slots = tenon_calloc(d->slot_count, sizeof *d->slots);
        d->encoder = tenon_encoder_new(level);
    }
    if (tenon_is_in_pieces(method)) {
        const struct tenon_contents_sink to = { add_bytes, cut, d, m == METHOD_ZSTD, level };
        d->contents = tenon_contents_new(&to, err);
        if (!d->contents) {
            tenon_deflate_free(d);
            return err->code;
        }
    }
    if (m == METHOD_ZSTD && zstd_open(d, err) < 0) {
        tenon_deflate_free(d);
        return err->code;
    }
    *out = d;
    return 0;
}

const char *
tenon_deflate_maker(const char *method)
{
    enum method m = METHOD_NONE;
    int level = -1;
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    (void)choose(method, &level, &m, &ignored);
    return m == METHOD_GZIP ? TENON_ENCODE_MAKER : m == METHOD_ZSTD ? ZSTD_versionString() : "";
}

int
tenon_deflate_write(struct tenon_deflate *d, const void *data, size_t len,
                    struct tenon_error *err)
{
    tenon_hash_update(d->hash, data, len);
    return d->contents ? tenon_contents_write(d->contents, data, len, err)
                       : add_bytes(d, data, len, err);
}

int
tenon_deflate_finish(struct tenon_deflate *d, struct tenon_digest *raw,
                     struct tenon_error *err)
{
    int rc = d->contents ? add_table(d, err) : end_stream(d, err);
    if (rc == 0)
        tenon_hash_final(d->hash, raw);
    return rc;
}

void
tenon_deflate_free(struct tenon_deflate *d)
{
    if (!d)
        return;
    pthread_mutex_lock(&d->lock);
    d->stop = true;
    pthread_cond_broadcast(&d->work);
    pthread_mutex_unlock(&d->lock);
    for (size_t i = 0; i < d->thread_count; i++)
        pthread_join(d->threads[i], NULL);
    for (size_t i = 0; i < d->slot_count; i++) {
        free(d->slots[i].in);
        free(d->slots[i].out);
    }
    free(d->slots);
    tenon_encoder_free(d->encoder);
    pthread_cond_destroy(&d->work);
    pthread_cond_destroy(&d->done);
    pthread_mutex_destroy(&d->lock);
    ZSTD_freeCCtx(d->zstd);
    free(d->zstd_out);
    tenon_hash_free(d->hash);
    tenon_contents_free(d->contents);
    free(d);
}
