/* language/word.c - the word language: one pass over the text, recursive for the words inside
 * ${...}. */
#include "word.h"

#include <stdint.h>
#include <string.h>

#include "tools/buf.h"
#include "language.h"
#include "wordpattern.h"

#define END (-1) /* of the text, where a character is asked for */
#define REPLACEMENT "\xef\xbf\xbd"

struct lexer {
    struct df_arena *arena;
    const char *p, *end;
    char escape;
    unsigned flags;
    bool raw_escapes; /* changes inside ${x#...} */
    unsigned depth;
    const struct df_env *env;
    struct df_names matched, unmatched;
    size_t matched_cap, unmatched_cap;
    const char *message;
};

/* Splits at blanks what is added plainly, and not what is added raw. */
struct splitter {
    struct df_arena *arena;
    struct tenon_buf word;
    struct df_list words;
    bool in_word;
};

static bool
fail(struct lexer *l, const char *message)
{
    l->message = message;
    return false;
}

static int
peek(const struct lexer *l)
{
    return l->p < l->end ? (unsigned char)*l->p : END;
}

/* The width of the character at p. */
static size_t
width_here(const struct lexer *l)
{
    uint32_t r;
    return df_rune(l->p, l->end, &r);
}

static void
split_end(struct splitter *s)
{
    if (s->word.len > 0) {
        df_list_add(s->arena, &s->words,
                    df_arena_strndup(s->arena, s->word.data, s->word.len));
        tenon_buf_clear(&s->word);
        s->in_word = false;
    }
}

static void
split_raw(struct splitter *s, const char *text, size_t len)
{
    if (!s)
        return;
    tenon_buf_add(&s->word, text, len);
    s->in_word = true;
}

static void
split_add(struct splitter *s, const char *text, size_t len)
{
    if (!s)
        return;
    for (const char *end = text + len; text < end;) {
        const char *from = text;
        size_t width = 0;
        while (text < end && (width = df_space(text, end)) == 0) {
            uint32_t r;
            text += df_rune(text, end, &r);
        }
        if (text > from)
            split_raw(s, from, (size_t)(text - from));
        if (text == end)
            return;
        if (s->in_word)
            split_end(s);
        text += width;
    }
}

static void
note(struct lexer *l, struct df_names *names, size_t *cap, const char *name)
{
    for (size_t i = 0; i < names->len; i++) {
        if (strcmp(names->items[i], name) == 0)
            return;
    }
    if (names->len == *cap) {
        *cap = *cap ? *cap * 2 : 4;
        const char **items = df_arena_array(l->arena, *cap, sizeof *items);
        if (names->len)
            memcpy(items, names->items, names->len * sizeof *items);
        names->items = items;
    }
    names->items[names->len++] = name;
}

static const char *
lookup(struct lexer *l, const char *name, bool *set)
{
    const char *value =
        l->env && l->env->get ? l->env->get(l->env->data, name) : NULL;
    *set = value != NULL;
    /* Bounded: nobody has lists longer than this, and looking for
     * duplicates is quadratic. */
    if (value && l->matched.len < 1024)
        note(l, &l->matched, &l->matched_cap, name);
    else if (!value && l->unmatched.len < 1024)
        note(l, &l->unmatched, &l->unmatched_cap, name);
    return value ? value : "";
}

static bool
add_value(struct lexer *l, struct tenon_buf *out, const char *value)
{
    size_t len = strlen(value);
    l->arena->work += len;
    if (!df_work_left(l->arena))
        return fail(l, "the substitutions take too long");
    tenon_buf_add(out, value, len);
    return true;
}

