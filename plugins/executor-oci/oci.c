/* executor-oci: run a step with an OCI runtime (runc unless configured).
 *
 * The runtime runs below a guard (common/exec/guard.h) in a PID namespace and a
 * mount namespace of its own, with a /proc that fits; so killing the guard
 * takes the runtime and the container with it, and so does our own end. */
#include "oci.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"
#include "common/exec/cgroup.h"
#include "common/exec/network.h"
#include "ocimounts.h"
#include "spec.h"

static const struct tenon_param config_params[] = {
    { .name = "runtime", .help = "the OCI runtime: a name in PATH or a path",
      .type = TENON_TYPE_STRING, .def = "runc" },
    NETWORK_HELPER_PARAM,
    USERNAMESPACE_PARAM,
    USERNAMESPACE_FIRST_PARAM,
    { .name = NULL },
};

/* PATH is not used: it is the invoking user's, and sudo keeps it. */
static char *
find_runtime(const char *name)
{
    static const char *const dirs[] = { "/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
                                        "/usr/bin",        "/sbin",          "/bin" };
    if (strchr(name, '/'))
        return access(name, X_OK) == 0 ? tenon_strdup(name) : NULL;
    for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
        auto_free char *path = tenon_asprintf("%s/%s", dirs[i], name);
        if (access(path, X_OK) == 0)
            return tenon_steal(&path);
    }
    return NULL;
}

static int
oci_init(const struct tenon_host *h, const struct tenon_values *config, void **self,
         struct tenon_error *err)
{
    (void)err;
    struct oci *o = tenon_new0(struct oci);
    o->host = h;
    o->runtime = tenon_strdup(h->values->get_string(config, "runtime"));
    o->path = find_runtime(o->runtime);
    o->network_helper = tenon_strdup(h->values->get_string(config, "network-helper"));
    o->devices = (struct devices_pool)DEVICES_POOL_INIT;
    o->running = (struct running)RUNNING_INIT;
    pthread_mutex_init(&o->lock, NULL);
    o->wants_users = h->values->get_bool(config, "user-namespace");
    o->all_ids = o->own_ids = (struct usernamespace)USERNAMESPACE_INIT;
    o->emulation = (struct emulation)EMULATION_INIT;
    o->own_ids.first = (uint32_t)h->values->get_int(config, "id-base");
    cgroup_sweep();
    *self = o;
    return TENON_OK;
}

static void
oci_fini(void *self)
{
    struct oci *o = self;
    devices_pool_release(&o->devices);
    pthread_mutex_destroy(&o->running.lock);
    pthread_mutex_destroy(&o->lock);
    usernamespace_release(&o->all_ids);
    usernamespace_release(&o->own_ids);
    emulation_release(&o->emulation);
    free(o->runtime);
    free(o->path);
    free(o->network_helper);
    free(o);
}

static int
oci_probe(void *self, struct tenon_ctx *ctx, struct tenon_error *err)
{
    (void)ctx;
    const struct oci *o = self;
    if (o->path)
        return TENON_OK;
    o->host->error->set(err, TENON_E_UNSUPPORTED, 0, "OCI runtime \"%s\": not found", o->runtime);
    o->host->error->hint(err, "install runc, or set {\"plugins\": {\"executor-oci\": "
                          "{\"runtime\": PATH}}}");
    return TENON_E_UNSUPPORTED;
}

static int
check_request(const struct oci *o, const struct tenon_exec *x, struct tenon_error *err)
{
    if (strcmp(x->network, "host") && strcmp(x->network, "none") &&
        strcmp(x->network, "sandbox"))
        return o->host->error->set(err, TENON_E_UNSUPPORTED, 0,
                           "network \"%s\": not supported by executor-oci", x->network);
    const struct tenon_exec_mount *m = ocimounts_refused(x);
    if (!m)
        return TENON_OK;
    o->host->error->set(err, TENON_E_UNSUPPORTED, 0,
                "mount target \"%s\": not supported by executor-oci, whose runtime works with "
                "what is there", m->target);
    o->host->error->hint(err, "set {\"executor\": \"native\"} in tenon.json");
    return TENON_E_UNSUPPORTED;
}

