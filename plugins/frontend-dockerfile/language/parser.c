/* language/parser.c - physical lines to logical lines: comments, continuations and the bodies
 * of here-documents. */
#include "parser.h"

#include <string.h>
#include <strings.h>

#include "tools/buf.h"
#include "tools/vec.h"
#include "directives.h"
#include "heredoc.h"
#include "language.h"

struct parser {
    struct df_arena *arena;
    const char *p, *end;
    size_t line; /* of the last one read */
    char escape;
    struct df_directive_zone zone;
    struct df_list comments; /* the block right above */
    TENON_VEC(struct df_node) nodes;
    TENON_VEC(struct df_lines) empty_continuations;
    struct df_problems *problems;
    bool skipped; /* an instruction with a problem was left out */
};

/* A physical line; `raw` has its line end. */
struct line {
    const char *text;
    size_t len, raw_len;
};

static void
problem(struct parser *s, size_t first, size_t last, const char *message)
{
    df_problem_add(s->arena, s->problems, (struct df_lines){first, last}, "%s",
                   message);
}

/* 1: a line; 0: no more; -1: a problem. */
static int
next_line(struct parser *s, struct line *out)
{
    if (s->p == s->end)
        return 0;
    const char *nl = memchr(s->p, '\n', (size_t)(s->end - s->p));
    size_t len = (size_t)((nl ? nl : s->end) - s->p);

    if (len > DF_LINE_MAX) {
        df_problem_add(s->arena, s->problems,
                       (struct df_lines){s->line ? s->line : 1, s->line + 1},
                       "dockerfile line greater than max allowed size of %d",
                       DF_LINE_MAX);
        return -1;
    }
    out->text = s->p;
    out->raw_len = len + (nl ? 1 : 0);
    while (len > 0 && s->p[len - 1] == '\r')
        len--;
    out->len = len;
    s->p += out->raw_len;
    s->line++;
    return 1;
}

static void
skip_blanks(const char **text, size_t *len)
{
    size_t width;
    while (*len > 0 && (width = df_space(*text, *text + *len)) > 0) {
        *text += width;
        *len -= width;
    }
}

/* Does the line go on?  Cuts off the escape character that says so. */
static bool
cut_continuation(const struct parser *s, const char *text, size_t *len)
{
    size_t n = *len;
    while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t'))
        n--;
    if (n == 0 || text[n - 1] != s->escape)
        return false;
    if (n > 1 && text[n - 2] == s->escape)
        return false;
    *len = n - 1;
    return true;
}

static void
note_comment(struct parser *s, const char *text, size_t len)
{
    /* The first character of the line, not of the comment, is what BuildKit
     * cuts off: an indented one keeps its '#'. */
    char *comment = df_trim(s->arena, df_arena_strndup(s->arena, text + 1, len - 1));
    if (*comment)
        df_list_add(s->arena, &s->comments, comment);
    else
        s->comments = (struct df_list){0};
}

/* Directives: false with a problem. */
static bool
read_directive(struct parser *s, const char *text, size_t len)
{
    char *value;
    const char *message;
    int which;
    /* BuildKit blames the line before; the range names both. */
    size_t before = s->line > 1 ? s->line - 1 : 1;

    switch (df_directive_line(s->arena, &s->zone, text, len, &which, &value,
                              &message)) {
    case DF_DIRECTIVE_NONE:
        return true;
    case DF_DIRECTIVE_BAD:
        problem(s, before, s->line, message);
        return false;
    case DF_DIRECTIVE_ONE:
        break;
    }
    if (s->comments.len)
        s->comments.len--;
    if (which != DF_DIRECTIVE_ESCAPE)
        return true;
    if (strcmp(value, "\\") != 0 && strcmp(value, "`") != 0) {
        problem(s, before, s->line,
                df_arena_printf(s->arena,
                                "invalid escape token '%s' does not match ` or \\",
                                value));
        return false;
    }
    s->escape = *value;
    return true;
}

/* The rest of a logical line; *joined has its start. */
static bool
read_continuation(struct parser *s, struct tenon_buf *joined)
{
    bool more = true, empty = false;
    struct line line;
    int got = 0;

    while (more && (got = next_line(s, &line)) > 0) {
        const char *text = line.text;
        size_t len = line.len;
        skip_blanks(&text, &len);
        if (len > 0 && *text == '#')
            continue;
        if (len == 0) {
            empty = true;
            continue;
        }
        len = line.len;
        more = cut_continuation(s, line.text, &len);
        tenon_buf_add(joined, line.text, len);
    }
    if (got < 0)
        return false;
    if (empty)
        tenon_vec_push(&s->empty_continuations,
                       (struct df_lines){s->line, s->line});
    return true;
}

