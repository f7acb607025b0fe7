/* places/copyimage.c - see copyimage.h. */
#include "places/copyimage.h"

#include <string.h>
#include <sys/stat.h>
#include <uthash.h>

#include "tools/alloc.h"
#include "image/nondist.h"
#include "places/beside.h"
#include "places/private.h"

#define DEPTH_MAX 8

TENON_DEFINE_AUTO_STRUCT(reference, struct tenon_reference, tenon_reference_release);
#define auto_reference __attribute__((cleanup(tenon_auto_reference)))
TENON_DEFINE_AUTO_STRUCT(desc, struct tenon_desc, tenon_desc_release);
#define auto_desc __attribute__((cleanup(tenon_auto_desc)))

/* ---- documents --------------------------------------------------------------------- */

struct gathered {
    char key[TENON_DIGEST_STR_LEN + 2]; /* the digest, and whether it was taken for an index */
    UT_hash_handle hh;
};

struct gathering {
    const struct tenon_reach *reach;
    const struct tenon_place *p;
    struct gathered *seen; /* indexes may name the same in many ways */
};

static bool
is_new(struct gathering *g, const struct tenon_desc *d)
{
    struct gathered *s = tenon_new0(struct gathered), *there;
    snprintf(s->key, sizeof s->key, "%c%s", tenon_media_is_index(d->media_type) ? 'i' : '-',
             d->digest);
    HASH_FIND_STR(g->seen, s->key, there);
    if (there) {
        free(s);
        return false;
    }
    HASH_ADD_STR(g->seen, key, s);
    return true;
}

/* A manifest that is damaged is noticed where it is used. */
static void
note_urls(const struct gathering *g, const struct tenon_desc *d, const struct tenon_buf *text)
{
    auto_error struct tenon_error none = TENON_ERROR_INIT;
    struct tenon_manifest m = {0};
    if (tenon_manifest_parse(text->data, text->len, d->media_type, &m, &none) == 0)
        tenon_layer_urls_note(g->reach->store, &m, &none);
    tenon_manifest_release(&m);
}

static int
gather(struct gathering *g, const struct tenon_desc *d, unsigned depth, struct tenon_error *err)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    auto_json struct json_object *o = NULL;
    struct json_object *list = NULL;
    struct tenon_digest put;
    if (depth > DEPTH_MAX)
        return tenon_error_set(err, TENON_E_LIMIT, "indexes are nested too deep");
    if (!is_new(g, d))
        return 0;
    if (tenon_place_read(g->reach, g->p, d, &text, err) < 0 ||
        tenon_blob_put(g->reach->store, text.data, text.len, &put, err) < 0)
        return err->code;
    if (!tenon_media_is_index(d->media_type)) {
        note_urls(g, d, &text);
        return 0;
    }
    if (tenon_json_parse(text.data, text.len, TENON_PLACE_DOCUMENT_MAX, &o, err) < 0 ||
        tenon_index_list(o, &list, err) < 0)
        return tenon_error_context(err, "%s", d->digest);
    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        auto_desc struct tenon_desc kid = {0};
        if (tenon_desc_parse(json_object_array_get_idx(list, i), "manifests", &kid, err) < 0 ||
            gather(g, &kid, depth + 1, err) < 0)
            return err->code;
    }
    return 0;
}

int
tenon_place_gather(const struct tenon_reach *reach, const struct tenon_place *p,
                   const struct tenon_desc *top, struct tenon_error *err)
{
    struct gathering g = {.reach = reach, .p = p};
    const int rc = gather(&g, top, 0, err);
    struct gathered *i, *next;
    HASH_ITER(hh, g.seen, i, next) {
        HASH_DEL(g.seen, i);
        free(i);
    }
    return rc < 0 ? tenon_error_context(err, "%s", p->text) : 0;
}

/* ---- to registries ----------------------------------------------------------------- */

static int
open_blob(void *data, const struct tenon_desc *d, int64_t *size, struct tenon_error *err)
{
    const struct tenon_place_copy *x = data;
    struct stat st;
    auto_close int fd = tenon_place_open(x->reach, x->from, d, err);
    if (fd < 0)
        return err->code;
    if (fstat(fd, &st) < 0)
        return tenon_error_sys(err, "stat blob");
    *size = st.st_size;
    return tenon_steal_fd(&fd);
}

