/* language/json.c - is an argument a JSON array of strings?
 *
 * Told apart from almost-JSON exactly as Go's encoding/json does it, because
 * what is not JSON is silently taken as a shell command. */
#include <string.h>

#include "tools/ascii.h"
#include "tools/buf.h"
#include "language.h"

#define DEPTH_MAX 1000

struct scan {
    struct df_arena *arena;
    const char *p, *end;
    struct tenon_buf text; /* of the last string */
    bool has_nul;
};

static void
blanks(struct scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' ||
                             *s->p == '\r'))
        s->p++;
}

static void
add_utf8(struct tenon_buf *b, uint32_t r)
{
    if (r < 0x80) {
        tenon_buf_addc(b, (char)r);
        return;
    }
    int more = r < 0x800 ? 1 : r < 0x10000 ? 2 : 3;
    static const unsigned char lead[] = {0, 0xc0, 0xe0, 0xf0};
    tenon_buf_addc(b, (char)(lead[more] | r >> (6 * more)));
    while (more--)
        tenon_buf_addc(b, (char)(0x80 | (r >> (6 * more) & 0x3f)));
}

static bool
hex4(const char *p, const char *end, uint32_t *out)
{
    if (end - p < 4)
        return false;
    *out = 0;
    for (int i = 0; i < 4; i++) {
        int digit = tenon_hex_digit(p[i]);
        if (digit < 0)
            return false;
        *out = *out << 4 | (uint32_t)digit;
    }
    return true;
}

static bool
escape(struct scan *s)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (s->p == s->end)
        return false;
    char c = *s->p++;
    if (c != 'u') {
        const char *at = c ? strchr(from, c) : NULL;
        if (!at)
            return false;
        tenon_buf_addc(&s->text, to[at - from]);
        return true;
    }
    uint32_t r, low;
    if (!hex4(s->p, s->end, &r))
        return false;
    s->p += 4;
    if (r >= 0xd800 && r < 0xe000) {
        if (r < 0xdc00 && s->end - s->p >= 6 && s->p[0] == '\\' &&
            s->p[1] == 'u' && hex4(s->p + 2, s->end, &low) && low >= 0xdc00 &&
            low < 0xe000) {
            r = 0x10000 + ((r - 0xd800) << 10 | (low - 0xdc00));
            s->p += 6;
        } else {
            r = 0xfffd;
        }
    }
    if (r == 0)
        s->has_nul = true;
    add_utf8(&s->text, r);
    return true;
}

static bool
string(struct scan *s)
{
    tenon_buf_clear(&s->text);
    s->p++; /* the quote */
    while (s->p < s->end) {
        unsigned char c = (unsigned char)*s->p;
        if (c == '"') {
            s->p++;
            return true;
        }
        if (c == '\\') {
            s->p++;
            if (!escape(s))
                return false;
            continue;
        }
        if (c < 0x20)
            return false;
        uint32_t r;
        size_t width = df_rune(s->p, s->end, &r);
        add_utf8(&s->text, r); /* invalid bytes become U+FFFD */
        s->p += width;
    }
    return false;
}

static bool
digits(struct scan *s)
{
    const char *start = s->p;
    while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
        s->p++;
    return s->p > start;
}

static bool
number(struct scan *s)
{
    if (*s->p == '-')
        s->p++;
    if (s->p < s->end && *s->p == '0')
        s->p++;
    else if (!digits(s))
        return false;
    if (s->p < s->end && *s->p == '.') {
        s->p++;
        if (!digits(s))
            return false;
    }
    if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
        s->p++;
        if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
            s->p++;
        if (!digits(s))
            return false;
    }
    return true;
}

static bool
word(struct scan *s, const char *w)
{
    size_t len = strlen(w);
    if ((size_t)(s->end - s->p) < len || memcmp(s->p, w, len) != 0)
        return false;
    s->p += len;
    return true;
}

static bool value(struct scan *s, unsigned depth);

/* Past '[' or '{' up to and including its end. */
static bool
members(struct scan *s, char close, unsigned depth)
{
    s->p++;
    blanks(s);
    if (s->p < s->end && *s->p == close) {
        s->p++;
        return true;
    }
    for (;;) {
        blanks(s);
        if (close == '}') {
            if (s->p == s->end || *s->p != '"' || !string(s))
                return false;
            blanks(s);
            if (s->p == s->end || *s->p++ != ':')
                return false;
        }
        if (!value(s, depth + 1))
            return false;
        blanks(s);
        if (s->p == s->end)
            return false;
        char c = *s->p++;
        if (c == close)
            return true;
        if (c != ',')
            return false;
    }
}

static bool
value(struct scan *s, unsigned depth)
{
    blanks(s);
    if (s->p == s->end || depth > DEPTH_MAX)
        return false;
    switch (*s->p) {
    case '"':
        return string(s);
    case '[':
        return members(s, ']', depth);
    case '{':
        return members(s, '}', depth);
    case 't':
        return word(s, "true");
    case 'f':
        return word(s, "false");
    case 'n':
        return word(s, "null");
    default:
        return (*s->p == '-' || (*s->p >= '0' && *s->p <= '9')) && number(s);
    }
}

enum df_json
df_json_strings(struct df_arena *a, const char *text, struct df_list *out)
{
    struct scan s = {.arena = a, .p = text, .end = text + strlen(text)};
    struct df_list list = {0};
    bool mixed = false;
    enum df_json result = DF_JSON_NO;
    size_t width;

    while (s.p < s.end && (width = df_space(s.p, s.end)) > 0)
        s.p += width;
    if (s.p == s.end || *s.p != '[')
        return DF_JSON_NO;
    s.p++;
    blanks(&s);
    if (s.p < s.end && *s.p == ']') {
        s.p++;
    } else {
        for (;;) {
            blanks(&s);
            bool is_string = s.p < s.end && *s.p == '"';
            if (!value(&s, 1))
                goto out;
            if (is_string)
                df_list_add(a, &list,
                            df_arena_strndup(a, tenon_buf_str(&s.text),
                                             s.text.len));
            else
                mixed = true;
            blanks(&s);
            if (s.p == s.end)
                goto out;
            char c = *s.p++;
            if (c == ']')
                break;
            if (c != ',')
                goto out;
        }
    }
    blanks(&s);
    if (s.p == s.end) {
        result = mixed ? DF_JSON_MIXED : s.has_nul ? DF_JSON_NUL : DF_JSON_STRINGS;
        if (result == DF_JSON_STRINGS)
            *out = list;
    }
out:
    tenon_buf_release(&s.text);
    return result;
}
