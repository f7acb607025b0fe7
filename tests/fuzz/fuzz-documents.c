/* fuzz-documents - what describes images: indexes (a registry's and an OCI layout's), manifests,
 * configurations, of images and on their way into one that is made; signatures. The first byte
 * chooses. */
#define FUZZ_CORPUS "documents"
#include "fuzz.h"

#include "image/assemble.h"
#include "signing/signature.h"
#include "tools/ociindex.h"

enum { DOCUMENT_MAX = 8 << 20 };

static void
index_document(const char *text, size_t size)
{
    static const char *const platforms[] = {
        "linux/amd64", "linux/arm/v7", "linux/arm64", "windows/amd64",
    };
    static const char *const tags[] = {"latest", "v1", ""};
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_json struct json_object *o = NULL;
    if (tenon_json_parse(text, size, DOCUMENT_MAX, &o, &err) < 0)
        return;
    for (size_t i = 0; i < 2 * tenon_countof(tags); i++) {
        const char *found = tenon_oci_index_find(o, tags[i / 2], i % 2, NULL);
        tenon_assert(!found || tenon_is_sha256(found));
    }
    if (json_object_get_type(o) != json_type_object)
        return;
    for (size_t i = 0; i < tenon_countof(platforms); i++) {
        auto_error struct tenon_error why = TENON_ERROR_INIT;
        struct tenon_platform p;
        struct tenon_desc d = {0};
        struct tenon_digest digest;
        tenon_assert(tenon_platform_parse(platforms[i], &p, &why) == 0);
        if (tenon_index_choose(o, &p, &d, &why) < 0) {
            tenon_assert(why.message);
            continue;
        }
        tenon_assert(tenon_digest_parse(d.digest, &digest) && d.size >= 0);
        tenon_assert(tenon_media_is_manifest(d.media_type) || tenon_media_is_index(d.media_type));
        tenon_desc_release(&d);
    }
}

static void
manifest_document(const char *text, size_t size)
{
    static const char *const types[] = {
        TENON_MT_OCI_MANIFEST, TENON_MT_DOCKER_MANIFEST, TENON_MT_OCI_INDEX, "", NULL,
    };
    for (size_t i = 0; i < tenon_countof(types); i++) {
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        struct tenon_manifest m = {0};
        struct tenon_digest digest;
        if (tenon_manifest_parse(text, size, types[i], &m, &err) < 0) {
            tenon_assert(err.message && !m.layers && !m.config.digest);
            continue;
        }
        tenon_assert(!types[i] || !*types[i] || tenon_media_is_manifest(types[i]));
        tenon_assert(tenon_digest_parse(m.config.digest, &digest));
        for (size_t k = 0; k < m.layer_count; k++)
            tenon_assert(tenon_digest_parse(m.layers[k].digest, &digest) && m.layers[k].size >= 0);
        tenon_manifest_release(&m);
    }
}

/* The text up to a NUL is the configuration, what is after it that of the base. */
static void
config_document(const char *text, size_t size)
{
    static const int64_t epochs[] = {0, 1700000000, INT64_MAX};
    const char *nul = memchr(text, '\0', size);
    size_t len = nul ? (size_t)(nul - text) : size;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    char **ids = NULL;
    if (tenon_config_diff_ids(text, len, &ids, &err) == 0) {
        struct tenon_digest chain, again;
        size_t n = 0;
        while (ids[n])
            n++;
        tenon_chain_id(ids, n, &chain);
        tenon_assert(n == 0 || tenon_digest_parse(chain.str, &again));
        tenon_strv_free(ids);
    }
    struct tenon_image_source src = {
        .platform = "linux/amd64", .config = text, .config_len = len,
        .base_config = nul ? nul + 1 : NULL, .base_config_len = nul ? size - len - 1 : 0,
    };
    struct tenon_image_layer layers[3] = {
        {.created_ns = 1}, {.created_ns = 1600000000000000000}, {.created_ns = INT64_MAX}};
    for (size_t i = 0; i < 1 + tenon_countof(epochs); i++) {
        auto_error struct tenon_error why = TENON_ERROR_INIT;
        auto_buf struct tenon_buf out = TENON_BUF_INIT;
        auto_json struct json_object *made = NULL;
        struct tenon_image_options o = {.has_epoch = i > 0, .epoch = i > 0 ? epochs[i - 1] : 0};
        if (tenon_image_config(&src, layers, i % 4, &o, &out, &why) < 0) {
            tenon_assert(why.message);
            continue;
        }
        /* What is made of it can be read, and says as many layers as there are. */
        tenon_assert(tenon_json_parse(out.data, out.len, DOCUMENT_MAX, &made, &why) == 0);
        ids = NULL;
        struct json_object *rootfs, *list;
        tenon_assert(json_object_object_get_ex(made, "rootfs", &rootfs) &&
                     json_object_object_get_ex(rootfs, "diff_ids", &list) &&
                     json_object_array_length(list) == i % 4);
    }
}

static void
claim_of(const struct tenon_signature *s)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_claim struct tenon_claim c = {0};
    if (tenon_signature_claim(s, &c, &err) < 0) {
        tenon_assert(err.message && !c.document);
        return;
    }
    for (char **d = c.digests; d && *d; d++)
        tenon_assert(tenon_is_sha256(*d));
}

/* A bundle; or the descriptor of a layer and, after a NUL, the payload. */
static void
signature_document(const char *text, size_t size)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT, why = TENON_ERROR_INIT;
    auto_signature struct tenon_signature bundle = {0}, simple = {0};
    auto_json struct json_object *layer = NULL;
    auto_buf struct tenon_buf payload = TENON_BUF_INIT;
    if (tenon_signature_parse_bundle(text, size, &bundle, &err) == 0)
        claim_of(&bundle);
    else
        tenon_assert(err.message);
    const char *nul = memchr(text, '\0', size);
    if (!nul || tenon_json_parse(text, (size_t)(nul - text), DOCUMENT_MAX, &layer, &why) < 0)
        return;
    tenon_buf_add(&payload, nul + 1, size - (size_t)(nul + 1 - text));
    if (tenon_signature_parse_simple(layer, &payload, &simple, &why) == 0)
        claim_of(&simple);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    char *text = fuzz_copy(data + 1, size - 1);
    switch (data[0] == 's' ? 3 : data[0] % 3) {
    case 3: signature_document(text, size - 1); break;
    case 0: index_document(text, size - 1); break;
    case 1: manifest_document(text, size - 1); break;
    default: config_document(text, size - 1); break;
    }
    free(text);
    return 0;
}
