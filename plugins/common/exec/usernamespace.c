/* common/exec/usernamespace.c - see usernamespace.h. */
#include "usernamespace.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "tools/buf.h"
#include "tools/cleanup.h"
#include "tools/parse.h"

enum { STACK_BYTES = 64 << 10 };

/* The process that the namespace begins with; it shares our memory, and leaves it alone. */
struct first {
    int go[2];      /* a byte: we have done our part; its end may be in other processes, too */
    int users_fd;   /* to enter, and to make a network in; -1 */
    int done;       /* the errno of that is written to it */
    bool tries_proc;
};

static int
make_network(int users_fd)
{
    return setns(users_fd, CLONE_NEWUSER) < 0 || unshare(CLONE_NEWNET) < 0 ? errno : 0;
}

static int
first_main(void *data)
{
    const struct first *f = data;
    char byte;
    syscall(SYS_close, f->go[1]);
    if (f->users_fd >= 0) {
        byte = (char)make_network(f->users_fd);
        syscall(SYS_write, f->done, &byte, 1);
    }
    syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL); /* now: who enters a namespace loses it */
    syscall(SYS_read, f->go[0], &byte, 1);
    /* What is mounted here is here alone, and ends with us. */
    if (f->tries_proc && syscall(SYS_mount, "proc", "/proc", "proc",
                                 MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
        return 1;
    return 0;
}

/* 0 or an errno. */
static int
write_file(const char *path, const char *text)
{
    auto_close int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    return write(fd, text, strlen(text)) < 0 ? errno : 0;
}

/* "inside outside count" a line.  Those beyond the last that there is room for are nobody's. */
static size_t
own_map(const char *path, struct usernamespace_extent list[USERNAMESPACE_EXTENTS])
{
    FILE *f = fopen(path, "re");
    char *line = NULL;
    size_t cap = 0, n = 0;
    while (f && n < USERNAMESPACE_EXTENTS && getline(&line, &cap, f) > 0) {
        uint64_t first, count;
        char *rest = line, *words[3] = {0};
        for (size_t i = 0; i < 3;) {
            char *word = strsep(&rest, " \n");
            if (!word)
                break;
            if (*word)
                words[i++] = word;
        }
        if (words[2] && tenon_parse_u64(words[0], 10, &first) && first <= UINT32_MAX &&
            tenon_parse_u64(words[2], 10, &count) && count <= UINT32_MAX)
            list[n++] = (struct usernamespace_extent){ (uint32_t)first, (uint32_t)first,
                                                       (uint32_t)count };
    }
    free(line);
    if (f)
        fclose(f);
    return n;
}

size_t
usernamespace_map(const struct usernamespace *u, bool groups,
                  struct usernamespace_extent list[USERNAMESPACE_EXTENTS])
{
    if (!u->first)
        return own_map(groups ? "/proc/self/gid_map" : "/proc/self/uid_map", list);
    list[0] = (struct usernamespace_extent){ 0, usernamespace_outside(u, 0), 1 };
    list[1] = (struct usernamespace_extent){ 1, usernamespace_outside(u, 1),
                                             usernamespace_count(u->first) - 1 };
    list[2] = (struct usernamespace_extent){ USERNAMESPACE_LAST_INSIDE, USERNAMESPACE_LAST_OUTSIDE,
                                             USERNAMESPACE_RESERVED - 1 };
    return 3;
}

static int
write_map(pid_t pid, const struct usernamespace *u, bool groups)
{
    struct usernamespace_extent list[USERNAMESPACE_EXTENTS];
    size_t n = usernamespace_map(u, groups, list);
    auto_buf struct tenon_buf map = TENON_BUF_INIT;
    for (size_t i = 0; i < n; i++)
        tenon_buf_addf(&map, "%u %u %u\n", list[i].inside, list[i].outside, list[i].count);
    auto_free char *path = tenon_asprintf("/proc/%ld/%cid_map", (long)pid, groups ? 'g' : 'u');
    return write_file(path, tenon_buf_str(&map));
}

int
usernamespace_write_maps(pid_t pid, const struct usernamespace *u)
{
    int e = write_map(pid, u, false);
    return e ? e : write_map(pid, u, true);
}

/* The first process, until go[1] ends; -1 and errno. */
static pid_t
start(struct first *f, int flags, char *stack)
{
    sigset_t all, old;
    sigfillset(&all); /* handlers are for our own process */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pid_t pid = clone(first_main, stack + STACK_BYTES, CLONE_VM | flags | SIGCHLD, f);
    int e = errno;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    errno = e;
    return pid;
}

static int
end(const struct first *f, pid_t pid)
{
    int status = 0;
    (void)!write(f->go[1], "", 1);
    while (waitpid(pid, &status, __WALL) < 0 && errno == EINTR)
        ;
    return status;
}

int
usernamespace_open(pid_t pid, const char *kind, int *fd)
{
    auto_free char *path = tenon_asprintf("/proc/%ld/ns/%s", (long)pid, kind);
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    return *fd < 0 ? errno : 0;
}

/* fd NULL: nothing is wanted but how it went. */
static int
make(int flags, const struct usernamespace *u, int *fd)
{
    struct first f = { { -1, -1 }, -1, -1, fd == NULL };
    auto_free char *stack = aligned_alloc(64, STACK_BYTES);
    if (!stack || pipe2(f.go, O_CLOEXEC) < 0)
        return errno;
    pid_t pid = start(&f, CLONE_NEWUSER | flags, stack);
    int e = pid < 0 ? errno : usernamespace_write_maps(pid, u);
    if (!e && fd)
        e = usernamespace_open(pid, "user", fd);
    int status = pid < 0 ? 0 : end(&f, pid);
    close(f.go[1]);
    close(f.go[0]);
    return e ? e : status ? EPERM : 0;
}

int
usernamespace_network(int users_fd, int *fd)
{
    struct first f = { { -1, -1 }, users_fd, -1, false };
    int done[2];
    if (users_fd < 0) /* nobody would write into the pipe */
        return EINVAL;
    auto_free char *stack = aligned_alloc(64, STACK_BYTES);
    if (!stack || pipe2(f.go, O_CLOEXEC) < 0)
        return errno;
    int e = pipe2(done, O_CLOEXEC) < 0 ? errno : 0;
    if (!e) {
        f.done = done[1];
        pid_t pid = start(&f, 0, stack);
        e = pid < 0 ? errno : 0;
        close(done[1]);
        unsigned char how = EPIPE;
        if (!e)
            (void)!read(done[0], &how, 1);
        e = e ? e : how;
        if (!e)
            e = usernamespace_open(pid, "net", fd);
        if (pid > 0)
            end(&f, pid);
        close(done[0]);
    }
    close(f.go[1]);
    close(f.go[0]);
    return e;
}

int
usernamespace_get(struct usernamespace *u, int *fd)
{
    pthread_mutex_lock(&u->lock);
    if (!u->is_made) {
        u->why_none = make(0, u, &u->fd);
        u->is_made = true;
    }
    *fd = u->fd;
    int e = u->why_none;
    pthread_mutex_unlock(&u->lock);
    return e;
}

void
usernamespace_release(struct usernamespace *u)
{
    if (u->fd >= 0)
        close(u->fd);
    pthread_mutex_destroy(&u->lock);
}

int
usernamespace_try_proc(void)
{
    const struct usernamespace all = USERNAMESPACE_INIT;
    return make(CLONE_NEWNS | CLONE_NEWPID, &all, NULL);
}
