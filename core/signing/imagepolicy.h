/* signing/imagepolicy.h - what an image has to show before it is trusted (docs/signatures.md): a
 * document of rules, each about some names. */
#ifndef TENON_SIGNING_IMAGEPOLICY_H
#define TENON_SIGNING_IMAGEPOLICY_H

#include "base/error.h"
#include "signing/certificates.h"
#include "signing/signingkey.h"
#include "tools/vec.h"

struct tenon_signer { /* a key, or authorities and for whom they have to stand */
    char *label;      /* its file, as the policy has it */
    struct tenon_public_key *key;
    struct tenon_authorities *authorities;
    char *subject, *issuer; /* NULL: any */
};

/* What of an image's name its signature has to say. */
enum tenon_identity {
    TENON_IDENTITY_REPOSITORY, /* that, and no other tag */
    TENON_IDENTITY_TAG,        /* the tag as well */
    TENON_IDENTITY_NONE,       /* the digest will do */
};

struct tenon_wanted { /* an attestation of each image */
    char *predicate, *builder; /* builder NULL: any */
};

struct tenon_image_rule {
    char **names; /* with '*' */
    TENON_VEC(struct tenon_signer) signers;
    TENON_VEC(struct tenon_wanted) attestations;
    size_t threshold; /* so many of the signers */
    enum tenon_identity identity;
};

struct tenon_image_policy; /* immutable; any thread */
/* A file of JSON; the files that it names are beside it.  INVALID for what means nothing: a
 * policy that is understood in part would let something pass. */
int tenon_image_policy_load(const char *path, struct tenon_image_policy **out,
                            struct tenon_error *err);
void tenon_image_policy_free(struct tenon_image_policy *p);
TENON_DEFINE_AUTO(image_policy, struct tenon_image_policy *, tenon_image_policy_free);
#define auto_image_policy __attribute__((cleanup(tenon_auto_image_policy)))
/* A name as rules have it: the registry in small letters and without the port that it has anyway;
 * *tag NULL: it says none.  INVALID. */
int tenon_image_name_split(const char *name, char **repository, char **tag,
                           struct tenon_error *err);
/* The first rule about a name, "repository" with ":tag" or without; NULL: none. */
const struct tenon_image_rule *tenon_image_policy_find(const struct tenon_image_policy *p,
                                                       const char *repository, const char *tag);

#endif