static bool
may_have_heredocs(const struct df_node *node)
{
    if (strcasecmp(node->value, "onbuild") == 0 && node->sub)
        node = node->sub;
    return !node->json && (strcasecmp(node->value, "run") == 0 ||
                           strcasecmp(node->value, "copy") == 0 ||
                           strcasecmp(node->value, "add") == 0);
}

static bool
read_heredoc(struct parser *s, struct df_heredoc *doc, size_t first)
{
    const char *start = s->p;
    size_t name_len = strlen(doc->name);
    struct line line;
    int got;

    while ((got = next_line(s, &line)) > 0) {
        const char *text = line.text;
        size_t len = line.len;
        while (doc->chomp && len > 0 && *text == '\t') {
            text++;
            len--;
        }
        if (len == name_len && memcmp(text, doc->name, len) == 0) {
            doc->len = (size_t)(line.text - start);
            doc->content = df_arena_strndup(s->arena, start, doc->len);
            return true;
        }
    }
    if (got == 0)
        problem(s, first, s->line, "unterminated heredoc");
    return false;
}

static bool
read_node(struct parser *s, const struct tenon_buf *text, size_t first)
{
    struct df_lines lines = {first, s->line};
    const char *line = df_arena_strndup(s->arena, tenon_buf_str(text), text->len);
    struct df_node node;

    if (strlen(line) != text->len) {
        problem(s, first, s->line, "an instruction holds a NUL character");
        return false;
    }
    if (!df_node_parse(s->arena, line, s->escape, lines, &node, s->problems))
        return false;
    if (may_have_heredocs(&node)) {
        struct df_heredoc *docs = NULL;
        const char *message;
        if (!df_heredocs_from_line(s->arena, line, &docs, &node.heredocs_len,
                                   &message)) {
            problem(s, first, s->line, message);
            return false;
        }
        for (size_t i = 0; i < node.heredocs_len; i++) {
            if (!read_heredoc(s, &docs[i], first))
                return false;
        }
        node.heredocs = docs;
    }
    node.lines.last = s->line;
    node.comments = s->comments.items;
    node.comments_len = s->comments.len;
    s->comments = (struct df_list){0};
    tenon_vec_push(&s->nodes, node);
    return true;
}

/* One logical line and what belongs to it. */
static bool
read_logical(struct parser *s, const struct line *line, struct tenon_buf *joined)
{
    const char *text = line->text;
    size_t len = line->len, first = s->line;

    if (first == 1 && len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        len -= 3;
    }
    const char *whole = text;
    size_t whole_len = len;
    skip_blanks(&text, &len);
    bool comment = len > 0 && *text == '#';
    if (comment)
        note_comment(s, whole, whole_len);
    if (!read_directive(s, text, len))
        return false;
    if (comment)
        return true;

    bool more = cut_continuation(s, text, &len);
    if (!more && len == 0)
        return true;
    tenon_buf_clear(joined);
    tenon_buf_add(joined, text, len);
    if (more && !read_continuation(s, joined))
        return false;
    /* What follows a bad instruction can be read all the same. */
    if (!read_node(s, joined, first)) {
        s->comments = (struct df_list){0};
        s->skipped = true;
    }
    return true;
}

static void *
keep(struct df_arena *a, const void *items, size_t count, size_t size)
{
    void *copy = df_arena_array(a, count, size);
    if (count)
        memcpy(copy, items, count * size);
    return copy;
}

const struct df_file *
df_file_parse(struct df_arena *a, const char *text, size_t len,
              struct df_problems *problems)
{
    const size_t before = problems->len;
    const struct df_file *file = df_file_read(a, text, len, problems);
    return problems->len == before ? file : NULL;
}

const struct df_file *
df_file_read(struct df_arena *a, const char *text, size_t len,
             struct df_problems *problems)
{
    auto_buf struct tenon_buf joined = TENON_BUF_INIT;
    struct parser s = {
        .arena = a,
        .p = text,
        .end = text + len,
        .escape = '\\',
        .zone = {.comment = "#"},
        .problems = problems,
    };
    struct df_file *file = df_arena_new(a, struct df_file);
    struct line line;
    int got;

    while ((got = next_line(&s, &line)) > 0) {
        if (!read_logical(&s, &line, &joined)) {
            got = -1;
            break;
        }
    }
    if (got == 0 && s.nodes.len == 0 && !s.skipped)
        problem(&s, s.line, s.line, "file with no instructions");
    *file = (struct df_file){
        .nodes = keep(a, s.nodes.items, s.nodes.len, sizeof *s.nodes.items),
        .len = s.nodes.len,
        .escape = s.escape,
        .empty_continuations =
            keep(a, s.empty_continuations.items, s.empty_continuations.len,
                 sizeof *s.empty_continuations.items),
        .empty_continuations_len = s.empty_continuations.len,
    };
    tenon_vec_release(&s.nodes);
    tenon_vec_release(&s.empty_continuations);
    return file;
}
