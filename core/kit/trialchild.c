/* kit/trialchild.c - a group of checks in a child, watched from outside: what it writes down as
 * it goes, how long a call takes, and what it leaves behind. Nothing of the child's is trusted:
 * the plugin is in it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "kit/private.h"
#include "tools/alloc.h"
#include "tools/buf.h"

enum { RECORDS_MAX_BYTES = 16 << 20, SAID_MAX_BYTES = 4 << 10 };

struct watch {
    struct tenon_trial_report *report;
    struct tenon_trial_end *end;
    struct tenon_buf records, out, errors; /* of the last two the tail alone */
    size_t taken;                          /* bytes of records, all in all */
    bool heard;                            /* something whole came */
};

/* ---- the child ---------------------------------------------------------------- */

/* Where no plugin writes by mistake: into what it has closed, or into 3. */
static int
high(int fd)
{
    struct rlimit most;
    if (getrlimit(RLIMIT_NOFILE, &most) < 0 || most.rlim_cur > 1 << 16)
        most.rlim_cur = 1 << 16;
    const int moved = most.rlim_cur > 64
                          ? fcntl(fd, F_DUPFD_CLOEXEC, (int)most.rlim_cur - 16)
                          : -1;
    if (moved < 0)
        return fd;
    close(fd);
    return moved;
}

/* It dies with tenon, which Ctrl-C does not reach in a process group of its own. */
__attribute__((noreturn)) static void
work(struct tenon_trial *c, void (*group)(struct tenon_trial *), pid_t parent, int null, int out,
     int errors)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    dup2(null, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(errors, STDERR_FILENO);
    setenv("TMPDIR", c->temp, 1);
    c->record_fd = high(c->record_fd);
    group(c);
    tenon_trial_record(c, TENON_TRIAL_ENDED, "", "");
    _exit(0);
}

/* ---- what comes from it --------------------------------------------------------- */

/* False: it is none of ours. */
static bool
take_record(struct watch *w, char what, const char *name, const char *text)
{
    struct tenon_trial_end *e = w->end;
    w->heard = true;
    if (what == TENON_TRIAL_CALLS)
        return true;
    if (what == TENON_TRIAL_BEGUN) {
        free(e->last);
        e->last = tenon_strdup(name);
    } else if (what == TENON_TRIAL_ENDED) {
        free(tenon_steal(&e->last));
        e->ended = true;
    } else if (what >= TENON_TRIAL_FIRST && what <= TENON_TRIAL_FIRST + TENON_TRIAL_SKIPPED) {
        free(tenon_steal(&e->last));
        tenon_trial_add(w->report, (enum tenon_trial_outcome)(what - TENON_TRIAL_FIRST), name, "%s",
                        text);
    } else {
        return false;
    }
    return true;
}

static void
take_records(struct watch *w)
{
    const char *p = w->records.data, *limit = p + w->records.len;
    while (p && p < limit && !w->end->stray) {
        const char *name = p + 1, *name_end, *text_end;
        name_end = name < limit ? memchr(name, 0, (size_t)(limit - name)) : NULL;
        text_end = name_end && name_end + 1 < limit
                       ? memchr(name_end + 1, 0, (size_t)(limit - name_end - 1))
                       : NULL;
        if (!text_end)
            break;
        w->end->stray = !take_record(w, *p, name, name_end + 1);
        p = text_end + 1;
    }
    const size_t rest = p ? (size_t)(limit - p) : 0;
    if (rest)
        memmove(w->records.data, p, rest);
    tenon_buf_truncate(&w->records, rest);
    if (w->taken > RECORDS_MAX_BYTES)
        w->end->stray = true;
}

/* The next of a pipe; false: there is nothing now, or no more. */
static bool
take(struct watch *w, struct pollfd *from, struct tenon_buf *to)
{
    char bytes[16 << 10];
    ssize_t n = read(from->fd, bytes, sizeof bytes);
    if (n < 0 && errno == EINTR)
        return true;
    if (n == 0 || (n < 0 && errno != EAGAIN))
        from->fd = -1;
    if (n <= 0)
        return false;
    tenon_buf_add(to, bytes, (size_t)n);
    if (to == &w->records) {
        w->taken += (size_t)n;
        take_records(w);
    } else if (to->len > 2 * SAID_MAX_BYTES) {
        memmove(to->data, to->data + to->len - SAID_MAX_BYTES, SAID_MAX_BYTES);
        tenon_buf_truncate(to, SAID_MAX_BYTES);
    }
    return true;
}

/* The last of it, in one line. */
static char *
one_line(const struct tenon_buf *b)
{
    const size_t skip = b->len > SAID_MAX_BYTES ? b->len - SAID_MAX_BYTES : 0;
    char *text = tenon_strdup(tenon_buf_str(b) + skip);
    size_t end = strlen(text);
    while (end && (text[end - 1] == '\n' || text[end - 1] == ' '))
        text[--end] = 0;
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < ' ')
            *p = ' ';
    return text;
}

