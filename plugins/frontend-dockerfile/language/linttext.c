/* linttext.c - the sentences of the rules, word for word BuildKit's. */
#include <string.h>
#include <strings.h>

#include "language.h"

const char *
df_lint_stage_name_casing(struct df_arena *a, const char *name)
{
    return df_arena_printf(a, "Stage name '%s' should be lowercase", name);
}

const char *
df_lint_from_as_casing(struct df_arena *a, const char *from, const char *as)
{
    return df_arena_printf(a, "'%s' and '%s' keywords' casing do not match", as,
                           from);
}

const char *
df_lint_no_empty_continuation(void)
{
    return "Empty continuation line";
}

const char *
df_lint_consistent_instruction_casing(struct df_arena *a, const char *command,
                                      const char *casing)
{
    return df_arena_printf(
        a, "Command '%s' should match the case of the command majority (%s)",
        command, casing);
}

const char *
df_lint_duplicate_stage_name(struct df_arena *a, const char *name)
{
    return df_arena_printf(
        a, "Duplicate stage name %s, stage names should be unique",
        df_quote(a, name));
}

const char *
df_lint_reserved_stage_name(struct df_arena *a, const char *name)
{
    return df_arena_printf(
        a, "Stage name should not use the same name as reserved stage %s",
        df_quote(a, name));
}

const char *
df_lint_json_args_recommended(struct df_arena *a, const char *instruction)
{
    return df_arena_printf(a,
                           "JSON arguments recommended for %s to prevent "
                           "unintended behavior related to OS signals",
                           instruction);
}

const char *
df_lint_maintainer_deprecated(void)
{
    return "Maintainer instruction is deprecated in favor of using label";
}

const char *
df_lint_undefined_arg_in_from(struct df_arena *a, const char *arg,
                              const char *suggest)
{
    if (suggest && *suggest)
        return df_arena_printf(
            a, "FROM argument '%s' is not declared (did you mean %s?)", arg,
            suggest);
    return df_arena_printf(a, "FROM argument '%s' is not declared", arg);
}

const char *
df_lint_workdir_relative_path(struct df_arena *a, const char *workdir)
{
    return df_arena_printf(a,
                           "Relative workdir %s can have unexpected results if "
                           "the base image changes",
                           df_quote(a, workdir));
}

const char *
df_lint_undefined_var(struct df_arena *a, const char *name, const char *suggest)
{
    if (suggest && *suggest)
        return df_arena_printf(
            a, "Usage of undefined variable '$%s' (did you mean $%s?)", name,
            suggest);
    return df_arena_printf(a, "Usage of undefined variable '$%s'", name);
}

const char *
df_lint_multiple_instructions(struct df_arena *a, const char *instruction)
{
    return df_arena_printf(a,
                           "Multiple %s instructions should not be used in the "
                           "same stage because only the last one will be used",
                           instruction);
}

const char *
df_lint_legacy_key_value(struct df_arena *a, const char *command)
{
    return df_arena_printf(a,
                           "\"%s key=value\" should be used instead of legacy "
                           "\"%s key value\" format",
                           command, command);
}

const char *
df_lint_invalid_base_image_platform(struct df_arena *a, const char *image,
                                    const char *expected, const char *actual)
{
    return df_arena_printf(a,
                           "Base image %s was pulled with platform %s, expected "
                           "%s for current build",
                           image, df_quote(a, actual), df_quote(a, expected));
}

const char *
df_lint_redundant_target_platform(struct df_arena *a, const char *variable)
{
    return df_arena_printf(a,
                           "Setting platform to predefined %s in FROM is "
                           "redundant as this is the default behavior",
                           variable);
}

const char *
df_lint_secrets_used(struct df_arena *a, const char *instruction,
                     const char *key)
{
    return df_arena_printf(a,
                           "Do not use ARG or ENV instructions for sensitive "
                           "data (%s %s)",
                           instruction, df_quote(a, key));
}

const char *
df_lint_invalid_default_arg(struct df_arena *a, const char *base)
{
    return df_arena_printf(
        a, "Default value for ARG %s results in empty or invalid base image name",
        base);
}

const char *
df_lint_from_platform_const(struct df_arena *a, const char *platform)
{
    return df_arena_printf(
        a, "FROM --platform flag should not use constant value %s",
        df_quote(a, platform));
}

const char *
df_lint_copy_ignored_file(struct df_arena *a, const char *command,
                          const char *file)
{
    return df_arena_printf(
        a, "Attempting to %s file %s that is excluded by .dockerignore", command,
        df_quote(a, file));
}

const char *
df_lint_invalid_definition_description(struct df_arena *a,
                                       const char *instruction,
                                       const char *name)
{
    return df_arena_printf(
        a, "Comment for %s should follow the format: `# %s <description>`",
        instruction, name);
}

const char *
df_lint_expose_proto_casing(struct df_arena *a, const char *port)
{
    return df_arena_printf(
        a, "Defined protocol '%s' in EXPOSE instruction should be lowercase",
        port);
}

const char *
df_lint_expose_invalid_format(struct df_arena *a, const char *port)
{
    return df_arena_printf(a,
                           "EXPOSE instruction should not define an IP address "
                           "or host-port mapping, found '%s'",
                           port);
}

/* Does one of the words stand in name, alone or between '_'? */
static bool
has_word(const char *name, const char *const *words)
{
    for (;;) {
        size_t len = strcspn(name, "_");
        for (const char *const *w = words; *w; w++) {
            if (strlen(*w) == len && strncasecmp(name, *w, len) == 0)
                return true;
        }
        if (!name[len])
            return false;
        name += len + 1;
    }
}

bool
df_lint_is_secret_name(const char *name)
{
    static const char *const secret[] = {
        "apikey", "auth",  "credential", "credentials", "key",  "password",
        "pword",  "passwd", "secret",     "token",       NULL};
    static const char *const harmless[] = {"public", "file", "version", NULL};
    return has_word(name, secret) && !has_word(name, harmless);
}
