/* places/beside.c - see beside.h. */
#include "places/beside.h"

#include <string.h>
#include <sys/stat.h>

#include "tools/alloc.h"
#include "tools/jsontext.h"
#include "tools/ociindex.h"
#include "places/copyimage.h"
#include "places/private.h"

TENON_DEFINE_AUTO_STRUCT(reference, struct tenon_reference, tenon_reference_release);
#define auto_reference __attribute__((cleanup(tenon_auto_reference)))

static const struct tenon_place content = {.kind = TENON_PLACE_STORE, .fd = -1};

void
tenon_besides_release(struct tenon_besides *b)
{
    tenon_vec_foreach(one, &b->list)
        tenon_desc_release(&one->desc);
    tenon_vec_release(&b->list);
}

/* "sha256-HEX" and the suffix. */
static char *
tag_of(const char *digest, const char *suffix)
{
    return tenon_asprintf("sha256-%s%s", digest + strlen("sha256:"), suffix);
}

/* The same in the repository of an image. */
static char *
name_of(const char *image, const char *digest, const char *suffix, struct tenon_error *err)
{
    auto_reference struct tenon_reference ref = {0};
    if (tenon_reference_parse(image, &ref, err) < 0)
        return NULL;
    auto_free char *tag = tag_of(digest, suffix);
    return tenon_asprintf("%s/%s:%s", ref.domain, ref.path, tag);
}

static void
add(struct tenon_besides *out, const struct tenon_desc *d, bool is_tagged)
{
    tenon_vec_foreach(one, &out->list)
        if (!strcmp(one->desc.digest, d->digest))
            return;
    struct tenon_beside *x = tenon_vec_add(&out->list);
    x->desc = (struct tenon_desc){tenon_strdup(d->media_type), tenon_strdup(d->digest), d->size};
    x->is_tagged = is_tagged;
}

/* The manifests of a list of what refers to an image. */
static int
add_list(struct tenon_besides *out, struct json_object *index, struct tenon_error *err)
{
    struct json_object *list = NULL;
    if (!json_object_is_type(index, json_type_object))
        return tenon_error_set(err, TENON_E_CORRUPT, "list of referrers is none");
    if (tenon_index_list(index, &list, err) < 0)
        return err->code;
    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        struct tenon_desc d = {0};
        if (tenon_desc_parse(json_object_array_get_idx(list, i), "manifests", &d, err) < 0)
            return err->code;
        if (tenon_media_is_manifest(d.media_type))
            add(out, &d, false);
        tenon_desc_release(&d);
    }
    return 0;
}

/* What has the tag of signatures.  Whatever else is there must not be replaced by some. */
static int
add_tagged(struct tenon_besides *out, const struct tenon_desc *d, const char *called,
           enum tenon_besides_of which, struct tenon_error *err)
{
    if (tenon_media_is_manifest(d->media_type))
        add(out, d, true);
    else if (which == TENON_BESIDES_REPLACED)
        return tenon_error_set(err, TENON_E_UNSUPPORTED, "%s is there, and holds no signatures",
                               called);
    return 0;
}

/* ---- registries -------------------------------------------------------------------- */

static int
of_registry(const struct tenon_reach *reach, const struct tenon_place *p, const char *digest,
            enum tenon_besides_of which, struct tenon_besides *out, struct tenon_error *err)
{
    auto_error struct tenon_error none = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT, manifest = TENON_BUF_INIT;
    auto_json struct json_object *index = NULL;
    auto_free char *tagged = name_of(p->name, digest, TENON_BESIDE_SIGNED, err);
    struct tenon_desc d = {0};
    bool by_tag;
    if (!tagged ||
        (which < TENON_BESIDES_TAGGED &&
         tenon_registry_referrers(reach->registry, &reach->call, p->name, digest,
                                  which == TENON_BESIDES_CURRENT, &text, &by_tag, err) < 0))
        return err->code;
    if (text.len && (tenon_json_parse(text.data, text.len, TENON_PLACE_DOCUMENT_MAX, &index,
                                      err) < 0 || add_list(out, index, err) < 0))
        return tenon_error_context(err, "referrers of %s", digest);
    if (tenon_registry_manifest(reach->registry, &reach->call, tagged, TENON_RESOLVE_PULL, &d,
                                &manifest, &none) < 0)
        return none.code == TENON_E_NOT_FOUND ? 0 : tenon_error_move(err, &none);
    const int rc = add_tagged(out, &d, tagged, which, err);
    tenon_desc_release(&d);
    return rc;
}

