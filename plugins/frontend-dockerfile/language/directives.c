/* language/directives.c - "# syntax=", "# escape=" and "# check=" at the top. */
#include "directives.h"

#include <json-c/json.h>
#include <limits.h>
#include <string.h>

#include "language.h"

static const char *const known[] = {"syntax", "escape", "check"};

static bool
regexp_space(char c) /* \s, without what unicode adds */
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

static bool
alnum(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (!first && c >= '0' && c <= '9');
}

enum df_directive_line
df_directive_line(struct df_arena *a, struct df_directive_zone *zone,
                  const char *line, size_t len, int *which, char **value,
                  const char **message)
{
    const char *p = line, *end = line + len;
    size_t prefix = strlen(zone->comment), width;

    if (zone->done)
        return DF_DIRECTIVE_NONE;
    zone->done = true; /* unless it turns out to be one */
    if (len < prefix || memcmp(p, zone->comment, prefix) != 0)
        return DF_DIRECTIVE_NONE;
    p += prefix;
    while (p < end && (width = df_space(p, end)) > 0)
        p += width;

    const char *name = p;
    while (p < end && alnum(*p, p == name))
        p++;
    size_t name_len = (size_t)(p - name);
    while (p < end && regexp_space(*p))
        p++;
    if (name_len == 0 || p == end || *p != '=')
        return DF_DIRECTIVE_NONE;
    p++;
    while (p < end && regexp_space(*p))
        p++;
    while (end > p && regexp_space(end[-1]))
        end--;
    if (p == end) {
        /* A value of blanks only: the expression leaves its last one. */
        if (line[len - 1] == '=')
            return DF_DIRECTIVE_NONE;
        p = line + len - 1;
        end = line + len;
    }
    char *key = df_lower(a, df_arena_strndup(a, name, name_len));
    for (int i = 0; i < 3; i++) {
        if (strcmp(key, known[i]) != 0)
            continue;
        if (zone->seen & 1u << i) {
            *message = df_arena_printf(
                a, "only one %s parser directive can be used", key);
            return DF_DIRECTIVE_BAD;
        }
        zone->seen |= 1u << i;
        zone->done = false;
        *which = i;
        *value = df_arena_strndup(a, p, (size_t)(end - p));
        return DF_DIRECTIVE_ONE;
    }
    return DF_DIRECTIVE_NONE;
}

/* Look through the zone at the top for one directive. */
static bool
find(struct df_arena *a, const char *text, size_t len, size_t first_line,
     const char *comment, const char *key, struct df_directive *out)
{
    struct df_directive_zone zone = {.comment = comment};
    const char *end = text + len;

    for (size_t line = first_line; text < end && !zone.done; line++) {
        const char *nl = memchr(text, '\n', (size_t)(end - text));
        size_t n = (size_t)((nl ? nl : end) - text);
        size_t cut = n > 0 && text[n - 1] == '\r' ? 1 : 0;
        char *value;
        const char *message;
        int which;
        enum df_directive_line got = df_directive_line(
            a, &zone, text, n - cut, &which, &value, &message);
        if (got == DF_DIRECTIVE_BAD)
            return false;
        if (got == DF_DIRECTIVE_ONE && strcmp(known[which], key) == 0) {
            out->cmdline = value;
            out->value = df_arena_strndup(a, value, strcspn(value, " "));
            out->lines = (struct df_lines){line, line};
            return true;
        }
        text += n + (nl ? 1 : 0);
    }
    return false;
}

static void
skip_start(const char **text, size_t *len, size_t *line)
{
    if (*len >= 3 && memcmp(*text, "\xef\xbb\xbf", 3) == 0) {
        *text += 3;
        *len -= 3;
    }
    *line = 1;
    if (*len >= 2 && memcmp(*text, "#!", 2) == 0) {
        const char *nl = memchr(*text, '\n', *len);
        size_t n = nl ? (size_t)(nl - *text) + 1 : *len;
        *text += n;
        *len -= n;
        *line = 2;
    }
}

/* The whole text is a JSON object with the key as a string. */
static bool
find_json(struct df_arena *a, const char *text, size_t len, size_t line,
          const char *key, struct df_directive *out)
{
    const char *p = text, *end = text + len;
    while (p < end && regexp_space(*p))
        p++;
    if (p == end || *p != '{' || len > INT_MAX)
        return false;

    struct json_tokener *tok = json_tokener_new_ex(100);
    if (!tok)
        return false;
    json_tokener_set_flags(tok, JSON_TOKENER_STRICT);
    struct json_object *o =
        json_tokener_parse_ex(tok, p, (int)(end - p)), *v;
    bool whole = o && json_tokener_get_error(tok) == json_tokener_success;
    for (const char *rest = p + json_tokener_get_parse_end(tok);
         whole && rest < end; rest++)
        whole = regexp_space(*rest);
    bool found = whole && json_object_is_type(o, json_type_object) &&
                 json_object_object_get_ex(o, key, &v) &&
                 json_object_is_type(v, json_type_string);
    if (found) {
        out->value = out->cmdline =
            df_arena_strdup(a, json_object_get_string(v));
        out->lines = (struct df_lines){line, line};
    }
    json_object_put(o);
    json_tokener_free(tok);
    return found;
}

bool
df_syntax_detect(struct df_arena *a, const char *text, size_t len,
                 struct df_directive *out)
{
    size_t line;
    skip_start(&text, &len, &line);
    return find(a, text, len, line, "#", "syntax", out) ||
           find(a, text, len, line, "//", "syntax", out) ||
           find_json(a, text, len, line, "syntax", out);
}

bool
df_directive_find(struct df_arena *a, const char *text, size_t len,
                  const char *key, struct df_directive *out)
{
    size_t line;
    skip_start(&text, &len, &line);
    return find(a, text, len, line, "#", key, out);
}
