/* base/runprogram.c - see runprogram.h. */
#include "base/runprogram.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "base/io.h"

enum {
    GRACE_MS = 2000, /* between SIGTERM and SIGKILL */
    LOOK_MS = 20,    /* where the kernel has no pidfd (before Linux 5.3) */
};

static bool
is_program(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

char *
tenon_program_find(const char *name)
{
    if (strchr(name, '/'))
        return is_program(name) ? tenon_strdup(name) : NULL;
    const char *path = secure_getenv("PATH");
    if (!path || !*path)
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    while (*path) {
        const size_t len = strcspn(path, ":");
        auto_free char *file = tenon_asprintf("%.*s/%s", (int)len, path, name);
        if (*file == '/' && is_program(file)) /* "" and "." are no place for programs */
            return tenon_steal(&file);
        path += len + (path[len] == ':');
    }
    return NULL;
}

/* ---- the new process: what is safe in a signal handler ----------------------- */

struct start {
    const struct tenon_run *r;
    int out[2], err[2]; /* pipes for 1 and 2, or -1 */
    int failed[2];      /* an errno, or the end of it when the program runs */
    int null, above;    /* no number in the program is as large */
    pid_t parent;
};

/* To where no number of the program is, so that none is overwritten before it was copied. */
static int
put_aside(const struct start *s, int fd)
{
    return fcntl(fd, F_DUPFD_CLOEXEC, s->above);
}

static bool
put_in_place(const struct start *s, int *aside)
{
    const struct tenon_run *r = s->r;
    for (size_t i = 0; i < r->fd_count; i++)
        if ((aside[i] = put_aside(s, r->fds[i].fd)) < 0)
            return false;
    const int standard[] = {put_aside(s, s->null),
                            put_aside(s, s->out[1] < 0 ? s->null : s->out[1]),
                            put_aside(s, s->err[1] < 0 ? s->null : s->err[1])};
    for (int i = 0; i < 3; i++)
        if (standard[i] < 0 || dup2(standard[i], i) < 0)
            return false;
    for (size_t i = 0; i < r->fd_count; i++)
        if (dup2(aside[i], r->fds[i].as) < 0)
            return false;
    return true;
}

__attribute__((noreturn)) static void
become(const struct start *s, int *aside)
{
    const struct tenon_run *r = s->r;
    sigset_t none;
    setpgid(0, 0);
    /* The kernel's own structure, all zero: SIG_DFL. The library keeps two signals for itself,
     * which whoever started us may have had ignored. */
    static const uint64_t plain[8];
    for (int sig = 1; sig < NSIG; sig++)
        syscall(SYS_rt_sigaction, sig, plain, NULL, (size_t)NSIG / 8); /* not KILL and STOP */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    /* A library's may not be O_CLOEXEC.  Before Linux 5.11 they stay. */
    syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == s->parent && put_in_place(s, aside) &&
        chdir(r->directory) == 0)
        execve(r->path, (char *const *)(uintptr_t)r->argv, (char *const *)(uintptr_t)r->env);
    const int e = errno;
    if (write(s->failed[1], &e, sizeof e) < 0)
        _exit(126);
    _exit(127);
}

/* ---- while it runs ------------------------------------------------------------ */

