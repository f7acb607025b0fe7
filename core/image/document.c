/* image/document.c - indexes, manifests and configs as they arrive: checked, limited
 * and taken apart.  Digests are over the bytes; nothing is written again here. */
#include <string.h>

#include "tools/alloc.h"
#include "image/image.h"
#include "image/nondist.h"

#define DOCUMENT_MAX ((size_t)8 << 20)
#define LAYERS_MAX 4096
#define INDEX_MAX 4096
#define BLOB_MAX_BYTES (INT64_C(1) << 46)

bool
tenon_media_is_index(const char *mt)
{
    return tenon_streq(mt, TENON_MT_OCI_INDEX) ||
           tenon_streq(mt, TENON_MT_DOCKER_LIST);
}

bool
tenon_media_is_manifest(const char *mt)
{
    return tenon_streq(mt, TENON_MT_OCI_MANIFEST) ||
           tenon_streq(mt, TENON_MT_DOCKER_MANIFEST);
}

void
tenon_desc_release(struct tenon_desc *d)
{
    free(d->media_type);
    free(d->digest);
    *d = (struct tenon_desc){0};
}

int
tenon_desc_parse(struct json_object *o, const char *what, struct tenon_desc *out,
           struct tenon_error *err)
{
    if (json_object_get_type(o) != json_type_object)
        return tenon_error_set(err, TENON_E_CORRUPT, "%s is not an object", what);
    const char *mt, *digest;
    int64_t size;
    if (tenon_json_get_str(o, "mediaType", "", &mt, err) < 0 ||
        tenon_json_get_str(o, "digest", "", &digest, err) < 0 ||
        tenon_json_get_int(o, "size", -1, &size, err) < 0)
        return tenon_error_context(err, "%s", what);
    struct tenon_digest checked;
    if (!tenon_digest_parse(digest, &checked))
        return tenon_error_set(err, TENON_E_CORRUPT,
                               "%s: invalid digest \"%.100s\"", what, digest);
    if (size < 0 || size > BLOB_MAX_BYTES)
        return tenon_error_set(err, TENON_E_CORRUPT, "%s: invalid size", what);
    *out = (struct tenon_desc){
        .media_type = tenon_strdup(mt),
        .digest = tenon_strdup(digest),
        .size = size,
    };
    return 0;
}

static bool
copy_member(struct json_object *o, const char *key, char *to, size_t size)
{
    struct json_object *v = NULL;
    to[0] = '\0';
    if (!json_object_object_get_ex(o, key, &v) || !v)
        return true;
    if (json_object_get_type(v) != json_type_string ||
        strlen(json_object_get_string(v)) >= size)
        return false;
    snprintf(to, size, "%s", json_object_get_string(v));
    return true;
}

/* How well an entry fits; 0 not at all.  Of one without a platform only
 * its config could tell: it comes after all that name theirs. */
static int
entry_score(struct json_object *entry, const struct tenon_platform *want)
{
    struct json_object *p = NULL;
    if (!json_object_object_get_ex(entry, "platform", &p) || !p)
        return 1;
    struct tenon_platform have;
    if (json_object_get_type(p) != json_type_object ||
        !copy_member(p, "os", have.os, sizeof have.os) ||
        !copy_member(p, "architecture", have.arch, sizeof have.arch) ||
        !copy_member(p, "variant", have.variant, sizeof have.variant) ||
        !copy_member(p, "os.version", have.os_version, sizeof have.os_version))
        return 0;
    int score = tenon_platform_match(want, &have);
    return score ? score + 1 : 0;
}

int
tenon_index_list(struct json_object *index, struct json_object **list, struct tenon_error *err)
{
    if (tenon_json_get_array(index, "manifests", list, err) < 0)
        return err->code;
    const size_t count = *list ? json_object_array_length(*list) : 0;
    return count <= INDEX_MAX ? 0
           : tenon_error_set(err, TENON_E_LIMIT, "index has %zu manifests, more than %d", count,
                             INDEX_MAX);
}

int
tenon_index_choose(struct json_object *index, const struct tenon_platform *want,
                   struct tenon_desc *out, struct tenon_error *err)
{
    struct json_object *list = NULL;
    if (tenon_index_list(index, &list, err) < 0)
        return err->code;
    size_t count = list ? json_object_array_length(list) : 0;
    struct json_object *best = NULL;
    int best_score = 0;
    for (size_t i = 0; i < count; i++) {
        struct json_object *entry = json_object_array_get_idx(list, i);
        if (json_object_get_type(entry) != json_type_object)
            return tenon_error_set(err, TENON_E_CORRUPT,
                                   "manifests[%zu] is not an object", i);
        const char *mt;
        if (tenon_json_get_str(entry, "mediaType", "", &mt, err) < 0)
            return tenon_error_context(err, "manifests[%zu]", i);
        if (!tenon_media_is_manifest(mt) && !tenon_media_is_index(mt))
            continue;
        int score = entry_score(entry, want);
        if (score > best_score) {
            best = entry;
            best_score = score;
        }
    }
    if (!best)
        return tenon_error_set(err, TENON_E_NOT_FOUND,
                               "no match for platform in manifest: not found");
    return tenon_desc_parse(best, "manifests", out, err);
}

