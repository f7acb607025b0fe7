/* places/versions.c - see versions.h. */
#include "places/versions.h"

#include <string.h>

#include "tools/alloc.h"

const char *
tenon_annotation(struct json_object *o, const char *key)
{
    struct json_object *notes = NULL, *value = NULL;
    return json_object_is_type(o, json_type_object) &&
                   json_object_object_get_ex(o, "annotations", &notes) &&
                   json_object_is_type(notes, json_type_object) &&
                   json_object_object_get_ex(notes, key, &value) &&
                   json_object_is_type(value, json_type_string)
               ? json_object_get_string(value) : NULL;
}

static const char *
text_of(struct json_object *o, const char *key)
{
    struct json_object *value = NULL;
    return json_object_object_get_ex(o, key, &value) && json_object_is_type(value, json_type_string)
               ? json_object_get_string(value) : "";
}

char *
tenon_platform_said(struct json_object *o)
{
    auto_error struct tenon_error none = TENON_ERROR_INIT;
    struct tenon_platform p;
    char text[200];
    if (!json_object_is_type(o, json_type_object) || !*text_of(o, "os"))
        return NULL;
    const char *variant = text_of(o, "variant");
    auto_free char *said = tenon_asprintf("%s/%s%s%s", text_of(o, "os"), text_of(o, "architecture"),
                                          *variant ? "/" : "", variant);
    if (tenon_platform_parse(said, &p, &none) < 0)
        return tenon_steal(&said); /* unknown/unknown */
    tenon_platform_format(&p, text);
    return tenon_strdup(text);
}

int
tenon_versions_read(struct json_object *index, struct tenon_versions *out, struct tenon_error *err)
{
    struct json_object *list = NULL;
    if (tenon_index_list(index, &list, err) < 0)
        return tenon_error_context(err, "index");
    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        struct json_object *entry = json_object_array_get_idx(list, i), *platform = NULL;
        struct tenon_version *v = tenon_vec_add(&out->list);
        if (!json_object_is_type(entry, json_type_object))
            return tenon_error_set(err, TENON_E_CORRUPT, "index: manifests[%zu] is no object", i);
        if (tenon_desc_parse(entry, "manifests", &v->desc, err) < 0 ||
            tenon_json_get_object(entry, "platform", &platform, err) < 0)
            return tenon_error_context(err, "index");
        v->entry = entry;
        v->platform = tenon_platform_said(platform);
        if (tenon_annotation(entry, TENON_NOTE_REFERENCE_TYPE))
            v->attests = tenon_strdup(tenon_annotation(entry, TENON_NOTE_REFERENCE_DIGEST));
    }
    return 0;
}

void
tenon_versions_release(struct tenon_versions *v)
{
    tenon_vec_foreach(one, &v->list) {
        tenon_desc_release(&one->desc);
        free(one->platform);
        free(one->attests);
    }
    tenon_vec_release(&v->list);
}

const struct tenon_version *
tenon_versions_find(const struct tenon_versions *v, const char *platform)
{
    tenon_vec_foreach(one, &v->list)
        if (!one->attests && tenon_streq(one->platform, platform))
            return one;
    return NULL;
}

const struct tenon_version *
tenon_versions_about(const struct tenon_versions *v, const char *digest)
{
    tenon_vec_foreach(one, &v->list)
        if (one->attests && tenon_streq(one->attests, digest))
            return one;
    return NULL;
}
