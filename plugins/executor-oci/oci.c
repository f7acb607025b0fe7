/* executor-oci: run a step with an OCI runtime (runc unless configured).
 *
 * The runtime runs below a guard (execkit/guard.h) in a PID namespace and a
 * mount namespace of its own, with a /proc that fits; so killing the guard
 * takes the runtime and the container with it, and so does our own end. */
#include <tenon-plugin.h>

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "execkit/cgroup.h"
#include "execkit/guard.h"
#include "execkit/network.h"
#include "spec.h"

static const struct tenon_host *host;

struct oci {
    char *runtime; /* as configured */
    char *path;    /* absolute; NULL: not found */
    char *network_helper;
};

static const struct tenon_param config_params[] = {
    { .name = "runtime", .help = "the OCI runtime: a name in PATH or a path",
      .type = TENON_TYPE_STRING, .def = "runc" },
    NETWORK_HELPER_PARAM,
    { .name = NULL },
};

/* PATH is not asked: it is the invoking user's, and sudo keeps it. */
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
    host = h;
    struct oci *o = tenon_new0(struct oci);
    o->runtime = tenon_strdup(host->get_string(config, "runtime"));
    o->path = find_runtime(o->runtime);
    o->network_helper = tenon_strdup(host->get_string(config, "network-helper"));
    cgroup_sweep();
    *self = o;
    return TENON_OK;
}

static void
oci_fini(void *self)
{
    struct oci *o = self;
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
    host->error(err, TENON_E_UNSUPPORTED, 0, "OCI runtime \"%s\": not found", o->runtime);
    host->error_hint(err, "install runc, or set {\"plugins\": {\"executor-oci\": "
                          "{\"runtime\": PATH}}}");
    return TENON_E_UNSUPPORTED;
}

static int
check_request(const struct tenon_exec *x, struct tenon_error *err)
{
    if (strcmp(x->network, "host") && strcmp(x->network, "none") &&
        strcmp(x->network, "sandbox"))
        return host->error(err, TENON_E_UNSUPPORTED, 0,
                           "network \"%s\": not supported by executor-oci", x->network);
    return TENON_OK;
}

