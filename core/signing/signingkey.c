/* signing/signingkey.c - see signingkey.h. */
#include "signing/signingkey.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/libgnutls.h"
#include "tools/alloc.h"
#include "tools/base64.h"

#define RSA_BITS_MIN 2048

struct tenon_public_key {
    gnutls_pubkey_t key;
    gnutls_sign_algorithm_t how;
    char *id;
};

struct tenon_signing_key {
    gnutls_privkey_t key;
    struct tenon_public_key *public;
};

/* ---- the public half --------------------------------------------------------------- */

/* How such a key signs, or UNKNOWN. */
static gnutls_sign_algorithm_t
way_of(gnutls_pubkey_t key)
{
    unsigned bits = 0;
    gnutls_ecc_curve_t curve = GNUTLS_ECC_CURVE_INVALID;
    const int kind = gnutls_pubkey_get_pk_algorithm(key, &bits);
    if (kind == GNUTLS_PK_EDDSA_ED25519)
        return GNUTLS_SIGN_EDDSA_ED25519;
    if (kind == GNUTLS_PK_RSA && bits >= RSA_BITS_MIN)
        return GNUTLS_SIGN_RSA_SHA256;
    if (kind == GNUTLS_PK_ECDSA && gnutls_pubkey_export_ecc_raw2(key, &curve, NULL, NULL, 0) >= 0 &&
        curve == GNUTLS_ECC_CURVE_SECP256R1)
        return GNUTLS_SIGN_ECDSA_SHA256;
    return GNUTLS_SIGN_UNKNOWN;
}

static char *
id_of(gnutls_pubkey_t key)
{
    gnutls_datum_t der = {0};
    struct tenon_digest digest;
    uint8_t bytes[TENON_DIGEST_BIN_LEN];
    if (gnutls_pubkey_export2(key, GNUTLS_X509_FMT_DER, &der) < 0)
        return NULL;
    tenon_digest_of(der.data, der.size, &digest);
    gnutls_free(der.data);
    tenon_digest_bytes(&digest, bytes);
    return tenon_base64(bytes, sizeof bytes);
}

int
tenon_public_key_take(gnutls_pubkey_t key, struct tenon_public_key **out, struct tenon_error *err)
{
    auto_public_key struct tenon_public_key *k = tenon_new0(struct tenon_public_key);
    unsigned bits = 0;
    k->key = key;
    k->how = way_of(key);
    k->id = id_of(key);
    if (k->how == GNUTLS_SIGN_UNKNOWN || !k->id) {
        const int kind = gnutls_pubkey_get_pk_algorithm(key, &bits);
        const char *name = kind >= 0 ? gnutls_pk_get_name((gnutls_pk_algorithm_t)kind) : NULL;
        tenon_error_set(err, TENON_E_UNSUPPORTED, "a key of type %s with %u bits",
                        name ? name : "unknown", bits);
        return tenon_error_hint(err, "Ed25519, ECDSA over P-256, and RSA of %d bits and more "
                                "are known", RSA_BITS_MIN);
    }
    *out = tenon_steal(&k);
    return 0;
}

int
tenon_public_key_parse(const char *text, size_t len, struct tenon_public_key **out,
                       struct tenon_error *err)
{
    gnutls_pubkey_t key;
    const gnutls_datum_t in = { (unsigned char *)(uintptr_t)text, (unsigned)len };
    if (len > TENON_KEY_FILE_MAX)
        return tenon_error_set(err, TENON_E_LIMIT, "too large for a key");
    if (gnutls_pubkey_init(&key) < 0)
        return tenon_error_set(err, TENON_E_NOMEM, "out of memory");
    const int rc = gnutls_pubkey_import(key, &in, GNUTLS_X509_FMT_PEM);
    if (rc >= 0)
        return tenon_public_key_take(key, out, err);
    gnutls_pubkey_deinit(key);
    if (strstr(text, "PRIVATE KEY")) {
        tenon_error_set(err, TENON_E_INVALID, "a private key where its public half is meant");
        return tenon_error_hint(err, "openssl pkey -in KEY -pubout");
    }
    return tenon_error_set(err, TENON_E_INVALID, "not a public key in PEM: %s",
                           gnutls_strerror(rc));
}

void
tenon_public_key_free(struct tenon_public_key *k)
{
    if (!k)
        return;
    if (k->key)
        gnutls_pubkey_deinit(k->key);
    free(k->id);
    free(k);
}

const char *
tenon_public_key_id(const struct tenon_public_key *k)
{
    return k->id;
}

