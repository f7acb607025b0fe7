/* cli/verb_build.c - tenon build */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "tools/alloc.h"
#include "tools/parse.h"
#include "buildattest.h"
#include "buildcache.h"
#include "buildflags.h"
#include "buildinput.h"
#include "buildlock.h"
#include "buildoutput.h"
#include "buildpolicy.h"
#include "buildsign.h"
#include "buildrecord.h"
#include "cli.h"
#include "destination.h"
#include "engine/build.h"
#include "exec/exec.h"
#include "gitfacts.h"
#include "observers.h"
#include "plugin/calls.h"
#include "registry/libcurl.h"
#include "renderer.h"
#include "reprocheck.h"
#include "localsession.h"
#include "ownstdout.h"
#include "upkeep.h"

/* ---- Ctrl-C ------------------------------------------------------------- */

struct watcher {
    pthread_t thread;
    sigset_t signals;
    struct tenon_cancel *cancel;
    bool interrupted; /* read after the thread is joined */
    bool told;        /* what is waited for */
};

/* Who does not stop when it should has a name. */
static void
tell_waiting(void *data, const char *plugin, const char *op)
{
    (void)data;
    tenon_log(TENON_LOG_WARNING, "still waiting for %s (%s); Ctrl-C again ends it all", plugin, op);
}

/* The next signal; once, when none comes for a while after the first, what is waited for. */
static int
next_signal(struct watcher *w)
{
    static const struct timespec patience = {.tv_sec = 3};
    int sig = 0;
    if (w->interrupted && !w->told) {
        sig = sigtimedwait(&w->signals, NULL, &patience);
        if (sig < 0 && errno == EAGAIN) {
            w->told = true;
            tenon_calls_tell(tell_waiting, NULL);
        }
        return sig < 0 ? 0 : sig;
    }
    return sigwait(&w->signals, &sig) == 0 ? sig : 0;
}

static void *
watch_signals(void *data)
{
    struct watcher *w = data;
    sigset_t seen;
    sigemptyset(&seen);
    for (;;) {
        const int sig = next_signal(w);
        if (sig == 0)
            continue;
        if (sig == SIGUSR2) /* the build is over */
            return NULL;
        /* The second time: leftovers are swept at the next start.  One Ctrl-C
         * below a docker client comes twice, as SIGINT from the terminal and as
         * SIGTERM from the client. */
        if (sigismember(&seen, sig))
            _exit(CLI_INTERRUPTED);
        sigaddset(&seen, sig);
        w->interrupted = true;
        tenon_cancel_fire(w->cancel);
    }
}

/* sigwait() sees what is ignored, too. Of SIGHUP that is not wanted: nohup means it. SIGINT
 * is ignored by all that a shell starts with "&", and still ends a build, as with buildx. */
