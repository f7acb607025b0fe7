/* language/wordpattern.c - match '*' and '?' without a regular expression engine.
 *
 * BuildKit compiles these patterns to Go regular expressions in which '.' does
 * not match a newline; what that means is kept: neither wildcard crosses a
 * line. */
#include "wordpattern.h"

#include <stdint.h>
#include <string.h>

#include "language.h"
#include "word.h"

enum { LITERAL, ANY_ONE, ANY_RUN };

struct element {
    int kind;
    uint32_t rune;
};

struct pattern {
    struct element *items;
    size_t len;
    uint64_t *states, *next; /* bit i: the first i elements have matched */
    size_t words;
    struct df_arena *arena;
};

/* A value as characters, so that it can be walked from both ends. */
struct chars {
    uint32_t *runes; /* an invalid byte b is 0x110000 + b: equals itself only */
    size_t *offset;  /* where each begins; one more for the end */
    size_t len;
};

static struct chars
decode(struct df_arena *a, const char *s)
{
    size_t bytes = strlen(s);
    const char *p = s, *end = s + bytes;
    struct chars c = {
        .runes = df_arena_array(a, bytes + 1, sizeof *c.runes),
        .offset = df_arena_array(a, bytes + 1, sizeof *c.offset),
    };
    while (p < end) {
        uint32_t r;
        size_t width = df_rune(p, end, &r);
        if (r == 0xfffd && width == 1)
            r = 0x110000 + (unsigned char)*p;
        c.runes[c.len] = r;
        c.offset[c.len++] = (size_t)(p - s);
        p += width;
    }
    c.offset[c.len] = bytes;
    return c;
}

static const char too_slow[] = "the substitutions take too long";

/* Count the bytes that are to be decoded. */
static bool
charge(struct df_arena *a, const char *text)
{
    a->work += strlen(text);
    return df_work_left(a);
}

static bool
compile(struct df_arena *a, const char *text, struct pattern *out,
        const char **message)
{
    if (!charge(a, text)) {
        *message = too_slow;
        return false;
    }
    struct chars c = decode(a, text);
    struct pattern p = {
        .items = df_arena_array(a, c.len + 1, sizeof *p.items),
        .arena = a,
    };

    for (size_t i = 0; i < c.len; i++) {
        uint32_t r = c.runes[i];
        int kind = r == '*' ? ANY_RUN : r == '?' ? ANY_ONE : LITERAL;
        if (r == '\\') {
            uint32_t n = i + 1 < c.len ? c.runes[i + 1] : 0;
            if (n == '}' || n == '/')
                continue;
            if (n != '*' && n != '?' && n != '\\') {
                size_t from = i + 1 < c.len ? c.offset[i + 1] : 0;
                size_t len = i + 1 < c.len ? c.offset[i + 2] - from : 0;
                *message = df_arena_printf(
                    a, "invalid pattern (%s) in substitution: invalid escape '\\%.*s'",
                    text, len ? (int)len : 3, len ? text + from : "\xef\xbf\xbd");
                return false;
            }
            r = n;
            i++;
        }
        p.items[p.len++] = (struct element){.kind = kind, .rune = r};
    }
    p.words = p.len / 64 + 1;
    p.states = df_arena_array(a, p.words, sizeof *p.states);
    p.next = df_arena_array(a, p.words, sizeof *p.next);
    *out = p;
    return true;
}

static void
set_state(const struct pattern *p, uint64_t *states, size_t i)
{
    /* A run may match nothing. */
    for (;;) {
        states[i / 64] |= (uint64_t)1 << (i % 64);
        if (i >= p->len || p->items[i].kind != ANY_RUN)
            return;
        i++;
    }
}

/* How many of runes[0..n) match from the front (step 1) or, given the address
 * of the last, from the back (step -1); -1 when none do.  *failed when this
 * took too long. */
static ptrdiff_t
match(struct pattern *p, const uint32_t *runes, ptrdiff_t step, size_t n,
      bool greedy, bool *failed)
{
    ptrdiff_t best = -1;

    memset(p->states, 0, p->words * sizeof *p->states);
    set_state(p, p->states, 0);
    for (size_t k = 0;; k++) {
        if (p->states[p->len / 64] >> (p->len % 64) & 1) {
            best = (ptrdiff_t)k;
            if (!greedy)
                return best;
        }
        if (k == n)
            return best;
        uint32_t r = *runes;
        runes += step;
        bool alive = false;
        memset(p->next, 0, p->words * sizeof *p->next);
        for (size_t w = 0; w < p->words; w++) {
            uint64_t bits = p->states[w];
            while (bits) {
                size_t i = w * 64 + (size_t)__builtin_ctzll(bits);
                bits &= bits - 1;
                ++p->arena->work;
                if (i >= p->len)
                    continue;
                struct element e = p->items[i];
                if (e.kind == LITERAL ? e.rune != r : r == '\n')
                    continue;
                set_state(p, p->next, e.kind == ANY_RUN ? i : i + 1);
                alive = true;
            }
        }
        p->arena->work += p->words;
        if (!df_work_left(p->arena)) {
            *failed = true;
            return -1;
        }
        if (!alive)
            return best;
        uint64_t *t = p->states;
        p->states = p->next;
        p->next = t;
    }
}