static bool
has_digest(struct json_object *list, const char *digest)
{
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *has = NULL, *entry = json_object_array_get_idx(list, i);
        if (json_object_is_type(entry, json_type_object) &&
            json_object_object_get_ex(entry, "digest", &has) &&
            tenon_streq(json_object_get_string(has), digest))
            return true;
    }
    return false;
}

/* The list that is there stays, and what it does not have of ours comes behind it. */
static int
merge(const struct tenon_buf *there, struct json_object *ours, struct tenon_buf *out,
      struct tenon_error *err)
{
    auto_json struct json_object *all = NULL;
    struct json_object *list = NULL;
    if (!there->len) {
        all = json_object_new_object();
        json_object_object_add(all, "schemaVersion", json_object_new_int(2));
        json_object_object_add(all, "mediaType", json_object_new_string(TENON_MT_OCI_INDEX));
        json_object_object_add(all, "manifests", json_object_new_array());
    } else if (tenon_json_parse(there->data, there->len, TENON_PLACE_DOCUMENT_MAX, &all, err) < 0) {
        return tenon_error_context(err, "the list that is there");
    }
    if (!json_object_is_type(all, json_type_object) ||
        tenon_json_get_array(all, "manifests", &list, err) < 0 || !list)
        return tenon_error_set(err, TENON_E_CORRUPT, "the list that is there is none");
    for (size_t i = 0; i < json_object_array_length(ours); i++) {
        struct json_object *entry = json_object_array_get_idx(ours, i), *digest = NULL;
        json_object_object_get_ex(entry, "digest", &digest);
        if (!has_digest(list, json_object_get_string(digest)))
            json_object_array_add(list, json_object_get(entry));
    }
    tenon_json_write(out, all, false);
    return 0;
}

/* The list into the content store: as what, *out. */
static int
keep_list(const struct tenon_reach *reach, const struct tenon_buf *there,
          struct json_object *entries, struct tenon_digest *digest, struct tenon_desc *out,
          struct tenon_error *err)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    if (merge(there, entries, &text, err) < 0 ||
        tenon_blob_put(reach->store, text.data, text.len, digest, err) < 0)
        return err->code;
    *out = (struct tenon_desc){(char *)(uintptr_t)TENON_MT_OCI_INDEX, digest->str,
                               (int64_t)text.len};
    return 0;
}

int
tenon_place_list_beside(const struct tenon_reach *reach, const char *name, const char *digest,
                        struct json_object *entries, struct tenon_error *err)
{
    auto_buf struct tenon_buf there = TENON_BUF_INIT;
    auto_free char *tagged = name_of(name, digest, "", err);
    struct tenon_digest put;
    struct tenon_desc d;
    bool by_tag = false;
    if (!tagged || tenon_registry_referrers(reach->registry, &reach->call, name, digest, true,
                                            &there, &by_tag, err) < 0)
        return err->code;
    if (!by_tag)
        return 0;
    if (keep_list(reach, &there, entries, &put, &d, err) < 0)
        return tenon_error_context(err, "referrers of %s", digest);
    return tenon_registry_tag(reach->registry, &reach->call, tagged, &d, err);
}

static int
open_kept(void *data, const struct tenon_desc *d, int64_t *size, struct tenon_error *err)
{
    const struct tenon_reach *reach = data;
    return tenon_blob_open(reach->store, d->digest, size, err);
}

/* The entry of a list that a manifest is. */
static int
new_entries(const struct tenon_reach *reach, const struct tenon_desc *d, struct json_object **out,
            struct tenon_error *err)
{
    auto_json struct json_object *o = NULL;
    struct json_object *notes = NULL;
    const char *kind = NULL;
    if (tenon_place_json(reach, &content, d, &o, err) < 0 ||
        tenon_json_get_str(o, "artifactType", NULL, &kind, err) < 0 ||
        tenon_json_get_object(o, "annotations", &notes, err) < 0)
        return err->code;
    struct json_object *entry = json_object_new_object(), *list = json_object_new_array();
    json_object_object_add(entry, "mediaType", json_object_new_string(d->media_type));
    json_object_object_add(entry, "digest", json_object_new_string(d->digest));
    json_object_object_add(entry, "size", json_object_new_int64(d->size));
    if (kind)
        json_object_object_add(entry, "artifactType", json_object_new_string(kind));
    if (notes)
        json_object_object_add(entry, "annotations", json_object_get(notes));
    json_object_array_add(list, entry);
    *out = list;
    return 0;
}

