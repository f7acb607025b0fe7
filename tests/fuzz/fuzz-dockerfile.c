/* fuzz-dockerfile - whatever the bytes are: parsed, typed, expanded, without a
 * wrong access. */
#define FUZZ_CORPUS "dockerfile"
#include "fuzz.h"
#include "language/instructions.h"
#include "language/word.h"

static const char *
get(void *data, const char *name)
{
    (void)data;
    return strcmp(name, "A") == 0 ? "a b/c*d" : strcmp(name, "E") == 0 ? "" : NULL;
}

static const struct df_env env = {.get = get};

static const char *
expand(void *data, const char *word, const char **message)
{
    struct df_word w;
    return df_word_expand(data, '\\', 0, word, strlen(word), &env, &w, message) ?
               w.text : NULL;
}

static void
warn(void *data, const struct df_rule_info *rule, const char *message,
     struct df_lines lines)
{
    *(size_t *)data += strlen(rule->name) + strlen(message) + lines.first;
}

static void
visit(struct df_arena *a, const struct df_command *c, struct df_linter *lint)
{
    struct df_problems problems = {0};
    struct df_expander e = {.expand = expand, .data = a};
    const char *message;

    df_command_check(a, c, '\\', &problems);
    const struct df_command *x = df_command_expand(a, c, &e, &problems);
    if (c->kind == DF_RUN) {
        struct df_mount *mounts;
        struct df_device device;
        size_t n;
        (void)df_run_mounts(a, c, &e, &mounts, &n, &problems);
        for (size_t i = 0; x && i < x->run.device_texts.len; i++)
            (void)df_device_parse(a, x->run.device_texts.items[i], &device, &message);
    } else if (c->kind == DF_EXPOSE) {
        struct df_strings ports;
        (void)df_ports_parse(a, c, c->words.items, c->words.len, lint, NULL, &ports,
                             &message);
    } else if (c->kind == DF_ONBUILD) {
        (void)df_trigger_parse(a, c->text, c->lines, &problems);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Sanitizers are slow: most of what expansions may cost is spent. */
    auto_df_arena struct df_arena a = {.work = DF_WORD_WORK_MAX - (64 << 10)};
    struct df_problems problems = {0};
    struct df_directive d;
    struct df_word w;
    size_t sum = 0;
    struct df_linter lint = {.warn = warn, .data = &sum};
    const char *message;
    char *text = fuzz_copy(data, size);

    lint.config.experimental_all = true;
    (void)df_syntax_detect(&a, text, size, &d);
    if (df_directive_find(&a, text, size, "check", &d))
        (void)df_lint_config_parse(&a, d.cmdline, &lint.config, &message);
    (void)df_word_expand(&a, '`', DF_WORD_SKIP_QUOTES, text, size, &env, &w, &message);
    const struct df_file *file = df_file_read(&a, text, size, &problems);
    const struct df_instructions *all =
        df_instructions_parse(&a, file, &lint, &problems);
    for (size_t i = 0; all && i < all->stages_len; i++) {
        for (size_t k = 0; k < all->stages[i].len; k++)
            visit(&a, all->stages[i].commands[k], &lint);
    }
    (void)df_lint_error(&a, &lint);
    free(text);
    return 0;
}
