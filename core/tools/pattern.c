/* tools/pattern.c - globs and lists of patterns.
 *
 * The glob is Go's filepath.Match, chunk by chunk.  The pattern list is
 * moby/patternmatcher: there each pattern becomes exact, prefix ("a/xx"),
 * suffix or a regular expression; here the last is a small automaton that runs
 * once over the path and notes whether it accepts at a slash (a parent
 * matches) or at the end. */
#include "tools/pattern.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tools/alloc.h"
#include "tools/path.h"
#include "tools/vec.h"

/* ---- characters --------------------------------------------------------- */

#define BAD_RUNE 0x110000u /* plus the byte: what is not UTF-8 */

static uint32_t
next_rune(const char *text, size_t left, size_t *len)
{
    const unsigned char *s = (const unsigned char *)text;
    unsigned char c = s[0];
    *len = 1;
    if (c < 0x80)
        return c;
    size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    if (c < 0xc2 || c > 0xf4 || n > left)
        return BAD_RUNE + c;
    uint32_t r = c & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return BAD_RUNE + c;
        r = r << 6 | (s[i] & 0x3f);
    }
    if ((n == 3 && (r < 0x800 || (r >= 0xd800 && r <= 0xdfff))) ||
        (n == 4 && (r < 0x10000 || r > 0x10ffff)))
        return BAD_RUNE + c;
    *len = n;
    return r;
}

/* ---- filepath.Match ----------------------------------------------------- */

struct span {
    const char *s;
    size_t len;
};

static void
skip(struct span *t, size_t n)
{
    t->s += n;
    t->len -= n;
}

/* One, possibly escaped, character of a class; false when malformed.  There
 * must be something after it, at least the ']'. */
static bool
class_char(struct span *p, uint32_t *r)
{
    if (p->len == 0 || *p->s == '-' || *p->s == ']')
        return false;
    if (*p->s == '\\') {
        skip(p, 1);
        if (p->len == 0)
            return false;
    }
    size_t n;
    *r = next_rune(p->s, p->len, &n);
    if (*r >= BAD_RUNE)
        return false;
    skip(p, n);
    return p->len > 0;
}

/* Splits stars and the chunk up to the next star off *pattern. */
static struct span
next_chunk(struct span *pattern, bool *star)
{
    *star = false;
    while (pattern->len && *pattern->s == '*') {
        skip(pattern, 1);
        *star = true;
    }
    bool in_class = false;
    size_t i;
    for (i = 0; i < pattern->len; i++) {
        char c = pattern->s[i];
        if (c == '\\') {
            if (i + 1 < pattern->len)
                i++;
        } else if (c == '[') {
            in_class = true;
        } else if (c == ']') {
            in_class = false;
        } else if (c == '*' && !in_class) {
            break;
        }
    }
    struct span chunk = {pattern->s, i};
    skip(pattern, i);
    return chunk;
}

/* Does s begin with what chunk describes?  *rest is then what follows.  Goes
 * on to the end of chunk after a mismatch, to see whether it is well-formed. */
static bool
match_chunk(struct span chunk, struct span s, struct span *rest, bool *bad)
{
    bool failed = false;
    while (chunk.len) {
        if (s.len == 0)
            failed = true;
        char c = *chunk.s;
        if (c == '[') {
            uint32_t r = 0;
            if (!failed) {
                size_t n;
                r = next_rune(s.s, s.len, &n);
                skip(&s, n);
            }
            skip(&chunk, 1);
            bool negated = chunk.len && *chunk.s == '^';
            if (negated)
                skip(&chunk, 1);
            bool match = false;
            for (unsigned ranges = 0;; ranges++) {
                if (chunk.len && *chunk.s == ']' && ranges) {
                    skip(&chunk, 1);
                    break;
                }
                uint32_t lo, hi;
                if (!class_char(&chunk, &lo))
                    goto malformed;
                hi = lo;
                if (*chunk.s == '-') {
                    skip(&chunk, 1);
                    if (!class_char(&chunk, &hi))
                        goto malformed;
                }
                if (lo <= r && r <= hi)
                    match = true;
            }
            if (match == negated)
                failed = true;
            continue;
        }
        if (c == '?') {
            if (!failed) {
                if (*s.s == '/')
                    failed = true;
                size_t n;
                next_rune(s.s, s.len, &n);
                skip(&s, n);
            }
            skip(&chunk, 1);
            continue;
        }
        if (c == '\\') {
            skip(&chunk, 1);
            if (chunk.len == 0)
                goto malformed;
        }
        if (!failed) {
            if (*chunk.s != *s.s)
                failed = true;
            skip(&s, 1);
        }
        skip(&chunk, 1);
    }
    if (failed)
        return false;
    *rest = s;
    return true;
malformed:
    *bad = true;
    return false;
}

