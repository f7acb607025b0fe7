/* signing/verifyimage.c - see verifyimage.h. */
#include "signing/verifyimage.h"

#include <string.h>

#include "base/digest.h"
#include "base/io.h"
#include "places/beside.h"
#include "places/copyimage.h"
#include "places/versions.h"
#include "signing/signature.h"
#include "signing/signimage.h"
#include "tools/alloc.h"

#define SIGNATURES_MAX 128 /* that are looked at; others were put there to keep us busy */
#define STATEMENTS_MAX 1000
#define REASONS_MAX 16 /* that are told in a message */

#define NESTED_MAX 4 /* indexes in indexes */

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

static void
release(struct verifying *v)
{
    free(v->repository);
    free(v->tag);
    tenon_strv_free(v->keys);
    tenon_strv_free(v->seen);
    tenon_vec_release(&v->shares);
    tenon_vec_foreach(said, &v->claims)
        tenon_claim_release(&said->claim);
    tenon_vec_release(&v->claims);
}
TENON_DEFINE_AUTO_STRUCT(verifying, struct verifying, release);
#define auto_verifying __attribute__((cleanup(tenon_auto_verifying)))

/* ---- names ------------------------------------------------------------------------- */

static int
check_name(const struct verifying *v, const char *claimed, struct tenon_error *err)
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

/* Of the policy's entries those for which a signature is good: one key may be of several. */
struct found {
    TENON_VEC(size_t) signers;
    const char *key; /* its id */
};

static void
release_found(struct found *f)
{
    tenon_vec_release(&f->signers);
}
TENON_DEFINE_AUTO_STRUCT(found, struct found, release_found);
#define auto_found __attribute__((cleanup(tenon_auto_found)))

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

static int
find_signers(const struct verifying *v, const struct tenon_signature *s, struct found *out,
             struct tenon_error *err)
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

/* ---- how many ---------------------------------------------------------------------- */

/* Give a key an entry of its own, if need be by giving another to the key that has it. taken: by
 * which key each entry is, or SIZE_MAX; tried: entries that this search has been at. No deeper than
 * there are keys. */
static bool
give(const struct verifying *v, size_t key, size_t *taken, bool *tried)
{
    tenon_vec_foreach(s, &v->shares) {
        if (s->key != key || tried[s->signer])
            continue;
        tried[s->signer] = true;
        if (taken[s->signer] == SIZE_MAX || give(v, taken[s->signer], taken, tried)) {
            taken[s->signer] = key;
            return true;
        }
    }
    return false;
}

/* Who is one, whatever he calls himself: each key and each entry of the policy counts once. */
static size_t
count_signers(const struct verifying *v)
{
    const size_t entries = v->rule->signers.len, keys = tenon_strv_len(v->keys);
    auto_free size_t *taken = tenon_reallocarray(NULL, entries, sizeof *taken);
    auto_free bool *tried = tenon_reallocarray(NULL, entries, sizeof *tried);
    size_t count = 0;
    for (size_t i = 0; i < entries; i++)
        taken[i] = SIZE_MAX;
    for (size_t i = 0; i < keys; i++) {
        memset(tried, 0, entries * sizeof *tried);
        count += give(v, i, taken, tried);
    }
    return count;
}

static void
count_in(struct verifying *v, const struct found *f)
{
    size_t key = 0;
    while (v->keys && v->keys[key] && strcmp(v->keys[key], f->key))
        key++;
    if (key == tenon_strv_len(v->keys))
        tenon_strv_push(&v->keys, tenon_strdup(f->key));
    tenon_vec_foreach(signer, &f->signers)
        tenon_vec_push(&v->shares, (struct share){*signer, key});
}

/* ---- signatures -------------------------------------------------------------------- */

static const char *
form_of(const struct tenon_signature *s)
{
    return s->simple ? "simple" : "bundle";
}

static void
add_text(struct json_object *o, const char *key, const char *text)
{
    if (text)
        json_object_object_add(o, key, json_object_new_string(text));
}

