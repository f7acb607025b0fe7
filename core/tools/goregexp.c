/* tools/goregexp.c - regular expressions of Go: text to a small program. */
#include "tools/goregexp.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tools/alloc.h"
#include "tools/ascii.h"
#include "tools/goregexpcode.h"
#include "tools/utf8.h"
#include "tools/vec.h"

enum { PROGRAM_MAX = 5000, DEPTH_MAX = 250, REPEAT_MAX = 1000 };

/* ---- compiling ------------------------------------------------------------------ */

struct parser {
    struct tenon_goregexp *re;
    const char *s; /* ends with NUL */
    unsigned flags, depth;
    const char *why; /* what is wrong, once something is */
};

static bool
wrong(struct parser *p, const char *why)
{
    if (!p->why)
        p->why = why;
    return false;
}

static uint32_t
take(struct parser *p)
{
    size_t n;
    uint32_t r = tenon_utf8_next(p->s, strlen(p->s), &n);
    p->s += n;
    return r;
}

static bool
is_utf8(const char *text)
{
    for (size_t left = strlen(text), n; left; text += n, left -= n)
        if (!(n = tenon_utf8_len(text, left)))
            return false;
    return true;
}

size_t
tenon_goregexp_size(const struct tenon_goregexp *re)
{
    return re->code.len + re->ranges.len;
}

static bool
is_full(struct parser *p)
{
    return tenon_goregexp_size(p->re) >= PROGRAM_MAX && !wrong(p, "expression too large");
}

static bool
add(struct parser *p, struct instruction i)
{
    if (is_full(p))
        return false;
    i.flags = p->flags;
    tenon_vec_push(&p->re->code, i);
    return true;
}

static bool
add_op(struct parser *p, enum op op)
{
    return add(p, (struct instruction){.op = op});
}

static bool
add_rune(struct parser *p, uint32_t rune)
{
    return add(p, (struct instruction){.op = OP_RUNE, .rune = rune});
}

/* Before what begins at `at`; nothing outside refers to the inside of that. */
static bool
insert(struct parser *p, size_t at, struct instruction i)
{
    if (!add(p, i))
        return false;
    struct instruction *code = p->re->code.items;
    size_t last = p->re->code.len - 1;
    const struct instruction moved = code[last];
    memmove(&code[at + 1], &code[at], (last - at) * sizeof *code);
    code[at] = moved;
    return true;
}

static bool
split(struct parser *p, size_t at, int32_t inside, int32_t past, bool lazy)
{
    const struct instruction i = {.op = OP_SPLIT, .a = lazy ? past : inside,
                                  .b = lazy ? inside : past};
    return at == p->re->code.len ? add(p, i) : insert(p, at, i);
}

/* The piece from `at` to the end, once more. */
static bool
copy_piece(struct parser *p, size_t at, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (is_full(p))
            return false;
        const struct instruction one = p->re->code.items[at + i];
        tenon_vec_push(&p->re->code, one);
    }
    return true;
}

/* Where there is no room the set itself finds none, either. */
static void
add_range(struct parser *p, struct instruction *set, uint32_t lo, uint32_t hi)
{
    if (is_full(p))
        return;
    tenon_vec_push(&p->re->ranges, (struct range){lo, hi});
    set->count++;
}

/* Pairs of ASCII characters in ascending order, or all but these. */
static void
add_pairs(struct parser *p, struct instruction *set, const char *pairs, bool negated)
{
    uint32_t next = 0;
    for (const char *c = pairs; *c; c += 2) {
        const uint32_t lo = (unsigned char)c[0], hi = (unsigned char)c[1];
        if (!negated)
            add_range(p, set, lo, hi);
        else if (lo > next)
            add_range(p, set, next, lo - 1);
        next = hi + 1;
    }
    if (negated)
        add_range(p, set, next, UINT32_MAX);
}

/* \d and its like, at the backslash; 0: it is none, -1: it is refused. */
static int
perl_class(struct parser *p, struct instruction *set)
{
    static const struct { char name; const char *pairs; } known[] = {
        { 'd', "09" }, { 's', "\t\n\f\r  " }, { 'w', "09AZ__az" },
    };
    if (p->s[1] == 'p' || p->s[1] == 'P') {
        wrong(p, "classes of Unicode (\\p) are not supported");
        return -1;
    }
    for (size_t i = 0; i < tenon_countof(known); i++) {
        const bool negated = p->s[1] == known[i].name - 'a' + 'A';
        if (p->s[1] != known[i].name && !negated)
            continue;
        add_pairs(p, set, known[i].pairs, negated);
        p->s += 2;
        return 1;
    }
    return 0;
}

