/* source-git/ssh.c - git over the ssh program.
 *
 * The program and not a library: it is what users' servers are tested with, and
 * it can be given an agent that belongs to this build alone. */
#include <errno.h>
#include <fcntl.h>
#include <git2/sys/transport.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/ssh-agent/proxy.h"
#include "tools/alloc.h"
#include "tools/cleanup.h"
#include "conn.h"

#define COMPLAINT_MAX 2000

struct ssh { /* one remote; its only stream is made and freed with it */
    git_smart_subtransport base;
    git_smart_subtransport_stream stream;
    struct gs_conn *conn;
    struct ssh_proxy *agent;
    pid_t pid; /* 0: not running */
    int to, from;
    int complaints; /* its standard error */
};

static int
stop(struct gs_conn *conn)
{
    conn->failed = true;
    git_error_set_str(GIT_ERROR_SSH, "ssh failed");
    return -1;
}

static int
stop_errno(struct gs_conn *conn, const char *what)
{
    conn->host->error->set(conn->err, TENON_E_FAILED, errno, "%s", what);
    return stop(conn);
}

/* ---- the agent ------------------------------------------------------------------- */

/* Our own socket in dir, which leads to the user's agent. */
static int
open_agent(struct ssh *s, const char *dir)
{
    struct gs_conn *conn = s->conn;
    int fd = conn->host->client->open(conn->ctx, "ssh", conn->ssh_id, conn->err);
    if (fd == TENON_E_NOT_FOUND) {
        conn->host->error->set(conn->err, TENON_E_NOT_FOUND, 0,
                               "no SSH key \"%s\" forwarded from the client", conn->ssh_id);
        conn->host->error->hint(conn->err, "pass --ssh %s", conn->ssh_id);
    }
    if (fd < 0)
        return stop(conn);
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int n = snprintf(addr.sun_path, sizeof addr.sun_path, "%s/agent", dir);
    if (listener < 0 || n >= (int)sizeof addr.sun_path ||
        bind(listener, (struct sockaddr *)&addr, sizeof addr) < 0 || listen(listener, 4) < 0) {
        int saved = errno;
        close(fd);
        if (listener >= 0)
            close(listener);
        errno = saved;
        return stop_errno(conn, "make a socket for the agent");
    }
    s->agent = ssh_proxy_start(listener, fd);
    return s->agent ? 0 : stop_errno(conn, "start a thread for the agent");
}

/* ---- the program ------------------------------------------------------------------- */

static int
write_known_hosts(struct gs_conn *conn, int dir)
{
    size_t len = strlen(conn->known_hosts);
    auto_close int fd =
        openat(dir, "known_hosts", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, conn->known_hosts, len) != (ssize_t)len)
        return stop_errno(conn, "write known hosts");
    return 0;
}

/* The child's descriptors are its standard ones only: all of ours are O_CLOEXEC. */
static int
spawn(struct ssh *s, char *const *argv, const char *agent)
{
    int in[2], out[2];
    if (pipe2(in, O_CLOEXEC) < 0)
        return stop_errno(s->conn, "pipe");
    if (pipe2(out, O_CLOEXEC) < 0) {
        close(in[0]);
        close(in[1]);
        return stop_errno(s->conn, "pipe");
    }
    auto_free char *agent_env = tenon_asprintf("SSH_AUTH_SOCK=%s", agent);
    char lang[] = "LC_ALL=C";
    char *env[] = {lang, *agent ? agent_env : NULL, NULL};
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, in[0], 0);
    posix_spawn_file_actions_adddup2(&files, out[1], 1);
    posix_spawn_file_actions_adddup2(&files, s->complaints, 2);
    int e = posix_spawnp(&s->pid, "ssh", &files, NULL, argv, env);
    posix_spawn_file_actions_destroy(&files);
    close(in[0]);
    close(out[1]);
    s->to = in[1];
    s->from = out[0];
    if (e) {
        s->pid = 0;
        errno = e;
        stop_errno(s->conn, "run ssh");
        if (e == ENOENT)
            s->conn->host->error->hint(s->conn->err, "install openssh-client");
        return -1;
    }
    return 0;
}

/* NULL when there is none. */
static char *
path_of(int fd)
{
    char path[PATH_MAX];
    auto_free char *link = tenon_asprintf("/proc/self/fd/%d", fd);
    ssize_t n = fd < 0 ? -1 : readlink(link, path, sizeof path);
    return n > 0 && (size_t)n < sizeof path ? tenon_strndup(path, (size_t)n) : NULL;
}

static int
start(struct ssh *s, const char *url)
{
    struct gs_conn *conn = s->conn;
    auto_free char *user = NULL;
    auto_free char *name = NULL;
    auto_free char *port = NULL;
    auto_free char *path = NULL;
    if (!gs_url_ssh(url, &user, &name, &port, &path)) {
        conn->host->error->set(conn->err, TENON_E_INVALID, 0, "invalid ssh URL");
        return stop(conn);
    }
    const char *where = NULL;
    int dir = conn->host->files->temp_dir(conn->ctx, 0, &where, conn->err);
    if (dir < 0)
        return stop(conn);
    s->complaints = conn->host->blobs->create(conn->ctx, conn->err);
    if (s->complaints < 0)
        return stop(conn);
    /* Socket names are short and store paths need not be; but ssh closes what
     * it inherits, so that it must be told the long name. */
    auto_free char *here = tenon_asprintf("/proc/self/fd/%d", dir);
    bool given = conn->known_hosts && *conn->known_hosts;
    if (given && write_known_hosts(conn, dir) < 0)
        return -1;
    if (conn->ssh_id && open_agent(s, here) < 0)
        return -1;
    auto_free char *agent = tenon_asprintf("%s/agent", where);
    auto_free char *quoted = gs_shell_quote(path);
    auto_free char *command = tenon_asprintf("git-upload-pack %s", quoted);
    auto_free char *kept = given ? NULL : path_of(conn->keep_fd);
    auto_free char *known =
        tenon_asprintf("UserKnownHostsFile=\"%s/known_hosts\"", kept ? kept : where);
    /* Of the user's own, the agent alone: no configuration, no key files. */
    const char *const argv[] = {
        "ssh", "-F", "/dev/null", "-T", "-o", "BatchMode=yes", "-o", "IdentityFile=none",
        "-o", known, "-o",
        given ? "StrictHostKeyChecking=yes" : "StrictHostKeyChecking=accept-new",
        "-p", *port ? port : "22", "-l", user ? user : "git",
        "--", name, command, NULL,
    };
    return spawn(s, (char *const *)argv, conn->ssh_id ? agent : "");
}

