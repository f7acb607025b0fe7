/* common/exec/network.c - see network.h. */
#include "network.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/mount.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"
#include "guard.h"

enum { READY_MS = 10000, LOOK_MS = 5 };

struct helper {
    const char *name;
    const char *const *argv; /* "@" stands for the namespace's path */
};
/* No port is passed on in either direction, no address leads to the machine's loopback.  pasta
 * would become the user nobody before it opens the namespace, which is ours; without capabilities
 * and in an empty root it is harmless all the same, as is slirp4netns when it is told to. */
static const char *const pasta_argv[] = {
    "pasta", "--foreground", "--quiet", "--runas", "0:0", "--config-net", "--no-map-gw",
    "--tcp-ports", "none", "--udp-ports", "none", "--tcp-ns", "none", "--udp-ns", "none",
    "--netns-only", "--netns", "@", NULL,
};
static const char *const slirp_argv[] = {
    "slirp4netns", "--configure", "--mtu=65520", "--disable-host-loopback",
    "--enable-sandbox", "--enable-seccomp", "--netns-type=path", "@", "tap0", NULL,
};
static const struct helper helpers[] = {
    { "pasta", pasta_argv },
    { "slirp4netns", slirp_argv },
};

struct network {
    char *path;
    bool is_bound;
    char *program;
    char **argv;
    size_t path_arg; /* of argv */
    int stop;      /* eventfd: end the helper */
    int log;       /* what it says */
    bool is_running;
    pthread_t thread; /* waits for the helper */
    struct guard_result result;
    int done;      /* eventfd: the helper has ended */
};

/* ---- the namespace --------------------------------------------------------------- */

int
network_loopback_up(void)
{
    struct ifreq r = { .ifr_name = "lo" };
    auto_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &r) < 0)
        return errno;
    r.ifr_flags |= IFF_UP | IFF_RUNNING;
    return ioctl(fd, SIOCSIFFLAGS, &r) < 0 ? errno : 0;
}

struct maker { /* a thread that is in the new namespace, and then no more */
    const char *path;
    int sys;
};

static void *
make_namespace(void *data)
{
    struct maker *m = data;
    if (unshare(CLONE_NEWNET) < 0) {
        m->sys = errno;
        return NULL;
    }
    m->sys = network_loopback_up();
    if (!m->sys && mount("/proc/thread-self/ns/net", m->path, NULL, MS_BIND, NULL) < 0)
        m->sys = errno;
    return NULL;
}

/* Is there a way out yet?  1 yes, 0 not yet. */
static void *
look(void *data)
{
    struct maker *m = data;
    auto_close int ns = open(m->path, O_RDONLY | O_CLOEXEC);
    if (ns < 0 || setns(ns, CLONE_NEWNET) < 0) {
        m->sys = -1;
        return NULL;
    }
    struct ifaddrs *list = NULL;
    if (getifaddrs(&list) < 0)
        return NULL;
    for (struct ifaddrs *i = list; i; i = i->ifa_next)
        if (i->ifa_addr && !(i->ifa_flags & IFF_LOOPBACK) && (i->ifa_flags & IFF_UP) &&
            (i->ifa_addr->sa_family == AF_INET ||
             (i->ifa_addr->sa_family == AF_INET6 && /* the kernel's own comes before all */
              !IN6_IS_ADDR_LINKLOCAL(&((struct sockaddr_in6 *)(void *)i->ifa_addr)->sin6_addr))))
            m->sys = 1;
    freeifaddrs(list);
    return NULL;
}

/* In a thread of its own: a thread's namespace is its own affair. */
static int
in_thread(void *(*fn)(void *), const char *path)
{
    struct maker m = { path, 0 };
    pthread_t t;
    int e = pthread_create(&t, NULL, fn, &m);
    if (e)
        return e;
    pthread_join(t, NULL);
    return m.sys;
}

