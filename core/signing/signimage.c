/* signing/signimage.c - see signimage.h. */
#include "signing/signimage.h"

#include <string.h>

#include "places/beside.h"
#include "places/versions.h"
#include "tools/alloc.h"
#include "tools/base64.h"
#include "tools/jsontext.h"

#define EMPTY_TYPE "application/vnd.oci.empty.v1+json"
#define EMPTY "{}"
#define LAYERS_MAX 1000
#define LOOKED_AT_MAX 128 /* as many as are looked at when they are verified */

TENON_DEFINE_AUTO_STRUCT(reference, struct tenon_reference, tenon_reference_release);
#define auto_reference __attribute__((cleanup(tenon_auto_reference)))

char *
tenon_signed_name(const struct tenon_place *p)
{
    auto_error struct tenon_error none = TENON_ERROR_INIT;
    auto_reference struct tenon_reference ref = {0};
    if ((p->kind != TENON_PLACE_REGISTRY && p->kind != TENON_PLACE_STORE) ||
        tenon_reference_parse(p->name, &ref, &none) < 0)
        return NULL;
    return ref.tag ? tenon_asprintf("%s/%s:%s", ref.domain, ref.path, ref.tag)
                   : tenon_asprintf("%s/%s", ref.domain, ref.path);
}

/* ---- documents of the content store ------------------------------------------------ */

static struct json_object *
descriptor(const char *media_type, const char *digest, int64_t size)
{
    struct json_object *o = json_object_new_object();
    json_object_object_add(o, "mediaType", json_object_new_string(media_type));
    json_object_object_add(o, "digest", json_object_new_string(digest));
    json_object_object_add(o, "size", json_object_new_int64(size));
    return o;
}

/* Its descriptor. */
static int
put(const struct tenon_reach *reach, const char *media_type, const void *data, size_t len,
    struct json_object **out, struct tenon_error *err)
{
    struct tenon_digest digest;
    if (tenon_blob_put(reach->store, data, len, &digest, err) < 0)
        return err->code;
    *out = descriptor(media_type, digest.str, (int64_t)len);
    return 0;
}

static int
put_manifest(const struct tenon_reach *reach, struct json_object *o, struct tenon_desc *out,
             struct tenon_error *err)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    struct tenon_digest digest;
    tenon_json_write(&text, o, false);
    if (tenon_blob_put(reach->store, text.data, text.len, &digest, err) < 0)
        return err->code;
    *out = (struct tenon_desc){tenon_strdup(TENON_MT_OCI_MANIFEST), tenon_strdup(digest.str),
                               (int64_t)text.len};
    return 0;
}

static struct json_object *
new_manifest(const char *kind, struct json_object *config, struct json_object *layers)
{
    struct json_object *o = json_object_new_object();
    json_object_object_add(o, "schemaVersion", json_object_new_int(2));
    json_object_object_add(o, "mediaType", json_object_new_string(TENON_MT_OCI_MANIFEST));
    if (kind)
        json_object_object_add(o, "artifactType", json_object_new_string(kind));
    json_object_object_add(o, "config", config);
    json_object_object_add(o, "layers", layers);
    return o;
}

/* ---- the bundle -------------------------------------------------------------------- */

static void
time_text(int64_t t, char out[32])
{
    struct tm tm;
    const time_t when = (time_t)t;
    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&when, &tm));
}

static int
make_bundle(const struct tenon_sign_image *x, const char *name, const char *digest,
            struct tenon_buf *out, struct tenon_error *err)
{
    const struct tenon_signing how = {x->key, x->certificate, name, digest, x->time_s};
    auto_signature struct tenon_signature s = {0};
    if (tenon_signature_make(&how, false, &s, err) < 0)
        return err->code;
    tenon_signature_put_bundle(&s, out);
    return 0;
}

/* ---- what is there already --------------------------------------------------------- */

static void
put_certificate(const struct tenon_certificate *c, struct tenon_buf *out)
{
    if (c)
        tenon_certificate_put_der(c, out);
}