/* ---- the watch -------------------------------------------------------------------- */

/* Until it has ended, hangs or writes where it must not. Each call has the whole time. */
static void
watch(struct watch *w, struct pollfd p[4], unsigned seconds)
{
    enum { PIPES = 3, PROCESS = 3, DRAINS = 64 };
    struct tenon_buf *const to[PIPES] = {&w->records, &w->out, &w->errors};
    const uint64_t patience = (uint64_t)seconds * 1000000000;
    uint64_t since = tenon_monotonic_ns();
    while (!w->end->stray && !w->end->hangs) {
        const uint64_t passed = tenon_monotonic_ns() - since;
        w->end->hangs = passed >= patience;
        if (w->end->hangs || poll(p, PIPES + 1, (int)((patience - passed) / 1000000) + 1) < 0)
            continue; /* EINTR */
        const bool over = p[PROCESS].revents;
        w->heard = false;
        /* Of what is left not all: a process that is left, too, may make more. */
        for (size_t i = 0; i < PIPES; i++)
            for (int n = 0; p[i].fd >= 0 && (over ? n < DRAINS : n < 1); n++)
                if ((!over && !p[i].revents) || !take(w, &p[i], to[i]))
                    break;
        if (over)
            return;
        if (w->heard)
            since = tenon_monotonic_ns();
    }
}

static int
pipe_of(int ends[2], struct tenon_error *err)
{
    if (pipe2(ends, O_CLOEXEC) < 0)
        return tenon_error_sys(err, "pipe");
    fcntl(ends[0], F_SETFL, O_NONBLOCK); /* of this end alone */
    return TENON_OK;
}

static int
start(struct tenon_trial *c, void (*group)(struct tenon_trial *), struct pollfd p[4], pid_t *child,
      struct tenon_error *err)
{
    enum { RECORDS, OUT, ERRORS, COUNT };
    int ends[COUNT][2] = {{-1, -1}, {-1, -1}, {-1, -1}};
    const pid_t self = getpid();
    auto_close int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int rc = null < 0 ? tenon_error_sys(err, "open /dev/null") : TENON_OK;
    for (size_t i = 0; rc == 0 && i < COUNT; i++)
        rc = pipe_of(ends[i], err);
    fflush(stdout);
    *child = rc == 0 ? fork() : -1;
    if (rc == 0 && *child < 0)
        rc = tenon_error_sys(err, "fork");
    if (*child == 0) {
        for (size_t i = 0; i < COUNT; i++)
            close(ends[i][0]);
        c->record_fd = ends[RECORDS][1];
        work(c, group, self, null, ends[OUT][1], ends[ERRORS][1]);
    }
    for (size_t i = 0; i < COUNT; i++) {
        if (ends[i][1] >= 0)
            close(ends[i][1]);
        if (rc < 0 && ends[i][0] >= 0)
            close(ends[i][0]);
        p[i] = (struct pollfd){.fd = rc < 0 ? -1 : ends[i][0], .events = POLLIN};
    }
    return rc;
}

int
tenon_trial_child(struct tenon_trial *c, void (*group)(struct tenon_trial *),
                  struct tenon_trial_report *report, struct tenon_trial_end *out,
                  struct tenon_error *err)
{
    struct watch w = {.report = report, .end = out};
    struct pollfd p[4];
    pid_t child;
    memset(out, 0, sizeof *out);
    if (start(c, group, p, &child, err) < 0)
        return err->code;
    setpgid(child, child); /* it does so, too: whoever is first */
    const int fds[] = {p[0].fd, p[1].fd, p[2].fd};
    auto_close int process = (int)syscall(SYS_pidfd_open, child, 0);
    int rc = process < 0 ? tenon_error_sys(err, "pidfd_open") : TENON_OK;
    p[3] = (struct pollfd){.fd = process, .events = POLLIN};
    if (rc == 0)
        watch(&w, p, c->request->seconds);
    /* It is there until it is waited for, so its number is nobody else's. */
    kill(-child, SIGKILL);
    kill(child, SIGKILL);
    while (waitpid(child, &out->status, 0) < 0 && errno == EINTR)
        ;
    out->told = one_line(&w.errors);
    out->printed = one_line(&w.out);
    for (size_t i = 0; i < tenon_countof(fds); i++)
        close(fds[i]);
    tenon_buf_release(&w.records);
    tenon_buf_release(&w.out);
    tenon_buf_release(&w.errors);
    return rc;
}

void
tenon_trial_end_release(struct tenon_trial_end *e)
{
    free(e->last);
    free(e->told);
    free(e->printed);
    memset(e, 0, sizeof *e);
}
