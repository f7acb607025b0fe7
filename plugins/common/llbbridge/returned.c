/* common/llbbridge/returned.c - what the program gives as its result, besides references: of which
 * platform it is, and its metadata, also in the ways of 2018. */
#include <json-c/json.h>
#include <string.h>

#include "gateway.h"
#include "llbbridge.h"
#include "tools/alloc.h"
#include "tools/base64.h"
#include "tools/jsontext.h"

static const char config_key[] = "containerimage.config";

static const struct gw_blob *
find_blob(const struct gw_result *r, const char *key)
{
    const struct gw_blob *blobs = r->metadata.items;

    for (size_t i = 0; i < r->metadata.len; i++) {
        if (strcmp(blobs[i].key, key) == 0)
            return &blobs[i];
    }
    return NULL;
}

static struct json_object *
parse(const struct gw_blob *blob)
{
    auto_free char *text = blob ? tenon_strndup(blob->value.data, blob->value.len) : NULL;

    return text ? tenon_json_parse_modest(text) : NULL;
}

static const char *
member(struct json_object *o, const char *key)
{
    struct json_object *value = NULL;

    return json_object_object_get_ex(o, key, &value) && json_object_is_type(value, json_type_string)
               ? json_object_get_string(value)
               : "";
}

/* "containerimage.config/linux/arm64", and no other of its kind. */
static char *
suffix_platform(const struct gw_result *r)
{
    const struct gw_blob *blobs = r->metadata.items;
    const size_t len = strlen(config_key);
    const char *found = NULL;

    for (size_t i = 0; i < r->metadata.len; i++) {
        if (strncmp(blobs[i].key, config_key, len) != 0 || blobs[i].key[len] != '/')
            continue;
        if (found)
            return NULL;
        found = blobs[i].key + len + 1;
    }
    return found ? tenon_strdup(found) : NULL;
}

/* The one that the image says. */
static char *
image_platform(const struct gw_result *r)
{
    struct json_object *image = parse(find_blob(r, config_key));
    const char *os = member(image, "os"), *arch = member(image, "architecture");
    const char *variant = member(image, "variant");
    char *platform = NULL;

    if (*os && *arch)
        platform = tenon_asprintf("%s/%s%s%s", os, arch, *variant ? "/" : "", variant);

    json_object_put(image);
    return platform;
}

char *
gateway_only_platform(const struct gateway *gw, const struct gw_result *r)
{
    char *platform = suffix_platform(r);

    if (!platform)
        platform = image_platform(r);
    return platform ? platform : tenon_strdup(gw->request->host_platform);
}

/* A result of one platform is of its image's. */
static bool
is_half_named(const struct gw_result *r)
{
    struct json_object *image = parse(find_blob(r, config_key));
    const bool half = !*member(image, "os") != !*member(image, "architecture");

    json_object_put(image);
    return half;
}

int
gateway_take_metadata(struct gateway *gw, const struct gw_result *r, struct tenon_error *err)
{
    const struct gw_blob *blobs = r->metadata.items;

    if (!find_blob(r, "refs.platforms") && is_half_named(r))
        return gw->host->error->set(err, TENON_E_INVALID, 0,
                                    "invalid image config: os and architecture "
                                    "must be specified together");
    for (size_t i = 0; i < r->metadata.len; i++) {
        if (tenon_has_prefix(blobs[i].key, "tenon.")) /* ours */
            continue;
        if (gw->host->result->set(gw->result, blobs[i].key, blobs[i].value.data,
                                  blobs[i].value.len, err) < 0)
            return gw->host->error->code(err);
    }
    return TENON_OK;
}

/* JSON, {KEY: base64}. */
bool
gateway_final_metadata(struct tenon_arena *arena, const struct message_bytes *json,
                       struct message_list *out)
{
    auto_free char *text = tenon_strndup(json->data, json->len);
    struct json_object *all = json->len ? tenon_json_parse_modest(text) : json_object_new_object();
    bool good = json_object_is_type(all, json_type_object);
    const size_t count = good ? (size_t)json_object_object_length(all) : 0;
    struct gw_blob *blobs = tenon_arena_array(arena, count + 1, sizeof *blobs);
    size_t n = 0;

    if (good) {
        json_object_object_foreach(all, key, value) {
            const char *base64 = value ? json_object_get_string(value) : "";
            struct gw_blob *blob = &blobs[n++];
            auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
            good = tenon_base64_decode(base64, strlen(base64), &bytes) && good;
            blob->key = tenon_arena_strdup(arena, key);
            blob->value.data = tenon_arena_dup(arena, tenon_buf_str(&bytes), bytes.len);
            blob->value.len = bytes.len;
        }
    }
    *out = (struct message_list){blobs, n};
    json_object_put(all);
    return good;
}
