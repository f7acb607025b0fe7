/* signing/verifyattestations.c - what the policy wants to be said of each image, by statements that
 * the index names or that signers made. */
#include "signing/verifying.h"

#include <string.h>

#include "places/versions.h"

#define STATEMENTS_MAX 1000
#define NESTED_MAX 4 /* indexes in indexes */

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
    if (!verifying_is_about(c, digest))
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
    verifying_add_text(o, "digest", digest);
    verifying_add_text(o, "predicate", c->predicate_type);
    verifying_add_text(o, "builder", builder_of(c->predicate));
    verifying_add_text(o, "signer", signer);
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
    if (verifying_take_besides(v, digest, err) < 0)
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

int
verifying_check_attestations(struct verifying *v, struct tenon_error *err)
{
    size_t images = 0;
    if (!v->rule->attestations.len)
        return 0;
    if (check_image(v, &v->x->place->top, NULL, 0, &images, err) < 0)
        return err->code;
    return images ? 0 /* of none nothing would be missing */
                  : tenon_error_set(err, TENON_E_DENIED, "it has no images to attest to");
}
