/* convert/dispatch.c - the instructions of the wanted stages, one after the other. */
#include <stdarg.h>
#include <string.h>

#include "convert.h"
#include "tools/alloc.h"
#include "tools/cleanup.h"
#include "tools/conceal.h"

int
df_dispatch_fail(const struct df_dispatch *d, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *text = df_arena_vprintf(d->c->arena, fmt, ap);
    va_end(ap);
    return df_fail(d->c->build, d->err, d->step->cmd->lines, "%s", text);
}

void
df_dispatch_lint(const struct df_dispatch *d, enum df_rule rule,
                 const char *message)
{
    df_lint(&d->c->lint, rule, &d->step->cmd->checks, d->step->cmd->lines,
            message);
}

void
df_dispatch_commit(const struct df_dispatch *d, const char *text, bool layer)
{
    /* What a step was given to come by its files stays here: an image goes anywhere. The others'
     * texts (ENV, LABEL) are in the image as they are. */
    bool here = layer || tenon_has_prefix(text, "ARG ");
    auto_free char *shown = here ? tenon_url_conceal(text) : NULL;
    if (shown)
        text = df_arena_strdup(d->c->arena, shown);
    df_image_commit(d->c->arena, &d->s->image, text, layer, d->c->epoch);
}

static bool
is_declared(const struct df_state *s, const char *name)
{
    size_t at;
    return df_index_get(&s->build_args_index, name, strlen(name), &at);
}

void
df_dispatch_unmatched(const struct df_dispatch *d, const struct df_names *names)
{
    struct df_env env = df_vars_env(&d->s->env);
    for (size_t i = 0; i < names->len; i++) {
        const char *name = names->items[i];
        if (is_declared(d->s, name) || df_scans_is_arg(name))
            continue;
        df_dispatch_lint(d, DF_RULE_UNDEFINED_VAR,
                         df_lint_text(d->c->arena, DF_RULE_UNDEFINED_VAR, name,
                                      df_did_you_mean(
                                          d->c->arena, "$",
                                          df_word_suggest(d->c->arena, name, &env))));
    }
}

const char *
df_dispatch_expand(void *dispatch, const char *word, const char **message)
{
    struct df_dispatch *d = dispatch;
    struct df_env env = df_vars_env(&d->s->env);
    struct df_word out = {0};
    bool ok = df_word_expand(d->c->arena, d->c->file->escape, 0, word,
                             strlen(word), &env, &out, message);
    df_dispatch_unmatched(d, &out.unmatched);
    return ok ? out.text : NULL;
}

static int
dispatch(struct df_dispatch *d)
{
    struct df_expander expander = {df_dispatch_expand, d};
    struct df_problems problems = {0};
    d->cmd = d->step->cmd;
    d->s->step_onbuild = d->step->onbuild;
    /* The default of an ARG counts only when nothing else is given, so it is expanded
     * separately. */
    if (d->cmd->kind != DF_ARG) {
        d->cmd = df_command_expand(d->c->arena, d->cmd, &expander, &problems);
        if (!d->cmd)
            return df_fail_problem(d->c->build, d->err, &problems);
    }
    switch (d->cmd->kind) {
    case DF_RUN:
        return df_dispatch_run(d);
    case DF_ADD:
    case DF_COPY:
        return df_dispatch_copy(d);
    case DF_ENV:
        return df_dispatch_env(d);
    case DF_LABEL:
        return df_dispatch_label(d);
    case DF_ARG:
        return df_dispatch_arg(d);
    case DF_WORKDIR:
        return df_dispatch_workdir(d);
    case DF_CMD:
    case DF_ENTRYPOINT:
    case DF_EXPOSE:
    case DF_HEALTHCHECK:
    case DF_MAINTAINER:
    case DF_ONBUILD:
    case DF_SHELL:
    case DF_STOPSIGNAL:
    case DF_USER:
    case DF_VOLUME:
        return df_dispatch_config(d);
    case DF_FROM:
        break;
    }
    return d->c->build->host->error->set(d->err, TENON_E_BUG, 0,
                                         "instruction %s among the steps of a stage",
                                         df_kind_name(d->cmd->kind));
}

/* Is the environment the image's, in its order?  It is of most stages that others are built on. */
static bool
has_images_env(const struct df_state *s)
{
    const struct df_pair *p;
    size_t i = 0;
    for (size_t at = 0; (p = df_vars_next(&s->env, &at)) != NULL; i++) {
        const size_t len = strlen(p->key);
        const char *entry = i < s->image.env.len ? s->image.env.items[i] : "";
        if (strncmp(entry, p->key, len) || entry[len] != '=' || strcmp(entry + len + 1, p->value))
            return false;
    }
    return i == s->image.env.len;
}

/* What the base image says holds for the stage. */
static void
start_stage(struct df_convert *c, struct df_state *s)
{
    df_state_inherit(c, s);
    s->dispatched = true;
    if (!s->platform)
        s->platform = c->platform;
    if (!df_image_env(&s->image, "PATH") && strcmp(s->platform->os, "windows") != 0)
        df_image_set_env(c->arena, &s->image, "PATH", DF_DEFAULT_PATH);
    const size_t to_set = has_images_env(s) ? 0 : s->image.env.len;
    for (size_t i = 0; i < to_set; i++) {
        const char *entry = s->image.env.items[i], *eq = strchr(entry, '=');
        df_vars_set(c->arena, &s->env,
                    eq ? df_arena_strndup(c->arena, entry, (size_t)(eq - entry)) :
                         entry,
                    eq ? eq + 1 : "");
    }
    if (s->image.working_dir && *s->image.working_dir)
        df_state_workdir(c, s, s->image.working_dir);
    if (s->image.user && *s->image.user)
        s->user = s->image.user;
}

/* Each step has a copy of its environment, each stage of what it is built on: a small
 * file can ask for any amount of that. */
#define FILE_MEMORY_MAX ((size_t)256 << 20)

static int
check_memory(struct df_convert *c, struct df_lines lines, struct tenon_error *err)
{
    if (c->arena->memory.bytes <= FILE_MEMORY_MAX)
        return 0;
    return df_fail(c->build, err, lines, "the build file takes too much memory (over %zu MiB)",
                   FILE_MEMORY_MAX >> 20);
}

int
df_stages_dispatch(struct df_convert *c, struct tenon_error *err)
{
    for (size_t i = 0; i < c->states_len; i++) {
        struct df_state *s = c->states[i];
        if (!c->all_stages && (!s->reachable || s->dispatched))
            continue;
        start_stage(c, s);
        if (check_memory(c, (struct df_lines){0}, err) < 0)
            return c->build->host->error->code(err);
        for (size_t k = 0; k < s->steps_len; k++) {
            if (c->build->host->ctx->cancelled(c->build->ctx))
                return c->build->host->error->set(err, TENON_E_CANCELLED, 0,
                                                  "cancelled");
            struct df_dispatch d = {
                .c = c, .s = s, .step = &s->steps[k], .err = err};
            int rc = dispatch(&d);
            if (rc == 0)
                rc = check_memory(c, s->steps[k].cmd->lines, err);
            if (rc < 0)
                return rc;
        }
    }
    return 0;
}
