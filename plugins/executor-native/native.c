/* executor-native: run a step without a runtime: one process made into all its
 * namespaces, the new mount API, pivot_root, capabilities, a system call filter.
 * The same sandbox as executor-oci's with runc, in a tenth of the time
 * (docs/executors.md). */
#include "native.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <syslog.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"
#include "common/exec/cgroup.h"
#include "common/exec/devices.h"
#include "common/exec/emulation.h"
#include "common/exec/guard.h"
#include "common/exec/network.h"
#include "common/exec/profile.h"
#include "common/exec/requests.h"
#include "common/exec/usernamespace.h"

static const struct tenon_host *host;

struct native {
    char *network_helper;
    struct devices_pool devices; /* for all steps that have no group of their own */
    struct running running;
    struct usernamespace users; /* of every id, and of those that only steps have */
    struct usernamespace own_ids;
    struct emulation emulation;
    bool wants_users;
};

static const struct tenon_param no_params[] = { { .name = NULL } };
static const struct tenon_param config_params[] = {
    NETWORK_HELPER_PARAM,
    USERNAMESPACE_PARAM,
    USERNAMESPACE_FIRST_PARAM,
    USERNAMESPACE_ROOT_PARAM,
    { .name = NULL },
};

static int
native_init(const struct tenon_host *h, const struct tenon_values *config, void **self,
            struct tenon_error *err)
{
    (void)err;
    host = h;
    struct native *n = tenon_new0(struct native);
    n->network_helper = tenon_strdup(host->values->get_string(config, "network-helper"));
    n->devices = (struct devices_pool)DEVICES_POOL_INIT;
    n->running = (struct running)RUNNING_INIT;
    n->users = (struct usernamespace)USERNAMESPACE_INIT;
    n->own_ids = (struct usernamespace)USERNAMESPACE_INIT;
    n->emulation = (struct emulation)EMULATION_INIT;
    n->own_ids.first = (uint32_t)host->values->get_int(config, "id-base");
    n->own_ids.has_own_root = host->values->get_bool(config, "own-root");
    n->devices.root_id = usernamespace_outside(&n->own_ids, 0);
    n->wants_users = host->values->get_bool(config, "user-namespace");
    *self = n;
    cgroup_sweep();
    return TENON_OK;
}

static void
native_fini(void *self)
{
    struct native *n = self;
    guard_reap(true);
    devices_pool_release(&n->devices);
    pthread_mutex_destroy(&n->running.lock);
    usernamespace_release(&n->users);
    usernamespace_release(&n->own_ids);
    emulation_release(&n->emulation);
    free(n->network_helper);
    free(n);
}

static int
native_probe(void *self, struct tenon_ctx *ctx, struct tenon_error *err)
{
    (void)self, (void)ctx;
    /* mount_setattr (Linux 5.12) is the newest call we need; the core needs it too. */
    if (syscall(SYS_mount_setattr, -1, "", 0, NULL, 0) < 0 && errno == ENOSYS)
        return host->error->set(err, TENON_E_UNSUPPORTED, 0,
                                "executor-native needs Linux 5.12 (mount_setattr)");
    /* A step can be made to start tenon, whose file it must not be able to write
     * to; some kernels (Linux 6.11) allow that for a running program. */
    int fd = open("/proc/self/exe", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        close(fd);
        host->error->set(err, TENON_E_UNSUPPORTED, 0,
                         "executor-native: this kernel lets programs be changed while they run");
        host->error->hint(err, "set {\"executor\": \"oci\"} in tenon.json");
        return TENON_E_UNSUPPORTED;
    }
    return TENON_OK;
}

static int
check_request(const struct tenon_exec *x, struct tenon_error *err)
{
    if (strcmp(x->network, "host") && strcmp(x->network, "none") &&
        strcmp(x->network, "sandbox"))
        return host->error->set(err, TENON_E_UNSUPPORTED, 0,
                                "network \"%s\": not supported by executor-native", x->network);
    return TENON_OK;
}

/* The program runs: what comes is a pidfd of it. */
static bool
has_started(void *data, int guard)
{
    struct native_launch *l = data;
    (void)guard;
    int pidfd = guard_take_pidfd(l->news[0]);
    if (pidfd < 0)
        return false;
    running_set(l->running, &l->step, pidfd);
    l->x->started(l->x->started_data);
    return false;
}