static void
refuse(struct verifying *v, const char *form, const struct tenon_error *why)
{
    struct json_object *o = json_object_new_object();
    add_text(o, "form", form);
    add_text(o, "reason", why->message);
    add_text(o, "hint", why->hint);
    json_object_array_add(v->refused, o);
}

static bool
is_about(const struct tenon_claim *c, const char *digest)
{
    for (char **d = c->digests; d && *d; d++)
        if (!strcmp(*d, digest))
            return true;
    return false;
}

/* Signed by one of the policy's; what is no signature is kept as what they attest to. */
static int
weigh(struct verifying *v, const struct tenon_signature *s, const char *digest,
      struct tenon_error *err)
{
    auto_claim struct tenon_claim c = {0};
    auto_found struct found by = {0};
    if (find_signers(v, s, &by, err) < 0 || tenon_signature_claim(s, &c, err) < 0)
        return err->code;
    const struct tenon_signer *signer = &v->rule->signers.items[by.signers.items[0]];
    if (!is_about(&c, digest))
        return tenon_error_set(err, TENON_E_DENIED, "it is about another image, %s",
                               c.digests ? c.digests[0] : "of which it has no digest");
    if (!c.predicate_type || strcmp(c.predicate_type, TENON_PREDICATE_SIGNED)) {
        tenon_vec_push(&v->claims, (struct said){c, signer->label});
        c = (struct tenon_claim){0};
        return 0;
    }
    if (strcmp(digest, v->x->place->top.digest)) /* of one platform's: not of the whole */
        return 0;
    if (check_name(v, c.name, err) < 0)
        return err->code;
    struct json_object *o = json_object_new_object();
    add_text(o, "signer", signer->label);
    add_text(o, "form", form_of(s));
    add_text(o, "name", c.name);
    if (s->certificate && signer->authorities)
        add_text(o, "subject", tenon_certificate_subject(s->certificate));
    json_object_array_add(v->signatures, o);
    count_in(v, &by);
    return 0;
}

/* What one signature is refused for concerns no other. */
static void
consider(struct verifying *v, const struct tenon_signature *s, const char *digest)
{
    auto_error struct tenon_error why = TENON_ERROR_INIT;
    if (weigh(v, s, digest, &why) < 0)
        refuse(v, form_of(s), &why);
}

static bool
is_enough(struct verifying *v)
{
    auto_error struct tenon_error why = TENON_ERROR_INIT;
    if (v->looked_at++ < SIGNATURES_MAX)
        return false;
    if (v->looked_at == SIGNATURES_MAX + 1) {
        tenon_error_set(&why, TENON_E_LIMIT, "more than %d: the rest was not looked at",
                        SIGNATURES_MAX);
        refuse(v, "all", &why);
    }
    return true;
}

static int
take_bundle(struct verifying *v, struct json_object *manifest, const char *digest,
            struct tenon_error *err)
{
    auto_signature struct tenon_signature s = {0};
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    struct json_object *layers = NULL;
    struct tenon_desc d = {0};
    if (tenon_json_get_array(manifest, "layers", &layers, err) < 0)
        return err->code;
    if (!layers || json_object_array_length(layers) != 1)
        return 0; /* of another kind */
    int rc = tenon_desc_parse(json_object_array_get_idx(layers, 0), "layer", &d, err);
    const bool is_bundle = rc == 0 && tenon_has_prefix(d.media_type, TENON_MT_BUNDLE_PREFIX);
    if (is_bundle)
        rc = tenon_place_read(v->x->reach, v->x->place, &d, &text, err);
    tenon_desc_release(&d);
    if (rc < 0 || !is_bundle)
        return rc;
    if (tenon_signature_parse_bundle(tenon_buf_str(&text), text.len, &s, err) < 0)
        return err->code;
    consider(v, &s, digest);
    return 0;
}

