/* convert/dispatch_run.c - RUN: one exec vertex. */
#include <string.h>

#include "convert.h"
#include "tools/alloc.h"
#include "tools/buf.h"

/* The first line of a here-document, for the name of the step. */
static const char *
summary(struct df_arena *a, const char *text)
{
    const char *trimmed = df_trim(a, text);
    size_t n = strcspn(trimmed, "\n");
    bool more = trimmed[n] != '\0';
    if (more && n && trimmed[n - 1] == '\r')
        n--;
    return df_arena_printf(a, "%.*s%s", (int)n, trimmed, more ? "..." : "");
}

/* Several documents, or a command around one: the shell sorts it out. */
static const char *
reassemble(struct df_arena *a, const struct df_cmdline *line)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    tenon_buf_adds(&text, line->args.items[0]);
    for (size_t i = 0; i < line->files_len; i++) {
        tenon_buf_addc(&text, '\n');
        tenon_buf_add(&text, line->files[i].content, line->files[i].len);
        tenon_buf_adds(&text, line->files[i].name);
    }
    return df_arena_strdup(a, tenon_buf_str(&text));
}

/* A document that starts with "#!" becomes a file that is run. */
static const char *
script(struct df_dispatch *d, struct df_vertex *exec, const struct df_heredoc *f,
       const char *data, size_t len)
{
    struct df_plan *plan = &d->c->plan;
    struct df_vertex *v =
        df_plan_file(plan, NULL, "[internal] preparing inline document");
    struct df_action *file = df_vertex_action(plan, v, DF_DO_MKFILE);
    file->path = df_arena_printf(d->c->arena, "/%s", f->name);
    file->mode = 0755;
    file->data = data;
    file->len = len;

    struct df_plan_mount *m = df_vertex_mount(plan, exec, "bind", "/dev/pipes/");
    m->from = v;
    m->selector = "/";
    m->read_only = true;
    return df_arena_printf(d->c->arena, "/dev/pipes/%s", f->name);
}

/* The command without the shell.  *shell says whether that goes in front;
 * *note is added to the name of the step. */
static int
command_text(struct df_dispatch *d, struct df_vertex *exec,
             struct df_list *args, const char **note)
{
    struct df_arena *a = d->c->arena;
    const struct df_cmdline *line = &d->cmd->run.line;
    *note = "";
    if (!line->files_len) {
        for (size_t i = 0; i < line->args.len; i++)
            df_list_add(a, args, line->args.items[i]);
        return 0;
    }
    if (line->args.len != 1 || !line->shell)
        return df_dispatch_fail(d, "parsing produced an invalid run command");
    struct df_heredoc only;
    if (!df_heredoc_from_word(a, line->args.items[0], &only)) {
        df_list_add(a, args, (char *)reassemble(a, line));
        return 0;
    }
    const struct df_heredoc *f = &line->files[0];
    const char *data = f->content;
    size_t len = f->len;
    if (f->chomp)
        data = df_heredoc_chomp(a, data, &len);
    bool windows = strcmp(d->s->image.platform.os, "windows") == 0;
    if (!windows && len >= 2 && data[0] == '#' && data[1] == '!')
        df_list_add(a, args, (char *)script(d, exec, f, data, len));
    else
        df_list_add(a, args, df_arena_strndup(a, data, len));
    *note = df_arena_printf(a, " (%s)", summary(a, f->content));
    return 0;
}

static struct df_list
with_shell(struct df_dispatch *d, const struct df_list *args)
{
    struct df_arena *a = d->c->arena;
    const struct df_list *shell = &d->s->image.shell;
    struct df_list out = {0};
    for (size_t i = 0; i < shell->len; i++)
        df_list_add(a, &out, shell->items[i]);
    if (!shell->len) {
        df_list_add(a, &out, df_arena_strdup(a, "/bin/sh"));
        df_list_add(a, &out, df_arena_strdup(a, "-c"));
    }
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    for (size_t i = 0; i < args->len; i++)
        tenon_buf_addf(&text, "%s%s", i ? " " : "", args->items[i]);
    df_list_add(a, &out, df_arena_strdup(a, tenon_buf_str(&text)));
    return out;
}

/* "RUN |2 A=1 B= /bin/sh -c ... # buildkit": the arguments in scope with what
 * they are worth now, each once. */
static const char *
history_text(struct df_dispatch *d, const struct df_list *args)
{
    const struct df_pairs *known = &d->s->build_args;
    auto_buf struct tenon_buf pairs = TENON_BUF_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    for (size_t i = 0; i < known->len; i++) {
        const struct df_pair *arg = &known->items[i];
        const char *value = df_vars_get(&d->s->env, arg->key);
        if (!value)
            value = arg->value ? arg->value : "";
        tenon_buf_addf(&pairs, " %s=%s", arg->key, value);
    }
    tenon_buf_adds(&text, "RUN");
    if (known->len)
        tenon_buf_addf(&text, " |%zu%s", known->len, tenon_buf_str(&pairs));
    for (size_t i = 0; i < args->len; i++)
        tenon_buf_addf(&text, " %s", args->items[i]);
    tenon_buf_adds(&text, " # buildkit");
    return df_arena_strdup(d->c->arena, tenon_buf_str(&text));
}

