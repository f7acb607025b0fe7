/* signing/signature.c - see signature.h. */
#include "signing/signature.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "tools/alloc.h"
#include "tools/base64.h"
#include "tools/jsontext.h"

#define PAYLOAD_MAX ((size_t)8 << 20)
#define SIMPLE_TYPE "cosign container image signature" /* podman and skopeo insist on it */
#define STATEMENT_PREFIX "https://in-toto.io/Statement/"
#define SUBJECTS_MAX 10000

void
tenon_claim_release(struct tenon_claim *c)
{
    tenon_strv_free(c->digests);
    json_object_put(c->document);
    *c = (struct tenon_claim){0};
}

void
tenon_signature_release(struct tenon_signature *s)
{
    tenon_buf_release(&s->payload);
    tenon_buf_release(&s->covered);
    tenon_buf_release(&s->bytes);
    free(s->key_id);
    tenon_certificate_free(s->certificate);
    *s = (struct tenon_signature){0};
}

/* DSSE's "pre-authentication encoding": what is signed in an envelope. */
static void
put_covered(struct tenon_buf *out, const char *type, const struct tenon_buf *payload)
{
    tenon_buf_addf(out, "DSSEv1 %zu %s %zu ", strlen(type), type, payload->len);
    tenon_buf_add(out, payload->data, payload->len);
}

/* ---- made -------------------------------------------------------------------------- */

static struct json_object *
new_object(const char *key, struct json_object *value)
{
    struct json_object *o = json_object_new_object();
    if (key)
        json_object_object_add(o, key, value);
    return o;
}

static void
put_simple(const struct tenon_signing *x, struct tenon_buf *out)
{
    auto_json struct json_object *o = json_object_new_object();
    struct json_object *critical = json_object_new_object(), *optional = json_object_new_object();
    json_object_object_add(critical, "identity",
                           new_object("docker-reference", json_object_new_string(x->name)));
    json_object_object_add(critical, "image",
                           new_object("docker-manifest-digest",
                                      json_object_new_string(x->digest)));
    json_object_object_add(critical, "type", json_object_new_string(SIMPLE_TYPE));
    json_object_object_add(optional, "creator", json_object_new_string("tenon " TENON_VERSION));
    json_object_object_add(optional, "timestamp", json_object_new_int64(x->time_s));
    json_object_object_add(o, "critical", critical);
    json_object_object_add(o, "optional", optional);
    tenon_json_write(out, o, false);
}

static void
put_statement(const struct tenon_signing *x, struct tenon_buf *out)
{
    auto_json struct json_object *o = json_object_new_object();
    struct json_object *subject = json_object_new_object(), *list = json_object_new_array();
    json_object_object_add(o, "_type", json_object_new_string(STATEMENT_PREFIX "v1"));
    json_object_object_add(subject, "name", json_object_new_string(x->name));
    json_object_object_add(subject, "digest",
                           new_object("sha256",
                                      json_object_new_string(x->digest + strlen("sha256:"))));
    json_object_array_add(list, subject);
    json_object_object_add(o, "subject", list);
    json_object_object_add(o, "predicateType", json_object_new_string(TENON_PREDICATE_SIGNED));
    json_object_object_add(o, "predicate", json_object_new_object());
    tenon_json_write(out, o, false);
}

int
tenon_signature_make(const struct tenon_signing *x, bool simple, struct tenon_signature *out,
                     struct tenon_error *err)
{
    auto_signature struct tenon_signature s = {.simple = simple};
    if (simple) {
        put_simple(x, &s.payload);
        tenon_buf_add(&s.covered, s.payload.data, s.payload.len);
    } else {
        put_statement(x, &s.payload);
        put_covered(&s.covered, TENON_MT_IN_TOTO, &s.payload);
    }
    s.key_id = tenon_strdup(tenon_signing_key_id(x->key));
    if (tenon_signing_key_sign(x->key, s.covered.data, s.covered.len, &s.bytes, err) < 0)
        return err->code;
    if (x->certificate) {
        auto_buf struct tenon_buf own = TENON_BUF_INIT, between = TENON_BUF_INIT;
        tenon_certificate_put_pem(x->certificate, &own, &between);
        if (tenon_certificate_parse(own.data, own.len, &s.certificate, err) < 0 ||
            (between.len &&
             tenon_certificate_add(s.certificate, between.data, between.len, err) < 0))
            return err->code;
    }
    *out = s;
    s = (struct tenon_signature){0};
    return 0;
}

