/* places/inspect.c - see inspect.h. */
#include "places/inspect.h"

#include <string.h>

#include "tools/alloc.h"
#include "places/versions.h"

#define CONFIGS_MAX ((size_t)64 << 20) /* bytes of all that are kept */
enum { STATEMENTS_MAX = 1000 };        /* of one manifest */

struct inspecting {
    const struct tenon_reach *reach;
    const struct tenon_place *p;
    struct json_object *image, *provenance, *sbom; /* of the document that is made */
    size_t config_bytes;
};

static bool
is_image_config(const struct tenon_desc *d)
{
    return !strcmp(d->media_type, TENON_MT_OCI_CONFIG) ||
           !strcmp(d->media_type, TENON_MT_DOCKER_CONFIG);
}

static int
read_config(struct inspecting *x, const struct tenon_desc *d, struct json_object **out,
            struct tenon_error *err)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    auto_json struct json_object *o = NULL;
    if (tenon_place_read(x->reach, x->p, d, &text, err) < 0)
        return err->code;
    x->config_bytes += text.len;
    if (x->config_bytes > CONFIGS_MAX)
        return tenon_error_set(err, TENON_E_LIMIT, "its configurations have more than %zu bytes",
                               CONFIGS_MAX);
    if (tenon_json_parse(tenon_buf_str(&text), text.len, TENON_PLACE_DOCUMENT_MAX, &o, err) < 0)
        return tenon_error_context(err, "%s", d->digest);
    if (!json_object_is_type(o, json_type_object))
        return tenon_error_set(err, TENON_E_CORRUPT, "%s is not a JSON object", d->digest);
    *out = tenon_steal(&o);
    return 0;
}

static int
config_of(struct inspecting *x, const struct tenon_desc *d, struct json_object **out,
          struct tenon_error *err)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    struct tenon_manifest m = {0};
    if (tenon_place_read(x->reach, x->p, d, &text, err) < 0 ||
        tenon_manifest_parse(text.data, text.len, d->media_type, &m, err) < 0)
        return err->code;
    int rc = is_image_config(&m.config) ? read_config(x, &m.config, out, err) : 0;
    tenon_manifest_release(&m);
    return rc;
}

/* ---- attestations ------------------------------------------------------------------------- */

static int
take_statement(struct inspecting *x, const char *platform, struct json_object *layer,
               struct tenon_error *err)
{
    const char *kind = tenon_annotation(layer, TENON_NOTE_PREDICATE_TYPE);
    const bool is_provenance = kind && tenon_has_prefix(kind, "https://slsa.dev/provenance/");
    const bool is_sbom = kind && tenon_has_prefix(kind, "https://spdx.dev/Document");
    auto_json struct json_object *statement = NULL;
    struct json_object *predicate = NULL;
    struct tenon_desc d = {0};
    if (!is_provenance && !is_sbom)
        return 0;
    const char *name = is_sbom ? "SPDX" : "SLSA";
    struct json_object *to = is_sbom ? x->sbom : x->provenance, *of = NULL;
    if (json_object_object_get_ex(to, platform, &of) && json_object_object_get_ex(of, name, NULL))
        return 0; /* the first one is shown; the others need not be read */
    int rc = tenon_desc_parse(layer, "layer", &d, err);
    if (rc == 0)
        rc = tenon_place_json(x->reach, x->p, &d, &statement, err);
    tenon_desc_release(&d);
    if (rc < 0)
        return rc;
    if (!of) {
        of = json_object_new_object();
        json_object_object_add(to, platform, of);
    }
    if (json_object_object_get_ex(statement, "predicate", &predicate))
        json_object_object_add(of, name, json_object_get(predicate));
    return 0;
}