static int
check_media_type(struct json_object *o, const char *media_type,
                 struct tenon_error *err)
{
    const char *said;
    if (tenon_json_get_str(o, "mediaType", NULL, &said, err) < 0)
        return err->code;
    const char *mt = media_type && *media_type ? media_type : said;
    if (mt && !tenon_media_is_manifest(mt))
        return tenon_error_set(err, TENON_E_UNSUPPORTED,
                               "unsupported manifest media type \"%.100s\"", mt);
    if (said && mt && !tenon_streq(said, mt))
        return tenon_error_set(err, TENON_E_CORRUPT,
                               "manifest says it is \"%.100s\" but came as \"%s\"",
                               said, mt);
    /* One document that reads as both would mean different things to
     * different tools (CVE-2021-41190). */
    struct json_object *other;
    if (json_object_object_get_ex(o, "manifests", &other) ||
        json_object_object_get_ex(o, "fsLayers", &other))
        return tenon_error_set(err, TENON_E_CORRUPT,
                               "ambiguous manifest: has members of other "
                               "document types");
    return 0;
}

int
tenon_manifest_parse(const void *data, size_t len, const char *media_type,
                     struct tenon_manifest *out, struct tenon_error *err)
{
    auto_json struct json_object *o = NULL;
    if (tenon_json_parse(data, len, DOCUMENT_MAX, &o, err) < 0)
        return tenon_error_context(err, "manifest");
    if (json_object_get_type(o) != json_type_object)
        return tenon_error_set(err, TENON_E_CORRUPT, "manifest is not an object");
    if (check_media_type(o, media_type, err) < 0)
        return err->code;

    struct json_object *config, *layers;
    if (tenon_json_get_object(o, "config", &config, err) < 0 ||
        tenon_json_get_array(o, "layers", &layers, err) < 0)
        return tenon_error_context(err, "manifest");
    if (!config)
        return tenon_error_set(err, TENON_E_CORRUPT, "manifest has no config");
    size_t count = layers ? json_object_array_length(layers) : 0;
    if (count > LAYERS_MAX)
        return tenon_error_set(err, TENON_E_LIMIT,
                               "manifest has %zu layers, more than %d", count,
                               LAYERS_MAX);

    struct tenon_manifest m = {0};
    if (tenon_desc_parse(config, "config", &m.config, err) < 0)
        return tenon_error_context(err, "manifest");
    m.layers = tenon_calloc(count + 1, sizeof *m.layers);
    m.urls = tenon_calloc(count + 1, sizeof *m.urls);
    for (size_t i = 0; i < count; i++) {
        struct json_object *layer = json_object_array_get_idx(layers, i);
        if (tenon_desc_parse(layer, "layer", &m.layers[i], err) < 0) {
            tenon_manifest_release(&m);
            return tenon_error_context(err, "manifest");
        }
        m.layer_count++;
        if (tenon_layer_urls_read(layer, &m.urls[i], err) < 0) {
            tenon_manifest_release(&m);
            return tenon_error_context(err, "manifest: layers[%zu]", i);
        }
    }
    *out = m;
    return 0;
}

void
tenon_manifest_release(struct tenon_manifest *m)
{
    tenon_desc_release(&m->config);
    for (size_t i = 0; i < m->layer_count; i++) {
        tenon_desc_release(&m->layers[i]);
        free(m->urls[i]);
    }
    free(m->layers);
    free(m->urls);
    *m = (struct tenon_manifest){0};
}

int
tenon_config_diff_ids(const void *data, size_t len, char ***out,
                      struct tenon_error *err)
{
    auto_json struct json_object *o = NULL;
    if (tenon_json_parse(data, len, DOCUMENT_MAX, &o, err) < 0)
        return tenon_error_context(err, "image config");
    if (json_object_get_type(o) != json_type_object)
        return tenon_error_set(err, TENON_E_CORRUPT,
                               "image config is not an object");
    struct json_object *rootfs, *ids = NULL;
    if (tenon_json_get_object(o, "rootfs", &rootfs, err) < 0 ||
        (rootfs && tenon_json_get_array(rootfs, "diff_ids", &ids, err) < 0))
        return tenon_error_context(err, "image config");
    size_t count = ids ? json_object_array_length(ids) : 0;
    if (count > LAYERS_MAX)
        return tenon_error_set(err, TENON_E_LIMIT,
                               "image config has %zu layers, more than %d", count,
                               LAYERS_MAX);
    char **list = tenon_calloc(count + 1, sizeof *list);
    for (size_t i = 0; i < count; i++) {
        struct json_object *id = json_object_array_get_idx(ids, i);
        struct tenon_digest digest;
        if (json_object_get_type(id) != json_type_string ||
            !tenon_digest_parse(json_object_get_string(id), &digest)) {
            tenon_strv_free(list);
            return tenon_error_set(err, TENON_E_CORRUPT,
                                   "image config: rootfs.diff_ids[%zu] is not a digest", i);
        }
        list[i] = tenon_strdup(digest.str);
    }
    *out = list;
    return 0;
}

void
tenon_chain_id(char *const *diff_ids, size_t n, struct tenon_digest *out)
{
    *out = (struct tenon_digest){0};
    for (size_t i = 0; i < n; i++) {
        if (i == 0) {
            tenon_digest_parse(diff_ids[0], out);
            continue;
        }
        char pair[2 * TENON_DIGEST_STR_LEN + 2];
        int len = snprintf(pair, sizeof pair, "%s %s", out->str, diff_ids[i]);
        tenon_digest_of(pair, (size_t)len, out);
    }
}
