/* engine/host_attested.c - see host_attested.h.  The way that leads from an index to what is said
 * of an image: the index names its attestation manifest, and what has signed that refers to it.
 * All of it comes from a registry, and is for others to verify. */
#include "engine/host_attested.h"

#include <string.h>

#include "base/log.h"
#include "context/ctx.h"
#include "context/engine.h"
#include "tools/alloc.h"
#include "tools/vec.h"

#define REFERENCE_TYPE "vnd.docker.reference.type"
#define REFERENCE_DIGEST "vnd.docker.reference.digest"
#define PREDICATE_TYPE "in-toto.io/predicate-type"
#define SIGSTORE_BUNDLE "application/vnd.dev.sigstore.bundle.v0.3+json"
#define COSIGN_SIGNATURE "application/vnd.dev.cosign.artifact.sig.v1+json"

enum {
    DOCUMENT_MAX = 8 << 20,
    ALL_MAX = 12 << 20, /* bytes of documents: clients take messages of 16 MiB */
};

struct chain {
    struct tenon_ctx *ctx;
    const struct tenon_attested_query *q;
    TENON_VEC(struct tenon_fact) facts;
    size_t bytes; /* of documents */
};

static void
add_digest(struct chain *c, const char *name, const char *digest)
{
    const struct tenon_fact f = {
        .name = name, .data = tenon_ctx_strdup(c->ctx, digest), .len = strlen(digest)};
    tenon_vec_push(&c->facts, f);
}

static int
add_document(struct chain *c, const char *digest, const char *type, const void *data, size_t len,
             struct tenon_error *err)
{
    auto_free char *name = tenon_asprintf("image.blob %s", digest);
    c->bytes += len;
    if (c->bytes > ALL_MAX)
        return tenon_error_set(err, TENON_E_LIMIT, "attestations of more than %d MiB",
                               ALL_MAX >> 20);
    char *copy = tenon_ctx_alloc(c->ctx, len + 1);
    if (len)
        memcpy(copy, data, len);
    const struct tenon_fact f = {
        .name = tenon_ctx_strdup(c->ctx, name), .type = tenon_ctx_strdup(c->ctx, type),
        .data = copy, .len = len};
    tenon_vec_push(&c->facts, f);
    return TENON_OK;
}

/* Of the same repository. */
static char *
at_digest(const struct chain *c, const char *digest)
{
    return tenon_asprintf("%.*s@%s", (int)strcspn(c->q->ref, "@"), c->q->ref, digest);
}

/* A manifest, in *out and among the documents. */
static int
take_manifest(struct chain *c, const char *digest, struct json_object **out,
              struct tenon_error *err)
{
    auto_free char *ref = at_digest(c, digest);
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    struct tenon_desc d = {0};
    if (tenon_registry_manifest(c->q->registry, c->q->call, ref, TENON_RESOLVE_DEFAULT, &d, &text,
                                err) < 0)
        return err->code;
    int rc = add_document(c, digest, d.media_type, text.data, text.len, err);
    tenon_desc_release(&d);
    if (rc == TENON_OK)
        rc = tenon_json_parse(text.data, text.len, DOCUMENT_MAX, out, err);
    return rc < 0 ? tenon_error_context(err, "manifest %s", digest) : rc;
}

static int
take_blob(struct chain *c, const struct tenon_desc *d, struct tenon_error *err)
{
    auto_free char *ref = at_digest(c, c->q->root->digest);
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    if (d->size > DOCUMENT_MAX)
        return tenon_error_set(err, TENON_E_LIMIT, "%s has more than %d MiB", d->digest,
                               DOCUMENT_MAX >> 20);
    if (tenon_registry_blob(c->q->registry, c->q->call, ref, d->digest, d->size, err) < 0 ||
        tenon_blob_read(tenon_ctx_engine(c->ctx)->store, d->digest, DOCUMENT_MAX, &text, err) < 0)
        return err->code;
    return add_document(c, d->digest, d->media_type, text.data, text.len, err);
}

