/* tools/pattern.c - globs and lists of patterns.
 *
 * The glob is Go's filepath.Match, chunk by chunk.  The pattern list is
 * moby/patternmatcher: each pattern becomes exact, prefix ("a/xx"), suffix or a
 * regular expression. */
#include "tools/pattern.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tools/alloc.h"
#include "tools/buf.h"
#include "tools/path.h"
#include "tools/regexp.h"
#include "tools/utf8.h"
#include "tools/vec.h"

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
    *r = tenon_utf8_next(p->s, p->len, &n);
    if (*r >= TENON_UTF8_NONE)
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
                r = tenon_utf8_next(s.s, s.len, &n);
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
                tenon_utf8_next(s.s, s.len, &n);
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

/* Which characters and pairs of them are in a text, as bits that some have in common: a path that
 * lacks one that a pattern needs does not match. So of a thousand patterns few are tried. */
struct marks {
    uint64_t bits[4];
};

static void
mark(struct marks *m, unsigned what)
{
    const uint32_t h = what * 0x9e3779b1u >> 24;
    m->bits[h >> 6] |= UINT64_C(1) << (h & 63);
}

static struct marks
marks_of(const char *text, size_t len)
{
    struct marks m = {0};
    for (size_t i = 0; i < len; i++) {
        const unsigned c = (unsigned char)text[i];
        mark(&m, c);
        if (i + 1 < len)
            mark(&m, c << 8 | (unsigned char)text[i + 1]);
    }
    return m;
}

static bool
has_marks(const struct marks *have, const struct marks *need)
{
    return !((need->bits[0] & ~have->bits[0]) | (need->bits[1] & ~have->bits[1]) |
             (need->bits[2] & ~have->bits[2]) | (need->bits[3] & ~have->bits[3]));
}

enum kind {
    EXACT,
    PREFIX,
    SUFFIX,
    REGEXP,
    BROKEN, /* a regular expression that is none */
};

struct pattern {
    enum kind kind;
    bool negative; /* written with a '!' */
    char *text;    /* EXACT, PREFIX, SUFFIX: the literal part; BROKEN: all of it */
    size_t len;
    struct marks needs;
    struct tenon_regexp *regexp;
    atomic_bool *asked; /* BROKEN: was it looked at? */
};

struct tenon_patterns {
    TENON_VEC(struct pattern) list;
};

/* What patternmatcher shields of a line, and what the line is; oddities included: "**" in front
 * followed by plain text is a suffix of any kind ("**x" matches "ax"), and it does not know that
 * it is in a class ("[a*]"). */
static enum kind
expression_of(const char *clean, struct tenon_buf *out)
{
    enum kind kind = EXACT;
    tenon_buf_addc(out, '^');
    for (const char *s = clean; *s;) {
        bool first = s == clean;
        char c = *s++;
        if (c == '*' && *s == '*') {
            s += s[1] == '/' ? 2 : 1;
            if (*s) {
                tenon_buf_adds(out, "(.*/)?");
                kind = REGEXP;
            } else {
                tenon_buf_adds(out, ".*");
                kind = kind == EXACT ? PREFIX : REGEXP;
            }
            if (first)
                kind = SUFFIX;
            continue;
        }
        if (strchr(".+()$", c)) { /* it means to shield {|}, too, and does not */
            tenon_buf_addf(out, "\\%c", c);
        } else if (c == '*' || c == '?') {
            tenon_buf_adds(out, c == '*' ? "[^/]*" : "[^/]");
            kind = REGEXP;
        } else if (c == '\\') {
            tenon_buf_addc(out, c);
            if (*s)
                tenon_buf_addc(out, *s++);
            kind = REGEXP;
        } else {
            tenon_buf_addc(out, c);
            if (c == '[' || c == ']')
                kind = REGEXP;
        }
    }
    tenon_buf_addc(out, '$');
    return kind;
}

/* What every match of a regular expression has in it.  Where it may say "or", count or name
 * classes, and what is not ASCII: nothing. */
static struct marks
needs_of(const char *clean)
{
    struct marks all = {0};
    if (strpbrk(clean, "[]{}|^\\"))
        return all;
    for (const char *s = clean; *s;) {
        size_t run = 0;
        while (s[run] && s[run] != '*' && s[run] != '?' && !(s[run] & 0x80))
            run++;
        const struct marks m = marks_of(s, run);
        for (size_t i = 0; i < tenon_countof(all.bits); i++)
            all.bits[i] |= m.bits[i];
        s += run;
        if (s[0] == '*' && s[1] == '*')
            s += s[2] == '/' ? 3 : 2; /* that slash need not be there */
        else if (*s)
            s++;
    }
    return all;
}

