/* tools/goregexprun.c - runs of what goregexp.c makes, and what is made of a match.
 *
 * A run tries the preferred way first and goes back to the others; what failed once at a place
 * is not tried there again, which makes it linear (Go's "bitstate"). */
#include "tools/goregexp.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tools/alloc.h"
#include "tools/ascii.h"
#include "tools/cleanup.h"
#include "tools/goregexpcode.h"
#include "tools/utf8.h"
#include "tools/vec.h"

struct way { /* not yet tried; or, with pc -1, a place to be put back */
    int32_t pc;
    size_t at; /* or number of the place */
    ptrdiff_t old;
};

struct run {
    const struct tenon_goregexp *re;
    const char *text;
    size_t len;
    uint64_t *seen; /* bit pc * (len + 1) + at */
    TENON_VEC(struct way) ways;
    ptrdiff_t places[2 * TENON_GOREGEXP_GROUPS];
};

static uint32_t
lower(uint32_t r)
{
    return r >= 'A' && r <= 'Z' ? r - 'A' + 'a' : r;
}

static bool
in_ranges(const struct tenon_goregexp *re, const struct instruction *i, uint32_t r)
{
    for (uint32_t k = 0; k < i->count; k++) {
        const struct range *range = &re->ranges.items[i->first + k];
        if (range->lo <= r && r <= range->hi)
            return true;
    }
    return false;
}

static bool
takes(const struct tenon_goregexp *re, const struct instruction *i, uint32_t r)
{
    const uint32_t small = lower(r);
    const uint32_t other = small != r ? small : r >= 'a' && r <= 'z' ? r - 'a' + 'A' : r;
    if (i->op == OP_RUNE)
        return r == i->rune || ((i->flags & FOLD) && other == i->rune);
    if (i->op == OP_ANY)
        return r != '\n' || (i->flags & DOT_NL);
    return (in_ranges(re, i, r) || ((i->flags & FOLD) && in_ranges(re, i, other))) != i->negated;
}

static bool
is_word(const struct run *u, size_t at)
{
    return at < u->len && (is_alnum(u->text[at]) || u->text[at] == '_');
}

/* Is the place what an instruction without a character wants? */
static bool
stands(const struct run *u, enum op op, size_t at)
{
    if (op == OP_TEXT_BEGIN || op == OP_LINE_BEGIN)
        return at == 0 || (op == OP_LINE_BEGIN && u->text[at - 1] == '\n');
    if (op == OP_TEXT_END || op == OP_LINE_END)
        return at == u->len || (op == OP_LINE_END && u->text[at] == '\n');
    const bool edge = (at > 0 && is_word(u, at - 1)) != is_word(u, at);
    return edge == (op == OP_WORD);
}

/* One way to its end; false: it leads nowhere. */
static bool
follow(struct run *u, int32_t pc, size_t at)
{
    for (;;) {
        const size_t bit = (size_t)pc * (u->len + 1) + at;
        if (u->seen[bit / 64] >> (bit % 64) & 1)
            return false;
        u->seen[bit / 64] |= UINT64_C(1) << (bit % 64);
        const struct instruction *i = &u->re->code.items[pc];
        size_t n;
        switch (i->op) {
        case OP_RUNE:
        case OP_ANY:
        case OP_CLASS:
            if (at == u->len)
                return false;
            if (!takes(u->re, i, tenon_utf8_next(u->text + at, u->len - at, &n)))
                return false;
            at += n;
            pc++;
            break;
        case OP_SPLIT:
            tenon_vec_push(&u->ways, (struct way){pc + i->b, at, 0});
            pc += i->a;
            break;
        case OP_JUMP:
            pc += i->a;
            break;
        case OP_SAVE:
            tenon_vec_push(&u->ways, (struct way){-1, (size_t)i->a, u->places[i->a]});
            u->places[i->a] = (ptrdiff_t)at;
            pc++;
            break;
        case OP_TEXT_BEGIN:
        case OP_TEXT_END:
        case OP_LINE_BEGIN:
        case OP_LINE_END:
        case OP_WORD:
        case OP_NOT_WORD:
            if (!stands(u, i->op, at))
                return false;
            pc++;
            break;
        case OP_MATCH:
            u->places[1] = (ptrdiff_t)at;
            return true;
        }
    }
}

