/* image/nondist.c - see nondist.h. */
#include "image/nondist.h"

#include <string.h>

#include "tools/alloc.h"
#include "tools/jsontext.h"
#include "tools/parse.h"

#define OCI TENON_MT_OCI_LAYER
#define OCI_NONDIST "application/vnd.oci.image.layer.nondistributable.v1.tar"
#define DOCKER TENON_MT_DOCKER_LAYER
#define DOCKER_NONDIST "application/vnd.docker.image.rootfs.foreign.diff.tar"

enum { URLS_MAX = 16, URL_MAX = 4096 };

bool
tenon_media_is_nondist(const char *media_type)
{
    return tenon_has_prefix(media_type, OCI_NONDIST) ||
           tenon_has_prefix(media_type, DOCKER_NONDIST);
}

void
tenon_media_to_nondist(char *media_type, size_t size)
{
    const bool oci = tenon_has_prefix(media_type, OCI);
    if (!oci && !tenon_has_prefix(media_type, DOCKER))
        return;
    const char *suffix = media_type + strlen(oci ? OCI : DOCKER);
    /* Docker has no word for zstd: BuildKit takes OCI's. */
    auto_free char *text = tenon_has_suffix(suffix, ".zstd")
                               ? tenon_strdup(OCI_NONDIST "+zstd")
                               : tenon_asprintf("%s%s", oci ? OCI_NONDIST : DOCKER_NONDIST, suffix);
    snprintf(media_type, size, "%s", text);
}

/* ---- URLs -------------------------------------------------------------------- */

static bool
is_url(const char *text)
{
    if (strlen(text) > URL_MAX ||
        (!tenon_has_prefix(text, "http://") && !tenon_has_prefix(text, "https://")))
        return false;
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7f)
            return false;
    return true;
}

int
tenon_layer_urls_read(struct json_object *layer, char **out, struct tenon_error *err)
{
    struct json_object *list = NULL;
    if (tenon_json_get_array(layer, "urls", &list, err) < 0)
        return err->code;
    auto_json struct json_object *good = json_object_new_array();
    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        struct json_object *one = json_object_array_get_idx(list, i);
        if (!json_object_is_type(one, json_type_string))
            return tenon_error_set(err, TENON_E_CORRUPT, "urls[%zu]: expected string", i);
        if (is_url(json_object_get_string(one)) && json_object_array_length(good) < URLS_MAX)
            json_object_array_add(good, json_object_get(one));
    }
    *out = NULL;
    if (json_object_array_length(good)) {
        struct tenon_buf text = TENON_BUF_INIT;
        tenon_json_write(&text, good, false);
        *out = tenon_buf_steal(&text);
    }
    return 0;
}

static char *
pin_name(const char *digest)
{
    return tenon_asprintf("layer-urls:%s", digest);
}

static char *
ordinary_name(const char *digest)
{
    return tenon_asprintf("layer-ordinary:%s", digest);
}

static int
note(struct tenon_store *s, const char *pin, const char *value, struct tenon_error *err)
{
    auto_free char *known = tenon_pin_get(s, pin);
    return tenon_streq(known, value) ? 0 : tenon_pin_set(s, pin, value, err);
}

int
tenon_layer_urls_note(struct tenon_store *s, const struct tenon_manifest *m,
                      struct tenon_error *err)
{
    for (size_t i = 0; i < m->layer_count; i++) {
        const struct tenon_desc *layer = &m->layers[i];
        const bool is_nondist = tenon_media_is_nondist(layer->media_type);
        if (is_nondist && !m->urls[i])
            continue;
        auto_free char *pin = is_nondist ? pin_name(layer->digest) : ordinary_name(layer->digest);
        if (note(s, pin, is_nondist ? m->urls[i] : "1", err) < 0)
            return err->code;
    }
    return 0;
}

bool
tenon_layer_is_ordinary(struct tenon_store *s, const char *digest)
{
    auto_free char *pin = ordinary_name(digest);
    auto_free char *noted = tenon_pin_get(s, pin);
    return noted != NULL;
}

struct json_object *
tenon_layer_urls(struct tenon_store *s, const char *digest)
{
    auto_error struct tenon_error none = TENON_ERROR_INIT;
    struct json_object *list = NULL;
    auto_free char *pin = pin_name(digest);
    auto_free char *text = tenon_pin_get(s, pin);
    const size_t room = (size_t)URLS_MAX * URL_MAX * 8;
    return text && tenon_json_parse(text, strlen(text), room, &list, &none) == 0 ? list : NULL;
}
