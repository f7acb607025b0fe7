/* base/digest.h - SHA-256 by nettle, and the text form "sha256:<64 hex>". */
#ifndef TENON_BASE_DIGEST_H
#define TENON_BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/cleanup.h"

#define TENON_DIGEST_STR_LEN 71 /* without the NUL */
#define TENON_DIGEST_BIN_LEN 32

struct tenon_digest {
    char str[TENON_DIGEST_STR_LEN + 1]; /* "" when unset */
};

struct tenon_hash; /* a running SHA-256; one thread at a time */
struct tenon_hash *tenon_hash_new(void);
void tenon_hash_update(struct tenon_hash *h, const void *data, size_t len);
/* A framed item: label length, label, value length, value (64-bit LE), so that
 * no two lists of items give the same bytes. */
void tenon_hash_item(struct tenon_hash *h, const char *label, const void *data,
                     size_t len);
void tenon_hash_final(struct tenon_hash *h, struct tenon_digest *out); /* and reset */
void tenon_hash_free(struct tenon_hash *h);
TENON_DEFINE_AUTO(hash, struct tenon_hash *, tenon_hash_free);
#define auto_hash __attribute__((cleanup(tenon_auto_hash)))

void tenon_digest_of(const void *data, size_t len, struct tenon_digest *out);
/* Accepts exactly "sha256:" and 64 lower-case hex digits. */
bool tenon_digest_parse(const char *s, struct tenon_digest *out);
/* As its 32 bytes, which take half the room, and back. */
void tenon_digest_bytes(const struct tenon_digest *d, uint8_t bin[TENON_DIGEST_BIN_LEN]);
void tenon_digest_of_bytes(const uint8_t bin[TENON_DIGEST_BIN_LEN], struct tenon_digest *out);
static inline const char *
tenon_digest_hex(const struct tenon_digest *d)
{
    return d->str[0] ? d->str + 7 : "";
}

#endif
