/* cli/terminal.c - a terminal for `tenon shell`: the user's, passed through to the step. */
#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/io.h"
#include "tools/alloc.h"

enum { RESIZE_MS = 250 }; /* how often the size is checked */

struct terminal { /* the thread's between open and close */
    int master, slave, stop;
    struct termios saved;
    pthread_t thread;
};

/* A signal that ends us finds the user's terminal in raw mode. */
static const int ending[] = { SIGTERM, SIGHUP, SIGINT, SIGQUIT };
static struct termios users; /* written before the handlers are there */

static void
give_back(int sig)
{
    tcsetattr(STDIN_FILENO, TCSANOW, &users);
    raise(sig); /* by default now (SA_RESETHAND), once we return */
}

/* Ignored signals stay ignored. */
static void
on_ending(void (*handler)(int), void (*instead_of)(int))
{
    for (size_t i = 0; i < tenon_countof(ending); i++) {
        struct sigaction old, new = { .sa_handler = handler, .sa_flags = (int)SA_RESETHAND };
        sigemptyset(&new.sa_mask);
        if (sigaction(ending[i], NULL, &old) == 0 && old.sa_handler == instead_of)
            sigaction(ending[i], &new, NULL);
    }
}

static void
copy_size(const struct terminal *t)
{
    struct winsize user, ours;
    if (ioctl(STDIN_FILENO, TIOCGWINSZ, &user) == 0 &&
        ioctl(t->master, TIOCGWINSZ, &ours) == 0 &&
        (user.ws_row != ours.ws_row || user.ws_col != ours.ws_col))
        ioctl(t->master, TIOCSWINSZ, &user);
}

/* false: the end. */
static bool
move(int from, int to)
{
    char buf[8192];
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    ssize_t n = read(from, buf, sizeof buf);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return true;
    return n > 0 && tenon_write_all(to, buf, (size_t)n, &ignored) == 0;
}

/* Input that the program does not read yet waits in keys; output is passed on
 * meanwhile. */
struct keys {
    char data[8192];
    size_t len;
};

/* false: the end. */
static bool
take_keys(struct keys *k)
{
    ssize_t n = read(STDIN_FILENO, k->data, sizeof k->data);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return true;
    k->len = n > 0 ? (size_t)n : 0;
    return n > 0;
}

static void
give_keys(struct keys *k, int master)
{
    ssize_t n = write(master, k->data, k->len);
    if (n < 0 && errno != EINTR && errno != EAGAIN)
        n = (ssize_t)k->len; /* nobody reads it */
    if (n > 0) {
        k->len -= (size_t)n;
        memmove(k->data, k->data + n, k->len);
    }
}

static void *
terminal_main(void *data)
{
    struct terminal *t = data;
    struct keys keys = {0};
    struct pollfd p[] = {
        { .fd = t->master, .events = POLLIN },
        { .fd = STDIN_FILENO, .events = POLLIN },
        { .fd = t->stop, .events = POLLIN },
    };
    bool stopping = false, ended = false;
    for (;;) {
        p[0].events = (short)(keys.len && !stopping ? POLLIN | POLLOUT : POLLIN);
        p[1].fd = keys.len || stopping || ended ? -1 : STDIN_FILENO;
        int n = poll(p, 3, stopping ? 0 : RESIZE_MS);
        copy_size(t);
        if (n < 0 && errno != EINTR)
            break;
        if (stopping && !(p[0].revents & POLLIN))
            break;
        if (n <= 0)
            continue;
        if (p[0].revents & ~POLLOUT && !move(t->master, STDOUT_FILENO))
            p[0].fd = -1;
        if (p[0].revents & POLLOUT)
            give_keys(&keys, t->master);
        if (p[1].revents && !take_keys(&keys))
            ended = true;
        if (p[2].revents) {
            stopping = true;
            p[2].fd = -1;
        }
    }
    return NULL;
}

static int
set_up(struct terminal *t, struct tenon_error *err)
{
    struct termios raw;
    t->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (t->master < 0 || grantpt(t->master) < 0 || unlockpt(t->master) < 0)
        return tenon_error_sys(err, "make a terminal");
    t->slave = ioctl(t->master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    t->stop = eventfd(0, EFD_CLOEXEC);
    if (t->slave < 0 || t->stop < 0 || tcgetattr(STDIN_FILENO, &t->saved) < 0)
        return tenon_error_sys(err, "set up a terminal");
    tcsetattr(t->slave, TCSANOW, &t->saved);
    copy_size(t);
    raw = t->saved;
    cfmakeraw(&raw);
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int e = pthread_create(&t->thread, NULL, terminal_main, t);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (e)
        return tenon_error_errno(err, e, "start a thread");
    users = t->saved;
    on_ending(give_back, SIG_DFL);
    tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
    return 0;
}

static void
release(struct terminal *t)
{
    const int fds[] = { t->master, t->slave, t->stop };
    for (size_t i = 0; i < tenon_countof(fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    free(t);
}

int
terminal_open(struct terminal **out, int *fd, struct tenon_error *err)
{
    struct terminal *t = tenon_new0(struct terminal);
    t->master = t->slave = t->stop = -1;
    if (set_up(t, err) < 0) {
        release(t);
        return err->code;
    }
    *fd = t->slave;
    *out = t;
    return 0;
}

void
terminal_close(struct terminal *t)
{
    if (!t)
        return;
    uint64_t one = 1;
    (void)!write(t->stop, &one, sizeof one);
    pthread_join(t->thread, NULL);
    tcsetattr(STDIN_FILENO, TCSADRAIN, &t->saved);
    on_ending(SIG_DFL, give_back);
    release(t);
}
