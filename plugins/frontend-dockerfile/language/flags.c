/* language/flags.c - the "--name=value" words of an instruction against a table. */
#include <string.h>

#include "language.h"

static const char *
unknown_flag(struct df_arena *a, const char *name, const struct df_flag *flags,
             size_t count)
{
    const char **names = df_arena_array(a, count + 1, sizeof *names);
    for (size_t i = 0; i < count; i++)
        names[i] = flags[i].name;
    const char *near = df_suggest(a, name + 2, names, true);
    return df_arena_printf(a, "unknown flag: %s%s", name, df_did_you_mean(a, "", near));
}

static const char *
set_bool(struct df_arena *a, struct df_flag *flag, const char *name,
         const char *value)
{
    if (value && !*value)
        return df_arena_printf(a, "missing a value on flag: %s", name);
    const char *lower = value ? df_lower(a, value) : "true";
    if (strcmp(lower, "true") != 0 && strcmp(lower, "false") != 0)
        return df_arena_printf(
            a, "expecting boolean value for flag %s, not: %s", name, value);
    flag->value = lower;
    return NULL;
}

const char *
df_flags_parse(struct df_arena *a, const struct df_node *node,
               struct df_flag *flags, size_t count)
{
    for (size_t i = 0; i < node->flags_len; i++) {
        const char *arg = node->flags[i];
        if (strncmp(arg, "--", 2) != 0)
            return df_arena_printf(a, "arg should start with -- : %s", arg);
        if (!arg[2])
            return NULL;
        const char *eq = strchr(arg, '=');
        const char *value = eq ? eq + 1 : NULL;
        const char *name =
            eq ? df_arena_strndup(a, arg, (size_t)(eq - arg)) : arg;

        struct df_flag *flag = NULL;
        for (size_t k = 0; k < count; k++) {
            if (strcmp(flags[k].name, name + 2) == 0)
                flag = &flags[k];
        }
        if (!flag)
            return unknown_flag(a, name, flags, count);
        if (flag->used && flag->type != DF_FLAG_STRINGS)
            return df_arena_printf(a, "duplicate flag specified: %s", name);
        flag->used = true;
        if (flag->type == DF_FLAG_BOOL) {
            const char *error = set_bool(a, flag, name, value);
            if (error)
                return error;
            continue;
        }
        if (!value)
            return df_arena_printf(a, "missing a value on flag: %s", name);
        if (flag->type == DF_FLAG_STRINGS)
            df_list_add(a, &flag->values, df_arena_strdup(a, value));
        else
            flag->value = value;
    }
    return NULL;
}