/* Would ours say just this?  Then it would only be one more of those that readers look at. */
static bool
is_ours(const struct tenon_sign_image *x, const char *name, const char *digest,
        const struct tenon_signature *s)
{
    auto_error struct tenon_error none = TENON_ERROR_INIT;
    auto_claim struct tenon_claim c = {0};
    auto_buf struct tenon_buf theirs = TENON_BUF_INIT, ours = TENON_BUF_INIT;
    put_certificate(s->certificate, &theirs);
    put_certificate(x->certificate, &ours);
    return theirs.len == ours.len && (!ours.len || !memcmp(theirs.data, ours.data, ours.len)) &&
           tenon_public_key_verifies(tenon_signing_key_public(x->key), &s->covered, &s->bytes) &&
           tenon_signature_claim(s, &c, &none) == 0 && tenon_streq(c.name, name) &&
           tenon_streq(c.predicate_type, TENON_PREDICATE_SIGNED) &&
           tenon_strv_len(c.digests) == 1 && !strcmp(c.digests[0], digest);
}

/* Is that bundle one of ours?  What cannot be read is somebody else's. */
static bool
is_our_bundle(const struct tenon_sign_image *x, const char *name, const char *digest,
              const struct tenon_desc *manifest)
{
    auto_error struct tenon_error none = TENON_ERROR_INIT;
    auto_json struct json_object *o = NULL;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    auto_signature struct tenon_signature s = {0};
    struct json_object *layers = NULL;
    struct tenon_desc d = {0};
    if (tenon_place_json(x->reach, x->place, manifest, &o, &none) < 0 ||
        tenon_json_get_array(o, "layers", &layers, &none) < 0 || !layers ||
        json_object_array_length(layers) != 1 ||
        tenon_desc_parse(json_object_array_get_idx(layers, 0), "layer", &d, &none) < 0)
        return false;
    const bool is_read = tenon_has_prefix(d.media_type, TENON_MT_BUNDLE_PREFIX) &&
                         tenon_place_read(x->reach, x->place, &d, &text, &none) == 0;
    tenon_desc_release(&d);
    return is_read &&
           tenon_signature_parse_bundle(tenon_buf_str(&text), text.len, &s, &none) == 0 &&
           is_ours(x, name, digest, &s);
}

static int
has_bundle(const struct tenon_sign_image *x, const char *name, const char *digest,
           struct tenon_error *err)
{
    auto_besides struct tenon_besides found = {0};
    size_t looked_at = 0;
    if (tenon_place_besides(x->reach, x->place, digest, TENON_BESIDES_CURRENT, &found, err) < 0)
        return err->code;
    tenon_vec_foreach(one, &found.list)
        if (!one->is_tagged && looked_at++ < LOOKED_AT_MAX &&
            is_our_bundle(x, name, digest, &one->desc))
            return 1;
    return 0;
}

/* ---- a new bundle ------------------------------------------------------------------ */

static int
attach_bundle(const struct tenon_sign_image *x, const char *name, const struct tenon_desc *image,
              struct tenon_error *err)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    struct json_object *layer = NULL, *config = NULL;
    struct tenon_beside b = {0};
    char when[32];
    const int there = has_bundle(x, name, image->digest, err);
    if (there)
        return there < 0 ? err->code : 0;
    if (make_bundle(x, name, image->digest, &text, err) < 0 ||
        put(x->reach, TENON_MT_BUNDLE, text.data, text.len, &layer, err) < 0)
        return err->code;
    struct json_object *layers = json_object_new_array(), *notes = json_object_new_object();
    json_object_array_add(layers, layer);
    if (put(x->reach, EMPTY_TYPE, EMPTY, strlen(EMPTY), &config, err) < 0) {
        json_object_put(layers);
        json_object_put(notes);
        return err->code;
    }
    auto_json struct json_object *o = new_manifest(TENON_MT_BUNDLE, config, layers);
    json_object_object_add(o, "subject",
                           descriptor(image->media_type, image->digest, image->size));
    time_text(x->time_s, when);
    json_object_object_add(notes, "dev.sigstore.bundle.content",
                           json_object_new_string("dsse-envelope"));
    json_object_object_add(notes, "dev.sigstore.bundle.predicateType",
                           json_object_new_string(TENON_PREDICATE_SIGNED));
    json_object_object_add(notes, "org.opencontainers.image.created", json_object_new_string(when));
    json_object_object_add(o, "annotations", notes);
    int rc = put_manifest(x->reach, o, &b.desc, err);
    if (rc == 0)
        rc = tenon_place_put_beside(x->reach, x->place, image->digest, &b, err);
    tenon_desc_release(&b.desc);
    return rc;
}

