/* convert/meta.c - the global scope: platform arguments and ARG before FROM. */
#include <string.h>

#include "convert.h"
#include "tools/alloc.h"

static void
default_args(struct df_convert *c, struct df_vars *out)
{
    const struct df_platform *build = c->build->config.host;
    const struct df_platform *target = c->platform;
    const char *stage = c->build->config.target;
    if (!stage || !*stage)
        stage = c->file->stages[c->file->stages_len - 1].name;
    const char *const args[][2] = {
        {"BUILDPLATFORM", df_platform_format(c->arena, build, true)},
        {"BUILDOS", build->os},
        {"BUILDOSVERSION", build->os_version},
        {"BUILDARCH", build->arch},
        {"BUILDVARIANT", build->variant},
        {"TARGETPLATFORM", df_platform_format(c->arena, target, true)},
        {"TARGETOS", target->os},
        {"TARGETOSVERSION", target->os_version},
        {"TARGETARCH", target->arch},
        {"TARGETVARIANT", target->variant},
        {"TARGETSTAGE", *stage ? stage : "default"},
    };
    for (size_t i = 0; i < tenon_countof(args); i++) {
        const char *given = df_build_arg(c->build, args[i][0]);
        df_vars_set(c->arena, out, args[i][0], given ? given : args[i][1]);
    }
}

bool
df_arg_is_predefined(const char *name)
{
    static const char *const platform[] = {
        "BUILDPLATFORM", "BUILDOS", "BUILDOSVERSION", "BUILDARCH",
        "BUILDVARIANT", "TARGETPLATFORM", "TARGETOS", "TARGETOSVERSION",
        "TARGETARCH", "TARGETVARIANT", "TARGETSTAGE", "SOURCE_DATE_EPOCH",
    };
    static const char *const proxy[] = {"http_proxy", "https_proxy",
                                        "ftp_proxy", "no_proxy", "all_proxy"};
    for (size_t i = 0; i < tenon_countof(platform); i++)
        if (strcmp(name, platform[i]) == 0)
            return true;
    for (size_t i = 0; i < tenon_countof(proxy); i++)
        if (strcasecmp(name, proxy[i]) == 0)
            return true;
    return tenon_has_prefix(name, "BUILDKIT_");
}

const char *
df_convert_build_arg(const struct df_convert *c, const char *name)
{
    /* It may have been the name of a context; steps see the seconds. */
    if (c->source_epoch_given && strcmp(name, "SOURCE_DATE_EPOCH") == 0)
        return c->source_epoch;
    return df_build_arg(c->build, name);
}

static void
add_dep(struct df_arena *a, struct df_arg_info *info, const char *name)
{
    const char **grown = df_arena_array(a, info->deps_len + 1, sizeof *grown);
    if (info->deps_len)
        memcpy(grown, info->deps, info->deps_len * sizeof *grown);
    grown[info->deps_len++] = name;
    info->deps = grown;
}

/* An argument made of an older one of its own name is made of what that was
 * made of. */
static void
note_deps(struct df_arena *a, const struct df_outline *outline,
          const struct df_names *matched, struct df_arg_info *info)
{
    for (size_t i = 0; i < matched->len; i++) {
        if (strcmp(matched->items[i], info->key) != 0) {
            add_dep(a, info, matched->items[i]);
            continue;
        }
        const struct df_arg_info *older = df_outline_find(outline, info->key);
        for (size_t d = 0; older && d < older->deps_len; d++)
            add_dep(a, info, older->deps[d]);
    }
}

/* NULL, or what is wrong; *at says where. */
static const char *
meta_args(struct df_convert *c, bool given, struct df_vars *vars,
          struct df_outline *outline, struct df_lines *at)
{
    for (size_t i = 0; i < c->file->meta_args_len; i++) {
        const struct df_command *cmd = c->file->meta_args[i];
        *at = cmd->lines;
        for (size_t k = 0; k < cmd->pairs.len; k++) {
            const struct df_pair *p = &cmd->pairs.items[k];
            struct df_arg_info info = {.key = p->key, .value = "",
                                       .description = p->comment,
                                       .lines = cmd->lines};
            const char *value = given ? df_build_arg(c->build, p->key) : NULL;
            if (!value && p->value) {
                struct df_env env = df_vars_env(vars);
                struct df_word word = {0};
                const char *why = NULL;
                if (!df_word_expand(c->arena, c->file->escape, 0, p->value,
                                    strlen(p->value), &env, &word, &why))
                    return why;
                value = word.text;
                note_deps(c->arena, outline, &word.matched, &info);
            }
            if (value) {
                df_vars_set(c->arena, vars, p->key, value);
                info.value = value;
            }
            df_outline_arg(c->arena, outline, &info);
        }
    }
    return NULL;
}

bool
df_meta_default_args(struct df_convert *c, struct df_vars *out)
{
    struct df_outline outline = {0};
    struct df_lines at = {0};
    default_args(c, out);
    return !meta_args(c, false, out, &outline, &at);
}

int
df_meta_args(struct df_convert *c, struct tenon_error *err)
{
    struct df_lines at = {0};
    default_args(c, &c->globals);
    const char *why = meta_args(c, true, &c->globals, &c->outline, &at);
    return why ? df_fail(c->build, err, at, "%s", why) : 0;
}
