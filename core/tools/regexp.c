/* tools/regexp.c - regular expressions of Go, as far as lines of ignore files become them.
 *
 * A small automaton that runs once over the path, and notes whether it accepts at a slash (a
 * parent matches) or at the end. */
#include "tools/regexp.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tools/alloc.h"
#include "tools/ascii.h"
#include "tools/unicode.h"
#include "tools/utf8.h"
#include "tools/vec.h"

enum token_type {
    RUNE,        /* this one */
    SET,         /* one of these */
    STAR,        /* any number of these */
    DEEP,        /* .* */
    DEEP_SLASH,  /* (.*[/])?: the next token, or nothing of both */
    UNTIL_SLASH, /* the inside of that; leaving it takes a slash */
    REST,        /* whatever is there: on a side without "^" or "$" */
    SKIP,        /* the next token, or that of `first` */
    DONE,        /* the end of an alternative */
    BEGIN, END, WORD, NOT_WORD, /* ^ $ \b \B, where nothing is consumed */
};

enum { COUNT_MAX = 1000 };

struct range {
    uint32_t lo, hi;
};

struct token {
    enum token_type type;
    bool negated;
    uint32_t rune;         /* RUNE */
    uint32_t first, count; /* SET and STAR: of ranges; SKIP */
    uint32_t categories;   /* and of these, of Unicode */
};

struct tenon_regexp {
    TENON_VEC(struct token) tokens;
    TENON_VEC(struct range) ranges;
    bool looks_around; /* has BEGIN, END, WORD or NOT_WORD */
};

/* ---- compiling ------------------------------------------------------------------ */

struct source {
    const char *s; /* ends with NUL */
};

static uint32_t
take(struct source *t)
{
    size_t n;
    uint32_t r = tenon_utf8_next(t->s, strlen(t->s), &n);
    t->s += n;
    return r;
}

static bool
is_letter_or_digit(uint32_t r)
{
    return (r >= '0' && r <= '9') || (r >= 'A' && r <= 'Z') || (r >= 'a' && r <= 'z');
}

/* What is behind a backslash and stands for one character; false: nothing does. */
static bool
escaped_rune(struct source *t, uint32_t *out)
{
    static const char letters[] = "afnrtv", meanings[] = "\a\f\n\r\t\v";
    if (!*t->s)
        return false;
    uint32_t c = take(t);
    const char *letter = c && c < 0x80 ? strchr(letters, (int)c) : NULL;
    *out = letter ? (uint32_t)meanings[letter - letters] : c;
    if (letter || (c < 0x80 && !is_letter_or_digit(c)))
        return true;
    /* A single digit would be a reference to a group. */
    if (c == '0' || (c >= '1' && c <= '7' && *t->s >= '0' && *t->s <= '7')) {
        *out = c - '0';
        for (int i = 1; i < 3 && *t->s >= '0' && *t->s <= '7'; i++)
            *out = *out * 8 + (uint32_t)(*t->s++ - '0');
        return true;
    }
    if (c != 'x')
        return false;
    bool braces = *t->s == '{'; /* \x{1F4A9} */
    size_t digits = 0;
    t->s += braces;
    for (*out = 0; digits < (braces ? 6 : 2) && tenon_hex_digit(*t->s) >= 0; digits++)
        *out = *out * 16 + (uint32_t)tenon_hex_digit(*t->s++);
    if (!braces)
        return digits == 2;
    return digits > 0 && *t->s++ == '}' && *out <= 0x10ffff;
}

static void
add_range(struct tenon_regexp *re, struct token *set, uint32_t lo, uint32_t hi)
{
    tenon_vec_push(&re->ranges, (struct range){lo, hi});
    set->count++;
}

/* Ranges as pairs of ASCII characters in ascending order, or all but these. */
static void
add_pairs(struct tenon_regexp *re, struct token *set, const char *pairs, bool negated)
{
    uint32_t next = 0;
    for (const char *p = pairs; *p; p += 2) {
        uint32_t lo = (uint32_t)p[0], hi = (uint32_t)p[1];
        if (!negated)
            add_range(re, set, lo, hi);
        else if (lo > next)
            add_range(re, set, next, lo - 1);
        next = hi + 1;
    }
    if (negated)
        add_range(re, set, next, UINT32_MAX);
}

