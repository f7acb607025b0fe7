/* image/proof.c - the manifest that holds what is said about an image, as BuildKit lays
 * it out: an artifact whose subject is the image, or the older form that looks like an image. */
#include <string.h>

#include "image/assemble.h"
#include "tools/alloc.h"
#include "tools/jsontext.h"

#define ARTIFACT_TYPE "application/vnd.docker.attestation.manifest.v1+json"
#define MT_EMPTY "application/vnd.oci.empty.v1+json"
#define EMPTY "{}"
#define EMPTY_BASE64 "e30="

static void
add_string(struct json_object *to, const char *key, const char *value)
{
    json_object_object_add(to, key, json_object_new_string(value));
}

static struct json_object *
descriptor(const char *media_type, const char *digest, int64_t size)
{
    struct json_object *o = json_object_new_object();
    add_string(o, "mediaType", media_type);
    add_string(o, "digest", digest);
    json_object_object_add(o, "size", json_object_new_int64(size));
    return o;
}

static int
put_statements(struct tenon_store *s, const struct tenon_image_statement *list, size_t count,
               struct json_object *layers, struct tenon_error *err)
{
    for (size_t i = 0; i < count; i++) {
        struct tenon_digest digest;
        if (tenon_blob_put(s, list[i].text, list[i].len, &digest, err) < 0)
            return tenon_error_context(err, "write attestation");
        struct json_object *o = descriptor(TENON_MT_INTOTO, digest.str, (int64_t)list[i].len);
        struct json_object *annotations = json_object_new_object();
        add_string(annotations, "in-toto.io/predicate-type", list[i].predicate_type);
        json_object_object_add(o, "annotations", annotations);
        json_object_array_add(layers, o);
    }
    return 0;
}

/* What a tool that takes it for an image looks for. */
static void
image_config(struct json_object *layers, struct tenon_buf *out)
{
    auto_json struct json_object *o = json_object_new_object();
    struct json_object *rootfs = json_object_new_object();
    struct json_object *ids = json_object_new_array();
    for (size_t i = 0; i < json_object_array_length(layers); i++)
        json_object_array_add(ids, json_object_get(json_object_object_get(
                                       json_object_array_get_idx(layers, i), "digest")));
    add_string(o, "architecture", "unknown");
    add_string(o, "os", "unknown");
    json_object_object_add(o, "config", json_object_new_object());
    add_string(rootfs, "type", "layers");
    json_object_object_add(rootfs, "diff_ids", ids);
    json_object_object_add(o, "rootfs", rootfs);
    tenon_json_write(out, o, true);
}

int
tenon_attestation_manifest(struct tenon_store *s, const struct tenon_desc *subject,
                           const struct tenon_image_statement *list, size_t count,
                           bool as_image, struct tenon_attestation_manifest *out,
                           struct tenon_error *err)
{
    auto_json struct json_object *o = json_object_new_object();
    auto_json struct json_object *layers = json_object_new_array();
    if (put_statements(s, list, count, layers, err) < 0)
        return err->code;
    if (as_image)
        image_config(layers, &out->config);
    else
        tenon_buf_adds(&out->config, EMPTY);
    struct tenon_digest digest;
    tenon_digest_of(out->config.data, out->config.len, &digest);
    struct json_object *config = descriptor(as_image ? TENON_MT_OCI_CONFIG : MT_EMPTY, digest.str,
                                            (int64_t)out->config.len);
    if (!as_image)
        add_string(config, "data", EMPTY_BASE64);

    json_object_object_add(o, "schemaVersion", json_object_new_int(2));
    add_string(o, "mediaType", TENON_MT_OCI_MANIFEST);
    if (!as_image)
        add_string(o, "artifactType", ARTIFACT_TYPE);
    json_object_object_add(o, "config", config);
    json_object_object_add(o, "layers", json_object_get(layers));
    if (!as_image)
        json_object_object_add(o, "subject", descriptor(subject->media_type, subject->digest,
                                                        subject->size));
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    tenon_json_write(&text, o, true);
    tenon_json_indent(&out->text, text.data, text.len);
    return 0;
}

struct json_object *
tenon_attestation_entry(const struct tenon_digest *manifest, int64_t size, const char *subject)
{
    struct json_object *o = descriptor(TENON_MT_OCI_MANIFEST, manifest->str, size);
    struct json_object *annotations = json_object_new_object();
    struct json_object *platform = json_object_new_object();
    add_string(annotations, "vnd.docker.reference.digest", subject);
    add_string(annotations, "vnd.docker.reference.type", "attestation-manifest");
    json_object_object_add(o, "annotations", annotations);
    add_string(platform, "architecture", "unknown");
    add_string(platform, "os", "unknown");
    json_object_object_add(o, "platform", platform);
    return o;
}
