/* image/inflate.c - reading compressed layers, see stream.h. */
#include <string.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#ifdef HAVE_ISAL
#include <isa-l.h>
#endif

#include "base/io.h"
#include "tools/alloc.h"
#include "image/stream.h"

#define IN_SIZE ((size_t)128 << 10)
#define OUT_SIZE ((size_t)256 << 10)

enum format { FORMAT_UNKNOWN, FORMAT_PLAIN, FORMAT_GZIP, FORMAT_ZSTD };

struct tenon_inflate {
    int fd;
    enum format format;
    bool in_end;      /* fd is at its end */
    bool between;     /* at the boundary of two members or frames */
    size_t in_pos, in_len;
    const struct tenon_limits *limits;
    uint64_t read, made; /* bytes so far, of fd and out of it */
    struct tenon_hash *hash;
#ifdef HAVE_ISAL
    struct inflate_state isal;
#else
    z_stream z;
    bool z_open;
#endif
    ZSTD_DStream *zstd;
    unsigned char in[IN_SIZE];
    unsigned char out[OUT_SIZE];
};

struct tenon_inflate *
tenon_inflate_new(int fd, const struct tenon_limits *limits)
{
    struct tenon_inflate *f = tenon_new0(struct tenon_inflate);
    f->fd = fd;
    f->limits = limits;
    f->hash = tenon_hash_new();
    return f;
}

void
tenon_inflate_free(struct tenon_inflate *f)
{
    if (!f)
        return;
#ifndef HAVE_ISAL
    if (f->z_open)
        inflateEnd(&f->z);
#endif
    ZSTD_freeDStream(f->zstd);
    tenon_hash_free(f->hash);
    free(f);
}

static int
fill(struct tenon_inflate *f, struct tenon_error *err)
{
    if (f->in_pos < f->in_len || f->in_end)
        return 0;
    int64_t n = tenon_read_full(f->fd, f->in, sizeof f->in, err);
    if (n < 0)
        return tenon_error_context(err, "read layer");
    f->in_pos = 0;
    f->in_len = (size_t)n;
    f->in_end = (size_t)n < sizeof f->in;
    f->read += (size_t)n;
    return 0;
}

static int
broken(struct tenon_error *err, const char *what)
{
    return tenon_error_set(err, TENON_E_CORRUPT, "%s", what);
}

/* The library counts windows in powers of two, from 2^10 to 2^31. */
static int
window_log(uint64_t bytes)
{
    int log = 10;
    while (log < 31 && UINT64_C(2) << log <= bytes)
        log++;
    return log;
}

static int
start(struct tenon_inflate *f, struct tenon_error *err)
{
    if (fill(f, err) < 0)
        return err->code;
    f->between = true;
    if (f->in_len >= 3 && f->in[0] == 0x1f && f->in[1] == 0x8b && f->in[2] == 8)
        f->format = FORMAT_GZIP;
    else if (f->in_len >= 4 && memcmp(f->in, "\x28\xb5\x2f\xfd", 4) == 0)
        f->format = FORMAT_ZSTD;
    else
        f->format = FORMAT_PLAIN;
#ifndef HAVE_ISAL
    if (f->format == FORMAT_GZIP) {
        if (inflateInit2(&f->z, 15 + 16) != Z_OK)
            return tenon_error_set(err, TENON_E_NOMEM, "zlib: no memory");
        f->z_open = true;
    }
#endif
    if (f->format == FORMAT_ZSTD) {
        f->zstd = ZSTD_createDStream();
        if (!f->zstd)
            return tenon_error_set(err, TENON_E_NOMEM, "zstd: no memory");
        ZSTD_DCtx_setParameter(f->zstd, ZSTD_d_windowLogMax,
                               window_log(tenon_limit(f->limits, TENON_LIMIT_WINDOW)));
    }
    return 0;
}

/* One call of the gzip decoder.  Bytes after a member must be another member; anything else is an
 * error, as it is to Go's reader. */