static struct json_object *
new_base64(const struct tenon_buf *bytes)
{
    auto_free char *text = tenon_base64(tenon_buf_str(bytes), bytes->len);
    return json_object_new_string(text);
}

void
tenon_signature_put_bundle(const struct tenon_signature *s, struct tenon_buf *out)
{
    auto_json struct json_object *o = json_object_new_object();
    struct json_object *envelope = json_object_new_object(), *list = json_object_new_array(),
                       *material;
    if (s->certificate) { /* its own alone: of version 0.3 there is no room for more */
        auto_buf struct tenon_buf der = TENON_BUF_INIT;
        tenon_certificate_put_der(s->certificate, &der);
        material = new_object("certificate", new_object("rawBytes", new_base64(&der)));
    } else {
        material = new_object("publicKey",
                              new_object("hint", json_object_new_string(s->key_id)));
    }
    json_object_array_add(list, new_object("sig", new_base64(&s->bytes)));
    json_object_object_add(envelope, "payload", new_base64(&s->payload));
    json_object_object_add(envelope, "payloadType", json_object_new_string(TENON_MT_IN_TOTO));
    json_object_object_add(envelope, "signatures", list);
    json_object_object_add(o, "mediaType", json_object_new_string(TENON_MT_BUNDLE));
    json_object_object_add(o, "verificationMaterial", material);
    json_object_object_add(o, "dsseEnvelope", envelope);
    tenon_json_write(out, o, false);
}

struct json_object *
tenon_signature_notes(const struct tenon_signature *s)
{
    struct json_object *notes = new_object(TENON_NOTE_SIGNATURE, new_base64(&s->bytes));
    if (!s->certificate)
        return notes;
    auto_buf struct tenon_buf own = TENON_BUF_INIT, between = TENON_BUF_INIT;
    tenon_certificate_put_pem(s->certificate, &own, &between);
    json_object_object_add(notes, TENON_NOTE_CERTIFICATE,
                           json_object_new_string(tenon_buf_str(&own)));
    if (between.len)
        json_object_object_add(notes, TENON_NOTE_CHAIN,
                               json_object_new_string(tenon_buf_str(&between)));
    return notes;
}

/* ---- read -------------------------------------------------------------------------- */

/* A member that has to be there. */
static int
text_of(struct json_object *o, const char *key, const char **out, struct tenon_error *err)
{
    if (!json_object_is_type(o, json_type_object))
        return tenon_error_set(err, TENON_E_CORRUPT, "no object around \"%s\"", key);
    if (tenon_json_get_str(o, key, NULL, out, err) < 0)
        return err->code;
    return *out ? 0 : tenon_error_set(err, TENON_E_CORRUPT, "no \"%s\"", key);
}

static int
object_of(struct json_object *o, const char *key, struct json_object **out, struct tenon_error *err)
{
    if (!json_object_is_type(o, json_type_object))
        return tenon_error_set(err, TENON_E_CORRUPT, "no object around \"%s\"", key);
    if (tenon_json_get_object(o, key, out, err) < 0)
        return err->code;
    return *out ? 0 : tenon_error_set(err, TENON_E_CORRUPT, "no \"%s\"", key);
}

static int
bytes_of(struct json_object *o, const char *key, struct tenon_buf *out, struct tenon_error *err)
{
    const char *text;
    if (text_of(o, key, &text, err) < 0)
        return err->code;
    return tenon_base64_decode(text, strlen(text), out)
               ? 0 : tenon_error_set(err, TENON_E_CORRUPT, "\"%s\" is not base64", key);
}