bool
tenon_glob_match(const char *pattern, const char *path, bool *bad)
{
    struct span p = {pattern, strlen(pattern)};
    struct span name = {path, strlen(path)};
    bool malformed = false;
    *bad = false;
    while (p.len) {
        bool star;
        struct span chunk = next_chunk(&p, &star);
        if (star && chunk.len == 0)
            return !memchr(name.s, '/', name.len);
        struct span rest;
        bool ok = match_chunk(chunk, name, &rest, &malformed);
        /* The last chunk has to use the name up. */
        if (ok && (rest.len == 0 || p.len)) {
            name = rest;
            continue;
        }
        if (malformed)
            goto bad_pattern;
        bool found = false;
        if (star) {
            for (size_t i = 0; i < name.len && name.s[i] != '/'; i++) {
                struct span from = {name.s + i + 1, name.len - i - 1};
                ok = match_chunk(chunk, from, &rest, &malformed);
                if (malformed)
                    goto bad_pattern;
                if (ok && (p.len || rest.len == 0)) {
                    found = true;
                    break;
                }
            }
        }
        if (found) {
            name = rest;
            continue;
        }
        while (p.len) {
            chunk = next_chunk(&p, &star);
            match_chunk(chunk, (struct span){"", 0}, &rest, &malformed);
            if (malformed)
                goto bad_pattern;
        }
        return false;
    }
    return name.len == 0;
bad_pattern:
    *bad = true;
    return false;
}

/* ---- pattern lists ------------------------------------------------------ */

enum kind { EXACT, PREFIX, SUFFIX, AUTOMATON };

enum token_type {
    ONE,        /* this rune */
    ANY,        /* [^/] */
    STAR,       /* [^/]* */
    DEEP,       /* .* at the end */
    DEEP_SLASH, /* (.*[/])? */
    CLASS,
};

struct range {
    uint32_t lo, hi;
};

struct token {
    enum token_type type;
    bool negated;
    uint32_t rune;         /* ONE */
    uint32_t first, count; /* CLASS: of pattern.ranges */
};

struct pattern {
    enum kind kind;
    bool negative; /* written with a '!' */
    char *text;    /* EXACT, PREFIX, SUFFIX: the literal part */
    size_t len;
    TENON_VEC(struct token) tokens;
    TENON_VEC(struct range) ranges;
};

struct tenon_patterns {
    TENON_VEC(struct pattern) list;
};

static bool
compile_class(struct pattern *p, struct span *s)
{
    struct token t = {.type = CLASS, .first = (uint32_t)p->ranges.len};
    if (s->len && *s->s == '^') {
        t.negated = true;
        skip(s, 1);
    }
    while (!(s->len && *s->s == ']' && t.count)) {
        struct range r;
        if (!class_char(s, &r.lo))
            return false;
        r.hi = r.lo;
        if (*s->s == '-') {
            skip(s, 1);
            if (!class_char(s, &r.hi))
                return false;
        }
        if (r.lo > r.hi)
            return false; /* regexp refuses it */
        tenon_vec_push(&p->ranges, r);
        t.count++;
    }
    skip(s, 1);
    tenon_vec_push(&p->tokens, t);
    return true;
}

/* Which kind is decided as patternmatcher's compile() does, oddities
 * included: "**" in front followed by plain text is a suffix of any kind
 * ("**x" matches "ax"). */
