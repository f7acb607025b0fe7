/* places/places.c - see places.h: what a name means, and the way to registries and the store. */
#include "places/places.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "tools/alloc.h"
#include "places/private.h"

TENON_DEFINE_AUTO_STRUCT(reference, struct tenon_reference, tenon_reference_release);
#define auto_reference __attribute__((cleanup(tenon_auto_reference)))

void
tenon_place_release(struct tenon_place *p)
{
    free(p->text);
    free(p->name);
    free(p->tag);
    free(p->digest);
    tenon_desc_release(&p->top);
    json_object_put(p->index);
    if (p->fd >= 0)
        close(p->fd);
    *p = (struct tenon_place)TENON_PLACE_INIT;
}

/* ---- what it is called --------------------------------------------------------------- */

enum naming { NAMES_IMAGE, NAMES_ENTRY, NAMES_FILES };

static const struct scheme {
    const char *prefix;
    enum tenon_place_kind kind;
    enum naming naming;
} schemes[] = {
    {"docker-image://", TENON_PLACE_REGISTRY, NAMES_IMAGE},
    {"docker://", TENON_PLACE_REGISTRY, NAMES_IMAGE},
    {"store://", TENON_PLACE_STORE, NAMES_IMAGE},
    {"oci-layout://", TENON_PLACE_LAYOUT, NAMES_ENTRY},
    {"oci-archive://", TENON_PLACE_ARCHIVE, NAMES_ENTRY},
    {"docker-archive://", TENON_PLACE_ARCHIVE, NAMES_ENTRY},
    {"tree://", TENON_PLACE_TREE, NAMES_FILES},
};

static int
parse_image(const char *name, struct tenon_place *p, struct tenon_error *err)
{
    auto_reference struct tenon_reference ref = {0};
    if (tenon_reference_parse(name, &ref, err) < 0)
        return err->code;
    p->name = tenon_reference_string(&ref);
    return 0;
}

/* PATH[:TAG][@DIGEST]; a tag of `docker save` is a whole name, with slashes, so that the colon is
 * the first one after which there is no such file. */
static int
parse_entry(const char *text, struct tenon_place *p, struct tenon_error *err)
{
    p->name = tenon_strdup(text);
    char *at = strstr(p->name, "@sha256:");
    if (at) {
        struct tenon_digest digest;
        *at++ = '\0';
        if (!tenon_digest_parse(at, &digest))
            return tenon_error_set(err, TENON_E_INVALID, "invalid digest \"%.100s\"", at);
        p->digest = tenon_strdup(at);
    }
    char *colon = NULL;
    for (char *c = strchr(p->name, ':'); c && access(p->name, F_OK) != 0; c = strchr(c + 1, ':')) {
        *c = '\0';
        const bool there = access(p->name, F_OK) == 0;
        if (there || !colon)
            colon = c;
        *c = ':';
        if (there)
            break;
    }
    if (colon) {
        *colon++ = '\0';
        if (!*colon)
            return tenon_error_set(err, TENON_E_INVALID, "\"%s\": no tag after the colon", text);
        p->tag = tenon_strdup(colon);
    }
    return *p->name ? 0 : tenon_error_set(err, TENON_E_INVALID, "\"%s\": no path", text);
}

/* By what it holds. */
static enum tenon_place_kind
kind_of_path(const char *path)
{
    struct stat st;
    auto_free char *layout = tenon_asprintf("%s/oci-layout", path);
    if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
        return TENON_PLACE_ARCHIVE;
    return access(layout, F_OK) == 0 ? TENON_PLACE_LAYOUT : TENON_PLACE_TREE;
}

/* A bare word is one when there is such a file, or with a tag such an image. */
static bool
names_file(const char *text)
{
    if (access(text, F_OK) == 0)
        return true;
    auto_free char *path = tenon_strdup(text);
    char *colon = strchr(path, ':');
    if (colon)
        *colon = '\0';
    return colon && access(path, F_OK) == 0 && kind_of_path(path) != TENON_PLACE_TREE;
}

static bool
says_path(const char *text)
{
    return *text == '/' || !strcmp(text, ".") || !strcmp(text, "..") ||
           tenon_has_prefix(text, "./") || tenon_has_prefix(text, "../");
}

