/* cli/verb_shell.c - tenon shell: back into a step that failed. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "cli.h"
#include "context/engine.h"
#include "exec/exec.h"
#include "localsession.h"
#include "streams.h"
#include "terminal.h"

static const char help[] =
    "Usage: PROGRAM shell [OPTIONS] [COMMAND [ARGUMENTS...]]\n"
    "\n"
    "Run /bin/sh, or a command, in what the last failed step left: its root, with\n"
    "its environment, user, working directory and mounts.  What is written to the\n"
    "root is thrown away afterwards; `PROGRAM prune` removes what is kept.\n"
    "\n"
    "Options:\n"
    "      --allow WHAT        entitlements of the step (as in build)\n"
    "      --build ID          a step of that build, a name in STORE/logs\n"
    "  -h, --help              show this\n"
    "      --secret SPEC       secrets are not kept: give them again (as in build)\n"
    "      --ssh SPEC          the same\n";

struct job {
    struct cli_session *session;
    struct tenon_shell shell;
    struct tenon_engine engine;
    char **entitlements;
    bool help;
};

/* A flag's value that means nothing is wrong usage, as it is for build. */
static int
wrong_value(const struct tenon_error *err)
{
    cli_print_error(err);
    return CLI_USAGE;
}

/* 0, or the exit status after an error was printed. */
static int
parse(struct job *j, int argc, char **argv)
{
    enum { ALLOW = 256, BUILD, SECRET, SSH };
    static const struct option options[] = {
        { "allow", required_argument, NULL, ALLOW }, { "build", required_argument, NULL, BUILD },
        { "help", no_argument, NULL, 'h' },          { "secret", required_argument, NULL, SECRET },
        { "ssh", required_argument, NULL, SSH },     { 0 },
    };
    static const char *const sh[] = { "/bin/sh", NULL };
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    for (int o; (o = cli_getopt(argc, argv, "+h", options)) != -1;) {
        switch (o) {
        case ALLOW:
            if (tenon_exec_check_entitlement(optarg, &err) < 0)
                return wrong_value(&err);
            tenon_strv_push(&j->entitlements, tenon_strdup(optarg));
            break;
        case BUILD:
            j->shell.build = optarg;
            break;
        case SECRET:
            if (cli_session_add_secret(j->session, optarg, &err) < 0)
                return wrong_value(&err);
            break;
        case SSH:
            if (cli_session_add_ssh(j->session, optarg, &err) < 0)
                return wrong_value(&err);
            break;
        case 'h':
            j->help = true;
            return 0;
        default:
            return CLI_USAGE;
        }
    }
    j->shell.argv = optind < argc ? (const char *const *)argv + optind : sh;
    return 0;
}

static int
open_engine(struct job *j, const struct cli *cli, struct tenon_error *err)
{
    if (cli_open_plugins(cli, &j->engine.plugins, err) < 0)
        return err->code;
    if (geteuid() != 0)
        tenon_plugins_vet(j->engine.plugins);
    if (cli_private_mounts(err) < 0 || cli_open_store(cli, &j->engine.store, err) < 0)
        return err->code;
    j->engine.session = cli_session_vtable(j->session);
    j->engine.entitlements = (const char *const *)j->entitlements;
    cli_fill_engine(cli, &j->engine);
    return 0;
}

/* ---- what is entered ---------------------------------------------------- */

static void
add_once(char ***list, char *text)
{
    for (char **t = *list; t && *t; t++)
        if (!strcmp(*t, text)) {
            free(text);
            return;
        }
    tenon_strv_push(list, text);
}

static void
put_row(const char *lead, char *const *words, const char *text)
{
    fprintf(stderr, "%-10s ", lead);
    cli_put_text(stderr, text);
    for (; words && *words; words++) {
        fputs(", ", stderr);
        cli_put_text(stderr, *words);
    }
    fputs(isatty(STDERR_FILENO) ? "\r\n" : "\n", stderr); /* which is in raw mode already */
}

/* What the step had that was to be given again. */
static char **
not_kept(const struct tenon_op_exec *op)
{
    char **list = NULL;
    for (size_t i = 0; i < op->mount_count; i++) {
        const struct tenon_op_mount *m = &op->mounts[i];
        if (m->plugin_type)
            continue;
        if (m->type == TENON_LLB_MOUNT_TMPFS)
            add_once(&list, tenon_asprintf("what was in %s", m->dest));
        else if (m->type == TENON_LLB_MOUNT_SECRET)
            add_once(&list, tenon_asprintf("secret %s (--secret id=%s,src=FILE)", m->id, m->id));
        else if (m->type == TENON_LLB_MOUNT_SSH)
            add_once(&list, tenon_asprintf("agent %s (--ssh %s)", m->id, m->id));
    }
    for (size_t i = 0; i < op->secretenv_count; i++)
        add_once(&list, tenon_asprintf("secret %s (--secret id=%s,src=FILE)", op->secretenv[i].id,
                                       op->secretenv[i].id));
    return list;
}

/* For a person; scripts get their command's output alone. */
static void
tell(void *data, const char *build, const struct tenon_vertex *v)
{
    const struct job *j = data;
    const struct tenon_op_exec *op = &v->op.exec;
    put_row("step:", NULL, v->name ? v->name : "?");
    put_row("kept:", NULL, "the files as it left them, environment, user, directory, cache mounts");
    char **lost = not_kept(op);
    put_row("not kept:", lost, "running programs");
    tenon_strv_free(lost);
    auto_free char *log = tenon_exec_log_name(build, v);
    auto_close int fd = tenon_log_read(j->engine.store, log);
    auto_free char *path = tenon_asprintf("%s/logs/%s", tenon_store_path(j->engine.store), log);
    put_row("output:", NULL, fd < 0 ? "it printed nothing" : path);
    put_row("changes:", NULL, "thrown away at the end, but for those of cache mounts");
}

static int
enter(struct job *j, struct tenon_error *err)
{
    struct terminal *t = NULL;
    struct streams *s = NULL;
    int32_t status = 0;
    if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)) {
        int fd;
        if (terminal_open(&t, &fd, err) < 0)
            return err->code;
        for (int i = 0; i < 3; i++)
            j->shell.stdio[i] = fd;
        j->shell.prompt = true;
        j->shell.about = tell;
        j->shell.data = j;
    } else if (streams_open(&s, j->shell.stdio, err) < 0) {
        return err->code;
    }
    struct tenon_ctx *ctx = tenon_ctx_new(&j->engine, NULL, j->engine.cancel, NULL);
    int rc = tenon_exec_shell(&j->engine, ctx, &j->shell, &status, err);
    tenon_ctx_free(ctx);
    terminal_close(t);
    auto_error struct tenon_error lost = TENON_ERROR_INIT;
    if (streams_close(s, rc < 0 ? &lost : err) < 0 || rc < 0)
        return err->code;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int
cli_shell(const struct cli *cli, int argc, char **argv)
{
    struct job j = { .session = cli_session_new() };
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    int status = parse(&j, argc, argv);
    if (!status && j.help) {
        status = cli_help(cli, help);
    } else if (!status) {
        j.engine.cancel = tenon_cancel_new(NULL);
        status = open_engine(&j, cli, &err) < 0 ? err.code : enter(&j, &err);
        if (status < 0)
            status = cli_print_error(&err);
        tenon_engine_release(&j.engine);
        tenon_plugins_free(j.engine.plugins);
        tenon_store_close(j.engine.store);
        tenon_cancel_free(j.engine.cancel);
    }
    cli_session_free(j.session);
    tenon_strv_free(j.entitlements);
    return status;
}
