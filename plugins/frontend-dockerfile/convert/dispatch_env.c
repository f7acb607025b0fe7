/* convert/dispatch_env.c - ENV, LABEL, ARG: pairs. */
#include <string.h>

#include "convert.h"
#include "tools/buf.h"

/* Said of what is built, not when the file is read. */
static void
lint_legacy(const struct df_dispatch *d)
{
    if (d->cmd->legacy_pair)
        df_dispatch_lint(d, DF_RULE_LEGACY_KEY_VALUE_FORMAT,
                         df_lint_text(d->c->arena, DF_RULE_LEGACY_KEY_VALUE_FORMAT,
                                      d->cmd->name, d->cmd->name));
}

int
df_dispatch_env(struct df_dispatch *d)
{
    struct df_arena *a = d->c->arena;
    lint_legacy(d);
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    tenon_buf_adds(&text, "ENV");
    for (size_t i = 0; i < d->cmd->pairs.len; i++) {
        const struct df_pair *p = &d->cmd->pairs.items[i];
        df_lint_secret_key(d, "ENV", p->key);
        tenon_buf_addf(&text, " %s=%s", p->key, p->value);
        df_vars_set(a, &d->s->env, p->key, p->value);
        df_image_set_env(a, &d->s->image, p->key, p->value);
    }
    df_dispatch_commit(d, df_arena_strdup(a, tenon_buf_str(&text)), false);
    return 0;
}

int
df_dispatch_label(struct df_dispatch *d)
{
    struct df_arena *a = d->c->arena;
    lint_legacy(d);
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    tenon_buf_adds(&text, "LABEL");
    for (size_t i = 0; i < d->cmd->pairs.len; i++) {
        const struct df_pair *p = &d->cmd->pairs.items[i];
        df_image_set_label(a, &d->s->image, p->key, p->value);
        tenon_buf_addf(&text, " %s=%s", p->key, p->value);
    }
    df_dispatch_commit(d, df_arena_strdup(a, tenon_buf_str(&text)), false);
    return 0;
}

static void
declare(struct df_dispatch *d, const char *key, const char *value)
{
    struct df_pairs *args = &d->s->build_args;
    size_t at, len = strlen(key);
    if (df_index_get(&d->s->build_args_index, key, len, &at)) {
        args->items[at].value = value;
        return;
    }
    df_index_put(d->c->arena, &d->s->build_args_index, key, len, args->len);
    if (args->len == d->s->build_args_cap) {
        size_t cap = args->len ? args->len * 2 : 8;
        struct df_pair *grown = df_arena_array(d->c->arena, cap, sizeof *grown);
        if (args->len)
            memcpy(grown, args->items, args->len * sizeof *grown);
        args->items = grown;
        d->s->build_args_cap = cap;
    }
    args->items[args->len++] = (struct df_pair){.key = key, .value = value};
}

static int
one_arg(struct df_dispatch *d, const struct df_pair *p, struct tenon_buf *text)
{
    struct df_convert *c = d->c;
    const char *value = df_convert_build_arg(c, p->key);
    bool inherited = false;

    df_lint_secret_key(d, "ARG", p->key);
    if (!value && p->value) {
        const char *why = NULL;
        value = df_dispatch_expand(d, p->value, &why);
        if (!value)
            return df_dispatch_fail(d, "%s", why);
    } else if (!value) {
        value = df_vars_get(&c->globals, p->key);
        inherited = value != NULL;
    }
    if (value && !df_scans_is_arg(p->key))
        df_vars_set(c->arena, &d->s->env, p->key, value);

    if (!inherited) {
        struct df_arg_info info = {.key = p->key, .value = value ? value : "",
                                   .description = p->comment,
                                   .lines = d->step->cmd->lines};
        df_outline_arg(c->arena, &d->s->outline, &info);
    }
    df_outline_use(c->arena, &d->s->outline, p->key);
    declare(d, p->key, value);
    tenon_buf_addf(text, " %s%s%s", p->key, value ? "=" : "", value ? value : "");
    return 0;
}

int
df_dispatch_arg(struct df_dispatch *d)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    tenon_buf_adds(&text, "ARG");
    for (size_t i = 0; i < d->cmd->pairs.len; i++) {
        int rc = one_arg(d, &d->cmd->pairs.items[i], &text);
        if (rc < 0)
            return rc;
    }
    df_dispatch_commit(d, df_arena_strdup(d->c->arena, tenon_buf_str(&text)),
                       false);
    return 0;
}