/* ---- the simple form --------------------------------------------------------------- */

/* What is tagged there already stays, before ours, which is there once; all of its blobs come into
 * the content store, since all of them are sent again where they are missing. */
static int
take_layers(const struct tenon_sign_image *x, const char *name, const char *digest,
            struct json_object *layers, struct tenon_error *err)
{
    auto_besides struct tenon_besides found = {0};
    if (tenon_place_besides(x->reach, x->place, digest, TENON_BESIDES_REPLACED, &found, err) < 0)
        return err->code;
    if (!found.list.len)
        return 0;
    auto_json struct json_object *o = NULL;
    struct json_object *list = NULL;
    if (tenon_place_json(x->reach, x->place, &found.list.items[0].desc, &o, err) < 0 ||
        tenon_json_get_array(o, "layers", &list, err) < 0)
        return err->code;
    const size_t count = list ? json_object_array_length(list) : 0;
    if (count > LAYERS_MAX)
        return tenon_error_set(err, TENON_E_LIMIT, "there are %zu signatures already", count);
    for (size_t i = 0; i < count; i++) {
        auto_buf struct tenon_buf text = TENON_BUF_INIT;
        struct tenon_desc d = {0};
        struct tenon_digest got;
        struct json_object *layer = json_object_array_get_idx(list, i);
        int rc = tenon_desc_parse(layer, "layer", &d, err);
        if (rc == 0)
            rc = tenon_place_read(x->reach, x->place, &d, &text, err);
        if (rc == 0)
            rc = tenon_blob_put(x->reach->store, text.data, text.len, &got, err);
        tenon_desc_release(&d);
        if (rc < 0)
            return err->code;
        auto_error struct tenon_error none = TENON_ERROR_INIT;
        auto_signature struct tenon_signature s = {0};
        if (tenon_signature_parse_simple(layer, &text, &s, &none) < 0 ||
            !is_ours(x, name, digest, &s))
            json_object_array_add(layers, json_object_get(layer));
    }
    return 0;
}

/* Readers in Go expect the configuration of an image whose layers these are. */
static int
put_config(const struct tenon_sign_image *x, struct json_object *layers, struct json_object **out,
           struct tenon_error *err)
{
    auto_json struct json_object *o = json_object_new_object();
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    struct json_object *root = json_object_new_object(), *ids = json_object_new_array();
    for (size_t i = 0; i < json_object_array_length(layers); i++) {
        struct json_object *digest = NULL;
        json_object_object_get_ex(json_object_array_get_idx(layers, i), "digest", &digest);
        json_object_array_add(ids, json_object_get(digest));
    }
    json_object_object_add(root, "type", json_object_new_string("layers"));
    json_object_object_add(root, "diff_ids", ids);
    json_object_object_add(o, "architecture", json_object_new_string(""));
    json_object_object_add(o, "created", json_object_new_string("0001-01-01T00:00:00Z"));
    json_object_object_add(o, "history", json_object_new_array());
    json_object_object_add(o, "os", json_object_new_string(""));
    json_object_object_add(o, "rootfs", root);
    json_object_object_add(o, "config", json_object_new_object());
    tenon_json_write(&text, o, false);
    return put(x->reach, TENON_MT_OCI_CONFIG, text.data, text.len, out, err);
}

