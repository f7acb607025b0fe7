/* convert/dispatch_config.c - instructions that change nothing but the image config, and
 * WORKDIR. */
#include <stdio.h>
#include <string.h>

#include "convert.h"
#include "tools/alloc.h"
#include "tools/buf.h"
#include "tools/parse.h"
#include "tools/path.h"

void
df_state_workdir(struct df_convert *c, struct df_state *s, const char *path)
{
    /* An absolute one is kept as it was written, "..", slashes and all: a link
     * on the way may lead elsewhere. */
    if (*path != '/') {
        const char *from = s->image.working_dir;
        auto_free char *base = tenon_path_join("/", from ? from : "");
        auto_free char *joined = tenon_path_join(base, path);
        path = df_arena_strdup(c->arena, joined);
    }
    s->image.working_dir = s->dir = path;
}

int
df_dispatch_workdir(struct df_dispatch *d)
{
    struct df_convert *c = d->c;
    struct df_state *s = d->s;
    const char *path = d->cmd->text;
    /* Only the first one of a build file: it makes the others right. */
    if (!s->workdir_set && *path != '/')
        df_dispatch_lint(d, DF_RULE_WORKDIR_RELATIVE_PATH,
                         df_lint_text(c->arena, DF_RULE_WORKDIR_RELATIVE_PATH, path));
    s->workdir_set = true;
    df_state_workdir(c, s, path);

    bool layer = strcmp(s->dir, "/") != 0;
    if (layer) {
        const struct df_platform *p = df_state_platform(c, s);
        struct df_vertex *v = df_plan_file(
            &c->plan, s->tree,
            df_step_name(c, s, df_step_text(c, d->cmd->code, &s->env, 0), p,
                         &s->env));
        struct df_action *mkdir = df_vertex_action(&c->plan, v, DF_DO_MKDIR);
        auto_free char *clean = tenon_path_clean(s->dir);
        mkdir->path = df_arena_strdup(c->arena, clean);
        mkdir->mode = 0755;
        mkdir->parents = true;
        if (s->image.user && *s->image.user)
            df_owner_split(c->arena, s->image.user, &mkdir->user, &mkdir->group);
        if (c->epoch)
            mkdir->timestamp_ns = &c->epoch_ns;
        v->lines = d->step->cmd->lines;
        s->tree = v;
    }
    df_dispatch_commit(d, df_arena_printf(c->arena, "WORKDIR %s", s->dir), layer);
    return 0;
}

/* Go's %q of a list: ["a" "b"]. */
static const char *
quoted_list(struct df_arena *a, const struct df_list *l)
{
    auto_buf struct tenon_buf out = TENON_BUF_INIT;
    tenon_buf_addc(&out, '[');
    for (size_t i = 0; i < l->len; i++)
        tenon_buf_addf(&out, "%s%s", i ? " " : "", df_quote(a, l->items[i]));
    tenon_buf_addc(&out, ']');
    return df_arena_strdup(a, tenon_buf_str(&out));
}

/* Go's %v of a list: [a b]. */
static const char *
plain_list(struct df_arena *a, char *const *items, size_t count)
{
    auto_buf struct tenon_buf out = TENON_BUF_INIT;
    tenon_buf_addc(&out, '[');
    for (size_t i = 0; i < count; i++)
        tenon_buf_addf(&out, "%s%s", i ? " " : "", items[i]);
    tenon_buf_addc(&out, ']');
    return df_arena_strdup(a, tenon_buf_str(&out));
}

/* The arguments, in shell form after the shell. */
static struct df_list
command_line(struct df_dispatch *d)
{
    static const char *const unix_shell[] = {"/bin/sh", "-c", NULL};
    static const char *const windows_shell[] = {"cmd", "/S", "/C", NULL};
    struct df_arena *a = d->c->arena;
    const struct df_cmdline *line = &d->cmd->line;
    struct df_list out = {0};
    if (line->shell) {
        const struct df_list *shell = &d->s->image.shell;
        const char *const *usual =
            strcmp(d->s->image.platform.os, "windows") == 0 ? windows_shell : unix_shell;
        if (!shell->len)
            df_dispatch_lint(d, DF_RULE_JSON_ARGS_RECOMMENDED,
                             df_lint_text(a, DF_RULE_JSON_ARGS_RECOMMENDED, d->cmd->name));
        for (size_t i = 0; i < shell->len; i++)
            df_list_add(a, &out, shell->items[i]);
        for (size_t i = 0; !shell->len && usual[i]; i++)
            df_list_add(a, &out, df_arena_strdup(a, usual[i]));
        if (!line->args.len) /* the shell gets a command, if an empty one */
            df_list_add(a, &out, df_arena_strdup(a, ""));
    }
    for (size_t i = 0; i < line->args.len; i++)
        df_list_add(a, &out, line->args.items[i]);
    return out;
}

