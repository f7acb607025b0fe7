/* cli/ownstdout.c - see ownstdout.h. */
#include "ownstdout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int
own_stdout_hide(void)
{
    fflush(stdout);
    const int real = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10);
    if (real < 0)
        return STDOUT_FILENO;
    if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
        close(real);
        return STDOUT_FILENO;
    }
    return real;
}

void
own_stdout_show(int real)
{
    if (real == STDOUT_FILENO)
        return;
    fflush(stdout);
    dup2(real, STDOUT_FILENO);
}

int
own_stdout_cover(int real)
{
    int sys = 0;
    if (real == STDOUT_FILENO) /* main looks whether that goes well */
        return 0;
    if (fflush(stdout) != 0 || ferror(stdout)) {
        sys = errno;
        clearerr(stdout);
    }
    dup2(STDERR_FILENO, STDOUT_FILENO);
    return sys;
}

void
own_stdout_end(int real)
{
    own_stdout_show(real);
    if (real != STDOUT_FILENO)
        close(real);
}