/* A variable's name: "" when there is none. */
static const char *
scan_name(struct lexer *l)
{
    const char *start = l->p;
    uint32_t r;
    size_t width;

    if (l->p < l->end) {
        width = df_rune(l->p, l->end, &r);
        if (df_is_digit(r)) {
            while (l->p < l->end &&
                   (width = df_rune(l->p, l->end, &r), df_is_digit(r)))
                l->p += width;
            return df_arena_strndup(l->arena, start, (size_t)(l->p - start));
        }
        if (*l->p && strchr("@*#?-$!", *l->p)) {
            l->p++;
            return df_arena_strndup(l->arena, start, 1);
        }
    }
    while (l->p < l->end) {
        width = df_rune(l->p, l->end, &r);
        if (!df_is_letter(r) && !df_is_digit(r) && r != '_')
            break;
        l->p += width;
    }
    return df_arena_strndup(l->arena, start, (size_t)(l->p - start));
}

static bool scan_until(struct lexer *l, int stop, bool raw_escapes,
                       struct tenon_buf *out, struct splitter *split);

/* The word inside ${...} up to `stop`; what a missing end is called. */
static char *
scan_operand(struct lexer *l, int stop, bool raw_escapes, const char *missing)
{
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    if (!scan_until(l, stop, raw_escapes, &b, NULL)) {
        if (peek(l) == END)
            fail(l, missing);
        return NULL;
    }
    return df_arena_strndup(l->arena, tenon_buf_str(&b), b.len);
}

static bool
unsupported(struct lexer *l, const char *modifier)
{
    return fail(l, df_arena_printf(l->arena,
                                   "unsupported modifier (%s) in substitution",
                                   modifier));
}

/* ${name:-word} and its relatives; the modifier is consumed already. */
static bool
expand_modifier(struct lexer *l, const char *name, int op, bool colon,
                const char *modifier, struct tenon_buf *out)
{
    bool trims = op == '#' || op == '%';
    bool set, empty;

    if (colon && trims)
        return unsupported(l, modifier);
    char *word = scan_operand(l, '}', trims, "syntax error: missing '}'");
    if (!word)
        return false;
    const char *value = lookup(l, name, &set);
    if (l->flags & DF_WORD_JUDGE && !(op > 0 && strchr("-+?#%", op)))
        return unsupported(l, modifier);
    if (!set && l->flags & DF_WORD_SKIP_UNSET)
        return add_value(l, out, df_arena_printf(l->arena, "${%s%s%s}", name,
                                                 modifier, word));
    empty = !set || (colon && !*value);

    switch (op) {
    case '-':
        return add_value(l, out, empty ? word : value);
    case '+':
        return add_value(l, out, empty ? "" : word);
    case '?':
        if (!empty)
            return add_value(l, out, value);
        if (!*word)
            word = df_arena_printf(l->arena, "is not allowed to be %s",
                                   set ? "empty" : "unset");
        return fail(l, df_arena_printf(l->arena, "%s: %s", name, word));
    case '#':
    case '%': {
        bool greedy = *word == op;
        char *rest = df_pattern_trim(l->arena, word + greedy, value, op == '%',
                                     greedy, &l->message);
        return rest && add_value(l, out, rest);
    }
    default:
        return unsupported(l, modifier);
    }
}

/* ${name/pattern/replacement}; the first '/' is consumed already. */
static bool
expand_replace(struct lexer *l, const char *name, struct tenon_buf *out)
{
    bool all = peek(l) == '/';
    bool set;
    if (all)
        l->p++;
    char *pattern =
        scan_operand(l, '/', true, "syntax error: missing '/' in ${}");
    if (!pattern)
        return false;
    char *with = scan_operand(l, '}', true, "syntax error: missing '}'");
    if (!with)
        return false;
    const char *value = lookup(l, name, &set);
    if (!set && l->flags & DF_WORD_SKIP_UNSET)
        return add_value(l, out, df_arena_printf(l->arena, "${%s/%s/%s}", name,
                                                 pattern, with));
    char *result = df_pattern_replace(l->arena, pattern, value, with, all,
                                      &l->message);
    return result && add_value(l, out, result);
}