static int
write_config(const struct tenon_exec *x, const char *cgroup, const char *network,
             struct tenon_error *err)
{
    struct json_object *spec = oci_spec(x, cgroup, network);
    const char *text = json_object_to_json_string_ext(spec, JSON_C_TO_STRING_PLAIN);
    size_t len = strlen(text);
    int fd = openat(x->work_fd, "config.json", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int sys = fd < 0 ? errno : 0;
    for (size_t done = 0; !sys && done < len;) {
        ssize_t n = write(fd, text + done, len - done);
        if (n >= 0)
            done += (size_t)n;
        else if (errno != EINTR)
            sys = errno;
    }
    if (fd >= 0)
        close(fd);
    json_object_put(spec);
    if (sys)
        return host->error(err, TENON_E_FAILED, sys, "write config.json");
    return TENON_OK;
}

/* ---- in the guard and its child: async-signal-safe only ------------------------- */

struct launch { /* prepared before fork */
    const int *cgroup_procs;
    size_t cgroup_count;
    const char *path;
    char *const *argv;
    char *const *env;
    int in, out, err;
};

static const char mounting_proc[] = "mount /proc for the runtime";

static int
guard_setup(void *data, const char **what)
{
    const struct launch *l = data;
    int e = cgroup_join(l->cgroup_procs, l->cgroup_count, what);
    if (e)
        return e;
    /* The runtime reads /proc by process numbers of its own namespace. */
    *what = "make mounts private";
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return errno;
    *what = mounting_proc;
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
        return errno;
    return 0;
}

static void
launch_child(void *data, int report_fd)
{
    const struct launch *l = data;
    if (dup2(l->in, 0) < 0 || dup2(l->out, 1) < 0 || dup2(l->err, 2) < 0)
        guard_fail(report_fd, "set up standard streams", errno);
    umask(022);
    guard_reset_signals();
    execve(l->path, l->argv, l->env);
    guard_fail(report_fd, "start the OCI runtime", errno);
}

/* ---------------------------------------------------------------------------------- */

/* A descriptor above the standard ones, so that dup2 never closes a source. */
static int
move_up(int fd)
{
    return fcntl(fd, F_DUPFD_CLOEXEC, 10);
}

static void
supervise(const struct oci *o, struct tenon_ctx *ctx, const struct tenon_exec *x,
          const struct cgroup *group, struct guard_result *result)
{
    auto_free char *state = tenon_asprintf("%s/state", x->work);
    auto_free char *log = tenon_asprintf("%s/runtime.log", x->work);
    char *argv[] = { o->path, (char *)"--root", state, (char *)"--log", log,
                     (char *)"--log-format", (char *)"json", (char *)"run",
                     (char *)"--bundle", (char *)x->work, (char *)x->id, NULL };
    /* Of ours nothing reaches the runtime but where programs are. */
    char *env[] = { (char *)"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                    (char *)"XDG_RUNTIME_DIR=/run", NULL };
    auto_close int in = move_up(x->stdin_fd);
    auto_close int out = move_up(x->stdout_fd);
    auto_close int err = move_up(x->stderr_fd);
    struct launch l = { group->procs, group->count, o->path, argv, env, in, out, err };
    auto_free int *keep = tenon_calloc(3 + group->count, sizeof *keep);
    keep[0] = in;
    keep[1] = out;
    keep[2] = err;
    if (group->count)
        memcpy(keep + 3, group->procs, group->count * sizeof *keep);
    struct guard_options g = {
        .guard_flags = CLONE_NEWNS,
        .guard_setup = guard_setup,
        .child = launch_child,
        .data = &l,
        .keep = keep,
        .keep_count = 3 + group->count,
        .cancel_fd = host->cancel_fd(ctx),
    };
    guard_run(&g, result);
}

static int
run_in(const struct oci *o, struct tenon_ctx *ctx, const struct tenon_exec *x,
       const char *network, int32_t *wait_status, struct tenon_error *err)
{
    auto_free char *cgroup = cgroup_path(x);
    if (write_config(x, cgroup, network, err) < 0)
        return host->error_code(err);

    /* A runtime wants a group in each hierarchy; an ordinary user has been given
     * those of some at most.  So the runtime starts in the one with the limits. */
    struct cgroup group = CGROUP_INIT;
    if ((x->flags & TENON_EXEC_ROOTLESS) && cgroup_has_limits(x) &&
        cgroup_open(host, &group, x, err) < 0)
        return host->error_code(err);

    struct guard_result result;
    supervise(o, ctx, x, &group, &result);
    cgroup_release(&group);
    cgroup_remove(cgroup); /* of a runtime that could not do it itself */
    switch (result.outcome) {
    case GUARD_CANCELLED:
        return host->error(err, TENON_E_CANCELLED, 0, "cancelled");
    case GUARD_FAILED:
        host->error(err, TENON_E_FAILED, result.sys, "%s", result.what);
        if ((x->flags & TENON_EXEC_ROOTLESS) && result.sys == EPERM &&
            !strcmp(result.what, mounting_proc))
            host->error_hint(err, "parts of /proc are hidden here: {\"executor\": \"native\"} "
                                  "in tenon.json can do without");
        return TENON_E_FAILED;
    case GUARD_EXITED:
        break;
    }
    *wait_status = result.wait_status;
    return TENON_OK;
}

static int
oci_run(void *self, struct tenon_ctx *ctx, const struct tenon_exec *x, int32_t *wait_status,
        struct tenon_error *err)
{
    const struct oci *o = self;
    struct network *net;
    if (oci_probe(self, ctx, err) < 0 || check_request(x, err) < 0 ||
        network_open(host, ctx, x, o->network_helper, &net, err) < 0)
        return host->error_code(err);
    int r = run_in(self, ctx, x, net ? network_path(net) : NULL, wait_status, err);
    network_close(net);
    return r;
}

static const struct tenon_executor_ops ops = {
    .struct_size = sizeof ops,
    .probe = oci_probe,
    .run = oci_run,
};
static const struct tenon_param options[] = { { .name = NULL } };
static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_EXECUTOR),
    .threads = TENON_THREADS_PARALLEL,
    .key_policy = TENON_KEY_NEUTRAL, /* what a step makes does not depend on it */
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
