/* program.c - see program.h. */
#define _GNU_SOURCE
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LAST_LINE = 500 };

/* Only what may be called in a signal handler: other threads had locks when we forked. */
static void
become(const struct program *p, int out, int null, const sigset_t *none)
{
    static char *const env[] = { "PATH=/usr/bin:/bin", "LC_ALL=C", NULL };
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a build that is killed leaves nothing behind */
    sigprocmask(SIG_SETMASK, none, NULL);
    signal(SIGPIPE, SIG_DFL);
    if (dup2(null, 0) == 0 && dup2(out, 1) == 1 && dup2(out, 2) == 2 && fchdir(p->dirfd) == 0)
        execve(p->path, (char *const *)(uintptr_t)p->args, env);
    _exit(127);
}

/* Output as it comes, until its end; true: cancelled. */
static bool
follow(const struct program *p, struct tenon_ctx *ctx, int from, pid_t pid, char *last)
{
    struct pollfd fds[] = { { .fd = from, .events = POLLIN },
                            { .fd = p->host->ctx->cancel_fd(ctx), .events = POLLIN } };
    bool cancelled = false;
    size_t len = 0;
    for (;;) {
        char buf[4096];
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            break;
        if (p->host->ctx->cancelled(ctx)) {
            cancelled = true;
            kill(pid, SIGKILL);
            break;
        }
        ssize_t n = fds[0].revents ? read(from, buf, sizeof buf) : -1;
        if (n == 0)
            break;
        if (n > 0)
            p->host->progress->output(ctx, 2, buf, (size_t)n);
        for (ssize_t i = 0; i < n; i++) {
            if (len && last[len - 1] == '\n')
                len = 0;
            if (len < LAST_LINE - 1)
                last[len++] = buf[i];
        }
    }
    last[len] = '\0';
    last[strcspn(last, "\n")] = '\0';
    return cancelled;
}

int
program_run(const struct program *p, struct tenon_ctx *ctx, struct tenon_error *err)
{
    char last[LAST_LINE] = "";
    int pipe[2], status = 0;
    sigset_t none;
    sigemptyset(&none);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null < 0 || pipe2(pipe, O_CLOEXEC) < 0) {
        int sys = errno;
        if (null >= 0)
            close(null);
        return p->host->error->set(err, TENON_E_FAILED, sys, "run %s", p->path);
    }
    pid_t pid = fork();
    int sys = errno;
    if (pid == 0)
        become(p, pipe[1], null, &none);
    close(pipe[1]);
    close(null);
    bool cancelled = pid > 0 && follow(p, ctx, pipe[0], pid, last);
    close(pipe[0]);
    if (pid < 0)
        return p->host->error->set(err, TENON_E_FAILED, sys, "run %s", p->path);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (cancelled)
        return p->host->error->set(err, TENON_E_CANCELLED, 0, "cancelled");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return p->host->error->set(err, TENON_E_FAILED, 0, "%s cannot be run", p->path);
    if (WIFSIGNALED(status))
        return p->host->error->set(err, TENON_E_FAILED, 0, "%s: signal %d: %s", p->path,
                                   WTERMSIG(status), last);
    if (status)
        return p->host->error->set(err, TENON_E_FAILED, 0, "%s: status %d: %s", p->path,
                                   WEXITSTATUS(status), last);
    return TENON_OK;
}
