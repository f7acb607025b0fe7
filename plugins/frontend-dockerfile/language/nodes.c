/* language/nodes.c - one logical line to keyword, flags and arguments.
 *
 * Each instruction has its own idea of what an argument is; the table at the
 * end says which. */
#include <string.h>

#include "tools/buf.h"
#include "language.h"

void
df_problem_add(struct df_arena *a, struct df_problems *list,
               struct df_lines lines, const char *fmt, ...)
{
    if (list->len == list->cap) {
        list->cap = list->cap ? list->cap * 2 : 4;
        struct df_problem *items = df_arena_array(a, list->cap, sizeof *items);
        if (list->len)
            memcpy(items, list->items, list->len * sizeof *items);
        list->items = items;
    }
    va_list ap;
    va_start(ap, fmt);
    list->items[list->len++] = (struct df_problem){
        .message = df_arena_vprintf(a, fmt, ap),
        .lines = lines,
    };
    va_end(ap);
}

/* What a line parser works on. */
struct work {
    struct df_arena *arena;
    char escape;
    struct df_list args;
    bool json, legacy_pair;
    const char *error;
};

static void
add_span(struct work *w, const char *from, const char *to)
{
    df_list_add(w->arena, &w->args,
                df_arena_strndup(w->arena, from, (size_t)(to - from)));
}

/* Split at blanks outside quotes; quotes and escapes stay in the words. */
static struct df_list
quoted_words(struct df_arena *a, const char *s, char escape)
{
    auto_buf struct tenon_buf word = TENON_BUF_INIT;
    struct df_list words = {0};
    const char *end = s + strlen(s);
    char quote = 0;
    bool in_word = false, blank_ok = false;

    while (s < end) {
        uint32_t r;
        size_t width = df_rune(s, end, &r);
        if (!quote && df_space(s, end) > 0) {
            if (in_word && (blank_ok || word.len > 0))
                df_list_add(a, &words, df_arena_strndup(a, tenon_buf_str(&word), word.len));
            tenon_buf_clear(&word);
            in_word = blank_ok = false;
            s += width;
            continue;
        }
        in_word = true;
        if (quote && *s == quote) {
            quote = 0;
        } else if (!quote && (*s == '\'' || *s == '"')) {
            quote = *s;
            blank_ok = true;
        } else if (*s == escape && quote != '\'') {
            if (s + 1 == end)
                break; /* an escape at the end is dropped */
            tenon_buf_addc(&word, *s++);
            width = df_rune(s, end, &r);
        }
        tenon_buf_add(&word, s, width);
        s += width;
    }
    if (in_word && (blank_ok || word.len > 0))
        df_list_add(a, &words, df_arena_strndup(a, tenon_buf_str(&word), word.len));
    return words;
}

/* Go's [\t\v\f\r ]+, which is not unicode.IsSpace. */
static const char *
skip_plain_blanks(const char *s)
{
    return s + strspn(s, "\t\v\f\r ");
}

static const char *
skip_plain_word(const char *s)
{
    return s + strcspn(s, "\t\v\f\r ");
}

static bool
args_none(struct work *w, const char *rest)
{
    (void)w, (void)rest;
    return true;
}

static bool
args_text(struct work *w, const char *rest)
{
    if (*rest)
        df_list_add(w->arena, &w->args, df_arena_strdup(w->arena, rest));
    return true;
}

static bool
args_split(struct work *w, const char *rest)
{
    if (!*rest)
        return true;
    for (;;) {
        const char *end = skip_plain_word(rest);
        add_span(w, rest, end);
        if (!*end)
            return true;
        rest = skip_plain_blanks(end);
    }
}

static bool
args_words(struct work *w, const char *rest)
{
    w->args = quoted_words(w->arena, rest, w->escape);
    return true;
}

static bool
args_pairs(struct work *w, const char *rest, const char *name)
{
    struct df_list words = quoted_words(w->arena, rest, w->escape);
    if (words.len == 0)
        return true;

    if (!strchr(words.items[0], '=')) {
        const char *end = skip_plain_word(rest);
        if (!*end) {
            w->error = df_arena_printf(w->arena, "%s must have two arguments", name);
            return false;
        }
        add_span(w, rest, end);
        df_list_add(w->arena, &w->args,
                    df_arena_strdup(w->arena, skip_plain_blanks(end)));
        w->legacy_pair = true;
        return true;
    }
    for (size_t i = 0; i < words.len; i++) {
        const char *word = words.items[i], *eq = strchr(word, '=');
        if (!eq) {
            w->error = df_arena_printf(
                w->arena,
                "Syntax error - can't find = in %s. Must be of the form: name=value",
                df_quote(w->arena, word));
            return false;
        }
        add_span(w, word, eq);
        df_list_add(w->arena, &w->args, df_arena_strdup(w->arena, eq + 1));
    }
    return true;
}

static bool
args_env(struct work *w, const char *rest)
{
    return args_pairs(w, rest, "ENV");
}

static bool
args_label(struct work *w, const char *rest)
{
    return args_pairs(w, rest, "LABEL");
}

