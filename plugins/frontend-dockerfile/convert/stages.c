/* convert/stages.c - the stages of the file, what they are called and what they need of each
 * other. */
#include <string.h>

#include "named.h"
#include "tools/alloc.h"
#include "tools/parse.h"
#include "tools/vec.h"

static void
register_state(struct df_convert *c, struct df_state *s)
{
    size_t at;
    s->base = NULL;
    if (df_index_get(&c->names, s->base_name, strlen(s->base_name), &at)) {
        s->base = c->states[at];
        df_outline_clone(c->arena, &s->base->outline, &s->outline);
    }
    if (*s->name)
        df_index_put(c->arena, &c->names, s->name, strlen(s->name),
                     c->states_len);
    if (c->states_len == c->states_cap) {
        c->states_cap = c->states_cap ? c->states_cap * 2 : 16;
        struct df_state **grown =
            df_arena_array(c->arena, c->states_cap, sizeof(*grown));
        if (c->states_len)
            memcpy(grown, c->states, c->states_len * sizeof(*grown));
        c->states = grown;
    }
    c->states[c->states_len++] = s;
}

static struct df_state *
find_state(struct df_convert *c, const char *name)
{
    const char *lower = df_lower(c->arena, name);
    size_t at;
    return df_index_get(&c->names, lower, strlen(lower), &at) ? c->states[at] :
                                                                NULL;
}

static struct df_state *
state_new(struct df_convert *c)
{
    struct df_state *s = df_arena_new(c->arena, struct df_state);
    s->name = s->base_name = s->stage_name = s->code = "";
    s->dir = "/";
    s->user = "";
    s->paths = df_arena_new(c->arena, struct df_paths);
    return s;
}

static struct df_state *
unregistered_state(struct df_convert *c, const char *base,
                      struct df_lines lines)
{
    struct df_state *s = state_new(c);
    s->base_name = base;
    s->lines = lines;
    s->unregistered = true;
    return s;
}

const char *const *
df_stage_names(struct df_convert *c, const char *const *more)
{
    size_t n = 0, extra = 0;
    while (more && more[extra])
        extra++;
    const char **out =
        df_arena_array(c->arena, c->states_len + extra + 1, sizeof *out);
    for (size_t i = 0; i < c->states_len; i++)
        if (*c->states[i]->stage_name)
            out[n++] = c->states[i]->stage_name;
    for (size_t i = 0; i < extra; i++)
        out[n++] = more[i];
    return out;
}

/* The nearest argument to one that was not set, as a suggestion. */
static int
suggest_unset(struct df_convert *c, struct tenon_error *err,
              const struct df_names *unset)
{
    const char **known =
        df_arena_array(c->arena, c->globals.live + 1, sizeof *known);
    const struct df_pair *p;
    for (size_t at = 0, n = 0; (p = df_vars_next(&c->globals, &at)) != NULL;)
        known[n++] = p->key;
    for (size_t i = 0; i < unset->len; i++)
        if (df_suggest(c->arena, unset->items[i], known, true))
            return df_fail_suggest(c->build, err, unset->items[i], known);
    return c->build->host->error->code(err);
}

static int
read_platform(struct df_convert *c, struct df_state *s, struct df_names *used,
              struct tenon_error *err)
{
    const struct df_stage *st = s->stage;
    struct df_env env = df_vars_env(&c->globals);
    struct df_word word = {0};
    const char *why = NULL;
    bool ok = df_word_expand(c->arena, c->file->escape, 0, st->platform,
                             strlen(st->platform), &env, &word, &why);
    df_lint_from_args(c, st, &word.unmatched);
    if (!ok)
        return df_fail(c->build, err, st->lines,
                       "failed to process arguments for platform : %s", why);
    df_lint_platform(c, st, &word);
    if (!*word.text) {
        df_fail(c->build, err, st->lines,
                "empty platform value from expression %s", st->platform);
        suggest_unset(c, err, &word.unmatched);
        return df_fail_at(c->build, err, st->lines);
    }
    s->platform = df_platform_parse(c->arena, word.text, c->build->config.host,
                                    &why);
    if (!s->platform) {
        df_fail(c->build, err, st->lines, "failed to parse platform %s: %s",
                st->platform, why);
        suggest_unset(c, err, &word.unmatched);
        return df_fail_at(c->build, err, st->lines);
    }
    *used = word.matched;
    return 0;
}

