/* common/llbbridge/process.c - a process in a container: started, fed, listened to, waited for.
 *
 * A thread of its own moves the bytes, and another waits for its end.  What it writes waits in its
 * pipes while the program does not read. */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/alloc.h"

enum {
    PART = 32 * 1024, /* bytes in a message */
    CODE_NONE = 255,  /* it did not start, or nobody knows how it ended */
};

static void
wake(const struct gateway_process *p)
{
    eventfd_write(p->wake_fd, 1);
}

/* ---- what it is told --------------------------------------------------------------- */

static bool
say(struct gateway_process *p, const struct gw_exec *m)
{
    struct gw_exec named = *m;
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;

    named.process = p->name;
    message_encode(&bytes, &gw_exec_message, &named);
    return grpc_call_send(p->s->call, tenon_buf_str(&bytes), bytes.len) == 0;
}

/* The end of a stream, once. */
static void
say_eof(struct gateway_process *p, int fd)
{
    const struct gw_fd file = {.fd = fd, .eof = true};

    if (p->wants[fd])
        say(p, &(struct gw_exec){.file = &file});
    if (p->fds[fd] >= 0)
        close(tenon_steal_fd(&p->fds[fd]));
}

static void
say_exit(struct gateway_process *p)
{
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    const struct tenon_host *h = p->s->gw->host;
    const int32_t status = p->wait_status;
    const int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    auto_free char *text = tenon_asprintf("exit code: %d", code);
    auto_free char *json = tenon_asprintf("{\"Code\":%d}", code);
    const struct gw_any detail = {GATEWAY_TYPE("gatewayapi.ExitMessage"), {json, strlen(json)}};
    struct gw_status error = {.code = GRPC_UNKNOWN, .message = text, .details = {&detail, 1}};
    struct gw_exit exit = {.code = code, .error = code ? &error : NULL};

    if (h->error->code(p->why) < 0) {
        gateway_status(p->s->gw, p->why, &arena, &error);
        exit = (struct gw_exit){CODE_NONE, &error};
    }
    say(p, &(struct gw_exec){.exit = &exit});
}

/* ---- bytes --------------------------------------------------------------------------- */

/* What is there of a stream; false: it has ended, which was said. */
static bool
pass_on(struct gateway_process *p, int fd)
{
    char part[PART];
    const ssize_t n = read(p->fds[fd], part, sizeof part);
    const struct gw_fd file = {.fd = fd, .data = {part, n > 0 ? (size_t)n : 0}};

    if (n > 0 && say(p, &(struct gw_exec){.file = &file}))
        return true;
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return true;
    say_eof(p, fd); /* or the program has gone, or EIO of a terminal that nobody has any more */
    return false;
}

/* Once it is gone: what is in the pipe, and not what processes of its own may still write. */
static void
drain(struct gateway_process *p, int fd)
{
    struct pollfd f = {.fd = p->fds[fd], .events = POLLIN};

    for (size_t left = 1024 * 1024; p->fds[fd] >= 0 && left > PART && poll(&f, 1, 0) == 1;
         left -= PART) { /* more than any pipe holds */
        if (!pass_on(p, fd))
            return;
    }
    if (p->fds[fd] >= 0)
        say_eof(p, fd);
}

