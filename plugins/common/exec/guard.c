/* common/exec/guard.c - see guard.h. */
#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STACK_BYTES = 256 << 10 };

/* What travels over the report pipe; smaller than PIPE_BUF, so one write is
 * one record. */
struct record {
    int32_t failed; /* 0: value is a wait status; 1: an errno */
    int32_t value;
    char what[120];
};

/* ---- in the guard and the child: async-signal-safe only ------------------------ */

static void
report(int fd, bool failed, int value, const char *what)
{
    struct record r;
    memset(&r, 0, sizeof r);
    r.failed = failed;
    r.value = value;
    for (size_t i = 0; what && what[i] && i < sizeof r.what - 1; i++)
        r.what[i] = what[i];
    ssize_t n;
    do
        n = write(fd, &r, sizeof r);
    while (n < 0 && errno == EINTR);
}

void
guard_fail(int report_fd, const char *what, int sys)
{
    report(report_fd, true, sys, what);
    _exit(1);
}

void
guard_reset_signals(void)
{
    /* The kernel's own structure, all zero: SIG_DFL.  The library keeps two signals
     * for itself, which whoever started us may have had ignored. */
    static const uint64_t dfl[8];
    for (int i = 1; i < NSIG; i++)
        syscall(SYS_rt_sigaction, i, dfl, NULL, (size_t)NSIG / 8); /* not KILL and STOP */
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void
close_between(unsigned first, unsigned last)
{
    if (first > last || syscall(SYS_close_range, first, last, 0) == 0)
        return;
    if (last > 65536)
        last = 65536;
    for (unsigned i = first; i <= last; i++)
        close((int)i);
}

/* keep is sorted. */
static void
close_others(const int *keep, size_t count)
{
    unsigned next = 0;
    for (size_t i = 0; i < count; i++) {
        if ((unsigned)keep[i] < next)
            continue;
        if ((unsigned)keep[i] > next)
            close_between(next, (unsigned)keep[i] - 1);
        next = (unsigned)keep[i] + 1;
    }
    close_between(next, ~0u);
}

/* fork() with flags.  Not fork(2) of libc: its handlers take locks that other
 * threads may hold. */
static pid_t
fork_with(uint64_t flags, int *pidfd)
{
    struct clone_args a;
    memset(&a, 0, sizeof a);
    a.flags = flags;
    a.pidfd = (uint64_t)(uintptr_t)pidfd;
    a.exit_signal = SIGCHLD;
    return (pid_t)syscall(SYS_clone3, &a, sizeof a);
}

struct guard { /* prepared before fork */
    const struct guard_options *o;
    const int *keep;
    size_t keep_count;
    int alive_r; /* ends when tenon does */
    int report_w;
    char *stack; /* of the child; grows down from its end, aligned */
};

/* The step's process, from the guard: in the guard's memory until it execs, on a
 * stack of its own, while the guard waits in the kernel.  Copying the memory
 * would cost more than the rest of what a step needs.  A death signal still
 * reaches the guard there. */
struct start {
    guard_child *child;
    void *data;
    int alive_r, report_w;
};

static int
start_main(void *data)
{
    const struct start *s = data;
    close(s->alive_r);
    s->child(s->data, s->report_w);
    return 1;
}

static pid_t
start_child(const struct guard *g, int *pidfd)
{
    struct start s = { g->o->child, g->o->data, g->alive_r, g->report_w };
    return clone(start_main, g->stack + STACK_BYTES,
                 (int)g->o->child_flags | CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &s,
                 pidfd);
}

/* One that joins can be stopped (SIGSTOP) by who is in there, before its program runs: the guard
 * waits for nothing then that it could not be called away from. */
static pid_t
start_joining(const struct guard *g, int *pidfd, int *running_r)
{
    int running[2]; /* ends with exec */
    if (pipe2(running, O_CLOEXEC) < 0)
        guard_fail(g->report_w, "make a pipe", errno);
    const pid_t pid = fork_with(CLONE_PIDFD, pidfd);
    if (pid == 0) {
        struct start s = { g->o->child, g->o->data, g->alive_r, g->report_w };
        close(running[0]);
        _exit(start_main(&s));
    }
    close(running[1]);
    *running_r = running[0];
    return pid;
}

/* Not by our own end alone: the kernel lets go of a dead process's program before
 * it kills the namespace, and nothing of the step may run when tenon's program can
 * be written to again (CVE-2019-5736: a step that was made to start it has it as
 * /proc/self/exe). */
static void __attribute__((noreturn))
end_all(void)
{
    if (syscall(SYS_getpid) == 1) /* elsewhere that would be everybody */
        kill(-1, SIGKILL);
    while (waitpid(-1, NULL, __WALL) > 0 || errno == EINTR)
        ;
    _exit(1);
}

/* In somebody else's namespace the child alone is ours. */
static void __attribute__((noreturn))
end_child(int pidfd)
{
    syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
    while (waitpid(-1, NULL, __WALL) > 0 || errno == EINTR)
        ;
    _exit(1);
}

/* The child ends, or tenon does. Or `news_fd` does, unless it is -1: true. */
static bool
watch(int alive_fd, int pidfd, int news_fd, bool is_joined)
{
    prctl(PR_SET_PDEATHSIG, 0); /* from here on the pipe tells */
    struct pollfd p[3] = {
        { .fd = alive_fd, .events = POLLIN },
        { .fd = pidfd, .events = POLLIN },
        { .fd = news_fd, .events = POLLIN },
    };
    while (poll(p, 3, -1) < 0 || (!p[0].revents && !p[1].revents && !p[2].revents))
        if (errno != EINTR && errno != EAGAIN)
            return false;
    if (p[0].revents && is_joined)
        end_child(pidfd);
    if (p[0].revents)
        end_all();
    return p[2].revents;
}

/* Of a child that is there no more there is no news: it failed, or was quick. */
static void
send_news(int fd, pid_t pid, int pidfd)
{
    siginfo_t info = {0};
    char byte = 0;
    struct iovec data = { &byte, 1 };
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control,
                        .msg_controllen = sizeof control };
    if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid)
        return;
    memset(&control, 0, sizeof control);
    control.head.cmsg_level = SOL_SOCKET;
    control.head.cmsg_type = SCM_RIGHTS;
    control.head.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&control.head), &pidfd, sizeof pidfd);
    while (sendmsg(fd, &m, MSG_NOSIGNAL) < 0 && errno == EINTR)
        ;
    close(fd); /* that is all */
}