static int
to_registry(const struct tenon_reach *reach, const struct tenon_place *p, const char *digest,
            const struct tenon_beside *x, struct tenon_error *err)
{
    const struct tenon_registry_source source = {.open = open_kept,
                                                 .data = (void *)(uintptr_t)reach};
    auto_free char *name = name_of(p->name, digest, x->is_tagged ? TENON_BESIDE_SIGNED : "", err);
    auto_json struct json_object *entries = NULL;
    if (!name || tenon_registry_send(reach->registry, &reach->call, name, &source, x->desc.digest,
                                     !x->is_tagged, err) < 0)
        return err->code;
    if (x->is_tagged)
        return 0;
    return new_entries(reach, &x->desc, &entries, err) < 0
               ? err->code : tenon_place_list_beside(reach, p->name, digest, entries, err);
}

/* ---- the store --------------------------------------------------------------------- */

static int
stored(const struct tenon_reach *reach, const char *name, struct tenon_desc *out,
       struct tenon_error *err)
{
    auto_error struct tenon_error none = TENON_ERROR_INIT;
    struct tenon_image_row row = {0};
    if (tenon_image_get(reach->store, name, &row, &none) < 0)
        return none.code == TENON_E_NOT_FOUND ? 0 : tenon_error_move(err, &none);
    const int rc = tenon_place_top_of_store(reach, row.digest, out, err);
    tenon_image_row_release(&row);
    return rc;
}

static int
of_store(const struct tenon_reach *reach, const struct tenon_place *p, const char *digest,
         enum tenon_besides_of which, struct tenon_besides *out, struct tenon_error *err)
{
    auto_free char *tagged = name_of(p->name, digest, TENON_BESIDE_SIGNED, err);
    auto_free char *listed = tagged ? name_of(p->name, digest, "", err) : NULL;
    auto_json struct json_object *index = NULL;
    struct tenon_desc d = {0}, list = {0};
    int rc = !listed ? err->code : stored(reach, tagged, &d, err);
    if (rc == 0 && d.digest)
        rc = add_tagged(out, &d, tagged, which, err);
    if (rc == 0)
        rc = stored(reach, listed, &list, err);
    if (rc == 0 && list.digest)
        rc = tenon_place_json(reach, p, &list, &index, err) < 0 ? err->code
                                                                : add_list(out, index, err);
    tenon_desc_release(&d);
    tenon_desc_release(&list);
    return rc;
}

static int
to_store(const struct tenon_reach *reach, const struct tenon_place *p, const char *digest,
         const struct tenon_beside *x, struct tenon_error *err)
{
    auto_buf struct tenon_buf there = TENON_BUF_INIT;
    auto_json struct json_object *entries = NULL;
    auto_free char *name = name_of(p->name, digest, x->is_tagged ? TENON_BESIDE_SIGNED : "", err);
    struct tenon_desc old = {0}, list;
    struct tenon_digest put;
    if (!name)
        return err->code;
    if (x->is_tagged)
        return tenon_image_set(reach->store, name, x->desc.digest, x->desc.media_type,
                               x->desc.size, err);
    int rc = stored(reach, name, &old, err);
    if (rc == 0 && old.digest)
        rc = tenon_place_read(reach, p, &old, &there, err);
    tenon_desc_release(&old);
    if (rc < 0 || new_entries(reach, &x->desc, &entries, err) < 0 ||
        keep_list(reach, &there, entries, &put, &list, err) < 0)
        return err->code;
    return tenon_image_set(reach->store, name, list.digest, list.media_type, list.size, err);
}

/* ---- layouts and archives ---------------------------------------------------------- */

/* Does this manifest of the layout have the image for its subject?  What cannot be read is of
 * another image, whose trouble is not ours. */
static bool
refers(const struct tenon_reach *reach, const struct tenon_place *p, const struct tenon_desc *d,
       const char *digest)
{
    auto_error struct tenon_error none = TENON_ERROR_INIT;
    auto_json struct json_object *o = NULL;
    struct json_object *subject = NULL;
    const char *has = NULL;
    return tenon_place_json(reach, p, d, &o, &none) == 0 &&
           tenon_json_get_object(o, "subject", &subject, &none) == 0 && subject &&
           tenon_json_get_str(subject, "digest", NULL, &has, &none) == 0 &&
           tenon_streq(has, digest);
}