static int
take_layer(struct verifying *v, struct json_object *layer, const char *digest,
           struct tenon_error *err)
{
    auto_signature struct tenon_signature s = {0};
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    struct tenon_desc d = {0};
    int rc = tenon_desc_parse(layer, "layer", &d, err);
    const bool is_simple = rc == 0 && !strcmp(d.media_type, TENON_MT_SIMPLE_SIGNING);
    if (is_simple)
        rc = tenon_place_read(v->x->reach, v->x->place, &d, &text, err);
    tenon_desc_release(&d);
    if (rc < 0 || !is_simple)
        return rc;
    if (tenon_signature_parse_simple(layer, &text, &s, err) < 0)
        return err->code;
    consider(v, &s, digest);
    return 0;
}

static int
take_layers(struct verifying *v, struct json_object *manifest, const char *digest,
            struct tenon_error *err)
{
    struct json_object *layers = NULL;
    if (tenon_json_get_array(manifest, "layers", &layers, err) < 0)
        return err->code;
    for (size_t i = 0; layers && i < json_object_array_length(layers); i++) {
        auto_error struct tenon_error why = TENON_ERROR_INIT;
        if (is_enough(v))
            break;
        if (take_layer(v, json_object_array_get_idx(layers, i), digest, &why) < 0)
            refuse(v, "simple", &why);
    }
    return 0;
}

/* All that stand beside one document. */
static int
take_besides(struct verifying *v, const char *digest, struct tenon_error *err)
{
    auto_besides struct tenon_besides found = {0};
    for (char **seen = v->seen; seen && *seen; seen++)
        if (!strcmp(*seen, digest))
            return 0;
    if (tenon_place_besides(v->x->reach, v->x->place, digest, TENON_BESIDES_ALL, &found, err) < 0)
        return err->code;
    tenon_strv_push(&v->seen, tenon_strdup(digest));
    v->looked_at = 0;
    tenon_vec_foreach(one, &found.list) {
        auto_error struct tenon_error why = TENON_ERROR_INIT;
        auto_json struct json_object *manifest = NULL;
        if (!one->is_tagged && is_enough(v))
            continue;
        int rc = tenon_place_json(v->x->reach, v->x->place, &one->desc, &manifest, &why);
        if (rc == 0)
            rc = one->is_tagged ? take_layers(v, manifest, digest, &why)
                                : take_bundle(v, manifest, digest, &why);
        if (rc < 0)
            refuse(v, one->is_tagged ? "simple" : "bundle", &why);
    }
    return 0;
}

/* A signature that the caller has brought. */
static void
take_brought(struct verifying *v)
{
    auto_error struct tenon_error why = TENON_ERROR_INIT;
    auto_signature struct tenon_signature s = {0};
    const struct tenon_buf *text = v->x->bundle;
    if (!text)
        return;
    if (tenon_signature_parse_bundle(tenon_buf_str(text), text->len, &s, &why) < 0)
        refuse(v, "bundle", &why);
    else
        consider(v, &s, v->x->place->top.digest);
}

/* ": " and what was refused for what, each reason once. */
static void
put_reasons(const struct verifying *v, struct tenon_buf *out)
{
    const char *told[REASONS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < json_object_array_length(v->refused) && count < REASONS_MAX; i++) {
        struct json_object *reason = NULL;
        json_object_object_get_ex(json_object_array_get_idx(v->refused, i), "reason", &reason);
        const char *text = json_object_get_string(reason);
        size_t at = 0;
        while (at < count && strcmp(told[at], text))
            at++;
        if (at < count)
            continue;
        told[count++] = text;
        tenon_buf_addf(out, "%s%s", at ? "; " : ": ", text);
    }
}

static int
check_signatures(struct verifying *v, struct tenon_error *err)
{
    take_brought(v);
    if (take_besides(v, v->x->place->top.digest, err) < 0)
        return err->code;
    const size_t count = count_signers(v), refused = json_object_array_length(v->refused);
    if (count >= v->rule->threshold)
        return 0;
    auto_buf struct tenon_buf why = TENON_BUF_INIT;
    put_reasons(v, &why);
    if (count)
        return tenon_error_set(err, TENON_E_DENIED, "%zu of the %zu signers that are needed "
                               "signed %s%s", count, v->rule->threshold,
                               v->x->place->top.digest, tenon_buf_str(&why));
    return tenon_error_set(err, TENON_E_DENIED, "%s %s%s",
                           refused ? "no good signature of" : "nobody has signed",
                           v->x->place->top.digest, tenon_buf_str(&why));
}

