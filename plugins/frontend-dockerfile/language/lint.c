/* language/lint.c - what is said when a rule is broken, and which rules are on (lint.h). */
#include "lint.h"

#include <string.h>
#include <strings.h>

#include "tools/buf.h"
#include "tools/comma.h"
#include "tools/conceal.h"
#include "tools/parse.h"
#include "directives.h"
#include "language.h"

static const struct df_rule_info rules[DF_RULE_COUNT] = {
#define RULE(rule, name, severity, url, description, text) \
    [DF_RULE_##rule] = {name, DF_SEVERITY_##severity, url, description, text},
#include "rules.h"
#undef RULE
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
    auto_strv char **names = tenon_comma_split(list);
    unsigned bits = 0;

    for (char **n = names; *n; n++) {
        const char *name = df_trim(a, *n);
        for (int i = 0; i < DF_RULE_COUNT; i++)
            if (strcmp(rules[i].name, name) == 0)
                bits |= 1u << i;
    }
    return bits;
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
    if (rules[rule].severity == DF_SEVERITY_EXPERIMENTAL)
        return c->experimental_all || c->experimental & bit;
    return !c->skip_all && !(c->skip & bit);
}

void
df_lint(struct df_linter *l, enum df_rule rule,
        const struct df_lint_config *extra, struct df_lines lines,
        const char *message)
{
    if (!l || !l->warn)
        return;
    bool on = allows(&l->config, rule);
    if (extra)
        on = rules[rule].severity == DF_SEVERITY_EXPERIMENTAL ? on || allows(extra, rule)
                                                     : on && allows(extra, rule);
    if (!on)
        return;
    if (!(l->fired & 1u << rule)) {
        l->fired |= 1u << rule;
        l->order[l->order_len++] = rule;
    }
    l->warn(l->data, &rules[rule], message ? message : rules[rule].text,
            lines);
}

const char *
df_lint_format(struct df_arena *a, enum df_rule rule, const char *const *words)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;

    for (const char *p = rules[rule].text; *p; p++) {
        if (*p != '%') {
            tenon_buf_addc(&text, *p);
            continue;
        }
        tenon_assert(*words);
        tenon_buf_adds(&text, *++p == 'q' ? df_quote(a, *words) : *words);
        words++;
    }
    tenon_assert(!*words);
    return df_arena_strdup(a, tenon_buf_str(&text));
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

/* ---- secrets ---- */

bool
df_lint_is_secret_name(const char *name)
{
    return tenon_is_secret_name(name);
}
