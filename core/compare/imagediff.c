/* compare/imagediff.c - see imagediff.h. */
#include "compare/imagediff.h"

#include <stdlib.h>
#include <string.h>

#include "tools/alloc.h"
#include "compare/jsondiff.h"
#include "compare/treediff.h"
#include "image/nondist.h"
#include "places/versions.h"

#define STATEMENTS_MAX 4096 /* of an attestation */

/* ---- one image, for one platform ------------------------------------------------------- */

struct image {
    const struct tenon_place *place;
    struct tenon_desc desc;
    struct json_object *document, *config;
    struct tenon_manifest manifest;
    char **diff_ids; /* NULL: what it holds are no layers */
};

static void
image_release(struct image *m)
{
    tenon_desc_release(&m->desc);
    json_object_put(m->document);
    json_object_put(m->config);
    tenon_manifest_release(&m->manifest);
    tenon_strv_free(m->diff_ids);
}
TENON_DEFINE_AUTO_STRUCT(image, struct image, image_release);
#define auto_image __attribute__((cleanup(tenon_auto_image)))

static bool
is_image_config(const char *media_type)
{
    return !strcmp(media_type, TENON_MT_OCI_CONFIG) || !strcmp(media_type, TENON_MT_DOCKER_CONFIG);
}

static int
image_open(const struct tenon_imagediff *x, const struct tenon_place *place,
           const struct tenon_desc *d, struct image *m, struct tenon_error *err)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    m->place = place;
    if (tenon_place_read(x->reach, place, d, &text, err) < 0 ||
        tenon_manifest_parse(text.data, text.len, d->media_type, &m->manifest, err) < 0 ||
        tenon_layer_urls_note(x->reach->store, &m->manifest, err) < 0 ||
        tenon_json_parse(text.data, text.len, TENON_PLACE_DOCUMENT_MAX, &m->document, err) < 0)
        return tenon_error_context(err, "%s", place->text);
    m->desc = (struct tenon_desc){tenon_strdup(d->media_type), tenon_strdup(d->digest), d->size};
    if (!is_image_config(m->manifest.config.media_type))
        return 0;
    if (tenon_place_read(x->reach, place, &m->manifest.config, &text, err) < 0 ||
        tenon_json_parse(text.data, text.len, TENON_PLACE_DOCUMENT_MAX, &m->config, err) < 0 ||
        tenon_config_diff_ids(text.data, text.len, &m->diff_ids, err) < 0)
        return tenon_error_context(err, "%s", place->text);
    if (tenon_strv_len(m->diff_ids) != m->manifest.layer_count)
        return tenon_error_set(err, TENON_E_CORRUPT, "%s: its configuration has %zu layers, its "
                               "manifest %zu", place->text, tenon_strv_len(m->diff_ids),
                               m->manifest.layer_count);
    return 0;
}

static struct json_object *
history_of(const struct image *m)
{
    struct json_object *list = NULL;
    return json_object_object_get_ex(m->config, "history", &list) &&
                   json_object_is_type(list, json_type_array) ? list : NULL;
}

/* What made layer number `index`; NULL: its history does not say. */
static const char *
step_of(const struct image *m, size_t index)
{
    struct json_object *list = history_of(m), *value = NULL;
    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        struct json_object *entry = json_object_array_get_idx(list, i);
        if (!json_object_is_type(entry, json_type_object) ||
            (json_object_object_get_ex(entry, "empty_layer", &value) &&
             json_object_get_boolean(value)) || index-- > 0)
            continue;
        return json_object_object_get_ex(entry, "created_by", &value) &&
                       json_object_is_type(value, json_type_string)
                   ? json_object_get_string(value) : NULL;
    }
    return NULL;
}

/* ---- trees ------------------------------------------------------------------------------- */

static int
add_layer(const struct tenon_imagediff *x, const struct image *m, size_t i,
          enum tenon_filetree_way way, struct tenon_filetree *t, struct tenon_error *err)
{
    auto_close int fd = tenon_place_open(x->reach, m->place, &m->manifest.layers[i], err);
    if (fd < 0 || tenon_filetree_add_tar(t, fd, m->diff_ids[i], way, (unsigned)i + 1, err) < 0)
        return tenon_error_context(err, "%s: layer %zu", m->place->text, i + 1);
    return 0;
}

static int
unpacked(const struct tenon_imagediff *x, const struct image *m, struct tenon_filetree *t,
         struct tenon_error *err)
{
    if (!m->diff_ids)
        return tenon_error_set(err, TENON_E_UNSUPPORTED, "%s is no image, but \"%s\"",
                               m->place->text, m->manifest.config.media_type);
    for (size_t i = 0; i < m->manifest.layer_count; i++)
        if (add_layer(x, m, i, TENON_FILETREE_APPLY, t, err) < 0)
            return err->code;
    return 0;
}

