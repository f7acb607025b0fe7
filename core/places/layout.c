/* places/layout.c - an image in an OCI layout, read in place (image-spec image-layout.md). */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/root.h"
#include "tools/alloc.h"
#include "tools/ociindex.h"
#include "places/private.h"

static int
open_regular(int dirfd, const char *path, struct tenon_error *err)
{
    struct stat st;
    auto_close int fd = tenon_root_open(dirfd, path, O_RDONLY | O_NONBLOCK, 0, err);
    if (fd < 0)
        return err->code;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return tenon_error_set(err, TENON_E_INVALID, "\"%s\" is not a regular file", path);
    return tenon_steal_fd(&fd);
}

int
tenon_place_open_in_layout(const struct tenon_place *p, const char *digest, struct tenon_error *err)
{
    auto_free char *path = tenon_asprintf("blobs/sha256/%s", digest + strlen("sha256:"));
    return open_regular(p->fd, path, err);
}

const char *
tenon_document_type(struct json_object *document)
{
    struct json_object *said = NULL;
    if (json_object_object_get_ex(document, "mediaType", &said) &&
        json_object_is_type(said, json_type_string))
        return json_object_get_string(said);
    return json_object_object_get_ex(document, "manifests", NULL) ? TENON_MT_OCI_INDEX
                                                                  : TENON_MT_OCI_MANIFEST;
}

static int
no_entry(struct json_object *list, const char *tag, struct tenon_error *err)
{
    auto_buf struct tenon_buf names = TENON_BUF_INIT;
    size_t count = 0;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *entry = json_object_array_get_idx(list, i);
        const char *name = tenon_oci_ref_name(entry);
        if (tenon_oci_stands_beside(entry))
            continue;
        count++;
        if (name)
            tenon_buf_addf(&names, "%s%s", names.len ? ", " : "", name);
    }
    if (tag)
        tenon_error_set(err, TENON_E_NOT_FOUND, "no image with the tag \"%s\"", tag);
    else
        tenon_error_set(err, TENON_E_INVALID, "it has %zu images: which one?", count);
    if (names.len)
        tenon_error_hint(err, "these are there: %s", tenon_buf_str(&names));
    return err->code;
}

int
tenon_place_choose_entry(struct json_object *index, const char *tag, const char *digest,
                         struct tenon_desc *out, struct tenon_error *err)
{
    struct json_object *list = NULL;
    if (!json_object_is_type(index, json_type_object))
        return tenon_error_set(err, TENON_E_CORRUPT, "index.json is not an object");
    if (tenon_json_get_array(index, "manifests", &list, err) < 0)
        return tenon_error_context(err, "index.json");
    if (!list)
        return tenon_error_set(err, TENON_E_CORRUPT, "index.json has no manifests");
    bool is_one = true;
    const char *found = digest ? digest : tenon_oci_index_find(index, tag ? tag : "latest", !tag,
                                                               &is_one);
    if (!is_one) {
        tenon_error_set(err, TENON_E_INVALID, "several images are called \"%s\": which one?",
                        tag ? tag : "latest");
        return tenon_error_hint(err, "by its digest: @%s", found);
    }
    for (size_t i = 0; found && i < json_object_array_length(list); i++) {
        struct json_object *entry = json_object_array_get_idx(list, i);
        const char *has;
        if (!json_object_is_type(entry, json_type_object) ||
            tenon_json_get_str(entry, "digest", "", &has, err) < 0)
            return tenon_error_set(err, TENON_E_CORRUPT, "index.json: manifests[%zu]", i);
        if (!strcmp(has, found))
            return tenon_desc_parse(entry, "manifest", out, err);
    }
    return digest ? tenon_error_set(err, TENON_E_NOT_FOUND, "no image %s in its index.json", digest)
                  : no_entry(list, tag, err);
}

int
tenon_place_find_in_layout(struct tenon_place *p, struct tenon_error *err)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    auto_json struct json_object *index = NULL;
    auto_close int fd = open_regular(p->fd, "index.json", err);
    if (fd < 0 || tenon_read_all(fd, TENON_PLACE_DOCUMENT_MAX, &text, err) < 0 ||
        tenon_json_parse(tenon_buf_str(&text), text.len, TENON_PLACE_DOCUMENT_MAX, &index, err) < 0)
        return tenon_error_context(err, "index.json");
    if (tenon_place_choose_entry(index, p->tag, p->digest, &p->top, err) < 0)
        return err->code;
    p->index = tenon_steal(&index);
    return 0;
}
