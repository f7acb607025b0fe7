/* image/stream.h - the bytes inside a compressed layer, hashed as they pass. */
#ifndef TENON_IMAGE_STREAM_H
#define TENON_IMAGE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/limits.h"
#include "tools/cleanup.h"

/* gzip (several members are one stream), zstd (likewise) or plain, told apart
 * by the first bytes.  One thread at a time. */
struct tenon_inflate;
/* fd and limits stay the caller's; limits NULL: the defaults.  What comes out is held to them. */
struct tenon_inflate *tenon_inflate_new(int fd, const struct tenon_limits *limits);
void tenon_inflate_free(struct tenon_inflate *f);
TENON_DEFINE_AUTO(inflate, struct tenon_inflate *, tenon_inflate_free);
#define auto_inflate __attribute__((cleanup(tenon_auto_inflate)))
/* The next bytes, valid until the next call; returns their number, 0 at the
 * end, CORRUPT for a broken or truncated stream. */
int64_t tenon_inflate_read(struct tenon_inflate *f, const void **data,
                           struct tenon_error *err);
/* Before the first byte: tenon_inflate_finish will not be called. */
void tenon_inflate_no_digest(struct tenon_inflate *f);
/* Of fd, so far. */
uint64_t tenon_inflate_bytes_read(const struct tenon_inflate *f);
/* Read what is left and give the digest of all that was read. */
int tenon_inflate_finish(struct tenon_inflate *f, struct tenon_digest *out,
                         struct tenon_error *err);

/* Compression on the way out: bytes go in, the compressed ones come out in
 * order through `sink`, on the caller's thread.  Large inputs are worked on by
 * several threads in blocks of a fixed size, so the output depends on method,
 * level and maker only (docs/reproducible.md). */
struct tenon_deflate;
typedef int tenon_deflate_sink(void *data, const void *buf, size_t len,
                               struct tenon_error *err);
/* method: "gzip", "zstd" or "uncompressed", and of a tar "estargz" or "zstd:chunked"; level -1: the
 * method's default. */
int tenon_deflate_new(const char *method, int level, tenon_deflate_sink *sink,
                      void *data, struct tenon_deflate **out,
                      struct tenon_error *err);
/* What tenon_deflate_new would say to them, before there is anything to compress. */
int tenon_deflate_check(const char *method, int level, struct tenon_error *err);
int tenon_deflate_write(struct tenon_deflate *d, const void *data, size_t len,
                        struct tenon_error *err);
/* Ends the stream; raw gets the digest of what went in, and of what the table of an estargz adds
 * to it. */
int tenon_deflate_finish(struct tenon_deflate *d, struct tenon_digest *raw,
                         struct tenon_error *err);
/* What made the bytes, besides method and level: a number of our own, or
 * the version of a library.  What another one made is not what this would make. */
const char *tenon_deflate_maker(const char *method);
void tenon_deflate_free(struct tenon_deflate *d);
TENON_DEFINE_AUTO(deflate, struct tenon_deflate *, tenon_deflate_free);
#define auto_deflate __attribute__((cleanup(tenon_auto_deflate)))

#endif
