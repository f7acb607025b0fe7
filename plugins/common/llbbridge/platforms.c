/* common/llbbridge/platforms.c - the platforms of a result with several references, and their
 * order, which is that of the index: the metadata "refs.platforms" says both. */
#include <json-c/json.h>
#include <string.h>

#include "gateway.h"
#include "llbbridge.h"
#include "tools/alloc.h"
#include "tools/arena.h"
#include "tools/jsontext.h"

static const char *
member(struct json_object *o, const char *key)
{
    struct json_object *value = NULL;

    return json_object_object_get_ex(o, key, &value) &&
                   json_object_is_type(value, json_type_string) ?
               json_object_get_string(value) : "";
}

/* "windows(10.0.17763)/amd64", "linux/arm/v7" */
static const char *
name_of(struct tenon_arena *arena, struct json_object *platform)
{
    const char *version = member(platform, "os.version"), *variant = member(platform, "variant");
    auto_free char *text = tenon_asprintf(
        "%s%s%s%s/%s%s%s", member(platform, "os"), *version ? "(" : "", version,
        *version ? ")" : "", member(platform, "architecture"), *variant ? "/" : "", variant);

    return tenon_arena_strdup(arena, text);
}

/* What is wrong with one, in BuildKit's words; NULL: nothing. */
static const char *
fault_of(struct json_object *o, struct json_object *platform)
{
    if (!*member(o, "ID"))
        return "invalid empty platform key for exporter";
    if (!json_object_is_type(platform, json_type_object) || !*member(platform, "os") ||
        !*member(platform, "architecture"))
        return "invalid platform value for exporter";
    return NULL;
}

/* A platform that was asked for twice is in the list twice, and has one reference. */
static bool
is_there(const struct gateway_platform *items, size_t count, const char *id)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(items[i].id, id) == 0)
            return true;
    return false;
}

static const char *
read_list(struct tenon_arena *arena, struct json_object *list, struct gateway_platforms *out)
{
    const size_t count = json_object_array_length(list);
    struct gateway_platform *items = tenon_arena_array(arena, count + 1, sizeof *items);
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        struct json_object *o = json_object_array_get_idx(list, i), *platform = NULL;
        json_object_object_get_ex(o, "Platform", &platform);
        const char *fault = fault_of(o, platform);
        if (fault)
            return fault;
        if (is_there(items, n, member(o, "ID")))
            continue;
        items[n].id = tenon_arena_strdup(arena, member(o, "ID"));
        items[n++].name = name_of(arena, platform);
    }
    *out = (struct gateway_platforms){items, n};
    return NULL;
}

/* null, too, is a list: an empty one. */
static const char *
read_platforms(struct tenon_arena *arena, const char *text, struct gateway_platforms *out)
{
    struct json_object *root = tenon_json_parse_modest(text), *list = NULL;
    const char *fault;

    if ((!root && *text && strcmp(text, "null") != 0) ||
        (root && !json_object_is_type(root, json_type_object)) ||
        (json_object_object_get_ex(root, "Platforms", &list) && list &&
         !json_object_is_type(list, json_type_array)))
        fault = "refs.platforms is malformed";
    else if (!list || json_object_array_length(list) == 0)
        fault = "invalid empty platforms index for exporter";
    else
        fault = read_list(arena, list, out);
    json_object_put(root);
    return fault;
}

const char *
gateway_platforms(struct tenon_arena *arena, const struct message_list *metadata,
                  struct gateway_platforms *out)
{
    const struct gw_blob *blobs = metadata->items;
    const char *fault = NULL;

    *out = (struct gateway_platforms){0};
    for (size_t i = 0; i < metadata->len && !fault; i++) {
        if (strcmp(blobs[i].key, "refs.platforms") != 0)
            continue;
        auto_free char *text = tenon_strndup(blobs[i].value.data, blobs[i].value.len);
        fault = read_platforms(arena, text, out);
    }
    return fault;
}