static int
bind_namespace(struct network *n, const struct tenon_exec *x)
{
    auto_close int fd = openat(x->work_fd, "network", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                               0600);
    if (fd < 0)
        return errno;
    n->path = tenon_asprintf("%s/network", x->work);
    int e = in_thread(make_namespace, n->path);
    n->is_bound = e == 0;
    return e;
}

/* ---- the helper ------------------------------------------------------------------ */

static char *
find_program(const char *name)
{
    static const char *const dirs[] = { "/usr/local/bin", "/usr/bin", "/bin" };
    for (size_t i = 0; i < tenon_countof(dirs); i++) {
        auto_free char *path = tenon_asprintf("%s/%s", dirs[i], name);
        if (access(path, X_OK) == 0)
            return tenon_steal(&path);
    }
    return NULL;
}

static bool
choose(struct network *n, const char *wanted)
{
    for (size_t i = 0; i < tenon_countof(helpers) && !n->program; i++) {
        if (strcmp(wanted, "auto") && strcmp(wanted, helpers[i].name))
            continue;
        n->program = find_program(helpers[i].name);
        for (size_t j = 0; n->program && helpers[i].argv[j]; j++) {
            bool is_path = !strcmp(helpers[i].argv[j], "@");
            tenon_strv_push(&n->argv, tenon_strdup(is_path ? n->path : helpers[i].argv[j]));
            if (is_path)
                n->path_arg = j;
        }
    }
    return n->program;
}

/* AppArmor's profile of pasta, as Debian 12 has it, lets it open a namespace that is
 * bound to /run/user/UID/netns/NAME, and nowhere else.  So the helper finds it there, in
 * mounts of its own; false leaves it at our path.  After fork. */
#define USER_RUN "/run/user"
#define HELPER_PATH USER_RUN "/0/netns/tenon"

static bool
bind_for_helper(const char *path)
{
    if (access(USER_RUN, F_OK) < 0 || unshare(CLONE_NEWNS) < 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return false;
    /* Before the place is hidden: ours may be below it. */
    int tree = (int)syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree < 0 ||
        mount("tmpfs", USER_RUN, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=4k") < 0)
        return false;
    int file = -1;
    if (mkdir(USER_RUN "/0", 0755) == 0 && mkdir(USER_RUN "/0/netns", 0755) == 0)
        file = open(HELPER_PATH, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file >= 0 &&
        syscall(SYS_move_mount, tree, "", AT_FDCWD, HELPER_PATH, MOVE_MOUNT_F_EMPTY_PATH) == 0)
        return true;
    umount2(USER_RUN, MNT_DETACH);
    return false;
}

/* After fork: async-signal-safe. */
static void
helper_child(void *data, int report_fd)
{
    const struct network *n = data;
    static char *env[] = { (char *)"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", NULL };
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || dup2(null, 0) < 0 || dup2(n->log, 1) < 0 || dup2(n->log, 2) < 0)
        guard_fail(report_fd, "set up standard streams", errno);
    if (bind_for_helper(n->path))
        n->argv[n->path_arg] = (char *)HELPER_PATH;
    guard_reset_signals();
    execve(n->program, n->argv, env);
    guard_fail(report_fd, "start the network helper", errno);
}

static void *
helper_main(void *data)
{
    struct network *n = data;
    int keep[] = { n->log, n->stop };
    struct guard_options g = {
        .child = helper_child,
        .data = n,
        .keep = keep,
        .keep_count = 1,
        .cancel_fd = n->stop,
    };
    guard_run(&g, &n->result);
    uint64_t one = 1;
    (void)!write(n->done, &one, sizeof one);
    return NULL;
}

static int
start(struct network *n)
{
    n->stop = eventfd(0, EFD_CLOEXEC);
    n->done = eventfd(0, EFD_CLOEXEC);
    int e = n->stop < 0 || n->done < 0 || n->log < 0 ? errno
                                        : pthread_create(&n->thread, NULL, helper_main, n);
    n->is_running = e == 0;
    return e;
}

/* The last line that the helper said. */
static char *
last_words(const struct network *n)
{
    char text[4096];
    off_t end = lseek(n->log, 0, SEEK_END);
    off_t from = end > (off_t)sizeof text - 1 ? end - (off_t)sizeof text + 1 : 0;
    ssize_t len = pread(n->log, text, sizeof text - 1, from);
    if (len <= 0)
        return tenon_strdup("it says nothing");
    text[len] = 0;
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == ' '))
        text[--len] = 0;
    const char *line = strrchr(text, '\n');
    return tenon_strdup(line ? line + 1 : text);
}