static int
parse(const char *text, bool target, struct tenon_place *p, struct tenon_error *err)
{
    for (size_t i = 0; i < tenon_countof(schemes); i++) {
        const struct scheme *s = &schemes[i];
        if (!tenon_has_prefix(text, s->prefix))
            continue;
        const char *rest = text + strlen(s->prefix);
        p->kind = s->kind;
        if (s->naming == NAMES_IMAGE)
            return parse_image(rest, p, err);
        if (s->naming == NAMES_ENTRY)
            return parse_entry(rest, p, err);
        p->kind = kind_of_path(rest) == TENON_PLACE_ARCHIVE ? TENON_PLACE_TAR : TENON_PLACE_TREE;
        p->name = tenon_strdup(rest);
        return *rest ? 0 : tenon_error_set(err, TENON_E_INVALID, "\"%s\": no path", text);
    }
    const char *colon = strstr(text, "://");
    if (colon) {
        tenon_error_set(err, TENON_E_INVALID, "\"%s\": no such kind of place", text);
        return tenon_error_hint(err, "docker-image://, store://, oci-layout://, oci-archive://, "
                                "docker-archive:// and tree:// are known");
    }
    if (says_path(text) || (!target && names_file(text))) {
        if (parse_entry(text, p, err) < 0)
            return err->code;
        p->guessed = true;
        p->kind = kind_of_path(p->name);
        return 0;
    }
    p->kind = TENON_PLACE_REGISTRY;
    return parse_image(text, p, err);
}

static int
parse_whole(const char *text, bool target, struct tenon_place *out, struct tenon_error *err)
{
    auto_place struct tenon_place p = TENON_PLACE_INIT;
    p.text = tenon_strdup(text);
    if (parse(text, target, &p, err) < 0)
        return err->code;
    *out = p;
    p = (struct tenon_place)TENON_PLACE_INIT;
    return 0;
}

int
tenon_place_parse(const char *text, struct tenon_place *out, struct tenon_error *err)
{
    return parse_whole(text, false, out, err);
}

int
tenon_place_parse_trusted(const char *text, struct tenon_place *out, struct tenon_error *err)
{
    auto_place struct tenon_place p = TENON_PLACE_INIT;
    if (parse_whole(text, false, &p, err) < 0)
        return err->code;
    if (p.guessed && !says_path(text) && strchr(text, '/')) {
        tenon_error_set(err, TENON_E_INVALID, "\"%s\" is a file here, and could be an image's name",
                        text);
        return tenon_error_hint(err, "./%s or docker-image://%s", text, text);
    }
    *out = p;
    p = (struct tenon_place)TENON_PLACE_INIT;
    return 0;
}

int
tenon_place_parse_target(const char *text, struct tenon_place *out, struct tenon_error *err)
{
    return parse_whole(text, true, out, err);
}

/* ---- documents ----------------------------------------------------------------------- */

/* The reference, with the digest of one of its documents. */
static char *
with_digest(const struct tenon_place *p, const char *digest, struct tenon_error *err)
{
    auto_reference struct tenon_reference ref = {0};
    if (tenon_reference_parse(p->name, &ref, err) < 0)
        return NULL;
    return tenon_asprintf("%s/%s@%s", ref.domain, ref.path, digest);
}

int
tenon_place_top_of_store(const struct tenon_reach *reach, const char *digest,
                         struct tenon_desc *out, struct tenon_error *err)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    auto_json struct json_object *o = NULL;
    if (tenon_blob_read(reach->store, digest, TENON_PLACE_DOCUMENT_MAX, &text, err) < 0 ||
        tenon_json_parse(tenon_buf_str(&text), text.len, TENON_PLACE_DOCUMENT_MAX, &o, err) < 0)
        return err->code;
    if (!json_object_is_type(o, json_type_object))
        return tenon_error_set(err, TENON_E_CORRUPT, "manifest is not an object");
    *out = (struct tenon_desc){tenon_strdup(tenon_document_type(o)), tenon_strdup(digest),
                               (int64_t)text.len};
    return 0;
}

/* ---- finding ---------------------------------------------------------------------------- */

static int
find_in_store(const struct tenon_reach *reach, struct tenon_place *p, struct tenon_error *err)
{
    auto_reference struct tenon_reference ref = {0};
    if (tenon_reference_parse(p->name, &ref, err) < 0)
        return err->code;
    if (ref.digest)
        return tenon_place_top_of_store(reach, ref.digest, &p->top, err);
    struct tenon_image_row row = {0};
    if (tenon_image_get(reach->store, p->name, &row, err) < 0)
        return err->code == TENON_E_NOT_FOUND
                   ? tenon_error_hint(err, "`tenon images` lists what is there") : err->code;
    int rc = tenon_place_top_of_store(reach, row.digest, &p->top, err);
    tenon_image_row_release(&row);
    return rc;
}

static int
open_files(struct tenon_place *p, int flags, struct tenon_error *err)
{
    p->fd = open(p->name, O_RDONLY | O_CLOEXEC | flags);
    return p->fd < 0 ? tenon_error_sys(err, "open \"%s\"", p->name) : 0;
}

