/* mount-ssh: one RUN step reaches the user's agent: a socket of ours that lets
 * it list keys and sign, and nothing else.  Keys never enter the build.
 *
 * SSH_AUTH_SOCK is in the step's own environment already (LLB has it so, with
 * or without an agent). */
#include <tenon-plugin.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/ssh-agent/proxy.h"

static const struct tenon_host *host;

static const struct tenon_param options[] = {
    { .name = "id", .help = "which agent (--ssh ID)", .type = TENON_TYPE_STRING,
      .def = "default" },
    { .name = "required", .help = "fail when it was not given",
      .type = TENON_TYPE_BOOL, .def = "false" },
    { .name = "mode", .help = "permission bits of the socket",
      .type = TENON_TYPE_INT, .def = "0600", .max = 07777 },
    { .name = "uid", .help = "owner of the socket",
      .type = TENON_TYPE_INT, .def = "0", .max = UINT32_MAX - 1 },
    { .name = "gid", .help = "group of the socket",
      .type = TENON_TYPE_INT, .def = "0", .max = UINT32_MAX - 1 },
    { .name = NULL },
};

static int
ssh_init(const struct tenon_host *h, const struct tenon_values *config, void **self,
         struct tenon_error *err)
{
    (void)config, (void)err;
    host = h;
    *self = NULL;
    return TENON_OK;
}

/* A listening socket named `path`, with its owner and mode. */
static int
listen_at(const char *dir, const struct tenon_values *v, struct tenon_error *err)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    if ((size_t)snprintf(addr.sun_path, sizeof addr.sun_path, "%s/agent", dir) >=
        sizeof addr.sun_path)
        return host->error->set(err, TENON_E_LIMIT, 0, "socket name in %s: too long", dir);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return host->error->set(err, TENON_E_FAILED, errno, "make a socket");
    if (bind(fd, (struct sockaddr *)&addr, sizeof addr) < 0 || listen(fd, 16) < 0 ||
        chown(addr.sun_path, (uid_t)host->values->get_int(v, "uid"),
              (gid_t)host->values->get_int(v, "gid")) < 0 ||
        chmod(addr.sun_path, (mode_t)host->values->get_int(v, "mode") & 0777) < 0) {
        int saved = errno;
        close(fd);
        return host->error->set(err, TENON_E_FAILED, saved, "set up the socket");
    }
    return fd;
}

/* agent_fd is taken over. */
static int
start(struct tenon_ctx *ctx, const struct tenon_values *v, int agent_fd,
      struct tenon_mount *out, struct tenon_error *err)
{
    /* Socket names are short and store paths need not be: go through the
     * descriptor. */
    char name[40];
    int listener = -1;
    int fd = -1;
    const char *path;
    int dir = host->files->temp_dir(ctx, 0, &path, err);
    if (dir >= 0) {
        snprintf(name, sizeof name, "/proc/self/fd/%d", dir);
        listener = listen_at(name, v, err);
    }
    if (listener >= 0) {
        fd = openat(dir, "agent", O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            host->error->set(err, TENON_E_FAILED, errno, "open the socket");
    }
    if (fd < 0) {
        if (listener >= 0)
            close(listener);
        close(agent_fd);
        return host->error->code(err);
    }
    out->cookie = ssh_proxy_start(listener, agent_fd);
    if (!out->cookie) {
        int saved = errno;
        close(fd);
        return host->error->set(err, TENON_E_FAILED, saved, "start a thread");
    }
    out->fd = fd;
    return TENON_OK;
}

static int
ssh_attach(void *self, struct tenon_ctx *ctx, const struct tenon_mount_request *req,
           struct tenon_mount *out, struct tenon_error *err)
{
    (void)self;
    const char *id = host->values->get_string(req->options, "id");
    if (!id || !*id)
        id = "default";
    int fd = host->client->open(ctx, "ssh", id, err);
    if (fd == TENON_E_NOT_FOUND && !host->values->get_bool(req->options, "required")) {
        host->error->clear(err);
        out->fd = -1;
        return TENON_OK;
    }
    if (fd == TENON_E_NOT_FOUND) {
        host->error->set(err, TENON_E_NOT_FOUND, 0, "unset ssh forward key %s", id);
        host->error->hint(err, "pass --ssh %s", id);
        return TENON_E_NOT_FOUND;
    }
    if (fd < 0)
        return host->error->context(err, "ssh agent %s", id);
    if (start(ctx, req->options, fd, out, err) < 0)
        return host->error->context(err, "ssh agent %s", id);
    return TENON_OK;
}

static void
ssh_detach(void *self, struct tenon_ctx *ctx, void *cookie, bool step_succeeded)
{
    (void)self, (void)ctx, (void)step_succeeded;
    ssh_proxy_stop(cookie);
}

static const struct tenon_mount_ops ops = {
    .struct_size = sizeof ops,
    .attach = ssh_attach,
    .detach = ssh_detach,
};
static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_MOUNT),
    .threads = TENON_THREADS_PARALLEL,
    .key_policy = TENON_KEY_OPTIONS,
    .key_epoch = 1,
    .name = "ssh",
    .version = "1.0",
    .summary = "the user's ssh agent, to list keys and sign",
    .options = options,
    .init = ssh_init,
    .ops.mount = &ops,
};
TENON_PLUGIN_EXPORT(mount_ssh, plugin);