/* From the same registry blobs are mounted: they do not pass through here. */
static int
source_of(const struct tenon_place_copy *x, struct tenon_registry_source *out,
          struct tenon_reference *from, struct tenon_error *err)
{
    auto_reference struct tenon_reference to = {0};
    *out = (struct tenon_registry_source){.open = open_blob, .data = (void *)(uintptr_t)x};
    if (x->from->kind != TENON_PLACE_REGISTRY)
        return 0;
    if (tenon_reference_parse(x->from->name, from, err) < 0 ||
        tenon_reference_parse(x->to->name, &to, err) < 0)
        return err->code;
    if (!strcmp(from->domain, to.domain))
        out->mount_from = from->path;
    return 0;
}

/* One document and what is above it, which refers to something that is there. */
static int
send_referrer(const struct tenon_place_copy *x, const struct tenon_registry_source *source,
              const struct tenon_desc *d, struct tenon_error *err)
{
    return tenon_place_gather(x->reach, x->from, d, err) < 0 ||
                   tenon_registry_send(x->reach->registry, &x->reach->call, x->to->name, source,
                                       d->digest, true, err) < 0
               ? err->code : 0;
}

enum { REFERRERS_MAX = 1000 }; /* of all that is copied: each is an image, and somebody else's */

static int
check_count(size_t copied, const char *digest, struct tenon_error *err)
{
    if (copied <= REFERRERS_MAX)
        return 0;
    tenon_error_set(err, TENON_E_LIMIT, "referrers of %s: %zu with those before, more than %d",
                    digest, copied, REFERRERS_MAX);
    return tenon_error_hint(err, "--no-referrers copies the image alone");
}

/* *copied: of the documents before. */
static int
copy_referrers(const struct tenon_place_copy *x, const struct tenon_registry_source *source,
               const char *digest, size_t *copied, struct tenon_error *err)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    auto_json struct json_object *o = NULL;
    struct json_object *list = NULL;
    bool by_tag = false;
    if (tenon_registry_referrers(x->reach->registry, &x->reach->call, x->from->name, digest, false,
                                 &text, &by_tag, err) < 0)
        return err->code;
    if (!text.len)
        return 0;
    if (tenon_json_parse(text.data, text.len, TENON_PLACE_DOCUMENT_MAX, &o, err) < 0 ||
        !json_object_is_type(o, json_type_object) ||
        tenon_json_get_array(o, "manifests", &list, err) < 0)
        return tenon_error_context(err, "referrers of %s", digest);
    const size_t count = list ? json_object_array_length(list) : 0;
    *copied += count;
    if (check_count(*copied, digest, err) < 0)
        return err->code;
    for (size_t i = 0; i < count; i++) {
        auto_desc struct tenon_desc d = {0};
        if (tenon_desc_parse(json_object_array_get_idx(list, i), "manifests", &d, err) < 0 ||
            send_referrer(x, source, &d, err) < 0)
            return tenon_error_context(err, "referrers of %s", digest);
    }
    return count ? tenon_place_list_beside(x->reach, x->to->name, digest, list, err) : 0;
}

struct referring {
    const struct tenon_place_copy *x;
    const struct tenon_registry_source *source;
    size_t copied;
};

static int
visit_document(void *data, const struct tenon_desc *d, struct tenon_error *err)
{
    struct referring *r = data;
    if (!tenon_media_is_index(d->media_type) && !tenon_media_is_manifest(d->media_type))
        return 0;
    return copy_referrers(r->x, r->source, d->digest, &r->copied, err);
}

/* ---- blobs that pass through here -------------------------------------------------- */

struct storing {
    const struct tenon_place_copy *x;
    int64_t size;
};

static int
store_blob(void *data, const struct tenon_desc *d, struct tenon_error *err)
{
    struct storing *s = data;
    const struct tenon_reach *reach = s->x->reach;
    struct tenon_blob_writer *w = NULL;
    struct tenon_digest got;
    s->size += d->size;
    if (tenon_blob_exists(reach->store, d->digest, NULL))
        return 0;
    auto_close int fd = tenon_place_open(reach, s->x->from, d, err); /* a registry's is there now */
    if (fd < 0 || tenon_blob_exists(reach->store, d->digest, NULL))
        return fd < 0 ? err->code : 0;
    if (tenon_blob_writer_new(reach->store, &w, err) < 0)
        return err->code;
    auto_free char *buf = tenon_malloc((size_t)1 << 18);
    for (ssize_t n; (n = read(fd, buf, (size_t)1 << 18)) != 0;) {
        if (n < 0 || tenon_blob_write(w, buf, (size_t)n, err) < 0) {
            if (n < 0)
                tenon_error_sys(err, "read blob %s", d->digest);
            tenon_blob_abort(w);
            return err->code;
        }
    }
    return tenon_blob_commit(w, d->digest, d->size, &got, err);
}

