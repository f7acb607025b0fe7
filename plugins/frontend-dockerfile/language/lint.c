/* lint.c - the table of rules, what is said when one is broken, and which of
 * them are on. */
#include "lint.h"

#include <string.h>
#include <strings.h>

#include "tools/parse.h"
#include "directives.h"
#include "language.h"

#define URL(name) "https://docs.docker.com/go/dockerfile/rule/" name "/"

static const struct df_rule_info rules[DF_RULE_COUNT] = {
    [DF_RULE_STAGE_NAME_CASING] = {"StageNameCasing",
        "Stage names should be lowercase", URL("stage-name-casing"), false, false},
    [DF_RULE_FROM_AS_CASING] = {"FromAsCasing",
        "The 'as' keyword should match the case of the 'from' keyword",
        URL("from-as-casing"), false, false},
    [DF_RULE_NO_EMPTY_CONTINUATION] = {"NoEmptyContinuation",
        "Empty continuation lines will become errors in a future release",
        URL("no-empty-continuation"), false, false},
    [DF_RULE_CONSISTENT_INSTRUCTION_CASING] = {"ConsistentInstructionCasing",
        "All commands within the Dockerfile should use the same casing (either "
        "upper or lower)",
        URL("consistent-instruction-casing"), false, false},
    [DF_RULE_DUPLICATE_STAGE_NAME] = {"DuplicateStageName",
        "Stage names should be unique", URL("duplicate-stage-name"), false, false},
    [DF_RULE_RESERVED_STAGE_NAME] = {"ReservedStageName",
        "Reserved words should not be used as stage names",
        URL("reserved-stage-name"), false, false},
    [DF_RULE_MAINTAINER_DEPRECATED] = {"MaintainerDeprecated",
        "The MAINTAINER instruction is deprecated, use a label instead to define "
        "an image author",
        URL("maintainer-deprecated"), false, false},
    [DF_RULE_LEGACY_KEY_VALUE_FORMAT] = {"LegacyKeyValueFormat",
        "Legacy key/value format with whitespace separator should not be used",
        URL("legacy-key-value-format"), false, false},
    [DF_RULE_INVALID_DEFINITION_DESCRIPTION] = {"InvalidDefinitionDescription",
        "Comment for build stage or argument should follow the format: `# "
        "<arg/stage name> <description>`. If this is not intended to be a "
        "description comment, add an empty line or comment between the "
        "instruction and the comment.",
        URL("invalid-definition-description"), true, false},
    [DF_RULE_EXPOSE_PROTO_CASING] = {"ExposeProtoCasing",
        "Protocol in EXPOSE instruction should be lowercase",
        URL("expose-proto-casing"), false, false},
    [DF_RULE_EXPOSE_INVALID_FORMAT] = {"ExposeInvalidFormat",
        "IP address and host-port mapping should not be used in EXPOSE "
        "instruction. This will become an error in a future release",
        URL("expose-invalid-format"), false, false},
    [DF_RULE_JSON_ARGS_RECOMMENDED] = {"JSONArgsRecommended",
        "JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended "
        "behavior related to OS signals",
        URL("json-args-recommended"), false, false},
    [DF_RULE_MULTIPLE_INSTRUCTIONS_DISALLOWED] = {"MultipleInstructionsDisallowed",
        "Multiple instructions of the same type should not be used in the same "
        "stage",
        URL("multiple-instructions-disallowed"), false, false},
    [DF_RULE_UNDEFINED_ARG_IN_FROM] = {"UndefinedArgInFrom",
        "FROM command must use declared ARGs", URL("undefined-arg-in-from"),
        false, false},
    [DF_RULE_WORKDIR_RELATIVE_PATH] = {"WorkdirRelativePath",
        "Relative workdir without an absolute workdir declared within the build "
        "can have unexpected results if the base image changes",
        URL("workdir-relative-path"), false, false},
    [DF_RULE_UNDEFINED_VAR] = {"UndefinedVar",
        "Variables should be defined before their use", URL("undefined-var"),
        false, false},
    [DF_RULE_INVALID_BASE_IMAGE_PLATFORM] = {"InvalidBaseImagePlatform",
        "Base image platform does not match expected target platform", "",
        false, false},
    [DF_RULE_REDUNDANT_TARGET_PLATFORM] = {"RedundantTargetPlatform",
        "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as "
        "this is the default behavior",
        URL("redundant-target-platform"), false, false},
    [DF_RULE_SECRETS_USED_IN_ARG_OR_ENV] = {"SecretsUsedInArgOrEnv",
        "Sensitive data should not be used in the ARG or ENV commands",
        URL("secrets-used-in-arg-or-env"), false, false},
    [DF_RULE_INVALID_DEFAULT_ARG_IN_FROM] = {"InvalidDefaultArgInFrom",
        "Default value for global ARG results in an empty or invalid base image "
        "name",
        URL("invalid-default-arg-in-from"), false, false},
    [DF_RULE_FROM_PLATFORM_FLAG_CONST_DISALLOWED] = {
        "FromPlatformFlagConstDisallowed",
        "FROM --platform flag should not use a constant value",
        URL("from-platform-flag-const-disallowed"), false, false},
    [DF_RULE_COPY_IGNORED_FILE] = {"CopyIgnoredFile",
        "Attempting to Copy file that is excluded by .dockerignore",
        URL("copy-ignored-file"), false, false},
};

