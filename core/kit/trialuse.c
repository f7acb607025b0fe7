/* kit/trialuse.c - the operations of a plugin, as far as they need no build:
 * those of mounts, executors' probe, what exporters, caches and attesters look
 * at before, progress displays. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kit/private.h"
#include "tools/alloc.h"
#include "tools/buf.h"

/* ---- one use ------------------------------------------------------------------ */

struct use {
    struct tenon_trial *c;
    struct tenon_plugins *all;
    struct tenon_module *m;
    struct tenon_standin *s;
    const char *extra;       /* an option, or NULL */
    bool refused;            /* the options were, before the plugin saw them */
    bool succeeded;          /* what it was called for */
    struct tenon_buf faults; /* the first of them */
};

static void
enter(struct use *u, struct tenon_module *m, const char *op)
{
    tenon_trial_calls(u->c);
    tenon_module_enter(m, op);
}

__attribute__((format(printf, 2, 3))) static void
fault(struct use *u, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    auto_free char *text = tenon_vasprintf(fmt, ap);
    va_end(ap);
    if (!u->faults.len)
        tenon_buf_addf(&u->faults, "%s", text);
}

static void
answered(struct use *u, const char *op, int rc, const struct tenon_error *err)
{
    auto_free char *wrong = tenon_trial_answer(rc, err);
    u->succeeded = rc == 0;
    if (wrong)
        fault(u, "%s: %s", op, wrong);
    else if (rc < 0 && rc != err->code)
        fault(u, "%s: the answer is %d, and the error has %d", op, rc, err->code);
}

static void
look_at_mount(struct use *u, const struct tenon_mount *m)
{
    static const uint32_t known = TENON_MOUNT_RDONLY | TENON_MOUNT_NOEXEC |
                                  TENON_MOUNT_DEVICE | TENON_MOUNT_NOSUID;
    struct stat st;
    int flags = m->fd >= 0 ? fcntl(m->fd, F_GETFD) : FD_CLOEXEC;
    if (m->fd < -1 || flags < 0)
        fault(u, "attach: %d is no open descriptor", m->fd);
    else if (!(flags & FD_CLOEXEC))
        fault(u, "attach: its descriptor would be inherited by programs "
                 "(O_CLOEXEC)");
    else if (m->fd >= 0 && fstat(m->fd, &st) == 0 && !S_ISREG(st.st_mode) &&
             !S_ISDIR(st.st_mode) && !S_ISSOCK(st.st_mode) &&
             !S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
        fault(u, "attach: its descriptor is of nothing that can be mounted (mode 0%o)",
              st.st_mode);
    if (m->flags & ~known)
        fault(u, "attach: unknown flags 0x%x", m->flags & ~known);
    for (const char *const *e = m->env; e && *e; e++)
        if (**e == '=' || !strchr(*e, '='))
            fault(u, "attach: \"%s\" in env is no NAME=VALUE", *e);
}

static void
use_mount(struct use *u, const struct tenon_values *values)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_ctx *ctx = tenon_standin_ctx(u->s);
    const struct tenon_plugin *p = &u->m->plugin;
    if (p->key_policy == TENON_KEY_CONTENT) {
        struct tenon_key *key = tenon_standin_key_new();
        enter(u, u->m, "cache_key");
        int rc = p->cache_key(u->m->self, ctx, values, key, &err);
        tenon_module_leave(u->m);
        tenon_standin_key_free(key);
        answered(u, "cache_key", rc, &err);
        if (rc < 0)
            return;
    }
    const struct tenon_mount_request req = {
        .struct_size = sizeof req,
        .options = values,
        .target = "/target",
        .input_fd = -1,
    };
    struct tenon_mount out = {.struct_size = sizeof out, .fd = -1};
    enter(u, u->m, "attach");
    int rc = p->ops.mount->attach(u->m->self, ctx, &req, &out, &err);
    tenon_module_leave(u->m);
    answered(u, "attach", rc, &err);
    if (rc != 0)
        return;
    look_at_mount(u, &out);
    if (p->ops.mount->detach) {
        enter(u, u->m, "detach");
        p->ops.mount->detach(u->m->self, ctx, out.cookie, true);
        tenon_module_leave(u->m);
    }
    if (out.fd >= 0)
        close(out.fd);
}

