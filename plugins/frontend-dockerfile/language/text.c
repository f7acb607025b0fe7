/* language/text.c - characters, blanks, case, quoting: Go's ideas of them, which the language
 * is defined by. */
#include <stdio.h>
#include <string.h>

#include "tools/ascii.h"
#include "tools/buf.h"
#include "tools/cleanup.h"
#include "tools/comma.h"
#include "tools/parse.h"
#include "language.h"

void
df_list_add(struct df_arena *a, struct df_list *l, char *s)
{
    if (l->len == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 8;
        char **items = df_arena_array(a, cap, sizeof *items);
        if (l->len)
            memcpy(items, l->items, l->len * sizeof *items);
        l->items = items;
        l->cap = cap;
    }
    l->items[l->len++] = s;
}

size_t
df_rune(const char *p, const char *end, uint32_t *rune)
{
    const unsigned char *s = (const unsigned char *)p;
    size_t left = (size_t)(end - p);
    unsigned char c = s[0];

    if (c < 0x80) {
        *rune = c;
        return 1;
    }
    size_t width = c >= 0xf0 && c < 0xf5 ? 4 : c >= 0xe0 && c < 0xf0 ? 3 :
                   c >= 0xc2 && c < 0xe0 ? 2 : 0;
    if (width == 0 || width > left)
        goto bad;
    uint32_t r = c & (0xffu >> (width + 1));
    for (size_t i = 1; i < width; i++) {
        if ((s[i] & 0xc0) != 0x80)
            goto bad;
        r = r << 6 | (s[i] & 0x3f);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (r < least[width] || r > 0x10ffff || (r >= 0xd800 && r < 0xe000))
        goto bad;
    *rune = r;
    return width;
bad:
    *rune = 0xfffd;
    return 1;
}

const char *
df_utf8(struct df_arena *a, const char *text, size_t *len)
{
    const char *p = text, *end = text + *len;
    uint32_t r;
    size_t width = 1, bad = 0;
    for (; p < end; p += width) {
        width = 1;
        if ((unsigned char)*p >= 0x80) {
            width = df_rune(p, end, &r);
            bad += r == 0xfffd && width == 1;
        }
    }
    if (!bad)
        return text;
    char *copy = df_arena_alloc(a, *len + 2 * bad + 1);
    size_t n = 0;
    for (p = text; p < end; p += width) {
        width = df_rune(p, end, &r);
        bool none = r == 0xfffd && width == 1;
        memcpy(copy + n, none ? "\xef\xbf\xbd" : p, none ? 3 : width);
        n += none ? 3 : width;
    }
    *len = n;
    return copy;
}

static bool
is_space(uint32_t r)
{
    if (r < 0x80)
        return r == ' ' || (r >= '\t' && r <= '\r');
    return r == 0x85 || r == 0xa0 || r == 0x1680 ||
           (r >= 0x2000 && r <= 0x200a) || r == 0x2028 || r == 0x2029 ||
           r == 0x202f || r == 0x205f || r == 0x3000;
}

size_t
df_space(const char *p, const char *end)
{
    uint32_t r;
    size_t width = df_rune(p, end, &r);
    return is_space(r) ? width : 0;
}

bool
df_is_digit(uint32_t r)
{
    return (r >= '0' && r <= '9') || (r >= 0x660 && r <= 0x669) ||
           (r >= 0x6f0 && r <= 0x6f9) || (r >= 0x966 && r <= 0x96f) ||
           (r >= 0xff10 && r <= 0xff19);
}

bool
df_is_letter(uint32_t r)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        {'A', 'Z'},         {'a', 'z'},         {0xaa, 0xaa},
        {0xb5, 0xb5},       {0xba, 0xba},       {0xc0, 0xd6},
        {0xd8, 0xf6},       {0xf8, 0x2c1},      {0x370, 0x374},
        {0x376, 0x377},     {0x37b, 0x37d},     {0x37f, 0x37f},
        {0x386, 0x386},     {0x388, 0x3f5},     {0x3f7, 0x481},
        {0x48a, 0x556},     {0x561, 0x587},     {0x5d0, 0x5ea},
        {0x620, 0x64a},     {0x671, 0x6d3},     {0x904, 0x939},
        {0xe01, 0xe30},     {0x10a0, 0x10fa},   {0x1100, 0x1248},
        {0x1e00, 0x1fbc},   {0x3041, 0x3096},   {0x30a1, 0x30fa},
        {0x3105, 0x312f},   {0x3131, 0x318e},   {0x3400, 0x4dbf},
        {0x4e00, 0xa48c},   {0xac00, 0xd7a3},   {0xf900, 0xfad9},
        {0xff21, 0xff3a},   {0xff41, 0xff5a},   {0xff66, 0xffbe},
        {0x20000, 0x323af},
    };
    if (r < 0x80)
        return (r | 0x20) >= 'a' && (r | 0x20) <= 'z';
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        if (r >= ranges[i].first && r <= ranges[i].last)
            return true;
    }
    return false;
}

