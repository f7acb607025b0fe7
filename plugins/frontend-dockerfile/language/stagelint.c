/* language/stagelint.c - the rules that look at all stages at once. */
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "language.h"

/* 1: all capitals, -1: all small, 0: neither. */
static int
casing(struct df_arena *a, const char *s)
{
    if (strcmp(s, df_lower(a, s)) == 0)
        return -1;
    return strcmp(s, df_upper(a, s)) == 0;
}

static void
check_casing(struct df_arena *a, struct df_linter *lint, const char *word,
             int wanted, const struct df_lint_config *checks,
             struct df_lines lines)
{
    if (casing(a, word) == wanted)
        return;
    df_lint(lint, DF_RULE_CONSISTENT_INSTRUCTION_CASING, checks, lines,
            df_lint_text(a, DF_RULE_CONSISTENT_INSTRUCTION_CASING, word,
                         wanted < 0 ? "lowercase" : "uppercase"));
}

static void
lint_casing(struct df_arena *a, const struct df_instructions *all,
            struct df_linter *lint)
{
    size_t count[3] = {0}; /* small, neither, capitals */
    for (size_t i = 0; i < all->stages_len; i++) {
        const struct df_stage *s = &all->stages[i];
        count[casing(a, s->keyword) + 1]++;
        for (size_t k = 0; k < s->len; k++)
            count[casing(a, s->commands[k]->name) + 1]++;
    }
    int wanted = count[0] > count[2] ? -1 : 1;
    for (size_t i = 0; i < all->stages_len; i++) {
        const struct df_stage *s = &all->stages[i];
        check_casing(a, lint, s->keyword, wanted, &s->checks, s->lines);
        for (size_t k = 0; k < s->len; k++) {
            const struct df_command *c = s->commands[k];
            struct df_lint_config both = s->checks;
            both.skip |= c->checks.skip;
            both.skip_all = both.skip_all || c->checks.skip_all;
            check_casing(a, lint, c->name, wanted, &both, c->lines);
        }
    }
}

static int
compare_stages(const void *x, const void *y)
{
    const struct df_stage *const *p = x, *const *q = y;
    int order = strcmp((*p)->name, (*q)->name);
    return order ? order : *p < *q ? -1 : *p > *q;
}

static int
compare_places(const void *x, const void *y)
{
    const struct df_stage *const *p = x, *const *q = y;
    return *p < *q ? -1 : *p > *q;
}

/* Duplicates in order of appearance, without comparing all with all. */
static void
lint_names(struct df_arena *a, const struct df_instructions *all,
           struct df_linter *lint)
{
    const struct df_stage **named =
        df_arena_array(a, all->stages_len, sizeof *named);
    size_t n = 0, doubles = 0;

    for (size_t i = 0; i < all->stages_len; i++) {
        const struct df_stage *s = &all->stages[i];
        if (!*s->name)
            continue;
        named[n++] = s;
        if (strcmp(s->name, "scratch") == 0 || strcmp(s->name, "context") == 0)
            df_lint(lint, DF_RULE_RESERVED_STAGE_NAME, &s->checks, s->lines,
                    df_lint_text(a, DF_RULE_RESERVED_STAGE_NAME, s->name));
    }
    if (n == 0)
        return;
    qsort(named, n, sizeof *named, compare_stages);
    const struct df_stage *before = named[0];
    for (size_t i = 1; i < n; i++) {
        const struct df_stage *s = named[i];
        if (strcmp(s->name, before->name) == 0)
            named[doubles++] = s;
        before = s;
    }
    if (doubles)
        qsort(named, doubles, sizeof *named, compare_places);
    for (size_t i = 0; i < doubles; i++)
        df_lint(lint, DF_RULE_DUPLICATE_STAGE_NAME, &named[i]->checks,
                named[i]->lines,
                df_lint_text(a, DF_RULE_DUPLICATE_STAGE_NAME, named[i]->name));
}

void
df_lint_stages(struct df_arena *a, const struct df_instructions *all,
               struct df_linter *lint)
{
    if (!lint || !lint->warn)
        return;
    lint_names(a, all, lint);
    lint_casing(a, all, lint);
}