static void
tree_init(const struct tenon_imagediff *x, struct tenon_filetree *t)
{
    t->limits = tenon_store_limits(x->reach->store);
    t->cancel = x->reach->call.cancel;
}

static int
compare_unpacked(const struct tenon_imagediff *x, struct tenon_comparison *c, const struct image *a,
                 const struct image *b, struct tenon_error *err)
{
    auto_filetree struct tenon_filetree one = TENON_FILETREE_INIT, other = TENON_FILETREE_INIT;
    tree_init(x, &one);
    tree_init(x, &other);
    if (unpacked(x, a, &one, err) < 0 || unpacked(x, b, &other, err) < 0)
        return err->code;
    tenon_filetree_settle(&one);
    tenon_filetree_settle(&other);
    return tenon_treediff(c, &one, &other, err);
}

/* ---- layers ------------------------------------------------------------------------------- */

static bool
same_order(const struct tenon_file *a, const struct tenon_file *b)
{
    if (a->order != b->order)
        return false;
    for (const struct tenon_file *f = a->kids; f; f = f->hh.next) {
        struct tenon_file *g;
        HASH_FIND(hh, b->kids, f->name, strlen(f->name), g);
        if (g && !same_order(f, g))
            return false;
    }
    return true;
}

static int
compare_layer(const struct tenon_imagediff *x, struct tenon_comparison *c, const struct image *a,
              const struct image *b, size_t i, struct tenon_error *err)
{
    auto_filetree struct tenon_filetree one = TENON_FILETREE_INIT, other = TENON_FILETREE_INIT;
    const size_t before = c->seen;
    tree_init(x, &one);
    tree_init(x, &other);
    if (add_layer(x, a, i, TENON_FILETREE_LAYER, &one, err) < 0 ||
        add_layer(x, b, i, TENON_FILETREE_LAYER, &other, err) < 0)
        return err->code;
    tenon_filetree_settle(&one);
    tenon_filetree_settle(&other);
    int rc = tenon_treediff(c, &one, &other, err);
    if (rc == 0 && c->seen == before && !(c->ignored & TENON_WORD_BIT(TENON_WORD_CONTENT)))
        rc = tenon_differ(c, TENON_WORD_TAR, NULL,
                          same_order(one.top, other.top) ? "form" : "order",
                          a->diff_ids[i], b->diff_ids[i], err);
    return rc;
}

/* "application/vnd.oci.image.layer.v1.tar+gzip" is a gzip. */
static char *
packing(const struct tenon_desc *d)
{
    const char *plus = strrchr(d->media_type, '+'), *dot = strrchr(d->media_type, '.');
    const char *how = plus ? plus + 1 : dot && !strcmp(dot + 1, "gzip") ? dot + 1 : "tar";
    return tenon_asprintf("%s, %lld bytes, %s", how, (long long)d->size, d->digest);
}

static int
compare_layers(const struct tenon_imagediff *x, struct tenon_comparison *c, const struct image *a,
               const struct image *b, struct tenon_error *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < a->manifest.layer_count; i++) {
        const struct tenon_desc *one = &a->manifest.layers[i], *other = &b->manifest.layers[i];
        if (!strcmp(one->digest, other->digest))
            continue;
        c->layer = (unsigned)i + 1;
        c->step = step_of(a, i);
        if (strcmp(a->diff_ids[i], b->diff_ids[i])) {
            rc = compare_layer(x, c, a, b, i, err);
        } else {
            auto_free char *how = packing(one), *as = packing(other);
            rc = tenon_differ(c, TENON_WORD_COMPRESSION, NULL, NULL, how, as, err);
        }
        c->layer = 0;
        c->step = NULL;
    }
    return rc;
}

/* ---- documents ----------------------------------------------------------------------------- */

static int
compare_configs(struct tenon_comparison *c, const struct image *a, const struct image *b,
                struct tenon_error *err)
{
    static const char *const elsewhere[] = { "config", "history", "rootfs", NULL };
    struct json_object *one = NULL, *other = NULL;
    int rc = tenon_jsondiff(c, TENON_WORD_CONFIG, "", a->config, b->config, elsewhere, err);
    json_object_object_get_ex(a->config, "config", &one);
    json_object_object_get_ex(b->config, "config", &other);
    if (rc == 0)
        rc = tenon_jsondiff(c, TENON_WORD_CONFIG, one && other ? "" : "config", one, other, NULL,
                            err);
    return rc ? rc : tenon_jsondiff(c, TENON_WORD_HISTORY, "", history_of(a), history_of(b), NULL,
                                    err);
}

