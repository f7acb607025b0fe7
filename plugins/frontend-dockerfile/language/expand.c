/* language/expand.c - replace the variables in a command, where its kind allows it. */
#include <string.h>

#include "tools/parse.h"
#include "language.h"
#include "word.h"

struct work {
    struct df_arena *arena;
    const struct df_expander *expander;
    const char *error;
};

static const char *
word(struct work *w, const char *text)
{
    if (w->error || !text)
        return text;
    const char *got = w->expander->expand(w->expander->data, text, &w->error);
    if (!got && !w->error)
        w->error = "a word cannot be expanded";
    return got ? df_arena_strdup(w->arena, got) : text;
}

static struct df_strings
words(struct work *w, struct df_strings list)
{
    char **out = df_arena_array(w->arena, list.len, sizeof *out);
    for (size_t i = 0; i < list.len; i++)
        out[i] = (char *)word(w, list.items[i]);
    return (struct df_strings){out, list.len};
}

static struct df_pairs
pairs(struct work *w, struct df_pairs list)
{
    struct df_pair *out = df_arena_array(w->arena, list.len, sizeof *out);
    for (size_t i = 0; i < list.len; i++) {
        out[i].key = word(w, list.items[i].key);
        out[i].value = word(w, list.items[i].value);
        out[i].comment = list.items[i].comment;
    }
    return (struct df_pairs){out, list.len};
}

static void
expand_copy(struct work *w, struct df_copy *c)
{
    if ((w->error = df_copy_from_problem(c->from)) != NULL)
        return;
    c->chown = word(w, c->chown);
    c->chmod = word(w, c->chmod);
    c->checksum = word(w, c->checksum);
    c->sources = words(w, c->sources);
    c->dest = word(w, c->dest);
}

static void
expand_run(struct work *w, struct df_run *r)
{
    r->network = word(w, r->network);
    r->security = word(w, r->security);
    char **devices =
        df_arena_array(w->arena, r->device_texts.len, sizeof *devices);
    for (size_t i = 0; i < r->device_texts.len; i++) {
        /* Those without variables keep their quotes for the CSV reader. */
        char *text = r->device_texts.items[i];
        devices[i] = strchr(text, '$') ? (char *)word(w, text) : text;
    }
    r->device_texts.items = devices;
    if (!w->error)
        w->error = df_run_network_problem(w->arena, r->network);
    if (!w->error)
        w->error = df_run_security_problem(w->arena, r->security);
}

const struct df_command *
df_command_expand(struct df_arena *a, const struct df_command *cmd,
                  const struct df_expander *expander,
                  struct df_problems *problems)
{
    struct work w = {.arena = a, .expander = expander};
    struct df_command *c = df_arena_new(a, struct df_command);
    *c = *cmd;

    switch (cmd->kind) {
    case DF_ADD:
    case DF_COPY:
        expand_copy(&w, &c->copy);
        break;
    case DF_ARG:
    case DF_ENV:
    case DF_LABEL:
        c->pairs = pairs(&w, cmd->pairs);
        break;
    case DF_RUN:
        expand_run(&w, &c->run);
        break;
    case DF_VOLUME:
        c->words = words(&w, cmd->words);
        break;
    case DF_STOPSIGNAL:
    case DF_USER:
    case DF_WORKDIR:
        c->text = word(&w, cmd->text);
        break;
    case DF_CMD:
    case DF_ENTRYPOINT:
    case DF_EXPOSE:
    case DF_FROM:
    case DF_HEALTHCHECK:
    case DF_MAINTAINER:
    case DF_ONBUILD:
    case DF_SHELL:
        return cmd;
    }
    if (w.error) {
        df_problem_add(a, problems, cmd->lines, "%s", w.error);
        return NULL;
    }
    return c;
}

/* ---- without variables ----------------------------------------------------- */

struct unset {
    struct df_arena *arena;
    char escape;
};

/* "$x" stays "$x", as if it had no value yet. */
static const char *
keep_variables(void *data, const char *text, const char **message)
{
    struct unset *u = data;
    struct df_word out;
    return df_word_expand(u->arena, u->escape,
                          DF_WORD_SKIP_UNSET | DF_WORD_JUDGE, text, strlen(text),
                          NULL, &out, message) ?
               out.text : NULL;
}

static bool
has_variables(struct df_strings list)
{
    for (size_t i = 0; i < list.len; i++)
        if (strchr(list.items[i], '$'))
            return true;
    return false;
}

static void
check_ports(struct df_arena *a, const struct df_command *cmd,
            const struct df_expander *e, struct df_problems *problems)
{
    struct work w = {.arena = a, .expander = e};
    struct df_strings list = words(&w, cmd->words), ports;
    if (!w.error && !has_variables(list))
        (void)df_ports_parse(a, cmd, list.items, list.len, NULL, NULL, &ports,
                             &w.error);
    if (w.error)
        df_problem_add(a, problems, cmd->lines, "%s", w.error);
}

void
df_command_check(struct df_arena *a, const struct df_command *cmd, char escape,
                 struct df_problems *problems)
{
    struct unset u = {a, escape};
    struct df_expander e = {keep_variables, &u};
    struct df_mount *mounts;
    size_t n;

    if (!df_command_expand(a, cmd, &e, problems))
        return;
    if (cmd->kind == DF_RUN && !has_variables(cmd->run.mount_texts))
        (void)df_run_mounts(a, cmd, &e, &mounts, &n, problems);
    else if (cmd->kind == DF_EXPOSE)
        check_ports(a, cmd, &e, problems);
}