static bool
compile_one(struct pattern *p, const char *clean)
{
    struct span s = {clean, strlen(clean)};
    p->kind = EXACT;
    for (bool first = true; s.len; first = false) {
        char c = *s.s;
        if (c == '*') {
            skip(&s, 1);
            if (!(s.len && *s.s == '*')) {
                tenon_vec_push(&p->tokens, (struct token){.type = STAR});
                p->kind = AUTOMATON;
                continue;
            }
            skip(&s, 1);
            if (s.len && *s.s == '/')
                skip(&s, 1);
            if (s.len == 0) {
                tenon_vec_push(&p->tokens, (struct token){.type = DEEP});
                p->kind = p->kind == EXACT ? PREFIX : AUTOMATON;
            } else {
                tenon_vec_push(&p->tokens, (struct token){.type = DEEP_SLASH});
                p->kind = AUTOMATON;
            }
            if (first)
                p->kind = SUFFIX;
        } else if (c == '?') {
            skip(&s, 1);
            tenon_vec_push(&p->tokens, (struct token){.type = ANY});
            p->kind = AUTOMATON;
        } else if (c == '[') {
            skip(&s, 1);
            if (!compile_class(p, &s))
                return false;
            p->kind = AUTOMATON;
        } else {
            if (c == '\\') {
                skip(&s, 1);
                if (s.len == 0)
                    return false;
                p->kind = AUTOMATON;
            } else if (c == ']') {
                p->kind = AUTOMATON;
            }
            size_t n;
            uint32_t r = next_rune(s.s, s.len, &n);
            tenon_vec_push(&p->tokens,
                           (struct token){.type = ONE, .rune = r});
            skip(&s, n);
        }
    }
    size_t len = strlen(clean);
    switch (p->kind) {
    case EXACT:
        p->text = tenon_strdup(clean);
        break;
    case PREFIX:
        p->text = tenon_strndup(clean, len - 2);
        break;
    case SUFFIX:
        p->text = tenon_strdup(clean + 2);
        break;
    case AUTOMATON:
        return true;
    }
    p->len = strlen(p->text);
    tenon_vec_release(&p->tokens);
    return true;
}

/* strings.TrimSpace, of ASCII */
static char *
trimmed(const char *s, size_t len)
{
    static const char blanks[] = " \t\n\v\f\r";
    while (len && s[0] && strchr(blanks, s[0])) {
        s++;
        len--;
    }
    while (len && s[len - 1] && strchr(blanks, s[len - 1]))
        len--;
    return tenon_strndup(s, len);
}

struct tenon_patterns *
tenon_patterns_compile(const char *const *lines, size_t count,
                       const char **bad)
{
    auto_patterns struct tenon_patterns *p = tenon_new0(struct tenon_patterns);
    for (size_t i = 0; i < count; i++) {
        auto_free char *line = trimmed(lines[i], strlen(lines[i]));
        if (!*line)
            continue;
        auto_free char *clean = tenon_path_clean(line);
        const char *text = clean;
        struct pattern *one = tenon_vec_add(&p->list);
        if (*text == '!') {
            one->negative = true;
            text++;
        }
        bool malformed = !*text;
        if (!malformed)
            tenon_glob_match(text, ".", &malformed);
        if (malformed || !compile_one(one, text)) {
            if (bad)
                *bad = lines[i];
            return NULL;
        }
    }
    return tenon_steal(&p);
}

void
tenon_patterns_free(struct tenon_patterns *p)
{
    if (!p)
        return;
    tenon_vec_foreach(one, &p->list)
    {
        free(one->text);
        tenon_vec_release(&one->tokens);
        tenon_vec_release(&one->ranges);
    }
    tenon_vec_release(&p->list);
    free(p);
}

/* ---- running the automaton ---------------------------------------------- */

/* State i: tokens before i are done; the last state accepts.  A set of states
 * is an array of words. */
#define INLINE_WORDS 8

struct states {
    uint64_t *now, *then;
    size_t words;
    uint64_t space[2 * INLINE_WORDS];
    uint64_t *heap;
};

static void
states_init(struct states *st, const struct pattern *p)
{
    st->words = p->tokens.len / 64 + 1;
    st->heap = NULL;
    uint64_t *space = st->space;
    if (st->words > INLINE_WORDS)
        space = st->heap = tenon_calloc(2 * st->words, sizeof *space);
    st->now = space;
    st->then = space + st->words;
    memset(st->now, 0, st->words * sizeof *st->now);
}

/* Add state i and those reached without a character. */
static void
enter_state(const struct pattern *p, uint64_t *set, size_t i)
{
    for (;; i++) {
        set[i / 64] |= UINT64_C(1) << (i % 64);
        if (i == p->tokens.len)
            return;
        enum token_type type = p->tokens.items[i].type;
        if (type != STAR && type != DEEP && type != DEEP_SLASH)
            return;
    }
}

