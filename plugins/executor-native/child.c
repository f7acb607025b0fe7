/* executor-native/child.c - the step's first process, from clone to exec.  Async-signal-safe
 * only; ids are set by raw system calls, since libc's versions would signal the threads of the
 * process we were copied from. */
#include "native.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/exec/cgroup.h"
#include "common/exec/guard.h"
#include "common/exec/network.h"
#include "common/exec/requests.h"

#ifndef KEYCTL_JOIN_SESSION_KEYRING
#define KEYCTL_JOIN_SESSION_KEYRING 1
#endif
#ifndef SECCOMP_FILTER_FLAG_SPEC_ALLOW
#define SECCOMP_FILTER_FLAG_SPEC_ALLOW (1u << 2)
#endif

const char native_setting_limits[] = "set limits";

int
native_join_cgroup(void *launch, const char **what)
{
    const struct native_launch *l = launch;
    return cgroup_join(l->cgroup_procs, l->cgroup_count, what);
}

static int
set_limits(const struct native_launch *l)
{
    for (size_t i = 0; i < l->limit_count; i++)
        if (setrlimit((__rlimit_resource_t)l->limits[i].resource, &l->limits[i].value) < 0)
            return errno;
    return 0;
}

static int
drop_bounding(uint64_t keep)
{
    for (unsigned i = 0; i < 64; i++)
        if (!(keep & (UINT64_C(1) << i)) && prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0) {
            if (errno == EINVAL)
                break; /* the kernel has no more of them */
            return errno;
        }
    return 0;
}

static int
install_filter(const struct native_launch *l)
{
    if (!l->filter.len)
        return 0;
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW,
                &l->filter) == 0 ||
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &l->filter) == 0)
        return 0;
    return errno;
}

static int
become_user(const struct native_launch *l)
{
    /* In a user namespace with one id setgroups(2) is forbidden. */
    if (syscall(SYS_setgroups, l->group_count, l->groups) < 0 &&
        !(l->rootless && errno == EPERM))
        return errno;
    if (syscall(SYS_setresgid, l->gid, l->gid, l->gid) < 0 ||
        syscall(SYS_setresuid, l->uid, l->uid, l->uid) < 0)
        return errno;
    uint64_t caps = l->uid == 0 ? l->caps : 0;
    struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct d[2];
    memset(d, 0, sizeof d);
    d[0].effective = d[0].permitted = (uint32_t)caps;
    d[1].effective = d[1].permitted = (uint32_t)(caps >> 32);
    return syscall(SYS_capset, &h, d) < 0 ? errno : 0;
}

static int
enter_cwd(const struct native_launch *l)
{
    char path[4096];
    if (chdir(l->x->cwd) < 0)
        return errno;
    /* A directory outside the root would show as "(unreachable)". */
    if (syscall(SYS_getcwd, path, sizeof path) < 0)
        return errno;
    return path[0] == '/' ? 0 : EXDEV;
}

/* ---- exec --------------------------------------------------------------- */

static void
say(const char *text)
{
    (void)!write(2, text, strlen(text));
}

/* As with runtimes: the reason goes to the step's standard error, and the step's
 * exit code is 1. */
static void __attribute__((noreturn))
cannot_start(const char *program, int e)
{
    if (e == ENOEXEC) { /* in the words of runtimes, which people look for */
        say("exec ");
        say(program);
        say(": exec format error\n");
        _exit(1);
    }
    say("exec: \"");
    say(program);
    say(e == ENOENT && !strchr(program, '/') ? "\": executable file not found in $PATH\n"
        : e == ENOENT                        ? "\": no such file or directory\n"
        : e == EACCES                        ? "\": permission denied\n"
        : e == EISDIR                        ? "\": is a directory\n"
                                             : "\": cannot be executed\n");
    _exit(1);
}

static void __attribute__((noreturn))
exec_program(const struct native_launch *l)
{
    int why = ENOENT;
    for (char **c = l->candidates; *c; c++) {
        execve(*c, (char *const *)l->x->argv, (char *const *)l->x->env);
        if (errno == EACCES)
            why = EACCES; /* and look further */
        else if (errno != ENOENT && errno != ENOTDIR)
            cannot_start(l->x->argv[0], errno);
    }
    cannot_start(l->x->argv[0], why);
}

/* What is made for the step is its root's, and made with all that we may. */
static int
act_as_root_of_step(const struct native_launch *l)
{
    struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct all[2];
    if (!l->root_id)
        return 0;
    if (syscall(SYS_capget, &h, all) < 0)
        return errno;
    (void)syscall(SYS_setfsgid, l->root_id);
    (void)syscall(SYS_setfsuid, l->root_id);
    return syscall(SYS_capset, &h, all) < 0 ? errno : 0;
}

