/* tools/ociindex.c - see ociindex.h. */
#include "tools/ociindex.h"

#include <string.h>

bool
tenon_is_sha256(const char *digest)
{
    return strncmp(digest, "sha256:", 7) == 0 && strlen(digest) == 71 &&
           strspn(digest + 7, "0123456789abcdef") == 64;
}

static const char *
member(struct json_object *o, const char *key)
{
    struct json_object *v = NULL;
    return json_object_is_type(o, json_type_object) && json_object_object_get_ex(o, key, &v) &&
                   json_object_is_type(v, json_type_string)
               ? json_object_get_string(v)
               : NULL;
}

const char *
tenon_oci_ref_name(struct json_object *entry)
{
    struct json_object *notes = NULL;
    if (!json_object_is_type(entry, json_type_object) ||
        !json_object_object_get_ex(entry, "annotations", &notes))
        return NULL;
    return member(notes, TENON_OCI_REF_NAME);
}

bool
tenon_oci_stands_beside(struct json_object *entry)
{
    static const char prefix[] = "sha256-";
    const char *name = tenon_oci_ref_name(entry), *type = member(entry, "artifactType");
    return (type && *type) || (name && strncmp(name, prefix, strlen(prefix)) == 0 &&
                               strspn(name + strlen(prefix), "0123456789abcdef") == 64);
}

/* The whole name that containerd and BuildKit write beside the tag, or its familiar form. */
static bool
is_whole_name(struct json_object *entry, const char *wanted)
{
    static const char *const prefixes[] = { "", "docker.io/", "docker.io/library/" };
    struct json_object *notes = NULL;
    if (!strpbrk(wanted, "/:") || !json_object_is_type(entry, json_type_object) ||
        !json_object_object_get_ex(entry, "annotations", &notes))
        return false;
    const char *name = member(notes, TENON_OCI_WHOLE_NAME);
    for (size_t i = 0; name && i < sizeof prefixes / sizeof *prefixes; i++) {
        const size_t len = strlen(prefixes[i]);
        if (!strncmp(name, prefixes[i], len) && !strcmp(name + len, wanted))
            return true;
    }
    return false;
}

enum tenon_name_fit
tenon_oci_name_fit(const char *name, const char *tag)
{
    const char *colon = name ? strrchr(name, ':') : NULL;
    return !name ? TENON_NAME_OTHER : strcmp(name, tag) == 0 ? TENON_NAME_SAME
           : colon && strcmp(colon + 1, tag) == 0 ? TENON_NAME_ENDS : TENON_NAME_OTHER;
}

const char *
tenon_oci_index_find(struct json_object *index, const char *tag, bool any, bool *is_one)
{
    struct json_object *list = NULL;
    const char *found = NULL;
    enum tenon_name_fit best = TENON_NAME_OTHER;
    if (is_one)
        *is_one = true;
    if (!json_object_is_type(index, json_type_object) ||
        !json_object_object_get_ex(index, "manifests", &list) ||
        !json_object_is_type(list, json_type_array))
        return NULL;
    size_t count = json_object_array_length(list), images = 0;
    for (size_t i = 0; i < count; i++)
        images += !tenon_oci_stands_beside(json_object_array_get_idx(list, i));
    for (size_t i = 0; i < count; i++) {
        struct json_object *entry = json_object_array_get_idx(list, i);
        const char *digest = member(entry, "digest");
        const bool alone = count == 1 || (images == 1 && !tenon_oci_stands_beside(entry));
        const enum tenon_name_fit fit =
            any && alone ? TENON_NAME_SAME : is_whole_name(entry, tag) ? TENON_NAME_SAME :
            tenon_oci_name_fit(tenon_oci_ref_name(entry), tag);
        if (!digest || !tenon_is_sha256(digest) || fit < best || fit == TENON_NAME_OTHER)
            continue;
        const bool is_same = fit == best;
        if (is_one)
            *is_one = !is_same || (*is_one && strcmp(found, digest) == 0);
        if (!is_same)
            found = digest;
        best = fit;
    }
    return found;
}