static int
take_attestation(struct inspecting *x, const char *platform, const struct tenon_desc *d,
                 struct tenon_error *err)
{
    auto_json struct json_object *document = NULL;
    struct json_object *layers = NULL;
    if (tenon_place_json(x->reach, x->p, d, &document, err) < 0 ||
        tenon_json_get_array(document, "layers", &layers, err) < 0)
        return tenon_error_context(err, "attestation %s", d->digest);
    const size_t count = layers ? json_object_array_length(layers) : 0;
    if (count > STATEMENTS_MAX)
        return tenon_error_set(err, TENON_E_LIMIT, "attestation %s: %zu statements, more than %d",
                               d->digest, count, STATEMENTS_MAX);
    for (size_t i = 0; i < count; i++)
        if (take_statement(x, platform, json_object_array_get_idx(layers, i), err) < 0)
            return tenon_error_context(err, "attestation %s", d->digest);
    return 0;
}

/* ---- images -------------------------------------------------------------------------------- */

/* wanted: this one alone, or NULL. */
static int
take_versions(struct inspecting *x, struct json_object *index, const char *wanted,
              struct tenon_error *err)
{
    auto_versions struct tenon_versions versions = {0};
    if (tenon_versions_read(index, &versions, err) < 0)
        return err->code;
    tenon_vec_foreach(v, &versions.list) {
        auto_json struct json_object *config = NULL;
        const char *platform = v->platform ? v->platform : v->desc.digest;
        if (v->attests || tenon_media_is_index(v->desc.media_type) ||
            (wanted && strcmp(wanted, v->desc.digest)))
            continue;
        if (config_of(x, &v->desc, &config, err) < 0)
            return tenon_error_context(err, "%s", platform);
        if (config)
            json_object_object_add(x->image, platform, tenon_steal(&config));
        const struct tenon_version *about = tenon_versions_about(&versions, v->desc.digest);
        if (about && take_attestation(x, platform, &about->desc, err) < 0)
            return err->code;
    }
    return 0;
}

/* Of one image there is no need to say for which platform; takes `o` over. */
static void
add_part(struct json_object *to, const char *name, struct json_object *o, bool alone)
{
    const int count = json_object_object_length(o);
    if (!count) {
        json_object_put(o);
        return;
    }
    if (!alone) {
        json_object_object_add(to, name, o);
        return;
    }
    json_object_object_foreach(o, platform, value) {
        (void)platform;
        json_object_object_add(to, name, json_object_get(value));
        break;
    }
    json_object_put(o);
}

static int
inspect_index(struct inspecting *x, struct json_object *index, const struct tenon_platform *want,
              struct tenon_error *err)
{
    struct tenon_desc chosen = {0};
    if (want && tenon_index_choose(index, want, &chosen, err) < 0)
        return err->code;
    int rc = take_versions(x, index, chosen.digest, err);
    tenon_desc_release(&chosen);
    return rc;
}

int
tenon_place_inspect(const struct tenon_reach *reach, const struct tenon_place *p,
                    const struct tenon_platform *platform, struct json_object **out,
                    struct tenon_error *err)
{
    struct inspecting x = {reach, p, json_object_new_object(), json_object_new_object(),
                           json_object_new_object(), 0};
    auto_json struct json_object *document = NULL, *o = json_object_new_object();
    const bool is_index = tenon_media_is_index(p->top.media_type);
    int rc = tenon_place_json(reach, p, &p->top, &document, err);
    if (rc == 0 && is_index) {
        rc = inspect_index(&x, document, platform, err);
    } else if (rc == 0) {
        struct json_object *config = NULL;
        rc = config_of(&x, &p->top, &config, err);
        if (config)
            json_object_object_add(x.image, "", config);
    }
    if (rc == 0) {
        struct json_object *manifest = json_object_get(document);
        json_object_object_add(o, "name", json_object_new_string(p->name));
        if (!json_object_object_get_ex(manifest, "mediaType", NULL))
            json_object_object_add(manifest, "mediaType",
                                   json_object_new_string(p->top.media_type));
        json_object_object_add(manifest, "digest", json_object_new_string(p->top.digest));
        json_object_object_add(manifest, "size", json_object_new_int64(p->top.size));
        json_object_object_add(o, "manifest", manifest);
    }
    add_part(o, "image", x.image, !is_index || platform);
    add_part(o, "provenance", x.provenance, !is_index || platform);
    add_part(o, "sbom", x.sbom, !is_index || platform);
    if (rc < 0)
        return tenon_error_context(err, "%s", p->text);
    *out = tenon_steal(&o);
    return 0;
}
