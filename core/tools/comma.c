/* tools/comma.c - lists in one text, separated by commas. */
#include "tools/comma.h"

#include <string.h>

#include "tools/alloc.h"
#include "tools/buf.h"
#include "tools/vec.h"

typedef TENON_VEC(char *) strings; /* of strings, then NULL */

static void
add(strings *l, char *taken)
{
    if (l->len)
        l->len--;
    tenon_vec_push(l, taken);
    tenon_vec_push(l, NULL);
}

/* The quoted field at *s, which is moved after it; where the text is malformed, or NULL. */
static const char *
quoted_field(const char **s, const char *end, struct tenon_buf *out)
{
    const char *p = *s + 1;

    while (p < end && (*p != '"' || (p + 1 < end && p[1] == '"'))) {
        p += *p == '"';
        tenon_buf_addc(out, *p++);
    }
    if (p == end)
        return p; /* no closing quote */
    *s = p + 1;
    return *s == end || **s == ',' ? NULL : p;
}

/* The same of one without quotes. */
static const char *
plain_field(const char **s, const char *end, struct tenon_buf *out)
{
    const char *comma = memchr(*s, ',', (size_t)(end - *s));
    const char *stop = comma ? comma : end;
    const char *quote = memchr(*s, '"', (size_t)(stop - *s));

    tenon_buf_add(out, *s, (size_t)(stop - *s));
    *s = stop;
    return quote;
}

char **
tenon_comma_fields(const char *text, char **why)
{
    strings fields = {0};
    const char *end = text + strlen(text);

    if (end > text && end[-1] == '\n')
        end -= end - text > 1 && end[-2] == '\r' ? 2 : 1;
    if (text == end) {
        if (why)
            *why = tenon_strdup("EOF");
        return NULL;
    }
    for (const char *s = text;; s++) {
        auto_buf struct tenon_buf field = TENON_BUF_INIT;
        bool quoted = s < end && *s == '"';
        const char *at =
            quoted ? quoted_field(&s, end, &field) : plain_field(&s, end, &field);
        if (at) {
            tenon_strv_free(fields.items);
            if (why)
                *why = tenon_asprintf("parse error on line 1, column %zu: %s",
                                      (size_t)(at - text) + 1,
                                      quoted ? "extraneous or missing \" in quoted-field"
                                             : "bare \" in non-quoted-field");
            return NULL;
        }
        add(&fields, tenon_strdup(tenon_buf_str(&field)));
        if (s == end)
            return fields.items;
    }
}

char **
tenon_comma_split(const char *s)
{
    strings items = {0};

    for (;; s++) {
        size_t len = strcspn(s, ",");
        add(&items, tenon_strndup(s, len));
        s += len;
        if (!*s)
            return items.items;
    }
}

bool
tenon_comma_has(const char *list, const char *item)
{
    size_t n = strlen(item);

    for (;; list++) {
        size_t len = strcspn(list, ",");
        if (len == n && !memcmp(list, item, n))
            return true;
        list += len;
        if (!*list)
            return false;
    }
}