static int
set_command(struct df_dispatch *d)
{
    struct df_image *img = &d->s->image;
    bool cmd = d->cmd->kind == DF_CMD;
    df_lint_once(d, cmd ? &d->s->cmd : &d->s->entrypoint);
    struct df_list args = command_line(d);
    if (cmd) {
        img->cmd = args;
        img->args_escaped = true;
    } else {
        img->entrypoint = args;
        if (!d->s->cmd.set)
            img->cmd = (struct df_list){0};
    }
    df_dispatch_commit(d, df_arena_printf(d->c->arena, "%s %s",
                                          cmd ? "CMD" : "ENTRYPOINT",
                                          quoted_list(d->c->arena, &args)),
                       false);
    return 0;
}

/* Go's time.Duration as text: "1m30s", "1.5s", "20ms". */
static const char *
duration(struct df_arena *a, int64_t ns)
{
    if (ns == 0)
        return "0s";
    uint64_t u = ns < 0 ? (uint64_t)-ns : (uint64_t)ns;
    const char *sign = ns < 0 ? "-" : "", *unit;
    uint64_t scale;
    char fraction[16] = "";

    if (u < 1000) {
        scale = 1, unit = "ns";
    } else if (u < 1000000) {
        scale = 1000, unit = "\xc2\xb5s";
    } else if (u < 1000000000) {
        scale = 1000000, unit = "ms";
    } else {
        scale = 1000000000, unit = "s";
    }
    uint64_t rest = u % scale, whole = u / scale;
    if (rest) {
        int width = scale == 1000 ? 3 : scale == 1000000 ? 6 : 9;
        snprintf(fraction, sizeof fraction, ".%0*llu", width,
                 (unsigned long long)rest);
        for (size_t n = strlen(fraction); fraction[n - 1] == '0'; n--)
            fraction[n - 1] = '\0';
    }
    if (scale < 1000000000 || whole < 60)
        return df_arena_printf(a, "%s%llu%s%s", sign, (unsigned long long)whole,
                               fraction, unit);
    unsigned long long s = whole % 60, m = whole / 60;
    if (m < 60)
        return df_arena_printf(a, "%s%llum%llu%ss", sign, m, s, fraction);
    return df_arena_printf(a, "%s%lluh%llum%llu%ss", sign, m / 60, m % 60, s,
                           fraction);
}

static int
set_health(struct df_dispatch *d)
{
    struct df_arena *a = d->c->arena;
    const struct df_healthcheck *h = &d->cmd->health;
    df_lint_once(d, &d->s->healthcheck);
    struct df_health *out = df_arena_new(a, struct df_health);
    for (size_t i = 0; i < h->test.len; i++)
        df_list_add(a, &out->test, h->test.items[i]);
    out->interval_ns = h->interval_ns;
    out->timeout_ns = h->timeout_ns;
    out->start_period_ns = h->start_period_ns;
    out->start_interval_ns = h->start_interval_ns;
    out->retries = h->retries;
    d->s->image.health = out;
    df_dispatch_commit(
        d,
        df_arena_printf(a,
                        "HEALTHCHECK {Test:%s Interval:%s Timeout:%s "
                        "StartPeriod:%s StartInterval:%s Retries:%d}",
                        plain_list(a, out->test.items, out->test.len),
                        duration(a, out->interval_ns),
                        duration(a, out->timeout_ns),
                        duration(a, out->start_period_ns),
                        duration(a, out->start_interval_ns), h->retries),
        false);
    return 0;
}

