/* base/json.c - json-c with limits on the way in, stable text on the way out. */
#include "json.h"

#include <limits.h>
#include <string.h>

#include "tools/jsontext.h"

#define MAX_DEPTH 64

static size_t
count_digits(const char *s, size_t len)
{
    size_t n = 0;
    while (n < len && s[n] >= '0' && s[n] <= '9')
        n++;
    return n;
}

/* What json-c's strict mode lets pass and other readers of the same document
 * refuse: keys in single quotes, NaN and the like, raw control characters in
 * strings, malformed numbers.  Returns the offset, or len. */
static size_t
first_oddity(const char *text, size_t len)
{
    size_t i = 0;
    while (i < len) {
        char c = text[i];
        if (c == '"') {
            for (i++; i < len && text[i] != '"'; i++) {
                if ((unsigned char)text[i] < 0x20)
                    return i;
                if (text[i] == '\\')
                    i++;
            }
            i++;
        } else if (c == 't' || c == 'f' || c == 'n') {
            static const char *const words[] = {"true", "false", "null"};
            size_t n = 0;
            for (size_t w = 0; w < 3 && n == 0; w++) {
                size_t l = strlen(words[w]);
                if (len - i >= l && memcmp(text + i, words[w], l) == 0)
                    n = l;
            }
            if (n == 0)
                return i;
            i += n;
        } else if (c == '-' || (c >= '0' && c <= '9')) {
            size_t start = i;
            i += c == '-';
            size_t digits = count_digits(text + i, len - i);
            if (digits == 0 || (digits > 1 && text[i] == '0'))
                return start;
            i += digits;
            if (i < len && text[i] == '.') {
                i++;
                digits = count_digits(text + i, len - i);
                if (digits == 0)
                    return start;
                i += digits;
            }
            if (i < len && (text[i] == 'e' || text[i] == 'E')) {
                i++;
                if (i < len && (text[i] == '+' || text[i] == '-'))
                    i++;
                digits = count_digits(text + i, len - i);
                if (digits == 0)
                    return start;
                i += digits;
            }
        } else if (c && strchr("{}[]:, \t\r\n", c)) {
            i++;
        } else {
            return i;
        }
    }
    return len;
}

int
tenon_json_parse(const char *text, size_t len, size_t limit,
                 struct json_object **out, struct tenon_error *err)
{
    if (len > limit || len > INT_MAX)
        return tenon_error_set(err, TENON_E_LIMIT,
                               "JSON document of %zu bytes is larger than %zu",
                               len, limit);
    if (!tenon_json_is_modest(text, len))
        return tenon_error_set(err, TENON_E_LIMIT,
                               "JSON document of more than %u objects or %u values",
                               TENON_JSON_OBJECTS_MAX, TENON_JSON_VALUES_MAX);
    size_t odd = first_oddity(text, len);
    if (odd < len)
        return tenon_error_set(err, TENON_E_INVALID,
                               "JSON at byte %zu: unexpected character", odd);
    struct json_tokener *tok = json_tokener_new_ex(MAX_DEPTH);
    if (!tok)
        return tenon_error_set(err, TENON_E_NOMEM, "JSON parser");
    json_tokener_set_flags(tok, JSON_TOKENER_STRICT |
                                    JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *o = json_tokener_parse_ex(tok, text, (int)len);
    enum json_tokener_error why = json_tokener_get_error(tok);
    /* A number or a literal at the very end waits for what follows it. */
    if (why == json_tokener_continue) {
        o = json_tokener_parse_ex(tok, "", 1);
        why = json_tokener_get_error(tok);
        if (why == json_tokener_success) {
            json_tokener_free(tok);
            *out = o;
            return 0;
        }
        json_object_put(o);
        json_tokener_free(tok);
        return tenon_error_set(err, TENON_E_INVALID,
                               "JSON document ends too early");
    }
    size_t end = json_tokener_get_parse_end(tok);
    json_tokener_free(tok);
    if (why != json_tokener_success) {
        json_object_put(o);
        int code = why == json_tokener_error_depth ? TENON_E_LIMIT
                                                   : TENON_E_INVALID;
        return tenon_error_set(err, code, "JSON at byte %zu: %s", end,
                               json_tokener_error_desc(why));
    }
    while (end < len && strchr(" \t\r\n", text[end]) && text[end])
        end++;
    if (end < len) {
        json_object_put(o);
        return tenon_error_set(err, TENON_E_INVALID,
                               "JSON at byte %zu: trailing bytes", end);
    }
    *out = o;
    return 0;
}

/* The member, or NULL when it is missing or null. */
static struct json_object *
member(struct json_object *o, const char *key)
{
    struct json_object *v;
    if (!json_object_is_type(o, json_type_object) ||
        !json_object_object_get_ex(o, key, &v))
        return NULL;
    return v;
}

static int
wrong_type(struct tenon_error *err, const char *key, const char *expected,
           struct json_object *v)
{
    return tenon_error_set(err, TENON_E_INVALID, "\"%s\": expected %s, not %s",
                           key, expected,
                           json_type_to_name(json_object_get_type(v)));
}

int
tenon_json_get_str(struct json_object *o, const char *key, const char *def,
                   const char **out, struct tenon_error *err)
{
    struct json_object *v = member(o, key);
    if (!v) {
        *out = def;
        return 0;
    }
    if (!json_object_is_type(v, json_type_string))
        return wrong_type(err, key, "a string", v);
    const char *s = json_object_get_string(v);
    /* What is cut short here would be something else to another reader. */
    if (strlen(s) != (size_t)json_object_get_string_len(v))
        return tenon_error_set(err, TENON_E_INVALID,
                               "\"%s\": a NUL in the string", key);
    *out = s;
    return 0;
}

int
tenon_json_get_int(struct json_object *o, const char *key, int64_t def,
                   int64_t *out, struct tenon_error *err)
{
    struct json_object *v = member(o, key);
    if (!v) {
        *out = def;
        return 0;
    }
    if (!json_object_is_type(v, json_type_int))
        return wrong_type(err, key, "an integer", v);
    int64_t n = json_object_get_int64(v);
    /* json-c keeps what is above INT64_MAX as unsigned, and saturates. */
    if (n == INT64_MAX && json_object_get_uint64(v) > (uint64_t)INT64_MAX)
        return tenon_error_set(err, TENON_E_LIMIT, "\"%s\": number too large",
                               key);
    *out = n;
    return 0;
}

int
tenon_json_get_bool(struct json_object *o, const char *key, bool def,
                    bool *out, struct tenon_error *err)
{
    struct json_object *v = member(o, key);
    if (!v) {
        *out = def;
        return 0;
    }
    if (!json_object_is_type(v, json_type_boolean))
        return wrong_type(err, key, "a boolean", v);
    *out = json_object_get_boolean(v);
    return 0;
}

int
tenon_json_get_object(struct json_object *o, const char *key,
                      struct json_object **out, struct tenon_error *err)
{
    struct json_object *v = member(o, key);
    if (v && !json_object_is_type(v, json_type_object))
        return wrong_type(err, key, "an object", v);
    *out = v;
    return 0;
}

int
tenon_json_get_array(struct json_object *o, const char *key,
                     struct json_object **out, struct tenon_error *err)
{
    struct json_object *v = member(o, key);
    if (v && !json_object_is_type(v, json_type_array))
        return wrong_type(err, key, "an array", v);
    *out = v;
    return 0;
}