static bool
expand_brace(struct lexer *l, struct tenon_buf *out)
{
    int c = peek(l);
    if (c == END)
        return fail(l, "syntax error: missing '}'");
    if (c == '{' || c == '}' || c == ':')
        return fail(l, "syntax error: bad substitution");
    const char *name = scan_name(l);

    if (l->p == l->end)
        return unsupported(l, REPLACEMENT);
    const char *op_at = l->p;
    size_t width = width_here(l);
    c = peek(l);
    l->p += width;
    switch (c) {
    case '}': {
        bool set;
        const char *value = lookup(l, name, &set);
        if (!set && l->flags & DF_WORD_SKIP_UNSET)
            value = df_arena_printf(l->arena, "${%s}", name);
        return add_value(l, out, value);
    }
    case ':': {
        if (l->p == l->end) {
            /* The operand is looked for before its modifier is judged. */
            return fail(l, "syntax error: missing '}'");
        }
        int op = peek(l);
        l->p += width_here(l);
        return expand_modifier(
            l, name, op, true,
            df_arena_strndup(l->arena, op_at, (size_t)(l->p - op_at)), out);
    }
    case '+':
    case '-':
    case '?':
    case '#':
    case '%':
        return expand_modifier(l, name, c, false,
                               df_arena_strndup(l->arena, op_at, 1), out);
    case '/':
        return expand_replace(l, name, out);
    default:
        return unsupported(l, df_arena_strndup(l->arena, op_at, width));
    }
}

static bool
scan_dollar(struct lexer *l, struct tenon_buf *out)
{
    l->p++;
    if (peek(l) == '{') {
        l->p++;
        return expand_brace(l, out);
    }
    const char *name = scan_name(l);
    if (!*name)
        return add_value(l, out, "$");
    bool set;
    const char *value = lookup(l, name, &set);
    if (!set && l->flags & DF_WORD_SKIP_UNSET)
        value = df_arena_printf(l->arena, "$%s", name);
    return add_value(l, out, value);
}

static bool
scan_single(struct lexer *l, struct tenon_buf *out)
{
    const char *close = memchr(l->p + 1, '\'', (size_t)(l->end - l->p) - 1);
    if (!close) {
        l->p = l->end;
        return fail(l, "unexpected end of statement while looking for matching "
                       "single-quote");
    }
    bool raw = l->flags & DF_WORD_RAW_QUOTES;
    const char *from = l->p + (raw ? 0 : 1);
    tenon_buf_add(out, from, (size_t)(close - from) + raw);
    l->p = close + 1;
    return true;
}

static bool
scan_double(struct lexer *l, struct tenon_buf *out)
{
    bool raw = l->flags & DF_WORD_RAW_QUOTES;
    l->p++;
    if (raw)
        tenon_buf_addc(out, '"');
    for (;;) {
        int c = peek(l);
        if (c == END)
            return fail(l, "unexpected end of statement while looking for "
                           "matching double-quote");
        if (c == '"') {
            l->p++;
            if (raw)
                tenon_buf_addc(out, '"');
            return true;
        }
        if (c == '$') {
            if (!scan_dollar(l, out))
                return false;
            continue;
        }
        l->p++;
        if (c == (unsigned char)l->escape) {
            if (l->raw_escapes)
                tenon_buf_addc(out, (char)c);
            int n = peek(l);
            if (n == END)
                continue;
            if (n == '"' || n == '$' || n == c) {
                l->p++;
                c = n;
            }
        }
        tenon_buf_addc(out, (char)c);
    }
}

/* "<<" and the blanks after it belong to the word that follows: the shell
 * allows "<< EOF". */
static bool
scan_less(struct lexer *l, struct tenon_buf *out)
{
    const char *start = l->p++;
    if (peek(l) == '<') {
        l->p++;
        while (peek(l) == ' ' || peek(l) == '\t')
            l->p++;
    }
    tenon_buf_add(out, start, (size_t)(l->p - start));
    return true;
}

static bool
scan_special(struct lexer *l, int c, struct tenon_buf *out,
             struct splitter *split)
{
    size_t before = out->len;
    bool ok = c == '$'  ? scan_dollar(l, out) :
              c == '<'  ? scan_less(l, out) :
              c == '\'' ? scan_single(l, out) :
                          scan_double(l, out);
    if (!ok)
        return false;
    if (c == '$')
        split_add(split, out->data + before, out->len - before);
    else
        split_raw(split, tenon_buf_str(out) + before, out->len - before);
    return true;
}