/* ---- what stands beside it --------------------------------------------------------- */

/* All that is of a document into the content store. */
static int
bring(const struct tenon_place_copy *x, const struct tenon_desc *d, struct tenon_error *err)
{
    struct storing s = {.x = x};
    return tenon_place_gather(x->reach, x->from, d, err) < 0 ||
                   tenon_image_walk(x->reach->store, d->digest, store_blob, &s, err) < 0
               ? err->code : 0;
}

struct besides { /* of all documents of an image */
    const struct tenon_place_copy *x;
    enum tenon_besides_of which;
    struct tenon_besides list;
    TENON_VEC(char *) about; /* each: the digest of the document; owned */
};

static void
forget(struct besides *b)
{
    tenon_besides_release(&b->list);
    tenon_vec_foreach(one, &b->about)
        free(*one);
    tenon_vec_release(&b->about);
}
TENON_DEFINE_AUTO_STRUCT(all_besides, struct besides, forget);
#define auto_all_besides __attribute__((cleanup(tenon_auto_all_besides)))

static int
collect(void *data, const struct tenon_desc *d, struct tenon_error *err)
{
    struct besides *b = data;
    auto_besides struct tenon_besides found = {0};
    if (!tenon_media_is_index(d->media_type) && !tenon_media_is_manifest(d->media_type))
        return 0;
    if (tenon_place_besides(b->x->reach, b->x->from, d->digest, b->which, &found, err) < 0)
        return err->code;
    if (check_count(b->list.list.len + found.list.len, d->digest, err) < 0)
        return err->code;
    tenon_vec_foreach(one, &found.list) {
        if (bring(b->x, &one->desc, err) < 0) {
            tenon_error_hint(err, "--no-referrers copies the image alone");
            return tenon_error_context(err, "what is beside %s", d->digest);
        }
        tenon_vec_push(&b->list.list, *one);
        one->desc = (struct tenon_desc){0};
        tenon_vec_push(&b->about, tenon_strdup(d->digest));
    }
    return 0;
}

static int
find_besides(const struct tenon_place_copy *x, const struct tenon_desc *top, struct besides *out,
             struct tenon_error *err)
{
    out->x = x;
    out->which = x->from->kind == TENON_PLACE_REGISTRY && x->to->kind == TENON_PLACE_REGISTRY
                     ? TENON_BESIDES_TAGGED /* what refers to it goes by itself */
                     : TENON_BESIDES_ALL;
    return x->no_referrers ? 0
           : tenon_image_walk(x->reach->store, top->digest, collect, out, err);
}

/* To where each goes by itself. */
static int
put_besides(const struct tenon_place_copy *x, const struct tenon_desc *top, struct tenon_error *err)
{
    auto_all_besides struct besides b = {0};
    if (find_besides(x, top, &b, err) < 0)
        return err->code;
    for (size_t i = 0; i < b.list.list.len; i++)
        if (tenon_place_put_beside(x->reach, x->to, b.about.items[i], &b.list.list.items[i],
                                   err) < 0)
            return err->code;
    return 0;
}

/* ---- to layouts and archives: all of it at once ------------------------------------ */

static int
to_layout(const struct tenon_place_copy *x, const struct tenon_desc *top, const char *name,
          struct tenon_error *err)
{
    static const struct tenon_place content = {.kind = TENON_PLACE_STORE, .fd = -1};
    auto_all_besides struct besides b = {0};
    if (find_besides(x, top, &b, err) < 0)
        return err->code;
    const size_t count = b.list.list.len + 1;
    auto_free struct tenon_layout_entry *entries = tenon_calloc(count, sizeof *entries);
    char **names = NULL;
    entries[0] = (struct tenon_layout_entry){x->from, top, name};
    for (size_t i = 1; i < count; i++) {
        const struct tenon_beside *one = &b.list.list.items[i - 1];
        const char *hex = b.about.items[i - 1] + strlen("sha256:");
        char *tag = tenon_asprintf("sha256-%s%s", hex, TENON_BESIDE_SIGNED);
        tenon_strv_push(&names, tag);
        entries[i] = (struct tenon_layout_entry){&content, &one->desc,
                                                 one->is_tagged ? tag : NULL};
    }
    const struct tenon_layout layout = {.reach = x->reach, .path = x->to->name,
                                        .tar = x->to->kind == TENON_PLACE_ARCHIVE,
                                        .entries = entries, .count = count};
    const int rc = tenon_place_write_layout(&layout, err);
    tenon_strv_free(names);
    return rc;
}

