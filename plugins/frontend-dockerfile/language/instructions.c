/* language/instructions.c - nodes to stages and commands. */
#include "instructions.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tools/buf.h"
#include "tools/vec.h"
#include "commands.h"
#include "language.h"

static const char *const kind_names[] = {
    [DF_ADD] = "ADD",
    [DF_ARG] = "ARG",
    [DF_CMD] = "CMD",
    [DF_COPY] = "COPY",
    [DF_ENTRYPOINT] = "ENTRYPOINT",
    [DF_ENV] = "ENV",
    [DF_EXPOSE] = "EXPOSE",
    [DF_FROM] = "FROM",
    [DF_HEALTHCHECK] = "HEALTHCHECK",
    [DF_LABEL] = "LABEL",
    [DF_MAINTAINER] = "MAINTAINER",
    [DF_ONBUILD] = "ONBUILD",
    [DF_RUN] = "RUN",
    [DF_SHELL] = "SHELL",
    [DF_STOPSIGNAL] = "STOPSIGNAL",
    [DF_USER] = "USER",
    [DF_VOLUME] = "VOLUME",
    [DF_WORKDIR] = "WORKDIR",
    NULL,
};
#define KINDS (sizeof kind_names / sizeof *kind_names - 1)

const char *
df_kind_name(enum df_kind kind)
{
    return kind_names[kind];
}

/* The text after "<name> " of the first comment that has it; NULL if none. */
static const char *
doc_comment(char *const *comments, size_t count, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; len && i < count; i++) {
        if (strncmp(comments[i], name, len) == 0 && comments[i][len] == ' ')
            return comments[i] + len + 1;
    }
    return NULL;
}

static void
lint_request(const struct df_request *r, enum df_rule rule, const char *message)
{
    df_lint(r->lint, rule, &r->checks, r->node->lines, message);
}

/* InvalidDefinitionDescription: the line right above names what it is about. */
static void
lint_description(const struct df_request *r, const char *instruction,
                 const struct df_pair *names, size_t count)
{
    const struct df_node *n = r->node;
    if (n->comments_len == 0 || count == 0)
        return;
    const char *last = n->comments[n->comments_len - 1];
    size_t len = strcspn(last, " ");
    for (size_t i = 0; i < count; i++) {
        if (strlen(names[i].key) == len && strncmp(names[i].key, last, len) == 0)
            return;
    }
    lint_request(r, DF_RULE_INVALID_DEFINITION_DESCRIPTION,
                 df_lint_text(r->arena, DF_RULE_INVALID_DEFINITION_DESCRIPTION, instruction,
                              count > 1 ? "<arg_key>" : names[0].key));
}

/* ---- instructions without a file of their own ---- */

static const char *
parse_arg(const struct df_request *r, struct df_command *out)
{
    const struct df_node *n = r->node;
    struct df_arena *a = r->arena;
    if (n->args_len == 0)
        return "ARG requires at least one argument";

    struct df_pair *pairs = df_arena_array(a, n->args_len, sizeof *pairs);
    for (size_t i = 0; i < n->args_len; i++) {
        const char *arg = n->args[i], *eq = strchr(arg, '=');
        if (eq == arg)
            return "ARG names can not be blank";
        pairs[i].key = eq ? df_arena_strndup(a, arg, (size_t)(eq - arg)) : arg;
        pairs[i].value = eq ? eq + 1 : NULL;
        pairs[i].comment =
            doc_comment(n->comments, n->comments_len, pairs[i].key);
    }
    lint_description(r, "ARG", pairs, n->args_len);
    out->pairs = (struct df_pairs){pairs, n->args_len};
    return NULL;
}

static const char *
parse_pairs(const struct df_request *r, struct df_command *out)
{
    const struct df_node *n = r->node;
    struct df_arena *a = r->arena;
    const char *name = kind_names[out->kind];
    const char *error = df_flags_parse(a, n, NULL, 0);
    if (error)
        return error;
    if (n->args_len == 0)
        return df_arena_printf(a, "%s requires at least one argument", name);

    size_t count = n->args_len / 2;
    struct df_pair *pairs = df_arena_array(a, count, sizeof *pairs);
    for (size_t i = 0; i < count; i++) {
        pairs[i].key = n->args[2 * i];
        pairs[i].value = n->args[2 * i + 1];
        if (!*pairs[i].key)
            return df_arena_printf(a, "%s names can not be blank", name);
    }
    out->legacy_pair = n->legacy_pair;
    out->pairs = (struct df_pairs){pairs, count};
    return NULL;
}