static struct df_pairs
proxies(struct df_dispatch *d)
{
    static const char *const names[][2] = {
        {"http_proxy", "http"}, {"https_proxy", "https"}, {"ftp_proxy", "ftp"},
        {"no_proxy", "no"},     {"all_proxy", "all"},
    };
    const struct df_pairs *args = &d->c->build->config.build_args;
    struct df_pairs out = {
        df_arena_array(d->c->arena, tenon_countof(names), sizeof *out.items), 0};
    for (size_t n = 0; n < tenon_countof(names); n++) {
        const char *value = NULL;
        for (size_t i = 0; i < args->len; i++) /* sorted; the last one wins */
            if (strcasecmp(args->items[i].key, names[n][0]) == 0)
                value = args->items[i].value;
        if (value && *value)
            out.items[out.len++] =
                (struct df_pair){.key = names[n][1], .value = value};
    }
    return out;
}

static int
devices(struct df_dispatch *d, struct df_exec *x)
{
    struct df_strings texts = d->cmd->run.device_texts;
    struct df_device *out = df_arena_array(d->c->arena, texts.len, sizeof *out);
    for (size_t i = 0; i < texts.len; i++) {
        const char *why = NULL;
        const char *text = df_dispatch_expand(d, texts.items[i], &why);
        if (!text || !df_device_parse(d->c->arena, text, &out[i], &why))
            return df_dispatch_fail(d, "%s", why);
    }
    x->devices = out;
    x->devices_len = texts.len;
    return 0;
}

/* Secrets that become variables are shown as stars. */
static const struct df_vars *
masked(struct df_dispatch *d, const struct df_mount *mounts, size_t count)
{
    struct df_vars *v = &d->s->env;
    for (size_t i = 0; i < count; i++) {
        if (mounts[i].type != DF_MOUNT_SECRET || !mounts[i].env)
            continue;
        if (v == &d->s->env) {
            v = df_arena_new(d->c->arena, struct df_vars);
            df_vars_clone(d->c->arena, &d->s->env, v);
        }
        df_vars_set(d->c->arena, v, mounts[i].env, "****");
    }
    return v;
}

int
df_dispatch_run(struct df_dispatch *d)
{
    struct df_convert *c = d->c;
    struct df_state *s = d->s;
    struct df_arena *a = c->arena;
    struct df_expander expander = {df_dispatch_expand, d};
    struct df_problems problems = {0};
    struct df_mount *mounts = NULL;
    size_t mount_count = 0;
    struct df_list text = {0}, ssh = {0};
    const char *note = "";

    if (!df_run_mounts(a, d->cmd, &expander, &mounts, &mount_count, &problems))
        return df_fail_problem(c->build, d->err, &problems);
    df_paths_add(a, s->paths, "/"); /* it may look at anything */

    /* Planned after its inputs: see the order in vertex.h. */
    struct df_vertex scratch = {.op = DF_OP_EXEC};
    int rc = command_text(d, &scratch, &text, &note);
    if (rc == 0)
        rc = df_dispatch_mounts(d, &scratch, mounts, mount_count, &ssh);
    if (rc == 0)
        rc = devices(d, &scratch.exec);
    if (rc < 0)
        return rc;
    struct df_list args =
        d->cmd->run.line.shell ? with_shell(d, &text) : text;

    const struct df_platform *platform = df_state_platform(c, s);
    const struct df_vars *shown = masked(d, mounts, mount_count);
    const char *name = df_step_text(
        c, df_arena_printf(a, "%s%s", d->cmd->code, note), shown,
        DF_WORD_RAW_QUOTES | DF_WORD_SKIP_UNSET);
    struct df_vertex *v = df_plan_exec(
        &c->plan, df_step_name(c, s, name, platform, &s->env));
    v->exec = scratch.exec;
    struct df_exec *x = &v->exec;

    struct df_vars with_agent, *env = &s->env;
    if (ssh.len && !df_vars_get(env, "SSH_AUTH_SOCK")) {
        df_vars_clone(a, &s->env, &with_agent);
        env = &with_agent;
        df_vars_set(a, env, "SSH_AUTH_SOCK", ssh.items[0]);
    }
    const char **argv = df_arena_array(a, args.len + 1, sizeof *argv);
    for (size_t i = 0; i < args.len; i++)
        argv[i] = args.items[i];
    x->args = argv;
    x->env = df_vars_list(a, env);
    x->cwd = s->dir;
    x->user = s->user;
    x->hostname = c->build->config.hostname;
    x->root = s->tree;
    x->platform = df_platform_format(a, platform, true);
    x->network = strcmp(d->cmd->run.network, "default") == 0 ||
                         !*d->cmd->run.network ?
                     c->build->config.network : d->cmd->run.network;
    x->security = *d->cmd->run.security ? d->cmd->run.security : "sandbox";
    x->proxy = proxies(d);
    v->command = d->cmd->code;
    v->ignore_cache = s->ignore_cache;
    v->lines = d->step->cmd->lines;
    s->tree = v;
    df_dispatch_commit(d, history_text(d, &args), true);
    return 0;
}