static const char *
text_of(struct json_object *o, const char *key)
{
    struct json_object *value = NULL;
    return json_object_is_type(o, json_type_object) &&
           json_object_object_get_ex(o, key, &value) &&
           json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

static const char *
annotation(struct json_object *entry, const char *key)
{
    struct json_object *all = NULL;
    return json_object_is_type(entry, json_type_object) &&
           json_object_object_get_ex(entry, "annotations", &all) ? text_of(all, key) : "";
}

static bool
is_wanted(const struct chain *c, const char *type)
{
    for (const char *const *p = c->q->predicates; p && *p; p++)
        if (**p && !strcmp(*p, type))
            return true;
    return false;
}

/* The layers of a manifest; all: whatever is in them, else the wanted statements. */
static int
take_layers(struct chain *c, struct json_object *manifest, bool all, struct tenon_error *err)
{
    struct json_object *layers = NULL;
    if (!json_object_is_type(manifest, json_type_object))
        return tenon_error_set(err, TENON_E_CORRUPT, "a manifest is no object");
    if (tenon_json_get_array(manifest, "layers", &layers, err) < 0)
        return err->code;
    for (size_t i = 0; layers && i < json_object_array_length(layers); i++) {
        struct json_object *entry = json_object_array_get_idx(layers, i);
        struct tenon_desc d = {0};
        if (!all && !is_wanted(c, annotation(entry, PREDICATE_TYPE)))
            continue;
        int rc = tenon_desc_parse(entry, "layer", &d, err);
        if (rc == TENON_OK)
            rc = take_blob(c, &d, err);
        tenon_desc_release(&d);
        if (rc < 0)
            return rc;
    }
    return TENON_OK;
}

/* The manifest that an entry of a list names, as the fact of that name, and its layers; entry NULL:
 * nothing. */
static int
take_named(struct chain *c, struct json_object *entry, const char *fact, bool all,
           struct tenon_desc *d, struct tenon_error *err)
{
    auto_json struct json_object *manifest = NULL;
    if (!entry)
        return TENON_OK;
    if (tenon_desc_parse(entry, "manifests", d, err) < 0 ||
        take_manifest(c, d->digest, &manifest, err) < 0)
        return err->code;
    add_digest(c, fact, d->digest);
    return take_layers(c, manifest, all, err);
}

/* ---- signatures of the attestations ------------------------------------------ */

/* A bundle rather than the older form; NULL: nothing has signed. */
static struct json_object *
find_signature(struct json_object *list)
{
    static const char *const types[] = {SIGSTORE_BUNDLE, COSIGN_SIGNATURE};
    for (size_t k = 0; k < tenon_countof(types); k++)
        for (size_t i = 0; list && i < json_object_array_length(list); i++) {
            struct json_object *entry = json_object_array_get_idx(list, i);
            if (!strcmp(text_of(entry, "artifactType"), types[k]))
                return entry;
        }
    return NULL;
}

/* Empty: there are none, or the registry does not say.  It has said what the attestation is, and
 * who needs a signature of that sees that there is none. */
static int
find_referrers(const struct chain *c, const char *attestation, struct tenon_buf *out,
               struct tenon_error *err)
{
    bool by_tag;
    int rc = tenon_registry_referrers(c->q->registry, c->q->call, c->q->ref, attestation, false,
                                      out, &by_tag, err);
    if (rc >= 0)
        return TENON_OK;
    tenon_error_context(err, "referrers of %s", attestation);
    if (rc == TENON_E_CANCELLED || rc == TENON_E_LIMIT || rc == TENON_E_NOMEM)
        return rc;
    tenon_log(TENON_LOG_WARNING, "%s: signatures are not told: %s", c->q->ref, err->message);
    tenon_error_release(err);
    tenon_buf_release(out);
    return TENON_OK;
}

static int
take_signature(struct chain *c, const char *attestation, struct tenon_error *err)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    auto_json struct json_object *index = NULL;
    struct tenon_desc d = {0};
    struct json_object *list = NULL;
    if (find_referrers(c, attestation, &text, err) < 0)
        return err->code;
    if (!text.len)
        return TENON_OK;
    if (tenon_json_parse(text.data, text.len, DOCUMENT_MAX, &index, err) < 0 ||
        !json_object_is_type(index, json_type_object))
        return tenon_error_set(err, TENON_E_CORRUPT, "list of referrers is none");
    if (tenon_index_list(index, &list, err) < 0)
        return err->code;
    int rc = take_named(c, find_signature(list), "image.signature", true, &d, err);
    tenon_desc_release(&d);
    return rc;
}

/* ---- all ----------------------------------------------------------------------- */

/* The entry of an index that attests the image of that digest. */
static struct json_object *
find_attestation(struct json_object *list, const char *image)
{
    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        struct json_object *entry = json_object_array_get_idx(list, i);
        if (!strcmp(annotation(entry, REFERENCE_TYPE), "attestation-manifest") &&
            !strcmp(annotation(entry, REFERENCE_DIGEST), image))
            return entry;
    }
    return NULL;
}

static int
take_attestation(struct chain *c, struct json_object *index, const char *image,
                 struct tenon_error *err)
{
    struct tenon_desc d = {0};
    struct json_object *list = NULL;
    if (tenon_index_list(index, &list, err) < 0)
        return err->code;
    struct json_object *entry = find_attestation(list, image);
    int rc = take_named(c, entry, "image.attestation", false, &d, err);
    if (rc == TENON_OK && entry)
        rc = take_signature(c, d.digest, err);
    tenon_desc_release(&d);
    return rc;
}

int
tenon_attested_facts(struct tenon_ctx *ctx, const struct tenon_attested_query *q,
                     const struct tenon_fact **facts, size_t *count, struct tenon_error *err)
{
    struct chain c = {.ctx = ctx, .q = q};
    auto_json struct json_object *index = NULL;
    struct tenon_desc image = {0};
    if (tenon_json_parse(q->index, q->len, DOCUMENT_MAX, &index, err) < 0)
        return tenon_error_context(err, "index");
    if (!json_object_is_type(index, json_type_object))
        return tenon_error_set(err, TENON_E_CORRUPT, "index is not an object");
    int rc = tenon_index_choose(index, q->platform, &image, err);
    if (rc == TENON_OK) {
        add_digest(&c, "image.root", q->root->digest);
        add_digest(&c, "image.manifest", image.digest);
        rc = add_document(&c, q->root->digest, q->root->media_type, q->index, q->len, err);
    }
    if (rc == TENON_OK)
        rc = take_attestation(&c, index, image.digest, err);
    tenon_desc_release(&image);
    if (rc == TENON_OK) {
        struct tenon_fact *list = tenon_ctx_alloc(ctx, (c.facts.len + 1) * sizeof *list);
        memcpy(list, c.facts.items, c.facts.len * sizeof *list);
        *facts = list;
        *count = c.facts.len;
    }
    tenon_vec_release(&c.facts);
    return rc < 0 ? tenon_error_context(err, "attestations of %s", q->ref) : TENON_OK;
}