static const char *
parse_text(const struct df_request *r, struct df_command *out)
{
    const char *name = kind_names[out->kind];
    if (out->kind == DF_MAINTAINER)
        lint_request(r, DF_RULE_MAINTAINER_DEPRECATED, NULL);
    if (r->node->args_len != 1)
        return df_arena_printf(r->arena, "%s requires exactly one argument", name);
    out->text = r->node->args[0];
    /* STOPSIGNAL ignores flags, as it always has. */
    return out->kind == DF_STOPSIGNAL ? NULL :
                                        df_flags_parse(r->arena, r->node, NULL, 0);
}

static const char *
parse_words(const struct df_request *r, struct df_command *out)
{
    const struct df_node *n = r->node;
    struct df_list words = {0};
    const char *error;
    if (n->args_len == 0)
        return df_arena_printf(r->arena, "%s requires at least one argument",
                               kind_names[out->kind]);
    if ((error = df_flags_parse(r->arena, n, NULL, 0)) != NULL)
        return error;
    for (size_t i = 0; i < n->args_len; i++) {
        char *word = n->args[i];
        if (out->kind == DF_VOLUME) {
            word = df_trim(r->arena, word);
            if (!*word)
                return "VOLUME specified can not be an empty string";
        }
        df_list_add(r->arena, &words, word);
    }
    if (out->kind == DF_EXPOSE)
        qsort(words.items, words.len, sizeof *words.items, tenon_by_text);
    out->words = (struct df_strings){words.items, words.len};
    return NULL;
}

static const char *
parse_onbuild(const struct df_request *r, struct df_command *out)
{
    const struct df_node *n = r->node;
    struct df_arena *a = r->arena;
    const char *error;
    if (n->args_len == 0)
        return "ONBUILD requires at least one argument";
    if ((error = df_flags_parse(a, n, NULL, 0)) != NULL)
        return error;

    const char *trigger = df_upper(a, df_trim(a, n->args[0]));
    if (strcmp(trigger, "ONBUILD") == 0)
        return "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed";
    if (strcmp(trigger, "MAINTAINER") == 0 || strcmp(trigger, "FROM") == 0)
        return df_arena_printf(a, "%s isn't allowed as an ONBUILD trigger", trigger);

    const char *text = n->original + strspn(n->original, "\t\n\f\r ");
    if (strncasecmp(text, "ONBUILD", 7) == 0) {
        text += 7;
        text += strspn(text, "\t\n\f\r ");
    } else {
        text = n->original;
    }
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    tenon_buf_adds(&b, text);
    for (size_t i = 0; i < n->heredocs_len; i++) {
        tenon_buf_addc(&b, '\n');
        tenon_buf_add(&b, n->heredocs[i].content, n->heredocs[i].len);
        tenon_buf_adds(&b, n->heredocs[i].name);
    }
    if (strlen(tenon_buf_str(&b)) != b.len)
        return "a here-document of ONBUILD holds a NUL character";
    out->text = df_arena_strndup(a, tenon_buf_str(&b), b.len);
    return NULL;
}

static df_command_fn *const parse_kind[] = {
    [DF_ADD] = df_parse_copy,
    [DF_ARG] = parse_arg,
    [DF_CMD] = df_parse_cmdline,
    [DF_COPY] = df_parse_copy,
    [DF_ENTRYPOINT] = df_parse_cmdline,
    [DF_ENV] = parse_pairs,
    [DF_EXPOSE] = parse_words,
    [DF_FROM] = NULL,
    [DF_HEALTHCHECK] = df_parse_health,
    [DF_LABEL] = parse_pairs,
    [DF_MAINTAINER] = parse_text,
    [DF_ONBUILD] = parse_onbuild,
    [DF_RUN] = df_parse_run,
    [DF_SHELL] = df_parse_shell,
    [DF_STOPSIGNAL] = parse_text,
    [DF_USER] = parse_text,
    [DF_VOLUME] = parse_words,
    [DF_WORKDIR] = parse_text,
};

/* ---- FROM ---- */