/* [:name:], [:^name:], at "[:"; 0: it is none, -1: there is no such class. */
static int
named_class(struct parser *p, struct instruction *set)
{
    static const struct { const char *name, *pairs; } known[] = {
        { "alnum", "09AZaz" },  { "alpha", "AZaz" },   { "ascii", "\1\177" },
        { "blank", "\t\t  " },  { "cntrl", "\1\37\177\177" },
        { "digit", "09" },      { "graph", "!~" },     { "lower", "az" },
        { "print", " ~" },      { "punct", "!/:@[`{~" },
        { "space", "\t\r  " },  { "upper", "AZ" },     { "word", "09AZ__az" },
        { "xdigit", "09AFaf" },
    };
    const char *end = strstr(p->s + 2, ":]");
    if (!end)
        return 0;
    const bool negated = p->s[2] == '^';
    const char *name = p->s + 2 + negated;
    for (size_t i = 0; i < tenon_countof(known); i++) {
        const size_t len = strlen(known[i].name);
        if (name + len == end && !memcmp(name, known[i].name, len)) {
            add_pairs(p, set, known[i].pairs, negated);
            p->s = end + 2;
            return 1;
        }
    }
    wrong(p, "invalid character class range");
    return -1;
}

static bool
is_octal(char c)
{
    return c >= '0' && c <= '7';
}

/* What follows a backslash and is one character. */
static bool
escaped_rune(struct parser *p, uint32_t *out)
{
    static const char letters[] = "afnrtv", meanings[] = "\a\f\n\r\t\v";
    if (!*p->s)
        return wrong(p, "trailing backslash at end of expression");
    const uint32_t c = take(p);
    const char *letter = c < 0x80 ? strchr(letters, (int)c) : NULL;
    if (letter) {
        *out = (uint32_t)meanings[letter - letters];
        return true;
    }
    *out = c;
    if (c < 0x80 && !is_alnum((char)c))
        return true;
    /* A single digit would be a reference to a group. */
    if (c == '0' || (c >= '1' && c <= '7' && is_octal(*p->s))) {
        *out = c - '0';
        for (int i = 1; i < 3 && is_octal(*p->s); i++)
            *out = *out * 8 + (uint32_t)(*p->s++ - '0');
        return true;
    }
    if (c != 'x')
        return wrong(p, "invalid escape sequence");
    const bool braces = *p->s == '{';
    size_t digits = 0;
    p->s += braces;
    for (*out = 0; digits < (braces ? 6 : 2) && tenon_hex_digit(*p->s) >= 0; digits++)
        *out = *out * 16 + (uint32_t)tenon_hex_digit(*p->s++);
    if (braces ? digits == 0 || *p->s++ != '}' || *out > 0x10ffff : digits != 2)
        return wrong(p, "invalid escape sequence");
    return true;
}

static bool
class_rune(struct parser *p, uint32_t *out)
{
    if (!*p->s)
        return wrong(p, "missing closing ]");
    *out = take(p);
    return *out != '\\' || escaped_rune(p, out);
}

/* Behind "[". */
static bool
parse_class(struct parser *p)
{
    struct instruction set = {.op = OP_CLASS, .first = (uint32_t)p->re->ranges.len};
    if (*p->s == '^') {
        set.negated = true;
        p->s++;
    }
    for (bool first = true; first || *p->s != ']'; first = false) {
        uint32_t lo, hi;
        const int named = *p->s == '\\' ? perl_class(p, &set)
                          : p->s[0] == '[' && p->s[1] == ':' ? named_class(p, &set) : 0;
        if (named < 0)
            return false;
        if (named > 0)
            continue;
        if (!class_rune(p, &lo))
            return false;
        hi = lo;
        if (p->s[0] == '-' && p->s[1] && p->s[1] != ']') {
            p->s++;
            if (!class_rune(p, &hi))
                return false;
            if (hi < lo)
                return wrong(p, "invalid character class range");
        }
        add_range(p, &set, lo, hi);
    }
    p->s++;
    return add(p, set);
}

/* At a backslash. */
static bool
parse_escape(struct parser *p)
{
    struct instruction set = {.op = OP_CLASS, .first = (uint32_t)p->re->ranges.len};
    const int named = perl_class(p, &set);
    if (named)
        return named > 0 && add(p, set);

    static const struct { char letter; enum op op; } places[] = {
        { 'A', OP_TEXT_BEGIN }, { 'z', OP_TEXT_END }, { 'b', OP_WORD }, { 'B', OP_NOT_WORD },
    };
    for (size_t i = 0; i < tenon_countof(places); i++)
        if (p->s[1] == places[i].letter) {
            p->s += 2;
            return add_op(p, places[i].op);
        }
    p->s++;
    uint32_t r;
    return escaped_rune(p, &r) && add_rune(p, r);
}

