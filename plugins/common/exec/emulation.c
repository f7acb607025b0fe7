/* common/exec/emulation.c - see emulation.h. */
#include "emulation.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "tools/buf.h"
#include "tools/cleanup.h"

enum { STACK_BYTES = 64 << 10 };

/* ---- one format as a line: ":arm64:M::\x7f...:\xff...:/usr/bin/...:flags" --------- */

/* P: the program keeps the name that it was called by.  O, C: it is opened for the emulator, and
 * what its owner's bits give it counts.  F: the emulator is opened now. */
#define FLAGS "POCF"

static void
add_bytes(struct tenon_buf *b, const unsigned char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        tenon_buf_addf(b, "\\x%02x", bytes[i]);
}

static char *
line_of(const struct tenon_exec_format *f)
{
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    tenon_buf_addf(&b, ":%s:M::", f->name);
    add_bytes(&b, f->magic, f->len);
    tenon_buf_addc(&b, ':');
    add_bytes(&b, f->mask, f->len);
    tenon_buf_addf(&b, ":%s:" FLAGS, f->interpreter);
    return tenon_strdup(tenon_buf_str(&b));
}

/* ---- the process that the namespace begins with ------------------------------------ */

struct first { /* which shares our memory and our descriptors */
    int go; /* read from: ids are mapped */
    char *const *lines;
    int formats_fd, sys; /* what came of it */
};

static int
register_all(struct first *f)
{
    int fs = (int)syscall(SYS_fsopen, "binfmt_misc", FSOPEN_CLOEXEC);
    if (fs < 0)
        return errno;
    if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
        f->formats_fd = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
    int e = f->formats_fd < 0 ? errno : 0;
    syscall(SYS_close, fs);
    int file = e ? -1 : (int)syscall(SYS_openat, f->formats_fd, "register", O_WRONLY | O_CLOEXEC);
    if (file < 0)
        return e ? e : errno;
    for (char *const *l = f->lines; !e && l && *l; l++)
        if (syscall(SYS_write, file, *l, strlen(*l)) < 0)
            e = errno;
    syscall(SYS_close, file);
    return e;
}

static int
first_main(void *data)
{
    struct first *f = data;
    char byte;
    syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL);
    f->sys = syscall(SYS_read, f->go, &byte, 1) == 1 && byte ? register_all(f) : ECANCELED;
    return 0;
}

static int
make_in(struct first *f, int go, const struct usernamespace *ids, char *stack, int *users_fd)
{
    sigset_t all, old;
    sigfillset(&all); /* handlers are for our own process */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pid_t pid = clone(first_main, stack + STACK_BYTES,
                      CLONE_VM | CLONE_FILES | CLONE_NEWUSER | CLONE_NEWNS | SIGCHLD, f);
    int e = pid < 0 ? errno : 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (e)
        return e;
    e = usernamespace_write_maps(pid, ids);
    if (!e)
        e = usernamespace_open(pid, "user", users_fd);
    const char byte = !e;
    (void)!write(go, &byte, 1);
    while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
        ;
    return e ? e : f->sys;
}

static int
make(struct emulation_users *u, const struct usernamespace *ids, char *const *lines)
{
    int go[2];
    struct first f = { -1, lines, -1, EIO };
    auto_free char *stack = aligned_alloc(64, STACK_BYTES);
    if (!stack || pipe2(go, O_CLOEXEC) < 0)
        return errno;
    f.go = go[0];
    int e = make_in(&f, go[1], ids, stack, &u->users_fd);
    close(go[0]);
    close(go[1]);
    u->formats_fd = f.formats_fd;
    return e;
}

/* Maps of another cannot be written from a namespace that this process made for itself (which
 * hides its memory: /proc has its files as the machine's root's).  That one is as good: it
 * is the steps', too, and nobody else's. */
static int
make_or_take_own(struct emulation_users *u, const struct usernamespace *ids, char *const *lines)
{
    int e = make(u, ids, lines);
    if (e != EACCES || ids->first)
        return e;
    struct first f = { -1, lines, -1, 0 };
    e = register_all(&f);
    u->formats_fd = f.formats_fd;
    return e;
}

/* ---------------------------------------------------------------------------------- */

static void
release_users(struct emulation_users *u)
{
    if (u->formats_fd >= 0)
        close(u->formats_fd);
    if (u->users_fd >= 0)
        close(u->users_fd);
}

int
emulation_users(struct emulation *e, const struct usernamespace *ids, int *fd)
{
    pthread_mutex_lock(&e->lock);
    struct emulation_users *u = ids->first ? &e->own : &e->same;
    if (!u->is_made)
        u->why_none = make_or_take_own(u, ids, e->lines);
    u->is_made = true;
    int sys = u->why_none;
    *fd = sys ? -1 : u->users_fd;
    pthread_mutex_unlock(&e->lock);
    return sys;
}

int
emulation_begin(struct emulation *e, const struct tenon_exec_format *const *formats, size_t count)
{
    const struct usernamespace same = USERNAMESPACE_INIT;
    int ignored;
    for (size_t i = 0; i < count; i++) {
        if (strchr(formats[i]->interpreter, ':'))
            return EINVAL; /* what parts the line */
        tenon_strv_push(&e->lines, line_of(formats[i]));
    }
    return emulation_users(e, &same, &ignored);
}

void
emulation_release(struct emulation *e)
{
    release_users(&e->same);
    release_users(&e->own);
    tenon_strv_free(e->lines);
    pthread_mutex_destroy(&e->lock);
}