/* /proc/PID/cmdline is for everybody who sees us, dumpable or not.  The memory is a copy. */
static void
forget_arguments(void)
{
    char some[4096];
    size_t len = 0;
    const int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    for (ssize_t n; fd >= 0 && (n = read(fd, some, sizeof some)) > 0;)
        len += (size_t)n;
    if (fd >= 0)
        close(fd);
    memset(program_invocation_name, 0, len); /* where argv[0] begins, and the others behind it */
}

static void
join(const struct guard *g)
{
    /* Who is in there already does not look into us, who are tenon until the child's program
     * runs: neither our memory nor our descriptors nor the program that we are. */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        guard_fail(g->report_w, "hide from the step", errno);
    forget_arguments();
    if (setns(g->o->join->pidfd, CLONE_NEWPID | g->o->join->flags) < 0)
        guard_fail(g->report_w, "join the step", errno);
}

static void
guard_main(const struct guard *g)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "tenon-guard");
    close_others(g->keep, g->keep_count);
    setsid(); /* Ctrl-C is for tenon, which knows what to do */
    if (g->o->join)
        join(g);
    const char *what = "set up the guard";
    int sys = g->o->guard_setup ? g->o->guard_setup(g->o->data, &what) : 0;
    if (sys)
        guard_fail(g->report_w, what, sys);

    int pidfd = -1, running = -1;
    pid_t pid = g->o->join ? start_joining(g, &pidfd, &running) : start_child(g, &pidfd);
    if (pid < 0)
        guard_fail(g->report_w, "make the step's process", errno);
    const bool runs = running < 0 || watch(g->alive_r, pidfd, running, true);
    if (runs && g->o->news && g->o->news->send_fd >= 0)
        send_news(g->o->news->send_fd, pid, pidfd);
    watch(g->alive_r, pidfd, -1, g->o->join != NULL);
    int status;
    pid_t w;
    do
        w = waitpid(pid, &status, 0);
    while (w < 0 && errno == EINTR);
    if (w < 0)
        guard_fail(g->report_w, "wait for the step", errno);
    report(g->report_w, false, status, NULL);
    _exit(0);
}

/* ---- in tenon -------------------------------------------------------------------- */

static int
by_number(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return x < y ? -1 : x > y;
}

static void
failed(struct guard_result *r, const char *what, int sys)
{
    r->outcome = GUARD_FAILED;
    r->sys = sys;
    strncpy(r->what, what, sizeof r->what - 1);
}

/* The first record counts: a child that cannot exec says so before it exits. */
static void
read_report(int fd, struct guard_result *result)
{
    struct record r;
    ssize_t n;
    do
        n = read(fd, &r, sizeof r);
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof r) {
        failed(result, "the step's guard was killed", 0);
    } else if (r.failed) {
        r.what[sizeof r.what - 1] = 0;
        failed(result, r.what, r.value);
    } else {
        result->outcome = GUARD_EXITED;
        result->wait_status = r.value;
    }
}