static int
set_up(const struct native_launch *l, const char **what)
{
    int root = -1;
    *what = "become the step's root";
    int e = act_as_root_of_step(l);
    if (e)
        return e;
    *what = "join the network namespace";
    if (l->net_fd >= 0 && setns(l->net_fd, CLONE_NEWNET) < 0)
        return errno;
    e = native_enter_root(l, &root, what);
    if (!e)
        e = native_mount_system(l, root, what);
    if (!e && !l->insecure)
        e = native_hide_paths(root, what);
    if (!e)
        e = native_mount_step(l, root, what);
    if (!e)
        e = native_leave_host(root, what);
    if (e)
        return e;
    close(root);
    *what = "set the host name";
    if (sethostname(l->x->hostname, strlen(l->x->hostname)) < 0)
        return errno;
    *what = "bring the loopback device up";
    if (l->own_net && (e = network_loopback_up()))
        return e;
    *what = native_setting_limits;
    return set_limits(l);
}

/* At last: the mounts stay the machine's root's, who made them. */
static int
enter_users(const struct native_launch *l)
{
    if (l->users_fd >= 0 && setns(l->users_fd, CLONE_NEWUSER) < 0)
        return errno;
    /* The machine's root is nobody there. */
    if (l->root_id && (syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setresuid, 0, 0, 0) < 0))
        return errno;
    return 0;
}

static int
give_up_powers(const struct native_launch *l, const char **what)
{
    *what = "enter the user namespace";
    int e = enter_users(l);
    if (e)
        return e;
    *what = "drop capabilities";
    if ((e = drop_bounding(l->caps)))
        return e;
    /* As root, who can enter directories that the user cannot; where root is an
     * ordinary user itself, as the user. */
    *what = "enter the working directory";
    e = enter_cwd(l);
    bool entered = !e;
    if (e && e != EACCES && e != EPERM)
        return e;
    /* While we may: without no_new_privs it needs CAP_SYS_ADMIN. */
    *what = "install the system call filter";
    if (l->requests_fd >= 0 && (e = requests_install(l->requests_fd)))
        return e;
    if ((e = install_filter(l)))
        return e;
    *what = "change the user";
    if ((e = become_user(l)))
        return e;
    *what = "enter the working directory";
    return entered ? 0 : enter_cwd(l);
}

/* By the name that it has here, so that "tty" can tell it, and the step's user open it. */
static int
open_console(const struct native_launch *l)
{
    struct stat ours, theirs;
    int fd = open("/dev/console", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &ours) < 0)
        return errno;
    (void)!fchown(fd, l->outside_uid, (gid_t)-1);
    for (int i = 0; i < 3; i++)
        if (fstat(i, &theirs) == 0 && S_ISCHR(theirs.st_mode) && theirs.st_rdev == ours.st_rdev &&
            dup2(fd, i) < 0)
            return errno;
    close(fd);
    return 0;
}

static void
begin(int report_fd)
{
    umask(022);
    if (setsid() < 0)
        guard_fail(report_fd, "start a session", errno);
    /* The keys of the user who started tenon are not the step's. */
    (void)syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL, 0, 0, 0);
}

static void __attribute__((noreturn))
finish(const struct native_launch *l, int report_fd)
{
    const char *what;
    int e;
    if (dup2(l->in, 0) < 0 || dup2(l->out, 1) < 0 || dup2(l->err, 2) < 0)
        guard_fail(report_fd, "set up standard streams", errno);
    /* Who joins has no name there: the one that there is is another's, or the container's. */
    if (l->terminal && l->joined.pidfd < 0 && (e = open_console(l)))
        guard_fail(report_fd, "open the terminal", e);
    (void)ioctl(0, TIOCSCTTY, 0); /* one without a name here, too; what is none fails */
    e = give_up_powers(l, &what);
    if (e)
        guard_fail(report_fd, what, e);
    guard_reset_signals();
    exec_program(l);
}

void
native_child(void *launch, int report_fd)
{
    const char *what;
    begin(report_fd);
    int e = set_up(launch, &what);
    if (e)
        guard_fail(report_fd, what, e);
    finish(launch, report_fd);
}

/* The namespace of processes is the guard's doing, that of users comes last. */
void
native_joining_child(void *launch, int report_fd)
{
    const struct native_launch *l = launch;
    const char *what;
    begin(report_fd);
    /* The guard stays outside: it can outlive the step, whose groups are removed then. */
    int e = native_join_cgroup(launch, &what);
    if (e)
        guard_fail(report_fd, what, e);
    if (setns(l->joined.pidfd, CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP |
                                   (l->joins_net ? CLONE_NEWNET : 0)) < 0)
        guard_fail(report_fd, "enter the step", errno);
    e = set_limits(l);
    if (e)
        guard_fail(report_fd, native_setting_limits, e);
    finish(l, report_fd);
}