static void
use_executor(struct use *u)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    const struct tenon_executor_ops *ops = u->m->plugin.ops.executor;
    if (!ops->probe)
        return;
    enter(u, u->m, "probe");
    int rc = ops->probe(u->m->self, tenon_standin_ctx(u->s), &err);
    tenon_module_leave(u->m);
    answered(u, "probe", rc, &err);
}

static void
use_exporter(struct use *u, const struct tenon_values *values)
{
    const struct tenon_exporter_ops *ops = u->m->plugin.ops.exporter;
    for (uint64_t platforms = 0; ops->check && platforms < 3; platforms++) {
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        enter(u, u->m, "check");
        int rc = ops->check(u->m->self, tenon_standin_ctx(u->s), values,
                            platforms, &err);
        tenon_module_leave(u->m);
        answered(u, "check", rc, &err);
    }
}

static void
use_cache(struct use *u, const struct tenon_values *values)
{
    const struct tenon_cache_ops *ops = u->m->plugin.ops.cache;
    int (*const checks[])(void *, struct tenon_ctx *,
                          const struct tenon_values *, struct tenon_error *) = {
        ops->check_load, ops->check_save};
    static const char *const names[] = {"check_load", "check_save"};
    for (size_t i = 0; i < tenon_countof(checks); i++) {
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        if (!checks[i])
            continue;
        enter(u, u->m, names[i]);
        int rc = checks[i](u->m->self, tenon_standin_ctx(u->s), values, &err);
        tenon_module_leave(u->m);
        answered(u, names[i], rc, &err);
    }
}

static void
use_attester(struct use *u, const struct tenon_values *values)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    const struct tenon_attester_ops *ops = u->m->plugin.ops.attester;
    if (!ops->check)
        return;
    enter(u, u->m, "check");
    int rc = ops->check(u->m->self, tenon_standin_ctx(u->s), values, &err);
    tenon_module_leave(u->m);
    answered(u, "check", rc, &err);
}

/* A build that is over before it began, one that failed, words that belong to a
 * terminal, a type of event that is newer than the plugin. */
static void
show_build(struct use *u, struct tenon_module *m, const struct tenon_values *values)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    const struct tenon_progress_ops *ops = m->plugin.ops.progress;
    static const char output[] = "one\r\n\033[2J::error::two\xff";
    static const char id[] =
        "sha256:"
        "0000000000000000000000000000000000000000000000000000000000000000";
    static const char *const texts[] = {"RUN make", "", "a\nb\033[31m"};
    auto_close int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    enter(u, m, "open");
    int rc = ops->open(m->self, null, false, values, &err);
    tenon_module_leave(m);
    answered(u, "open", rc, &err);
    if (rc < 0)
        return;
    for (uint32_t type = 0; type < 12; type++) {
        for (size_t i = 0; i < tenon_countof(texts); i++) {
            struct tenon_event ev = {
                .struct_size = sizeof ev,
                .type = type,
                .name = texts[i],
                .vertex = type == TENON_EVENT_MESSAGE ? NULL : id,
                .started_ns = 1,
                .timestamp_ns = 2,
                .completed_ns = i == 2 ? 3 : 0,
                .error = i == 2 ? texts[i] : NULL,
                .data = type == TENON_EVENT_LOG ? output : NULL,
                .len = type == TENON_EVENT_LOG ? sizeof output - 1 : 0,
                .stream = 1,
                .current = 1 - (int64_t)i,
                .total = (int64_t)i,
            };
            enter(u, m, "event");
            ops->event(m->self, &ev);
            tenon_module_leave(m);
        }
        if (ops->tick) {
            enter(u, m, "tick");
            ops->tick(m->self, (int64_t)type);
            tenon_module_leave(m);
        }
    }
    const struct tenon_progress_end end = {
        .struct_size = sizeof end,
        .status = TENON_E_FAILED,
        .error = texts[2],
        .vertex = id,
    };
    enter(u, m, "close");
    ops->close(m->self, &end);
    tenon_module_leave(m);
}