static int64_t
gzip_some(struct tenon_inflate *f, struct tenon_error *err)
{
    if (f->between) {
        if (f->in_pos == f->in_len && f->in_end)
            return 0;
#ifdef HAVE_ISAL
        isal_inflate_init(&f->isal);
        f->isal.crc_flag = ISAL_GZIP;
#else
        inflateReset(&f->z);
#endif
        f->between = false;
    }
#ifdef HAVE_ISAL
    f->isal.next_in = f->in + f->in_pos;
    f->isal.avail_in = (uint32_t)(f->in_len - f->in_pos);
    f->isal.next_out = f->out;
    f->isal.avail_out = sizeof f->out;
    int rc = isal_inflate(&f->isal);
    f->in_pos = f->in_len - f->isal.avail_in;
    size_t made = sizeof f->out - f->isal.avail_out;
    if (rc != ISAL_DECOMP_OK && rc != ISAL_END_INPUT)
        return broken(err, "gzip stream is damaged");
    bool end = f->isal.block_state == ISAL_BLOCK_FINISH;
#else
    f->z.next_in = f->in + f->in_pos;
    f->z.avail_in = (uInt)(f->in_len - f->in_pos);
    f->z.next_out = f->out;
    f->z.avail_out = sizeof f->out;
    int rc = inflate(&f->z, Z_NO_FLUSH);
    f->in_pos = f->in_len - f->z.avail_in;
    size_t made = sizeof f->out - f->z.avail_out;
    if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
        return broken(err, "gzip stream is damaged");
    bool end = rc == Z_STREAM_END;
#endif
    if (end)
        f->between = true;
    else if (made == 0 && f->in_pos == f->in_len && f->in_end)
        return broken(err, "gzip stream is truncated");
    return (int64_t)made;
}

static int64_t
zstd_some(struct tenon_inflate *f, struct tenon_error *err)
{
    if (f->between && f->in_pos == f->in_len && f->in_end)
        return 0;
    ZSTD_inBuffer in = {f->in, f->in_len, f->in_pos};
    ZSTD_outBuffer out = {f->out, sizeof f->out, 0};
    size_t rc = ZSTD_decompressStream(f->zstd, &out, &in);
    f->in_pos = in.pos;
    if (ZSTD_getErrorCode(rc) == ZSTD_error_frameParameter_windowTooLarge)
        return tenon_limit_exceeded(f->limits, TENON_LIMIT_WINDOW, err,
                                    "zstd stream that needs a larger window of memory");
    if (ZSTD_isError(rc))
        return tenon_error_set(err, TENON_E_CORRUPT, "zstd stream: %s",
                               ZSTD_getErrorName(rc));
    f->between = rc == 0;
    if (out.pos == 0 && !f->between && in.pos == in.size && f->in_end)
        return broken(err, "zstd stream is truncated");
    return (int64_t)out.pos;
}

int64_t
tenon_inflate_read(struct tenon_inflate *f, const void **data,
                   struct tenon_error *err)
{
    if (f->format == FORMAT_UNKNOWN && start(f, err) < 0)
        return err->code;
    for (;;) {
        if (fill(f, err) < 0)
            return err->code;
        bool end = f->in_pos == f->in_len && f->in_end;
        int64_t n;
        if (f->format == FORMAT_PLAIN) {
            n = (int64_t)(f->in_len - f->in_pos);
            *data = f->in + f->in_pos;
            f->in_pos = f->in_len;
        } else {
            n = f->format == FORMAT_GZIP ? gzip_some(f, err) : zstd_some(f, err);
            *data = f->out;
        }
        if (n < 0)
            return n;
        if (n > 0) {
            f->made += (uint64_t)n;
            if (tenon_limit_unpacked(f->limits, f->read, f->made, err) < 0)
                return err->code;
            if (f->hash)
                tenon_hash_update(f->hash, *data, (size_t)n);
            return n;
        }
        if (end && (f->format == FORMAT_PLAIN || f->between))
            return 0;
    }
}

void
tenon_inflate_no_digest(struct tenon_inflate *f)
{
    tenon_hash_free(f->hash);
    f->hash = NULL;
}

uint64_t
tenon_inflate_bytes_read(const struct tenon_inflate *f)
{
    return f->read;
}

int
tenon_inflate_finish(struct tenon_inflate *f, struct tenon_digest *out,
                     struct tenon_error *err)
{
    const void *data;
    int64_t n;
    while ((n = tenon_inflate_read(f, &data, err)) > 0)
        continue;
    if (n < 0)
        return (int)n;
    tenon_hash_final(f->hash, out);
    return 0;
}