/* Both helpers make their device with it. */
static void
hint_tun(const struct tenon_host *host, struct tenon_error *err)
{
    if (access("/dev/net/tun", R_OK | W_OK) == 0)
        return;
    host->error->hint(err, errno == ENOENT ? "sudo modprobe tun" : "sudo chmod 666 /dev/net/tun");
}

static int
wait_ready(struct network *n, const struct tenon_host *host, struct tenon_ctx *ctx,
           struct tenon_error *err)
{
    for (int tries = 0;; tries++) {
        int seen = in_thread(look, n->path);
        if (seen == 1)
            return TENON_OK;
        struct pollfd p[2] = { { .fd = n->done, .events = POLLIN },
                               { .fd = host->ctx->cancel_fd(ctx), .events = POLLIN } };
        int r = poll(p, 2, LOOK_MS);
        if (r > 0 && p[1].revents)
            return host->error->set(err, TENON_E_CANCELLED, 0, "cancelled");
        if ((r > 0 && p[0].revents) || tries > READY_MS / LOOK_MS) {
            auto_free char *said = last_words(n);
            host->error->set(err, TENON_E_FAILED, n->result.sys,
                             "network \"sandbox\": %s gives none: %s", n->argv[0], said);
            hint_tun(host, err);
            return TENON_E_FAILED;
        }
    }
}

/* ------------------------------------------------------------------------------------- */

int
network_open(const struct tenon_host *host, struct tenon_ctx *ctx, const struct tenon_exec *x,
             const char *helper, struct network **net, struct tenon_error *err)
{
    *net = NULL;
    if (strcmp(x->network, "sandbox"))
        return TENON_OK;
    struct network *n = tenon_new0(struct network);
    n->stop = n->done = -1;
    n->log = openat(x->work_fd, "network.log", O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    int e = bind_namespace(n, x);
    int r;
    if (e) {
        r = host->error->set(err, TENON_E_FAILED, e, "make a network namespace");
    } else if (!choose(n, helper)) {
        r = host->error->set(err, TENON_E_UNSUPPORTED, 0, "network \"sandbox\" needs %s",
                             strcmp(helper, "auto") ? helper : "pasta or slirp4netns");
        host->error->hint(err, "install the package passt, or slirp4netns; or set "
                              "{\"network\": \"host\"} in tenon.json");
    } else if ((e = start(n))) {
        r = host->error->set(err, TENON_E_FAILED, e, "start %s", n->argv[0]);
    } else {
        r = wait_ready(n, host, ctx, err);
    }
    if (r != TENON_OK) {
        network_close(n);
        return r;
    }
    *net = n;
    return TENON_OK;
}

const char *
network_path(const struct network *net)
{
    return net->path;
}

void
network_close(struct network *n)
{
    if (!n)
        return;
    if (n->is_running) {
        uint64_t one = 1;
        (void)!write(n->stop, &one, sizeof one);
        pthread_join(n->thread, NULL);
    }
    if (n->is_bound)
        umount2(n->path, MNT_DETACH);
    const int fds[] = { n->stop, n->done, n->log };
    for (size_t i = 0; i < tenon_countof(fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    tenon_strv_free(n->argv);
    free(n->program);
    free(n->path);
    free(n);
}