static void
compile_one(struct pattern *p, const char *clean)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    size_t len = strlen(clean);
    p->kind = expression_of(clean, &text);
    switch (p->kind) {
    case PREFIX:
        p->text = tenon_strndup(clean, len - 2);
        p->needs = marks_of(p->text, len - 2);
        break;
    case SUFFIX:
        p->text = tenon_strdup(clean + 2);
        p->needs = marks_of(p->text + (*p->text == '/'), strlen(p->text) - (*p->text == '/'));
        break;
    case REGEXP:
        p->regexp = tenon_regexp_compile(tenon_buf_str(&text));
        p->needs = needs_of(clean);
        if (p->regexp)
            return;
        p->needs = (struct marks){0}; /* it has to be asked */
        p->kind = BROKEN;
        p->asked = tenon_new0(atomic_bool);
        p->text = tenon_strdup(clean);
        break;
    case EXACT:
        p->needs = marks_of(clean, len);
        p->text = tenon_strdup(clean);
        break;
    case BROKEN:
        p->text = tenon_strdup(clean);
        break;
    }
    p->len = strlen(p->text);
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
        if (malformed) {
            if (bad)
                *bad = lines[i];
            return NULL;
        }
        compile_one(one, text);
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
        free(one->asked);
        tenon_regexp_free(one->regexp);
    }
    tenon_vec_release(&p->list);
    free(p);
}

/* ---- matching ------------------------------------------------------------ */

/* Says no, and that it could not say. */
static bool
ask_broken(const struct pattern *p)
{
    atomic_store(p->asked, true);
    return false;
}

const char *
tenon_patterns_broken(const struct tenon_patterns *p)
{
    if (!p)
        return NULL;
    tenon_vec_foreach(one, &p->list)
    {
        if (one->kind == BROKEN && atomic_load(one->asked))
            return one->text;
    }
    return NULL;
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
pattern_matches(const struct pattern *p, const struct marks *m, const char *path, size_t len)
{
    if (!has_marks(m, &p->needs))
        return false;
    switch (p->kind) {
    case EXACT:
        return len == p->len && memcmp(path, p->text, len) == 0;
    case PREFIX:
        return len >= p->len && memcmp(path, p->text, p->len) == 0;
    case SUFFIX:
        return suffix_matches(p, path, len);
    case REGEXP:
        return tenon_regexp_match(p->regexp, path, len, TENON_REGEXP_WHOLE);
    case BROKEN:
        return ask_broken(p);
    }
    return false;
}

/* The path itself or one of its parents. */
static bool
pattern_covers(const struct pattern *p, const struct marks *m, const char *path, size_t len)
{
    if (!has_marks(m, &p->needs))
        return false;
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
    case REGEXP:
        return tenon_regexp_match(p->regexp, path, len, TENON_REGEXP_OR_PARENT);
    case BROKEN:
        return ask_broken(p);
    }
    return false;
}

/* May it match something below the directory (or the directory itself)? */
static bool
pattern_may_reach(const struct pattern *p, const struct marks *m, const char *path, size_t len)
{
    switch (p->kind) {
    case EXACT:
    case PREFIX:
        if (pattern_covers(p, m, path, len))
            return true;
        if (p->kind == PREFIX && p->len == len + 1 &&
            memcmp(p->text, path, len) == 0 && p->text[len] == '/')
            return true;
        return p->len > len + 1 && memcmp(p->text, path, len) == 0 &&
               p->text[len] == '/';
    case SUFFIX:
    case BROKEN:
        return true;
    case REGEXP:
        return tenon_regexp_match(p->regexp, path, len, TENON_REGEXP_OR_BELOW);
    }
    return true;
}

bool
tenon_patterns_match(const struct tenon_patterns *p, const char *path)
{
    size_t len = strlen(path);
    const struct marks m = marks_of(path, len);
    bool matched = false;
    tenon_vec_foreach(one, &p->list)
    {
        if (one->negative == matched && pattern_covers(one, &m, path, len))
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
    const struct marks m = marks_of(path, len);
    bool matched = false;
    for (size_t i = 0; i < p->list.len; i++) {
        const struct pattern *one = &p->list.items[i];
        if (!held[i] && one->negative == matched)
            held[i] = pattern_matches(one, &m, path, len);
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
    const struct marks m = marks_of(path, len);
    bool matched = false;
    for (size_t i = 0; i < p->list.len; i++) {
        const struct pattern *one = &p->list.items[i];
        if (held[i] || (one->negative == matched &&
                        pattern_matches(one, &m, path, len)))
            matched = !one->negative;
    }
    return matched;
}

static bool
may_reach(const struct tenon_patterns *p, const char *path, bool negative)
{
    size_t len = strlen(path);
    const struct marks m = marks_of(path, len);
    bool top = len == 0 || tenon_streq(path, ".");
    tenon_vec_foreach(one, &p->list)
    {
        if (one->negative == negative &&
            (top || pattern_may_reach(one, &m, path, len)))
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
