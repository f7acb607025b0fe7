/* tools/jsontext.c - JSON text as Go's encoder writes it. */
#include "tools/jsontext.h"

#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/utf8.h"

void
tenon_json_add_string(struct tenon_buf *b, const char *s, size_t len,
                      bool html)
{
    const unsigned char *p = (const unsigned char *)s;
    size_t start = 0;
    tenon_buf_addc(b, '"');
    for (size_t i = 0; i < len;) {
        unsigned char c = p[i];
        size_t n = 1;
        char room[8];
        const char *text = NULL;

        if (c < 0x80) {
            if (c == '"')
                text = "\\\"";
            else if (c == '\\')
                text = "\\\\";
            else if (c == '\b')
                text = "\\b";
            else if (c == '\f')
                text = "\\f";
            else if (c == '\n')
                text = "\\n";
            else if (c == '\r')
                text = "\\r";
            else if (c == '\t')
                text = "\\t";
            else if (c < 0x20 || (html && (c == '<' || c == '>' || c == '&'))) {
                snprintf(room, sizeof room, "\\u%04x", c);
                text = room;
            }
        } else {
            n = tenon_utf8_len(p + i, len - i);
            if (n == 0) {
                n = 1;
                text = "\\ufffd";
            } else if (n == 3 && c == 0xe2 && p[i + 1] == 0x80 &&
                       (p[i + 2] & 0xfe) == 0xa8) {
                /* U+2028 and U+2029: always, they end a line in JavaScript */
                text = p[i + 2] == 0xa8 ? "\\u2028" : "\\u2029";
            }
        }
        if (text) {
            tenon_buf_add(b, s + start, i - start);
            tenon_buf_adds(b, text);
            start = i + n;
        }
        i += n;
    }
    if (len > start)
        tenon_buf_add(b, s + start, len - start);
    tenon_buf_addc(b, '"');
}

/* Go's floatEncoder: the shortest digits that read back the same, as 'f', or
 * as 'e' below 1e-6 and from 1e21 on. */
static void
add_double(struct tenon_buf *b, double v)
{
    if (!isfinite(v)) {
        tenon_buf_adds(b, "null"); /* Go refuses; JSON has no such number */
        return;
    }
    char room[64];
    int digits;
    for (digits = 1; digits < 17; digits++) {
        snprintf(room, sizeof room, "%.*e", digits - 1, v);
        if (strtod(room, NULL) == v)
            break;
    }
    snprintf(room, sizeof room, "%.*e", digits - 1, v);
    double abs = fabs(v);
    if (abs != 0 && (abs < 1e-6 || abs >= 1e21)) {
        /* e-09 becomes e-9 */
        char *e = strchr(room, 'e');
        if (e && e[2] == '0' && e[3]) {
            e[2] = e[3];
            e[3] = '\0';
        }
        tenon_buf_adds(b, room);
        return;
    }
    /* "%e" rounds where log10() would not: take its exponent */
    const char *e = strchr(room, 'e');
    int exponent = 0;
    for (const char *q = e + 2; *q; q++)
        exponent = exponent * 10 + (*q - '0');
    if (e[1] == '-')
        exponent = -exponent;
    int decimals = digits - 1 - exponent;
    tenon_buf_addf(b, "%.*f", decimals > 0 ? decimals : 0, v);
}

void
tenon_json_write(struct tenon_buf *b, struct json_object *o, bool html)
{
    switch (json_object_get_type(o)) {
    case json_type_null:
        tenon_buf_adds(b, "null");
        return;
    case json_type_boolean:
        tenon_buf_adds(b, json_object_get_boolean(o) ? "true" : "false");
        return;
    case json_type_double:
        add_double(b, json_object_get_double(o));
        return;
    case json_type_int: {
        int64_t n = json_object_get_int64(o);
        if (n == INT64_MAX)
            tenon_buf_addf(b, "%" PRIu64, json_object_get_uint64(o));
        else
            tenon_buf_addf(b, "%" PRId64, n);
        return;
    }
    case json_type_string:
        tenon_json_add_string(b, json_object_get_string(o),
                              (size_t)json_object_get_string_len(o), html);
        return;
    case json_type_array: {
        size_t n = json_object_array_length(o);
        tenon_buf_addc(b, '[');
        for (size_t i = 0; i < n; i++) {
            if (i)
                tenon_buf_addc(b, ',');
            tenon_json_write(b, json_object_array_get_idx(o, i), html);
        }
        tenon_buf_addc(b, ']');
        return;
    }
    case json_type_object: {
        bool first = true;
        tenon_buf_addc(b, '{');
        json_object_object_foreach(o, key, value)
        {
            if (!first)
                tenon_buf_addc(b, ',');
            first = false;
            tenon_json_add_string(b, key, strlen(key), html);
            tenon_buf_addc(b, ':');
            tenon_json_write(b, value, html);
        }
        tenon_buf_addc(b, '}');
        return;
    }
    }
}

void
tenon_json_indent(struct tenon_buf *out, const char *text, size_t len)
{
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (quoted) {
            tenon_buf_addc(out, c);
            if (c == '\\')
                tenon_buf_addc(out, text[++i]);
            else if (c == '"')
                quoted = false;
            continue;
        }
        bool opens = c == '{' || c == '[', closes = c == '}' || c == ']';
        bool empty = opens && (text[i + 1] == '}' || text[i + 1] == ']');
        if (closes)
            tenon_buf_addf(out, "\n%*s", 2 * --depth, "");
        tenon_buf_addc(out, c);
        if (empty) {
            tenon_buf_addc(out, text[++i]);
            continue;
        }
        if (opens)
            depth++;
        if (opens || c == ',')
            tenon_buf_addf(out, "\n%*s", 2 * depth, "");
        else if (c == ':')
            tenon_buf_addc(out, ' ');
        quoted = c == '"';
    }
}

bool
tenon_json_is_modest(const char *text, size_t len)
{
    size_t objects = 0, values = 1;
    for (size_t i = 0; i < len; i++) {
        objects += text[i] == '{';
        values += text[i] == '{' || text[i] == '[' || text[i] == ',';
        if (text[i] != '"')
            continue;
        for (i++; i < len && text[i] != '"'; i++)
            i += text[i] == '\\';
    }
    return objects <= TENON_JSON_OBJECTS_MAX && values <= TENON_JSON_VALUES_MAX;
}

struct json_object *
tenon_json_parse_modest(const char *text)
{
    return tenon_json_is_modest(text, strlen(text)) ? json_tokener_parse(text) : NULL;
}
