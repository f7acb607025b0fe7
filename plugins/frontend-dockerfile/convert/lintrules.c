/* convert/lintrules.c - rules that need variables, platforms or the ignore file. */
#include <string.h>

#include "convert.h"
#include "load.h"
#include "tools/alloc.h"
#include "tools/path.h"
#include "tools/pattern.h"

void
df_lint_default_bases(struct df_convert *c, struct tenon_error *err)
{
    struct df_vars args = {0};
    if (!df_meta_default_args(c, &args))
        return; /* the same error stops the build right after */
    struct df_env env = df_vars_env(&args);
    for (size_t i = 0; i < c->file->stages_len; i++) {
        const struct df_stage *st = &c->file->stages[i];
        struct df_word word = {0};
        const char *why = NULL;
        if (!df_word_expand(c->arena, c->file->escape, 0, st->base,
                            strlen(st->base), &env, &word, &why))
            return;
        if (*word.text && df_image_normal(c->build, word.text, err))
            continue;
        c->build->host->error->clear(err);
        df_lint(&c->lint, DF_RULE_INVALID_DEFAULT_ARG_IN_FROM, NULL, st->lines,
                df_lint_text(c->arena, DF_RULE_INVALID_DEFAULT_ARG_IN_FROM, st->base));
    }
}

void
df_lint_from_args(struct df_convert *c, const struct df_stage *stage,
                  const struct df_names *unmatched)
{
    if (!unmatched->len)
        return;
    size_t n = c->globals.live + c->outline.args_len, len = 0;
    const struct df_pair *p;
    const char **known = df_arena_array(c->arena, n + 1, sizeof *known);
    for (size_t i = 0; i < c->outline.args_len; i++)
        known[len++] = c->outline.args[i].key;
    for (size_t at = 0; (p = df_vars_next(&c->globals, &at)) != NULL;)
        known[len++] = p->key;

    for (size_t i = 0; i < unmatched->len; i++) {
        const char *arg = unmatched->items[i];
        size_t k = 0;
        while (k < len && strcmp(known[k], arg) != 0)
            k++;
        if (k < len)
            continue;
        df_lint(&c->lint, DF_RULE_UNDEFINED_ARG_IN_FROM, &stage->checks,
                stage->lines,
                df_lint_text(c->arena, DF_RULE_UNDEFINED_ARG_IN_FROM, arg,
                             df_did_you_mean(c->arena, "",
                                             df_suggest(c->arena, arg, known, true))));
    }
}

void
df_lint_platform(struct df_convert *c, const struct df_stage *stage,
                 const struct df_word *word)
{
    const char *target = df_vars_get(&c->globals, "TARGETPLATFORM");
    if (word->matched.len == 1 && !word->unmatched.len &&
        strcmp(word->matched.items[0], "TARGETPLATFORM") == 0 && target &&
        strcmp(word->text, target) == 0)
        df_lint(&c->lint, DF_RULE_REDUNDANT_TARGET_PLATFORM, &stage->checks,
                stage->lines,
                df_lint_text(c->arena, DF_RULE_REDUNDANT_TARGET_PLATFORM, stage->platform));

    if (word->matched.len || word->unmatched.len)
        return;
    const char *why = NULL;
    const struct df_platform *p = df_platform_parse(
        c->arena, word->text, c->build->config.host, &why);
    /* A stage named after its platform says so on purpose. */
    if (!p || strstr(stage->name, p->os) || strstr(stage->name, p->arch))
        return;
    df_lint(&c->lint, DF_RULE_FROM_PLATFORM_FLAG_CONST_DISALLOWED,
            &stage->checks, stage->lines,
            df_lint_text(c->arena, DF_RULE_FROM_PLATFORM_FLAG_CONST_DISALLOWED, word->text));
}

void
df_lint_base_platform(struct df_convert *c, const struct df_state *s,
                      const char *name, const struct df_platform *want)
{
    const struct df_platform *have = &s->image.platform;
    if (strcmp(want->os, have->os) == 0 && strcmp(want->arch, have->arch) == 0)
        return;
    const char *expected = df_platform_format(
        c->arena, df_platform_normalize(c->arena, want), true);
    const char *actual = df_platform_format(
        c->arena, df_platform_normalize(c->arena, have), true);
    df_lint(&c->lint, DF_RULE_INVALID_BASE_IMAGE_PLATFORM, NULL, s->lines,
            df_lint_text(c->arena, DF_RULE_INVALID_BASE_IMAGE_PLATFORM, name, actual, expected));
}

void
df_lint_ignored_source(const struct df_dispatch *d, const char *src)
{
    struct df_convert *c = d->c;
    /* With exceptions the answer depends on the files that are there. */
    if (!c->ignore || c->ignore_has_exceptions)
        return;
    auto_free char *clean = tenon_path_clean(src);
    bool root = strcmp(clean, ".") == 0 || strcmp(clean, "/") == 0;
    if (root && !c->ignore_all_root)
        return;
    if (!root && !tenon_patterns_match(c->ignore, clean))
        return;
    df_dispatch_lint(d, DF_RULE_COPY_IGNORED_FILE,
                     df_lint_text(c->arena, DF_RULE_COPY_IGNORED_FILE,
                                  d->cmd->kind == DF_ADD ? "Add" : "Copy", clean));
}

void
df_lint_once(const struct df_dispatch *d, struct df_used_once *used)
{
    /* At the earlier one, because that is the one without effect. */
    if (used->set)
        df_lint(&d->c->lint, DF_RULE_MULTIPLE_INSTRUCTIONS_DISALLOWED,
                &d->cmd->checks, used->lines,
                df_lint_text(d->c->arena, DF_RULE_MULTIPLE_INSTRUCTIONS_DISALLOWED,
                             d->cmd->name));
    used->set = true;
    used->lines = d->cmd->lines;
}

void
df_lint_secret_key(const struct df_dispatch *d, const char *instruction,
                   const char *key)
{
    if (df_lint_is_secret_name(key))
        df_dispatch_lint(d, DF_RULE_SECRETS_USED_IN_ARG_OR_ENV,
                         df_lint_text(d->c->arena, DF_RULE_SECRETS_USED_IN_ARG_OR_ENV,
                                      instruction, key));
}
