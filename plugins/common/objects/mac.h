/* common/objects/mac.h - what requests to stores of objects are signed with: SHA-256 and its HMAC
 * (RFC 2104), of gnutls. */
#ifndef TENON_COMMON_MAC_H
#define TENON_COMMON_MAC_H

#include <stddef.h>

#define MAC_BYTES 32
#define MAC_HEX (2 * MAC_BYTES + 1)

void mac_sha256(const void *data, size_t len, char hex[MAC_HEX]);
void mac_hmac(const void *key, size_t key_len, const void *data, size_t len,
              unsigned char out[MAC_BYTES]);
void mac_hex(const unsigned char mac[MAC_BYTES], char hex[MAC_HEX]);

#endif
