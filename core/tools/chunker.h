/* tools/chunker.h - where a stream is cut into chunks, by what is in it: what is put in or taken
 * out moves the cuts around it, and no others (a gear hash, as in FastCDC).
 *
 * A chunk ends behind 64 bytes whose hash says so, which those of one place in 16 KiB do; it has at
 * least 4 KiB, unless the caller ends it, and at most 64. The numbers are part of a format
 * (docs/caching.md): others give other chunks, none of which would be found again. */
#ifndef TENON_TOOLS_CHUNKER_H
#define TENON_TOOLS_CHUNKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TENON_CHUNK_MIN ((size_t)4 << 10)
#define TENON_CHUNK_MAX ((size_t)64 << 10)

struct tenon_chunker {
    uint64_t gear[256];
    uint64_t hash;
    size_t len; /* of the chunk at hand, so far */
};

void tenon_chunker_init(struct tenon_chunker *c);
/* How many of these bytes (len > 0) are of the chunk at hand; *ends: what follows is of another. */
size_t tenon_chunker_pass(struct tenon_chunker *c, const void *data, size_t len, bool *ends);
/* What comes next is of another chunk, whatever it is. */
void tenon_chunker_end(struct tenon_chunker *c);

#endif
