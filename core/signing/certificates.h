/* signing/certificates.h - whose a key is, by X.509: a certificate with those between it and an
 * authority, and authorities. */
#ifndef TENON_SIGNING_CERTIFICATES_H
#define TENON_SIGNING_CERTIFICATES_H

#include "base/error.h"
#include "signing/signingkey.h"
#include "tools/buf.h"

struct tenon_certificate; /* immutable but for _add; any thread */
/* PEM, the signer's own first and then what is between; or DER of one. */
int tenon_certificate_parse(const char *text, size_t len, struct tenon_certificate **out,
                            struct tenon_error *err);
/* More of those between, in PEM. */
int tenon_certificate_add(struct tenon_certificate *c, const char *text, size_t len,
                          struct tenon_error *err);
void tenon_certificate_free(struct tenon_certificate *c);
TENON_DEFINE_AUTO(certificate, struct tenon_certificate *, tenon_certificate_free);
#define auto_certificate __attribute__((cleanup(tenon_auto_certificate)))
const struct tenon_public_key *tenon_certificate_key(const struct tenon_certificate *c);
/* "CN=release,O=Example" (RFC 4514). */
const char *tenon_certificate_subject(const struct tenon_certificate *c);
const char *tenon_certificate_issuer(const struct tenon_certificate *c);
/* Is the text, in which * is anything, its subject or one of its other names (mail, URI, DNS)? */
bool tenon_certificate_is_for(const struct tenon_certificate *c, const char *pattern);
void tenon_certificate_put_pem(const struct tenon_certificate *c, struct tenon_buf *own,
                               struct tenon_buf *between);
void tenon_certificate_put_der(const struct tenon_certificate *c, struct tenon_buf *out);

struct tenon_authorities;
int tenon_authorities_parse(const char *text, size_t len, struct tenon_authorities **out,
                            struct tenon_error *err);
void tenon_authorities_free(struct tenon_authorities *a);
/* Do they stand for it, now, as one that signs programs? DENIED with the reason. */
int tenon_authorities_trust(const struct tenon_authorities *a, const struct tenon_certificate *c,
                            struct tenon_error *err);

/* '*' is any text, all else itself. */
bool tenon_text_fits(const char *pattern, const char *text);

#endif