/* ---- to registries, and the store -------------------------------------------------- */

static int
to_registry(const struct tenon_place_copy *x, const struct tenon_desc *top, struct tenon_error *err)
{
    auto_reference struct tenon_reference from = {0};
    struct tenon_registry_source source;
    if (source_of(x, &source, &from, err) < 0 ||
        tenon_registry_send(x->reach->registry, &x->reach->call, x->to->name, &source, top->digest,
                            strchr(x->to->name, '@') != NULL, err) < 0)
        return err->code;
    struct referring r = {x, &source, 0};
    if (!x->no_referrers && x->from->kind == TENON_PLACE_REGISTRY &&
        tenon_image_walk(x->reach->store, top->digest, visit_document, &r, err) < 0)
        return err->code;
    return put_besides(x, top, err);
}

static int
to_store(const struct tenon_place_copy *x, const struct tenon_desc *top, struct tenon_error *err)
{
    struct storing s = {.x = x};
    if (tenon_image_walk(x->reach->store, top->digest, store_blob, &s, err) < 0)
        return err->code;
    return tenon_image_set(x->reach->store, x->to->name, top->digest, top->media_type, s.size,
                           err) < 0 ? err->code : put_besides(x, top, err);
}

/* ---- which ------------------------------------------------------------------------- */

static int
choose(const struct tenon_place_copy *x, struct tenon_desc *out, struct tenon_error *err)
{
    const struct tenon_desc *top = &x->from->top;
    auto_json struct json_object *index = NULL;
    if (x->platform && tenon_media_is_index(top->media_type))
        return tenon_place_json(x->reach, x->from, top, &index, err) < 0
                   ? err->code : tenon_index_choose(index, x->platform, out, err);
    *out = (struct tenon_desc){tenon_strdup(top->media_type), tenon_strdup(top->digest), top->size};
    return 0;
}

/* What an entry of a layout is called that nobody gave a name: as where it came from. */
static char *
entry_name(const struct tenon_place_copy *x)
{
    auto_error struct tenon_error none = TENON_ERROR_INIT;
    auto_reference struct tenon_reference ref = {0};
    if (x->to->tag || x->from->tag)
        return tenon_strdup(x->to->tag ? x->to->tag : x->from->tag);
    if ((x->from->kind == TENON_PLACE_REGISTRY || x->from->kind == TENON_PLACE_STORE) &&
        tenon_reference_parse(x->from->name, &ref, &none) == 0)
        return x->to->kind == TENON_PLACE_ARCHIVE ? tenon_reference_string(&ref)
                                                  : tenon_strdup(ref.tag);
    return NULL;
}

int
tenon_place_copy(const struct tenon_place_copy *x, char **digest, struct tenon_error *err)
{
    auto_desc struct tenon_desc top = {0};
    auto_free char *name = entry_name(x);
    if (!tenon_place_is_image(x->from))
        return tenon_error_set(err, TENON_E_INVALID, "%s is no image, but files", x->from->text);
    if (choose(x, &top, err) < 0)
        return tenon_error_context(err, "%s", x->from->text);
    if (x->to->kind == TENON_PLACE_ARCHIVE && x->to->guessed &&
        !tenon_place_holds_image(x->reach, x->to->name)) {
        tenon_error_set(err, TENON_E_INVALID, "%s is a file that holds no image", x->to->text);
        return tenon_error_hint(err, "oci-archive://%s replaces it", x->to->name);
    }
    int rc = tenon_place_gather(x->reach, x->from, &top, err);
    if (rc < 0)
        return rc;
    switch (x->to->kind) {
    case TENON_PLACE_REGISTRY:
        rc = to_registry(x, &top, err);
        break;
    case TENON_PLACE_STORE:
        rc = to_store(x, &top, err);
        break;
    case TENON_PLACE_LAYOUT:
    case TENON_PLACE_ARCHIVE:
        rc = to_layout(x, &top, name, err);
        break;
    case TENON_PLACE_TREE:
    case TENON_PLACE_TAR:
        tenon_error_set(err, TENON_E_INVALID, "%s: an image is copied to a registry, "
                        "the store, a layout or an archive", x->to->text);
        rc = tenon_error_hint(err, "oci-layout://%s, oci-archive://%s", x->to->name, x->to->name);
        break;
    }
    if (rc == 0)
        *digest = tenon_strdup(top.digest);
    return rc;
}
