/* convert/answer.c - what the answers about a build file have in common: their JSON. */
#include "answer.h"
#include "tools/base64.h"

void
df_json_put(struct json_object *o, const char *key, const char *value)
{
    if (value && *value)
        json_object_object_add(o, key, json_object_new_string(value));
}

static struct json_object *
position(size_t line)
{
    struct json_object *o = json_object_new_object();
    json_object_object_add(o, "line", json_object_new_int64((int64_t)line));
    return o;
}

struct json_object *
df_json_location(struct df_lines lines)
{
    if (!lines.first)
        return NULL;
    struct json_object *ranges = json_object_new_array();
    for (size_t line = lines.first; line <= lines.last; line++) { /* one a line, as in BuildKit */
        struct json_object *range = json_object_new_object();
        json_object_object_add(range, "start", position(line));
        json_object_object_add(range, "end", position(line));
        json_object_array_add(ranges, range);
    }
    struct json_object *o = json_object_new_object();
    json_object_object_add(o, "ranges", ranges);
    return o;
}

struct json_object *
df_json_source(const struct df_build *b)
{
    auto_free char *text = tenon_base64(b->text, b->text_len);
    return json_object_new_string(text);
}