static void
feed(struct gateway_process *p)
{
    pthread_mutex_lock(&p->lock);
    const size_t left = p->queue.len - p->queue_at;
    const ssize_t n = left ? write(p->fds[0], p->queue.data + p->queue_at, left) : 0;
    if (n > 0)
        p->queue_at += (size_t)n;
    const bool broken = n < 0 && errno != EAGAIN && errno != EINTR;
    if (broken || p->queue_at == p->queue.len) {
        tenon_buf_release(&p->queue);
        p->queue_at = 0;
    }
    /* A terminal ends with the process. */
    if (broken || (p->no_more && p->queue.len == 0 && !p->tty))
        close(tenon_steal_fd(&p->fds[0]));
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

static bool
has_food(struct gateway_process *p, bool *gone)
{
    pthread_mutex_lock(&p->lock);
    const bool food = p->queue.len > 0 || (p->no_more && !p->tty);
    *gone = p->gone;
    pthread_mutex_unlock(&p->lock);
    return food;
}

/* Until it has ended. */
static void
relay(struct gateway_process *p)
{
    struct gateway *gw = p->s->gw;
    int cancel_fd = gw->host->ctx->cancel_fd(p->s->ctx);
    bool gone = false;
    uint64_t count;

    for (bool food = has_food(p, &gone); !gone; food = has_food(p, &gone)) {
        struct pollfd f[] = {
            {.fd = p->wake_fd, .events = POLLIN},
            {.fd = cancel_fd, .events = POLLIN},
            {.fd = food ? p->fds[0] : -1, .events = POLLOUT},
            {.fd = p->fds[1], .events = POLLIN},
            {.fd = p->fds[2], .events = POLLIN},
        };
        if (poll(f, tenon_countof(f), -1) < 0)
            continue;
        if (f[0].revents)
            (void)!read(p->wake_fd, &count, sizeof count);
        if (f[1].revents) { /* its end is what comes next */
            gw->bridge->process_kill(p->process);
            cancel_fd = -1;
        }
        if (f[2].revents)
            feed(p);
        for (int i = 1; i < 3; i++) {
            if (f[2 + i].revents && !pass_on(p, i) && grpc_call_over(p->s->call))
                gw->bridge->process_kill(p->process);
        }
    }
}

static void *
relay_main(void *data)
{
    static const struct gw_none nothing;
    struct gateway_process *p = data;

    if (p->process)
        relay(p);
    for (int i = 1; i < 3; i++)
        drain(p, i);
    say_exit(p);
    pthread_mutex_lock(&p->lock);
    if (p->fds[0] >= 0)
        close(tenon_steal_fd(&p->fds[0]));
    p->finished = true; /* its name is free, once the program knows */
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    say(p, &(struct gw_exec){.done = &nothing});
    return NULL;
}

static void
count_running(struct gateway_process *p, int more)
{
    struct gateway *gw = p->s->gw;

    pthread_mutex_lock(&gw->lock);
    p->container->running += (unsigned)more;
    pthread_mutex_unlock(&gw->lock);
}

static void *
waiter_main(void *data)
{
    struct gateway_process *p = data;
    int32_t status = 0;

    p->s->gw->bridge->process_wait(p->process, &status, p->why);
    count_running(p, -1); /* before anybody is told that it has ended */
    pthread_mutex_lock(&p->lock);
    p->wait_status = status;
    p->gone = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    wake(p);
    return NULL;
}

/* ---- what the program wants ------------------------------------------------------------ */

/* What the process took makes room: else what is written faster than it reads stays whole. */
static void
forget_taken(struct gateway_process *p)
{
    const size_t waits = p->queue.len - p->queue_at;

    if (waits && p->queue_at)
        memmove(p->queue.data, p->queue.data + p->queue_at, waits);
    p->queue.len = waits;
    p->queue_at = 0;
}

void
process_write(struct gateway_process *p, const struct gw_fd *file)
{
    const char *data = file->data.data;
    size_t left = file->data.len;

    pthread_mutex_lock(&p->lock);
    while (left && file->fd == 0 && p->fds[0] >= 0 && !p->gone && !p->no_more) {
        const size_t waits = p->queue.len - p->queue_at;
        if (waits >= GATEWAY_INPUT_MAX) {
            pthread_cond_wait(&p->changed, &p->lock);
            continue;
        }
        const size_t n = left < GATEWAY_INPUT_MAX - waits ? left : GATEWAY_INPUT_MAX - waits;
        forget_taken(p);
        tenon_buf_add(&p->queue, data, n);
        data += n;
        left -= n;
        wake(p);
    }
    if (file->fd == 0 && file->eof)
        p->no_more = true;
    pthread_mutex_unlock(&p->lock);
    wake(p);
}

void
process_resize(struct gateway_process *p, const struct gw_resize *size)
{
    const struct winsize w = {.ws_row = (unsigned short)size->rows,
                              .ws_col = (unsigned short)size->cols};

    pthread_mutex_lock(&p->lock);
    if (p->tty && p->fds[0] >= 0)
        ioctl(p->fds[0], TIOCSWINSZ, &w);
    pthread_mutex_unlock(&p->lock);
}

static const struct {
    const char *name;
    int number;
} signals[] = {
    {"ABRT", SIGABRT}, {"ALRM", SIGALRM}, {"BUS", SIGBUS},       {"CHLD", SIGCHLD},
    {"CLD", SIGCHLD},  {"CONT", SIGCONT}, {"FPE", SIGFPE},       {"HUP", SIGHUP},
    {"ILL", SIGILL},   {"INT", SIGINT},   {"IO", SIGIO},         {"IOT", SIGABRT},
    {"KILL", SIGKILL}, {"PIPE", SIGPIPE}, {"POLL", SIGIO},       {"PROF", SIGPROF},
    {"PWR", SIGPWR},   {"QUIT", SIGQUIT}, {"SEGV", SIGSEGV},     {"STKFLT", SIGSTKFLT},
    {"STOP", SIGSTOP}, {"SYS", SIGSYS},   {"TERM", SIGTERM},     {"TRAP", SIGTRAP},
    {"TSTP", SIGTSTP}, {"TTIN", SIGTTIN}, {"TTOU", SIGTTOU},     {"URG", SIGURG},
    {"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"VTALRM", SIGVTALRM}, {"WINCH", SIGWINCH},
    {"XCPU", SIGXCPU}, {"XFSZ", SIGXFSZ},
};

bool
process_signal(struct gateway_process *p, const char *name)
{
    struct gateway *gw = p->s->gw;
    size_t i = 0;

    while (i < tenon_countof(signals) && strcmp(signals[i].name, name) != 0)
        i++;
    if (i == tenon_countof(signals))
        return false;
    struct tenon_ctx *scope = gw->host->ctx->scope_begin(p->s->ctx);
    struct tenon_error *err = gw->host->error->create(scope);
    if (p->process && gw->bridge->process_signal(p->process, signals[i].number, err) < 0)
        gw->host->progress->log(gw->ctx, 7, "signal %s to process %s: %s", name, p->name,
                                gw->host->error->text(err)); /* it has ended, or not begun */
    gw->host->ctx->scope_end(scope);
    return true;
}

bool
process_is_finished(struct gateway_process *p)
{
    pthread_mutex_lock(&p->lock);
    const bool finished = p->finished;
    pthread_mutex_unlock(&p->lock);
    return finished;
}

/* ---- the beginning ----------------------------------------------------------------------- */

static int
set_strings(const struct tenon_host *h, struct tenon_node *n, const char *attr,
            const struct message_list *list, struct tenon_error *err)
{
    const char *const *items = list->items;

    for (size_t i = 0; i < list->len; i++) {
        if (h->graph->node_set(n, attr, items[i], err) < 0)
            return h->error->code(err);
    }
    return TENON_OK;
}

static int
set_text(const struct tenon_host *h, struct tenon_node *n, const char *attr, const char *text,
         struct tenon_error *err)
{
    return *text ? h->graph->node_set(n, attr, text, err) : TENON_OK;
}

static int
set_proxies(const struct tenon_host *h, struct tenon_node *n, const struct gw_proxy *p,
            struct tenon_error *err)
{
    if (!p)
        return TENON_OK;
    if (set_text(h, n, "proxy.http", p->http, err) < 0 ||
        set_text(h, n, "proxy.https", p->https, err) < 0 ||
        set_text(h, n, "proxy.ftp", p->ftp, err) < 0 || set_text(h, n, "proxy.no", p->no, err) < 0)
        return h->error->code(err);
    return set_text(h, n, "proxy.all", p->all, err);
}

static int
add_limits(const struct tenon_host *h, struct tenon_node *n, const struct message_list *list,
           struct tenon_error *err)
{
    const struct gw_ulimit *l = list->items;

    for (size_t i = 0; i < list->len; i++) {
        struct tenon_node *part = h->graph->node_part(n, "ulimit", err);
        if (!part || h->graph->node_set(part, "name", l[i].name, err) < 0 ||
            h->graph->node_set_int(part, "soft", l[i].soft, err) < 0 ||
            h->graph->node_set_int(part, "hard", l[i].hard, err) < 0)
            return h->error->code(err);
    }
    return TENON_OK;
}

static int
add_secrets(const struct tenon_host *h, struct tenon_node *n, const struct message_list *list,
            struct tenon_error *err)
{
    const struct gw_secretenv *e = list->items;

    for (size_t i = 0; i < list->len; i++) {
        struct tenon_node *part = h->graph->node_part(n, "secretenv", err);
        if (!part || h->graph->node_set(part, "id", e[i].id, err) < 0 ||
            h->graph->node_set(part, "name", e[i].name, err) < 0 ||
            h->graph->node_set_int(part, "optional", e[i].optional, err) < 0)
            return h->error->code(err);
    }
    return TENON_OK;
}

/* Others get theirs when they run. */
static int
add_path(const struct tenon_host *h, struct tenon_node *n, const struct message_list *env,
         struct tenon_error *err)
{
    const char *const *items = env->items;

    for (size_t i = 0; i < env->len; i++) {
        if (tenon_has_prefix(items[i], "PATH="))
            return TENON_OK;
    }
    return h->graph->node_set(n, "env", "PATH=c:\\Windows\\System32;c:\\Windows;"
                              "C:\\Windows\\System32\\WindowsPowerShell\\v1.0", err);
}

/* NULL: see err. */
static struct tenon_node *
describe(struct serving *s, const struct gw_init *init, bool is_windows,
         struct tenon_error *err)
{
    static const char *const securities[] = {"sandbox", "insecure"};
    static const struct gw_process_meta none = {.cwd = "", .user = "", .cgroup_parent = ""};
    const struct gw_process_meta *m = init->meta ? init->meta : &none;
    const struct tenon_host *h = s->gw->host;

    if (init->security < 0 || (uint64_t)init->security >= tenon_countof(securities)) {
        h->error->set(err, TENON_E_INVALID, 0, "invalid security mode %lld",
                      (long long)init->security);
        return NULL;
    }
    struct tenon_node *n = h->graph->node_new(s->gw->graph, "exec", err);
    if (!n || set_strings(h, n, "args", &m->args, err) < 0 ||
        set_strings(h, n, "env", &m->env, err) < 0 ||
        (is_windows && add_path(h, n, &m->env, err) < 0) ||
        set_text(h, n, "cwd", m->cwd, err) < 0 ||
        set_text(h, n, "user", m->user, err) < 0 || set_proxies(h, n, m->proxy, err) < 0 ||
        set_text(h, n, "cgroup_parent", m->cgroup_parent, err) < 0 ||
        add_limits(h, n, &m->ulimits, err) < 0 || add_secrets(h, n, &init->secretenv, err) < 0 ||
        h->graph->node_set(n, "security", securities[init->security], err) < 0)
        return NULL;
    return n;
}

/* A pair of descriptors: ours, which do not block, and the process's. */
static bool
make_terminal(struct gateway_process *p, int32_t theirs[3])
{
    const int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    char name[64];

    if (master < 0)
        return false;
    p->fds[0] = master;
    if (grantpt(master) < 0 || unlockpt(master) < 0 || ptsname_r(master, name, sizeof name) != 0)
        return false;
    for (int i = 0; i < 3; i++)
        theirs[i] = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    p->fds[1] = fcntl(master, F_DUPFD_CLOEXEC, 3);
    return theirs[0] >= 0 && theirs[1] >= 0 && theirs[2] >= 0 && p->fds[1] >= 0;
}

static bool
make_pipe(struct gateway_process *p, int fd, int32_t theirs[3])
{
    const int ours = fd == 0 ? 1 : 0; /* the end of it */
    int ends[2];

    if (!p->wants[fd]) {
        theirs[fd] = open("/dev/null", O_RDWR | O_CLOEXEC);
        return theirs[fd] >= 0;
    }
    if (pipe2(ends, O_CLOEXEC) < 0)
        return false;
    p->fds[fd] = ends[ours];
    theirs[fd] = ends[!ours];
    return fcntl(ends[ours], F_SETFL, O_NONBLOCK) == 0;
}

static bool
make_streams(struct gateway_process *p, int32_t theirs[3])
{
    if (p->tty)
        return make_terminal(p, theirs);
    return make_pipe(p, 0, theirs) && make_pipe(p, 1, theirs) && make_pipe(p, 2, theirs);
}

static void
close_all(int32_t fds[3])
{
    for (int i = 0; i < 3; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
        fds[i] = -1;
    }
}

static int
launch(struct gateway_process *p, const struct gw_init *init)
{
    struct gateway *gw = p->s->gw;
    struct tenon_error *err = p->why;
    struct tenon_node *n = describe(p->s, init, p->container->is_windows, err);
    int32_t theirs[3] = {-1, -1, -1};

    if (!n)
        return gw->host->error->code(err);
    if (!make_streams(p, theirs)) {
        gw->host->error->set(err, TENON_E_FAILED, errno, "make the streams of a process");
        close_all(theirs);
        return gw->host->error->code(err);
    }
    const int rc = gw->bridge->container_start(p->container->container, n, theirs, &p->process,
                                               err);
    if (p->process)
        count_running(p, 1);
    return rc;
}

static int
take_fds(struct serving *s, struct gateway_process *p, const struct message_list *list)
{
    const int64_t *fds = list->items;

    for (size_t i = 0; i < list->len; i++) {
        if (fds[i] < 0 || fds[i] > 2)
            return s->gw->host->error->set(s->err, TENON_E_UNSUPPORTED, 0,
                                           "a process with a descriptor "
                                           "%lld: there are 0, 1 and 2",
                                           (long long)fds[i]);
        p->wants[fds[i]] = !(p->tty && fds[i] == 2);
    }
    return TENON_OK;
}

/* 0 or an errno. */
static int
start_threads(struct gateway_process *p)
{
    sigset_t all, before;

    sigfillset(&all); /* signals are for the main thread */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = p->process ? pthread_create(&p->waiter, NULL, waiter_main, p) : 0;
    if (rc == 0) {
        rc = pthread_create(&p->thread, NULL, relay_main, p);
        if (rc != 0 && p->process) {
            p->s->gw->bridge->process_kill(p->process);
            pthread_join(p->waiter, NULL);
        }
    } else {
        p->s->gw->bridge->process_kill(p->process);
        p->s->gw->bridge->process_wait(p->process, &p->wait_status, p->why);
        count_running(p, -1);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

static void
release(struct gateway_process *p)
{
    for (int i = 0; i < 3; i++) {
        if (p->fds[i] >= 0)
            close(p->fds[i]);
    }
    if (p->wake_fd >= 0)
        close(p->wake_fd);
    if (p->container)
        containers_leave(p->s->gw, p->container);
    tenon_buf_release(&p->queue);
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
    free(p->name);
    free(p);
}

struct gateway_process *
process_start(struct serving *s, const char *name, const struct gw_init *init)
{
    static const struct gw_none nothing;
    const struct tenon_host *h = s->gw->host;
    struct gateway_process *p = tenon_new0(struct gateway_process);

    p->s = s;
    p->name = tenon_strdup(name);
    p->tty = init->tty;
    p->fds[0] = p->fds[1] = p->fds[2] = -1;
    p->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->changed, NULL);
    if (p->wake_fd < 0)
        h->error->set(s->err, TENON_E_FAILED, errno, "eventfd");
    else if (take_fds(s, p, &init->fds) == 0)
        p->container = containers_find(s, init->container);
    if (!p->container) {
        release(p);
        return NULL;
    }
    p->why = h->error->create(p->container->scope);
    launch(p, init);
    say(p, &(struct gw_exec){.started = &nothing}); /* before anything of it */
    const int rc = start_threads(p);
    if (rc == 0)
        return p;
    h->error->set(s->err, TENON_E_FAILED, rc, "start a thread");
    release(p);
    return NULL;
}

void
process_free(struct gateway_process *p)
{
    pthread_join(p->thread, NULL);
    if (p->process)
        pthread_join(p->waiter, NULL);
    release(p);
}
