/* common/objects/mac.c - see mac.h. */
#include "common/objects/mac.h"

#include <stdlib.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

void
mac_hex(const unsigned char mac[MAC_BYTES], char hex[MAC_HEX])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < MAC_BYTES; i++) {
        hex[2 * i] = digits[mac[i] >> 4];
        hex[2 * i + 1] = digits[mac[i] & 15];
    }
    hex[MAC_HEX - 1] = '\0';
}

/* Both fail for want of memory alone, or where a system forbids SHA-256: nothing would work. */
void
mac_sha256(const void *data, size_t len, char hex[MAC_HEX])
{
    unsigned char out[MAC_BYTES];
    if (gnutls_hash_fast(GNUTLS_DIG_SHA256, data, len, out) < 0)
        abort();
    mac_hex(out, hex);
}

void
mac_hmac(const void *key, size_t key_len, const void *data, size_t len,
         unsigned char out[MAC_BYTES])
{
    if (gnutls_hmac_fast(GNUTLS_MAC_SHA256, key, key_len, data, len, out) < 0)
        abort();
}