/* ---- attestations ------------------------------------------------------------------ */

/* A text below members; NULL: not there. */
static const char *
below(struct json_object *o, const char *const *path)
{
    for (; *path; path++)
        if (!json_object_is_type(o, json_type_object) || !json_object_object_get_ex(o, *path, &o))
            return NULL;
    return json_object_is_type(o, json_type_string) ? json_object_get_string(o) : NULL;
}

/* Who built, by SLSA's predicates of either version. */
static const char *
builder_of(struct json_object *predicate)
{
    static const char *const one[] = { "runDetails", "builder", "id", NULL };
    static const char *const old[] = { "builder", "id", NULL };
    const char *id = below(predicate, one);
    return id ? id : below(predicate, old);
}

/* Why a statement is not the one that is wanted, or 0. */
static int
fits(const struct tenon_claim *c, const struct tenon_wanted *w, const char *digest,
     struct tenon_error *err)
{
    if (!is_about(c, digest))
        return tenon_error_set(err, TENON_E_DENIED, "it is about another image");
    const char *builder = builder_of(c->predicate);
    if (w->builder && (!builder || !tenon_text_fits(w->builder, builder)))
        return tenon_error_set(err, TENON_E_DENIED, "the builder is \"%s\", not \"%s\"",
                               builder ? builder : "", w->builder);
    return 0;
}

static void
note(struct verifying *v, const struct tenon_claim *c, const char *signer, const char *digest)
{
    struct json_object *o = json_object_new_object();
    add_text(o, "digest", digest);
    add_text(o, "predicate", c->predicate_type);
    add_text(o, "builder", builder_of(c->predicate));
    add_text(o, "signer", signer);
    json_object_array_add(v->attestations, o);
}

/* One statement of the manifest that the index has for an image: 1 when it is what is wanted.
 * What the index names is signed with the index. */
static int
look_at(struct verifying *v, const struct tenon_wanted *w, struct json_object *layer,
        const char *digest, struct tenon_error *err)
{
    auto_claim struct tenon_claim c = {0};
    auto_signature struct tenon_signature s = {0};
    struct tenon_desc d = {0};
    if (tenon_desc_parse(layer, "layer", &d, err) < 0)
        return err->code;
    int rc = strcmp(d.media_type, TENON_MT_IN_TOTO) ? 1
             : tenon_place_read(v->x->reach, v->x->place, &d, &s.payload, err);
    tenon_desc_release(&d);
    if (rc)
        return rc < 0 ? rc : 0;
    if (tenon_signature_claim(&s, &c, err) < 0)
        return err->code;
    if (!tenon_streq(c.predicate_type, w->predicate))
        return 0;
    if (fits(&c, w, digest, err) < 0)
        return err->code;
    note(v, &c, NULL, digest); /* who signed the index */
    return 1;
}

static int
look_into(struct verifying *v, const struct tenon_wanted *w, const struct tenon_desc *about,
          const char *digest, struct tenon_error *err)
{
    auto_json struct json_object *manifest = NULL;
    struct json_object *layers = NULL;
    if (tenon_place_json(v->x->reach, v->x->place, about, &manifest, err) < 0 ||
        tenon_json_get_array(manifest, "layers", &layers, err) < 0)
        return err->code;
    int found = 0;
    for (size_t i = 0; layers && !found && i < json_object_array_length(layers); i++) {
        if (i == STATEMENTS_MAX)
            return tenon_error_set(err, TENON_E_LIMIT, "more than %d statements", STATEMENTS_MAX);
        tenon_error_release(err);
        const int rc = look_at(v, w, json_object_array_get_idx(layers, i), digest, err);
        if (rc < 0 && rc != TENON_E_DENIED)
            return rc;
        found = rc > 0;
    }
    if (found)
        tenon_error_release(err);
    return found ? 1 : err->code;
}

