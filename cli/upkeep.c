/* cli/upkeep.c - see upkeep.h.  The process is `tenon upkeep`: a program anew, with nothing of the
 * build that it comes after, whose mounts and user it would keep otherwise. */
#include "upkeep.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"

extern char **environ;

#define SELF "/proc/self/exe"
enum { KEPT = 3, OLD_KERNELS_LAST = 1023 };

static bool
is_wanted(void)
{
    return !tenon_streq(secure_getenv("TENON_UPKEEP"), "off");
}

/* Nobody who reads what the build prints waits for us, nobody's Ctrl-C ends us, and no directory
 * is in use by us.  `kept` becomes KEPT. */
static void
leave(int kept)
{
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < KEPT; fd++)
        if (dup2(null, fd) < 0)
            _exit(1);
    if (kept != KEPT && dup2(kept, KEPT) < 0)
        _exit(1);
    if (syscall(SYS_close_range, KEPT + 1U, ~0U, 0) < 0)
        for (int fd = KEPT + 1; fd <= OLD_KERNELS_LAST; fd++)
            close(fd);
    setsid();
    if (chdir("/") < 0)
        _exit(1);
}

int
upkeep_wait(const struct cli *cli)
{
    int pipe_fd[2];
    char word;
    if (!is_wanted() || pipe2(pipe_fd, O_CLOEXEC) < 0)
        return -1;
    const pid_t pid = fork();
    if (pid != 0) {
        close(pipe_fd[0]);
        if (pid < 0)
            close(tenon_steal_fd(&pipe_fd[1]));
        return pipe_fd[1];
    }
    leave(pipe_fd[0]);
    ssize_t n;
    do
        n = read(KEPT, &word, 1);
    while (n < 0 && errno == EINTR);
    if (n == 1) /* not wanted; 0: it was told so, or killed */
        _exit(0);
    close(KEPT);
    execl(SELF, "tenon", "--root", cli->root, "upkeep", (char *)NULL);
    _exit(1);
}

void
upkeep_go(int fd, bool wanted)
{
    if (fd < 0)
        return;
    if (!wanted)
        (void)!write(fd, "n", 1);
    close(fd);
}

void
upkeep_start(const struct cli *cli)
{
    char *const argv[] = { (char *)"tenon", (char *)"--root", (char *)cli->root,
                           (char *)"upkeep", (char *)"--background", NULL };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    pid_t pid;
    if (!is_wanted())
        return;
    posix_spawn_file_actions_init(&actions);
    for (int fd = 0; fd < 3; fd++)
        posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID);
    if (posix_spawn(&pid, SELF, &actions, &attr, argv, environ) == 0)
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) /* it goes on in a child of its own */
            ;
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
}