/* [:name:], [:^name:], at "[:"; -1: no such name, 0: it is none. */
static int
named_class(struct tenon_regexp *re, struct token *set, struct source *t)
{
    static const struct { const char *name, *pairs; } known[] = {
        { "alnum", "09AZaz" },  { "alpha", "AZaz" },   { "ascii", "\1\177" },
        { "blank", "\t\t  " },  { "cntrl", "\1\37\177\177" },
        { "digit", "09" },      { "graph", "!~" },     { "lower", "az" },
        { "print", " ~" },      { "punct", "!/:@[`{~" },
        { "space", "\t\r  " },  { "upper", "AZ" },     { "word", "09AZ__az" },
        { "xdigit", "09AFaf" },
    };
    const char *end = strstr(t->s + 2, ":]");
    if (!end)
        return 0;
    bool negated = t->s[2] == '^';
    const char *name = t->s + 2 + negated;
    for (size_t i = 0; i < tenon_countof(known); i++) {
        size_t len = strlen(known[i].name);
        if (name + len == end && !memcmp(name, known[i].name, len)) {
            add_pairs(re, set, known[i].pairs, negated);
            t->s = end + 2;
            return 1;
        }
    }
    return -1;
}

/* \pL, \PL, \p{L}, \p{^Letter}, at the backslash: a class of Unicode by its letter or its
 * name; -1: no such class, or a script (\p{Greek}), of which we have no table. */
static int
unicode_class(struct tenon_regexp *re, struct token *set, struct source *t)
{
    bool negated = t->s[1] == 'P';
    const char *name = t->s + 2, *close = *name == '{' ? strchr(name, '}') : NULL;
    if (!*name || (*name == '{' && !close))
        return -1;
    const char *end = close ? close + 1 : name + 1;
    size_t len = close ? (size_t)(close - ++name) : 1;
    if (close && *name == '^') {
        negated = !negated;
        name++;
        len--;
    }
    if (len == 5 && !strncasecmp(name, "ASCII", len)) {
        add_pairs(re, set, "\1\177", negated); /* there is no NUL in a name */
    } else {
        const uint32_t categories = tenon_unicode_class(name, len);
        if (!categories)
            return -1;
        set->categories |= negated ? ~categories : categories;
    }
    t->s = end;
    return 1;
}

/* \d and its like, at a backslash; 0: it is none. */
static int
escaped_class(struct tenon_regexp *re, struct token *set, struct source *t)
{
    static const struct { char name; const char *pairs; } known[] = {
        { 'd', "09" }, { 's', "\t\n\f\r  " }, { 'w', "09AZ__az" },
    };
    if (t->s[1] == 'p' || t->s[1] == 'P')
        return unicode_class(re, set, t);
    for (size_t i = 0; i < tenon_countof(known); i++) {
        bool negated = t->s[1] == known[i].name - 'a' + 'A';
        if (t->s[1] != known[i].name && !negated)
            continue;
        add_pairs(re, set, known[i].pairs, negated);
        t->s += 2;
        return 1;
    }
    return 0;
}

static bool
class_rune(struct source *t, uint32_t *out)
{
    if (!*t->s)
        return false;
    *out = take(t);
    return *out != '\\' || escaped_rune(t, out);
}

/* Behind "[". */
static bool
compile_class(struct tenon_regexp *re, struct source *t)
{
    struct token set = { .type = SET, .first = (uint32_t)re->ranges.len };
    if (*t->s == '^') {
        set.negated = true;
        t->s++;
    }
    for (bool first = true; first || *t->s != ']'; first = false) {
        int named = *t->s == '\\'                       ? escaped_class(re, &set, t)
                    : t->s[0] == '[' && t->s[1] == ':' ? named_class(re, &set, t)
                                                        : 0;
        if (named < 0)
            return false;
        if (named > 0)
            continue;
        uint32_t lo, hi;
        if (!class_rune(t, &lo))
            return false;
        hi = lo;
        if (t->s[0] == '-' && t->s[1] && t->s[1] != ']') {
            t->s++;
            if (!class_rune(t, &hi) || hi < lo)
                return false;
        }
        add_range(re, &set, lo, hi);
    }
    t->s++;
    if (*t->s == '*') {
        set.type = STAR;
        t->s++;
    }
    tenon_vec_push(&re->tokens, set);
    return true;
}

