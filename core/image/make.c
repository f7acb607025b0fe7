/* image/make.c - an image out of results: configs, manifests, index. */
#include <string.h>

#include "base/io.h"
#include "tools/alloc.h"
#include "tools/jsontext.h"
#include "tools/parse.h"
#include "image/assemble.h"
#include "image/pieces.h"
#include "image/stream.h"

#define CREATED "org.opencontainers.image.created"

/* One manifest, as its descriptor will show it. */
struct made {
    struct tenon_digest manifest, config;
    int64_t size;
    struct tenon_platform platform;
    struct json_object *proof; /* entry of its attestation manifest, or NULL */
};

struct making {
    struct tenon_store *store;
    struct tenon_image_options o;
    bool index;
};

static void
add(struct json_object *to, const char *key, struct json_object *value)
{
    json_object_object_add(to, key, value);
}

static void
add_string(struct json_object *to, const char *key, const char *value)
{
    add(to, key, json_object_new_string(value));
}

static void
status(const struct making *m, const char *id, bool done)
{
    if (m->o.status)
        m->o.status(m->o.status_data, id, 0, 0, done);
}

/* ---- documents ------------------------------------------------------------- */

/* Go's json.MarshalIndent(o, "", "  "). */
static void
indent(struct tenon_buf *out, struct json_object *o)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    tenon_json_write(&text, o, true);
    tenon_json_indent(out, text.data, text.len);
}

static struct json_object *
descriptor(const char *media_type, const struct tenon_digest *digest, int64_t size)
{
    struct json_object *o = json_object_new_object();
    add_string(o, "mediaType", media_type);
    add_string(o, "digest", digest->str);
    add(o, "size", json_object_new_int64(size));
    return o;
}

/* Write a document to the content store, shown as "exporting WHAT DIGEST". */
static int
put(const struct making *m, const char *what, const struct tenon_buf *text,
    struct tenon_digest *out, struct tenon_error *err)
{
    struct tenon_digest digest;
    tenon_digest_of(text->data, text->len, &digest);
    auto_free char *id = tenon_asprintf("exporting %s %s", what, digest.str);
    status(m, id, false);
    if (tenon_blob_put(m->store, text->data, text->len, out, err) < 0)
        return tenon_error_context(err, "write %s", what);
    status(m, id, true);
    return 0;
}

static const char *
manifest_type(const struct making *m)
{
    return m->o.docker_mediatypes ? TENON_MT_DOCKER_MANIFEST
                                  : TENON_MT_OCI_MANIFEST;
}

/* ---- one platform ---------------------------------------------------------- */

/* The platform asked for, or what the config says. */
static int
find_platform(const struct tenon_image_source *src, const struct tenon_buf *config,
              struct tenon_platform *out, struct tenon_error *err)
{
    if (src->platform && *src->platform)
        return tenon_platform_parse(src->platform, out, err);
    auto_json struct json_object *o = NULL;
    const char *os, *arch, *variant;
    if (tenon_json_parse(config->data, config->len, config->len, &o, err) < 0 ||
        tenon_json_get_str(o, "os", "linux", &os, err) < 0 ||
        tenon_json_get_str(o, "architecture", "", &arch, err) < 0 ||
        tenon_json_get_str(o, "variant", "", &variant, err) < 0)
        return tenon_error_context(err, "image config");
    auto_free char *text = tenon_asprintf("%s/%s%s%s", os, arch, *variant ? "/" : "",
                                          variant);
    return tenon_platform_parse(text, out, err);
}

static struct json_object *
manifest_json(const struct making *m, const struct made *made, size_t config_len,
              const struct tenon_image_layer *layers, size_t count)
{
    struct json_object *o = json_object_new_object();
    struct json_object *list = json_object_new_array();
    for (size_t i = 0; i < count; i++) {
        const struct tenon_snapshot_blob *b = &layers[i].blob;
        struct json_object *layer = descriptor(b->media_type, &b->digest, b->size);
        if (layers[i].urls)
            add(layer, "urls", json_object_get(layers[i].urls));
        if (layers[i].notes)
            add(layer, "annotations", json_object_get(layers[i].notes));
        json_object_array_add(list, layer);
    }
    add(o, "schemaVersion", json_object_new_int(2));
    add_string(o, "mediaType", manifest_type(m));
    add(o, "config",
        descriptor(m->o.docker_mediatypes ? TENON_MT_DOCKER_CONFIG
                                          : TENON_MT_OCI_CONFIG,
                   &made->config, (int64_t)config_len));
    add(o, "layers", list);
    struct json_object *annotations = tenon_annotations_get(
        m->o.annotations, TENON_ANNOTATION_MANIFEST, &made->platform);
    if (annotations)
        add(o, "annotations", annotations);
    return o;
}