static bool
is_ignored(int sig)
{
    struct sigaction now;
    return sigaction(sig, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

/* Before the first thread: all of them inherit the mask. */
static void
block_signals(struct watcher *w)
{
    sigemptyset(&w->signals);
    sigaddset(&w->signals, SIGINT);
    sigaddset(&w->signals, SIGTERM);
    if (!is_ignored(SIGHUP))
        sigaddset(&w->signals, SIGHUP);
    sigaddset(&w->signals, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &w->signals, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static void
stop_watching(struct watcher *w)
{
    pthread_kill(w->thread, SIGUSR2);
    pthread_join(w->thread, NULL);
}

/* ---- one build ---------------------------------------------------------- */

struct job {
    const struct cli *cli;
    struct build_flags flags;
    struct cli_session *session;
    char **options; /* of the frontend */
    struct build_outputs outputs;
    struct build_caches cache_from, cache_to;
    struct build_policies policies;
    char *lock_path; /* with --locked, and when it is to be written */
    bool locks;      /* it is */
    struct tenon_attests attests;
    struct build_sign sign;
    struct tenon_engine engine;
    struct tenon_build *build;
    struct tenon_build_request request;
    struct renderer *renderer;
    struct observers *observers;  /* NULL: none */
    struct build_record *record;  /* NULL: none is kept */
    struct tenon_events *unshown; /* of a build that shows nothing, for its record */
    struct watcher watcher;
    int upkeep; /* whom it starts at its end */
    int out;    /* standard output */
    enum { AT_WORK, READING_FLAGS, CHECKING } phase; /* for the exit status */
};

static const char *
progress_mode(const struct job *j)
{
    if (j->flags.quiet)
        return "quiet";
    if (j->flags.progress)
        return j->flags.progress;
    const char *env = secure_getenv("BUILDKIT_PROGRESS");
    if (env && *env)
        return env;
    const char *conf = cli_config_string(j->cli->config, "progress");
    return conf ? conf : "auto";
}

/* As displays show it; NULL: there is none. */
static char *
error_line(const struct tenon_error *err)
{
    return err->code ? tenon_asprintf("failed to build: failed to solve: %s",
                                      err->message ? err->message : "unknown error")
                     : NULL;
}

/* When no renderer does it. */
static void
put_line(const char *lead, const char *text)
{
    fputs(lead, stderr);
    cli_put_text(stderr, text);
    putc('\n', stderr);
}

static void
explain(void *data, const char *vertex, const char *text)
{
    struct job *j = data;
    struct tenon_event ev = { .struct_size = sizeof ev, .type = TENON_EVENT_MESSAGE,
                              .vertex = vertex, .name = text, .level = TENON_LOG_NOTICE };
    if (j->renderer)
        tenon_events_post(j->engine.events, &ev);
    else
        put_line("", text);
}

/* For who keeps what happens, in a record or elsewhere. */
static void
keep_event(void *data, const struct tenon_event *ev)
{
    struct job *j = data;
    if (j->record)
        build_record_event(j->record, ev);
    if (j->observers)
        observers_event(j->observers, ev);
}

/* All that happened has been told. */
static void
keep_record(struct job *j, const struct tenon_error *err)
{
    auto_free char *text = error_line(err);
    if (j->unshown)
        tenon_events_free(j->unshown);
    j->engine.events = NULL;
    observers_close(j->observers, j->build, err, text);
    build_record_finish(j->record, &j->request, j->build, err);
    build_record_free(j->record);
}

static char *
make_build_id(void)
{
    return tenon_asprintf("%llx-%lx", (unsigned long long)tenon_now_ns(), (long)getpid());
}

static int
check_entitlements(struct job *j, struct tenon_error *err)
{
    char **steps = NULL; /* what steps may have; the rest is for us */
    for (char **a = j->flags.entitlements; a && *a && !err->code; a++) {
        if (!strcmp(*a, CLI_ALLOW_DELETE))
            cli_session_allow_delete(j->session);
        else if (tenon_has_prefix(*a, CLI_ALLOW_DELETE "="))
            tenon_error_set(err, TENON_E_INVALID, CLI_ALLOW_DELETE " does not accept a value");
        else if (tenon_exec_check_entitlement(*a, err) == 0)
            tenon_strv_push(&steps, tenon_strdup(*a));
    }
    tenon_strv_free(j->flags.entitlements);
    j->flags.entitlements = steps;
    return err->code;
}

/* What the user could have written otherwise, not what the machine lacks: a plugin that
 * is not installed, say. */
static bool
is_usage(const struct job *j, const struct tenon_error *err)
{
    switch (err->code) {
    case TENON_E_INVALID:
    case TENON_E_UNSUPPORTED:
        return j->phase != AT_WORK;
    case TENON_E_NOT_FOUND:
    case TENON_E_DENIED:
    case TENON_E_LIMIT:
        return j->phase == READING_FLAGS;
    default:
        return false;
    }
}

static int
open_lock(struct job *j, struct tenon_error *err)
{
    if (!j->locks && !j->flags.locked)
        return TENON_OK;
    if (j->locks && j->flags.locked)
        return tenon_error_set(err, TENON_E_INVALID, "--locked is for builds: lock writes the "
                               "file");
    j->lock_path = build_lock_path(&j->flags, err);
    if (!j->lock_path)
        return err->code;
    if (!j->locks)
        return build_lock_read(j->lock_path, &j->engine.lock, err);
    j->engine.lock = tenon_lockfile_new();
    return destination_check_file(j->lock_path, err);
}

/* --offline, or "offline" of the configuration: whoever opens connections reads it there. */
static void
go_offline(struct job *j)
{
    struct json_object *set;
    if (j->flags.offline)
        json_object_object_add(j->cli->config, "offline", json_object_new_boolean(true));
    if (json_object_object_get_ex(j->cli->config, "offline", &set))
        j->engine.offline = json_object_get_boolean(set);
}

static int
read_compatibility(const struct job *j, int64_t *out, struct tenon_error *err)
{
    const char *text = j->flags.compatibility;
    if (text && (!tenon_parse_i64(text, out) || *out <= 0))
        return tenon_error_set(err, TENON_E_INVALID, "invalid --compatibility-version \"%s\"",
                               text);
    return TENON_OK;
}

/* The display last: what fails from then on it shows. */
static int
open_displays(struct job *j, struct tenon_error *err)
{
    if (observers_open(j->engine.plugins, j->cli->config, j->flags.observers, &j->observers,
                       err) < 0)
        return err->code;
    const struct renderer_about about = {
        .program = strcmp(j->cli->program, "tenon") ? "docker" : "tenon",
        .debug = j->flags.debug || j->cli->debug,
        .observers = j->observers,
    };
    if (renderer_open(j->engine.plugins, progress_mode(j), &about, &j->renderer, err) < 0) {
        auto_free char *text = error_line(err);
        observers_close(j->observers, NULL, err, text);
        j->observers = NULL;
    }
    return err->code;
}

static int
prepare(struct job *j, struct tenon_error *err)
{
    int64_t compatibility = 0;
    j->session = cli_session_new();
    cli_session_set_stdout(j->session, j->out);
    j->phase = READING_FLAGS;
    go_offline(j);
    if (build_outputs_clear(&j->flags, j->out, err) < 0)
        return err->code;
    const char *agent = secure_getenv("SSH_AUTH_SOCK");
    if (!j->flags.ssh && agent && *agent && build_context_is_ssh(j->flags.context))
        tenon_strv_push(&j->flags.ssh, tenon_strdup("default"));
    for (char **x = j->flags.ssh; x && *x; x++)
        if (cli_session_add_ssh(j->session, *x, err) < 0)
            return err->code;
    /* Asking for it gives the entitlement. */
    if (tenon_streq(j->flags.network, "host"))
        tenon_strv_push(&j->flags.entitlements, tenon_strdup("network.host"));
    if (check_entitlements(j, err) < 0 ||
        build_input(&j->flags, j->cli->config, j->engine.plugins, j->session, j->watcher.cancel,
                    &j->policies, &j->options, err) < 0 ||
        build_outputs_parse(&j->flags, j->engine.plugins, &j->outputs, err) < 0 ||
        build_outputs_check(&j->flags, &j->outputs, cli_session_vtable(j->session), err) < 0 ||
        read_compatibility(j, &compatibility, err) < 0 ||
        build_sign_parse(&j->flags, &j->outputs, &j->sign, err) < 0 ||
        build_caches_parse(&j->flags, j->engine.plugins, j->session, &j->cache_from,
                           &j->cache_to, err) < 0 ||
        build_attests_parse(&j->flags, j->cli->config, j->engine.plugins, &j->attests, err) < 0 ||
        (j->engine.offline &&
         build_offline_check(&j->flags, &j->outputs, &j->cache_to, err) < 0) ||
        open_lock(j, err) < 0)
        return err->code;
    j->phase = AT_WORK;
    if (cli_open_store(j->cli, &j->engine.store, err) < 0)
        return err->code;
    j->engine.session = cli_session_vtable(j->session);
    j->engine.cancel = j->watcher.cancel;
    cli_session_set_cancel(j->session, j->watcher.cancel);
    j->engine.build_id = make_build_id();
    j->engine.policies = j->policies.list;
    j->engine.policy_count = j->policies.count;
    j->engine.entitlements = (const char *const *)j->flags.entitlements;
    cli_fill_engine(j->cli, &j->engine);
    j->build = tenon_build_new(&j->engine);
    j->request = (struct tenon_build_request){
        .frontend = "dockerfile",
        .options = (const char *const *)j->options,
        .exports = j->outputs.exports,
        .export_count = j->outputs.count,
        .cache_from = j->cache_from.list,
        .cache_from_count = j->cache_from.count,
        .cache_to = j->cache_to.list,
        .cache_to_count = j->cache_to.count,
        .attests = j->attests.list,
        .attest_count = j->attests.count,
        .inline_cache = j->cache_to.is_inline,
        .explain = j->flags.explain ? explain : NULL,
        .explain_data = j,
        .lock_only = j->locks,
        .compatibility = compatibility,
        .exported = j->sign.key ? build_sign_export : NULL,
        .exported_data = &j->sign,
    };
    j->sign.cli = j->cli;
    j->sign.store = j->engine.store;
    j->sign.cancel = j->watcher.cancel;
    if (j->locks) {
        j->request.export_count = 0;
        j->request.cache_to_count = 0;
    }
    j->phase = CHECKING;
    if (tenon_build_check(j->build, &j->request, err) < 0)
        return err->code;
    j->phase = READING_FLAGS;
    git_facts_add(&j->flags, j->session, j->attests.count > 0, &j->options);
    if (build_input_read(&j->flags, j->cli->config, j->engine.plugins, j->session,
                         j->watcher.cancel, &j->options, err) < 0)
        return err->code;
    j->request.options = (const char *const *)j->options;
    j->phase = CHECKING;
    return open_displays(j, err);
}

/* What leads others to a builder somewhere else does not lead us there. */
static void
warn_of_builders(void)
{
    static const char *const variables[] = { "BUILDX_BUILDER", "BUILDKIT_HOST" };
    for (size_t i = 0; i < tenon_countof(variables); i++) {
        const char *value = secure_getenv(variables[i]);
        if (value && *value && strcmp(value, "default"))
            tenon_log(TENON_LOG_WARNING, "%s=%s is ignored: tenon builds here, itself",
                      variables[i], value);
    }
}

static int
run(struct job *j, struct tenon_error *err)
{
    j->record = build_record_new(&j->flags, &j->engine);
    if ((j->record || j->observers) && !j->renderer)
        j->unshown = tenon_events_new(NULL, NULL, NULL);
    j->request.look_back = build_record_outcome;
    j->request.look_back_data = j->record;
    j->engine.events = j->sign.events = j->renderer ? renderer_events(j->renderer) : j->unshown;
    if (j->record || j->observers)
        tenon_events_keep(j->engine.events, keep_event, j);
    j->engine.one_stream = renderer_has_one_stream(j->renderer);
    warn_of_builders();
    return tenon_build_run(j->build, &j->request, err);
}

/* Is a person reading? Logs keep the form that programs know. */
static bool
tells_more(const struct job *j)
{
    if (!isatty(STDERR_FILENO))
        return false;
    static const char *const silent[] = { "quiet", "none", "rawjson", "json" };
    const char *mode = progress_mode(j);
    size_t len = strcspn(mode, ",");
    for (size_t i = 0; i < tenon_countof(silent); i++)
        if (strlen(silent[i]) == len && !memcmp(silent[i], mode, len))
            return false;
    return true;
}

/* The end of every build: the last display, the error, --iidfile and --metadata-
 * file, the exit status. */
static int
finish(struct job *j, struct tenon_error *err)
{
    int status = CLI_OK;
    own_stdout_show(j->out);
    if (err->code == 0 && j->build && j->locks)
        build_lock_write(j->lock_path, j->engine.lock, err);
    else if (err->code == 0 && j->build)
        build_outputs_write(&j->flags, tenon_build_result(j->build), j->engine.build_id, err);
    own_stdout_cover(j->out);
    auto_free char *text = error_line(err);
    if (j->renderer)
        renderer_close(j->renderer, j->build, err, text);
    else if (err->code) {
        put_line("ERROR: ", text);
        if (err->file && err->line) {
            auto_free char *place = tenon_asprintf("%s:%u", err->file, err->line);
            put_line("  at ", place);
        }
        cli_put_hints("hint: ", err);
    }
    own_stdout_show(j->out);
    if (err->code)
        status = CLI_FAILED;
    else if (j->build && j->locks)
        puts(j->lock_path);
    else if (j->build && tells_more(j))
        build_outputs_tell(&j->flags, tenon_build_result(j->build));
    if (!err->code && j->build && !j->locks)
        status = build_outputs_print(&j->flags, tenon_build_result(j->build));
    const int lost = own_stdout_cover(j->out);
    if (!lost)
        return status;
    auto_error struct tenon_error unread = TENON_ERROR_INIT;
    tenon_error_errno(&unread, lost, "write to standard output");
    return cli_print_error(&unread);
}

static void
release(struct job *j)
{
    const bool is_new = j->engine.store && tenon_store_has_unsure(j->engine.store);
    tenon_build_free(j->build);
    /* Sweeps what killed builds left. Last, when nobody waits for a result any
     * more; an empty tmp/ costs almost nothing. */
    if (j->build && !j->watcher.interrupted) {
        tenon_store_sweep(j->engine.store);
        tenon_store_trim(j->engine.store);
    }
    tenon_engine_release(&j->engine);
    tenon_plugins_free(j->engine.plugins);
    tenon_store_close(j->engine.store);
    upkeep_go(j->upkeep, is_new);
    cli_session_free(j->session);
    tenon_strv_free(j->options);
    build_outputs_release(&j->outputs);
    build_caches_release(&j->cache_from);
    build_caches_release(&j->cache_to);
    build_policies_release(&j->policies);
    tenon_lockfile_free(j->engine.lock);
    free(j->lock_path);
    tenon_attests_release(&j->attests);
    build_sign_release(&j->sign);
    free((char *)j->engine.build_id);
    build_flags_release(&j->flags);
}

/* What needs a process with one thread. Plugins first: inside a user namespace the
 * owners of files can no longer be told. */
static int
enter(struct job *j, struct tenon_error *err)
{
    if (cli_open_plugins(j->cli, &j->engine.plugins, err) < 0)
        return err->code;
    if (geteuid() != 0)
        tenon_plugins_vet(j->engine.plugins);
    return cli_private_mounts(err);
}

static int
build(const struct cli *cli, struct build_flags *flags)
{
    int status = CLI_OK;
    struct job j = { .cli = cli, .flags = *flags, .locks = flags->locks };
    j.upkeep = upkeep_wait(cli);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    block_signals(&j.watcher);
    j.out = own_stdout_hide();
    j.watcher.cancel = tenon_cancel_new(NULL);
    if (enter(&j, &err) < 0) {
        status = cli_print_error(&err);
    } else if (pthread_create(&j.watcher.thread, NULL, watch_signals, &j.watcher) != 0) {
        tenon_error_sys(&err, "start a thread");
        status = cli_print_error(&err);
    } else {
        tenon_libcurl_prepare(); /* most builds ask a registry something */
        if (prepare(&j, &err) < 0 && !j.renderer) {
            status = cli_print_error(&err);
            if (is_usage(&j, &err))
                status = CLI_USAGE;
        } else {
            run(&j, &err);
            status = finish(&j, &err);
            keep_record(&j, &err);
        }
        tenon_libcurl_settle();
        stop_watching(&j.watcher);
        if (j.watcher.interrupted)
            status = CLI_INTERRUPTED;
    }
    release(&j);
    own_stdout_end(j.out);
    tenon_cancel_free(j.watcher.cancel);
    return status;
}

static int
parse_and_build(const struct cli *cli, int argc, char **argv, bool locks)
{
    struct build_flags flags = { .locks = locks };
    int status = build_flags_parse(&flags, argc, argv);
    if (status || flags.help) {
        if (!status)
            build_flags_help(cli);
        build_flags_release(&flags);
        return status;
    }
    if (flags.debug || cli->debug)
        tenon_log_set_level(TENON_LOG_DEBUG);
    if (!flags.repro_check)
        return build(cli, &flags);
    status = repro_check(cli, &flags, build);
    build_flags_release(&flags);
    return status;
}

int
cli_build(const struct cli *cli, int argc, char **argv)
{
    return parse_and_build(cli, argc, argv, false);
}

int
cli_build_locking(const struct cli *cli, int argc, char **argv)
{
    return parse_and_build(cli, argc, argv, true);
}