char *
df_trim(struct df_arena *a, const char *s)
{
    const char *end = s + strlen(s);
    size_t width;
    while (s < end && (width = df_space(s, end)) > 0)
        s += width;
    while (end > s) {
        const char *last = end - 1;
        while (last > s && end - last < 4 && (*last & 0xc0) == 0x80)
            last--;
        width = df_space(last, end);
        if (width == 0 || last + width != end) {
            /* Not one character: then the last byte stands alone. */
            if (last == end - 1 || !(width = df_space(end - 1, end)))
                break;
            last = end - 1;
        }
        end = last;
    }
    return df_arena_strndup(a, s, (size_t)(end - s));
}

char *
df_lower(struct df_arena *a, const char *s)
{
    return tenon_lower(df_arena_strdup(a, s));
}

char *
df_upper(struct df_arena *a, const char *s)
{
    return tenon_upper(df_arena_strdup(a, s));
}

char *
df_quote(struct df_arena *a, const char *s)
{
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    const char *end = s + strlen(s);

    tenon_buf_addc(&b, '"');
    while (s < end) {
        uint32_t r;
        size_t width = df_rune(s, end, &r);
        unsigned char c = (unsigned char)*s;
        static const char named[] = "\a\b\f\n\r\t\v", letters[] = "abfnrtv";
        const char *at = c < 0x80 ? strchr(named, c) : NULL;

        if (c == '"' || c == '\\')
            tenon_buf_addf(&b, "\\%c", c);
        else if (at)
            tenon_buf_addf(&b, "\\%c", letters[at - named]);
        else if (c < 0x20 || c == 0x7f || (r == 0xfffd && width == 1))
            tenon_buf_addf(&b, "\\x%02x", c);
        else if ((r >= 0x80 && r < 0xa1) || (r >= 0x2000 && r <= 0x200f) ||
                 (r >= 0x2028 && r <= 0x202f) || r == 0xfeff)
            tenon_buf_addf(&b, "\\u%04x", (unsigned)r);
        else
            tenon_buf_add(&b, s, width);
        s += width;
    }
    tenon_buf_addc(&b, '"');
    return df_arena_strndup(a, b.data, b.len);
}

const char *
df_suggest(struct df_arena *a, const char *word, const char *const *options,
           bool case_sensitive)
{
    const char *val = case_sensitive ? word : df_lower(a, word);
    const char *best = NULL;
    size_t least = 3;

    for (; *options; options++) {
        const char *opt = case_sensitive ? *options : df_lower(a, *options);
        if (strcmp(val, opt) == 0)
            return NULL;
        size_t dist = tenon_edit_distance(val, opt, 2);
        if (dist < least) {
            least = dist;
            best = opt;
        }
    }
    if (!best || case_sensitive)
        return best;
    if (strcmp(word, df_upper(a, word)) == 0 && strcmp(word, val) != 0)
        return df_upper(a, best);
    return best;
}

const char *
df_did_you_mean(struct df_arena *a, const char *before, const char *name)
{
    return name && *name ? df_arena_printf(a, " (did you mean %s%s?)", before, name) : "";
}

char **
df_csv_fields(struct df_arena *a, const char *s, size_t *count,
              const char **why)
{
    auto_free char *malformed = NULL;
    auto_strv char **fields = tenon_comma_fields(s, &malformed);
    struct df_list list = {0};

    if (!fields) {
        *why = df_arena_strdup(a, malformed);
        return NULL;
    }
    for (char **f = fields; *f; f++)
        df_list_add(a, &list, df_arena_strdup(a, *f));
    *count = list.len;
    return list.items;
}
