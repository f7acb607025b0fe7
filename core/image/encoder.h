/* image/encoder.h - deflate (RFC 1951), the same bytes everywhere.
 *
 * What comes out depends on the input and the level: not on the processor, on
 * what is in memory, on a library or its version.  It uses integers only and
 * reads no uninitialised byte, so there is nothing else that it could depend on.
 * A change of the output is a change that users see (docs/reproducible.md): it
 * takes another TENON_ENCODE_MAKER, other digests in tests/bytes, a line in NEWS. */
#ifndef TENON_IMAGE_ENCODER_H
#define TENON_IMAGE_ENCODER_H

#include <stddef.h>

#include "tools/cleanup.h"

#define TENON_ENCODE_MAKER "1"
#define TENON_ENCODE_LEVEL 1 /* the default */
#define TENON_ENCODE_LEVEL_MAX 9
/* The most that is encoded at a time, and the room that its result takes at most. */
#define TENON_ENCODE_INPUT ((size_t)1 << 20)
#define TENON_ENCODE_ROOM (TENON_ENCODE_INPUT + TENON_ENCODE_INPUT / 64 + 1024)

/* The working memory of one thread. */
struct tenon_encoder;
struct tenon_encoder *tenon_encoder_new(int level); /* 0..TENON_ENCODE_LEVEL_MAX */
void tenon_encoder_free(struct tenon_encoder *e);
TENON_DEFINE_AUTO(encoder, struct tenon_encoder *, tenon_encoder_free);
#define auto_encoder __attribute__((cleanup(tenon_auto_encoder)))
/* Deflate blocks for `in`, none of them the last of a stream, without history
 * and up to a byte boundary: results may follow each other in one stream.
 * Returns their length. */
size_t tenon_encode(struct tenon_encoder *e, const unsigned char *in, size_t len,
                    unsigned char out[TENON_ENCODE_ROOM]);

#endif