static void
add(struct tenon_regexp *re, enum token_type type, uint32_t rune)
{
    re->looks_around |= type >= BEGIN;
    tenon_vec_push(&re->tokens, (struct token){ .type = type, .rune = rune });
}

/* At a backslash. */
static bool
compile_escape(struct tenon_regexp *re, struct source *t)
{
    struct token set = { .type = SET, .first = (uint32_t)re->ranges.len };
    int named = escaped_class(re, &set, t);
    if (named) {
        tenon_vec_push(&re->tokens, set);
        return named > 0;
    }
    char c = t->s[1];
    if (c == 'Q') { /* as it is, up to \E */
        t->s += 2;
        while (*t->s && !(t->s[0] == '\\' && t->s[1] == 'E'))
            add(re, RUNE, take(t));
        t->s += *t->s ? 2 : 0;
        return true;
    }
    enum token_type where = c == 'A' ? BEGIN : c == 'z' ? END : c == 'b' ? WORD
                            : c == 'B' ? NOT_WORD : RUNE;
    if (where != RUNE) {
        add(re, where, 0);
        t->s += 2;
        return true;
    }
    t->s++;
    uint32_t r;
    if (!escaped_rune(t, &r))
        return false;
    add(re, RUNE, r);
    return true;
}

/* A count that is none is text, as in "*.{c,h}". */
static bool
read_count(const char *s, const char **end, uint32_t *min, uint32_t *max)
{
    uint32_t *into = min;
    *min = *max = 0;
    if (*s < '0' || *s > '9')
        return false;
    for (; (*s >= '0' && *s <= '9') || (*s == ',' && into == min); s++) {
        if (*s == ',')
            into = max;
        else if (*into <= COUNT_MAX)
            *into = *into * 10 + (uint32_t)(*s - '0');
    }
    if (into == min)
        *max = *min;
    else if (s[-1] == ',')
        *max = UINT32_MAX;
    *end = s + 1;
    return *s == '}';
}

/* At "{": repeats the token before it. */
static bool
compile_count(struct tenon_regexp *re, struct source *t, size_t alternative)
{
    uint32_t min, max;
    const char *end;
    if (!read_count(t->s + 1, &end, &min, &max)) {
        add(re, RUNE, take(t));
        return true;
    }
    t->s = end;
    if (min > COUNT_MAX || (max != UINT32_MAX && (max > COUNT_MAX || min > max)))
        return false;
    if (re->tokens.len == alternative)
        return alternative == 1; /* of "^" */
    struct token one = re->tokens.items[re->tokens.len - 1];
    if (one.type != RUNE && one.type != SET)
        return false; /* counted already */
    re->tokens.len--;
    for (uint32_t i = 0; i < min; i++)
        tenon_vec_push(&re->tokens, one);
    if (max == UINT32_MAX) {
        struct token star = one;
        if (one.type == RUNE) {
            star = (struct token){ .first = (uint32_t)re->ranges.len };
            add_range(re, &star, one.rune, one.rune);
        }
        star.type = STAR;
        tenon_vec_push(&re->tokens, star);
    }
    for (uint32_t i = min; max != UINT32_MAX && i < max; i++) {
        uint32_t over = (uint32_t)re->tokens.len + 2;
        tenon_vec_push(&re->tokens, (struct token){ .type = SKIP, .first = over });
        tenon_vec_push(&re->tokens, one);
    }
    return true;
}

/* At "|": what was before it ends anywhere, what follows begins anywhere. */
static size_t
compile_alternative(struct tenon_regexp *re, struct source *t, size_t before)
{
    t->s++;
    add(re, REST, 0);
    add(re, DONE, 0);
    re->tokens.items[before - 1].first = (uint32_t)re->tokens.len;
    add(re, SKIP, 0);
    size_t begin = re->tokens.len;
    add(re, REST, 0);
    return begin;
}

