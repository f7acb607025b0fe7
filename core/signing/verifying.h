/* signing/verifying.h - inside the verification of an image; private to core/signing.
 *
 * verifysigners.c says whose a signature is, verifythreshold.c how many have signed,
 * verifysignatures.c takes what stands beside the image, and verifyattestations.c looks for what
 * the policy wants to be said of it. */
#ifndef TENON_SIGNING_VERIFYING_H
#define TENON_SIGNING_VERIFYING_H

#include "base/json.h"
#include "signing/signature.h"
#include "signing/verifyimage.h"
#include "tools/vec.h"

struct share { /* this key has signed, and is good for this entry of the policy */
    size_t signer, key;
};

struct said { /* by a signer of the policy */
    struct tenon_claim claim;
    const char *signer;
};

struct verifying {
    const struct tenon_verify_image *x;
    const struct tenon_image_rule *rule;
    char *repository, *tag; /* of the name that it should have; tag may be NULL */
    struct json_object *signatures, *refused, *attestations; /* of the report */
    char **keys; /* which counted: ids */
    TENON_VEC(struct share) shares;
    TENON_VEC(struct said) claims; /* what signers of the policy said that is no signature */
    char **seen; /* digests of which all that is beside them was looked at */
    size_t looked_at; /* of one of them */
};

/* A member of the report, where there is such a text. */
void verifying_add_text(struct json_object *o, const char *key, const char *text);

/* ---- verifysigners.c ---- */

/* Of the policy's entries those for which a signature is good: one key may be of several. */
struct found {
    TENON_VEC(size_t) signers;
    const char *key; /* its id */
};
void verifying_found_release(struct found *f);
TENON_DEFINE_AUTO_STRUCT(found, struct found, verifying_found_release);
#define auto_found __attribute__((cleanup(tenon_auto_found)))

int verifying_find_signers(const struct verifying *v, const struct tenon_signature *s,
                           struct found *out, struct tenon_error *err);
/* Is the name that was signed the one that the image should have? */
int verifying_check_name(const struct verifying *v, const char *claimed, struct tenon_error *err);

/* ---- verifythreshold.c ---- */

void verifying_count_in(struct verifying *v, const struct found *f);
/* Who is one, whatever he calls himself: each key and each entry of the policy counts once. */
size_t verifying_count_signers(const struct verifying *v);

/* ---- verifysignatures.c ---- */

/* All that stand beside one document, each document once. */
int verifying_take_besides(struct verifying *v, const char *digest, struct tenon_error *err);
int verifying_check_signatures(struct verifying *v, struct tenon_error *err);
bool verifying_is_about(const struct tenon_claim *c, const char *digest);

/* ---- verifyattestations.c ---- */

int verifying_check_attestations(struct verifying *v, struct tenon_error *err);

#endif
