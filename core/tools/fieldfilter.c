/* tools/fieldfilter.c - containerd's filters. */
#include "tools/fieldfilter.h"

#include <stdlib.h>
#include <string.h>

#include "tools/alloc.h"
#include "tools/ascii.h"
#include "tools/buf.h"
#include "tools/goregexp.h"
#include "tools/vec.h"

enum how { PRESENT, EQUAL, OTHER, MATCHES };

struct selector {
    char **path;
    enum how how;
    char *value;
    struct tenon_goregexp *re;
};

struct all { /* one filter */
    TENON_VEC(struct selector) selectors;
};

struct tenon_field_filter {
    TENON_VEC(struct all) any;
};

void
tenon_field_filter_free(struct tenon_field_filter *f)
{
    if (!f)
        return;
    tenon_vec_foreach(all, &f->any) {
        tenon_vec_foreach(s, &all->selectors) {
            tenon_strv_free(s->path);
            free(s->value);
            tenon_goregexp_free(s->re);
        }
        tenon_vec_release(&all->selectors);
    }
    tenon_vec_release(&f->any);
    free(f);
}

/* ---- reading ------------------------------------------------------------- */

struct reader {
    const char *text, *at;
    char *why; /* NULL: fine so far */
};

static bool
fail(struct reader *r, const char *what)
{
    if (!r->why)
        r->why = tenon_asprintf("filter \"%s\", byte %zu: %s", r->text,
                                (size_t)(r->at - r->text) + 1, what);
    return false;
}

static void
skip_blanks(struct reader *r)
{
    while (*r->at == ' ' || (*r->at >= '\t' && *r->at <= '\r'))
        r->at++;
}

static bool
is_field_byte(char c)
{
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_quote(char c, bool expression)
{
    return c == '"' || (expression && (c == '/' || c == '|'));
}

/* What stands after a backslash. */
static bool
add_escaped(struct reader *r, char quote, struct tenon_buf *out)
{
    static const char letters[] = "abfnrtv", bytes[] = "\a\b\f\n\r\t\v";
    const char c = *r->at, *letter = c ? strchr(letters, c) : NULL;

    if (letter)
        tenon_buf_addc(out, bytes[letter - letters]);
    else if (c == '\\' || c == quote)
        tenon_buf_addc(out, c);
    else if (c && quote != '"') { /* of an expression's, which has escapes of its own */
        tenon_buf_addc(out, '\\');
        tenon_buf_addc(out, c);
    } else
        return fail(r, "an escape that is none");
    r->at++;
    return true;
}

static char *
read_quoted(struct reader *r)
{
    auto_buf struct tenon_buf out = TENON_BUF_INIT;
    const char quote = *r->at++;

    while (*r->at && *r->at != quote) {
        if (*r->at != '\\')
            tenon_buf_addc(&out, *r->at++);
        else if (r->at++, !add_escaped(r, quote, &out))
            return NULL;
    }
    if (!*r->at) {
        fail(r, "a quote is not closed");
        return NULL;
    }
    r->at++;
    tenon_buf_str(&out);
    return tenon_buf_steal(&out);
}

static char *
read_field(struct reader *r)
{
    skip_blanks(r);
    if (is_quote(*r->at, false))
        return read_quoted(r);
    const char *begin = r->at;
    while (is_field_byte(*r->at))
        r->at++;
    if (r->at > begin)
        return tenon_strndup(begin, (size_t)(r->at - begin));
    fail(r, "expected a field");
    return NULL;
}

static bool
read_path(struct reader *r, struct selector *s)
{
    do {
        char *field = read_field(r);
        if (!field)
            return false;
        tenon_strv_push(&s->path, field);
    } while (*r->at == '.' && r->at++);
    return true;
}

static bool
read_operator(struct reader *r, enum how *how)
{
    static const char *const operators[] = {[EQUAL] = "==", [OTHER] = "!=", [MATCHES] = "~="};
    const size_t len = strspn(r->at, "=!~");

    for (*how = EQUAL; *how <= MATCHES; (*how)++)
        if (len == 2 && !strncmp(r->at, operators[*how], len)) {
            r->at += len;
            return true;
        }
    return fail(r, "expected ==, != or ~=");
}

static bool
read_value(struct reader *r, struct selector *s)
{
    skip_blanks(r);
    if (is_quote(*r->at, s->how == MATCHES)) {
        s->value = read_quoted(r);
    } else {
        const size_t len = *r->at && strchr(",.=!~/|", *r->at) ? 0 : strcspn(r->at, ", \t\n\v\f\r");
        if (!len)
            return fail(r, "expected a value");
        s->value = tenon_strndup(r->at, len);
        r->at += len;
    }
    const char *why = NULL;
    if (s->value && s->how == MATCHES && !(s->re = tenon_goregexp_compile(s->value, &why)))
        return fail(r, why);
    return s->value != NULL;
}

static bool
read_selector(struct reader *r, struct selector *s)
{
    if (!read_path(r, s))
        return false;
    skip_blanks(r);
    if (!*r->at || *r->at == ',')
        return true; /* PRESENT */
    return read_operator(r, &s->how) && read_value(r, s);
}

static bool
read_filter(struct reader *r, struct all *all)
{
    if (!*r->text)
        return true;
    if (strlen(r->text) > TENON_FIELD_FILTER_BYTES) {
        r->why = tenon_asprintf("a filter of more than %d bytes", TENON_FIELD_FILTER_BYTES);
        return false;
    }
    for (;;) {
        struct selector *s = tenon_vec_add(&all->selectors);
        *s = (struct selector){0};
        if (!read_selector(r, s))
            return false;
        skip_blanks(r);
        if (!*r->at)
            return true;
        if (*r->at++ != ',') {
            r->at--;
            return fail(r, "expected a comma");
        }
    }
}

struct tenon_field_filter *
tenon_field_filter_new(const char *const *texts, size_t count, char **why)
{
    struct tenon_field_filter *f = tenon_new0(struct tenon_field_filter);

    *why = NULL;
    if (count > TENON_FIELD_FILTERS_MAX)
        *why = tenon_asprintf("more than %d filters", TENON_FIELD_FILTERS_MAX);
    for (size_t i = 0; !*why && i < count; i++) {
        struct reader r = {texts[i], texts[i], NULL};
        struct all *all = tenon_vec_add(&f->any);
        *all = (struct all){0};
        read_filter(&r, all);
        *why = r.why;
    }
    if (!*why)
        return f;
    tenon_field_filter_free(f);
    return NULL;
}

/* ---- asking -------------------------------------------------------------- */

static bool
agrees(const struct selector *s, const char *value)
{
    switch (s->how) {
    case PRESENT: return value != NULL;
    case EQUAL: return value && !strcmp(value, s->value);
    case OTHER: return strcmp(value ? value : "", s->value) != 0;
    case MATCHES: return tenon_goregexp_match(s->re, value ? value : "", 0, NULL);
    }
    return false;
}

bool
tenon_field_filter_passes(const struct tenon_field_filter *f, tenon_field_get *get, void *data)
{
    tenon_vec_foreach(all, &f->any) {
        bool good = true;
        tenon_vec_foreach(s, &all->selectors) {
            const char *const *path = (const char *const *)s->path;
            good = good && agrees(s, get(data, path, tenon_strv_len(s->path)));
        }
        if (good)
            return true;
    }
    return f->any.len == 0;
}