bool
tenon_public_key_verifies(const struct tenon_public_key *k, const struct tenon_buf *data,
                          const struct tenon_buf *signature)
{
    const gnutls_datum_t in = { (unsigned char *)(uintptr_t)tenon_buf_str(data),
                                (unsigned)data->len };
    const gnutls_datum_t sig = { (unsigned char *)(uintptr_t)tenon_buf_str(signature),
                                 (unsigned)signature->len };
    return signature->len && gnutls_pubkey_verify_data2(k->key, k->how, 0, &in, &sig) >= 0;
}

/* ---- the private half -------------------------------------------------------------- */

static int
not_read(const char *text, const char *password, int rc, struct tenon_error *err)
{
    if (strstr(text, "SIGSTORE PRIVATE KEY") || strstr(text, "COSIGN PRIVATE KEY")) {
        tenon_error_set(err, TENON_E_UNSUPPORTED, "a key in cosign's own encryption");
        return tenon_error_hint(err, "`openssl genpkey -algorithm EC -pkeyopt "
                                "ec_paramgen_curve:P-256 -aes256` makes one that tenon reads, and "
                                "`cosign import-key-pair` takes it, too");
    }
    if (strstr(text, "OPENSSH PRIVATE KEY"))
        return tenon_error_set(err, TENON_E_UNSUPPORTED, "a key of OpenSSH's format; one in PEM "
                               "(PKCS#8) is needed");
    if (strstr(text, "ENCRYPTED") && (!password || rc == GNUTLS_E_DECRYPTION_FAILED))
        return tenon_error_set(err, TENON_E_DENIED, password ? "this is not its password"
                                                             : "the key is encrypted");
    return tenon_error_set(err, TENON_E_INVALID, "not a private key in PEM: %s",
                           gnutls_strerror(rc));
}

static int
import(struct tenon_signing_key *k, const char *text, size_t len, const char *password,
       struct tenon_error *err)
{
    gnutls_x509_privkey_t x;
    const gnutls_datum_t in = { (unsigned char *)(uintptr_t)text, (unsigned)len };
    if (gnutls_x509_privkey_init(&x) < 0)
        return tenon_error_set(err, TENON_E_NOMEM, "out of memory");
    int rc = gnutls_x509_privkey_import2(x, &in, GNUTLS_X509_FMT_PEM, password, 0);
    if (rc >= 0)
        rc = gnutls_privkey_init(&k->key);
    if (rc >= 0)
        rc = gnutls_privkey_import_x509(k->key, x, GNUTLS_PRIVKEY_IMPORT_COPY);
    gnutls_x509_privkey_deinit(x);
    return rc < 0 ? not_read(text, password, rc, err) : 0;
}

int
tenon_signing_key_parse(const char *text, size_t len, const char *password,
                        struct tenon_signing_key **out, struct tenon_error *err)
{
    auto_signing_key struct tenon_signing_key *k = tenon_new0(struct tenon_signing_key);
    gnutls_pubkey_t public;
    if (len > TENON_KEY_FILE_MAX)
        return tenon_error_set(err, TENON_E_LIMIT, "too large for a key");
    if (import(k, text, len, password, err) < 0)
        return err->code;
    if (gnutls_pubkey_init(&public) < 0)
        return tenon_error_set(err, TENON_E_NOMEM, "out of memory");
    const int rc = gnutls_pubkey_import_privkey(public, k->key, 0, 0);
    if (rc < 0) {
        gnutls_pubkey_deinit(public);
        return tenon_error_set(err, TENON_E_UNSUPPORTED, "this type of key: %s",
                               gnutls_strerror(rc));
    }
    if (tenon_public_key_take(public, &k->public, err) < 0)
        return err->code;
    *out = tenon_steal(&k);
    return 0;
}

void
tenon_signing_key_free(struct tenon_signing_key *k)
{
    if (!k)
        return;
    if (k->key)
        gnutls_privkey_deinit(k->key);
    tenon_public_key_free(k->public);
    free(k);
}

const struct tenon_public_key *
tenon_signing_key_public(const struct tenon_signing_key *k)
{
    return k->public;
}

const char *
tenon_signing_key_id(const struct tenon_signing_key *k)
{
    return k->public->id;
}

int
tenon_signing_key_sign(const struct tenon_signing_key *k, const void *data, size_t len,
                       struct tenon_buf *out, struct tenon_error *err)
{
    const gnutls_datum_t in = { (unsigned char *)(uintptr_t)data, (unsigned)len };
    gnutls_datum_t sig = {0};
    const int rc = gnutls_privkey_sign_data2(k->key, k->public->how, 0, &in, &sig);
    if (rc < 0)
        return tenon_error_set(err, TENON_E_FAILED, "sign: %s", gnutls_strerror(rc));
    tenon_buf_add(out, sig.data, sig.size);
    gnutls_free(sig.data);
    return 0;
}