/* Of layers their types and annotations; the rest of them is compared by what they hold. */
static int
compare_descriptors(struct tenon_comparison *c, const struct image *a, const struct image *b,
                    struct tenon_error *err)
{
    static const char *const elsewhere[] = { "digest", "size", NULL };
    struct json_object *one = json_object_object_get(a->document, "layers");
    struct json_object *other = json_object_object_get(b->document, "layers");
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < a->manifest.layer_count && i < b->manifest.layer_count; i++) {
        auto_free char *at = tenon_asprintf("layers[%zu]", i);
        rc = tenon_jsondiff(c, TENON_WORD_MANIFEST, at, json_object_array_get_idx(one, i),
                            json_object_array_get_idx(other, i), elsewhere, err);
    }
    return rc;
}

static int
compare_manifests(struct tenon_comparison *c, const struct image *a, const struct image *b,
                  struct tenon_error *err)
{
    static const char *const elsewhere[] = { "config", "layers", NULL };
    static const char *const of_config[] = { "digest", "size", NULL };
    int rc = tenon_jsondiff(c, TENON_WORD_MANIFEST, "", a->document, b->document, elsewhere, err);
    if (rc == 0)
        rc = tenon_jsondiff(c, TENON_WORD_MANIFEST, "config",
                            json_object_object_get(a->document, "config"),
                            json_object_object_get(b->document, "config"), of_config, err);
    return rc ? rc : compare_descriptors(c, a, b, err);
}

/* What is no image of a root: the blobs are all that there is. */
static int
compare_artifacts(struct tenon_comparison *c, const struct image *a, const struct image *b,
                  struct tenon_error *err)
{
    const size_t na = a->manifest.layer_count, nb = b->manifest.layer_count;
    int rc = tenon_streq(a->manifest.config.digest, b->manifest.config.digest) ? 0
             : tenon_differ(c, TENON_WORD_CONFIG, NULL, NULL, a->manifest.config.digest,
                            b->manifest.config.digest, err);
    for (size_t i = 0; rc == 0 && (i < na || i < nb); i++) {
        const char *one = i < na ? a->manifest.layers[i].digest : NULL;
        const char *other = i < nb ? b->manifest.layers[i].digest : NULL;
        auto_free char *at = tenon_asprintf("[%zu]", i);
        if (!tenon_streq(one, other))
            rc = tenon_differ(c, TENON_WORD_LAYERS, NULL, at, one, other, err);
    }
    return rc;
}

static int
compare_images(const struct tenon_imagediff *x, struct tenon_comparison *c,
               const struct tenon_desc *one, const struct tenon_desc *other,
               struct tenon_error *err)
{
    auto_image struct image a = {0}, b = {0};
    if (!strcmp(one->digest, other->digest))
        return 0;
    if (image_open(x, x->a, one, &a, err) < 0 || image_open(x, x->b, other, &b, err) < 0)
        return err->code;
    if (x->trees)
        return compare_unpacked(x, c, &a, &b, err);
    int rc = compare_manifests(c, &a, &b, err);
    if (rc == 0 && (!a.diff_ids || !b.diff_ids))
        return compare_artifacts(c, &a, &b, err);
    if (rc == 0)
        rc = compare_configs(c, &a, &b, err);
    if (rc != 0)
        return rc;
    if (a.manifest.layer_count == b.manifest.layer_count)
        return compare_layers(x, c, &a, &b, err);
    auto_free char *na = tenon_asprintf("%zu", a.manifest.layer_count);
    auto_free char *nb = tenon_asprintf("%zu", b.manifest.layer_count);
    rc = tenon_differ(c, TENON_WORD_LAYERS, NULL, NULL, na, nb, err);
    return rc ? rc : compare_unpacked(x, c, &a, &b, err);
}

/* ---- indexes --------------------------------------------------------------------------------- */

static int
open_index(const struct tenon_imagediff *x, const struct tenon_place *p, struct json_object **index,
           struct tenon_versions *v, struct tenon_error *err)
{
    if (tenon_place_json(x->reach, p, &p->top, index, err) < 0 ||
        tenon_versions_read(*index, v, err) < 0)
        return tenon_error_context(err, "%s", p->text);
    return 0;
}