/* A display shows one build: another one begins with init. */
static void
use_progress(struct use *u, const struct tenon_values *values)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_plugins *all = NULL;
    struct tenon_module *m;
    if (tenon_trial_open(u->c, u->c->request->config, &all, &err) == 0 &&
        tenon_plugins_get(all, u->c->kind, u->c->name, &m, &err) == 0)
        show_build(u, m, values);
    else
        fault(u, "it does not start: %s", err.message);
    tenon_plugins_free(all);
}

static void
use_once(struct use *u)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_values struct tenon_values *values = NULL;
    const struct tenon_plugin *p = &u->m->plugin;
    char **options = tenon_trial_options(u->c, p->options, u->extra);
    u->refused = tenon_values_parse(p->options, p->param_size,
                                    (const char *const *)options, u->c->name,
                                    &values, &err) < 0;
    if (u->refused)
        fault(u, "%s", err.message);
    else
        switch (u->c->kind) {
        case TENON_KIND_MOUNT:
            use_mount(u, values);
            break;
        case TENON_KIND_EXECUTOR:
            use_executor(u);
            break;
        case TENON_KIND_EXPORTER:
            use_exporter(u, values);
            break;
        case TENON_KIND_CACHE:
            use_cache(u, values);
            break;
        case TENON_KIND_ATTESTER:
        case TENON_KIND_SCANNER:
            use_attester(u, values);
            break;
        case TENON_KIND_PROGRESS:
            use_progress(u, values);
            break;
        case TENON_KIND_FRONTEND:
        case TENON_KIND_SOURCE:
            break;
        }
    tenon_strv_free(options);
}

/* ---- groups ---------------------------------------------------------------------- */

static bool
begin_use(struct tenon_trial *c, struct use *u)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    memset(u, 0, sizeof *u);
    u->c = c;
    if (tenon_trial_open(c, c->request->config, &u->all, &err) < 0)
        return false;
    if (tenon_plugins_get(u->all, c->kind, c->name, &u->m, &err) == 0)
        return true;
    tenon_plugins_free(u->all); /* init-and-fini said so */
    return false;
}

static void
end_use(struct use *u)
{
    tenon_plugins_free(u->all);
    tenon_buf_release(&u->faults);
}

/* One use, in a ctx of its own. */
static void
once(struct use *u, unsigned fail, bool cancelled, bool *failed)
{
    u->s = tenon_standin_new();
    tenon_standin_fail(u->s, fail);
    if (cancelled)
        tenon_standin_cancel(u->s);
    use_once(u);
    if (failed)
        *failed = tenon_standin_has_failed(u->s);
    tenon_standin_free(u->s);
    u->s = NULL;
}

/* Each way of being called leaves nothing open, not only the one that succeeds. What a library
 * keeps of its first call is no leak: the second one is looked at. */
static void
leaving_nothing(struct use *u, unsigned fail, bool cancelled, bool *failed)
{
    once(u, fail, cancelled, failed);
    const size_t before = tenon_trial_descriptors();
    once(u, fail, cancelled, NULL);
    const size_t now = tenon_trial_descriptors();
    if (now > before)
        fault(u, "descriptors are left open: %zu", now - before);
}

static bool
is_used(const struct tenon_trial *c)
{
    return c->kind != TENON_KIND_FRONTEND && c->kind != TENON_KIND_SOURCE;
}

void
tenon_trial_use(struct tenon_trial *c)
{
    enum { TIMES = 20 };
    struct use u;
    if (!is_used(c)) {
        tenon_trial_that(c, false, TENON_TRIAL_SKIPPED, "use",
                         "a %s is used by builds only", tenon_kind_name(c->kind));
        return;
    }
    if (!begin_use(c, &u))
        return;
    tenon_trial_begin(c, "use");
    once(&u, 0, false, NULL);
    once(&u, 0, false, NULL);
    const size_t descriptors = tenon_trial_descriptors();
    for (int i = 0; i < TIMES; i++)
        once(&u, 0, false, NULL);
    const size_t more = tenon_trial_descriptors() - descriptors;
    tenon_trial_that(c, !u.faults.len, TENON_TRIAL_FAILED, "use", "%s",
                     tenon_buf_str(&u.faults));
    tenon_trial_that(c, (ptrdiff_t)more < TIMES, TENON_TRIAL_FAILED,
                     "use-closes-descriptors",
                     "%d uses left %zu descriptors open", TIMES, more);
    end_use(&u);
}

