/* lint.h - the rules a build file is checked against, and which are on.
 *
 * A rule is fired with df_lint() and one of the formatters; the linter decides
 * by its configuration whether that reaches the callback. */
#ifndef DF_LINT_H
#define DF_LINT_H

#include <stdbool.h>
#include <stddef.h>

#include "parser.h"

enum df_rule {
#define RULE(name, text, severity, url, description) DF_RULE_##name,
#include "rules.h"
#undef RULE
    DF_RULE_COUNT
};

enum df_severity { DF_SEVERITY_WARNING, DF_SEVERITY_EXPERIMENTAL };

struct df_rule_info {
    const char *name;        /* "StageNameCasing" */
    enum df_severity severity;
    const char *url;         /* "" when it has none */
    const char *description; /* one sentence, no full stop */
};
const struct df_rule_info *df_rule_info(enum df_rule rule);

typedef void df_lint_warn_fn(void *data, const struct df_rule_info *rule,
                             const char *message, struct df_lines lines);

/* What "# check=skip=A,B;error=true;experimental=all" says.  The bits are
 * 1u << enum df_rule; names that are no rule are ignored. */
struct df_lint_config {
    unsigned skip, experimental;
    bool skip_all, experimental_all, error;
};

/* Owned by the caller; copied into nothing.  `= {0}` warns nobody. */
struct df_linter {
    df_lint_warn_fn *warn;
    void *data;
    struct df_lint_config config;
    unsigned fired; /* 1u << rule, of those that reached the callback */
    /* Names in order of their first firing, for df_lint_error(). */
    enum df_rule order[DF_RULE_COUNT];
    size_t order_len;
};

/* Parse the value of the check directive or of BUILDKIT_DOCKERFILE_CHECK.
 * False with *message when it is malformed. */
bool df_lint_config_parse(struct df_arena *a, const char *text,
                          struct df_lint_config *out, const char **message);
/* Adds what "check=..." lines in the comments above an instruction say to
 * *config.  False with *message when one is malformed. */
bool df_lint_config_comments(struct df_arena *a, char *const *comments,
                             size_t count, struct df_lint_config *config,
                             const char **message);

/* Fire a rule.  `extra` is the configuration of the instruction (or its
 * stage, or NULL): its skips and experiments are added to the linter's. */
void df_lint(struct df_linter *l, enum df_rule rule,
             const struct df_lint_config *extra, struct df_lines lines,
             const char *message);
/* "lint violation found for rules: A, B" when error=true and some rule fired;
 * else NULL. */
const char *df_lint_error(struct df_arena *a, const struct df_linter *l);

/* BuildKit's texts; the arena's strings. */
const char *df_lint_stage_name_casing(struct df_arena *a, const char *name);
const char *df_lint_from_as_casing(struct df_arena *a, const char *from,
                                   const char *as);
const char *df_lint_no_empty_continuation(void);
const char *df_lint_consistent_instruction_casing(struct df_arena *a,
                                                  const char *command,
                                                  const char *casing);
const char *df_lint_duplicate_stage_name(struct df_arena *a, const char *name);
const char *df_lint_reserved_stage_name(struct df_arena *a, const char *name);
const char *df_lint_json_args_recommended(struct df_arena *a,
                                          const char *instruction);
const char *df_lint_maintainer_deprecated(void);
/* suggest may be NULL, here and below. */
const char *df_lint_undefined_arg_in_from(struct df_arena *a, const char *arg,
                                          const char *suggest);
const char *df_lint_workdir_relative_path(struct df_arena *a,
                                          const char *workdir);
const char *df_lint_undefined_var(struct df_arena *a, const char *name,
                                  const char *suggest);
const char *df_lint_multiple_instructions(struct df_arena *a,
                                          const char *instruction);
const char *df_lint_legacy_key_value(struct df_arena *a, const char *command);
const char *df_lint_invalid_base_image_platform(struct df_arena *a,
                                                const char *image,
                                                const char *expected,
                                                const char *actual);
const char *df_lint_redundant_target_platform(struct df_arena *a,
                                              const char *variable);
const char *df_lint_secrets_used(struct df_arena *a, const char *instruction,
                                 const char *key);
const char *df_lint_invalid_default_arg(struct df_arena *a, const char *base);
const char *df_lint_from_platform_const(struct df_arena *a,
                                        const char *platform);
const char *df_lint_copy_ignored_file(struct df_arena *a, const char *command,
                                      const char *file);
const char *df_lint_invalid_definition_description(struct df_arena *a,
                                                   const char *instruction,
                                                   const char *name);
const char *df_lint_expose_proto_casing(struct df_arena *a, const char *port);
const char *df_lint_expose_invalid_format(struct df_arena *a, const char *port);

/* Does the name of an ARG or ENV look like that of a secret?  For
 * SecretsUsedInArgOrEnv. */
bool df_lint_is_secret_name(const char *name);

#endif