/* The statements in an attestation, by what they state; those of one kind by their number. */
static int
statements(const struct tenon_imagediff *x, const struct tenon_place *p,
           const struct tenon_version *v, struct json_object *out, struct tenon_error *err)
{
    auto_json struct json_object *document = NULL;
    struct json_object *layers = NULL;
    if (tenon_place_json(x->reach, p, &v->desc, &document, err) < 0 ||
        tenon_json_get_array(document, "layers", &layers, err) < 0)
        return tenon_error_context(err, "%s: attestation", p->text);
    if (layers && json_object_array_length(layers) > STATEMENTS_MAX)
        return tenon_error_set(err, TENON_E_LIMIT, "%s: attestation with %zu statements", p->text,
                               json_object_array_length(layers));
    for (size_t i = 0; layers && i < json_object_array_length(layers); i++) {
        struct json_object *layer = json_object_array_get_idx(layers, i);
        if (!json_object_is_type(layer, json_type_object))
            return tenon_error_set(err, TENON_E_CORRUPT,
                                   "%s: attestation: layers[%zu] is no object", p->text, i);
        const char *kind = tenon_annotation(layer, TENON_NOTE_PREDICATE_TYPE);
        auto_free char *key = tenon_strdup(kind ? kind : "?");
        for (unsigned n = 2; json_object_object_get_ex(out, key, NULL); n++) {
            free(key);
            key = tenon_asprintf("%s (%u)", kind ? kind : "?", n);
        }
        json_object_object_add(out, key,
                               json_object_get(json_object_object_get(layer, "digest")));
    }
    return 0;
}

static int
compare_attestations(const struct tenon_imagediff *x, struct tenon_comparison *c,
                     const struct tenon_version *a, const struct tenon_version *b,
                     struct tenon_error *err)
{
    if (!a && !b)
        return 0;
    if (!a || !b)
        return tenon_differ(c, TENON_WORD_ATTESTATION, NULL, NULL, a ? a->desc.digest : NULL,
                            b ? b->desc.digest : NULL, err);
    if (!strcmp(a->desc.digest, b->desc.digest))
        return 0;
    auto_json struct json_object *one = json_object_new_object();
    auto_json struct json_object *other = json_object_new_object();
    if (statements(x, x->a, a, one, err) < 0 || statements(x, x->b, b, other, err) < 0)
        return err->code;
    return tenon_jsondiff(c, TENON_WORD_ATTESTATION, "", one, other, NULL, err);
}

static int
compare_entry_notes(struct tenon_comparison *c, const struct tenon_version *a,
                    const struct tenon_version *b, struct tenon_error *err)
{
    return tenon_jsondiff(c, TENON_WORD_INDEX, "annotations",
                          json_object_object_get(a->entry, "annotations"),
                          json_object_object_get(b->entry, "annotations"), NULL, err);
}

static int
compare_versions(const struct tenon_imagediff *x, struct tenon_comparison *c,
                 const struct tenon_versions *va, const struct tenon_version *a,
                 const struct tenon_versions *vb, const struct tenon_version *b,
                 struct tenon_error *err)
{
    c->platform = a->platform;
    int rc = x->trees ? 0 : compare_entry_notes(c, a, b, err);
    if (rc == 0 && tenon_media_is_index(a->desc.media_type))
        rc = tenon_streq(a->desc.digest, b->desc.digest) ? 0
             : tenon_differ(c, TENON_WORD_INDEX, NULL, "nested", a->desc.digest, b->desc.digest,
                            err);
    else if (rc == 0)
        rc = compare_images(x, c, &a->desc, &b->desc, err);
    if (rc == 0 && !x->trees)
        rc = compare_attestations(x, c, tenon_versions_about(va, a->desc.digest),
                                  tenon_versions_about(vb, b->desc.digest), err);
    c->platform = NULL;
    return rc;
}

static int
only_one(struct tenon_comparison *c, const struct tenon_version *v, bool is_a,
         struct tenon_error *err)
{
    return tenon_differ(c, TENON_WORD_PLATFORM, NULL, v->platform ? v->platform : "none",
                        is_a ? v->desc.digest : NULL, is_a ? NULL : v->desc.digest, err);
}

static int
compare_indexes(const struct tenon_imagediff *x, struct tenon_comparison *c,
                struct tenon_error *err)
{
    static const char *const elsewhere[] = { "manifests", NULL };
    auto_json struct json_object *one = NULL, *other = NULL;
    auto_versions struct tenon_versions va = {0}, vb = {0};
    if (open_index(x, x->a, &one, &va, err) < 0 || open_index(x, x->b, &other, &vb, err) < 0)
        return err->code;
    int rc = x->trees ? 0 : tenon_jsondiff(c, TENON_WORD_INDEX, "", one, other, elsewhere, err);
    tenon_vec_foreach(a, &va.list) {
        const struct tenon_version *b = tenon_versions_find(&vb, a->platform);
        if (rc != 0 || a->attests)
            continue;
        rc = b ? compare_versions(x, c, &va, a, &vb, b, err) : only_one(c, a, true, err);
    }
    tenon_vec_foreach(b, &vb.list)
        if (rc == 0 && !b->attests && !tenon_versions_find(&va, b->platform))
            rc = only_one(c, b, false, err);
    return rc;
}

