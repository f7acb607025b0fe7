/* signing/certificates.c - see certificates.h. */
#include "signing/certificates.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/libgnutls.h"
#include "tools/alloc.h"
#include "tools/parse.h"

#define CHAIN_MAX 16
#define AUTHORITIES_MAX 1024
#define NAMES_MAX 64
/* Of all that is looked at: 112 bits, and no SHA-1. */
#define VERIFY_FLAGS GNUTLS_PROFILE_TO_VFLAGS(GNUTLS_PROFILE_MEDIUM)

struct tenon_certificate {
    gnutls_x509_crt_t list[CHAIN_MAX]; /* the signer's own first */
    unsigned count;
    struct tenon_public_key *key;
    char *subject, *issuer;
};

struct tenon_authorities {
    gnutls_x509_trust_list_t list;
};

bool
tenon_text_fits(const char *pattern, const char *text)
{
    const char *star = NULL, *from = NULL; /* the last '*', and what it stands for ends here */
    while (*text) {
        if (*pattern == '*') {
            star = ++pattern;
            from = text;
        } else if (*pattern == *text) {
            pattern++, text++;
        } else if (star) {
            pattern = star;
            text = ++from;
        } else {
            return false;
        }
    }
    return pattern[strspn(pattern, "*")] == '\0';
}

/* ---- one, and what is between ------------------------------------------------------ */

static int
add(struct tenon_certificate *c, const char *text, size_t len, struct tenon_error *err)
{
    const gnutls_datum_t in = { (unsigned char *)(uintptr_t)text, (unsigned)len };
    gnutls_x509_crt_t *list = NULL;
    unsigned count = 0;
    if (len > TENON_KEY_FILE_MAX * CHAIN_MAX)
        return tenon_error_set(err, TENON_E_LIMIT, "too large for certificates");
    const bool is_pem = len && memmem(text, len, "-----BEGIN", 10);
    const int rc = gnutls_x509_crt_list_import2(&list, &count, &in,
                                                is_pem ? GNUTLS_X509_FMT_PEM : GNUTLS_X509_FMT_DER,
                                                0);
    if (rc < 0)
        return tenon_error_set(err, TENON_E_INVALID, "not a certificate: %s", gnutls_strerror(rc));
    const bool is_room = count <= CHAIN_MAX - c->count;
    for (unsigned i = 0; i < count; i++) {
        if (is_room)
            c->list[c->count++] = list[i];
        else
            gnutls_x509_crt_deinit(list[i]);
    }
    gnutls_free(list);
    return is_room ? 0 : tenon_error_set(err, TENON_E_LIMIT, "more than %d certificates",
                                         CHAIN_MAX);
}

static char *
name_of(gnutls_x509_crt_t crt, int (*get)(gnutls_x509_crt_t, gnutls_datum_t *, unsigned))
{
    gnutls_datum_t dn = {0};
    if (get(crt, &dn, 0) < 0)
        return tenon_strdup("");
    char *text = tenon_strndup((const char *)dn.data, dn.size);
    gnutls_free(dn.data);
    return text;
}

int
tenon_certificate_parse(const char *text, size_t len, struct tenon_certificate **out,
                        struct tenon_error *err)
{
    auto_certificate struct tenon_certificate *c = tenon_new0(struct tenon_certificate);
    gnutls_pubkey_t key;
    if (add(c, text, len, err) < 0)
        return err->code;
    if (!c->count)
        return tenon_error_set(err, TENON_E_INVALID, "no certificate");
    if (gnutls_pubkey_init(&key) < 0)
        return tenon_error_set(err, TENON_E_NOMEM, "out of memory");
    const int rc = gnutls_pubkey_import_x509(key, c->list[0], 0);
    if (rc < 0) {
        gnutls_pubkey_deinit(key);
        return tenon_error_set(err, TENON_E_INVALID, "the certificate's key: %s",
                               gnutls_strerror(rc));
    }
    if (tenon_public_key_take(key, &c->key, err) < 0)
        return tenon_error_context(err, "certificate");
    c->subject = name_of(c->list[0], gnutls_x509_crt_get_dn3);
    c->issuer = name_of(c->list[0], gnutls_x509_crt_get_issuer_dn3);
    *out = tenon_steal(&c);
    return 0;
}

