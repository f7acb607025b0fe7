/* image/pieces.h - layers of which parts can be fetched (contents.h): what stands at their end and
 * leads to the table of contents, and the annotations by which readers find and check it. */
#ifndef TENON_IMAGE_PIECES_H
#define TENON_IMAGE_PIECES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"

enum { TENON_STARGZ_FOOTER = 51, TENON_ZSTD_SKIP_HEAD = 8, TENON_CHUNKED_FOOTER = 72 };

/* Is it one of the two, "estargz" and "zstd:chunked"? */
bool tenon_is_in_pieces(const char *compression);
/* "+gzip", "+zstd" or "": of the media type of layers that are compressed so. */
const char *tenon_layer_suffix(const char *compression);

/* An empty member of gzip that names the offset of the table's member. */
void tenon_stargz_footer(int64_t offset, unsigned char out[TENON_STARGZ_FOOTER]);
/* The head of a frame of zstd that is passed over. */
void tenon_zstd_skip_head(uint32_t len, unsigned char out[TENON_ZSTD_SKIP_HEAD]);
/* Of zstd:chunked: where a part is that is passed over, how long it is compressed, and its size. */
struct tenon_chunked_part {
    uint64_t offset, len, size;
};
/* Such a frame, whole: the table, and the rest of the tar (tarsplit.h), all 0: there is none. */
void tenon_chunked_footer(const struct tenon_chunked_part *table,
                          const struct tenon_chunked_part *rest,
                          unsigned char out[TENON_CHUNKED_FOOTER]);

/* "estargz", "zstd:chunked", or NULL: by the end of the blob alone. */
const char *tenon_pieces_method(int fd);
/* Who reads a blob that may be anybody's. */
struct tenon_pieces_reader {
    const struct tenon_limits *limits; /* NULL: the defaults */
    struct tenon_cancel *cancel;       /* or NULL */
    bool is_ours;                      /* made here: each piece is one member of gzip */
};
/* The annotations of its descriptor, the caller's; NULL where the blob is neither of them, says so
 * and is not, or has a table of more than 256 MiB.  Moves fd's offset. */
int tenon_pieces_notes(int fd, const struct tenon_pieces_reader *how, struct json_object **out,
                       struct tenon_error *err);

#endif