static bool
compile_all(struct tenon_regexp *re, struct source *t, size_t *alternative)
{
    static const char deep_slash[] = "(.*/)?", deep[] = ".*";
    while (*t->s) {
        if (!strncmp(t->s, deep_slash, strlen(deep_slash))) {
            t->s += strlen(deep_slash);
            add(re, DEEP_SLASH, 0);
            add(re, UNTIL_SLASH, 0);
        } else if (!strncmp(t->s, deep, strlen(deep))) {
            t->s += strlen(deep);
            add(re, DEEP, 0);
        } else if (*t->s == '[') {
            t->s++;
            if (!compile_class(re, t))
                return false;
        } else if (*t->s == '\\') {
            if (!compile_escape(re, t))
                return false;
        } else if (*t->s == '{') {
            if (!compile_count(re, t, *alternative))
                return false;
        } else if (*t->s == '|') {
            *alternative = compile_alternative(re, t, *alternative);
        } else if (!strcmp(t->s, "$")) {
            return true;
        } else {
            uint32_t r = take(t);
            add(re, r == '^' ? BEGIN : RUNE, r);
        }
    }
    add(re, REST, 0); /* the "$" became a part of \Q */
    return true;
}

static bool
compile(struct tenon_regexp *re, struct source *t)
{
    add(re, SKIP, 0); /* to the next alternative */
    size_t alternative = re->tokens.len;
    bool done = compile_all(re, t, &alternative);
    re->tokens.items[alternative - 1].first = (uint32_t)alternative;
    return done;
}

struct tenon_regexp *
tenon_regexp_compile(const char *text)
{
    struct tenon_regexp *re = tenon_new0(struct tenon_regexp);
    struct source t = { text + 1 };
    while (*t.s == '^') /* once more says nothing new */
        t.s++;
    if (compile(re, &t))
        return re;
    tenon_regexp_free(re);
    return NULL;
}

void
tenon_regexp_free(struct tenon_regexp *re)
{
    if (!re)
        return;
    tenon_vec_release(&re->tokens);
    tenon_vec_release(&re->ranges);
    free(re);
}

/* ---- running -------------------------------------------------------------------- */

/* State i: tokens before i are done; the last state accepts.  A set of states
 * is an array of words. */
#define INLINE_WORDS 8

struct states {
    uint64_t *now, *then;
    size_t words;
    uint64_t space[2 * INLINE_WORDS];
    uint64_t *heap;
};

/* What is on both sides of a place. */
struct place {
    bool at_begin, at_end, is_word_edge;
};

static void
states_init(struct states *st, const struct tenon_regexp *re)
{
    st->words = (re->tokens.len + 2) / 64 + 1;
    st->heap = NULL;
    uint64_t *space = st->space;
    if (st->words > INLINE_WORDS)
        space = st->heap = tenon_calloc(2 * st->words, sizeof *space);
    st->now = space;
    st->then = space + st->words;
    memset(st->now, 0, st->words * sizeof *st->now);
    st->now[0] = 1;
}

static void
enter(uint64_t *set, size_t i)
{
    set[i / 64] |= UINT64_C(1) << (i % 64);
}

static bool
is_in(const uint64_t *set, size_t i)
{
    return set[i / 64] >> (i % 64) & 1;
}

/* Adds the states that are reached from i without a character. */
static void
spread_one(const struct tenon_regexp *re, uint64_t *set, size_t i, const struct place *at)
{
    switch (re->tokens.items[i].type) {
    case DEEP_SLASH:
        enter(set, i + 1);
        enter(set, i + 2);
        break;
    case STAR:
    case DEEP:
    case REST:
        enter(set, i + 1);
        break;
    case SKIP:
        enter(set, i + 1);
        enter(set, re->tokens.items[i].first);
        break;
    case DONE:
        enter(set, re->tokens.len);
        break;
    case BEGIN:
        if (at->at_begin)
            enter(set, i + 1);
        break;
    case END:
        if (at->at_end)
            enter(set, i + 1);
        break;
    case WORD:
        if (at->is_word_edge)
            enter(set, i + 1);
        break;
    case NOT_WORD:
        if (!at->is_word_edge)
            enter(set, i + 1);
        break;
    case RUNE:
    case SET:
    case UNTIL_SLASH:
        break;
    }
}

/* Those of all that are in it; what is added comes later than its origin. */
static void
spread(const struct tenon_regexp *re, uint64_t *set, const struct place *at)
{
    for (size_t w = 0; w <= re->tokens.len / 64; w++)
        for (uint64_t bits, seen = 0; (bits = set[w] & ~seen) != 0; seen |= bits & -bits) {
            const size_t i = w * 64 + (size_t)__builtin_ctzll(bits);
            if (i < re->tokens.len)
                spread_one(re, set, i, at);
        }
}