int
tenon_certificate_add(struct tenon_certificate *c, const char *text, size_t len,
                      struct tenon_error *err)
{
    return add(c, text, len, err);
}

void
tenon_certificate_free(struct tenon_certificate *c)
{
    if (!c)
        return;
    for (unsigned i = 0; i < c->count; i++)
        gnutls_x509_crt_deinit(c->list[i]);
    tenon_public_key_free(c->key);
    free(c->subject);
    free(c->issuer);
    free(c);
}

const struct tenon_public_key *
tenon_certificate_key(const struct tenon_certificate *c)
{
    return c->key;
}

const char *
tenon_certificate_subject(const struct tenon_certificate *c)
{
    return c->subject;
}

const char *
tenon_certificate_issuer(const struct tenon_certificate *c)
{
    return c->issuer;
}

/* What a pattern is about, by its form: "CN=x,O=y", "https://h/p", "me@h" or "h". A name of one
 * kind can be written so that it looks like another. */
enum kind { SUBJECT = 1, URI = 2, MAIL = 4, HOST = 8, ANY = SUBJECT | URI | MAIL | HOST };

static unsigned
kind_of(const char *pattern)
{
    const size_t len = strcspn(pattern, "=:/@");
    return !pattern[strspn(pattern, "*")] ? ANY : pattern[len] == '=' ? SUBJECT
           : strpbrk(pattern, ":/") ? URI : pattern[len] == '@' ? MAIL : HOST;
}