static unsigned
count_steps(const struct df_state *s)
{
    unsigned n = strcmp(s->base_name, "scratch") != 0 && !s->base;
    for (size_t i = 0; i < s->stage->len; i++) {
        enum df_kind kind = s->stage->commands[i]->kind;
        n += kind == DF_ADD || kind == DF_COPY || kind == DF_RUN ||
             kind == DF_WORKDIR;
    }
    return n;
}

static int
register_stage(struct df_convert *c, size_t index, struct tenon_error *err)
{
    const struct df_stage *st = &c->file->stages[index];
    struct df_env env = df_vars_env(&c->globals);
    struct df_word word = {0};
    const char *why = NULL;
    struct df_state *s = state_new(c);
    s->stage = st;
    s->name = s->stage_name = st->name;
    s->lines = st->lines;
    s->code = st->code;
    s->checks = st->checks;
    df_outline_clone(c->arena, &c->outline, &s->outline);

    bool ok = df_word_expand(c->arena, c->file->escape, 0, st->base,
                             strlen(st->base), &env, &word, &why);
    df_lint_from_args(c, st, &word.unmatched);
    if (!ok)
        return df_fail(c->build, err, st->lines, "%s", why);
    if (!*word.text)
        return df_fail(c->build, err, st->lines,
                       "base name (%s) should not be blank", st->base);
    s->base_name = word.text;

    struct df_names used = {0};
    int rc = *st->platform ? read_platform(c, s, &used, err) : 0;
    if (rc < 0)
        return rc;

    if (*st->name) {
        rc = df_named_find(c, st->name, s->platform, &s->named, err);
        if (rc < 0)
            return rc;
        if (s->named) {
            register_state(c, s);
            s->base = NULL; /* the context stands in for all of the stage */
            return 0;
        }
    } else {
        s->stage_name = df_arena_printf(c->arena, "stage-%zu", index);
    }

    /* What a base collected is taken over as a whole; then the own uses. */
    register_state(c, s);
    for (size_t i = 0; i < word.matched.len; i++)
        df_outline_use(c->arena, &s->outline, word.matched.items[i]);
    for (size_t i = 0; i < used.len; i++)
        df_outline_use(c->arena, &s->outline, used.items[i]);
    s->step_total = count_steps(s);
    s->ignore_cache = df_is_no_cache(c->build, st->name);
    return 0;
}