/* What ssh said before it gave up. */
static int
hung_up(struct ssh *s)
{
    char text[COMPLAINT_MAX + 1];
    ssize_t n = pread(s->complaints, text, COMPLAINT_MAX, 0);
    text[n > 0 ? n : 0] = '\0';
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
        text[--n] = '\0';
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < ' ')
            *p = *p == '\n' ? ' ' : '?';
    s->conn->host->error->set(s->conn->err, TENON_E_DENIED, 0, "ssh: %s",
                              n > 0 ? text : "the connection was closed");
    return stop(s->conn);
}

/* ---- the stream ---------------------------------------------------------- */

#define SELF(stream_) ((struct ssh *)(stream_)->subtransport)

/* Until fd can be read or written, or the build is stopped. */
static int
wait_for(struct ssh *s, int fd, short events)
{
    struct pollfd p[2] = {{.fd = fd, .events = events},
                          {.fd = s->conn->host->ctx->cancel_fd(s->conn->ctx), .events = POLLIN}};
    for (;;) {
        if (s->conn->host->ctx->cancelled(s->conn->ctx)) {
            s->conn->host->error->set(s->conn->err, TENON_E_CANCELLED, 0, "cancelled");
            return stop(s->conn);
        }
        int n = poll(p, 2, -1);
        if (n > 0 && p[0].revents)
            return 0;
        if (n < 0 && errno != EINTR)
            return stop_errno(s->conn, "poll");
    }
}

static int
stream_read(git_smart_subtransport_stream *base, char *buffer, size_t size, size_t *got)
{
    struct ssh *s = SELF(base);
    if (wait_for(s, s->from, POLLIN) < 0)
        return -1;
    ssize_t n = read(s->from, buffer, size);
    if (n < 0)
        return stop_errno(s->conn, "read from ssh");
    if (n == 0)
        return hung_up(s);
    *got = (size_t)n;
    return 0;
}

static int
stream_write(git_smart_subtransport_stream *base, const char *buffer, size_t len)
{
    struct ssh *s = SELF(base);
    while (len) {
        if (wait_for(s, s->to, POLLOUT) < 0)
            return -1;
        /* a pipe that is ready takes this much without blocking */
        ssize_t n = write(s->to, buffer, len < PIPE_BUF ? len : PIPE_BUF);
        if (n < 0 && errno == EPIPE)
            return hung_up(s);
        if (n < 0)
            return stop_errno(s->conn, "write to ssh");
        buffer += n;
        len -= (size_t)n;
    }
    return 0;
}

static void
stream_free(git_smart_subtransport_stream *base)
{
    (void)base; /* a part of its subtransport */
}

static int
ssh_close(git_smart_subtransport *base)
{
    struct ssh *s = (struct ssh *)base;
    if (s->to >= 0)
        close(s->to);
    if (s->from >= 0)
        close(s->from);
    if (s->pid > 0) {
        kill(s->pid, SIGTERM);
        while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    ssh_proxy_stop(s->agent);
    if (s->complaints >= 0)
        close(s->complaints);
    s->to = s->from = s->complaints = -1;
    s->pid = 0;
    s->agent = NULL;
    return 0;
}

static int
ssh_action(git_smart_subtransport_stream **out, git_smart_subtransport *base, const char *url,
           git_smart_service_t action)
{
    struct ssh *s = (struct ssh *)base;
    bool running = s->pid > 0;
    if (action != GIT_SERVICE_UPLOADPACK_LS && action != GIT_SERVICE_UPLOADPACK) {
        git_error_set_str(GIT_ERROR_SSH, "only fetching is supported");
        return -1;
    }
    if (action == GIT_SERVICE_UPLOADPACK_LS && running) {
        ssh_close(base);
        running = false;
    }
    if (!running && start(s, url) < 0) {
        ssh_close(base);
        return -1;
    }
    *out = &s->stream;
    return 0;
}

static void
ssh_free(git_smart_subtransport *base)
{
    ssh_close(base);
    free(base);
}

int
gs_ssh_subtransport(git_smart_subtransport **out, git_transport *owner, void *conn)
{
    (void)owner;
    struct ssh *s = tenon_new0(struct ssh);
    s->base = (git_smart_subtransport){
        .action = ssh_action,
        .close = ssh_close,
        .free = ssh_free,
    };
    s->stream = (git_smart_subtransport_stream){
        .subtransport = &s->base,
        .read = stream_read,
        .write = stream_write,
        .free = stream_free,
    };
    s->conn = conn;
    s->to = s->from = s->complaints = -1;
    *out = &s->base;
    return 0;
}
