/* language/lint.h - the rules a build file is checked against (rules.h), and which are on.
 *
 * A rule is fired with df_lint() and its text; the linter decides by its configuration
 * whether that reaches the callback. */
#ifndef DF_LINT_H
#define DF_LINT_H

#include <stdbool.h>
#include <stddef.h>

#include "parser.h"

enum df_rule {
#define RULE(rule, name, severity, url, description, text) DF_RULE_##rule,
#include "rules.h"
#undef RULE
    DF_RULE_COUNT
};

enum df_severity { DF_SEVERITY_WARNING, DF_SEVERITY_EXPERIMENTAL };

struct df_rule_info {
    const char *name; /* "StageNameCasing" */
    enum df_severity severity;
    const char *url;         /* "" when it has none */
    const char *description; /* one sentence, no full stop */
    const char *text; /* about one place; see df_lint_text() */
};
const struct df_rule_info *df_rule_info(enum df_rule rule);

typedef void df_lint_warn_fn(void *data, const struct df_rule_info *rule,
                             const char *message, struct df_lines lines);

/* The sets below are bits. */
_Static_assert(DF_RULE_COUNT <= sizeof(unsigned) * 8, "more rules than an unsigned has bits");

/* What "# check=skip=A,B;error=true;experimental=all" says.  The bits are
 * 1u << enum df_rule; unknown names are ignored. */
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
 * stage, or NULL): its skips and experiments are added to the linter's.
 * message NULL: the rule's text, in which no words are missing. */
void df_lint(struct df_linter *l, enum df_rule rule,
             const struct df_lint_config *extra, struct df_lines lines,
             const char *message);
/* "lint violation found for rules: A, B" when error=true and some rule fired;
 * else NULL. */
const char *df_lint_error(struct df_arena *a, const struct df_linter *l);

/* What a rule says about one place, with these words filled in, as many as it has room for; the
 * arena's. */
#define df_lint_text(a, rule, ...) \
    df_lint_format((a), (rule), (const char *const[]){__VA_ARGS__, NULL})
const char *df_lint_format(struct df_arena *a, enum df_rule rule, const char *const *words);

/* Does the name of an ARG or ENV look like that of a secret?  For
 * SecretsUsedInArgOrEnv. */
bool df_lint_is_secret_name(const char *name);

#endif