/* How many characters from here on mean nothing but themselves, wherever they
 * stand. */
static size_t
plain_run(const struct lexer *l)
{
    const char *p = l->p;
    while (p < l->end && ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                          (*p >= '0' && *p <= '9') || (*p && strchr("-_.,:=+@&|;", *p))))
        p++;
    return (size_t)(p - l->p);
}

static bool
scan_until(struct lexer *l, int stop, bool raw_escapes, struct tenon_buf *out,
           struct splitter *split)
{
    bool saved = l->raw_escapes;
    bool ok = false;

    if (++l->depth > DF_WORD_DEPTH_MAX)
        return fail(l, "substitutions are nested too deeply");
    l->raw_escapes = raw_escapes;
    for (int c; (c = peek(l)) != END;) {
        if (c == stop) {
            l->p++;
            ok = true;
            goto out;
        }
        if (c == '$' || c == '<' ||
            (!(l->flags & DF_WORD_SKIP_QUOTES) && (c == '\'' || c == '"'))) {
            if (!scan_special(l, c, out, split))
                goto out;
            continue;
        }
        const char *at = l->p;
        size_t width = plain_run(l);
        if (width > 0) {
            l->p += width;
            split_raw(split, at, width);
            tenon_buf_add(out, at, width);
            continue;
        }
        width = width_here(l);
        l->p += width;
        if (c != (unsigned char)l->escape) {
            split_add(split, at, width);
            tenon_buf_add(out, at, width);
            continue;
        }
        if (l->raw_escapes) {
            split_raw(split, at, width);
            tenon_buf_add(out, at, width);
        }
        if (peek(l) == END)
            break;
        at = l->p;
        width = width_here(l);
        l->p += width;
        split_raw(split, at, width);
        tenon_buf_add(out, at, width);
    }
    if (stop == END)
        ok = true;
    else
        fail(l, df_arena_printf(l->arena,
                                "unexpected end of statement while looking for "
                                "matching %c", stop));
out:
    l->raw_escapes = saved;
    l->depth--;
    return ok;
}

bool
df_word_expand(struct df_arena *a, char escape, unsigned flags,
               const char *text, size_t len, const struct df_env *env,
               struct df_word *out, const char **message)
{
    auto_buf struct tenon_buf result = TENON_BUF_INIT;
    struct splitter split = {.arena = a};
    size_t clean_len = len;
    const char *clean = df_utf8(a, text, &clean_len);
    struct lexer l = {
        .arena = a,
        .p = clean,
        .end = clean + clean_len,
        .escape = escape,
        .flags = flags,
        .raw_escapes = flags & DF_WORD_RAW_ESCAPES,
        .env = env,
    };

    a->work_given += len * DF_WORD_WORK_PER_BYTE;
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        l.p += 3; /* as Go's text scanner does */
    bool ok = scan_until(&l, END, l.raw_escapes, &result, &split);
    *out = (struct df_word){.matched = l.matched, .unmatched = l.unmatched};
    if (ok) {
        split_end(&split);
        out->text = df_arena_strndup(a, tenon_buf_str(&result), result.len);
        out->len = result.len;
        out->words = split.words.items;
        out->words_len = split.words.len;
    } else {
        *message = df_arena_printf(a, "failed to process %s: %s",
                                   df_quote(a, df_arena_strndup(a, text, len)),
                                   l.message);
    }
    tenon_buf_release(&split.word);
    return ok;
}

const char *
df_word_suggest(struct df_arena *a, const char *name, const struct df_env *env)
{
    struct df_list names = {0};
    const char *one;
    if (!env || !env->name_at)
        return NULL;
    for (size_t i = 0; (one = env->name_at(env->data, i)) != NULL; i++)
        if (*one)
            df_list_add(a, &names, (char *)one);
    df_list_add(a, &names, NULL);
    /* BuildKit compares with case here. */
    return df_suggest(a, name, (const char *const *)names.items, true);
}