static bool
run_from(struct run *u, size_t from)
{
    for (size_t i = 0; i < 2 * u->re->groups; i++)
        u->places[i] = -1;
    u->places[0] = (ptrdiff_t)from;
    u->ways.len = 0;
    tenon_vec_push(&u->ways, (struct way){0, from, 0});
    while (u->ways.len) {
        const struct way w = u->ways.items[--u->ways.len];
        if (w.pc < 0)
            u->places[w.at] = w.old;
        else if (follow(u, w.pc, w.at))
            return true;
    }
    return false;
}

bool
tenon_goregexp_match(const struct tenon_goregexp *re, const char *text, size_t from,
                     struct tenon_goregexp_match *out)
{
    struct run u = {.re = re, .text = text, .len = strlen(text)};
    if (u.len > TENON_GOREGEXP_TEXT)
        return false;
    auto_free uint64_t *seen = tenon_calloc(re->code.len * (u.len + 1) / 64 + 1, sizeof *seen);
    u.seen = seen;
    bool found = false;
    while (from <= u.len && !(found = run_from(&u, from))) {
        size_t n = 1;
        if (from < u.len)
            tenon_utf8_next(text + from, u.len - from, &n);
        from += n;
    }
    tenon_vec_release(&u.ways);
    if (!found || !out)
        return found;
    out->count = re->groups;
    for (size_t i = 0; i < re->groups; i++) {
        out->begin[i] = u.places[2 * i];
        out->end[i] = u.places[2 * i + 1];
        if (out->end[i] < 0)
            out->begin[i] = -1;
    }
    return true;
}

/* ---- replacing ------------------------------------------------------------------ */

/* The group that a name of a format means; -1: none. */
static ptrdiff_t
group_of(const struct tenon_goregexp *re, const char *name, size_t len,
         const struct tenon_goregexp_match *m)
{
    size_t number = 0;
    bool is_number = len == 1 || name[0] != '0';
    for (size_t i = 0; i < len && is_number; i++) {
        is_number = name[i] >= '0' && name[i] <= '9' && number < 100000000;
        number = number * 10 + (size_t)(name[i] - '0');
    }
    if (is_number)
        return number < m->count ? (ptrdiff_t)number : -1;
    for (size_t i = 1; i < re->groups; i++)
        if (re->names[i] && strlen(re->names[i]) == len && !memcmp(re->names[i], name, len) &&
            m->begin[i] >= 0)
            return (ptrdiff_t)i;
    return -1;
}

/* Behind "$": a name, in braces or not. */
static bool
read_name(const char **s, const char **name, size_t *len)
{
    const bool braces = **s == '{';
    const char *p = *s + braces;
    *name = p;
    while (is_alnum(*p) || *p == '_')
        p++;
    *len = (size_t)(p - *name);
    if (!*len || (braces && *p != '}'))
        return false;
    *s = p + braces;
    return true;
}

void
tenon_goregexp_expand(const struct tenon_goregexp *re, const char *format, const char *text,
                      const struct tenon_goregexp_match *m, size_t max, struct tenon_buf *out)
{
    while (*format && out->len <= max) {
        const char *name;
        size_t len;
        const size_t plain = strcspn(format, "$");
        tenon_buf_add(out, format, plain);
        format += plain;
        if (!*format)
            return;
        format++;
        if (*format == '$') {
            tenon_buf_adds(out, "$");
            format++;
        } else if (read_name(&format, &name, &len)) {
            const ptrdiff_t g = group_of(re, name, len, m);
            if (g >= 0 && m->begin[g] >= 0)
                tenon_buf_add(out, text + m->begin[g], (size_t)(m->end[g] - m->begin[g]));
        } else {
            tenon_buf_adds(out, "$");
        }
    }
}

void
tenon_goregexp_replace(const struct tenon_goregexp *re, const char *text, const char *format,
                       size_t max, struct tenon_buf *out)
{
    const size_t len = strlen(text);
    size_t done = 0, from = 0;
    struct tenon_goregexp_match m;
    while (from <= len && out->len <= max && tenon_goregexp_match(re, text, from, &m)) {
        const size_t begin = (size_t)m.begin[0], end = (size_t)m.end[0];
        tenon_buf_add(out, text + done, begin - done);
        if (end > done || begin == 0) /* no empty match right behind another */
            tenon_goregexp_expand(re, format, text, &m, max, out);
        done = end;
        size_t n = 1;
        if (from < len)
            tenon_utf8_next(text + from, len - from, &n);
        from = from + n > end ? from + n : end;
    }
    tenon_buf_add(out, text + done, len - done);
}
