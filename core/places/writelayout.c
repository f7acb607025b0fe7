/* places/writelayout.c - an image as an entry of an OCI layout, in a directory or in a tar; see
 * copyimage.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uthash.h>

#include "base/io.h"
#include "base/root.h"
#include "tools/alloc.h"
#include "tools/jsontext.h"
#include "tools/ociindex.h"
#include "image/tar.h"
#include "places/copyimage.h"

#define CHUNK ((size_t)1 << 18)
#define WHOLE_NAME "io.containerd.image.name"
#define LAYOUT "{\"imageLayoutVersion\":\"1.0.0\"}"

struct written { /* a blob that the tar has */
    char digest[TENON_DIGEST_STR_LEN + 1];
    UT_hash_handle hh;
};

struct writing {
    const struct tenon_layout *x;
    const struct tenon_reach *reach;
    const struct tenon_place *from; /* of what is written now */
    int fd;                         /* the directory, or the tar */
    bool tar;
    struct tenon_tar out;
    struct written *written;
};

/* What is in the content store. */
static const struct tenon_place content = {.kind = TENON_PLACE_STORE, .fd = -1};

/* ---- one file ---------------------------------------------------------------------------- */

static int
put_tar(void *data, const void *buf, size_t len, struct tenon_error *err)
{
    const struct writing *w = data;
    return tenon_write_all(w->fd, buf, len, err);
}

static int
tar_header(struct writing *w, char type, const char *name, uint64_t size, struct tenon_error *err)
{
    const struct tenon_tar_entry e = {.type = type, .name = name, .size = size,
                                      .mode = type == TENON_TAR_DIR ? 0755 : 0644};
    return tenon_tar_header(&w->out, &e, err);
}

static int
put_file(struct writing *w, const char *name, const void *data, size_t len, struct tenon_error *err)
{
    if (!w->tar)
        return tenon_write_file_at(w->fd, name, data, len, 0644, false, err);
    if (tar_header(w, TENON_TAR_FILE, name, len, err) < 0 ||
        tenon_write_all(w->fd, data, len, err) < 0)
        return err->code;
    return tenon_tar_pad(&w->out, len, err);
}

/* size bytes of in, which are what the digest says. */
static int
copy_verified(int in, int out, const struct tenon_desc *d, struct tenon_error *err)
{
    auto_hash struct tenon_hash *hash = tenon_hash_new();
    auto_free char *buf = tenon_malloc(CHUNK);
    struct tenon_digest got;
    int64_t left = d->size;
    for (;;) {
        const int64_t n = tenon_read_full(in, buf, CHUNK, err);
        if (n < 0)
            return tenon_error_context(err, "blob %s", d->digest);
        if (n == 0)
            break;
        left -= n;
        if (left < 0)
            break;
        tenon_hash_update(hash, buf, (size_t)n);
        if (tenon_write_all(out, buf, (size_t)n, err) < 0)
            return err->code;
    }
    tenon_hash_final(hash, &got);
    if (left != 0 || strcmp(got.str, d->digest))
        return tenon_error_set(err, TENON_E_CORRUPT, "blob %s is not what it is called", d->digest);
    return 0;
}

