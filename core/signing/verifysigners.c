/* signing/verifysigners.c - whose a signature is, of those whom the policy names. */
#include "signing/verifying.h"

#include <string.h>

#include "signing/signimage.h"
#include "tools/alloc.h"

/* ---- names ------------------------------------------------------------------------- */

int
verifying_check_name(const struct verifying *v, const char *claimed, struct tenon_error *err)
{
    auto_error struct tenon_error none = TENON_ERROR_INIT;
    auto_free char *repository = NULL, *tag = NULL;
    if (v->rule->identity == TENON_IDENTITY_NONE)
        return 0;
    if (!claimed) {
        tenon_error_set(err, TENON_E_DENIED, "it does not say what the image is called");
        return tenon_error_hint(err, "\"identity\": \"none\" in the policy is for signatures "
                                "without names");
    }
    if (tenon_image_name_split(claimed, &repository, &tag, &none) < 0)
        return tenon_error_set(err, TENON_E_DENIED, "it calls the image \"%.200s\"", claimed);
    if (strcmp(repository, v->repository) || (tag && v->tag && strcmp(tag, v->tag)))
        return tenon_error_set(err, TENON_E_DENIED, "it is for another name, %s", claimed);
    if (v->rule->identity == TENON_IDENTITY_TAG && (!tag || !v->tag))
        return tenon_error_set(err, TENON_E_DENIED, "%s",
                               tag ? "the image is not called by its tag"
                                   : "it does not say the tag of the image");
    return 0;
}

/* ---- who --------------------------------------------------------------------------- */

void
verifying_found_release(struct found *f)
{
    tenon_vec_release(&f->signers);
}

static void
by_key(const struct verifying *v, const struct tenon_signature *s, struct found *out)
{
    for (size_t i = 0; i < v->rule->signers.len; i++) {
        const struct tenon_public_key *key = v->rule->signers.items[i].key;
        if (!key || !tenon_public_key_verifies(key, &s->covered, &s->bytes))
            continue;
        out->key = tenon_public_key_id(key);
        tenon_vec_push(&out->signers, i);
    }
}

/* Is the certificate one that this entry asks for?  Of an authority of its it is. */
static int
check_certificate(const struct tenon_signer *one, const struct tenon_certificate *c,
                  struct tenon_error *err)
{
    if (!tenon_certificate_is_for(c, one->subject))
        return tenon_error_set(err, TENON_E_DENIED, "the certificate is for \"%s\", not for \"%s\"",
                               tenon_certificate_subject(c), one->subject);
    if (one->issuer && !tenon_text_fits(one->issuer, tenon_certificate_issuer(c)))
        return tenon_error_set(err, TENON_E_DENIED, "the certificate was issued by \"%s\", not by "
                               "\"%s\"", tenon_certificate_issuer(c), one->issuer);
    return 0;
}

static void
by_certificate(const struct verifying *v, const struct tenon_certificate *c, struct found *out,
               struct tenon_error *err)
{
    bool asked = false;
    for (size_t i = 0; i < v->rule->signers.len; i++) {
        auto_error struct tenon_error why = TENON_ERROR_INIT;
        const struct tenon_signer *one = &v->rule->signers.items[i];
        if (!one->authorities)
            continue;
        asked = true;
        const bool is_trusted = tenon_authorities_trust(one->authorities, c, &why) == 0;
        if (is_trusted && check_certificate(one, c, &why) == 0) {
            out->key = tenon_public_key_id(tenon_certificate_key(c));
            tenon_vec_push(&out->signers, i);
        } else if (is_trusted || !err->code) { /* says more than another authority's */
            tenon_error_release(err);
            tenon_error_move(err, &why);
        }
    }
    if (!asked)
        tenon_error_set(err, TENON_E_DENIED, "it has a certificate, and the policy names no "
                        "authorities");
}

static int
no_key(const struct verifying *v, const struct tenon_signature *s, struct tenon_error *err)
{
    tenon_vec_foreach(one, &v->rule->signers)
        if (one->key && tenon_streq(s->key_id, tenon_public_key_id(one->key)))
            return tenon_error_set(err, TENON_E_DENIED, "it says that it is of %s, and what is "
                                   "signed is something else", one->label);
    return tenon_error_set(err, TENON_E_DENIED, s->key_id
                               ? "it was made with another key than the policy's"
                               : "it was made with another key than the policy's, or of "
                                 "something else");
}

int
verifying_find_signers(const struct verifying *v, const struct tenon_signature *s,
                       struct found *out, struct tenon_error *err)
{
    by_key(v, s, out);
    if (!s->certificate)
        return out->signers.len ? 0 : no_key(v, s, err);
    if (!tenon_public_key_verifies(tenon_certificate_key(s->certificate), &s->covered, &s->bytes))
        tenon_error_set(err, TENON_E_DENIED, "its certificate is not for the key that made it, or "
                        "what is signed was changed");
    else
        by_certificate(v, s->certificate, out, err);
    if (!out->signers.len)
        return err->code;
    tenon_error_release(err);
    return 0;
}
