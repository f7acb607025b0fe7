/* places/archive.c - an image in an archive: of an OCI layout, or of `docker save`.  A tar is read
 * from its beginning to its end, so what is in it goes into the content store on the way. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <uthash.h>

#include "tools/alloc.h"
#include "tools/jsontext.h"
#include "tools/ociindex.h"
#include "tools/path.h"
#include "image/layer.h"
#include "image/libarchive.h"
#include "places/private.h"

#define NAME_LIMIT 4096
#define LINKS_MAX 8
#define NESTED_MAX 4 /* indexes in indexes */

TENON_DEFINE_AUTO_STRUCT(desc, struct tenon_desc, tenon_desc_release);
#define auto_desc __attribute__((cleanup(tenon_auto_desc)))

struct member { /* a file of the archive */
    char *path;
    char digest[TENON_DIGEST_STR_LEN + 1]; /* "" for a link */
    int64_t size;
    char *link; /* clean; or NULL */
    UT_hash_handle hh;
};

struct taking {
    const struct tenon_reach *reach;
    struct member *members;
    uint64_t count;
    bool is_image;
};

static char *
clean(const char *name)
{
    auto_free char *rooted = tenon_asprintf("/%s", name);
    return tenon_path_clean(rooted);
}

/* ---- is it one? --------------------------------------------------------------------- */

static int
look(void *data, struct archive *a, struct archive_entry *e, struct tenon_error *err)
{
    struct taking *t = data;
    (void)a, (void)err;
    const char *name = archive_entry_pathname(e);
    if (!name || strlen(name) >= NAME_LIMIT)
        return 0;
    auto_free char *path = clean(name);
    t->is_image = !strcmp(path, "/oci-layout") || !strcmp(path, "/index.json") ||
                  !strcmp(path, "/manifest.json");
    return t->is_image;
}

bool
tenon_place_holds_image(const struct tenon_reach *reach, const char *path)
{
    auto_error struct tenon_error none = TENON_ERROR_INIT;
    struct taking t = {.reach = reach};
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 &&
           tenon_layer_each(fd, NULL, tenon_store_limits(reach->store), look, &t, &none) >= 0 &&
           t.is_image;
}

/* ---- what is in it -------------------------------------------------------------------- */

static int
take_file(struct taking *t, struct member *m, struct archive *a, struct tenon_error *err)
{
    struct tenon_blob_writer *w = NULL;
    if (tenon_blob_writer_new(t->reach->store, &w, err) < 0)
        return err->code;
    const struct tenon_limits *limits = tenon_store_limits(t->reach->store);
    for (;;) {
        const void *block;
        size_t len;
        la_int64_t offset;
        int rc = archive_read_data_block(a, &block, &len, &offset);
        if (rc == ARCHIVE_EOF)
            break;
        if (rc < ARCHIVE_WARN || rc == ARCHIVE_RETRY || (uint64_t)offset != tenon_blob_written(w)) {
            const char *text = archive_error_string(a);
            tenon_blob_abort(w);
            return err->code ? err->code : tenon_error_set(err, TENON_E_CORRUPT, "archive: %s",
                                                           text ? text : "a file with holes");
        }
        if (tenon_blob_written(w) + len > tenon_limit(limits, TENON_LIMIT_DOWNLOAD)) {
            tenon_blob_abort(w);
            return tenon_limit_exceeded(limits, TENON_LIMIT_DOWNLOAD, err,
                                        "archive: \"%s\"", m->path);
        }
        if (tenon_blob_write(w, block, len, err) < 0 ||
            tenon_cancel_check(t->reach->call.cancel, err) < 0) {
            tenon_blob_abort(w);
            return err->code;
        }
    }
    struct tenon_digest digest;
    m->size = (int64_t)tenon_blob_written(w);
    /* A blob of a layout has its digest for a name. */
    static const char blobs[] = "/blobs/sha256/";
    auto_free char *expect = tenon_has_prefix(m->path, blobs)
                                 ? tenon_asprintf("sha256:%s", m->path + strlen(blobs)) : NULL;
    if (tenon_blob_commit(w, expect, -1, &digest, err) < 0)
        return tenon_error_context(err, "archive: \"%s\"", m->path);
    memcpy(m->digest, digest.str, sizeof m->digest);
    return 0;
}