/* verificationMaterial: a key's name, a certificate, or (before 0.3) several. */
static int
take_material(struct json_object *o, struct tenon_signature *s, struct tenon_error *err)
{
    struct json_object *key = NULL, *one = NULL, *chain = NULL, *list = NULL;
    const char *hint = NULL;
    if (tenon_json_get_object(o, "publicKey", &key, err) < 0 ||
        tenon_json_get_object(o, "certificate", &one, err) < 0 ||
        tenon_json_get_object(o, "x509CertificateChain", &chain, err) < 0)
        return err->code;
    if (key) {
        if (tenon_json_get_str(key, "hint", NULL, &hint, err) < 0)
            return err->code;
        s->key_id = tenon_strdup(hint);
        return 0;
    }
    if (chain && tenon_json_get_array(chain, "certificates", &list, err) < 0)
        return err->code;
    const size_t count = list ? json_object_array_length(list) : one ? 1 : 0;
    for (size_t i = 0; i < count; i++) {
        auto_buf struct tenon_buf der = TENON_BUF_INIT;
        if (bytes_of(list ? json_object_array_get_idx(list, i) : one, "rawBytes", &der, err) < 0 ||
            (i ? tenon_certificate_add(s->certificate, der.data, der.len, err)
               : tenon_certificate_parse(der.data, der.len, &s->certificate, err)) < 0)
            return err->code;
    }
    return count ? 0 : tenon_error_set(err, TENON_E_CORRUPT, "it says no key");
}

static int
take_envelope(struct json_object *o, struct tenon_signature *s, struct tenon_error *err)
{
    struct json_object *list = NULL;
    const char *type;
    if (text_of(o, "payloadType", &type, err) < 0 ||
        bytes_of(o, "payload", &s->payload, err) < 0 ||
        tenon_json_get_array(o, "signatures", &list, err) < 0)
        return err->code;
    if (strcmp(type, TENON_MT_IN_TOTO))
        return tenon_error_set(err, TENON_E_UNSUPPORTED, "a payload of type \"%.100s\"", type);
    if (!list || json_object_array_length(list) != 1)
        return tenon_error_set(err, TENON_E_UNSUPPORTED, "an envelope with %zu signatures",
                               list ? json_object_array_length(list) : (size_t)0);
    put_covered(&s->covered, type, &s->payload);
    return bytes_of(json_object_array_get_idx(list, 0), "sig", &s->bytes, err);
}

static int
parse_bundle(const char *text, size_t len, struct tenon_signature *s, struct tenon_error *err)
{
    auto_json struct json_object *o = NULL;
    struct json_object *material = NULL, *envelope = NULL;
    const char *type;
    if (tenon_json_parse(text, len, PAYLOAD_MAX, &o, err) < 0 ||
        text_of(o, "mediaType", &type, err) < 0 ||
        object_of(o, "verificationMaterial", &material, err) < 0 ||
        tenon_json_get_object(o, "dsseEnvelope", &envelope, err) < 0)
        return err->code;
    if (!tenon_has_prefix(type, TENON_MT_BUNDLE_PREFIX))
        return tenon_error_set(err, TENON_E_CORRUPT, "it calls itself \"%.100s\"", type);
    if (!envelope)
        return tenon_error_set(err, TENON_E_UNSUPPORTED, "no statement, but a bare signature");
    return take_envelope(envelope, s, err) < 0 || take_material(material, s, err) < 0 ? err->code
                                                                                       : 0;
}

int
tenon_signature_parse_bundle(const char *text, size_t len, struct tenon_signature *out,
                             struct tenon_error *err)
{
    auto_signature struct tenon_signature s = {0};
    if (parse_bundle(text, len, &s, err) < 0)
        return tenon_error_context(err, "bundle");
    *out = s;
    s = (struct tenon_signature){0};
    return 0;
}

