/* signing/signature.h - signatures of images as cosign and its readers have them, in both forms:
 *
 * - simple: the payload is "simple signing" (containers-signature(5)), a layer of the manifest
 *   that is tagged sha256-DIGEST.sig, and the signature is an annotation of that layer
 *   (cosign's SIGNATURE_SPEC.md);
 * - bundle: an in-toto statement in a DSSE envelope in a sigstore bundle of version 0.3, the only
 *   layer of a manifest that refers to the image (cosign's BUNDLE_SPEC.md). */
#ifndef TENON_SIGNING_SIGNATURE_H
#define TENON_SIGNING_SIGNATURE_H

#include "base/error.h"
#include "base/json.h"
#include "signing/certificates.h"
#include "signing/signingkey.h"
#include "tools/buf.h"

#define TENON_MT_SIMPLE_SIGNING "application/vnd.dev.cosign.simplesigning.v1+json"
#define TENON_MT_BUNDLE_PREFIX "application/vnd.dev.sigstore.bundle"
#define TENON_MT_BUNDLE TENON_MT_BUNDLE_PREFIX ".v0.3+json"
#define TENON_MT_IN_TOTO "application/vnd.in-toto+json"
#define TENON_NOTE_SIGNATURE "dev.cosignproject.cosign/signature"
#define TENON_NOTE_CERTIFICATE "dev.sigstore.cosign/certificate"
#define TENON_NOTE_CHAIN "dev.sigstore.cosign/chain"
#define TENON_PREDICATE_SIGNED "https://sigstore.dev/cosign/sign/v1"

/* What a signature says; nothing of it is true before the signature is verified. */
struct tenon_claim {
    const char *name;           /* what the image is called, or NULL */
    char **digests;             /* which images it is about */
    const char *predicate_type; /* TENON_PREDICATE_SIGNED, also of the simple form */
    struct json_object *predicate; /* of a statement, or NULL; borrowed from document */
    struct json_object *document;
};
void tenon_claim_release(struct tenon_claim *c);
TENON_DEFINE_AUTO_STRUCT(claim, struct tenon_claim, tenon_claim_release);
#define auto_claim __attribute__((cleanup(tenon_auto_claim)))

struct tenon_signature {
    bool simple;
    struct tenon_buf payload; /* the claim's text */
    struct tenon_buf covered; /* the bytes that are signed */
    struct tenon_buf bytes;
    char *key_id;                          /* what the signer calls the key, or NULL */
    struct tenon_certificate *certificate; /* or NULL */
};
void tenon_signature_release(struct tenon_signature *s);
TENON_DEFINE_AUTO_STRUCT(signature, struct tenon_signature, tenon_signature_release);
#define auto_signature __attribute__((cleanup(tenon_auto_signature)))

/* Make: certificate or NULL. */
struct tenon_signing {
    const struct tenon_signing_key *key;
    const struct tenon_certificate *certificate;
    const char *name, *digest; /* the image's */
    int64_t time_s;            /* when, as is claimed */
};
int tenon_signature_make(const struct tenon_signing *x, bool simple, struct tenon_signature *out,
                         struct tenon_error *err);
/* The text of a bundle. */
void tenon_signature_put_bundle(const struct tenon_signature *s, struct tenon_buf *out);
/* The annotations of a layer with a simple signing. */
struct json_object *tenon_signature_notes(const struct tenon_signature *s);

/* Read; CORRUPT for what is none, UNSUPPORTED for what is known to be something else. */
int tenon_signature_parse_bundle(const char *text, size_t len, struct tenon_signature *out,
                                 struct tenon_error *err);
/* layer: its descriptor, with the annotations. */
int tenon_signature_parse_simple(struct json_object *layer, const struct tenon_buf *payload,
                                 struct tenon_signature *out, struct tenon_error *err);
int tenon_signature_claim(const struct tenon_signature *s, struct tenon_claim *out,
                          struct tenon_error *err);

#endif