static void
supervise(struct native_launch *l, struct tenon_ctx *ctx, struct guard_result *result)
{
    const bool joins = l->joined.pidfd >= 0;
    int *keep = tenon_calloc(8 + l->cgroup_count, sizeof *keep);
    size_t count = 0;
    keep[count++] = l->in;
    keep[count++] = l->out;
    keep[count++] = l->err;
    if (l->net_fd >= 0)
        keep[count++] = l->net_fd;
    if (l->users_fd >= 0)
        keep[count++] = l->users_fd;
    if (l->requests_fd >= 0)
        keep[count++] = l->requests_fd;
    for (size_t i = 0; i < l->cgroup_count; i++)
        keep[count++] = l->cgroup_procs[i];
    if (joins)
        keep[count++] = l->joined.pidfd;
    if (l->news[1] >= 0)
        keep[count++] = l->news[1];
    const struct guard_join join = { .pidfd = l->joined.pidfd };
    const struct guard_news news = { .send_fd = l->news[1], .fd = l->news[0],
                                     .seen = has_started, .data = l };
    struct guard_options g = {
        .child_flags = joins ? 0
                             : CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS |
                                   CLONE_NEWCGROUP |
                                   (l->own_net && l->net_fd < 0 ? CLONE_NEWNET : 0),
        .guard_setup = joins ? NULL : native_join_cgroup,
        .child = joins ? native_joining_child : native_child,
        .data = l,
        .keep = keep,
        .keep_count = count,
        .cancel_fd = host->ctx->cancel_fd(ctx),
        .child_is_all = !l->own_cgroup && !joins, /* a busy group cannot be removed */
        .join = joins ? &join : NULL,
        .news = l->news[0] >= 0 ? &news : NULL,
    };
    guard_run(&g, result);
    free(keep);
}

/* ---- a machine that shows a part of /proc only ---- */

static atomic_bool proc_is_partial;

/* Nothing of the step has run then. */
static bool
lacks_proc(const struct native_launch *l, const struct guard_result *r)
{
    return l->rootless && !l->bind_proc && r->outcome == GUARD_FAILED && r->sys == EPERM &&
           !strcmp(r->what, native_mounting_proc);
}

static void
note_partial_proc(struct tenon_ctx *ctx)
{
    if (!atomic_exchange(&proc_is_partial, true))
        host->progress->log(ctx, LOG_WARNING,
                            "parts of /proc are hidden here, so steps cannot have one of "
                            "their own: they see that of this machine, with its processes "
                            "(docs/rootless.md)");
}

/* ---- devices ---- */

/* Images contain device nodes, and steps create them.  In a user namespace the
 * kernel opens none of them. */
static void
guard_devices(struct native *n, struct native_launch *l, struct tenon_ctx *ctx,
              const struct cgroup *group, struct devices *own)
{
    if (l->rootless || l->insecure)
        return;
    int procs = -1, e;
    if (group->v2 >= 0) {
        e = devices_restrict(group->v2, l->x, l->root_id);
    } else {
        e = devices_of_step(&n->devices, l->x, own, &procs);
        l->own_cgroup = l->own_cgroup || own->parent >= 0;
    }
    if (procs >= 0)
        l->cgroup_procs[l->cgroup_count++] = procs;
    l->nodev = e != 0;
    if (e)
        host->progress->log(ctx, LOG_DEBUG,
                            "no control group for devices (%s): device nodes outside of /dev "
                            "cannot be opened at all",
                            strerror(e));
}

static int
join_groups(struct native *n, struct native_launch *l, struct tenon_ctx *ctx,
            struct cgroup *group, struct devices *own, struct tenon_error *err)
{
    if (cgroup_has_limits(l->x) && cgroup_open(host, group, l->x, err) < 0)
        return host->error->code(err);
    l->cgroup_procs = tenon_calloc(group->count + 1, sizeof *l->cgroup_procs);
    for (; l->cgroup_count < group->count; l->cgroup_count++)
        l->cgroup_procs[l->cgroup_count] = group->procs[l->cgroup_count];
    l->own_cgroup = group->count > 0;
    guard_devices(n, l, ctx, group, own);
    return TENON_OK;
}

/* Made in the namespace of users: root of the step is root of it. */
static int
own_network(struct native_launch *l)
{
    auto_close int fd = -1;
    int e = usernamespace_network(l->users_fd, &fd);
    l->net_fd = e ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 10);
    return e ? e : l->net_fd < 0 ? errno : 0;
}

/* What a step asks of us, and the namespace that makes it ask.  Granted all it is in
 * none. */