static int
take(void *data, struct archive *a, struct archive_entry *e, struct tenon_error *err)
{
    struct taking *t = data;
    const char *name = archive_entry_pathname(e);
    const struct tenon_limits *limits = tenon_store_limits(t->reach->store);
    if (!name || strlen(name) >= NAME_LIMIT)
        return tenon_error_set(err, TENON_E_CORRUPT, "archive: an entry without a proper name");
    if (++t->count > tenon_limit(limits, TENON_LIMIT_ENTRIES))
        return tenon_limit_exceeded(limits, TENON_LIMIT_ENTRIES, err, "archive: %llu entries",
                                    (unsigned long long)t->count);
    const bool is_link = archive_entry_filetype(e) == S_IFLNK;
    const char *to = is_link ? archive_entry_symlink(e) : archive_entry_hardlink(e);
    if (!to && archive_entry_filetype(e) != S_IFREG)
        return 0;
    auto_free char *path = clean(name);
    struct member *m;
    HASH_FIND_STR(t->members, path, m);
    if (m)
        return tenon_error_set(err, TENON_E_CORRUPT, "archive: \"%s\" is in it twice", path);
    m = tenon_new0(struct member);
    m->path = tenon_steal(&path);
    HASH_ADD_KEYPTR(hh, t->members, m->path, strlen(m->path), m);
    if (!to)
        return take_file(t, m, a, err);
    auto_free char *base = tenon_path_join(m->path, "..");
    m->link = is_link && *to != '/' ? tenon_path_join(base, to) : clean(to);
    return 0;
}

static void
forget(struct taking *t)
{
    struct member *m, *next;
    HASH_ITER(hh, t->members, m, next) {
        HASH_DEL(t->members, m);
        free(m->path);
        free(m->link);
        free(m);
    }
}

/* `docker save` links equal layers to each other. */
static const struct member *
find(const struct taking *t, const char *name, struct tenon_error *err)
{
    auto_free char *path = clean(name);
    struct member *m;
    HASH_FIND_STR(t->members, path, m);
    for (unsigned i = 0; m && m->link && i < LINKS_MAX; i++) {
        const char *link = m->link;
        HASH_FIND_STR(t->members, link, m);
    }
    if (!m || m->link) {
        tenon_error_set(err, TENON_E_CORRUPT, "archive: no file \"%s\"", name);
        return NULL;
    }
    return m;
}

static int
parse(const struct taking *t, const char *name, struct json_object **out, struct tenon_error *err)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    const struct member *m = find(t, name, err);
    if (!m)
        return err->code;
    if (tenon_blob_read(t->reach->store, m->digest, TENON_PLACE_DOCUMENT_MAX, &text, err) < 0 ||
        tenon_json_parse(tenon_buf_str(&text), text.len, TENON_PLACE_DOCUMENT_MAX, out, err) < 0)
        return tenon_error_context(err, "%s", name);
    return 0;
}

/* ---- what `docker save` wrote ------------------------------------------------------------ */

static struct json_object *
descriptor(const char *media_type, const struct member *m)
{
    struct json_object *o = json_object_new_object();
    json_object_object_add(o, "mediaType", json_object_new_string(media_type));
    json_object_object_add(o, "digest", json_object_new_string(m->digest));
    json_object_object_add(o, "size", json_object_new_int64(m->size));
    return o;
}

/* The manifest that it would have in a registry, with its layers as they are. */
static int
make_manifest(const struct taking *t, struct json_object *saved, struct tenon_place *p,
              struct tenon_error *err)
{
    struct json_object *layers = NULL;
    const char *config;
    if (tenon_json_get_str(saved, "Config", NULL, &config, err) < 0 ||
        tenon_json_get_array(saved, "Layers", &layers, err) < 0)
        return tenon_error_context(err, "manifest.json");
    if (!config || !layers)
        return tenon_error_set(err, TENON_E_CORRUPT, "manifest.json: an image without %s",
                               config ? "layers" : "a configuration");
    auto_json struct json_object *o = json_object_new_object();
    struct json_object *list = json_object_new_array();
    const struct member *m = find(t, config, err);
    json_object_object_add(o, "schemaVersion", json_object_new_int(2));
    json_object_object_add(o, "mediaType", json_object_new_string(TENON_MT_DOCKER_MANIFEST));
    if (m)
        json_object_object_add(o, "config", descriptor(TENON_MT_DOCKER_CONFIG, m));
    json_object_object_add(o, "layers", list);
    for (size_t i = 0; m && i < json_object_array_length(layers); i++) {
        struct json_object *name = json_object_array_get_idx(layers, i);
        m = find(t, json_object_is_type(name, json_type_string) ? json_object_get_string(name) : "",
                 err);
        if (m)
            json_object_array_add(list, descriptor(TENON_MT_DOCKER_LAYER, m));
    }
    if (!m)
        return err->code;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    struct tenon_digest digest;
    tenon_json_write(&text, o, false);
    if (tenon_blob_put(t->reach->store, text.data, text.len, &digest, err) < 0)
        return err->code;
    p->top = (struct tenon_desc){tenon_strdup(TENON_MT_DOCKER_MANIFEST), tenon_strdup(digest.str),
                                 (int64_t)text.len};
    return 0;
}