static int
set_ports(struct df_dispatch *d)
{
    struct df_arena *a = d->c->arena;
    struct df_env env = df_vars_env(&d->s->env);
    struct df_list words = {0};
    const char *why = NULL;
    for (size_t i = 0; i < d->cmd->words.len; i++) {
        const char *text = d->cmd->words.items[i];
        struct df_word word = {0};
        if (!df_word_expand(a, d->c->file->escape, 0, text, strlen(text), &env,
                            &word, &why))
            return df_dispatch_fail(d, "%s", why);
        for (size_t k = 0; k < word.words_len; k++)
            df_list_add(a, &words, word.words[k]);
    }
    struct df_strings ports = {0};
    if (!df_ports_parse(a, d->cmd, words.items, words.len, &d->c->lint,
                        d->s->stage ? &d->s->stage->checks : NULL, &ports, &why))
        return df_dispatch_fail(d, "%s", why);
    for (size_t i = 0; i < ports.len; i++)
        df_list_add(a, &d->s->image.ports, ports.items[i]);
    df_dispatch_commit(d, df_arena_printf(a, "EXPOSE %s",
                                          plain_list(a, ports.items, ports.len)),
                       false);
    return 0;
}

static int
set_volumes(struct df_dispatch *d)
{
    struct df_arena *a = d->c->arena;
    struct df_strings v = d->cmd->words;
    for (size_t i = 0; i < v.len; i++)
        if (!*v.items[i])
            return df_dispatch_fail(d, "VOLUME specified can not be an empty string");
    for (size_t i = 0; i < v.len; i++)
        df_list_add(a, &d->s->image.volumes, v.items[i]);
    df_dispatch_commit(
        d, df_arena_printf(a, "VOLUME %s", plain_list(a, v.items, v.len)), false);
    return 0;
}

/* Linux's signals by Docker's names. */
static bool
signal_ok(struct df_arena *a, const char *text)
{
    static const char *const names[] = {
        "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT",
        "IO", "IOT", "KILL", "PIPE", "POLL", "PROF", "PWR", "QUIT", "SEGV",
        "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU", "URG",
        "USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ", "RTMIN", "RTMAX"};
    int64_t n;
    uint64_t number; /* as Go's Atoi reads it; docker does not ask what is beyond 64 */
    const char *digits = text + (*text == '-' || *text == '+');
    if (*digits >= '0' && *digits <= '9')
        return tenon_parse_u64(digits, 10, &number) && number > 0 && number <= INT64_MAX;
    const char *name = df_upper(a, text);
    if (strncmp(name, "SIG", 3) == 0)
        name += 3;
    for (size_t i = 0; i < tenon_countof(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    bool min = strncmp(name, "RTMIN+", 6) == 0;
    if ((min || strncmp(name, "RTMAX-", 6) == 0) && name[6] >= '1' &&
        name[6] <= '9' && tenon_parse_i64(name + 6, &n))
        return n <= (min ? 15 : 14);
    return false;
}

int
df_dispatch_config(struct df_dispatch *d)
{
    struct df_arena *a = d->c->arena;
    struct df_image *img = &d->s->image;
    const struct df_command *cmd = d->cmd;
    const char *keyword = df_kind_name(cmd->kind), *shown = "";

    switch (cmd->kind) {
    case DF_CMD:
    case DF_ENTRYPOINT:
        return set_command(d);
    case DF_HEALTHCHECK:
        return set_health(d);
    case DF_EXPOSE:
        return set_ports(d);
    case DF_VOLUME:
        return set_volumes(d);
    case DF_ONBUILD: /* leaves no trace in the history */
        df_list_add(a, &img->onbuild, df_arena_strdup(a, cmd->text));
        return 0;
    case DF_SHELL:
        img->shell = (struct df_list){0};
        for (size_t i = 0; i < cmd->words.len; i++)
            df_list_add(a, &img->shell, cmd->words.items[i]);
        shown = plain_list(a, cmd->words.items, cmd->words.len);
        break;
    case DF_MAINTAINER:
        shown = img->author = cmd->text;
        break;
    case DF_USER:
        shown = img->user = d->s->user = cmd->text;
        break;
    case DF_STOPSIGNAL:
        if (!signal_ok(a, cmd->text))
            return df_dispatch_fail(d, "invalid signal: %s", cmd->text);
        shown = img->stop_signal = cmd->text;
        break;
    case DF_ADD:
    case DF_ARG:
    case DF_COPY:
    case DF_ENV:
    case DF_FROM:
    case DF_LABEL:
    case DF_RUN:
    case DF_WORKDIR:
        return d->c->build->host->error->set(d->err, TENON_E_BUG, 0,
                                             "%s: no configuration", keyword);
    }
    df_dispatch_commit(d, df_arena_printf(a, "%s %s", keyword, shown), false);
    return 0;
}
