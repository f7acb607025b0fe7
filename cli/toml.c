/* cli/toml.c - TOML as JSON. */
#include "toml.h"

#include <stdlib.h>
#include <string.h>

#include "tools/alloc.h"
#include "tools/parse.h"
#include "tools/utf8.h"

enum { DEPTH_MAX = 32, NUMBER_MAX = 64 };

/* What a table or a list was made by, which says what may be added to it. */
#define BY_HEADER ((void *)(uintptr_t)1) /* [a.b]: once */
#define BY_VALUE ((void *)(uintptr_t)2)  /* {a = 1}, [1]: as it stands */

struct reader {
    const char *at, *end;
    unsigned line;
    unsigned depth;
    struct tenon_error *err;
};

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool
is_alnum(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
wrong(struct reader *r, const char *what)
{
    tenon_error_set(r->err, TENON_E_INVALID, "line %u: %s", r->line, what);
    return false;
}

static char
peek(const struct reader *r)
{
    return r->at < r->end ? *r->at : '\0';
}

static bool
looking_at(const struct reader *r, const char *text)
{
    const size_t len = strlen(text);

    return (size_t)(r->end - r->at) >= len && memcmp(r->at, text, len) == 0;
}

static bool
take(struct reader *r, const char *text)
{
    if (!looking_at(r, text))
        return false;
    r->at += strlen(text);
    return true;
}

static void
skip_blanks(struct reader *r)
{
    while (peek(r) == ' ' || peek(r) == '\t')
        r->at++;
}

/* Of the line and what it says after '#'. */
static bool
take_newline(struct reader *r)
{
    if (!take(r, "\n") && !take(r, "\r\n"))
        return false;
    r->line++;
    return true;
}

static void
skip_comment(struct reader *r)
{
    skip_blanks(r);
    if (peek(r) == '#')
        while (r->at < r->end && *r->at != '\n')
            r->at++;
}

static bool
end_line(struct reader *r)
{
    skip_comment(r);
    return r->at == r->end || take_newline(r) || wrong(r, "expected the end of the line");
}

/* Inside of an array there may be any number of them. */
static void
skip_lines(struct reader *r)
{
    do
        skip_comment(r);
    while (take_newline(r));
}

/* ---- strings ------------------------------------------------------------- */

static void
add_character(struct tenon_buf *out, uint32_t c)
{
    if (c < 0x80) {
        tenon_buf_addc(out, (char)c);
    } else if (c < 0x800) {
        tenon_buf_addc(out, (char)(0xc0 | c >> 6));
        tenon_buf_addc(out, (char)(0x80 | (c & 0x3f)));
    } else if (c < 0x10000) {
        tenon_buf_addc(out, (char)(0xe0 | c >> 12));
        tenon_buf_addc(out, (char)(0x80 | (c >> 6 & 0x3f)));
        tenon_buf_addc(out, (char)(0x80 | (c & 0x3f)));
    } else {
        tenon_buf_addc(out, (char)(0xf0 | c >> 18));
        tenon_buf_addc(out, (char)(0x80 | (c >> 12 & 0x3f)));
        tenon_buf_addc(out, (char)(0x80 | (c >> 6 & 0x3f)));
        tenon_buf_addc(out, (char)(0x80 | (c & 0x3f)));
    }
}

/* \uXXXX, \UXXXXXXXX */
static bool
add_number(struct reader *r, struct tenon_buf *out, size_t digits)
{
    uint64_t c;
    char hex[9] = "";

    if ((size_t)(r->end - r->at) < digits)
        return wrong(r, "a character's number is cut off");
    memcpy(hex, r->at, digits);
    if (strspn(hex, "0123456789abcdefABCDEF") != digits || !tenon_parse_u64(hex, 16, &c) ||
        c == 0 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return wrong(r, "there is no character of that number");
    r->at += digits;
    add_character(out, (uint32_t)c);
    return true;
}

static bool
add_escape(struct reader *r, struct tenon_buf *out, bool lines)
{
    static const char names[] = "btnfr\"\\", values[] = "\b\t\n\f\r\"\\";
    const char c = peek(r);
    const char *name = c ? strchr(names, c) : NULL;

    if (name) {
        r->at++;
        tenon_buf_addc(out, values[name - names]);
        return true;
    }
    if (take(r, "u"))
        return add_number(r, out, 4);
    if (take(r, "U"))
        return add_number(r, out, 8);
    skip_blanks(r);
    if (!lines || !take_newline(r))
        return wrong(r, "unknown escape in a string");
    do
        skip_blanks(r);
    while (take_newline(r));
    return true;
}

static bool
add_plain(struct reader *r, struct tenon_buf *out, bool lines)
{
    const size_t len = tenon_utf8_len(r->at, (size_t)(r->end - r->at));
    const unsigned char c = (unsigned char)*r->at;

    if (lines && take_newline(r)) {
        tenon_buf_addc(out, '\n');
        return true;
    }
    if (len == 0 || (c < ' ' && c != '\t') || c == 0x7f)
        return wrong(r, "a string with a character that must not be there");
    tenon_buf_add(out, r->at, len);
    r->at += len;
    return true;
}

/* After its first quote or quotes, to the same. */
static bool
read_string(struct reader *r, const char *quotes, struct tenon_buf *out)
{
    const bool lines = quotes[1] != '\0', escapes = *quotes == '"';

    if (lines)
        take_newline(r);
    while (r->at < r->end) {
        if (take(r, quotes)) {
            for (int more = 0; lines && more < 2 && peek(r) == *quotes; more++) {
                tenon_buf_addc(out, *quotes); /* up to five: two belong to the string */
                r->at++;
            }
            return true;
        }
        const bool good = escapes && take(r, "\\") ? add_escape(r, out, lines)
                                                   : add_plain(r, out, lines);
        if (!good)
            return false;
    }
    return wrong(r, "a string without an end");
}

/* False without an error: there is none. */
static bool
read_quoted(struct reader *r, bool lines, struct tenon_buf *out)
{
    static const char *const quotes[] = {"\"\"\"", "'''", "\"", "'"};

    for (size_t i = lines ? 0 : 2; i < tenon_countof(quotes); i++)
        if (take(r, quotes[i]))
            return read_string(r, quotes[i], out);
    return false;
}

/* ---- keys ---------------------------------------------------------------- */

static bool
read_key_part(struct reader *r, struct tenon_buf *out)
{
    tenon_buf_clear(out);
    skip_blanks(r);
    if (looking_at(r, "\"") || looking_at(r, "'"))
        return read_quoted(r, false, out);
    while (is_alnum(peek(r)) || peek(r) == '_' || peek(r) == '-')
        tenon_buf_addc(out, *r->at++);
    return out->len > 0 || wrong(r, "expected a key");
}

/* The table of that name below `in`, made if it is not there; of a list of tables the last. */
static struct json_object *
enter(struct reader *r, struct json_object *in, const char *key)
{
    struct json_object *there = NULL;

    if (!json_object_object_get_ex(in, key, &there)) {
        there = json_object_new_object();
        json_object_object_add(in, key, there);
    }
    if (json_object_is_type(there, json_type_array) && !json_object_get_userdata(there))
        there = json_object_array_get_idx(there, json_object_array_length(there) - 1);
    if (json_object_is_type(there, json_type_object) &&
        json_object_get_userdata(there) != BY_VALUE)
        return there;
    wrong(r, "the key has a value already");
    return NULL;
}

/* a.b.c: the table of c, and "c" in *last. */
static struct json_object *
read_key(struct reader *r, struct json_object *in, struct tenon_buf *last)
{
    for (unsigned depth = 0; in; depth++) {
        if (depth == DEPTH_MAX) {
            wrong(r, "too many tables in tables");
            return NULL;
        }
        if (!read_key_part(r, last))
            return NULL;
        skip_blanks(r);
        if (!take(r, "."))
            return in;
        in = enter(r, in, tenon_buf_str(last));
    }
    return NULL;
}

/* ---- values -------------------------------------------------------------- */

static struct json_object *read_value(struct reader *r);

/* "1_000" without its lines; false: one is where it must not be. */
static bool
copy_number(struct reader *r, char out[NUMBER_MAX])
{
    size_t len = 0;

    for (; is_alnum(peek(r)) || (peek(r) && strchr("+-._:", peek(r))); r->at++) {
        const bool inside = r->at + 1 < r->end && is_alnum(r->at[-1]) &&
                            is_alnum(r->at[1]);
        if (len == NUMBER_MAX - 1 || (*r->at == '_' && !inside))
            return false;
        if (*r->at != '_')
            out[len++] = *r->at;
    }
    out[len] = '\0';
    return len > 0;
}

static struct json_object *
number_of(const char *text)
{
    static const struct {
        const char *prefix;
        unsigned base;
    } bases[] = {{"0x", 16}, {"0o", 8}, {"0b", 2}};
    const char *digits = text + (*text == '+' || *text == '-');
    uint64_t n;
    char *end;

    for (size_t i = 0; i < tenon_countof(bases); i++)
        if (tenon_has_prefix(text, bases[i].prefix))
            return tenon_parse_u64(text + 2, bases[i].base, &n) && n <= INT64_MAX
                       ? json_object_new_int64((int64_t)n) : NULL;
    const size_t whole = strspn(digits, "0123456789");
    if (whole == 0 || (digits[0] == '0' && whole > 1))
        return NULL;
    if (!digits[whole])
        return tenon_parse_u64(digits, 10, &n) && n <= INT64_MAX
                   ? json_object_new_int64(*text == '-' ? -(int64_t)n : (int64_t)n) : NULL;
    if (digits[strspn(digits, "0123456789.eE+-")] || strchr(".", digits[strlen(digits) - 1]) ||
        (digits[whole] == '.' && !is_digit(digits[whole + 1])))
        return NULL;
    const double d = strtod(text, &end);
    return *end ? NULL : json_object_new_double(d);
}

static struct json_object *
read_number(struct reader *r)
{
    char text[NUMBER_MAX];
    struct json_object *o = copy_number(r, text) ? number_of(text) : NULL;

    if (!o)
        wrong(r, "expected a value: a string, a number, true or false, a list or a table");
    return o;
}

static struct json_object *
read_array(struct reader *r)
{
    auto_json struct json_object *list = json_object_new_array();

    json_object_set_userdata(list, BY_VALUE, NULL);
    for (skip_lines(r); !take(r, "]"); skip_lines(r)) {
        struct json_object *one = read_value(r);
        if (!one)
            return NULL;
        json_object_array_add(list, one);
        skip_lines(r);
        if (!take(r, ",") && peek(r) != ']') {
            wrong(r, "expected , or ] in a list");
            return NULL;
        }
    }
    return tenon_steal(&list);
}

static bool
read_pair(struct reader *r, struct json_object *in)
{
    auto_buf struct tenon_buf key = TENON_BUF_INIT;
    struct json_object *table = read_key(r, in, &key);

    if (!table)
        return false;
    if (!take(r, "="))
        return wrong(r, "expected = after a key");
    if (json_object_object_get_ex(table, tenon_buf_str(&key), NULL))
        return wrong(r, "the key has a value already");
    struct json_object *value = read_value(r);
    if (value)
        json_object_object_add(table, tenon_buf_str(&key), value);
    return value != NULL;
}

static struct json_object *
read_inline_table(struct reader *r)
{
    auto_json struct json_object *table = json_object_new_object();

    skip_blanks(r);
    for (bool more = !take(r, "}"); more;) {
        if (!read_pair(r, table))
            return NULL;
        skip_blanks(r);
        more = take(r, ",");
        if (!more && !take(r, "}")) {
            wrong(r, "expected , or } in a table");
            return NULL;
        }
    }
    json_object_set_userdata(table, BY_VALUE, NULL);
    return tenon_steal(&table);
}

static struct json_object *
read_string_value(struct reader *r)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;

    return read_quoted(r, true, &text)
               ? json_object_new_string_len(tenon_buf_str(&text), (int)text.len) : NULL;
}

static struct json_object *
read_value(struct reader *r)
{
    struct json_object *o;

    skip_blanks(r);
    if (r->depth == DEPTH_MAX) {
        wrong(r, "too many lists in lists");
        return NULL;
    }
    r->depth++;
    if (looking_at(r, "\"") || looking_at(r, "'"))
        o = read_string_value(r);
    else if (take(r, "["))
        o = read_array(r);
    else if (take(r, "{"))
        o = read_inline_table(r);
    else if (take(r, "true"))
        o = json_object_new_boolean(true);
    else if (take(r, "false"))
        o = json_object_new_boolean(false);
    else
        o = read_number(r);
    r->depth--;
    return o;
}

/* ---- lines --------------------------------------------------------------- */

/* One more table of a list of them. */
static struct json_object *
append_table(struct reader *r, struct json_object *in, const char *key)
{
    struct json_object *list = NULL, *table = json_object_new_object();

    if (!json_object_object_get_ex(in, key, &list)) {
        list = json_object_new_array();
        json_object_object_add(in, key, list);
    }
    if (!json_object_is_type(list, json_type_array) || json_object_get_userdata(list)) {
        json_object_put(table);
        wrong(r, "the key has a value already");
        return NULL;
    }
    json_object_array_add(list, table);
    return table;
}

/* [a.b] or [[a.b]]: what the lines below it belong to. */
static struct json_object *
read_header(struct reader *r, struct json_object *top)
{
    auto_buf struct tenon_buf key = TENON_BUF_INIT;
    const bool of_list = take(r, "[[");

    if (!of_list)
        take(r, "[");
    struct json_object *in = read_key(r, top, &key);
    if (!in)
        return NULL;
    if (!take(r, of_list ? "]]" : "]")) {
        wrong(r, "expected ] after the name of a table");
        return NULL;
    }
    if (of_list)
        return append_table(r, in, tenon_buf_str(&key));
    struct json_object *there = NULL;
    if (json_object_object_get_ex(in, tenon_buf_str(&key), &there) &&
        (!json_object_is_type(there, json_type_object) || json_object_get_userdata(there))) {
        wrong(r, "there is a table or value of that name already");
        return NULL;
    }
    struct json_object *table = enter(r, in, tenon_buf_str(&key));
    if (table)
        json_object_set_userdata(table, BY_HEADER, NULL);
    return table;
}

int
toml_parse(const char *text, size_t len, struct json_object **out, struct tenon_error *err)
{
    struct reader r = {.at = text, .end = text + len, .line = 1, .err = err};
    auto_json struct json_object *top = json_object_new_object();
    struct json_object *in = top;

    while (r.at < r.end && !err->code) {
        skip_blanks(&r);
        if (peek(&r) == '[') {
            in = read_header(&r, top);
            if (!in)
                break;
        } else if (peek(&r) != '#' && peek(&r) != '\n' && peek(&r) != '\r' && r.at < r.end &&
                   !read_pair(&r, in)) {
            break;
        }
        end_line(&r);
    }
    if (!err->code)
        *out = tenon_steal(&top);
    return err->code;
}