int
tenon_signature_parse_simple(struct json_object *layer, const struct tenon_buf *payload,
                             struct tenon_signature *out, struct tenon_error *err)
{
    auto_signature struct tenon_signature s = {.simple = true};
    struct json_object *notes = NULL;
    const char *own = NULL, *between = NULL;
    if (object_of(layer, "annotations", &notes, err) < 0 ||
        bytes_of(notes, TENON_NOTE_SIGNATURE, &s.bytes, err) < 0 ||
        tenon_json_get_str(notes, TENON_NOTE_CERTIFICATE, NULL, &own, err) < 0 ||
        tenon_json_get_str(notes, TENON_NOTE_CHAIN, NULL, &between, err) < 0)
        return err->code;
    if (own && *own && tenon_certificate_parse(own, strlen(own), &s.certificate, err) < 0)
        return err->code;
    if (s.certificate && between && *between &&
        tenon_certificate_add(s.certificate, between, strlen(between), err) < 0)
        return err->code;
    tenon_buf_add(&s.payload, payload->data, payload->len);
    tenon_buf_add(&s.covered, payload->data, payload->len);
    *out = s;
    s = (struct tenon_signature){0};
    return 0;
}

/* ---- what it says ------------------------------------------------------------------ */

static void
add_digest(struct tenon_claim *c, const char *text)
{
    struct tenon_digest digest;
    if (tenon_digest_parse(text, &digest))
        tenon_strv_push(&c->digests, tenon_strdup(text));
}

static int
claim_simple(struct tenon_claim *c, struct tenon_error *err)
{
    struct json_object *critical = NULL, *identity = NULL, *image = NULL;
    const char *type, *digest;
    if (object_of(c->document, "critical", &critical, err) < 0 ||
        text_of(critical, "type", &type, err) < 0 ||
        object_of(critical, "image", &image, err) < 0 ||
        text_of(image, "docker-manifest-digest", &digest, err) < 0 ||
        object_of(critical, "identity", &identity, err) < 0 ||
        text_of(identity, "docker-reference", &c->name, err) < 0)
        return err->code;
    if (strcmp(type, SIMPLE_TYPE))
        return tenon_error_set(err, TENON_E_CORRUPT, "a payload of type \"%.100s\"", type);
    add_digest(c, digest);
    if (!*c->name)
        c->name = NULL;
    c->predicate_type = TENON_PREDICATE_SIGNED;
    return 0;
}

/* A name counts where there is but one subject: of several it would not be known whose. */
static int
claim_statement(struct tenon_claim *c, struct tenon_error *err)
{
    struct json_object *list = NULL;
    const char *type;
    if (text_of(c->document, "_type", &type, err) < 0 ||
        text_of(c->document, "predicateType", &c->predicate_type, err) < 0 ||
        tenon_json_get_array(c->document, "subject", &list, err) < 0 ||
        tenon_json_get_object(c->document, "predicate", &c->predicate, err) < 0)
        return err->code;
    if (!tenon_has_prefix(type, STATEMENT_PREFIX))
        return tenon_error_set(err, TENON_E_CORRUPT, "a statement of type \"%.100s\"", type);
    const size_t count = list ? json_object_array_length(list) : 0;
    if (count > SUBJECTS_MAX)
        return tenon_error_set(err, TENON_E_LIMIT, "%zu subjects", count);
    for (size_t i = 0; i < count; i++) {
        struct json_object *one = json_object_array_get_idx(list, i), *digests = NULL;
        const char *hex = NULL;
        if (object_of(one, "digest", &digests, err) < 0 ||
            tenon_json_get_str(digests, "sha256", NULL, &hex, err) < 0 ||
            (count == 1 && tenon_json_get_str(one, "name", NULL, &c->name, err) < 0))
            return err->code;
        auto_free char *text = tenon_asprintf("sha256:%s", hex ? hex : "");
        add_digest(c, text);
    }
    if (c->name && !*c->name)
        c->name = NULL;
    return 0;
}

int
tenon_signature_claim(const struct tenon_signature *s, struct tenon_claim *out,
                      struct tenon_error *err)
{
    auto_claim struct tenon_claim c = {0};
    if (tenon_json_parse(tenon_buf_str(&s->payload), s->payload.len, PAYLOAD_MAX, &c.document,
                         err) < 0 ||
        (s->simple ? claim_simple(&c, err) : claim_statement(&c, err)) < 0)
        return tenon_error_context(err, "what is signed");
    *out = c;
    c = (struct tenon_claim){0};
    return 0;
}