/* What there is to read, at most of *left; false: nothing will come any more. */
static bool
take(const struct tenon_run *r, int fd, int stream, size_t *left)
{
    char text[1 << 14];
    const ssize_t n = read(fd, text, *left < sizeof text ? *left : sizeof text);
    if (n > 0) {
        r->said(r->data, stream, text, (size_t)n);
        *left -= (size_t)n;
    }
    return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

static bool
take_some(const struct tenon_run *r, int fd, int stream)
{
    size_t left = SIZE_MAX;
    return take(r, fd, stream, &left);
}

/* What is in the pipe by now, and no more: who escaped may write for ever. */
static void
take_rest(const struct tenon_run *r, int fd, int stream)
{
    int there = 0;
    if (fd < 0 || ioctl(fd, FIONREAD, &there) < 0)
        return;
    size_t left = (size_t)there;
    while (left && take(r, fd, stream, &left))
        ;
}

static bool
has_ended(pid_t pid)
{
    siginfo_t info = {0};
    /* Its number stays its own until it is waited for, and that of its group. */
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid;
}

struct patience {
    bool asked;
    uint64_t until;
};

/* It is to stop: asked, and made to when it does not. */
static void
stop(pid_t pid, struct patience *p)
{
    if (!p->asked) {
        kill(-pid, SIGTERM);
        p->until = tenon_monotonic_ns() + GRACE_MS * UINT64_C(1000000);
    } else if (tenon_monotonic_ns() >= p->until) {
        kill(-pid, SIGKILL);
    }
    p->asked = true;
}

/* True: it has ended because it was cancelled. */
static bool
watch(const struct tenon_run *r, pid_t pid, int out, int err)
{
    auto_close int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct patience patience = {0};
    struct pollfd p[] = {{.fd = pidfd, .events = POLLIN},
                         {.fd = out, .events = POLLIN},
                         {.fd = err, .events = POLLIN},
                         {.fd = r->cancel ? tenon_cancel_fd(r->cancel) : -1, .events = POLLIN}};
    while (!has_ended(pid)) {
        poll(p, 4, pidfd < 0 || patience.asked ? LOOK_MS : -1);
        if (p[1].revents && !take_some(r, out, 1))
            p[1].fd = -1;
        if (p[2].revents && !take_some(r, err, 2))
            p[2].fd = -1;
        if (r->cancel && tenon_cancel_fired(r->cancel)) {
            p[3].fd = -1;
            stop(pid, &patience);
        }
    }
    kill(-pid, SIGKILL); /* whom it leaves behind */
    take_rest(r, out, 1);
    take_rest(r, err, 2);
    return patience.asked;
}

/* ---- all of it ----------------------------------------------------------------- */

static bool
is_given(const struct tenon_run *r, int number)
{
    for (size_t i = 0; i < r->fd_count; i++)
        if (r->fds[i].as == number)
            return true;
    return false;
}

static void
close_pipes(struct start *s)
{
    int *const all[] = {s->out, s->err, s->failed};
    for (size_t i = 0; i < tenon_countof(all); i++)
        for (int k = 0; k < 2; k++)
            if (all[i][k] >= 0)
                close(all[i][k]);
    if (s->null >= 0)
        close(s->null);
}

static int
open_pipes(struct start *s, struct tenon_error *err)
{
    s->null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (s->null < 0 || pipe2(s->failed, O_CLOEXEC) < 0 ||
        (!is_given(s->r, 1) && pipe2(s->out, O_CLOEXEC) < 0) ||
        (!is_given(s->r, 2) && pipe2(s->err, O_CLOEXEC) < 0))
        return tenon_error_sys(err, "make a pipe");
    s->above = 10;
    for (size_t i = 0; i < s->r->fd_count; i++)
        if (s->r->fds[i].as >= s->above)
            s->above = s->r->fds[i].as + 1;
    /* Here, where it can be told that there is no number left: the child reports by this one. */
    const int report = fcntl(s->failed[1], F_DUPFD_CLOEXEC, s->above);
    if (report < 0) {
        if (errno == EINVAL)
            errno = EMFILE; /* above RLIMIT_NOFILE */
        return tenon_error_sys(err, "a descriptor of the number %d", s->above);
    }
    close(s->failed[1]);
    s->failed[1] = report;
    return TENON_OK;
}

static void
close_end(int pipe[2])
{
    if (pipe[1] >= 0)
        close(pipe[1]);
    pipe[1] = -1;
}

static int
run(struct start *s, int *wait_status, struct tenon_error *err)
{
    auto_free int *aside = tenon_calloc(s->r->fd_count + 1, sizeof *aside);
    int failed = 0;
    const pid_t pid = fork();
    if (pid == 0)
        become(s, aside);
    if (pid < 0)
        return tenon_error_sys(err, "fork");
    setpgid(pid, pid); /* whoever is first: a group must be there to be ended */
    close_end(s->out);
    close_end(s->err);
    close_end(s->failed);
    ssize_t n;
    while ((n = read(s->failed[0], &failed, sizeof failed)) < 0 && errno == EINTR)
        ;
    const bool cancelled = watch(s->r, pid, s->out[0], s->err[0]);
    while (waitpid(pid, wait_status, 0) < 0 && errno == EINTR)
        ;
    if (n > 0) {
        errno = failed;
        return tenon_error_sys(err, "run %s", s->r->path);
    }
    return cancelled ? tenon_cancel_check(s->r->cancel, err) : TENON_OK;
}

int
tenon_program_run(const struct tenon_run *r, int *wait_status, struct tenon_error *err)
{
    struct start s = {.r = r, .out = {-1, -1}, .err = {-1, -1}, .failed = {-1, -1}, .null = -1,
                      .parent = getpid()};
    int status = 0;
    int rc = r->cancel ? tenon_cancel_check(r->cancel, err) : TENON_OK;
    if (rc == TENON_OK && (rc = open_pipes(&s, err)) == TENON_OK)
        rc = run(&s, &status, err);
    close_pipes(&s);
    if (rc == TENON_OK)
        *wait_status = status;
    return rc;
}