static bool
in_class(const struct pattern *p, const struct token *t, uint32_t r)
{
    for (uint32_t i = 0; i < t->count; i++) {
        const struct range *range = &p->ranges.items[t->first + i];
        if (range->lo <= r && r <= range->hi)
            return !t->negated;
    }
    return t->negated;
}

static void
step_state(const struct pattern *p, uint64_t *set, size_t i, uint32_t r)
{
    const struct token *t = &p->tokens.items[i];
    switch (t->type) {
    case ONE:
        if (r == t->rune)
            enter_state(p, set, i + 1);
        return;
    case ANY:
        if (r != '/')
            enter_state(p, set, i + 1);
        return;
    case CLASS:
        if (in_class(p, t, r))
            enter_state(p, set, i + 1);
        return;
    case STAR:
        if (r != '/')
            enter_state(p, set, i);
        return;
    case DEEP:
        if (r != '\n') /* '.' of a regular expression */
            enter_state(p, set, i);
        return;
    case DEEP_SLASH:
        /* Once inside, leaving it takes a slash: only this state, not those
         * that enter_state() would add for "nothing at all". */
        if (r == '/')
            enter_state(p, set, i + 1);
        if (r != '\n')
            set[i / 64] |= UINT64_C(1) << (i % 64);
        return;
    }
}

