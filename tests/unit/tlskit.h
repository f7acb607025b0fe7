/* tlskit.h - certificates for tests, made in memory: an authority of the test's own and what it
 * signs, right and wrong. */
#ifndef TENON_TESTS_TLSKIT_H
#define TENON_TESTS_TLSKIT_H

#include "unit.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <string.h>
#include <time.h>

/* Years when nobody runs this, so that no clock matters. */
#define TLS_LONG_AGO ((time_t)946684800)   /* 2000 */
#define TLS_BEFORE_NOW ((time_t)978307200) /* 2001 */
#define TLS_AFTER_NOW ((time_t)4102444800) /* 2100 */
#define TLS_FAR_OFF ((time_t)4133980800)   /* 2101 */

struct certificate {
    const char *cn;
    const char *dns, *ip;     /* alternative names, or NULL */
    time_t from, until;       /* 0: right */
    const char *purpose;      /* extended key usage, or NULL */
    bool is_authority;
    const struct identity *by; /* who signs; NULL: itself */
};

struct identity {
    gnutls_x509_crt_t crt;
    gnutls_x509_privkey_t key;
};

static inline struct identity
identity_make(const struct certificate *c)
{
    static unsigned char serial;
    struct identity i;
    struct in_addr address;
    ck_assert_int_eq(gnutls_x509_privkey_init(&i.key), 0);
    ck_assert_int_eq(gnutls_x509_privkey_generate(i.key, GNUTLS_PK_ECDSA,
                                                  GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1),
                                                  0), 0);
    serial++;
    ck_assert_int_eq(gnutls_x509_crt_init(&i.crt), 0);
    gnutls_x509_crt_set_version(i.crt, 3);
    gnutls_x509_crt_set_serial(i.crt, &serial, 1);
    gnutls_x509_crt_set_dn_by_oid(i.crt, GNUTLS_OID_X520_COMMON_NAME, 0, c->cn,
                                  (unsigned)strlen(c->cn));
    gnutls_x509_crt_set_activation_time(i.crt, c->from ? c->from : TLS_LONG_AGO);
    gnutls_x509_crt_set_expiration_time(i.crt, c->until ? c->until : TLS_AFTER_NOW);
    gnutls_x509_crt_set_key(i.crt, i.key);
    if (c->dns)
        gnutls_x509_crt_set_subject_alt_name(i.crt, GNUTLS_SAN_DNSNAME, c->dns,
                                             (unsigned)strlen(c->dns), GNUTLS_FSAN_APPEND);
    if (c->ip) {
        ck_assert_int_eq(inet_pton(AF_INET, c->ip, &address), 1);
        gnutls_x509_crt_set_subject_alt_name(i.crt, GNUTLS_SAN_IPADDRESS, &address,
                                             sizeof address, GNUTLS_FSAN_APPEND);
    }
    if (c->purpose)
        gnutls_x509_crt_set_key_purpose_oid(i.crt, c->purpose, 0);
    gnutls_x509_crt_set_ca_status(i.crt, c->is_authority);
    gnutls_x509_crt_set_key_usage(i.crt, c->is_authority ? GNUTLS_KEY_KEY_CERT_SIGN
                                                         : GNUTLS_KEY_DIGITAL_SIGNATURE);
    ck_assert_int_eq(gnutls_x509_crt_sign2(i.crt, c->by ? c->by->crt : i.crt,
                                           c->by ? c->by->key : i.key, GNUTLS_DIG_SHA256, 0), 0);
    return i;
}

static inline void
identity_release(struct identity *i)
{
    gnutls_x509_crt_deinit(i->crt);
    gnutls_x509_privkey_deinit(i->key);
}

/* What a server shows: itself, and who signed it unless NULL. */
static inline gnutls_certificate_credentials_t
identity_credentials(const struct identity *i, const struct identity *signer)
{
    gnutls_certificate_credentials_t out;
    gnutls_x509_crt_t chain[2] = {i->crt, signer ? signer->crt : NULL};
    ck_assert_int_eq(gnutls_certificate_allocate_credentials(&out), 0);
    ck_assert_int_eq(gnutls_certificate_set_x509_key(out, chain, signer ? 2 : 1, i->key), 0);
    return out;
}

static inline void
identity_write_certificate(const struct identity *i, int dirfd, const char *name)
{
    gnutls_datum_t pem;
    ck_assert_int_eq(gnutls_x509_crt_export2(i->crt, GNUTLS_X509_FMT_PEM, &pem), 0);
    unit_write(dirfd, name, (const char *)pem.data);
    gnutls_free(pem.data);
}

static inline void
identity_write_key(const struct identity *i, int dirfd, const char *name)
{
    gnutls_datum_t pem;
    ck_assert_int_eq(gnutls_x509_privkey_export2(i->key, GNUTLS_X509_FMT_PEM, &pem), 0);
    unit_write(dirfd, name, (const char *)pem.data);
    gnutls_free(pem.data);
}

#endif
