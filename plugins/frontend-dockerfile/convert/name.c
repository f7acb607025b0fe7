/* convert/name.c - what steps are called in progress. */
#include <string.h>

#include "convert.h"

const char *
df_step_text(struct df_convert *c, const char *code, const struct df_vars *env,
             unsigned word_flags)
{
    struct df_env e = df_vars_env(env);
    struct df_word word = {0};
    const char *ignored = NULL;
    /* A text that cannot be expanded is shown as it is. */
    if (df_word_expand(c->arena, c->file->escape, word_flags, code,
                       strlen(code), &e, &word, &ignored))
        code = word.text;
    char *out = df_arena_strdup(c->arena, code);
    for (char *p = out; *p && *p != ' '; p++)
        if (*p >= 'a' && *p <= 'z')
            *p = (char)(*p - 'a' + 'A');
    return out;
}

/* The platform that the TARGET* variables of the stage speak of; false when
 * there is none. */
static bool
target_of(struct df_convert *c, const struct df_vars *env,
          struct df_platform *out)
{
    bool any = false;
    *out = (struct df_platform){"", "", "", ""};
    const struct df_pair *p;
    for (size_t at = 0; (p = df_vars_next(env, &at)) != NULL;) {
        const char *key = p->key, *value = p->value;
        if (strcmp(key, "TARGETPLATFORM") == 0) {
            const char *why = NULL;
            const struct df_platform *one = df_platform_parse(
                c->arena, value, c->build->config.host, &why);
            if (!one)
                continue;
            *out = *one;
            return true;
        }
        const char **field = strcmp(key, "TARGETOS") == 0      ? &out->os :
                             strcmp(key, "TARGETARCH") == 0    ? &out->arch :
                             strcmp(key, "TARGETVARIANT") == 0 ? &out->variant :
                                                                 NULL;
        if (field) {
            *field = value;
            any = true;
        }
    }
    return any;
}

/* "->arm64" when the stage compiles for another platform than its own. */
static const char *
cross(struct df_convert *c, const struct df_platform *own,
      const struct df_vars *env)
{
    struct df_platform want;
    if (!env || !target_of(c, env, &want))
        return "";
    if (!*want.os)
        want.os = own->os;
    if (!*want.arch)
        want.arch = own->arch;
    const struct df_platform *p = df_platform_normalize(c->arena, &want);
    if (strcmp(p->os, own->os) != 0)
        return df_arena_printf(c->arena, "->%s",
                               df_platform_format(c->arena, p, true));
    if (strcmp(p->arch, own->arch) == 0)
        return "";
    return df_arena_printf(c->arena, "->%s%s%s", p->arch,
                           *p->variant ? "/" : "", p->variant);
}

static int
digits(unsigned n)
{
    int d = 1;
    while (n >= 10) {
        n /= 10;
        d++;
    }
    return d;
}

const char *
df_step_name(struct df_convert *c, struct df_state *s, const char *text,
             const struct df_platform *platform, const struct df_vars *env)
{
    if (s->step_total == 0)
        return text;
    const char *where = "";
    if (c->build->config.multi_platform && platform)
        where = df_arena_printf(c->arena, "%s%s ",
                                df_platform_format(c->arena, platform, true),
                                cross(c, platform, env));
    s->step_index++;
    return df_arena_printf(c->arena, "[%s%s%s%*u/%u] %s%s", where,
                           s->stage_name, *s->stage_name ? " " : "",
                           digits(s->step_total), s->step_index, s->step_total,
                           s->step_onbuild ? "ONBUILD " : "", text);
}
