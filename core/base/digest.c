/* base/digest.c - SHA-256 by nettle, and its text form. */
#include "digest.h"

#include <nettle/sha2.h>
#include <nettle/version.h>
#include <stdint.h>
#include <string.h>

#include "tools/alloc.h"
#include "tools/ascii.h"

struct tenon_hash {
    struct sha256_ctx state;
};

static const char prefix[] = "sha256:";

/* The value, and the state is that of nothing again. */
static void
finish(struct sha256_ctx *state, uint8_t bin[TENON_DIGEST_BIN_LEN])
{
#if NETTLE_VERSION_MAJOR >= 4
    sha256_digest(state, bin);
#else
    sha256_digest(state, TENON_DIGEST_BIN_LEN, bin);
#endif
}

struct tenon_hash *
tenon_hash_new(void)
{
    struct tenon_hash *h = tenon_new0(struct tenon_hash);
    sha256_init(&h->state);
    return h;
}

void
tenon_hash_update(struct tenon_hash *h, const void *data, size_t len)
{
    if (len)
        sha256_update(&h->state, len, data);
}

static void
put_le64(uint8_t *p, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

void
tenon_hash_item(struct tenon_hash *h, const char *label, const void *data,
                size_t len)
{
    uint8_t n[8];
    size_t label_len = strlen(label);
    put_le64(n, label_len);
    tenon_hash_update(h, n, sizeof n);
    tenon_hash_update(h, label, label_len);
    put_le64(n, len);
    tenon_hash_update(h, n, sizeof n);
    tenon_hash_update(h, data, len);
}

void
tenon_hash_final(struct tenon_hash *h, struct tenon_digest *out)
{
    uint8_t bin[TENON_DIGEST_BIN_LEN];
    finish(&h->state, bin);
    tenon_digest_of_bytes(bin, out);
}

void
tenon_hash_free(struct tenon_hash *h)
{
    free(h);
}

void
tenon_digest_of(const void *data, size_t len, struct tenon_digest *out)
{
    uint8_t bin[TENON_DIGEST_BIN_LEN];
    struct sha256_ctx state;
    sha256_init(&state);
    if (len)
        sha256_update(&state, len, data);
    finish(&state, bin);
    tenon_digest_of_bytes(bin, out);
}

bool
tenon_digest_parse(const char *s, struct tenon_digest *out)
{
    if (!s || strnlen(s, TENON_DIGEST_STR_LEN + 1) != TENON_DIGEST_STR_LEN ||
        memcmp(s, prefix, sizeof prefix - 1) != 0)
        return false;
    for (const char *p = s + sizeof prefix - 1; *p; p++)
        if (!((*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'f')))
            return false;
    memcpy(out->str, s, TENON_DIGEST_STR_LEN + 1);
    return true;
}

void
tenon_digest_of_bytes(const uint8_t bin[TENON_DIGEST_BIN_LEN], struct tenon_digest *out)
{
    static const char hex[] = "0123456789abcdef";
    char *w = out->str;
    memcpy(w, prefix, sizeof prefix - 1);
    w += sizeof prefix - 1;
    for (size_t i = 0; i < TENON_DIGEST_BIN_LEN; i++) {
        *w++ = hex[bin[i] >> 4];
        *w++ = hex[bin[i] & 15];
    }
    *w = '\0';
}

void
tenon_digest_bytes(const struct tenon_digest *d, uint8_t bin[TENON_DIGEST_BIN_LEN])
{
    const char *hex = d->str + sizeof prefix - 1;
    for (size_t i = 0; i < TENON_DIGEST_BIN_LEN; i++)
        bin[i] = (uint8_t)(tenon_hex_digit(hex[2 * i]) << 4 | tenon_hex_digit(hex[2 * i + 1]));
}