/* Guards whose step is over and that need not be waited for; freeing their
 * memory takes longer than many a step.  Locked by the mutex. */
static pthread_mutex_t leaving_lock = PTHREAD_MUTEX_INITIALIZER;
static pid_t leaving[64];
static size_t leaving_count;

static void
wait_for(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, __WALL) < 0 && errno == EINTR)
        ;
}

void
guard_reap(bool all)
{
    pthread_mutex_lock(&leaving_lock);
    size_t left = 0;
    for (size_t i = 0; i < leaving_count; i++) {
        int status;
        if (all)
            wait_for(leaving[i]);
        else if (waitpid(leaving[i], &status, __WALL | WNOHANG) == 0)
            leaving[left++] = leaving[i];
    }
    leaving_count = left;
    pthread_mutex_unlock(&leaving_lock);
}

static bool
leave(pid_t pid)
{
    guard_reap(false);
    pthread_mutex_lock(&leaving_lock);
    bool has_room = leaving_count < sizeof leaving / sizeof *leaving;
    if (has_room)
        leaving[leaving_count++] = pid;
    pthread_mutex_unlock(&leaving_lock);
    return has_room;
}

int
guard_take_pidfd(int fd)
{
    char byte;
    struct iovec data = { &byte, 1 };
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control,
                        .msg_controllen = sizeof control };
    int pidfd = -1;
    ssize_t n;
    do
        n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    const struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
        c->cmsg_len == CMSG_LEN(sizeof pidfd))
        memcpy(&pidfd, CMSG_DATA(c), sizeof pidfd);
    return pidfd;
}

/* Until it is over, or shall be: false. */
static bool
await_end(const struct guard_options *o, pid_t guard, int report_fd)
{
    struct pollfd p[3] = {
        { .fd = report_fd, .events = POLLIN },
        { .fd = o->cancel_fd, .events = POLLIN }, /* -1 is skipped */
        { .fd = o->news ? o->news->fd : -1, .events = POLLIN },
    };
    do {
        p[0].revents = p[1].revents = p[2].revents = 0;
        if (poll(p, 3, -1) < 0 && errno != EINTR)
            return false;
        if (p[2].revents && !o->news->seen(o->news->data, guard))
            p[2].fd = -1;
    } while (!p[0].revents && !p[1].revents);
    return !p[1].revents;
}

static void
supervise(const struct guard_options *o, pid_t pid, int *alive_fd, int report_fd,
          struct guard_result *result)
{
    if (!await_end(o, pid, report_fd)) {
        if (o->join) /* it has to end the child first */
            close(*alive_fd);
        else
            kill(pid, SIGKILL);
        if (o->join)
            *alive_fd = -1;
        result->outcome = GUARD_CANCELLED;
    } else {
        read_report(report_fd, result);
    }
    if (result->outcome != GUARD_EXITED || !o->child_is_all || !leave(pid))
        wait_for(pid);
}

void
guard_run(const struct guard_options *o, struct guard_result *result)
{
    int alive[2] = { -1, -1 }, rep[2] = { -1, -1 };
    memset(result, 0, sizeof *result);
    int *keep = calloc(o->keep_count + 2, sizeof *keep);
    char *stack = aligned_alloc(64, STACK_BYTES);
    if (!keep || !stack || pipe2(alive, O_CLOEXEC) < 0 || pipe2(rep, O_CLOEXEC) < 0) {
        failed(result, "make pipes", keep && stack ? errno : ENOMEM);
    } else {
        memcpy(keep, o->keep, o->keep_count * sizeof *keep);
        keep[o->keep_count] = alive[0];
        keep[o->keep_count + 1] = rep[1];
        qsort(keep, o->keep_count + 2, sizeof *keep, by_number);
        struct guard g = { o, keep, o->keep_count + 2, alive[0], rep[1], stack };
        sigset_t all, old;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old);
        pid_t pid = fork_with(o->guard_flags | (o->join ? 0 : CLONE_NEWPID), NULL);
        if (pid == 0) {
            guard_main(&g);
            _exit(1);
        }
        int sys = errno;
        pthread_sigmask(SIG_SETMASK, &old, NULL);
        close(rep[1]);
        rep[1] = -1;
        if (pid < 0)
            failed(result, "make the step's guard", sys);
        else
            supervise(o, pid, &alive[1], rep[0], result);
    }
    for (int i = 0; i < 2; i++) {
        if (alive[i] >= 0)
            close(alive[i]);
        if (rep[i] >= 0)
            close(rep[i]);
    }
    free(stack);
    free(keep);
}