/* Does "run" know --keep?  crun does not. */
static bool
can_keep(const struct oci *o)
{
    int out[2];
    if (pipe2(out, O_CLOEXEC) < 0)
        return false;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    posix_spawn_file_actions_adddup2(&actions, out[1], 2);
    char *argv[] = { o->path, (char *)"run", (char *)"--help", NULL };
    char *env[] = { (char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };
    pid_t pid;
    int e = posix_spawn(&pid, o->path, &actions, NULL, argv, env);
    posix_spawn_file_actions_destroy(&actions);
    close(out[1]);
    char text[16384];
    size_t len = 0;
    ssize_t n = 0;
    while (!e && len < sizeof text - 1 &&
           ((n = read(out[0], text + len, sizeof text - 1 - len)) > 0 || (n < 0 && errno == EINTR)))
        len += n > 0 ? (size_t)n : 0;
    text[len] = 0;
    close(out[0]);
    while (!e && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return strstr(text, "--keep") != NULL;
}

static int
write_config(const struct oci *o, const struct tenon_exec *x, const char *cgroup,
             const char *network, const struct oci_users *users, struct tenon_error *err)
{
    return oci_write_json(o, x, "config.json",
                          oci_spec(x, cgroup, network, users->ids, users->path), err);
}

/* ---- groups ----------------------------------------------------------------------- */

struct groups {
    char *path;    /* of the step's group, which we remove */
    char *runtime; /* of the group that the runtime makes: that, or one in it */
    struct cgroup limits;
    struct devices granted;
    bool has_devices; /* a group of version 2, beside version 1, is joined before */
};

/* Runtimes have lists of devices of their own, besides what they are told: tunnels (10:200)
 * among it.  What is around the step's group counts as well, and is ours. */
static void
guard_devices(struct oci *o, struct tenon_ctx *ctx, const struct tenon_exec *x, struct groups *g)
{
    if (x->flags & (TENON_EXEC_ROOTLESS | TENON_EXEC_INSECURE))
        return;
    int procs = -1;
    char *inner = NULL;
    auto_close int outer = cgroup_make_outer(g->path, &inner);
    int e = outer < 0 ? errno : devices_restrict(outer, x, 0);
    if (inner) {
        free(g->runtime);
        g->runtime = inner;
    } else if (e == ENOTSUP) {
        e = devices_of_step(&o->devices, x, &g->granted, &procs);
    }
    if (procs >= 0) {
        g->has_devices = true;
        g->limits.procs = tenon_reallocarray(g->limits.procs, g->limits.count + 1, sizeof(int));
        g->limits.procs[g->limits.count++] = fcntl(procs, F_DUPFD_CLOEXEC, 10);
    }
    if (e)
        o->host->progress->log(ctx, LOG_DEBUG,
                               "no control group for devices (%s): the runtime decides "
                               "which can be opened",
                               strerror(e));
}

/* A runtime wants a group in each hierarchy; an ordinary user has been given those of some
 * at most.  So the runtime starts in the one with the limits. */
static int
groups_open(struct oci *o, struct tenon_ctx *ctx, const struct tenon_exec *x, struct groups *g,
            struct tenon_error *err)
{
    *g = (struct groups){ cgroup_path(x), cgroup_path(x), CGROUP_INIT,
                          { .parent = -1, .procs = -1 }, false };
    if ((x->flags & TENON_EXEC_ROOTLESS) && cgroup_has_limits(x) &&
        cgroup_open(o->host, &g->limits, x, err) < 0)
        return o->host->error->code(err);
    guard_devices(o, ctx, x, g);
    return TENON_OK;
}

static void
groups_release(struct groups *g)
{
    devices_release(&g->granted);
    cgroup_release(&g->limits);
    cgroup_remove(g->path); /* left by a runtime that could not remove it */
    free(g->path);
    free(g->runtime);
}

static void
supervise(struct oci_launch *l, struct tenon_ctx *ctx, struct guard_result *result)
{
    struct oci *o = l->o;
    const struct tenon_exec *x = l->x;
    auto_free char *state = tenon_asprintf("%s/" OCI_STATE, x->work);
    auto_free char *log = tenon_asprintf("%s/" OCI_LOG, x->work);
    auto_free char *pid = tenon_asprintf("%s/" OCI_PID, x->work);
    /* With --keep the control group is still there and shows what became of the
     * step. */
    const bool keep_group = x->memory_bytes > 0 && can_keep(o);
    char *argv[] = { o->path, (char *)"--root", state, (char *)"--log", log,
                     (char *)"--log-format", (char *)"json", (char *)"run",
                     (char *)"--pid-file", pid, (char *)"--bundle", (char *)x->work,
                     keep_group ? (char *)"--keep" : (char *)x->id,
                     keep_group ? (char *)x->id : NULL, NULL };
    l->argv = argv;
    running_add(&o->running, l->step);
    oci_launch(l, ctx, result);
    running_remove(&o->running, l->step);
}

/* Did the runtime run the step at all? */
static int
check_runtime(const struct oci *o, const struct tenon_exec *x, int status,
              struct tenon_error *err)
{
    if (WIFSIGNALED(status)) { /* a step's signal is an exit code of the runtime */
        auto_free char *text = tenon_asprintf("ended by signal %d", WTERMSIG(status));
        return oci_blame(o, text, err);
    }
    auto_free char *message = status ? oci_last_error(x) : NULL;
    if (message && !oci_is_of_program(message))
        return oci_blame(o, message, err);
    if (!message && faccessat(x->work_fd, OCI_STATE, F_OK, 0) < 0) {
        auto_free char *text = tenon_asprintf("ended with status %d, and without having run "
                                              "anything", WEXITSTATUS(status));
        return oci_blame(o, text, err);
    }
    return TENON_OK;
}

static int
run_in(struct oci *o, struct tenon_ctx *ctx, const struct tenon_exec *x,
       const char *network, const struct oci_users *users, const struct requests *requests,
       int32_t *wait_status, struct tenon_error *err)
{
    struct groups groups;
    if (groups_open(o, ctx, x, &groups, err) < 0 ||
        write_config(o, x, groups.runtime, network, users, err) < 0) {
        groups_release(&groups);
        return o->host->error->code(err);
    }
    struct guard_result result;
    struct running_step step = { .id = x->id, .work = x->work, .procs = groups.limits.procs,
                                 .proc_count = groups.limits.count };
    struct oci_launch l = { .o = o, .x = x, .cgroup_procs = groups.limits.procs,
                            .cgroup_count = groups.limits.count, .requests = requests,
                            .hides_v2 = groups.has_devices, .users = users,
                            .step = &step };
    if (oci_expect_start(&l, err) < 0) {
        groups_release(&groups);
        return o->host->error->code(err);
    }
    supervise(&l, ctx, &result);
    oci_close_news(&l);
    bool out_of_memory = x->memory_bytes > 0 && cgroup_ran_out_of_memory(groups.runtime);
    groups_release(&groups);
    switch (result.outcome) {
    case GUARD_CANCELLED:
        return o->host->error->set(err, TENON_E_CANCELLED, 0, "cancelled");
    case GUARD_FAILED:
        if (result.what[0] == '/')
            o->host->error->set(err, TENON_E_FAILED, result.sys, "mount target \"%s\"",
                                result.what);
        else
            o->host->error->set(err, TENON_E_FAILED, result.sys, "%s", result.what);
        if ((x->flags & TENON_EXEC_ROOTLESS) && result.sys == EPERM &&
            !strcmp(result.what, oci_mounting_proc))
            o->host->error->hint(err, "parts of /proc are hidden here: {\"executor\": "
                                     "\"native\"} in tenon.json can do without");
        return TENON_E_FAILED;
    case GUARD_EXITED:
        break;
    }
    if (check_runtime(o, x, result.wait_status, err) < 0)
        return o->host->error->code(err);
    *wait_status = result.wait_status;
    if (out_of_memory && result.wait_status)
        o->host->error->hint(err, CGROUP_OUT_OF_MEMORY);
    return TENON_OK;
}

static int
oci_run(void *self, struct tenon_ctx *ctx, const struct tenon_exec *x, int32_t *wait_status,
        struct tenon_error *err)
{
    struct oci *o = self;
    struct network *net;
    if (oci_probe(self, ctx, err) < 0 || check_request(o, x, err) < 0 ||
        network_open(o->host, ctx, x, o->network_helper, &net, err) < 0)
        return o->host->error->code(err);
    struct requests *requests = NULL;
    struct oci_users users;
    int rc = oci_separate(o, ctx, x, &requests, &users, err);
    if (rc == TENON_OK)
        rc = run_in(o, ctx, x, net ? network_path(net) : NULL, &users, requests, wait_status, err);
    free(users.path);
    requests_close(requests);
    network_close(net);
    return rc;
}

static const struct tenon_executor_ops ops = {
    .struct_size = sizeof ops,
    .probe = oci_probe,
    .run = oci_run,
    .ids = oci_ids,
    .join = oci_join,
    .signal = oci_signal,
    .emulate = oci_emulate,
};
static const struct tenon_param options[] = { { .name = NULL } };
static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_EXECUTOR),
    .threads = TENON_THREADS_PARALLEL,
    .key_policy = TENON_KEY_NEUTRAL, /* a step's result does not depend on it */
    .key_epoch = 1,
    .name = "oci",
    .version = "1.0",
    .summary = "steps run by an OCI runtime (runc)",
    .config = config_params,
    .options = options,
    .init = oci_init,
    .fini = oci_fini,
    .ops.executor = &ops,
};
TENON_PLUGIN_EXPORT(executor_oci, plugin);
