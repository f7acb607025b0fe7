/* executor-oci: run a step with an OCI runtime (runc unless configured).
 *
 * The runtime runs below a guard (common/exec/guard.h) in a PID namespace and a
 * mount namespace of its own, with a /proc that fits; so killing the guard
 * takes the runtime and the container with it, and so does our own end. */
#include <tenon-plugin.h>

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "tools/buf.h"
#include "tools/cleanup.h"
#include "tools/parse.h"
#include "common/exec/cgroup.h"
#include "common/exec/devices.h"
#include "common/exec/guard.h"
#include "common/exec/network.h"
#include "common/exec/profile.h"
#include "common/exec/requests.h"
#include "common/exec/running.h"
#include "common/exec/sockets.h"
#include "common/exec/usernamespace.h"
#include "ocimounts.h"
#include "spec.h"

static const struct tenon_host *host;

struct oci {
    char *runtime; /* as configured */
    char *path;    /* absolute; NULL: not found */
    char *network_helper;
    struct devices_pool devices;
    struct running running;
    pthread_mutex_t lock; /* of the following */
    bool wants_users, was_tried;
    int why_no_users;
    struct usernamespace all_ids, own_ids; /* the runtime makes its own, as one of these */
};

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
    host = h;
    struct oci *o = tenon_new0(struct oci);
    o->runtime = tenon_strdup(host->get_string(config, "runtime"));
    o->path = find_runtime(o->runtime);
    o->network_helper = tenon_strdup(host->get_string(config, "network-helper"));
    o->devices = (struct devices_pool)DEVICES_POOL_INIT;
    o->running = (struct running)RUNNING_INIT;
    pthread_mutex_init(&o->lock, NULL);
    o->wants_users = host->get_bool(config, "user-namespace");
    o->all_ids = o->own_ids = (struct usernamespace)USERNAMESPACE_INIT;
    o->own_ids.first = (uint32_t)host->get_int(config, "id-base");
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
    const struct tenon_exec_mount *m = ocimounts_refused(x);
    if (!m)
        return TENON_OK;
    host->error(err, TENON_E_UNSUPPORTED, 0,
                "mount target \"%s\": not supported by executor-oci, whose runtime works with "
                "what is there", m->target);
    host->error_hint(err, "set {\"executor\": \"native\"} in tenon.json");
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