void
tenon_trial_use_cancelled(struct tenon_trial *c)
{
    struct use u;
    if (!is_used(c) || !begin_use(c, &u))
        return;
    tenon_trial_begin(c, "use-cancelled");
    leaving_nothing(&u, 0, true, NULL);
    tenon_trial_that(c, !u.faults.len, TENON_TRIAL_FAILED, "use-cancelled",
                     "after Ctrl-C: %s", tenon_buf_str(&u.faults));
    end_use(&u);
}

/* Each call of the host's that can fail does so once. */
void
tenon_trial_use_faults(struct tenon_trial *c)
{
    enum { MOST = 200 };
    struct use u;
    if (!is_used(c) || !begin_use(c, &u))
        return;
    bool failed = true;
    for (unsigned n = 1; failed && n < MOST; n++) {
        auto_free char *name = tenon_asprintf("use-fault-%u", n);
        tenon_trial_begin(c, name);
        tenon_buf_clear(&u.faults);
        leaving_nothing(&u, n, false, &failed);
        if (failed)
            tenon_trial_that(c, !u.faults.len, TENON_TRIAL_FAILED, name,
                             "when call %u of the host fails: %s", n,
                             tenon_buf_str(&u.faults));
    }
    end_use(&u);
}

/* Each option, with what nobody would write: refused by the core, by the plugin, or taken. */
void
tenon_trial_use_hostile(struct tenon_trial *c)
{
    struct use u;
    if (!is_used(c) || !begin_use(c, &u))
        return;
    for (const struct tenon_param *p = u.m->plugin.options; p && p->name; p++) {
        auto_free char *name = tenon_asprintf("option-%s-hostile", p->name);
        auto_buf struct tenon_buf bad = TENON_BUF_INIT;
        for (const char *const *h = tenon_trial_hostile; *h; h++) {
            auto_free char *extra = tenon_asprintf("%s=%s", p->name, *h);
            tenon_trial_begin(c, name);
            tenon_buf_clear(&u.faults);
            u.extra = extra;
            leaving_nothing(&u, 0, false, NULL);
            if (u.faults.len && !u.refused && !bad.len)
                tenon_buf_addf(&bad, "\"%s\": %s", *h, tenon_buf_str(&u.faults));
        }
        tenon_trial_that(c, !bad.len, TENON_TRIAL_FAILED, name, "%s",
                         tenon_buf_str(&bad));
    }
    end_use(&u);
}

/* ---- at the same time -------------------------------------------------------------- */

static void *
in_thread(void *arg)
{
    struct use *u = arg;
    for (int i = 0; i < 10; i++)
        once(u, 0, false, NULL);
    return NULL;
}

void
tenon_trial_use_parallel(struct tenon_trial *c)
{
    enum { THREADS = 4 };
    struct use all, u[THREADS];
    pthread_t threads[THREADS];
    if (!is_used(c) || c->kind == TENON_KIND_PROGRESS || !begin_use(c, &all))
        return;
    tenon_trial_begin(c, "use-parallel");
    once(&all, 0, false, NULL);
    const size_t before = tenon_trial_descriptors();
    size_t started = 0;
    for (; started < THREADS; started++) {
        u[started] = all;
        if (pthread_create(&threads[started], NULL, in_thread, &u[started]) != 0)
            break;
    }
    for (size_t i = 0; i < started; i++) {
        pthread_join(threads[i], NULL);
        tenon_buf_adds(&all.faults,
                       all.faults.len ? "" : tenon_buf_str(&u[i].faults));
        tenon_buf_release(&u[i].faults);
    }
    const size_t now = tenon_trial_descriptors();
    if (now >= before + started) /* one thread's libraries may keep some */
        fault(&all, "descriptors are left open: %zu", now - before);
    tenon_trial_that(c, !all.faults.len, TENON_TRIAL_FAILED, "use-parallel",
                     "%zu threads: %s", started, tenon_buf_str(&all.faults));
    end_use(&all);
}
