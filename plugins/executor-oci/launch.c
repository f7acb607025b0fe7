/* executor-oci/launch.c - the runtime below its guard, and the news that what it runs has begun:
 * it writes its process's number to a file. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "oci.h"
#include "ocimounts.h"
#include "common/exec/cgroup.h"
#include "common/exec/nodes.h"
#include "common/exec/profile.h"
#include "common/exec/sockets.h"
#include "tools/alloc.h"
#include "tools/cleanup.h"
#include "tools/parse.h"

/* ---- in the guard and its child: async-signal-safe only ----------------- */

struct started { /* prepared before fork */
    const struct oci_launch *l;
    char *const *env;
    int in, out, err;
    int requests; /* -1: none are served */
    const char *nodes; /* a directory for the step's devices; NULL: the runtime makes them */
    int users_fd;      /* bound to users_path; -1: none is to be found there */
    const char *users_source;
};

const char oci_mounting_proc[] = "mount /proc for the runtime";

static int
guard_setup(void *data, const char **what)
{
    const struct started *s = data;
    const struct oci_launch *l = s->l;
    /* The runtime reads /proc by process numbers of its own namespace. */
    *what = "make mounts private";
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return errno;
    *what = "make device nodes";
    int e = s->nodes ? nodes_cover(s->nodes) : 0;
    for (size_t i = 0; !e && s->nodes && i < l->x->mount_count; i++) {
        const struct tenon_exec_mount *m = l->x->mounts[i];
        if ((m->flags & TENON_MOUNT_DEVICE) && (m->flags & TENON_MOUNT_RDONLY) && m->source)
            e = nodes_keep(m->source);
    }
    if (!e)
        e = cgroup_join(l->cgroup_procs, l->cgroup_count, what);
    if (e)
        return e;
    *what = "bind the user namespace";
    if (s->users_fd >= 0 && mount(s->users_source, l->users->path, NULL, MS_BIND, NULL) < 0)
        return errno;
    /* What it does not see it does not move the step to: the group that we are in stays. */
    if (l->hides_v2)
        (void)umount2(CGROUP_ROOT "/unified", MNT_DETACH);
    *what = oci_mounting_proc;
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
        return errno;
    return ocimounts_attach(l->x, what);
}

static void
launch_child(void *data, int report_fd)
{
    const struct started *s = data;
    const struct oci_launch *l = s->l;
    const char *what;
    int e = l->joined ? cgroup_join(l->cgroup_procs, l->cgroup_count, &what) : 0;
    if (e)
        guard_fail(report_fd, what, e);
    if (dup2(s->in, 0) < 0 || dup2(s->out, 1) < 0 || dup2(s->err, 2) < 0)
        guard_fail(report_fd, "set up standard streams", errno);
    /* So that the runtime notices when the terminal is resized. */
    if (isatty(0) && setsid() >= 0)
        (void)ioctl(0, TIOCSCTTY, 0);
    umask(022);
    e = s->requests < 0 ? 0 : requests_install(s->requests);
    if (!e && !(l->x->flags & TENON_EXEC_INSECURE))
        e = sockets_restrict(profile_shares_network(l->x), s->requests >= 0);
    if (e)
        guard_fail(report_fd, "install the filter of sockets", e);
    guard_reset_signals();
    execve(l->o->path, l->argv, s->env);
    guard_fail(report_fd, "start the OCI runtime", errno);
}

/* ---- that it has started --------------------------------------------------------- */

int
oci_read_pid(const char *work)
{
    auto_free char *path = tenon_asprintf("%s/" OCI_PID, work);
    auto_close int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    char text[24] = "";
    uint64_t pid = 0;
    if (fd >= 0 && read(fd, text, sizeof text - 1) > 0)
        text[strcspn(text, "\n")] = 0;
    return tenon_parse_u64(text, 10, &pid) && pid > 0 && pid <= INT32_MAX ? (int)pid : 0;
}

/* Until the guard has sent something, which it does before the runtime has begun to work; or is
 * gone, as it sends nothing of a runtime that is; or until nobody waits for the step any more. */
static void
await_sent(const struct oci_launch *l, int guard)
{
    auto_close int pidfd = (int)syscall(SYS_pidfd_open, guard, 0);
    struct pollfd p[3] = { { .fd = l->sent[0], .events = POLLIN },
                           { .fd = pidfd, .events = POLLIN },
                           { .fd = l->cancel_fd, .events = POLLIN } };
    while (pidfd >= 0 && poll(p, 3, -1) < 0 && errno == EINTR)
        ;
}

/* Of whom others get into the step.  The guard keeps what it is to itself, and to an ordinary
 * user's tenon it is a stranger; the runtime is in the same namespaces, and is none. */
static int
way_in(const struct oci_launch *l, int guard)
{
    if (l->joined)
        return fcntl(l->joined->pidfd, F_DUPFD_CLOEXEC, 10);
    if (l->sent[0] < 0)
        return (int)syscall(SYS_pidfd_open, guard, 0);
    await_sent(l, guard);
    return guard_take_pidfd(l->sent[0]);
}