/* ---- which ---------------------------------------------------------------------------------- */

static int
platform_of(const struct tenon_imagediff *x, const struct tenon_place *p,
            struct tenon_platform *out, struct tenon_error *err)
{
    auto_image struct image m = {0};
    if (image_open(x, p, &p->top, &m, err) < 0)
        return err->code;
    auto_free char *said = m.config ? tenon_platform_said(m.config) : NULL;
    tenon_platform_host(out);
    return said ? tenon_platform_parse(said, out, err) : 0;
}

/* The image of p for a platform; the only one it is, when it is one. */
static int
choose(const struct tenon_imagediff *x, const struct tenon_place *p,
       const struct tenon_platform *want, struct tenon_desc *out, struct tenon_error *err)
{
    auto_json struct json_object *index = NULL;
    if (!tenon_media_is_index(p->top.media_type)) {
        *out = (struct tenon_desc){tenon_strdup(p->top.media_type), tenon_strdup(p->top.digest),
                                   p->top.size};
        return 0;
    }
    if (tenon_place_json(x->reach, p, &p->top, &index, err) < 0 ||
        tenon_index_choose(index, want, out, err) < 0)
        return tenon_error_context(err, "%s", p->text);
    return 0;
}

static int
compare_chosen(const struct tenon_imagediff *x, struct tenon_comparison *c, bool a_is_index,
               bool b_is_index, struct tenon_error *err)
{
    struct tenon_platform want;
    struct tenon_desc a = {0}, b = {0};
    tenon_platform_host(&want);
    if (x->platform)
        want = *x->platform;
    else if (a_is_index != b_is_index &&
             platform_of(x, a_is_index ? x->b : x->a, &want, err) < 0)
        return err->code;
    int rc = choose(x, x->a, &want, &a, err);
    if (rc == 0)
        rc = choose(x, x->b, &want, &b, err);
    if (rc == 0)
        rc = compare_images(x, c, &a, &b, err);
    tenon_desc_release(&a);
    tenon_desc_release(&b);
    return rc;
}

static int
fill_tree(const struct tenon_imagediff *x, const struct tenon_place *p, struct tenon_filetree *t,
          struct tenon_error *err)
{
    tree_init(x, t);
    if (p->kind == TENON_PLACE_TREE)
        return tenon_filetree_add_dir(t, p->fd, err);
    if (p->kind == TENON_PLACE_TAR)
        return tenon_filetree_add_tar(t, p->fd, NULL, TENON_FILETREE_ARCHIVE, 0, err);
    struct tenon_platform want;
    struct tenon_desc d = {0};
    auto_image struct image m = {0};
    tenon_platform_host(&want);
    int rc = choose(x, p, x->platform ? x->platform : &want, &d, err);
    if (rc == 0)
        rc = image_open(x, p, &d, &m, err);
    tenon_desc_release(&d);
    return rc ? rc : unpacked(x, &m, t, err);
}

static int
compare_trees(const struct tenon_imagediff *x, struct tenon_comparison *c, struct tenon_error *err)
{
    auto_filetree struct tenon_filetree one = TENON_FILETREE_INIT, other = TENON_FILETREE_INIT;
    if (fill_tree(x, x->a, &one, err) < 0)
        return tenon_error_context(err, "%s", x->a->text);
    if (fill_tree(x, x->b, &other, err) < 0)
        return tenon_error_context(err, "%s", x->b->text);
    tenon_filetree_settle(&one);
    tenon_filetree_settle(&other);
    return tenon_treediff(c, &one, &other, err);
}

int
tenon_imagediff(const struct tenon_imagediff *x, struct tenon_comparison *c,
                struct tenon_error *err)
{
    if (!tenon_place_is_image(x->a) || !tenon_place_is_image(x->b))
        return compare_trees(x, c, err);
    const bool a_is_index = tenon_media_is_index(x->a->top.media_type);
    const bool b_is_index = tenon_media_is_index(x->b->top.media_type);
    if (!strcmp(x->a->top.digest, x->b->top.digest))
        return 0;
    if (a_is_index && b_is_index && !x->platform)
        return compare_indexes(x, c, err);
    return compare_chosen(x, c, a_is_index, b_is_index, err);
}