bool
tenon_certificate_is_for(const struct tenon_certificate *c, const char *pattern)
{
    const unsigned wanted = kind_of(pattern);
    if (wanted & SUBJECT && tenon_text_fits(pattern, c->subject))
        return true;
    for (unsigned i = 0; i < NAMES_MAX; i++) {
        char name[1024];
        size_t size = sizeof name - 1;
        const int kind = gnutls_x509_crt_get_subject_alt_name(c->list[0], i, name, &size, NULL);
        if (kind == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
            break;
        const unsigned is = kind == GNUTLS_SAN_DNSNAME ? HOST : kind == GNUTLS_SAN_RFC822NAME ? MAIL
                            : kind == GNUTLS_SAN_URI ? URI : 0;
        if (!(is & wanted))
            continue;
        name[size] = '\0';
        /* A NUL within would show one name and be another. */
        if (strlen(name) == size && tenon_text_fits(pattern, name))
            return true;
    }
    return false;
}

static void
put(gnutls_x509_crt_t crt, gnutls_x509_crt_fmt_t form, struct tenon_buf *out)
{
    gnutls_datum_t text = {0};
    if (gnutls_x509_crt_export2(crt, form, &text) >= 0)
        tenon_buf_add(out, text.data, text.size);
    gnutls_free(text.data);
}

void
tenon_certificate_put_pem(const struct tenon_certificate *c, struct tenon_buf *own,
                          struct tenon_buf *between)
{
    for (unsigned i = 0; i < c->count; i++)
        put(c->list[i], GNUTLS_X509_FMT_PEM, i ? between : own);
}

void
tenon_certificate_put_der(const struct tenon_certificate *c, struct tenon_buf *out)
{
    put(c->list[0], GNUTLS_X509_FMT_DER, out);
}

/* ---- authorities ------------------------------------------------------------------- */

int
tenon_authorities_parse(const char *text, size_t len, struct tenon_authorities **out,
                        struct tenon_error *err)
{
    struct tenon_authorities *a = tenon_new0(struct tenon_authorities);
    gnutls_x509_crt_t *list = NULL;
    unsigned count = 0;
    const gnutls_datum_t in = { (unsigned char *)(uintptr_t)text, (unsigned)len };
    int rc = gnutls_x509_trust_list_init(&a->list, 0);
    if (rc >= 0)
        rc = len > TENON_KEY_FILE_MAX * AUTHORITIES_MAX ? GNUTLS_E_SHORT_MEMORY_BUFFER
             : gnutls_x509_crt_list_import2(&list, &count, &in, GNUTLS_X509_FMT_PEM, 0);
    if (rc >= 0)
        rc = gnutls_x509_trust_list_add_cas(a->list, list, count, GNUTLS_TL_NO_DUPLICATES);
    gnutls_free(list); /* what it names is the trust list's now, or was never there */
    if (rc < 0) {
        tenon_authorities_free(a);
        return tenon_error_set(err, TENON_E_INVALID, "not certificates in PEM: %s",
                               gnutls_strerror(rc));
    }
    *out = a;
    return 0;
}

void
tenon_authorities_free(struct tenon_authorities *a)
{
    if (a && a->list)
        gnutls_x509_trust_list_deinit(a->list, 1);
    free(a);
}

static int
when(const char *what, time_t t, struct tenon_error *err)
{
    char text[32];
    struct tm tm;
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", gmtime_r(&t, &tm));
    return tenon_error_set(err, TENON_E_DENIED, "%s %s", what, text);
}

int
tenon_authorities_trust(const struct tenon_authorities *a, const struct tenon_certificate *c,
                        struct tenon_error *err)
{
    char purpose[] = GNUTLS_KP_CODE_SIGNING;
    gnutls_typed_vdata_st as = {GNUTLS_DT_KEY_PURPOSE_OID, (unsigned char *)purpose, 0};
    gnutls_x509_crt_t list[CHAIN_MAX];
    unsigned status = 0, usage = 0;
    const time_t now = time(NULL), from = gnutls_x509_crt_get_activation_time(c->list[0]),
                 until = gnutls_x509_crt_get_expiration_time(c->list[0]);
    if (until < now)
        return when("the certificate expired at", until, err);
    if (from > now)
        return when("the certificate is not valid before", from, err);
    if (gnutls_x509_crt_get_key_usage(c->list[0], &usage, NULL) >= 0 &&
        !(usage & GNUTLS_KEY_DIGITAL_SIGNATURE))
        return tenon_error_set(err, TENON_E_DENIED, "the certificate is not one for signatures");
    memcpy(list, c->list, sizeof list);
    const int rc = gnutls_x509_trust_list_verify_crt2(a->list, list, c->count, &as, 1,
                                                      VERIFY_FLAGS, &status, NULL);
    if (rc < 0)
        return tenon_error_set(err, TENON_E_DENIED, "the certificate: %s", gnutls_strerror(rc));
    if (!status)
        return 0;
    static const struct {
        unsigned bit;
        const char *text;
    } reasons[] = {
        {GNUTLS_CERT_SIGNER_NOT_FOUND, "the certificate was issued by none of the authorities"},
        {GNUTLS_CERT_EXPIRED, "a certificate above it has expired"},
        {GNUTLS_CERT_NOT_ACTIVATED, "a certificate above it is not valid yet"},
        {GNUTLS_CERT_PURPOSE_MISMATCH, "the certificate is not one for signing programs"},
        {GNUTLS_CERT_SIGNER_NOT_CA, "it was issued by a certificate that may not issue any"},
        {GNUTLS_CERT_INSECURE_ALGORITHM, "the certificate is signed in a way that is broken"},
        {GNUTLS_CERT_REVOKED, "the certificate was revoked"},
    };
    for (size_t i = 0; i < tenon_countof(reasons); i++)
        if (status & reasons[i].bit)
            return tenon_error_set(err, TENON_E_DENIED, "%s", reasons[i].text);
    gnutls_datum_t text = {0};
    gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0);
    tenon_error_set(err, TENON_E_DENIED, "%s", text.data ? (char *)text.data : "not trusted");
    gnutls_free(text.data);
    return err->code;
}
