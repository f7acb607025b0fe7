/* cli/probeformats.c - can the kernel know formats of programs in one user namespace alone
 * (Linux 6.7)?  Done without registering any. */
#include "probe.h"

#include <errno.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int
try_it(bool ordinary)
{
    if (!ordinary && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
        return errno;
    int fs = (int)syscall(SYS_fsopen, "binfmt_misc", FSOPEN_CLOEXEC);
    return fs < 0 || syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0 ? errno : 0;
}

int
probe_formats(bool ordinary)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0)
        _exit(try_it(ordinary));
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
}