static int
make_one(const struct making *m, const struct tenon_image_source *src,
         const struct tenon_image_layer *layers, struct made *made,
         struct tenon_error *err)
{
    auto_buf struct tenon_buf config = TENON_BUF_INIT;
    if (tenon_image_config(src, layers, src->chain.len, &m->o, &config, err) < 0 ||
        find_platform(src, &config, &made->platform, err) < 0)
        return err->code;
    tenon_digest_of(config.data, config.len, &made->config);
    auto_json struct json_object *o =
        manifest_json(m, made, config.len, layers, src->chain.len);
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    indent(&text, o);
    made->size = (int64_t)text.len;
    /* the config first: a manifest refers to what is there */
    struct tenon_digest config_digest;
    if (put(m, "config", &config, &config_digest, err) < 0)
        return err->code;
    return put(m, "manifest", &text, &made->manifest, err);
}

static struct json_object *
manifest_descriptor(const struct making *m, const struct made *made, bool created)
{
    struct json_object *o = descriptor(manifest_type(m), &made->manifest, made->size);
    struct json_object *annotations = tenon_annotations_get(
        m->o.annotations, TENON_ANNOTATION_MANIFEST_DESCRIPTOR, &made->platform);
    if (created && !m->o.is_undated) {
        auto_free char *now = tenon_format_time(
            (m->o.has_epoch ? m->o.epoch : (int64_t)(tenon_now_ns() / 1000000000)) *
            1000000000);
        if (!annotations)
            annotations = json_object_new_object();
        if (!json_object_object_get_ex(annotations, CREATED, NULL))
            add_string(annotations, CREATED, now);
    }
    if (annotations)
        add(o, "annotations", annotations);
    add(o, "platform", tenon_platform_json(&made->platform));
    return o;
}

/* ---- what is said about it ------------------------------------------------- */

/* Statements name the manifest, so it is there before them. */
static int
make_proof(const struct making *m, size_t i, struct made *made, struct tenon_error *err)
{
    const struct tenon_image_statement *list;
    size_t count;
    if (m->o.attest(m->o.attest_data, i, &made->platform, made->manifest.str, &list, &count,
                    err) < 0)
        return err->code;
    const struct tenon_desc subject = { (char *)(uintptr_t)manifest_type(m), made->manifest.str,
                                        made->size };
    struct tenon_attestation_manifest proof = { TENON_BUF_INIT, TENON_BUF_INIT };
    struct tenon_digest digest;
    int rc = tenon_attestation_manifest(m->store, &subject, list, count,
                                        m->o.attestations_as_images, &proof, err);
    if (rc == 0)
        rc = tenon_blob_put(m->store, proof.config.data, proof.config.len, &digest, err);
    if (rc == 0)
        rc = put(m, "attestation manifest", &proof.text, &digest, err);
    if (rc == 0)
        made->proof = tenon_attestation_entry(&digest, (int64_t)proof.text.len,
                                              made->manifest.str);
    tenon_buf_release(&proof.config);
    tenon_buf_release(&proof.text);
    return rc;
}

/* ---- several --------------------------------------------------------------- */

static int
make_index(const struct making *m, const struct made *made, size_t count,
           struct tenon_digest *digest, int64_t *size, struct tenon_error *err)
{
    auto_json struct json_object *o = json_object_new_object();
    struct json_object *list = json_object_new_array();
    for (size_t i = 0; i < count; i++)
        json_object_array_add(list, manifest_descriptor(m, &made[i], false));
    for (size_t i = 0; i < count; i++)
        if (made[i].proof)
            json_object_array_add(list, json_object_get(made[i].proof));
    add(o, "schemaVersion", json_object_new_int(2));
    add_string(o, "mediaType", m->o.docker_mediatypes ? TENON_MT_DOCKER_LIST
                                                      : TENON_MT_OCI_INDEX);
    add(o, "manifests", list);
    struct json_object *annotations =
        tenon_annotations_get(m->o.annotations, TENON_ANNOTATION_INDEX, NULL);
    if (annotations)
        add(o, "annotations", annotations);
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    indent(&text, o);
    *size = (int64_t)text.len;
    return put(m, "manifest list", &text, digest, err);
}