static bool
is_stage_name(const char *lower)
{
    return *lower >= 'a' && *lower <= 'z' &&
           strspn(lower, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == strlen(lower);
}

static void
lint_from(const struct df_request *r)
{
    const struct df_node *n = r->node;
    struct df_arena *a = r->arena;
    if (n->args_len < 3)
        return;
    if (n->args_len == 3 && strcmp(n->args[2], df_lower(a, n->args[2])) != 0)
        lint_request(r, DF_RULE_STAGE_NAME_CASING,
                     df_lint_text(a, DF_RULE_STAGE_NAME_CASING, n->args[2]));
    bool lower = strcmp(n->value, df_lower(a, n->value)) == 0;
    bool upper = strcmp(n->value, df_upper(a, n->value)) == 0;
    const char *as = n->args[1];
    if ((lower && strcmp(as, df_lower(a, as)) != 0) ||
        (!lower && upper && strcmp(as, df_upper(a, as)) != 0))
        lint_request(r, DF_RULE_FROM_AS_CASING,
                     df_lint_text(a, DF_RULE_FROM_AS_CASING, as, n->value));
}

static const char *
parse_from(const struct df_request *r, struct df_stage *out)
{
    const struct df_node *n = r->node;
    struct df_arena *a = r->arena;
    const char *name = "", *error;
    struct df_flag platform = {"platform", DF_FLAG_STRING, "", {0}, false};

    lint_from(r);
    if (n->args_len == 3 && strcasecmp(n->args[1], "as") == 0) {
        name = df_lower(a, n->args[2]);
        if (!is_stage_name(name))
            return df_arena_printf(a,
                                   "invalid name for build stage: %s, name can't "
                                   "start with a number or contain symbols",
                                   df_quote(a, n->args[2]));
    } else if (n->args_len != 1) {
        return "FROM requires either one or three arguments";
    }
    if ((error = df_flags_parse(a, n, &platform, 1)) != NULL)
        return error;
    if (*name)
        lint_description(r, "FROM", &(struct df_pair){.key = name}, 1);

    const char *comment = doc_comment(n->comments, n->comments_len, name);
    *out = (struct df_stage){
        .name = name,
        .base = n->args[0],
        .platform = platform.value,
        .keyword = n->value,
        .code = df_trim(a, n->original),
        .comment = comment ? comment : "",
        .comments = n->comments,
        .comments_len = n->comments_len,
        .checks = r->checks,
        .lines = n->lines,
    };
    return NULL;
}

/* ---- whole files ---- */

static int
kind_of(const struct df_node *n)
{
    for (size_t i = 0; i < KINDS; i++) {
        if (strcasecmp(n->value, kind_names[i]) == 0)
            return (int)i;
    }
    return -1;
}

static const char *
unknown_instruction(struct df_arena *a, const char *name)
{
    /* In mixed case nothing of the word's own case can be kept. */
    return df_arena_printf(a, "unknown instruction: %s%s", name,
                           df_did_you_mean(a, "", df_suggest(a, name, kind_names, false)));
}

static struct df_request
request(struct df_arena *a, const struct df_node *n, struct df_linter *lint)
{
    struct df_request r = {.arena = a, .node = n, .lint = lint};
    const char *message;
    /* A malformed one counts as none. */
    (void)df_lint_config_comments(a, n->comments, n->comments_len, &r.checks,
                                  &message);
    return r;
}

/* A command; NULL with *error. */
static struct df_command *
parse_command(const struct df_request *r, int kind, const char **error)
{
    const struct df_node *n = r->node;
    struct df_command *c = df_arena_new(r->arena, struct df_command);
    *c = (struct df_command){
        .kind = (enum df_kind)kind,
        .name = n->value,
        .code = df_trim(r->arena, n->original),
        .lines = n->lines,
        .comments = n->comments,
        .comments_len = n->comments_len,
        .checks = r->checks,
    };
    *error = parse_kind[kind](r, c);
    return *error ? NULL : c;
}

struct build {
    struct df_arena *arena;
    TENON_VEC(struct df_stage) stages;
    TENON_VEC(const struct df_command *) meta, commands;
    TENON_VEC(const struct df_command *) all; /* also beside problems */
    bool in_stage; /* also one whose FROM is wrong */
};

static void
close_stage(struct build *b)
{
    if (b->stages.len == 0)
        return;
    struct df_stage *s = &b->stages.items[b->stages.len - 1];
    const struct df_command **list =
        df_arena_array(b->arena, b->commands.len, sizeof *list);
    if (b->commands.len)
        memcpy(list, b->commands.items, b->commands.len * sizeof *list);
    s->commands = list;
    s->len = b->commands.len;
    b->commands.len = 0;
}

static void
add_node(struct build *b, const struct df_node *n, struct df_linter *lint,
         struct df_problems *problems)
{
    struct df_arena *a = b->arena;
    struct df_request r = request(a, n, lint);
    int kind = kind_of(n);
    const char *error = NULL;
    struct df_command *c = NULL;
    struct df_stage stage;

    if (kind < 0)
        error = unknown_instruction(a, n->value);
    else if (kind == DF_FROM)
        error = parse_from(&r, &stage);
    else
        c = parse_command(&r, kind, &error);
    b->in_stage = b->in_stage || kind == DF_FROM;
    if (error)
        df_problem_add(a, problems, n->lines,
                       "dockerfile parse error on line %zu: %s", n->lines.first,
                       error);
    if (c)
        tenon_vec_push(&b->all, c);
    if (problems->len > 0) { /* from here on only more of them are looked for */
        return;
    } else if (!c) {
        close_stage(b);
        tenon_vec_push(&b->stages, stage);
    } else if (b->in_stage) {
        tenon_vec_push(&b->commands, c);
    } else if (kind == DF_ARG) {
        tenon_vec_push(&b->meta, c);
    } else {
        df_problem_add(a, problems, n->lines, "no build stage in current context");
    }
}

const struct df_instructions *
df_instructions_parse(struct df_arena *a, const struct df_file *file,
                      struct df_linter *lint, struct df_problems *problems)
{
    struct build b = {.arena = a};
    struct df_instructions *out = NULL;

    if (problems->len) /* BuildKit does not get that far */
        lint = NULL;
    for (size_t i = 0; i < file->empty_continuations_len; i++)
        df_lint(lint, DF_RULE_NO_EMPTY_CONTINUATION, NULL,
                file->empty_continuations[i], NULL);
    for (size_t i = 0; i < file->len; i++)
        add_node(&b, &file->nodes[i], problems->len ? NULL : lint, problems);
    close_stage(&b);
    if (!problems->len) {
        struct df_stage *stages =
            df_arena_array(a, b.stages.len, sizeof *stages);
        const struct df_command **meta =
            df_arena_array(a, b.meta.len, sizeof *meta);
        if (b.stages.len)
            memcpy(stages, b.stages.items, b.stages.len * sizeof *stages);
        if (b.meta.len)
            memcpy(meta, b.meta.items, b.meta.len * sizeof *meta);
        out = df_arena_new(a, struct df_instructions);
        *out = (struct df_instructions){
            .stages = stages,
            .stages_len = b.stages.len,
            .meta_args = meta,
            .meta_args_len = b.meta.len,
            .escape = file->escape,
        };
        df_lint_stages(a, out, lint);
    }
    tenon_vec_release(&b.stages);
    tenon_vec_release(&b.meta);
    for (size_t i = 0; !out && i < b.all.len; i++)
        df_command_check(a, b.all.items[i], file->escape, problems);
    tenon_vec_release(&b.commands);
    tenon_vec_release(&b.all);
    return out;
}

const struct df_command *
df_trigger_parse(struct df_arena *a, const char *text, struct df_lines lines,
                 struct df_problems *problems)
{
    struct df_problems inner = {0};
    const struct df_file *file = df_file_parse(a, text, strlen(text), &inner);
    const char *error = NULL;
    struct df_command *c = NULL;

    if (!file) {
        error = inner.items[0].message;
    } else if (file->len != 1) {
        error = "onbuild trigger should be a single expression";
    } else {
        struct df_node node = file->nodes[0];
        node.lines = lines;
        struct df_request r = request(a, &node, NULL);
        int kind = kind_of(&node);
        if (kind < 0)
            error = unknown_instruction(a, node.value);
        else if (kind == DF_FROM)
            error = "*instructions.Stage is not a command type";
        else
            c = parse_command(&r, kind, &error);
    }
    if (error)
        df_problem_add(a, problems, lines, "%s", error);
    return c;
}