static bool parse_alternatives(struct parser *p);

/* (?i), (?i-s:...), behind "(?"; *group: something is to follow up to ")". */
static bool
parse_flags(struct parser *p, bool *group)
{
    bool negative = false, any = false;
    for (unsigned flag; *p->s;) {
        const char c = *p->s++;
        switch (c) {
        case 'i': flag = FOLD; break;
        case 'm': flag = LINES; break;
        case 's': flag = DOT_NL; break;
        case 'U': flag = LAZY; break;
        case '-':
            if (negative)
                return wrong(p, "invalid or unsupported Perl syntax");
            negative = true;
            any = false;
            continue;
        case ':':
        case ')':
            if (negative && !any)
                return wrong(p, "invalid or unsupported Perl syntax");
            *group = c == ':';
            return true;
        default:
            return wrong(p, "invalid or unsupported Perl syntax");
        }
        p->flags = negative ? p->flags & ~flag : p->flags | flag;
        any = true;
    }
    return wrong(p, "missing closing )");
}

/* P<name> or <name>, behind "(?". */
static bool
parse_name(struct parser *p, char **out)
{
    p->s += *p->s == 'P' ? 2 : 1;
    size_t len = 0;
    while (is_alnum(p->s[len]) || p->s[len] == '_')
        len++;
    if (!len || p->s[len] != '>')
        return wrong(p, "invalid named capture");
    *out = tenon_strndup(p->s, len);
    p->s += len + 1;
    for (size_t i = 0; i < p->re->groups; i++)
        if (tenon_streq(p->re->names[i], *out)) {
            free(tenon_steal(out));
            return wrong(p, "duplicate capture group name");
        }
    return true;
}

/* Behind "(". */
static bool
parse_group(struct parser *p)
{
    const unsigned outside = p->flags;
    bool inside = true, captures = true;
    char *name = NULL;
    if (p->s[0] == '?') {
        p->s++;
        if ((p->s[0] == 'P' && p->s[1] == '<') || p->s[0] == '<') {
            if (!parse_name(p, &name))
                return false;
        } else if (!parse_flags(p, &inside)) {
            return false;
        } else {
            captures = false;
        }
    }
    if (!inside)
        return true; /* to the end of the group that this stands in */
    if (captures && p->re->groups == TENON_GOREGEXP_GROUPS) {
        free(name);
        return wrong(p, "too many groups");
    }
    const int32_t number = captures ? (int32_t)p->re->groups++ : 0;
    if (captures)
        p->re->names[number] = name;
    if (captures && !add(p, (struct instruction){.op = OP_SAVE, .a = 2 * number}))
        return false;
    if (++p->depth > DEPTH_MAX)
        return wrong(p, "expression nests too deeply");
    if (!parse_alternatives(p))
        return false;
    p->depth--;
    if (*p->s != ')')
        return wrong(p, "missing closing )");
    p->s++;
    p->flags = outside;
    return !captures || add(p, (struct instruction){.op = OP_SAVE, .a = 2 * number + 1});
}

static bool
parse_atom(struct parser *p)
{
    switch (*p->s) {
    case '[':
        p->s++;
        return parse_class(p);
    case '(':
        p->s++;
        return parse_group(p);
    case '\\':
        return parse_escape(p);
    case '.':
        p->s++;
        return add_op(p, OP_ANY);
    case '^':
        p->s++;
        return add_op(p, p->flags & LINES ? OP_LINE_BEGIN : OP_TEXT_BEGIN);
    case '$':
        p->s++;
        return add_op(p, p->flags & LINES ? OP_LINE_END : OP_TEXT_END);
    default:
        return add_rune(p, take(p));
    }
}

/* "{2}", "{2,}", "{2,5}"; max -1: without end. What is none is text. */
static bool
read_count(const char *s, const char **end, int *min, int *max)
{
    const char *p = s + 1;
    int *into = min;
    *min = *max = 0;
    if (*p < '0' || *p > '9')
        return false;
    for (; (*p >= '0' && *p <= '9') || (*p == ',' && into == min); p++) {
        if (*p == ',')
            into = max;
        else if (*into <= REPEAT_MAX)
            *into = *into * 10 + (*p - '0');
    }
    if (*p != '}')
        return false;
    if (into == min)
        *max = *min;
    else if (p[-1] == ',')
        *max = -1;
    *end = p + 1;
    return true;
}