static int
attach_layers(const struct tenon_sign_image *x, const struct tenon_desc *image,
              struct json_object *layers, struct tenon_error *err)
{
    struct json_object *config = NULL;
    struct tenon_beside b = {.is_tagged = true};
    if (put_config(x, layers, &config, err) < 0)
        return err->code;
    auto_json struct json_object *o = new_manifest(NULL, config, json_object_get(layers));
    int rc = put_manifest(x->reach, o, &b.desc, err);
    if (rc == 0)
        rc = tenon_place_put_beside(x->reach, x->place, image->digest, &b, err);
    tenon_desc_release(&b.desc);
    return rc;
}

static int
attach_simple(const struct tenon_sign_image *x, const char *name, const struct tenon_desc *image,
              struct tenon_error *err)
{
    const struct tenon_signing how = {x->key, x->certificate, name, image->digest, x->time_s};
    auto_json struct json_object *layers = json_object_new_array();
    auto_signature struct tenon_signature s = {0};
    struct json_object *layer = NULL;
    if (tenon_signature_make(&how, true, &s, err) < 0 ||
        take_layers(x, name, image->digest, layers, err) < 0 ||
        put(x->reach, TENON_MT_SIMPLE_SIGNING, s.payload.data, s.payload.len, &layer, err) < 0)
        return err->code;
    json_object_object_add(layer, "annotations", tenon_signature_notes(&s));
    json_object_array_add(layers, layer);
    return attach_layers(x, image, layers, err);
}

/* ---- the whole --------------------------------------------------------------------- */

static int
sign_one(const struct tenon_sign_image *x, const char *name, const struct tenon_desc *image,
         struct tenon_error *err)
{
    if ((x->forms & TENON_FORM_BUNDLE && attach_bundle(x, name, image, err) < 0) ||
        (x->forms & TENON_FORM_SIMPLE && attach_simple(x, name, image, err) < 0))
        return tenon_error_context(err, "sign %s", image->digest);
    return 0;
}

/* The images of an index; what attests to them is named by the index, which is signed. */
static int
sign_each(const struct tenon_sign_image *x, const char *name, struct tenon_error *err)
{
    auto_json struct json_object *index = NULL;
    auto_versions struct tenon_versions versions = {0};
    if (tenon_place_json(x->reach, x->place, &x->place->top, &index, err) < 0 ||
        tenon_versions_read(index, &versions, err) < 0)
        return err->code;
    tenon_vec_foreach(v, &versions.list)
        if (!v->attests && tenon_media_is_manifest(v->desc.media_type) &&
            sign_one(x, name, &v->desc, err) < 0)
            return err->code;
    return 0;
}

static int
check(const struct tenon_sign_image *x, char **name, struct tenon_error *err)
{
    if (!tenon_place_is_image(x->place))
        return tenon_error_set(err, TENON_E_INVALID, "%s is no image, but files", x->place->text);
    if (tenon_place_check_loads(x->place, err) < 0)
        return tenon_error_context(err, "%s", x->place->text);
    *name = x->name ? tenon_strdup(x->name) : tenon_signed_name(x->place);
    if (!*name) {
        tenon_error_set(err, TENON_E_INVALID, "%s does not say what the image is called",
                        x->place->text);
        return tenon_error_hint(err, "--name NAME");
    }
    if (x->certificate && strcmp(tenon_public_key_id(tenon_certificate_key(x->certificate)),
                                 tenon_signing_key_id(x->key)))
        return tenon_error_set(err, TENON_E_INVALID, "the certificate is for another key");
    return 0;
}

int
tenon_image_sign(const struct tenon_sign_image *x, struct tenon_error *err)
{
    auto_free char *name = NULL;
    if (check(x, &name, err) < 0)
        return err->code;
    if (x->each && tenon_media_is_index(x->place->top.media_type) && sign_each(x, name, err) < 0)
        return tenon_error_context(err, "%s", x->place->text);
    return sign_one(x, name, &x->place->top, err) < 0
               ? tenon_error_context(err, "%s", x->place->text) : 0;
}

int
tenon_image_sign_apart(const struct tenon_sign_image *x, struct tenon_buf *out,
                       struct tenon_error *err)
{
    auto_free char *name = NULL;
    return check(x, &name, err) < 0 ? err->code
                                    : make_bundle(x, name, x->place->top.digest, out, err);
}