const struct df_rule_info *
df_rule_info(enum df_rule rule)
{
    return &rules[rule];
}

/* ---- configuration ---- */

/* The bits of a list of names. */
static unsigned
rule_bits(struct df_arena *a, const char *list)
{
    unsigned bits = 0;
    for (;;) {
        size_t len = strcspn(list, ",");
        const char *name = df_trim(a, df_arena_strndup(a, list, len));
        for (int i = 0; i < DF_RULE_COUNT; i++) {
            if (strcmp(rules[i].name, name) == 0)
                bits |= 1u << i;
        }
        if (!list[len])
            return bits;
        list += len + 1;
    }
}

static const char *
read_option(struct df_arena *a, const char *part, struct df_lint_config *c)
{
    const char *eq = strchr(part, '=');
    if (!eq)
        return df_arena_printf(a, "invalid check option %s", df_quote(a, part));
    const char *key = df_trim(a, df_arena_strndup(a, part, (size_t)(eq - part)));
    const char *value = df_trim(a, eq + 1);
    bool all = strcmp(value, "all") == 0;

    if (strcmp(key, "skip") == 0) {
        c->skip_all = c->skip_all || all;
        c->skip = all ? c->skip : rule_bits(a, value);
    } else if (strcmp(key, "experimental") == 0) {
        c->experimental_all = c->experimental_all || all;
        c->experimental = all ? c->experimental : rule_bits(a, value);
    } else if (strcmp(key, "error") == 0) {
        if (!tenon_parse_bool(value, &c->error))
            return df_arena_printf(
                a,
                "failed to parse check option %s: strconv.ParseBool: parsing %s: "
                "invalid syntax",
                df_quote(a, part), df_quote(a, value));
    } else {
        return df_arena_printf(a, "invalid check option %s", df_quote(a, key));
    }
    return NULL;
}

bool
df_lint_config_parse(struct df_arena *a, const char *text,
                     struct df_lint_config *out, const char **message)
{
    struct df_lint_config c = {0};
    const char *rest = df_trim(a, text);

    /* Three options; what follows the third belongs to it. */
    for (int i = 0; *rest || i > 0; i++) {
        size_t len = i < 2 ? strcspn(rest, ";") : strlen(rest);
        const char *error = read_option(a, df_arena_strndup(a, rest, len), &c);
        if (error) {
            *message = error;
            return false;
        }
        if (!rest[len])
            break;
        rest += len + 1;
    }
    *out = c;
    return true;
}

bool
df_lint_config_comments(struct df_arena *a, char *const *comments, size_t count,
                        struct df_lint_config *config, const char **message)
{
    for (size_t i = 0; i < count; i++) {
        struct df_directive_zone zone = {.comment = ""};
        struct df_lint_config c;
        char *value;
        int which;
        const char *line = comments[i];
        if (df_directive_line(a, &zone, line, strlen(line), &which, &value,
                              message) != DF_DIRECTIVE_ONE ||
            which != DF_DIRECTIVE_CHECK)
            continue;
        /* Only the first counts. */
        if (!df_lint_config_parse(
                a, df_arena_strndup(a, value, strcspn(value, " ")), &c, message))
            return false;
        config->skip |= c.skip;
        config->experimental |= c.experimental;
        config->skip_all = config->skip_all || c.skip_all;
        config->experimental_all = config->experimental_all || c.experimental_all;
        return true;
    }
    return true;
}

/* ---- firing ---- */

static bool
allows(const struct df_lint_config *c, enum df_rule rule)
{
    unsigned bit = 1u << rule;
    if (rules[rule].experimental)
        return c->experimental_all || c->experimental & bit;
    return !c->skip_all && !(c->skip & bit);
}

void
df_lint(struct df_linter *l, enum df_rule rule,
        const struct df_lint_config *extra, struct df_lines lines,
        const char *message)
{
    if (!l || !l->warn || rules[rule].deprecated)
        return;
    bool on = allows(&l->config, rule);
    if (extra)
        on = rules[rule].experimental ? on || allows(extra, rule) :
                                        on && allows(extra, rule);
    if (!on)
        return;
    if (!(l->fired & 1u << rule)) {
        l->fired |= 1u << rule;
        l->order[l->order_len++] = rule;
    }
    l->warn(l->data, &rules[rule], message ? message : rules[rule].description,
            lines);
}

const char *
df_lint_error(struct df_arena *a, const struct df_linter *l)
{
    const char *text = "lint violation found for rules: ";
    if (!l->config.error || l->order_len == 0)
        return NULL;
    for (size_t i = 0; i < l->order_len; i++)
        text = df_arena_printf(a, "%s%s%s", text, i ? ", " : "",
                               rules[l->order[i]].name);
    return text;
}