/* What begins at `at` and goes to the end, min to max times; max -1: any number. */
static bool
repeat(struct parser *p, size_t at, int min, int max, bool lazy)
{
    const size_t len = p->re->code.len - at;
    if (max == 0) {
        p->re->code.len = at;
        return true;
    }
    for (int i = 1; i < min; i++)
        if (!copy_piece(p, at, len))
            return false;
    if (max == -1) {
        /* x* is (x+)?, so that an x that can be nothing is tried once. */
        const size_t last = p->re->code.len - len;
        return split(p, p->re->code.len, -(int32_t)len, 1, lazy) &&
               (min > 0 || split(p, last, 1, (int32_t)len + 2, lazy));
    }
    /* x{0,3} is (x(x(x)?)?)?: each stands before the rest. */
    int optional = max - (min > 0 ? min : 0);
    if (min == 0) {
        const size_t whole = (size_t)optional * (len + 1);
        if (!split(p, at, 1, (int32_t)whole, lazy))
            return false;
        at++;
        optional--;
    }
    for (; optional > 0; optional--) {
        const size_t whole = (size_t)optional * (len + 1);
        if (!split(p, p->re->code.len, 1, (int32_t)whole, lazy) || !copy_piece(p, at, len))
            return false;
    }
    return true;
}

/* "*", "+", "?", "{...}" behind an atom; 0: none of them, -1: refused. */
static int
parse_repeat(struct parser *p, size_t at, bool has_atom)
{
    int min = 0, max = -1;
    const char *end = p->s + 1;
    if (*p->s == '+')
        min = 1;
    else if (*p->s == '?')
        max = 1;
    else if (*p->s != '*' && (*p->s != '{' || !read_count(p->s, &end, &min, &max)))
        return 0;
    if (!has_atom)
        return wrong(p, "missing argument to repetition operator") - 1;
    if (min > REPEAT_MAX || max > REPEAT_MAX || (max >= 0 && min > max))
        return wrong(p, "invalid repeat count") - 1;
    p->s = end;
    bool lazy = p->flags & LAZY;
    if (*p->s == '?') {
        lazy = !lazy;
        p->s++;
    }
    return repeat(p, at, min, max, lazy) ? 1 : -1;
}

static bool
parse_sequence(struct parser *p)
{
    bool has_atom = false, repeated = false;
    size_t at = p->re->code.len;
    while (*p->s && *p->s != '|' && *p->s != ')') {
        const int rc = parse_repeat(p, at, has_atom);
        if (rc < 0)
            return false;
        if (rc > 0 && repeated)
            return wrong(p, "invalid nested repetition operator");
        repeated = rc > 0;
        if (repeated)
            continue;
        at = p->re->code.len;
        if (p->s[0] == '\\' && p->s[1] == 'Q') { /* as it is, up to \E */
            p->s += 2;
            while (*p->s && !(p->s[0] == '\\' && p->s[1] == 'E')) {
                at = p->re->code.len;
                if (!add_rune(p, take(p)))
                    return false;
            }
            p->s += *p->s ? 2 : 0;
        } else if (!parse_atom(p)) {
            return false;
        }
        has_atom = true;
    }
    return true;
}

static bool
parse_alternatives(struct parser *p)
{
    TENON_VEC(size_t) jumps = {0};
    bool good;
    for (;;) {
        const size_t at = p->re->code.len;
        good = parse_sequence(p);
        if (!good || *p->s != '|')
            break;
        p->s++;
        const size_t len = p->re->code.len - at;
        good = split(p, at, 1, (int32_t)len + 2, false) && add_op(p, OP_JUMP);
        if (!good)
            break;
        tenon_vec_push(&jumps, p->re->code.len - 1);
    }
    tenon_vec_foreach(j, &jumps)
        p->re->code.items[*j].a = (int32_t)(p->re->code.len - *j);
    tenon_vec_release(&jumps);
    return good;
}

struct tenon_goregexp *
tenon_goregexp_compile(const char *text, const char **why)
{
    struct tenon_goregexp *re = tenon_new0(struct tenon_goregexp);
    struct parser p = {.re = re, .s = text};
    re->groups = 1;
    bool good = is_utf8(text) || wrong(&p, "invalid UTF-8");
    good = good && parse_alternatives(&p) && (*p.s != ')' || wrong(&p, "unexpected )"));
    if (good && add_op(&p, OP_MATCH))
        return re;
    *why = p.why;
    tenon_goregexp_free(re);
    return NULL;
}

void
tenon_goregexp_free(struct tenon_goregexp *re)
{
    if (!re)
        return;
    for (size_t i = 0; i < re->groups; i++)
        free(re->names[i]);
    tenon_vec_release(&re->code);
    tenon_vec_release(&re->ranges);
    free(re);
}