int
df_stages_register(struct df_convert *c, struct tenon_error *err)
{
    for (size_t i = 0; i < c->file->stages_len; i++) {
        int rc = register_stage(c, i, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int
df_stages_target(struct df_convert *c, struct tenon_error *err)
{
    const char *name = c->build->config.target;
    if (!name || !*name) {
        c->target = c->states[c->states_len - 1];
        return 0;
    }
    c->target = find_state(c, name);
    if (c->target)
        return 0;
    df_fail(c->build, err, (struct df_lines){0},
            "target stage %s could not be found", df_quote(c->arena, name));
    return df_fail_suggest(c->build, err, name, df_stage_names(c, NULL));
}

/* "from=NAME" of a --mount, which knows no variables; "" when there is none. */
static const char *
mount_from(struct df_arena *a, const char *text)
{
    size_t n = 0;
    const char *why = NULL, *from = "";
    char **fields = df_csv_fields(a, text, &n, &why);
    for (size_t i = 0; fields && i < n; i++)
        if (strncasecmp(fields[i], "from=", 5) == 0)
            from = fields[i] + 5;
    return from;
}

int
df_step_make(struct df_convert *c, const struct df_command *cmd,
             struct df_step *out, struct tenon_error *err)
{
    *out = (struct df_step){.cmd = cmd};
    if (cmd->kind == DF_COPY && *cmd->copy.from) {
        const char *from = cmd->copy.from;
        const char *why = df_copy_from_problem(from);
        if (why) {
            df_fail(c->build, err, (struct df_lines){0}, "%s", why);
            return df_show_at(c->build, err, cmd->lines);
        }
        struct df_state *s;
        int64_t index;
        char *digits = df_arena_strdup(c->arena, from);
        while (digits[0] == '0' && digits[1])
            digits++; /* decimal, always */
        if (tenon_parse_i64(digits, &index)) {
            if (index < 0 || (uint64_t)index >= c->states_len) {
                df_fail(c->build, err, (struct df_lines){0},
                        "invalid stage index %lld", (long long)index);
                return df_show_at(c->build, err, cmd->lines);
            }
            s = c->states[index];
        } else {
            s = find_state(c, from);
            if (!s)
                s = unregistered_state(c, from, cmd->lines);
        }
        out->sources = df_arena_array(c->arena, 1, sizeof(*out->sources));
        out->sources[0] = s;
        out->sources_len = 1;
    }
    if (cmd->kind == DF_RUN) {
        size_t n = cmd->run.mount_texts.len;
        out->sources = df_arena_array(c->arena, n, sizeof(*out->sources));
        out->sources_len = n;
        for (size_t i = 0; i < n; i++) {
            const char *from =
                mount_from(c->arena, cmd->run.mount_texts.items[i]);
            if (!*from)
                from = "scratch";
            struct df_state *s = find_state(c, from);
            if (!s) {
                s = unregistered_state(c, from, (struct df_lines){0});
                s->mounted_at = cmd->lines;
            }
            out->sources[i] = s;
        }
    }
    return 0;
}

void
df_state_need(struct df_convert *c, struct df_state *s,
              const struct df_step *step)
{
    for (size_t i = 0; i < step->sources_len; i++) {
        struct df_state *src = step->sources[i];
        if (src->needed_by == s) {
            s->deps[src->needed_at].lines = step->cmd->lines;
        } else {
            if (s->deps_len == s->deps_cap) {
                s->deps_cap = s->deps_cap ? s->deps_cap * 2 : 4;
                struct df_dep *grown =
                    df_arena_array(c->arena, s->deps_cap, sizeof *grown);
                if (s->deps_len)
                    memcpy(grown, s->deps, s->deps_len * sizeof *grown);
                s->deps = grown;
            }
            src->needed_by = s;
            src->needed_at = s->deps_len;
            s->deps[s->deps_len++] = (struct df_dep){src, step->cmd->lines};
        }
        if (src->unregistered)
            register_state(c, src);
    }
}

/* Depth first over what stages copy and mount from, with a stack of our own:
 * a chain may be as long as the file.  True when `first` leads to a cycle; *at
 * is the instruction that closes it. */
static bool
has_cycle(struct df_state *first, struct df_lines *at)
{
    struct frame {
        struct df_state *state;
        size_t next;
    };
    if (first->visited)
        return false;
    TENON_VEC(struct frame) stack = {0};
    bool found = false;
    first->visited = first->visiting = true;
    tenon_vec_push(&stack, (struct frame){first, 0});
    while (stack.len && !found) {
        struct frame *top = &stack.items[stack.len - 1];
        if (top->next == top->state->deps_len) {
            top->state->visiting = false;
            stack.len--;
            continue;
        }
        const struct df_dep *dep = &top->state->deps[top->next++];
        if (dep->state->visiting) {
            *at = dep->lines;
            found = true;
        } else if (!dep->state->visited) {
            dep->state->visited = dep->state->visiting = true;
            tenon_vec_push(&stack, (struct frame){dep->state, 0});
        }
    }
    tenon_vec_release(&stack);
    return found;
}

int
df_stages_depend(struct df_convert *c, struct tenon_error *err)
{
    /* Registering images on the way makes the list longer. */
    size_t stages = c->states_len;
    for (size_t i = 0; i < stages; i++) {
        struct df_state *s = c->states[i];
        if (!s->stage)
            continue;
        s->steps_len = s->stage->len;
        s->steps = df_arena_array(c->arena, s->steps_len, sizeof *s->steps);
        for (size_t k = 0; k < s->steps_len; k++) {
            int rc = df_step_make(c, s->stage->commands[k], &s->steps[k], err);
            if (rc < 0)
                return rc;
            df_state_need(c, s, &s->steps[k]);
        }
    }
    for (size_t i = 0; i < c->states_len; i++) {
        struct df_lines at = {0};
        if (has_cycle(c->states[i], &at))
            return df_fail(c->build, err, at,
                           "circular dependency detected on stage: %s",
                           c->states[i]->stage_name);
    }
    /* BuildKit counts the images and empty trees that steps mount, too, so that
     * its only stage gets a name with them; that helps nobody. */
    if (stages == 1)
        c->states[0]->stage_name = "";
    return 0;
}
