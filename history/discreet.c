/* history/discreet.c - options as they may be kept. */
#include "discreet.h"

#include <json-c/json.h>
#include <string.h>

#include "base/json.h"
#include "history.h"
#include "tools/alloc.h"
#include "tools/conceal.h"
#include "tools/jsontext.h"

#define HIDDEN "xxxxx"

/* "cache-imports": [{"Type": ..., "Attrs": {...}}]; the attributes may be keys of a bucket. */
static char *
caches(const char *text)
{
    static const char *const harmless[] = {"ref", "scope", "name", "bucket", "region"};
    auto_json struct json_object *list = tenon_json_parse_modest(text);
    auto_json struct json_object *kept = json_object_new_array();

    for (size_t i = 0; json_object_is_type(list, json_type_array) &&
                       i < json_object_array_length(list); i++) {
        struct json_object *one = json_object_array_get_idx(list, i), *type = NULL, *attrs = NULL;
        struct json_object *o = json_object_new_object(), *few = json_object_new_object();
        json_object_array_add(kept, o);
        json_object_object_add(o, "Type", json_object_object_get_ex(one, "Type", &type)
                                              ? json_object_get(type) : NULL);
        json_object_object_add(o, "Attrs", few);
        json_object_object_get_ex(one, "Attrs", &attrs);
        for (size_t n = 0; n < tenon_countof(harmless); n++) {
            struct json_object *value = NULL;
            if (json_object_object_get_ex(attrs, harmless[n], &value))
                json_object_object_add(few, harmless[n], json_object_get(value));
        }
    }
    return tenon_url_conceal(json_object_to_json_string_ext(kept, JSON_C_TO_STRING_PLAIN));
}

static bool
is_secret(const char *key)
{
    const char *colon = strrchr(key, ':');

    return tenon_is_doubtful_name(colon ? colon + 1 : key);
}

/* As much of it as there is room for; between characters. */
static char *
cut(struct tenon_arena *a, const char *text, size_t *room)
{
    const size_t max = *room < HISTORY_VALUE_MAX ? *room : HISTORY_VALUE_MAX;
    size_t len = strnlen(text, max);

    while (text[len] && len && (text[len] & 0xc0) == 0x80)
        len--;
    *room -= len;
    return tenon_arena_dup(a, text, len);
}

static struct ctl_pair
discreet(struct tenon_arena *a, const char *key, const char *value, size_t *room)
{
    auto_free char *shown = is_secret(key)                  ? tenon_strdup(HIDDEN)
                            : !strcmp(key, "cache-imports") ? caches(value)
                            : tenon_url_maybe(value)        ? tenon_url_conceal(value)
                                                            : tenon_strdup(value);
    const char *kept = cut(a, key, room);
    return (struct ctl_pair){kept, cut(a, shown, room)};
}

struct message_list
discreet_pairs(struct tenon_arena *a, struct message_list pairs)
{
    const struct ctl_pair *from = pairs.items;
    struct ctl_pair *to = tenon_arena_array(a, pairs.len + 1, sizeof *to);
    size_t room = HISTORY_VALUES_MAX, n = 0;

    for (; n < pairs.len && room; n++)
        to[n] = discreet(a, from[n].key, from[n].value ? from[n].value : "", &room);
    return (struct message_list){to, n};
}

struct message_list
discreet_texts(struct tenon_arena *a, const char *const *texts)
{
    const size_t count = texts ? tenon_strv_len((char *const *)(uintptr_t)texts) : 0;
    struct ctl_pair *to = tenon_arena_array(a, count + 1, sizeof *to);
    size_t room = HISTORY_VALUES_MAX, n = 0;

    for (; n < count && room; n++) {
        const char *equals = strchrnul(texts[n], '=');
        auto_free char *key = tenon_strndup(texts[n], (size_t)(equals - texts[n]));
        to[n] = discreet(a, key, *equals ? equals + 1 : "", &room);
    }
    return (struct message_list){to, n};
}