char *
df_pattern_trim(struct df_arena *a, const char *pattern, const char *value,
                bool suffix, bool greedy, const char **message)
{
    struct pattern p;
    bool failed = false;
    if (!compile(a, pattern, &p, message))
        return NULL;
    if (!charge(a, value)) {
        *message = too_slow;
        return NULL;
    }
    struct chars c = decode(a, value);

    if (suffix) {
        for (size_t i = 0; i < p.len / 2; i++) {
            struct element e = p.items[i];
            p.items[i] = p.items[p.len - 1 - i];
            p.items[p.len - 1 - i] = e;
        }
    }
    ptrdiff_t n = match(&p, suffix && c.len ? c.runes + c.len - 1 : c.runes,
                        suffix ? -1 : 1, c.len, greedy, &failed);
    if (failed) {
        *message = too_slow;
        return NULL;
    }
    if (n < 0)
        n = 0;
    if (suffix)
        return df_arena_strndup(a, value, c.offset[c.len - (size_t)n]);
    return df_arena_strdup(a, value + c.offset[n]);
}

/* Go's Regexp.Expand: "$$" is a dollar, "$0" the match, other names nothing.
 * False when it got too long. */
static bool
add_template(struct df_arena *a, struct tenon_buf *b, const char *t,
             const char *match_at, size_t match_len)
{
    a->work += strlen(t);
    const char *stop = t + strlen(t);
    for (; *t; t++) {
        if (*t != '$') {
            tenon_buf_addc(b, *t);
            continue;
        }
        if (t[1] == '$') {
            tenon_buf_addc(b, '$');
            t++;
            continue;
        }
        const char *name = t + (t[1] == '{' ? 2 : 1), *end = name;
        uint32_t r;
        size_t width;
        while (end < stop && (width = df_rune(end, stop, &r)) > 0 &&
               (df_is_letter(r) || df_is_digit(r) || r == '_'))
            end += width;
        bool brace = name == t + 2;
        if (end == name || (brace && *end != '}')) {
            tenon_buf_addc(b, '$');
            continue;
        }
        if (end - name == 1 && *name == '0') {
            a->work += match_len;
            if (!df_work_left(a))
                return false;
            tenon_buf_add(b, match_at, match_len);
        }
        t = end - (brace ? 0 : 1);
    }
    return df_work_left(a);
}

char *
df_pattern_replace(struct df_arena *a, const char *pattern, const char *value,
                   const char *replacement, bool all, const char **message)
{
    auto_buf struct tenon_buf out = TENON_BUF_INIT;
    struct pattern p;
    bool failed = false;
    if (!compile(a, pattern, &p, message))
        return NULL;
    if (!charge(a, value)) {
        *message = too_slow;
        return NULL;
    }
    struct chars c = decode(a, value);
    size_t copied = 0;          /* up to this character */
    size_t search = 0;
    ptrdiff_t last_end = -1;

    while (search <= c.len) {
        size_t from = search;
        ptrdiff_t n = -1;
        for (; from <= c.len; from++) {
            n = match(&p, c.runes + from, 1, c.len - from, true, &failed);
            if (failed) {
                *message = too_slow;
                return NULL;
            }
            if (n >= 0)
                break;
        }
        if (n < 0)
            break;
        size_t to = from + (size_t)n;
        tenon_buf_add(&out, value + c.offset[copied],
                      c.offset[from] - c.offset[copied]);
        copied = to;
        if (!all) {
            tenon_buf_adds(&out, replacement);
            break;
        }
        /* No empty match right after another match. */
        if (((ptrdiff_t)to > last_end || from == 0) &&
            !add_template(a, &out, replacement, value + c.offset[from],
                          c.offset[to] - c.offset[from])) {
            *message = too_slow;
            return NULL;
        }
        last_end = (ptrdiff_t)to;
        search = to > search ? to : search + 1;
    }
    tenon_buf_adds(&out, value + c.offset[copied]);
    return df_arena_strndup(a, tenon_buf_str(&out), out.len);
}