/* Puts the document, too. */
static int
write_json(const struct tenon_exec *x, const char *name, struct json_object *spec,
           struct tenon_error *err)
{
    const char *text = json_object_to_json_string_ext(spec, JSON_C_TO_STRING_PLAIN);
    size_t len = strlen(text);
    int fd = openat(x->work_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
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
        return host->error(err, TENON_E_FAILED, sys, "write %s", name);
    return TENON_OK;
}

static int
write_config(const struct tenon_exec *x, const char *cgroup, const char *network,
             const struct usernamespace *users, struct tenon_error *err)
{
    return write_json(x, "config.json", oci_spec(x, cgroup, network, users), err);
}

/* ---- in the guard and its child: async-signal-safe only ----------------- */

struct launch { /* prepared before fork */
    const struct tenon_exec *x;
    const int *cgroup_procs;
    size_t cgroup_count;
    const char *path;
    char *const *argv;
    char *const *env;
    int in, out, err;
    int requests; /* -1: none are served */
    bool hides_v2;
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
    /* What it does not see it does not move the step to: the group that we are in stays. */
    if (l->hides_v2)
        (void)umount2(CGROUP_ROOT "/unified", MNT_DETACH);
    *what = mounting_proc;
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
        return errno;
    return ocimounts_attach(l->x, what);
}

/* Where the runtime was started already. */
static int
joining_setup(void *data, const char **what)
{
    const struct launch *l = data;
    return cgroup_join(l->cgroup_procs, l->cgroup_count, what);
}

static void
launch_child(void *data, int report_fd)
{
    const struct launch *l = data;
    if (dup2(l->in, 0) < 0 || dup2(l->out, 1) < 0 || dup2(l->err, 2) < 0)
        guard_fail(report_fd, "set up standard streams", errno);
    /* So that the runtime notices when the terminal is resized. */
    if (isatty(0) && setsid() >= 0)
        (void)ioctl(0, TIOCSCTTY, 0);
    umask(022);
    int e = l->requests < 0 ? 0 : requests_install(l->requests);
    if (!e && !(l->x->flags & TENON_EXEC_INSECURE))
        e = sockets_restrict(profile_shares_network(l->x), l->requests >= 0);
    if (e)
        guard_fail(report_fd, "install the filter of sockets", e);
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

#define STATE "state"
#define LOG "runtime.log"
#define PID "pid"

/* ---- that it has started: the runtime writes its process's number to a file ---------- */

struct start {
    struct oci *o;
    const struct tenon_exec *x;
    struct running_step *step;
    int joined; /* the guard of the namespaces, above the standard numbers; -1: the step's own */
    int fd;     /* inotify; -1: nobody wants to know */
};

/* 0: not there yet. */
static int
read_pid(const char *work)
{
    auto_free char *path = tenon_asprintf("%s/" PID, work);
    auto_close int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    char text[24] = "";
    uint64_t pid = 0;
    if (fd >= 0 && read(fd, text, sizeof text - 1) > 0)
        text[strcspn(text, "\n")] = 0;
    return tenon_parse_u64(text, 10, &pid) && pid > 0 && pid <= INT32_MAX ? (int)pid : 0;
}

static bool
has_started(void *data, int guard)
{
    const struct start *s = data;
    char events[4096];
    while (read(s->fd, events, sizeof events) > 0)
        ;
    if (!read_pid(s->x->work))
        return true;
    int pidfd = s->joined >= 0 ? fcntl(s->joined, F_DUPFD_CLOEXEC, 10)
                               : (int)syscall(SYS_pidfd_open, guard, 0);
    if (pidfd >= 0) {
        running_set(&s->o->running, s->step, pidfd);
        s->x->started(s->x->started_data);
    }
    return false;
}

static int
start_open(struct start *s, struct tenon_error *err)
{
    s->fd = -1;
    if (!TENON_HAS(struct tenon_exec, s->x, started))
        return TENON_OK;
    s->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (s->fd < 0 || inotify_add_watch(s->fd, s->x->work, IN_MOVED_TO | IN_CLOSE_WRITE) < 0) {
        host->error(err, TENON_E_FAILED, errno, "watch %s", s->x->work);
        if (s->fd >= 0)
            close(tenon_steal_fd(&s->fd));
        return host->error_code(err);
    }
    return TENON_OK;
}

static void
supervise(const struct oci *o, struct tenon_ctx *ctx, const struct tenon_exec *x,
          const struct cgroup *group, bool hides_v2, const struct requests *requests,
          struct start *start, struct guard_result *result)
{
    auto_free char *state = tenon_asprintf("%s/" STATE, x->work);
    auto_free char *log = tenon_asprintf("%s/" LOG, x->work);
    /* With --keep the control group is still there and shows what became of the
     * step. */
    const bool keep_group = x->memory_bytes > 0 && can_keep(o);
    auto_free char *pid = tenon_asprintf("%s/" PID, x->work);
    char *argv[] = { o->path, (char *)"--root", state, (char *)"--log", log,
                     (char *)"--log-format", (char *)"json", (char *)"run",
                     (char *)"--pid-file", pid, (char *)"--bundle", (char *)x->work,
                     keep_group ? (char *)"--keep" : (char *)x->id,
                     keep_group ? (char *)x->id : NULL, NULL };
    /* Nothing of our environment reaches the runtime. */
    char *env[] = { (char *)"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                    (char *)"XDG_RUNTIME_DIR=/run", NULL };
    auto_close int in = move_up(x->stdin_fd);
    auto_close int out = move_up(x->stdout_fd);
    auto_close int err = move_up(x->stderr_fd);
    struct launch l = { x, group->procs, group->count, o->path, argv, env, in, out, err,
                        requests_fd(requests), hides_v2 };
    auto_free int *keep = tenon_calloc(4 + group->count, sizeof *keep);
    keep[0] = in;
    keep[1] = out;
    keep[2] = err;
    size_t kept = 3;
    if (l.requests >= 0)
        keep[kept++] = l.requests;
    for (size_t i = 0; i < group->count; i++)
        keep[kept++] = group->procs[i];
    const struct guard_news news = { .send_fd = -1, .fd = start->fd, .seen = has_started,
                                     .data = start };
    struct guard_options g = {
        .guard_flags = CLONE_NEWNS,
        .guard_setup = guard_setup,
        .child = launch_child,
        .data = &l,
        .keep = keep,
        .keep_count = kept,
        .cancel_fd = host->cancel_fd(ctx),
        .news = start->fd >= 0 ? &news : NULL,
    };
    guard_run(&g, result);
}

/* ---- what the runtime says ---------------------------------------------- */

/* The last error in its log; NULL when there is none. */
static char *
last_error(const struct tenon_exec *x)
{
    auto_close int fd = openat(x->work_fd, LOG, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    FILE *f = fd >= 0 ? fdopen(fd, "r") : NULL;
    char *line = NULL, *found = NULL;
    size_t cap = 0;
    if (f)
        tenon_steal_fd(&fd); /* f's now */
    while (f && getline(&line, &cap, f) > 0) {
        struct json_object *o = json_tokener_parse(line), *level, *message;
        if (o && json_object_object_get_ex(o, "level", &level) && level &&
            json_object_object_get_ex(o, "msg", &message) && message &&
            !strcmp(json_object_get_string(level), "error")) {
            free(found);
            found = tenon_strdup(json_object_get_string(message));
        }
        json_object_put(o);
    }
    free(line);
    if (f)
        fclose(f);
    return found;
}

/* The step's program could not be started: that is a step that failed. */
static bool
is_of_program(const char *message)
{
    static const char *const words[] = { "exec", "chdir", "cwd" };
    bool is_quoted = false; /* paths are quoted, and may contain any word */
    for (const char *p = message; *p; p++) {
        is_quoted ^= *p == '"';
        for (size_t i = 0; !is_quoted && i < sizeof words / sizeof *words; i++)
            if (!strncmp(p, words[i], strlen(words[i])))
                return true;
    }
    return false;
}

static int
blame_runtime(const struct oci *o, const char *message, struct tenon_error *err)
{
    host->error(err, TENON_E_FAILED, 0, "OCI runtime \"%s\": %s", o->runtime, message);
    if (strstr(message, "cgroups in hybrid mode"))
        host->error_hint(err, "it needs control groups of one version, and this machine has both: "
                              "take {\"plugins\": {\"executor-oci\": {\"runtime\": \"runc\"}}} or "
                              "{\"executor\": \"native\"} in tenon.json, or boot with "
                              "systemd.unified_cgroup_hierarchy=1");
    else
        host->error_hint(err, "{\"executor\": \"native\"} in tenon.json needs no runtime");
    return TENON_E_FAILED;
}

/* Did the runtime run the step at all? */
static int
check_runtime(const struct oci *o, const struct tenon_exec *x, int status,
              struct tenon_error *err)
{
    if (WIFSIGNALED(status)) { /* a step's signal is an exit code of the runtime */
        auto_free char *text = tenon_asprintf("ended by signal %d", WTERMSIG(status));
        return blame_runtime(o, text, err);
    }
    auto_free char *message = status ? last_error(x) : NULL;
    if (message && !is_of_program(message))
        return blame_runtime(o, message, err);
    if (!message && faccessat(x->work_fd, STATE, F_OK, 0) < 0) {
        auto_free char *text = tenon_asprintf("ended with status %d, and without having run "
                                              "anything", WEXITSTATUS(status));
        return blame_runtime(o, text, err);
    }
    return TENON_OK;
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
        host->log(ctx, LOG_DEBUG, "no control group for devices (%s): the runtime decides which "
                                  "can be opened", strerror(e));
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
        cgroup_open(host, &g->limits, x, err) < 0)
        return host->error_code(err);
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

static int
run_in(struct oci *o, struct tenon_ctx *ctx, const struct tenon_exec *x,
       const char *network, const struct usernamespace *users, const struct requests *requests,
       int32_t *wait_status, struct tenon_error *err)
{
    struct groups groups;
    if (groups_open(o, ctx, x, &groups, err) < 0 ||
        write_config(x, groups.runtime, network, users, err) < 0) {
        groups_release(&groups);
        return host->error_code(err);
    }
    struct guard_result result;
    struct running_step step = { .id = x->id, .work = x->work, .procs = groups.limits.procs,
                                 .proc_count = groups.limits.count };
    struct start start = { .o = o, .x = x, .step = &step, .joined = -1 };
    if (start_open(&start, err) < 0) {
        groups_release(&groups);
        return host->error_code(err);
    }
    running_add(&o->running, &step);
    supervise(o, ctx, x, &groups.limits, groups.has_devices, requests, &start, &result);
    running_remove(&o->running, &step);
    if (start.fd >= 0)
        close(start.fd);
    bool out_of_memory = x->memory_bytes > 0 && cgroup_ran_out_of_memory(groups.runtime);
    groups_release(&groups);
    switch (result.outcome) {
    case GUARD_CANCELLED:
        return host->error(err, TENON_E_CANCELLED, 0, "cancelled");
    case GUARD_FAILED:
        if (result.what[0] == '/')
            host->error(err, TENON_E_FAILED, result.sys, "mount target \"%s\"", result.what);
        else
            host->error(err, TENON_E_FAILED, result.sys, "%s", result.what);
        if ((x->flags & TENON_EXEC_ROOTLESS) && result.sys == EPERM &&
            !strcmp(result.what, mounting_proc))
            host->error_hint(err, "parts of /proc are hidden here: {\"executor\": \"native\"} "
                                  "in tenon.json can do without");
        return TENON_E_FAILED;
    case GUARD_EXITED:
        break;
    }
    if (check_runtime(o, x, result.wait_status, err) < 0)
        return host->error_code(err);
    *wait_status = result.wait_status;
    if (out_of_memory && result.wait_status)
        host->error_hint(err, CGROUP_OUT_OF_MEMORY);
    return TENON_OK;
}

/* 0, or an errno: a runtime's would not do. */
static int
try_users(struct oci *o)
{
    pthread_mutex_lock(&o->lock);
    if (!o->was_tried)
        o->why_no_users = usernamespace_try_proc();
    o->was_tried = true;
    int e = o->why_no_users;
    pthread_mutex_unlock(&o->lock);
    return e;
}

/* Which user namespace shall the runtime make, if any?  What the step asks of us then. */
static int
separate(struct oci *o, struct tenon_ctx *ctx, const struct tenon_exec *x, struct requests **r,
         const struct usernamespace **users, struct tenon_error *err)
{
    *users = NULL;
    if (x->flags & TENON_EXEC_INSECURE)
        return TENON_OK;
    int e = requests_open(r);
    const bool wants = o->wants_users && !(x->flags & TENON_EXEC_ROOTLESS);
    if (!e && wants)
        e = try_users(o);
    if (e)
        host->log(ctx, LOG_DEBUG, "no user namespace for steps (%s): users of this machine see "
                                  "into steps of their numbers", strerror(e));
    if (e && x->first_id) /* nothing would be its own */
        return host->error(err, TENON_E_FAILED, e, "no user namespace for the step");
    if (!e && wants)
        *users = x->first_id ? &o->own_ids : &o->all_ids;
    return TENON_OK;
}

static int
oci_ids(void *self, struct tenon_ctx *ctx, struct tenon_step_ids *out, struct tenon_error *err)
{
    struct oci *o = self;
    (void)ctx;
    if (!o->wants_users || !o->own_ids.first)
        return host->error(err, TENON_E_UNSUPPORTED, 0, "not wanted");
    int e = try_users(o);
    if (!e)
        e = requests_try();
    if (!e)
        e = usernamespace_get(&o->own_ids, &out->users_fd);
    if (e)
        return host->error(err, TENON_E_UNSUPPORTED, e, "no user namespace for steps");
    out->first = o->own_ids.first;
    out->count = usernamespace_count(o->own_ids.first);
    out->root = 0;
    return TENON_OK;
}

static int
oci_run(void *self, struct tenon_ctx *ctx, const struct tenon_exec *x, int32_t *wait_status,
        struct tenon_error *err)
{
    struct oci *o = self;
    struct network *net;
    if (oci_probe(self, ctx, err) < 0 || check_request(x, err) < 0 ||
        network_open(host, ctx, x, o->network_helper, &net, err) < 0)
        return host->error_code(err);
    struct requests *requests = NULL;
    const struct usernamespace *users;
    int rc = separate(o, ctx, x, &requests, &users, err);
    if (rc == TENON_OK)
        rc = run_in(o, ctx, x, net ? network_path(net) : NULL, users, requests, wait_status, err);
    requests_close(requests);
    network_close(net);
    return rc;
}

/* ---- one more process in it ---------------------------------------------------------- */

static void
supervise_joined(struct oci *o, struct tenon_ctx *ctx, const char *id, const struct tenon_exec *x,
                 const struct running_copy *step, const struct requests *requests,
                 struct start *start, struct guard_result *result)
{
    auto_free char *state = tenon_asprintf("%s/" STATE, step->work);
    auto_free char *log = tenon_asprintf("%s/" LOG, x->work);
    auto_free char *process = tenon_asprintf("%s/process.json", x->work);
    auto_free char *pid = tenon_asprintf("%s/" PID, x->work);
    char *argv[] = { o->path, (char *)"--root", state, (char *)"--log", log,
                     (char *)"--log-format", (char *)"json", (char *)"exec",
                     (char *)"--process", process, (char *)"--pid-file", pid, (char *)id, NULL };
    char *env[] = { (char *)"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                    (char *)"XDG_RUNTIME_DIR=/run", NULL };
    auto_close int in = move_up(x->stdin_fd);
    auto_close int out = move_up(x->stdout_fd);
    auto_close int err = move_up(x->stderr_fd);
    struct launch l = { x, step->procs, step->proc_count, o->path, argv, env, in, out, err,
                        requests_fd(requests), false };
    auto_free int *keep = tenon_calloc(5 + step->proc_count, sizeof *keep);
    size_t kept = 0;
    keep[kept++] = in;
    keep[kept++] = out;
    keep[kept++] = err;
    keep[kept++] = step->pidfd;
    if (l.requests >= 0)
        keep[kept++] = l.requests;
    for (size_t i = 0; i < step->proc_count; i++)
        keep[kept++] = step->procs[i];
    const struct guard_join join = { .pidfd = step->pidfd, .flags = CLONE_NEWNS };
    const struct guard_news news = { .send_fd = -1, .fd = start->fd, .seen = has_started,
                                     .data = start };
    struct guard_options g = {
        .guard_setup = joining_setup,
        .child = launch_child,
        .data = &l,
        .keep = keep,
        .keep_count = kept,
        .cancel_fd = host->cancel_fd(ctx),
        .join = &join,
        .news = start->fd >= 0 ? &news : NULL,
    };
    guard_run(&g, result);
}

struct shot {
    int pid, number;
};

static void
shoot(void *data, int report_fd)
{
    const struct shot *s = data;
    if (kill(s->pid, s->number) < 0)
        guard_fail(report_fd, "send a signal", errno);
    _exit(0);
}

/* The number in the file is one of the namespace that the runtime is in. */
static int
send_signal(const struct running_copy *step, int number)
{
    struct shot s = { read_pid(step->work), number };
    struct guard_result result;
    const struct guard_join join = { .pidfd = step->pidfd };
    struct guard_options g = { .child = shoot, .data = &s, .keep = &step->pidfd, .keep_count = 1,
                               .cancel_fd = -1, .join = &join };
    if (s.pid <= 1) /* not a process of it; 1 is the guard */
        return ESRCH;
    guard_run(&g, &result);
    return result.outcome == GUARD_EXITED ? 0 : result.sys ? result.sys : ESRCH;
}

static int
joined_result(const struct oci *o, const struct tenon_exec *x, const struct running_copy *step,
              const struct guard_result *result, int32_t *wait_status, struct tenon_error *err)
{
    if (result->outcome == GUARD_FAILED)
        return host->error(err, TENON_E_FAILED, result->sys, "%s", result->what);
    if (result->outcome == GUARD_CANCELLED) {
        /* The runtime is dead, and its process is not yet. */
        struct running_copy own = { .pidfd = step->pidfd, .work = (char *)x->work };
        send_signal(&own, SIGKILL);
        return host->error(err, TENON_E_CANCELLED, 0, "cancelled");
    }
    *wait_status = result->wait_status;
    if (WIFSIGNALED(result->wait_status)) /* with the first one */
        return TENON_OK;
    auto_free char *message = result->wait_status ? last_error(x) : NULL;
    return message && !is_of_program(message) ? blame_runtime(o, message, err) : TENON_OK;
}

static int
oci_join(void *self, struct tenon_ctx *ctx, const char *id, const struct tenon_exec *x,
         int32_t *wait_status, struct tenon_error *err)
{
    struct oci *o = self;
    struct running_copy step;
    struct running_step own = { .id = x->id, .work = x->work };
    struct start start = { .o = o, .x = x, .step = &own };
    struct requests *requests = NULL;
    struct guard_result result;
    if (!running_find(&o->running, id, &step))
        return host->error(err, TENON_E_NOT_FOUND, 0, "the container's first process has ended");
    start.joined = step.pidfd;
    int rc = write_json(x, "process.json", oci_process(x), err);
    if (rc == TENON_OK)
        rc = start_open(&start, err);
    const bool watches = rc == TENON_OK;
    const struct usernamespace *users; /* the runtime knows which it is */
    if (rc == TENON_OK)
        rc = separate(o, ctx, x, &requests, &users, err);
    if (rc == TENON_OK) {
        running_add(&o->running, &own);
        supervise_joined(o, ctx, id, x, &step, requests, &start, &result);
        running_remove(&o->running, &own);
        rc = joined_result(o, x, &step, &result, wait_status, err);
    }
    requests_close(requests);
    if (watches && start.fd >= 0)
        close(start.fd);
    running_copy_release(&step);
    return rc;
}

static int
oci_signal(void *self, const char *id, int32_t number, struct tenon_error *err)
{
    struct oci *o = self;
    struct running_copy step;
    if (!running_find(&o->running, id, &step))
        return host->error(err, TENON_E_NOT_FOUND, 0, "no such process");
    int e = send_signal(&step, (int)number);
    running_copy_release(&step);
    if (e)
        return host->error(err, e == ESRCH ? TENON_E_NOT_FOUND : TENON_E_FAILED, e,
                           "send signal %d", (int)number);
    return TENON_OK;
}

static const struct tenon_executor_ops ops = {
    .struct_size = sizeof ops,
    .probe = oci_probe,
    .run = oci_run,
    .ids = oci_ids,
    .join = oci_join,
    .signal = oci_signal,
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
