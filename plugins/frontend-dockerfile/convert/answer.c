/* convert/answer.c - what the answers about a build file have in common: their JSON. */
#include "answer.h"

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
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    auto_buf struct tenon_buf out = TENON_BUF_INIT;
    const unsigned char *p = (const unsigned char *)b->text;
    for (size_t i = 0; i < b->text_len; i += 3) {
        size_t left = b->text_len - i;
        uint32_t v = (uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
                     (left > 2 ? p[i + 2] : 0);
        tenon_buf_addc(&out, digits[v >> 18]);
        tenon_buf_addc(&out, digits[v >> 12 & 63]);
        tenon_buf_addc(&out, left > 1 ? digits[v >> 6 & 63] : '=');
        tenon_buf_addc(&out, left > 2 ? digits[v & 63] : '=');
    }
    return json_object_new_string(tenon_buf_str(&out));
}