/* How well one of its names fits the one that is asked for. */
static enum tenon_name_fit
fit_of(struct json_object *saved, const char *tag)
{
    struct json_object *names = NULL;
    enum tenon_name_fit best = TENON_NAME_OTHER;
    if (!json_object_object_get_ex(saved, "RepoTags", &names) ||
        !json_object_is_type(names, json_type_array))
        return best;
    for (size_t i = 0; i < json_object_array_length(names); i++) {
        const char *name = json_object_get_string(json_object_array_get_idx(names, i));
        const enum tenon_name_fit fit = tenon_oci_name_fit(name, tag);
        best = fit > best ? fit : best;
    }
    return best;
}

static int
choose_saved(const struct taking *t, struct tenon_place *p, struct tenon_error *err)
{
    auto_json struct json_object *list = NULL;
    if (parse(t, "manifest.json", &list, err) < 0)
        return err->code;
    const size_t count = json_object_is_type(list, json_type_array)
                             ? json_object_array_length(list) : 0;
    struct json_object *found = NULL;
    enum tenon_name_fit best = TENON_NAME_OTHER;
    bool is_one = true;
    for (size_t i = 0; i < count; i++) {
        struct json_object *saved = json_object_array_get_idx(list, i);
        if (!json_object_is_type(saved, json_type_object))
            continue;
        const enum tenon_name_fit fit = p->tag ? fit_of(saved, p->tag)
                                               : count == 1 ? TENON_NAME_SAME : TENON_NAME_OTHER;
        if (fit == TENON_NAME_OTHER || fit < best)
            continue;
        is_one = fit > best;
        found = is_one ? saved : found;
        best = fit;
    }
    if (!is_one)
        return tenon_error_set(err, TENON_E_INVALID, "several images are called \"%s\"", p->tag);
    if (!found)
        return p->tag ? tenon_error_set(err, TENON_E_NOT_FOUND, "no image called \"%s\"", p->tag)
                      : tenon_error_set(err, TENON_E_INVALID, "it has %zu images: which one?",
                                        count);
    return make_manifest(t, found, p, err);
}

/* ---- both in one ------------------------------------------------------------------------- */

/* Are these the blobs of an image of the store? */
static bool
is_of(const struct taking *t, struct json_object *saved, struct json_object *manifest)
{
    auto_error struct tenon_error none = TENON_ERROR_INIT;
    struct json_object *config = NULL, *layers = NULL, *files = NULL;
    const char *file = NULL, *digest = NULL;
    json_object_object_foreach(saved, key, value) { /* Go's readers take any case */
        (void)value;
        if ((!strcasecmp(key, "Config") && strcmp(key, "Config")) ||
            (!strcasecmp(key, "Layers") && strcmp(key, "Layers")))
            return false;
    }
    if (tenon_json_get_object(manifest, "config", &config, &none) < 0 || !config ||
        tenon_json_get_array(manifest, "layers", &layers, &none) < 0 || !layers ||
        tenon_json_get_str(config, "digest", NULL, &digest, &none) < 0 ||
        tenon_json_get_str(saved, "Config", "", &file, &none) < 0 ||
        tenon_json_get_array(saved, "Layers", &files, &none) < 0 || !files ||
        json_object_array_length(files) != json_object_array_length(layers))
        return false;
    const struct member *m = find(t, file, &none);
    if (!m || !tenon_streq(digest, m->digest))
        return false;
    for (size_t i = 0; i < json_object_array_length(files); i++) {
        struct json_object *name = json_object_array_get_idx(files, i),
                           *layer = json_object_array_get_idx(layers, i);
        m = find(t, json_object_is_type(name, json_type_string) ? json_object_get_string(name) : "",
                 &none);
        if (!m || !json_object_is_type(layer, json_type_object) ||
            tenon_json_get_str(layer, "digest", NULL, &digest, &none) < 0 ||
            !tenon_streq(digest, m->digest))
            return false;
    }
    return true;
}