/* Who leaves the store out may have meant it. */
static int
find_in_registry(const struct tenon_reach *reach, struct tenon_place *p, struct tenon_error *err)
{
    auto_error struct tenon_error none = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    struct tenon_image_row row = {0};
    if (tenon_registry_manifest(reach->registry, &reach->call, p->name,
                                p->itself ? TENON_RESOLVE_PULL : TENON_RESOLVE_DEFAULT, &p->top,
                                &text, err) == 0)
        return 0;
    if (p->itself && !err->hint && tenon_image_get(reach->store, p->name, &row, &none) == 0)
        tenon_error_hint(err, "this store has one by that name: store://%s", p->name);
    tenon_image_row_release(&row);
    return err->code;
}

static int
find(const struct tenon_reach *reach, struct tenon_place *p, struct tenon_error *err)
{
    switch (p->kind) {
    case TENON_PLACE_REGISTRY:
        return find_in_registry(reach, p, err);
    case TENON_PLACE_STORE:
        return find_in_store(reach, p, err);
    case TENON_PLACE_LAYOUT:
        return open_files(p, O_DIRECTORY, err) < 0 ? err->code
                                                   : tenon_place_find_in_layout(p, err);
    case TENON_PLACE_ARCHIVE:
        return open_files(p, 0, err) < 0 ? err->code
                                         : tenon_place_take_archive(reach, p, err);
    case TENON_PLACE_TREE:
        return open_files(p, O_DIRECTORY, err);
    case TENON_PLACE_TAR:
        return open_files(p, 0, err);
    }
    return 0;
}

int
tenon_place_find(const struct tenon_reach *reach, struct tenon_place *p, struct tenon_error *err)
{
    return find(reach, p, err) < 0 ? tenon_error_context(err, "%s", p->text) : 0;
}

/* ---- blobs -------------------------------------------------------------------------------- */

static bool
is_document(const struct tenon_desc *d)
{
    return tenon_media_is_index(d->media_type) || tenon_media_is_manifest(d->media_type);
}

/* Into the content store. */
static int
fetch(const struct tenon_reach *reach, const struct tenon_place *p, const struct tenon_desc *d,
      struct tenon_error *err)
{
    auto_free char *ref = with_digest(p, d->digest, err);
    if (!ref)
        return err->code;
    if (!is_document(d))
        return tenon_registry_blob(reach->registry, &reach->call, ref, d->digest, d->size, err);
    struct tenon_desc got = {0};
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    int rc = tenon_registry_manifest(reach->registry, &reach->call, ref, TENON_RESOLVE_PULL, &got,
                                     &text, err);
    tenon_desc_release(&got);
    return rc;
}

int
tenon_place_open(const struct tenon_reach *reach, const struct tenon_place *p,
                 const struct tenon_desc *d, struct tenon_error *err)
{
    struct tenon_digest checked;
    int64_t size;
    if (!tenon_digest_parse(d->digest, &checked))
        return tenon_error_set(err, TENON_E_INVALID, "invalid digest \"%.100s\"", d->digest);
    if (p->kind == TENON_PLACE_LAYOUT)
        return tenon_place_open_in_layout(p, d->digest, err);
    if (p->kind == TENON_PLACE_REGISTRY && !tenon_blob_exists(reach->store, d->digest, NULL) &&
        fetch(reach, p, d, err) < 0)
        return err->code;
    return tenon_blob_open(reach->store, d->digest, &size, err);
}

int
tenon_place_read(const struct tenon_reach *reach, const struct tenon_place *p,
                 const struct tenon_desc *d, struct tenon_buf *out, struct tenon_error *err)
{
    struct tenon_digest got;
    if (d->size > (int64_t)TENON_PLACE_DOCUMENT_MAX) /* it would be fetched first */
        return tenon_error_set(err, TENON_E_LIMIT, "%s: a document of %lld bytes", d->digest,
                               (long long)d->size);
    auto_close int fd = tenon_place_open(reach, p, d, err);
    if (fd < 0)
        return fd;
    tenon_buf_clear(out);
    if (tenon_read_all(fd, TENON_PLACE_DOCUMENT_MAX, out, err) < 0)
        return tenon_error_context(err, "%s", d->digest);
    tenon_digest_of(tenon_buf_str(out), out->len, &got);
    if (strcmp(got.str, d->digest))
        return tenon_error_set(err, TENON_E_CORRUPT, "%s has the digest %s", d->digest, got.str);
    return 0;
}

int
tenon_place_json(const struct tenon_reach *reach, const struct tenon_place *p,
                 const struct tenon_desc *d, struct json_object **out, struct tenon_error *err)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    auto_json struct json_object *o = NULL;
    if (tenon_place_read(reach, p, d, &text, err) < 0)
        return err->code;
    if (tenon_json_parse(tenon_buf_str(&text), text.len, TENON_PLACE_DOCUMENT_MAX, &o, err) < 0)
        return tenon_error_context(err, "%s", d->digest);
    if (!json_object_is_type(o, json_type_object))
        return tenon_error_set(err, TENON_E_CORRUPT, "%s is not a JSON object", d->digest);
    *out = tenon_steal(&o);
    return 0;
}