/* Readers see a whole blob or none. */
static int
put_blob_in_dir(struct writing *w, int in, const char *path, const struct tenon_desc *d,
                struct tenon_error *err)
{
    if (faccessat(w->fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
    auto_free char *part = tenon_asprintf("blobs/sha256/.%s.part", d->digest + strlen("sha256:"));
    auto_close int out = openat(w->fd, part, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
                                0644);
    if (out < 0)
        return tenon_error_sys(err, "create \"%s\"", part);
    if (copy_verified(in, out, d, err) == 0 && renameat(w->fd, part, w->fd, path) < 0)
        tenon_error_sys(err, "rename \"%s\"", part);
    if (err->code)
        unlinkat(w->fd, part, 0);
    return err->code;
}

/* Entries have blobs in common, and a file is in a tar once. */
static bool
is_new(struct writing *w, const char *digest)
{
    struct written *s;
    HASH_FIND_STR(w->written, digest, s);
    if (s)
        return false;
    s = tenon_new0(struct written);
    snprintf(s->digest, sizeof s->digest, "%s", digest);
    HASH_ADD_STR(w->written, digest, s);
    return true;
}

static int
put_blob(void *data, const struct tenon_desc *d, struct tenon_error *err)
{
    struct writing *w = data;
    if (w->tar && !is_new(w, d->digest))
        return 0;
    auto_free char *path = tenon_asprintf("blobs/sha256/%s", d->digest + strlen("sha256:"));
    auto_close int in = tenon_place_open(w->reach, w->from, d, err);
    if (in < 0)
        return err->code;
    if (!w->tar)
        return put_blob_in_dir(w, in, path, d, err);
    if (tar_header(w, TENON_TAR_FILE, path, (uint64_t)d->size, err) < 0 ||
        copy_verified(in, w->fd, d, err) < 0)
        return err->code;
    return tenon_tar_pad(&w->out, (uint64_t)d->size, err);
}

/* ---- index.json, manifest.json ------------------------------------------------------------- */

/* What refers to another document is of some kind, and readers look for it here. */
static int
add_kind(const struct writing *w, const struct tenon_desc *top, struct json_object *entry,
         struct tenon_error *err)
{
    auto_json struct json_object *o = NULL;
    struct json_object *config = NULL;
    const char *kind = NULL;
    if (tenon_place_json(w->reach, &content, top, &o, err) < 0)
        return err->code;
    if (!json_object_object_get_ex(o, "subject", NULL))
        return 0;
    if (tenon_json_get_str(o, "artifactType", NULL, &kind, err) < 0 ||
        tenon_json_get_object(o, "config", &config, err) < 0 ||
        (!kind && config && tenon_json_get_str(config, "mediaType", NULL, &kind, err) < 0))
        return tenon_error_context(err, "%s", top->digest);
    if (kind)
        json_object_object_add(entry, "artifactType", json_object_new_string(kind));
    return 0;
}

static int
new_entry(const struct writing *w, const struct tenon_layout_entry *e, struct json_object **out,
          struct tenon_error *err)
{
    auto_json struct json_object *entry = json_object_new_object();
    const char *name = e->name;
    json_object_object_add(entry, "mediaType", json_object_new_string(e->top->media_type));
    json_object_object_add(entry, "digest", json_object_new_string(e->top->digest));
    json_object_object_add(entry, "size", json_object_new_int64(e->top->size));
    if (add_kind(w, e->top, entry, err) < 0)
        return err->code;
    if (name) {
        struct json_object *notes = json_object_new_object();
        const char *colon = strrchr(name, ':');
        if (colon && strchr(name, '/')) { /* a whole name, as exporters of archives write it */
            json_object_object_add(notes, WHOLE_NAME, json_object_new_string(name));
            name = colon + 1;
        }
        json_object_object_add(notes, TENON_OCI_REF_NAME, json_object_new_string(name));
        json_object_object_add(entry, "annotations", notes);
    }
    *out = tenon_steal(&entry);
    return 0;
}

/* The annotation of a whole name: archives of two repositories may have the same tag. */
static const char *
whole_name(struct json_object *entry)
{
    struct json_object *notes = NULL, *name = NULL;
    return json_object_object_get_ex(entry, "annotations", &notes) &&
                   json_object_is_type(notes, json_type_object) &&
                   json_object_object_get_ex(notes, WHOLE_NAME, &name)
               ? json_object_get_string(name) : NULL;
}

/* Does the new entry stand for the old one: by its name, or when that has none, by what it is? */
static bool
replaces(struct json_object *own, struct json_object *old)
{
    struct json_object *a = NULL, *b = NULL;
    if (!json_object_is_type(old, json_type_object))
        return false;
    const char *name = tenon_oci_ref_name(old), *whole = whole_name(old);
    if (!name && !whole)
        return json_object_object_get_ex(own, "digest", &a) &&
               json_object_object_get_ex(old, "digest", &b) &&
               tenon_streq(json_object_get_string(a), json_object_get_string(b));
    if (whole && whole_name(own))
        return !strcmp(whole, whole_name(own));
    return name && tenon_streq(name, tenon_oci_ref_name(own));
}

static bool
is_replaced(struct json_object *own, struct json_object *old)
{
    for (size_t i = 0; i < json_object_array_length(own); i++)
        if (replaces(json_object_array_get_idx(own, i), old))
            return true;
    return false;
}

/* Entries of other names stay. */
static int
add_kept(struct json_object *index, struct json_object *list, struct json_object *own,
         struct tenon_error *err)
{
    struct json_object *old = NULL;
    if (!json_object_is_type(index, json_type_object) ||
        tenon_json_get_array(index, "manifests", &old, err) < 0)
        return tenon_error_set(err, TENON_E_CORRUPT, "index.json is no index");
    for (size_t i = 0; old && i < json_object_array_length(old); i++) {
        struct json_object *entry = json_object_array_get_idx(old, i);
        if (!is_replaced(own, entry))
            json_object_array_add(list, json_object_get(entry));
    }
    return 0;
}

static int
add_others(int dirfd, struct json_object *list, struct json_object *own, struct tenon_error *err)
{
    auto_error struct tenon_error none = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    auto_json struct json_object *index = NULL;
    auto_close int fd = tenon_root_open(dirfd, "index.json", O_RDONLY | O_NONBLOCK, 0, &none);
    if (fd < 0)
        return none.code == TENON_E_NOT_FOUND ? 0 : tenon_error_move(err, &none);
    if (tenon_read_all(fd, TENON_PLACE_DOCUMENT_MAX, &text, err) < 0 ||
        tenon_json_parse(text.data, text.len, TENON_PLACE_DOCUMENT_MAX, &index, err) < 0)
        return tenon_error_context(err, "index.json");
    return add_kept(index, list, own, err);
}

/* *out: the entries of index.json, those that stay first. */
static int
list_entries(struct writing *w, struct json_object **out, struct tenon_error *err)
{
    auto_json struct json_object *list = json_object_new_array(), *owns = json_object_new_array();
    for (size_t i = 0; i < w->x->count; i++) {
        struct json_object *own = NULL;
        if (new_entry(w, &w->x->entries[i], &own, err) < 0)
            return err->code;
        json_object_array_add(owns, own);
    }
    if (!w->tar) /* until the directory is closed; where there are no locks, as well as can be */
        while (flock(w->fd, LOCK_EX) < 0 && errno == EINTR)
            continue;
    int rc = w->tar ? 0 : add_others(w->fd, list, owns, err);
    if (w->tar && w->x->keep)
        rc = add_kept(w->x->keep, list, owns, err);
    for (size_t i = 0; i < json_object_array_length(owns); i++)
        json_object_array_add(list, json_object_get(json_object_array_get_idx(owns, i)));
    if (rc == 0)
        *out = tenon_steal(&list);
    return rc;
}

static int
put_index(struct writing *w, struct json_object *list, struct tenon_error *err)
{
    auto_json struct json_object *index = json_object_new_object();
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    json_object_object_add(index, "schemaVersion", json_object_new_int(2));
    json_object_object_add(index, "mediaType", json_object_new_string(TENON_MT_OCI_INDEX));
    json_object_object_add(index, "manifests", json_object_get(list));
    tenon_json_write(&text, index, false);
    if (put_file(w, "index.json", text.data, text.len, err) < 0)
        return err->code;
    if (w->x->index)
        *w->x->index = tenon_steal(&index);
    return 0;
}

/* What `docker load` reads, of an image for one platform. */
static int
put_docker_manifest(struct writing *w, const struct tenon_desc *top, const char *name,
                    struct tenon_error *err)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    struct tenon_manifest m = {0};
    if (tenon_place_read(w->reach, &content, top, &text, err) < 0 ||
        tenon_manifest_parse(text.data, text.len, top->media_type, &m, err) < 0)
        return err->code;
    auto_json struct json_object *list = json_object_new_array();
    struct json_object *one = json_object_new_object(), *layers = json_object_new_array();
    struct json_object *tags = name && strchr(name, ':') ? json_object_new_array() : NULL;
    auto_free char *config = tenon_asprintf("blobs/sha256/%s", m.config.digest + strlen("sha256:"));
    json_object_object_add(one, "Config", json_object_new_string(config));
    if (tags)
        json_object_array_add(tags, json_object_new_string(name));
    json_object_object_add(one, "RepoTags", tags);
    for (size_t i = 0; i < m.layer_count; i++) {
        auto_free char *layer = tenon_asprintf("blobs/sha256/%s",
                                               m.layers[i].digest + strlen("sha256:"));
        json_object_array_add(layers, json_object_new_string(layer));
    }
    json_object_object_add(one, "Layers", layers);
    json_object_array_add(list, one);
    tenon_manifest_release(&m);
    tenon_buf_clear(&text);
    tenon_json_write(&text, list, false);
    return put_file(w, "manifest.json", text.data, text.len, err);
}

/* The one image that there is, if it is for one platform. */
static int
put_lone_image(struct writing *w, struct json_object *list, struct tenon_error *err)
{
    struct json_object *image = NULL;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *entry = json_object_array_get_idx(list, i);
        if (tenon_oci_stands_beside(entry))
            continue;
        if (image)
            return 0;
        image = entry;
    }
    struct tenon_desc top = {0};
    if (!image)
        return 0;
    if (tenon_desc_parse(image, "manifests", &top, err) < 0)
        return err->code;
    const char *name = whole_name(image) ? whole_name(image) : tenon_oci_ref_name(image);
    int rc = tenon_media_is_index(top.media_type) ? 0 : put_docker_manifest(w, &top, name, err);
    tenon_desc_release(&top);
    return rc;
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* Blobs of what a tar has already, and stays. */
static int
put_kept(struct writing *w, struct json_object *list, struct tenon_error *err)
{
    const size_t kept = json_object_array_length(list) - w->x->count;
    w->from = &content;
    for (size_t i = 0; w->tar && i < kept; i++) {
        const char *digest = NULL;
        struct json_object *entry = json_object_array_get_idx(list, i);
        if (tenon_json_get_str(entry, "digest", "", &digest, err) < 0 ||
            tenon_image_walk(w->reach->store, digest, put_blob, w, err) < 0)
            return err->code;
    }
    return 0;
}

static int
write_all(struct writing *w, struct tenon_error *err)
{
    auto_json struct json_object *list = NULL;
    if (w->tar ? tar_header(w, TENON_TAR_DIR, "blobs/", 0, err) < 0 ||
                     tar_header(w, TENON_TAR_DIR, "blobs/sha256/", 0, err) < 0
               : tenon_mkdir_p(w->fd, "blobs/sha256", 0755, err) < 0)
        return err->code;
    for (size_t i = 0; i < w->x->count; i++) {
        w->from = w->x->entries[i].from;
        if (tenon_image_walk(w->reach->store, w->x->entries[i].top->digest, put_blob, w, err) < 0)
            return err->code;
    }
    if (put_file(w, "oci-layout", LAYOUT, strlen(LAYOUT), err) < 0 ||
        list_entries(w, &list, err) < 0 || put_kept(w, list, err) < 0 ||
        put_index(w, list, err) < 0)
        return err->code;
    if (!w->tar)
        return 0;
    return put_lone_image(w, list, err) < 0 ? err->code : tenon_tar_end(&w->out, err);
}

static int
write_dir(struct writing *w, struct tenon_error *err)
{
    if (tenon_mkdir_p(AT_FDCWD, w->x->path, 0755, err) < 0)
        return err->code;
    auto_close int fd = open(w->x->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return tenon_error_sys(err, "open \"%s\"", w->x->path);
    w->fd = fd;
    return write_all(w, err);
}

/* What is at path stays until the new archive is whole. */
static int
write_tar(struct writing *w, struct tenon_error *err)
{
    auto_free char *part = tenon_asprintf("%s.part", w->x->path);
    auto_close int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return tenon_error_sys(err, "create \"%s\"", part);
    w->fd = fd;
    w->tar = true;
    w->out = (struct tenon_tar){put_tar, w};
    if (write_all(w, err) == 0 && rename(part, w->x->path) < 0)
        tenon_error_sys(err, "rename \"%s\"", part);
    if (err->code)
        unlink(part);
    return err->code;
}

int
tenon_place_write_layout(const struct tenon_layout *x, struct tenon_error *err)
{
    struct writing w = {.x = x, .reach = x->reach};
    const int rc = x->tar ? write_tar(&w, err) : write_dir(&w, err);
    struct written *i, *next;
    HASH_ITER(hh, w.written, i, next) {
        HASH_DEL(w.written, i);
        free(i);
    }
    return rc;
}