/* about: the index's own of the image, or NULL. */
static int
check_wanted(struct verifying *v, const struct tenon_wanted *w, const char *digest,
             const struct tenon_desc *about, struct tenon_error *err)
{
    int rc = about ? look_into(v, w, about, digest, err) : 0;
    if (rc > 0)
        return 0;
    if (rc < 0 && rc != TENON_E_DENIED)
        return tenon_error_context(err, "attestation of %s", digest);
    if (take_besides(v, digest, err) < 0)
        return err->code;
    tenon_vec_foreach(said, &v->claims) {
        const struct tenon_claim *c = &said->claim;
        auto_error struct tenon_error why = TENON_ERROR_INIT;
        if (!tenon_streq(c->predicate_type, w->predicate))
            continue;
        if (fits(c, w, digest, &why) == 0) {
            note(v, c, said->signer, digest);
            tenon_error_release(err);
            return 0;
        }
        if (!err->code)
            tenon_error_move(err, &why);
    }
    if (err->code)
        return tenon_error_context(err, "attestation \"%s\" of %s", w->predicate, digest);
    return tenon_error_set(err, TENON_E_DENIED, "nothing of the kind \"%s\" attests to %s",
                           w->predicate, digest);
}

/* A document as it calls itself, whatever names it says it is: that is not signed. */
static int
read_image(struct verifying *v, const struct tenon_desc *d, struct json_object **out,
           bool *is_index, struct tenon_error *err)
{
    if (tenon_place_json(v->x->reach, v->x->place, d, out, err) < 0)
        return err->code;
    if (!json_object_is_type(*out, json_type_object))
        return tenon_error_set(err, TENON_E_DENIED, "%s is no image", d->digest);
    const bool has_images = json_object_object_get_ex(*out, "manifests", NULL),
               has_layers = json_object_object_get_ex(*out, "layers", NULL) ||
                            json_object_object_get_ex(*out, "config", NULL);
    *is_index = tenon_media_is_index(tenon_document_type(*out));
    if (*is_index != tenon_media_is_index(d->media_type) || (has_images && has_layers) ||
        *is_index != has_images)
        return tenon_error_set(err, TENON_E_DENIED, "%s is named as \"%s\", and is something else",
                               d->digest, d->media_type);
    return 0;
}

static int check_image(struct verifying *v, const struct tenon_desc *d,
                       const struct tenon_desc *about, unsigned depth, size_t *images,
                       struct tenon_error *err);

static int
check_images(struct verifying *v, struct json_object *index, unsigned depth, size_t *images,
             struct tenon_error *err)
{
    auto_versions struct tenon_versions versions = {0};
    if (tenon_versions_read(index, &versions, err) < 0)
        return err->code;
    tenon_vec_foreach(one, &versions.list) {
        const struct tenon_version *about = tenon_versions_about(&versions, one->desc.digest);
        if (!one->attests &&
            check_image(v, &one->desc, about ? &about->desc : NULL, depth + 1, images, err) < 0)
            return err->code;
    }
    return 0;
}

/* All that is wanted of an image, or of each of an index. */
static int
check_image(struct verifying *v, const struct tenon_desc *d, const struct tenon_desc *about,
            unsigned depth, size_t *images, struct tenon_error *err)
{
    auto_json struct json_object *o = NULL;
    bool is_index = false;
    if (depth > NESTED_MAX)
        return tenon_error_set(err, TENON_E_LIMIT, "indexes within indexes, %u deep", depth);
    if (read_image(v, d, &o, &is_index, err) < 0)
        return err->code;
    if (is_index)
        return check_images(v, o, depth, images, err);
    ++*images;
    tenon_vec_foreach(w, &v->rule->attestations)
        if (check_wanted(v, w, d->digest, about, err) < 0)
            return err->code;
    return 0;
}

static int
check_attestations(struct verifying *v, struct tenon_error *err)
{
    size_t images = 0;
    if (!v->rule->attestations.len)
        return 0;
    if (check_image(v, &v->x->place->top, NULL, 0, &images, err) < 0)
        return err->code;
    return images ? 0 /* of none nothing would be missing */
                  : tenon_error_set(err, TENON_E_DENIED, "it has no images to attest to");
}

