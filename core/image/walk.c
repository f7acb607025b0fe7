/* image/walk.c - all blobs of an image, children before parents. */
#include <string.h>
#include <uthash.h>

#include "tools/alloc.h"
#include "image/image.h"

#define DOCUMENT_MAX ((size_t)8 << 20)
#define DEPTH_MAX 8

struct seen {
    char digest[TENON_DIGEST_STR_LEN + 1];
    UT_hash_handle hh;
};

struct walk {
    struct tenon_store *store;
    tenon_image_visit *visit;
    void *data;
    struct seen *seen;   /* by visit */
    struct seen *walked; /* documents; indexes may name each other in many ways */
};

static int walk_document(struct walk *w, const char *digest, const char *media_type,
                         unsigned depth, struct tenon_error *err);

/* Is it the first time? */
static bool
note(struct seen **set, const char *digest)
{
    struct seen *s;
    HASH_FIND_STR(*set, digest, s);
    if (s)
        return false;
    s = tenon_new0(struct seen);
    snprintf(s->digest, sizeof s->digest, "%s", digest);
    HASH_ADD_STR(*set, digest, s);
    return true;
}

static void
forget(struct seen **set)
{
    struct seen *i, *next;
    HASH_ITER(hh, *set, i, next) {
        HASH_DEL(*set, i);
        free(i);
    }
}

static int
visit(struct walk *w, const struct tenon_desc *d, struct tenon_error *err)
{
    return note(&w->seen, d->digest) ? w->visit(w->data, d, err) : 0;
}

/* A blob that an index names itself, as BuildKit writes caches that are no image. */
static int
visit_entry(struct walk *w, struct json_object *entry, struct tenon_error *err)
{
    struct tenon_desc d = {0};
    int rc = tenon_desc_parse(entry, "manifests", &d, err);
    if (rc == 0)
        rc = visit(w, &d, err);
    tenon_desc_release(&d);
    return rc;
}

static int
walk_index(struct walk *w, struct json_object *list, unsigned depth,
           struct tenon_error *err)
{
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *entry = json_object_array_get_idx(list, i);
        const char *digest, *mt;
        if (json_object_get_type(entry) != json_type_object)
            return tenon_error_set(err, TENON_E_CORRUPT,
                                   "manifests[%zu] is not an object", i);
        if (tenon_json_get_str(entry, "digest", "", &digest, err) < 0 ||
            tenon_json_get_str(entry, "mediaType", "", &mt, err) < 0)
            return err->code;
        const bool is_document = !*mt || tenon_media_is_index(mt) || tenon_media_is_manifest(mt);
        int rc = is_document ? walk_document(w, digest, mt, depth + 1, err)
                             : visit_entry(w, entry, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int
walk_manifest(struct walk *w, const struct tenon_buf *text, const char *media_type,
              struct tenon_error *err)
{
    struct tenon_manifest m = {0};
    if (tenon_manifest_parse(text->data, text->len, media_type, &m, err) < 0)
        return err->code;
    int rc = 0;
    for (size_t i = 0; i < m.layer_count && rc == 0; i++)
        rc = visit(w, &m.layers[i], err);
    if (rc == 0)
        rc = visit(w, &m.config, err);
    tenon_manifest_release(&m);
    return rc;
}

static int
walk_document(struct walk *w, const char *digest, const char *media_type,
              unsigned depth, struct tenon_error *err)
{
    struct tenon_digest checked;
    if (!tenon_digest_parse(digest, &checked))
        return tenon_error_set(err, TENON_E_CORRUPT, "invalid digest \"%.100s\"",
                               digest);
    if (depth > DEPTH_MAX)
        return tenon_error_set(err, TENON_E_LIMIT, "indexes are nested too deep");
    if (!note(&w->walked, digest))
        return 0;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    if (tenon_blob_read(w->store, digest, DOCUMENT_MAX, &text, err) < 0)
        return tenon_error_context(err, "image %s", digest);
    auto_json struct json_object *o = NULL;
    struct json_object *list = NULL;
    const char *said;
    if (tenon_json_parse(text.data, text.len, DOCUMENT_MAX, &o, err) < 0 ||
        tenon_json_get_str(o, "mediaType", NULL, &said, err) < 0)
        return tenon_error_context(err, "image %s", digest);
    bool is_index = json_object_object_get_ex(o, "manifests", NULL);
    if (!media_type || !*media_type)
        media_type = said;
    if (!media_type)
        media_type = is_index ? TENON_MT_OCI_INDEX : TENON_MT_OCI_MANIFEST;
    int rc = 0;
    if (is_index) {
        rc = tenon_index_list(o, &list, err);
        if (rc == 0 && list)
            rc = walk_index(w, list, depth, err);
    } else {
        rc = walk_manifest(w, &text, media_type, err);
    }
    if (rc < 0)
        return tenon_error_context(err, "image %s", digest);
    auto_free char *mt = tenon_strdup(media_type);
    auto_free char *own = tenon_strdup(digest);
    struct tenon_desc d = {mt, own, (int64_t)text.len};
    return visit(w, &d, err);
}

int
tenon_image_walk(struct tenon_store *s, const char *digest,
                 tenon_image_visit *visit_fn, void *data, struct tenon_error *err)
{
    struct walk w = {.store = s, .visit = visit_fn, .data = data};
    int rc = walk_document(&w, digest, NULL, 0, err);
    forget(&w.seen);
    forget(&w.walked);
    return rc;
}