/* Is what `docker load` would take the image that was chosen, or one of its platforms'? */
static bool
is_in(const struct taking *t, struct json_object *saved, const char *digest, unsigned depth)
{
    auto_error struct tenon_error none = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    auto_json struct json_object *o = NULL;
    struct json_object *list = NULL;
    if (depth > NESTED_MAX || !json_object_is_type(saved, json_type_object) ||
        tenon_blob_read(t->reach->store, digest, TENON_PLACE_DOCUMENT_MAX, &text, &none) < 0 ||
        tenon_json_parse(tenon_buf_str(&text), text.len, TENON_PLACE_DOCUMENT_MAX, &o, &none) < 0 ||
        !json_object_is_type(o, json_type_object))
        return false;
    if (!tenon_media_is_index(tenon_document_type(o)))
        return is_of(t, saved, o);
    if (tenon_index_list(o, &list, &none) < 0)
        return false;
    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        auto_desc struct tenon_desc d = {0};
        if (tenon_desc_parse(json_object_array_get_idx(list, i), "manifests", &d, &none) == 0 &&
            is_in(t, saved, d.digest, depth + 1))
            return true;
        tenon_error_release(&none);
    }
    return false;
}

static int
compare(const struct taking *t, struct tenon_place *p, struct tenon_error *err)
{
    auto_json struct json_object *list = NULL;
    struct member *m;
    HASH_FIND(hh, t->members, "/manifest.json", strlen("/manifest.json"), m);
    if (!m)
        return 0;
    if (parse(t, "manifest.json", &list, err) < 0)
        return err->code;
    p->loads_others = !json_object_is_type(list, json_type_array);
    for (size_t i = 0; !p->loads_others && i < json_object_array_length(list); i++)
        p->loads_others = !is_in(t, json_object_array_get_idx(list, i), p->top.digest, 0);
    return 0;
}

int
tenon_place_check_loads(const struct tenon_place *p, struct tenon_error *err)
{
    if (!p->loads_others)
        return 0;
    tenon_error_set(err, TENON_E_DENIED, "`docker load` would take something else of it than %s",
                    p->top.digest);
    return tenon_error_hint(err, "`tenon image copy` makes an archive of one image");
}

static int
choose_any(const struct taking *t, struct tenon_place *p, struct tenon_error *err)
{
    auto_json struct json_object *index = NULL;
    struct member *m;
    HASH_FIND(hh, t->members, "/index.json", strlen("/index.json"), m);
    if (!m)
        return choose_saved(t, p, err);
    if (parse(t, "index.json", &index, err) < 0 ||
        tenon_place_choose_entry(index, p->tag, p->digest, &p->top, err) < 0)
        return err->code;
    p->index = tenon_steal(&index);
    return 0;
}

static int
choose(const struct taking *t, struct tenon_place *p, struct tenon_error *err)
{
    return choose_any(t, p, err) < 0 || compare(t, p, err) < 0 ? err->code : 0;
}

int
tenon_place_take_archive(const struct tenon_reach *reach, struct tenon_place *p,
                         struct tenon_error *err)
{
    struct taking t = {.reach = reach};
    const struct tenon_limits *limits = tenon_store_limits(reach->store);
    if (tenon_layer_each(p->fd, NULL, limits, look, &t, err) < 0)
        return err->code;
    if (lseek(p->fd, 0, SEEK_SET) < 0)
        return tenon_error_sys(err, "seek");
    if (!t.is_image) {
        p->kind = TENON_PLACE_TAR;
        return 0;
    }
    int rc = tenon_layer_each(p->fd, NULL, limits, take, &t, err);
    if (rc == 0)
        rc = choose(&t, p, err);
    forget(&t);
    return rc;
}