/* JSON if it is JSON; false with an error, true with *done when it was. */
static bool
args_json(struct work *w, const char *rest, bool *done)
{
    struct df_list strings = {0};
    *done = false;
    switch (df_json_strings(w->arena, rest, &strings)) {
    case DF_JSON_NO:
        return true;
    case DF_JSON_MIXED:
        w->error = "when using JSON array syntax, arrays must be comprised of "
                   "strings only";
        return false;
    case DF_JSON_NUL:
        w->error = "a string of a JSON array holds a NUL character";
        return false;
    case DF_JSON_STRINGS:
        break;
    }
    for (size_t i = 0; i < strings.len; i++)
        df_list_add(w->arena, &w->args, strings.items[i]);
    w->json = true;
    *done = true;
    return true;
}

static bool
args_json_or_text(struct work *w, const char *rest)
{
    bool done;
    return args_json(w, rest, &done) && (done || args_text(w, rest));
}

static bool
args_json_or_split(struct work *w, const char *rest)
{
    bool done;
    return args_json(w, rest, &done) && (done || args_split(w, rest));
}

static bool
args_health(struct work *w, const char *rest)
{
    /* Byte-wise, as BuildKit does it; the difference is not a valid keyword. */
    const char *end = rest + strcspn(rest, " \t\n\v\f\r");
    if (end == rest)
        return true;
    add_span(w, rest, end);
    end += strspn(end, " \t\n\v\f\r");
    return args_json_or_text(w, end);
}

static const struct {
    const char *name;
    bool (*parse)(struct work *w, const char *rest);
} parsers[] = {
    {"add", args_json_or_split},   {"arg", args_words},
    {"cmd", args_json_or_text},    {"copy", args_json_or_split},
    {"entrypoint", args_json_or_text}, {"env", args_env},
    {"expose", args_split},        {"from", args_split},
    {"healthcheck", args_health},  {"label", args_label},
    {"maintainer", args_text},     {"run", args_json_or_text},
    {"shell", args_json_or_text},  {"stopsignal", args_text},
    {"user", args_text},           {"volume", args_json_or_split},
    {"workdir", args_text},
};

/* Take the "--flag[=value]" words off the front of s: what is left. */
static const char *
take_flags(struct df_arena *a, const char *s, struct df_list *flags)
{
    auto_buf struct tenon_buf word = TENON_BUF_INIT;
    const char *end = s + strlen(s);

    for (;;) {
        size_t width;
        while (s < end && (width = df_space(s, end)) > 0)
            s += width;
        if (s == end)
            return s;
        if (s[0] != '-' || s[1] != '-')
            return s;
        char quote = 0;
        bool blank_ok = false;
        tenon_buf_clear(&word);
        while (s < end && (quote || df_space(s, end) == 0)) {
            char c = *s++;
            if (quote && c == quote) {
                quote = 0;
                continue;
            }
            if (!quote && (c == '\'' || c == '"')) {
                quote = c;
                blank_ok = true;
                continue;
            }
            if (c == '\\') {
                if (s == end)
                    break; /* an escape at the end is dropped */
                c = *s++;
            }
            tenon_buf_addc(&word, c);
        }
        if (strcmp(tenon_buf_str(&word), "--") == 0)
            return s;
        if (blank_ok || word.len > 0)
            df_list_add(a, flags, df_arena_strndup(a, tenon_buf_str(&word), word.len));
    }
}

/* Nesting: ONBUILD ONBUILD ... is refused later, but read here. */
static bool
parse_line(struct df_arena *a, const char *line, char escape,
           struct df_lines lines, struct df_node *out,
           struct df_problems *problems, unsigned depth)
{
    char *text = df_trim(a, line);
    const char *end = skip_plain_word(text);
    char *keyword = df_arena_strndup(a, text, (size_t)(end - text));
    struct df_list flags = {0};
    const char *rest =
        df_trim(a, take_flags(a, skip_plain_blanks(end), &flags));

    *out = (struct df_node){
        .value = keyword,
        .original = line,
        .flags = flags.items,
        .flags_len = flags.len,
        .lines = lines,
    };
    struct work w = {.arena = a, .escape = escape};
    bool (*parse)(struct work *, const char *) = args_none;
    const char *lower = df_lower(a, keyword);

    if (strcmp(lower, "onbuild") == 0) {
        if (!*rest)
            return true;
        /* The second level is refused whatever it says. */
        if (depth < 2) {
            struct df_node *sub = df_arena_new(a, struct df_node);
            if (!parse_line(a, rest, escape, lines, sub, problems, depth + 1))
                return false;
            out->sub = sub;
            df_list_add(a, &w.args, df_arena_strdup(a, sub->value));
            for (size_t i = 0; i < sub->args_len; i++)
                df_list_add(a, &w.args, sub->args[i]);
        } else {
            df_list_add(a, &w.args, df_arena_strdup(a, rest));
        }
    } else {
        for (size_t i = 0; i < sizeof parsers / sizeof *parsers; i++) {
            if (strcmp(lower, parsers[i].name) == 0)
                parse = parsers[i].parse;
        }
    }
    if (!parse(&w, rest)) {
        df_problem_add(a, problems, lines, "%s", w.error);
        return false;
    }
    out->args = w.args.items;
    out->args_len = w.args.len;
    out->json = w.json;
    out->legacy_pair = w.legacy_pair;
    return true;
}

bool
df_node_parse(struct df_arena *a, const char *line, char escape,
              struct df_lines lines, struct df_node *out,
              struct df_problems *problems)
{
    return parse_line(a, line, escape, lines, out, problems, 0);
}
