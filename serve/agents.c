/* serve/agents.c - bytes between a socket and ForwardAgent. */
#include "agents.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "callerror.h"
#include "ctlmessages.h"
#include "pump.h"
#include "tools/alloc.h"

#define SSH "/moby.sshforward.v1.SSH/"
#define NS_PER_S UINT64_C(1000000000)

struct agent {
    struct callset *asked;
    struct grpc_call *call;
    int fd;
    pthread_t in, out;
};

static void *
carry_out(void *data)
{
    struct agent *a = data;

    if (pump_out(a->fd, a->call))
        grpc_call_close_send(a->call);
    return NULL;
}

static void *
carry_in(void *data)
{
    struct agent *a = data;

    pump_in(a->call, a->fd);
    shutdown(a->fd, SHUT_RDWR);
    return NULL;
}

static bool
has_agent(struct callset *asked, struct grpc_conn *conn, const char *id, struct tenon_error *err)
{
    const struct ses_id request = {id};
    auto_grpc_status struct grpc_status status = {0};
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
    auto_buf struct tenon_buf reply = TENON_BUF_INIT;

    message_encode(&bytes, &ses_id_message, &request);
    if (callset_unary(asked, conn, SSH "CheckAgent", 60 * NS_PER_S, &bytes, &reply, &status))
        return true;
    callerror_set(&status, "ssh agent", err);
    return false;
}

struct agent *
agent_connect(struct callset *asked, struct grpc_conn *conn, const char *id, int *fd,
              struct tenon_error *err)
{
    const struct grpc_header which = {"buildkit.ssh.id", id};
    int ends[2];

    if (!has_agent(asked, conn, id, err))
        return NULL;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
        tenon_error_sys(err, "a socket for an ssh agent");
        return NULL;
    }
    struct agent *a = tenon_new0(struct agent);
    a->asked = asked;
    a->fd = ends[1];
    a->call = callset_start(asked, conn, SSH "ForwardAgent", &which, 1);
    int rc = pthread_create(&a->in, NULL, carry_in, a);
    if (rc == 0 && (rc = pthread_create(&a->out, NULL, carry_out, a)) != 0) {
        grpc_call_cancel(a->call);
        pthread_join(a->in, NULL);
    }
    if (rc != 0) {
        tenon_error_errno(err, rc, "start a thread for an ssh agent");
        callset_free(a->asked, a->call);
        close(ends[0]);
        close(ends[1]);
        free(a);
        return NULL;
    }
    *fd = ends[0];
    return a;
}

bool
agent_is_over(const struct agent *a)
{
    return grpc_call_over(a->call);
}

void
agent_free(struct agent *a)
{
    grpc_call_cancel(a->call);
    shutdown(a->fd, SHUT_RDWR);
    pthread_join(a->in, NULL);
    pthread_join(a->out, NULL);
    callset_free(a->asked, a->call);
    close(a->fd);
    free(a);
}