static bool
has_started(void *data, int guard)
{
    const struct oci_launch *l = data;
    char events[4096];
    while (read(l->news, events, sizeof events) > 0)
        ;
    if (!oci_read_pid(l->x->work))
        return true;
    int pidfd = way_in(l, guard);
    if (pidfd >= 0) {
        running_set(&l->o->running, l->step, pidfd);
        l->x->started(l->x->started_data);
    }
    return false;
}

int
oci_expect_start(struct oci_launch *l, struct tenon_error *err)
{
    const struct tenon_host *host = l->o->host;
    l->news = l->sent[0] = l->sent[1] = -1;
    if (!TENON_HAS(struct tenon_exec, l->x, started))
        return TENON_OK;
    if (l->x->flags & TENON_EXEC_ROOTLESS && !l->joined) {
        int low[2];
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, low) < 0)
            return host->error->set(err, TENON_E_FAILED, errno, "make a socket");
        for (int i = 0; i < 2; i++) {
            l->sent[i] = fcntl(low[i], F_DUPFD_CLOEXEC, 10);
            close(low[i]);
        }
        if (l->sent[0] < 0 || l->sent[1] < 0) {
            host->error->set(err, TENON_E_FAILED, errno, "make a socket");
            oci_close_news(l);
            return host->error->code(err);
        }
    }
    l->news = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (l->news < 0 || inotify_add_watch(l->news, l->x->work, IN_MOVED_TO | IN_CLOSE_WRITE) < 0) {
        host->error->set(err, TENON_E_FAILED, errno, "watch %s", l->x->work);
        oci_close_news(l);
        return host->error->code(err);
    }
    return TENON_OK;
}

void
oci_close_news(struct oci_launch *l)
{
    int *const all[] = { &l->news, &l->sent[0], &l->sent[1] };
    for (size_t i = 0; i < tenon_countof(all); i++)
        if (*all[i] >= 0)
            close(tenon_steal_fd(all[i]));
}

/* ---- and here -------------------------------------------------------------------- */

/* In a user namespace a runtime cannot make nodes, and binds the machine's.  0, or an errno. */
static int
directory_for_nodes(const struct oci_launch *l, char **out)
{
    *out = NULL;
    if (!l->users || !l->users->ids)
        return 0;
    if (mkdirat(l->x->work_fd, "nodes", 0700) < 0)
        return errno;
    *out = tenon_asprintf("%s/nodes", l->x->work);
    return 0;
}

void
oci_launch(struct oci_launch *l, struct tenon_ctx *ctx, struct guard_result *result)
{
    /* Nothing of our environment reaches the runtime. */
    char *env[] = { (char *)"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                    (char *)"XDG_RUNTIME_DIR=/run", NULL };
    auto_close int in = nodes_move_up(l->x->stdin_fd);
    auto_close int out = nodes_move_up(l->x->stdout_fd);
    auto_close int err = nodes_move_up(l->x->stderr_fd);
    auto_free char *nodes = NULL;
    l->cancel_fd = l->o->host->ctx->cancel_fd(ctx);
    int no_nodes = directory_for_nodes(l, &nodes);
    if (no_nodes) {
        *result = (struct guard_result){ .outcome = GUARD_FAILED, .sys = no_nodes,
                                         .what = "make a directory for device nodes" };
        return;
    }
    auto_close int users = l->users && l->users->fd >= 0
                               ? fcntl(l->users->fd, F_DUPFD_CLOEXEC, 10) : -1;
    auto_free char *users_source = tenon_asprintf("/proc/self/fd/%d", users);
    struct started s = { l, env, in, out, err, requests_fd(l->requests), nodes, users,
                         users_source };
    auto_free int *keep = tenon_calloc(7 + l->cgroup_count, sizeof *keep);
    size_t kept = 0;
    keep[kept++] = in;
    keep[kept++] = out;
    keep[kept++] = err;
    if (l->joined)
        keep[kept++] = l->joined->pidfd;
    if (users >= 0)
        keep[kept++] = users;
    if (l->sent[1] >= 0)
        keep[kept++] = l->sent[1];
    if (s.requests >= 0)
        keep[kept++] = s.requests;
    for (size_t i = 0; i < l->cgroup_count; i++)
        keep[kept++] = l->cgroup_procs[i];
    const struct guard_join join = { .pidfd = l->joined ? l->joined->pidfd : -1,
                                     .flags = CLONE_NEWNS };
    const struct guard_news news = { .send_fd = l->sent[1], .fd = l->news, .seen = has_started,
                                     .data = l };
    struct guard_options g = {
        .guard_flags = l->joined ? 0 : CLONE_NEWNS,
        .guard_setup = l->joined ? NULL : guard_setup,
        .child = launch_child,
        .data = &s,
        .keep = keep,
        .keep_count = kept,
        .cancel_fd = l->cancel_fd,
        .join = l->joined ? &join : NULL,
        .news = l->news >= 0 ? &news : NULL,
    };
    guard_run(&g, result);
}