/* ---- blobs ------------------------------------------------------------------------- */

static int
check_blob(void *data, const struct tenon_desc *d, struct tenon_error *err)
{
    const struct verifying *v = data;
    auto_hash struct tenon_hash *hash = tenon_hash_new();
    auto_free char *buf = tenon_malloc((size_t)1 << 18);
    struct tenon_digest got;
    auto_close int fd = tenon_place_open(v->x->reach, v->x->place, d, err);
    int64_t n = fd < 0 ? fd : 1;
    while (n > 0) {
        n = tenon_read_full(fd, buf, (size_t)1 << 18, err);
        if (n > 0)
            tenon_hash_update(hash, buf, (size_t)n);
        if (tenon_cancel_check(v->x->reach->call.cancel, err) < 0)
            n = err->code;
    }
    if (n < 0)
        return tenon_error_context(err, "blob %s", d->digest);
    tenon_hash_final(hash, &got);
    if (strcmp(got.str, d->digest))
        return tenon_error_set(err, TENON_E_DENIED, "blob %s is something else, %s", d->digest,
                               got.str);
    return 0;
}

/* What a registry gives is verified when it is pulled; files can be changed where they are. */
static int
check_blobs(struct verifying *v, struct tenon_error *err)
{
    const struct tenon_verify_image *x = v->x;
    if (x->place->kind == TENON_PLACE_REGISTRY && !x->blobs)
        return 0;
    return tenon_place_gather(x->reach, x->place, &x->place->top, err) < 0 ||
                   tenon_image_walk(x->reach->store, x->place->top.digest, check_blob, v, err) < 0
               ? err->code : 0;
}

/* ---- the whole --------------------------------------------------------------------- */

static int
find_rule(struct verifying *v, struct tenon_error *err)
{
    auto_free char *own = v->x->name ? tenon_strdup(v->x->name) : tenon_signed_name(v->x->place);
    if (!own) {
        tenon_error_set(err, TENON_E_INVALID, "what should the image be?");
        return tenon_error_hint(err, "--name NAME, as policy and signature have it");
    }
    if (tenon_image_name_split(own, &v->repository, &v->tag, err) < 0)
        return err->code;
    v->rule = tenon_image_policy_find(v->x->policy, v->repository, v->tag);
    return v->rule ? 0 : tenon_error_set(err, TENON_E_DENIED, "the policy has no rule about %s",
                                         v->repository);
}

static struct json_object *
new_report(struct verifying *v)
{
    struct json_object *o = json_object_new_object();
    auto_free char *name = v->tag ? tenon_asprintf("%s:%s", v->repository, v->tag)
                                  : tenon_strdup(v->repository);
    add_text(o, "name", name);
    add_text(o, "digest", v->x->place->top.digest);
    json_object_object_add(o, "good", json_object_new_boolean(false));
    v->signatures = json_object_new_array();
    v->refused = json_object_new_array();
    v->attestations = json_object_new_array();
    json_object_object_add(o, "signatures", v->signatures);
    json_object_object_add(o, "refused", v->refused);
    json_object_object_add(o, "attestations", v->attestations);
    return o;
}

int
tenon_image_verify(const struct tenon_verify_image *x, struct json_object **report,
                   struct tenon_error *err)
{
    auto_verifying struct verifying v = {.x = x};
    *report = NULL;
    if (!tenon_place_is_image(x->place))
        return tenon_error_set(err, TENON_E_INVALID, "%s is no image, but files", x->place->text);
    if (tenon_place_check_loads(x->place, err) < 0)
        return tenon_error_context(err, "%s", x->place->text);
    if (find_rule(&v, err) < 0)
        return tenon_error_context(err, "%s", x->place->text);
    *report = new_report(&v);
    if (check_signatures(&v, err) < 0 || check_attestations(&v, err) < 0 ||
        check_blobs(&v, err) < 0) {
        add_text(*report, "reason", err->message);
        return tenon_error_context(err, "%s", x->place->text);
    }
    json_object_object_add(*report, "good", json_object_new_boolean(true));
    return 0;
}