static int
separate(struct native *n, struct native_launch *l, struct tenon_ctx *ctx, struct requests **r,
         struct tenon_error *err)
{
    if (l->insecure)
        return TENON_OK;
    int e = requests_open(r);
    l->requests_fd = requests_fd(*r);
    const bool emulated = l->x->flags & TENON_EXEC_EMULATED;
    bool users = emulated || (n->wants_users && !l->rootless);
    if (l->first_id) {
        l->root_id = usernamespace_outside(&n->own_ids, 0);
        l->outside_uid = usernamespace_outside(&n->own_ids, l->uid);
    }
    struct usernamespace *ids = l->first_id ? &n->own_ids : &n->users;
    if ((!e || emulated) && users)
        e = emulated ? emulation_users(&n->emulation, ids, &l->users_fd)
                     : usernamespace_get(ids, &l->users_fd);
    /* A namespace that is the guard's alone has no network yet. */
    const bool shared = users && l->users_fd >= 0;
    int no_net = !e && shared && l->own_net && l->net_fd < 0 ? own_network(l) : 0;
    if (no_net)
        host->progress->log(ctx, LOG_DEBUG,
                            "no network of the steps' user namespace: %s: root of the step "
                            "has no say in its network",
                            strerror(no_net));
    if (e)
        host->progress->log(ctx, LOG_DEBUG,
                            "no user namespace for steps (%s): users of this machine see "
                            "into steps of their numbers",
                            strerror(e));
    if (e && emulated)
        return host->error->set(err, TENON_E_FAILED, e, "no user namespace for what is emulated");
    if (e && l->first_id) /* nothing would be its own */
        return host->error->set(err, TENON_E_FAILED, e, "no user namespace for the step");
    l->caps = profile_cap_set(l->x, users && !e);
    native_filter(profile_shares_network(l->x), *r != NULL, &l->filter);
    return TENON_OK;
}

/* How it ended, as the core wants it. */
static int
told(const struct native_launch *l, const struct guard_result *result, int32_t *wait_status,
     struct tenon_error *err)
{
    switch (result->outcome) {
    case GUARD_CANCELLED:
        return host->error->set(err, TENON_E_CANCELLED, 0, "cancelled");
    case GUARD_FAILED:
        if (result->what[0] == '/')
            host->error->set(err, TENON_E_FAILED, result->sys, "mount target \"%s\"", result->what);
        else
            host->error->set(err, TENON_E_FAILED, result->sys, "%s", result->what);
        if (l->rootless && result->sys == EPERM && !strcmp(result->what, native_setting_limits))
            host->error->hint(err, "an ordinary user is limited to what `ulimit -Ha` shows");
        return TENON_E_FAILED;
    case GUARD_EXITED:
        break;
    }
    *wait_status = result->wait_status;
    return TENON_OK;
}

static int
run_prepared(struct native *n, struct native_launch *l, struct tenon_ctx *ctx,
             int32_t *wait_status, struct tenon_error *err)
{
    struct cgroup group = CGROUP_INIT;
    struct devices own = { .parent = -1, .procs = -1 };
    struct guard_result result;
    if (join_groups(n, l, ctx, &group, &own, err) < 0) {
        cgroup_release(&group);
        return host->error->code(err);
    }
    l->bind_proc = atomic_load(&proc_is_partial);
    l->step.procs = l->cgroup_procs;
    l->step.proc_count = l->cgroup_count;
    running_add(l->running, &l->step);
    supervise(l, ctx, &result);
    if (lacks_proc(l, &result)) {
        note_partial_proc(ctx);
        l->bind_proc = true;
        supervise(l, ctx, &result);
    }
    running_remove(l->running, &l->step);
    devices_release(&own);
    bool out_of_memory = group.path && cgroup_ran_out_of_memory(group.path);
    cgroup_release(&group);
    if (told(l, &result, wait_status, err) < 0)
        return host->error->code(err);
    if (out_of_memory && result.wait_status)
        host->error->hint(err, CGROUP_OUT_OF_MEMORY);
    return TENON_OK;
}

/* A socket for the news that it has started, if somebody wants them. */
static int
expect_news(struct native *n, struct native_launch *l, struct tenon_error *err)
{
    int ends[2];
    l->running = &n->running;
    l->step.id = l->x->id;
    if (!TENON_HAS(struct tenon_exec, l->x, started))
        return TENON_OK;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return host->error->set(err, TENON_E_FAILED, errno, "make a socket");
    for (int i = 0; i < 2; i++) {
        l->news[i] = fcntl(ends[i], F_DUPFD_CLOEXEC, 10);
        close(ends[i]);
    }
    return TENON_OK;
}

