/* signing/signingkey.h - the keys that sign and the keys that verify, by gnutls.
 *
 * Ed25519, ECDSA over P-256 (with SHA-256, as X.509 frames it) and RSA of 2048 bits and more
 * (PKCS#1 1.5, SHA-256): of those all readers of signatures have the same idea. Immutable once
 * they are there; any thread. */
#ifndef TENON_SIGNING_SIGNINGKEY_H
#define TENON_SIGNING_SIGNINGKEY_H

#include "base/error.h"
#include "base/libgnutls.h"
#include "tools/buf.h"

#define TENON_KEY_FILE_MAX ((size_t)64 << 10)

struct tenon_signing_key;
/* PEM: PKCS#8, encrypted or not, or what openssl wrote before it. DENIED: it is encrypted and
 * there is no password, or another one. UNSUPPORTED: of another type. */
int tenon_signing_key_parse(const char *text, size_t len, const char *password,
                            struct tenon_signing_key **out, struct tenon_error *err);
void tenon_signing_key_free(struct tenon_signing_key *k); /* wipes */
TENON_DEFINE_AUTO(signing_key, struct tenon_signing_key *, tenon_signing_key_free);
#define auto_signing_key __attribute__((cleanup(tenon_auto_signing_key)))
int tenon_signing_key_sign(const struct tenon_signing_key *k, const void *data, size_t len,
                           struct tenon_buf *out, struct tenon_error *err);
/* What readers tell keys by: base64 of the SHA-256 of the public half, in DER. */
const char *tenon_signing_key_id(const struct tenon_signing_key *k);

struct tenon_public_key;
const struct tenon_public_key *tenon_signing_key_public(const struct tenon_signing_key *k);
int tenon_public_key_parse(const char *text, size_t len, struct tenon_public_key **out,
                           struct tenon_error *err);
/* Takes the key over, also when it fails. */
int tenon_public_key_take(gnutls_pubkey_t key, struct tenon_public_key **out,
                          struct tenon_error *err);
void tenon_public_key_free(struct tenon_public_key *k);
TENON_DEFINE_AUTO(public_key, struct tenon_public_key *, tenon_public_key_free);
#define auto_public_key __attribute__((cleanup(tenon_auto_public_key)))
const char *tenon_public_key_id(const struct tenon_public_key *k);
/* Did its other half sign this? */
bool tenon_public_key_verifies(const struct tenon_public_key *k, const struct tenon_buf *data,
                               const struct tenon_buf *signature);

#endif