static struct json_object *
index_descriptor(const struct making *m, const struct tenon_digest *digest,
                 int64_t size)
{
    struct json_object *o = descriptor(
        m->o.docker_mediatypes ? TENON_MT_DOCKER_LIST : TENON_MT_OCI_INDEX, digest,
        size);
    struct json_object *annotations = tenon_annotations_get(
        m->o.annotations, TENON_ANNOTATION_INDEX_DESCRIPTOR, NULL);
    if (!annotations && !m->o.is_undated)
        annotations = json_object_new_object();
    if (!m->o.is_undated && !json_object_object_get_ex(annotations, CREATED, NULL)) {
        auto_free char *now = tenon_format_time(
            (m->o.has_epoch ? m->o.epoch : (int64_t)(tenon_now_ns() / 1000000000)) *
            1000000000);
        add_string(annotations, CREATED, now);
    }
    if (annotations)
        add(o, "annotations", annotations);
    return o;
}

static int
make_all(const struct making *m, const struct tenon_image_source *src, size_t count,
         struct made *made, struct tenon_error *err)
{
    status(m, "exporting layers", false);
    struct tenon_image_layer **layers = tenon_calloc(count, sizeof *layers);
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = tenon_image_layers(m->store, &src[i].chain, &m->o, &layers[i], err);
    if (rc == 0)
        status(m, "exporting layers", true);
    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = make_one(m, &src[i], layers[i], &made[i], err);
        if (rc == 0 && src[i].attested)
            rc = make_proof(m, i, &made[i], err);
        if (rc < 0 && src[i].platform)
            tenon_error_context(err, "%s", src[i].platform);
    }
    for (size_t i = 0; i < count; i++)
        tenon_image_layers_free(layers[i], src[i].chain.len);
    free(layers);
    return rc;
}

/* The document that stands for all of it. */
static int
make_top(const struct making *m, const struct made *made, size_t count,
         struct tenon_image_made *out, struct tenon_error *err)
{
    struct tenon_image_made result = {.is_index = m->index};
    auto_json struct json_object *desc = NULL;
    if (m->index) {
        struct tenon_digest digest;
        if (make_index(m, made, count, &digest, &result.size, err) < 0)
            return err->code;
        desc = index_descriptor(m, &digest, result.size);
        result.digest = tenon_strdup(digest.str);
        if (count == 1 && !made[0].proof)
            result.config_digest = tenon_strdup(made[0].config.str);
    } else {
        desc = manifest_descriptor(m, &made[0], true);
        result.size = made[0].size;
        result.digest = tenon_strdup(made[0].manifest.str);
        result.config_digest = tenon_strdup(made[0].config.str);
    }
    result.media_type = tenon_strdup(
        json_object_get_string(json_object_object_get(desc, "mediaType")));
    struct tenon_buf text = TENON_BUF_INIT;
    tenon_json_write(&text, desc, true);
    result.descriptor_json = tenon_buf_steal(&text);
    *out = result;
    return 0;
}

int
tenon_image_options_check(const struct tenon_image_options *o, bool index,
                          struct tenon_error *err)
{
    if (tenon_deflate_check(o->compression, o->level, err) < 0)
        return err->code;
    if (o->docker_mediatypes && tenon_is_in_pieces(o->compression)) /* they need annotations */
        return tenon_error_set(err, TENON_E_INVALID, "exporter option \"compression=%s\" conflicts "
                               "with \"oci-mediatypes=false\"", o->compression);
    return tenon_annotations_check(o->annotations, index, err);
}

int
tenon_image_make(struct tenon_store *s, const struct tenon_image_source *src,
                 size_t count, const struct tenon_image_options *o,
                 struct tenon_image_made *out, struct tenon_error *err)
{
    if (count == 0)
        return tenon_error_set(err, TENON_E_BUG, "an image without results");
    struct making m = {.store = s, .o = *o, .index = count > 1 || o->force_index};
    bool attested = false;
    for (size_t i = 0; i < count; i++)
        attested = attested || src[i].attested;
    m.index = m.index || attested;
    if (attested && m.o.docker_mediatypes)
        return tenon_error_set(err, TENON_E_INVALID,
                               "cannot export attestations with \"oci-mediatypes=false\"");
    if (tenon_annotations_check(o->annotations, m.index, err) < 0)
        return err->code;

    struct made *made = tenon_calloc(count, sizeof *made);
    int rc = make_all(&m, src, count, made, err);
    if (rc == 0)
        rc = make_top(&m, made, count, out, err);
    for (size_t i = 0; i < count; i++)
        json_object_put(made[i].proof);
    free(made);
    return rc;
}

void
tenon_image_made_release(struct tenon_image_made *m)
{
    if (!m)
        return;
    free(m->digest);
    free(m->media_type);
    free(m->config_digest);
    free(m->descriptor_json);
    *m = (struct tenon_image_made){0};
}