/* Consumes one character; false when no state is left. */
static bool
step(const struct pattern *p, struct states *st, uint32_t r)
{
    uint64_t any = 0;
    memset(st->then, 0, st->words * sizeof *st->then);
    for (size_t w = 0; w < st->words; w++) {
        for (uint64_t bits = st->now[w]; bits; bits &= bits - 1) {
            size_t i = w * 64 + (size_t)__builtin_ctzll(bits);
            if (i < p->tokens.len)
                step_state(p, st->then, i, r);
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
accepts(const struct pattern *p, const struct states *st)
{
    size_t i = p->tokens.len;
    return st->now[i / 64] >> (i % 64) & 1;
}

enum want {
    WHOLE,     /* the path itself */
    OR_PARENT, /* the path or one of its parents */
    OR_BELOW,  /* these, or perhaps something below the path */
};

static bool
run(const struct pattern *p, const char *path, size_t len, enum want want)
{
    struct states st;
    states_init(&st, p);
    enter_state(p, st.now, 0);
    bool result = false, alive = true;
    for (size_t i = 0; alive && i < len;) {
        size_t n;
        if (want != WHOLE && path[i] == '/' && accepts(p, &st)) {
            result = true;
            break;
        }
        alive = step(p, &st, next_rune(path + i, len - i, &n));
        i += n;
    }
    if (alive && !result)
        result = accepts(p, &st) || (want == OR_BELOW && step(p, &st, '/'));
    free(st.heap);
    return result;
}

static bool
suffix_matches(const struct pattern *p, const char *path, size_t len)
{
    if (len >= p->len && memcmp(path + len - p->len, p->text, p->len) == 0)
        return true;
    /* the slash of "**" + "/x" need not be there */
    return p->text[0] == '/' && len == p->len - 1 &&
           memcmp(path, p->text + 1, len) == 0;
}

static bool
pattern_matches(const struct pattern *p, const char *path, size_t len)
{
    switch (p->kind) {
    case EXACT:
        return len == p->len && memcmp(path, p->text, len) == 0;
    case PREFIX:
        return len >= p->len && memcmp(path, p->text, p->len) == 0;
    case SUFFIX:
        return suffix_matches(p, path, len);
    case AUTOMATON:
        return run(p, path, len, WHOLE);
    }
    return false;
}

/* The path itself or one of its parents. */
static bool
pattern_covers(const struct pattern *p, const char *path, size_t len)
{
    switch (p->kind) {
    case EXACT:
        return len >= p->len && memcmp(path, p->text, p->len) == 0 &&
               (len == p->len || path[p->len] == '/');
    case PREFIX:
        return len >= p->len && memcmp(path, p->text, p->len) == 0;
    case SUFFIX:
        for (size_t end = len;;) {
            if (suffix_matches(p, path, end))
                return true;
            const char *slash = memrchr(path, '/', end);
            if (!slash || slash == path)
                return false;
            end = (size_t)(slash - path);
        }
    case AUTOMATON:
        return run(p, path, len, OR_PARENT);
    }
    return false;
}

/* May it match something below the directory (or the directory itself)? */
static bool
pattern_may_reach(const struct pattern *p, const char *path, size_t len)
{
    switch (p->kind) {
    case EXACT:
    case PREFIX:
        if (pattern_covers(p, path, len))
            return true;
        if (p->kind == PREFIX && p->len == len + 1 &&
            memcmp(p->text, path, len) == 0 && p->text[len] == '/')
            return true;
        return p->len > len + 1 && memcmp(p->text, path, len) == 0 &&
               p->text[len] == '/';
    case SUFFIX:
        return true;
    case AUTOMATON:
        return run(p, path, len, OR_BELOW);
    }
    return true;
}

bool
tenon_patterns_match(const struct tenon_patterns *p, const char *path)
{
    size_t len = strlen(path);
    bool matched = false;
    tenon_vec_foreach(one, &p->list)
    {
        if (one->negative == matched && pattern_covers(one, path, len))
            matched = !one->negative;
    }
    return matched;
}

/* ---- as a walk finds ------------------------------------------------------ */

static bool
has_exceptions(const struct tenon_patterns *p)
{
    tenon_vec_foreach(one, &p->list)
    {
        if (one->negative)
            return true;
    }
    return false;
}

/* One step down: what held above holds here, and a pattern is looked at only
 * where it would change something.  held is read and written. */
static void
match_level(const struct tenon_patterns *p, bool *held, const char *path,
            size_t len)
{
    bool matched = false;
    for (size_t i = 0; i < p->list.len; i++) {
        const struct pattern *one = &p->list.items[i];
        if (!held[i] && one->negative == matched)
            held[i] = pattern_matches(one, path, len);
        if (held[i])
            matched = !one->negative;
    }
}

bool *
tenon_patterns_enter(const struct tenon_patterns *p, const char *dir)
{
    if (!p || !has_exceptions(p))
        return NULL;
    bool *held = tenon_calloc(p->list.len, sizeof *held);
    for (size_t len = 0; dir[len];) {
        len += dir[len] == '/';
        len += strcspn(dir + len, "/");
        match_level(p, held, dir, len);
    }
    return held;
}

bool
tenon_patterns_match_in(const struct tenon_patterns *p, const bool *held,
                        const char *path)
{
    if (!held)
        return tenon_patterns_match(p, path);
    size_t len = strlen(path);
    bool matched = false;
    for (size_t i = 0; i < p->list.len; i++) {
        const struct pattern *one = &p->list.items[i];
        if (held[i] || (one->negative == matched &&
                        pattern_matches(one, path, len)))
            matched = !one->negative;
    }
    return matched;
}

static bool
may_reach(const struct tenon_patterns *p, const char *path, bool negative)
{
    size_t len = strlen(path);
    bool top = len == 0 || tenon_streq(path, ".");
    tenon_vec_foreach(one, &p->list)
    {
        if (one->negative == negative &&
            (top || pattern_may_reach(one, path, len)))
            return true;
    }
    return false;
}

bool
tenon_patterns_may_reinclude(const struct tenon_patterns *p, const char *path)
{
    return may_reach(p, path, true);
}

bool
tenon_patterns_may_match_below(const struct tenon_patterns *p,
                               const char *path)
{
    return may_reach(p, path, false);
}

/* ---- ignore files ------------------------------------------------------- */

char **
tenon_ignore_parse(const char *text, size_t len)
{
    TENON_VEC(char *) list = {0};
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        len -= 3;
    }
    while (len) {
        const char *newline = memchr(text, '\n', len);
        size_t n = newline ? (size_t)(newline - text) : len;
        auto_free char *line = trimmed(text, n);
        /* a comment only in the first column, seen before trimming */
        if (*text != '#' && *line) {
            bool negative = *line == '!';
            auto_free char *rest = negative
                                       ? trimmed(line + 1, strlen(line + 1))
                                       : tenon_strdup(line);
            auto_free char *clean =
                *rest ? tenon_path_clean(rest) : tenon_strdup("");
            const char *p = clean;
            if (p[0] == '/' && p[1])
                p++;
            tenon_vec_push(&list, tenon_asprintf("%s%s", negative ? "!" : "",
                                                 p));
        }
        n += newline != NULL;
        text += n;
        len -= n;
    }
    tenon_vec_push(&list, NULL);
    return list.items;
}
