/* signing/verifysignatures.c - signatures beside an image, and one that the caller has: each is
 * good, or refused for a reason. */
#include "signing/verifying.h"

#include <string.h>

#include "places/beside.h"
#include "tools/alloc.h"

#define SIGNATURES_MAX 128 /* that are looked at; others were put there to keep us busy */
#define REASONS_MAX 16 /* that are told in a message */

static const char *
form_of(const struct tenon_signature *s)
{
    return s->simple ? "simple" : "bundle";
}

void
verifying_add_text(struct json_object *o, const char *key, const char *text)
{
    if (text)
        json_object_object_add(o, key, json_object_new_string(text));
}

static void
refuse(struct verifying *v, const char *form, const struct tenon_error *why)
{
    struct json_object *o = json_object_new_object();
    verifying_add_text(o, "form", form);
    verifying_add_text(o, "reason", why->message);
    verifying_add_text(o, "hint", why->hint);
    json_object_array_add(v->refused, o);
}

bool
verifying_is_about(const struct tenon_claim *c, const char *digest)
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
    if (verifying_find_signers(v, s, &by, err) < 0 || tenon_signature_claim(s, &c, err) < 0)
        return err->code;
    const struct tenon_signer *signer = &v->rule->signers.items[by.signers.items[0]];
    if (!verifying_is_about(&c, digest))
        return tenon_error_set(err, TENON_E_DENIED, "it is about another image, %s",
                               c.digests ? c.digests[0] : "of which it has no digest");
    if (!c.predicate_type || strcmp(c.predicate_type, TENON_PREDICATE_SIGNED)) {
        tenon_vec_push(&v->claims, (struct said){c, signer->label});
        c = (struct tenon_claim){0};
        return 0;
    }
    if (strcmp(digest, v->x->place->top.digest)) /* of one platform's: not of the whole */
        return 0;
    if (verifying_check_name(v, c.name, err) < 0)
        return err->code;
    struct json_object *o = json_object_new_object();
    verifying_add_text(o, "signer", signer->label);
    verifying_add_text(o, "form", form_of(s));
    verifying_add_text(o, "name", c.name);
    if (s->certificate && signer->authorities)
        verifying_add_text(o, "subject", tenon_certificate_subject(s->certificate));
    json_object_array_add(v->signatures, o);
    verifying_count_in(v, &by);
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

int
verifying_take_besides(struct verifying *v, const char *digest, struct tenon_error *err)
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

int
verifying_check_signatures(struct verifying *v, struct tenon_error *err)
{
    take_brought(v);
    if (verifying_take_besides(v, v->x->place->top.digest, err) < 0)
        return err->code;
    const size_t count = verifying_count_signers(v), refused = json_object_array_length(v->refused);
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