static bool
in_set(const struct tenon_regexp *re, const struct token *t, uint32_t r)
{
    for (uint32_t i = 0; i < t->count; i++) {
        const struct range *range = &re->ranges.items[t->first + i];
        if (range->lo <= r && r <= range->hi)
            return !t->negated;
    }
    if (t->categories && (t->categories & tenon_unicode_category(r)))
        return !t->negated;
    return t->negated;
}

static void
step_state(const struct tenon_regexp *re, uint64_t *set, size_t i, uint32_t r)
{
    const struct token *t = &re->tokens.items[i];
    switch (t->type) {
    case RUNE:
        if (r == t->rune)
            enter(set, i + 1);
        return;
    case SET:
        if (in_set(re, t, r))
            enter(set, i + 1);
        return;
    case STAR:
        if (in_set(re, t, r))
            enter(set, i);
        return;
    case UNTIL_SLASH:
        if (r == '/')
            enter(set, i + 1);
        if (r != '\n') /* '.' of a regular expression */
            enter(set, i);
        return;
    case DEEP:
        if (r != '\n')
            enter(set, i);
        return;
    case REST:
        enter(set, i);
        return;
    case DEEP_SLASH:
    case SKIP:
    case DONE:
    case BEGIN:
    case END:
    case WORD:
    case NOT_WORD:
        return;
    }
}

/* Consumes one character; false when no state is left. */
static bool
step(const struct tenon_regexp *re, struct states *st, uint32_t r)
{
    uint64_t any = 0;
    memset(st->then, 0, st->words * sizeof *st->then);
    for (size_t w = 0; w < st->words; w++) {
        for (uint64_t bits = st->now[w]; bits; bits &= bits - 1) {
            size_t i = w * 64 + (size_t)__builtin_ctzll(bits);
            if (i < re->tokens.len)
                step_state(re, st->then, i, r);
        }
    }
    for (size_t w = 0; w < st->words; w++)
        any |= st->then[w];
    uint64_t *swap = st->now;
    st->now = st->then;
    st->then = swap;
    return any != 0;
}

static bool
is_word(const char *path, size_t len, size_t at)
{
    return at < len && (is_letter_or_digit((unsigned char)path[at]) || path[at] == '_');
}

static struct place
look_around(const struct tenon_regexp *re, const char *path, size_t len, size_t at)
{
    if (!re->looks_around)
        return (struct place){ 0 };
    bool before = at > 0 && is_word(path, len, at - 1);
    return (struct place){ at == 0, at == len, before != is_word(path, len, at) };
}

static bool
run(const struct tenon_regexp *re, const char *path, size_t len, enum tenon_regexp_want want)
{
    struct states st;
    states_init(&st, re);
    bool result = false, alive = true;
    for (size_t i = 0; alive; ) {
        struct place at = look_around(re, path, len, i);
        spread(re, st.now, &at);
        if (i == len)
            break;
        if (want != TENON_REGEXP_WHOLE && path[i] == '/' && is_in(st.now, re->tokens.len)) {
            result = true;
            break;
        }
        size_t n;
        uint32_t r = tenon_utf8_next(path + i, len - i, &n);
        alive = step(re, &st, r);
        i += n;
    }
    if (alive && !result)
        result = is_in(st.now, re->tokens.len) ||
                 (want == TENON_REGEXP_OR_BELOW && step(re, &st, '/'));
    free(st.heap);
    return result;
}

bool
tenon_regexp_match(const struct tenon_regexp *re, const char *path, size_t len,
                   enum tenon_regexp_want want)
{
    if (!re->looks_around || want == TENON_REGEXP_WHOLE)
        return run(re, path, len, want);
    if (want == TENON_REGEXP_OR_BELOW)
        return true; /* what follows decides about the places before it */
    /* A parent ends where it ends. */
    for (size_t end = 0; end < len; end++)
        if (path[end] == '/' && run(re, path, end, TENON_REGEXP_WHOLE))
            return true;
    return run(re, path, len, TENON_REGEXP_WHOLE);
}