static int
of_entry(const struct tenon_reach *reach, const struct tenon_place *p, struct json_object *entry,
         const char *digest, enum tenon_besides_of which, struct tenon_besides *out,
         struct tenon_error *err)
{
    auto_free char *tagged = tag_of(digest, TENON_BESIDE_SIGNED), *listed = tag_of(digest, "");
    auto_json struct json_object *index = NULL;
    const char *name = tenon_oci_ref_name(entry);
    struct tenon_desc d = {0};
    int rc = tenon_desc_parse(entry, "manifests", &d, err);
    if (rc == 0 && tenon_streq(name, listed) && tenon_media_is_index(d.media_type))
        rc = tenon_place_json(reach, p, &d, &index, err) < 0 ? err->code
                                                             : add_list(out, index, err);
    else if (rc == 0 && tenon_streq(name, tagged) && strcmp(d.digest, digest))
        rc = add_tagged(out, &d, tagged, which, err);
    else if (rc == 0 && tenon_media_is_manifest(d.media_type) && strcmp(d.digest, digest) &&
             refers(reach, p, &d, digest))
        add(out, &d, false);
    tenon_desc_release(&d);
    return rc;
}

static int
of_entries(const struct tenon_reach *reach, const struct tenon_place *p, const char *digest,
           enum tenon_besides_of which, struct tenon_besides *out, struct tenon_error *err)
{
    struct json_object *list = NULL;
    if (!p->index) /* `docker save` */
        return 0;
    if (tenon_index_list(p->index, &list, err) < 0)
        return err->code;
    for (size_t i = 0; list && i < json_object_array_length(list); i++)
        if (of_entry(reach, p, json_object_array_get_idx(list, i), digest, which, out, err) < 0)
            return tenon_error_context(err, "index.json");
    return 0;
}

static int
to_entries(const struct tenon_reach *reach, struct tenon_place *p, const char *digest,
           const struct tenon_beside *x, struct tenon_error *err)
{
    auto_free char *tag = tag_of(digest, TENON_BESIDE_SIGNED);
    auto_json struct json_object *index = NULL;
    const struct tenon_layout_entry entry = {&content, &x->desc, x->is_tagged ? tag : NULL};
    const struct tenon_layout layout = {.reach = reach, .path = p->name,
                                        .tar = p->kind == TENON_PLACE_ARCHIVE, .entries = &entry,
                                        .count = 1, .keep = p->index, .index = &index};
    if (!p->index) {
        tenon_error_set(err, TENON_E_UNSUPPORTED, "%s: an archive of `docker save` has no place "
                        "for signatures", p->text);
        return tenon_error_hint(err, "tenon image copy %s oci-archive://FILE", p->text);
    }
    if (tenon_place_write_layout(&layout, err) < 0) {
        json_object_put(tenon_steal(&index));
        return err->code;
    }
    json_object_put(p->index);
    p->index = tenon_steal(&index);
    return 0;
}

/* ---- wherever it is ---------------------------------------------------------------- */

static int
find(const struct tenon_reach *reach, const struct tenon_place *p, const char *digest,
     enum tenon_besides_of which, struct tenon_besides *out, struct tenon_error *err)
{
    switch (p->kind) {
    case TENON_PLACE_REGISTRY:
        return of_registry(reach, p, digest, which, out, err);
    case TENON_PLACE_STORE:
        return of_store(reach, p, digest, which, out, err);
    case TENON_PLACE_LAYOUT:
    case TENON_PLACE_ARCHIVE:
        return of_entries(reach, p, digest, which, out, err);
    case TENON_PLACE_TREE:
    case TENON_PLACE_TAR:
        break;
    }
    return 0;
}

int
tenon_place_besides(const struct tenon_reach *reach, const struct tenon_place *p,
                    const char *digest, enum tenon_besides_of which,
                    struct tenon_besides *out, struct tenon_error *err)
{
    auto_besides struct tenon_besides found = {0};
    if (find(reach, p, digest, which, &found, err) < 0)
        return err->code;
    tenon_vec_foreach(one, &found.list)
        if (one->is_tagged || which < TENON_BESIDES_TAGGED)
            add(out, &one->desc, one->is_tagged);
    return 0;
}

int
tenon_place_put_beside(const struct tenon_reach *reach, struct tenon_place *p,
                       const char *digest, const struct tenon_beside *x, struct tenon_error *err)
{
    switch (p->kind) {
    case TENON_PLACE_REGISTRY:
        return to_registry(reach, p, digest, x, err);
    case TENON_PLACE_STORE:
        return to_store(reach, p, digest, x, err);
    case TENON_PLACE_LAYOUT:
    case TENON_PLACE_ARCHIVE:
        return to_entries(reach, p, digest, x, err);
    case TENON_PLACE_TREE:
    case TENON_PLACE_TAR:
        break;
    }
    return tenon_error_set(err, TENON_E_UNSUPPORTED, "%s is no image, but files", p->text);
}