static int
native_join(void *self, struct tenon_ctx *ctx, const char *id, const struct tenon_exec *x,
            int32_t *wait_status, struct tenon_error *err)
{
    struct native *n = self;
    struct native_launch l;
    struct requests *requests = NULL;
    struct guard_result result;
    int rc = native_prepare(&l, x, host, NULL, err);
    if (rc == TENON_OK)
        rc = expect_news(n, &l, err);
    if (rc == TENON_OK && !running_find(&n->running, id, &l.joined))
        rc = host->error->set(err, TENON_E_NOT_FOUND, 0, "the container's first process has ended");
    l.joins_net = l.own_net;
    l.own_net = false; /* none is to be made */
    if (rc == TENON_OK)
        rc = separate(n, &l, ctx, &requests, err);
    if (rc == TENON_OK) {
        l.cgroup_procs = tenon_steal(&l.joined.procs);
        l.cgroup_count = l.joined.proc_count;
        running_add(l.running, &l.step);
        supervise(&l, ctx, &result);
        running_remove(l.running, &l.step);
        rc = told(&l, &result, wait_status, err);
    }
    for (size_t i = 0; i < l.cgroup_count; i++)
        close(l.cgroup_procs[i]);
    if (!l.joined.procs)
        l.joined.proc_count = 0; /* those were it */
    requests_close(requests);
    native_release(&l);
    return rc;
}

static int
native_signal(void *self, const char *id, int32_t number, struct tenon_error *err)
{
    struct native *n = self;
    struct running_copy step;
    int rc = TENON_OK;
    if (!running_find(&n->running, id, &step))
        return host->error->set(err, TENON_E_NOT_FOUND, 0, "no such process");
    if (syscall(SYS_pidfd_send_signal, step.pidfd, (int)number, NULL, 0) < 0)
        rc = host->error->set(err, errno == ESRCH ? TENON_E_NOT_FOUND : TENON_E_FAILED, errno,
                              "send signal %d", (int)number);
    running_copy_release(&step);
    return rc;
}

static int
native_run(void *self, struct tenon_ctx *ctx, const struct tenon_exec *x,
           int32_t *wait_status, struct tenon_error *err)
{
    struct native *n = self;
    struct network *net;
    if (native_probe(self, ctx, err) < 0 || check_request(x, err) < 0 ||
        network_open(host, ctx, x, n->network_helper, &net, err) < 0)
        return host->error->code(err);
    struct native_launch l;
    int rc = native_prepare(&l, x, host, net ? network_path(net) : NULL, err);
    struct requests *requests = NULL;
    if (rc == TENON_OK)
        rc = expect_news(n, &l, err);
    if (rc == TENON_OK)
        rc = separate(n, &l, ctx, &requests, err);
    if (rc == TENON_OK)
        rc = run_prepared(n, &l, ctx, wait_status, err);
    requests_close(requests);
    native_release(&l);
    network_close(net);
    return rc;
}

/* Such a step cannot do without what is asked of us. */
static int
native_ids(void *self, struct tenon_ctx *ctx, struct tenon_step_ids *out, struct tenon_error *err)
{
    struct native *n = self;
    (void)ctx;
    if (!n->wants_users || !n->own_ids.first)
        return host->error->set(err, TENON_E_UNSUPPORTED, 0, "not wanted");
    int e = usernamespace_get(&n->own_ids, &out->users_fd);
    if (!e)
        e = requests_try();
    if (e)
        return host->error->set(err, TENON_E_UNSUPPORTED, e, "no user namespace for steps");
    out->first = n->own_ids.first;
    out->count = usernamespace_count(n->own_ids.first);
    out->root = usernamespace_outside(&n->own_ids, 0);
    return TENON_OK;
}

static int
native_emulate(void *self, struct tenon_ctx *ctx, const struct tenon_exec_format *const *formats,
               size_t count, struct tenon_error *err)
{
    struct native *n = self;
    (void)ctx;
    int e = emulation_begin(&n->emulation, formats, count);
    return e ? host->error->set(err, TENON_E_UNSUPPORTED, e, "no formats of a step's own")
             : TENON_OK;
}

static const struct tenon_executor_ops ops = {
    .struct_size = sizeof ops,
    .probe = native_probe,
    .run = native_run,
    .ids = native_ids,
    .join = native_join,
    .signal = native_signal,
    .emulate = native_emulate,
};
static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_EXECUTOR),
    .threads = TENON_THREADS_PARALLEL,
    .key_policy = TENON_KEY_NEUTRAL, /* a step's result does not depend on it */
    .key_epoch = 1,
    .name = "native",
    .version = "1.0",
    .summary = "steps run by tenon itself, without a runtime",
    .config = config_params,
    .options = no_params,
    .init = native_init,
    .fini = native_fini,
    .ops.executor = &ops,
};
TENON_PLUGIN_EXPORT(executor_native, plugin);
