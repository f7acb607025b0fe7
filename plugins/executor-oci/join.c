/* executor-oci/join.c - one more process in a step that runs, and signals for one. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "oci.h"
#include "spec.h"
#include "tools/alloc.h"
#include "tools/cleanup.h"

struct shot {
    int pid, number;
};

static void
shoot(void *data, int report_fd)
{
    const struct shot *s = data;
    if (kill(s->pid, s->number) < 0)
        guard_fail(report_fd, "send a signal", errno);
    _exit(0);
}

/* The number in the file is one of the namespace that the runtime is in. */
static int
send_signal(const struct running_copy *step, int number)
{
    struct shot s = { oci_read_pid(step->work), number };
    struct guard_result result;
    const struct guard_join join = { .pidfd = step->pidfd };
    struct guard_options g = { .child = shoot, .data = &s, .keep = &step->pidfd, .keep_count = 1,
                               .cancel_fd = -1, .join = &join };
    if (s.pid <= 1) /* not a process of it; 1 is the guard */
        return ESRCH;
    guard_run(&g, &result);
    return result.outcome == GUARD_EXITED ? 0 : result.sys ? result.sys : ESRCH;
}

static const char ended[] = "the container's first process has ended";

static bool
has_ended(int pidfd)
{
    struct pollfd p = { .fd = pidfd, .events = POLLIN };
    return poll(&p, 1, 0) == 1;
}

static int
joined_result(const struct oci_launch *l, const struct guard_result *result, int32_t *wait_status,
              struct tenon_error *err)
{
    const struct tenon_host *host = l->o->host;
    if (result->outcome == GUARD_FAILED)
        return host->error->set(err, TENON_E_FAILED, result->sys, "%s", result->what);
    if (result->outcome == GUARD_CANCELLED) {
        /* The runtime is dead, and its process is not yet. */
        struct running_copy own = { .pidfd = l->joined->pidfd, .work = (char *)l->x->work };
        send_signal(&own, SIGKILL);
        return host->error->set(err, TENON_E_CANCELLED, 0, "cancelled");
    }
    *wait_status = result->wait_status;
    if (WIFSIGNALED(result->wait_status)) /* with the first one */
        return TENON_OK;
    auto_free char *message = result->wait_status ? oci_last_error(l->x) : NULL;
    if (message && !oci_read_pid(l->x->work) &&
        (oci_is_of_end(message) || has_ended(l->joined->pidfd)))
        return host->error->set(err, TENON_E_NOT_FOUND, 0, ended);
    return message && !oci_is_of_program(message) ? oci_blame(l->o, message, err) : TENON_OK;
}

static int
run_joined(struct oci_launch *l, struct tenon_ctx *ctx, const char *id, int32_t *wait_status,
           struct tenon_error *err)
{
    struct oci *o = l->o;
    const struct tenon_exec *x = l->x;
    auto_free char *state = tenon_asprintf("%s/" OCI_STATE, l->joined->work);
    auto_free char *log = tenon_asprintf("%s/" OCI_LOG, x->work);
    auto_free char *process = tenon_asprintf("%s/process.json", x->work);
    auto_free char *pid = tenon_asprintf("%s/" OCI_PID, x->work);
    char *argv[] = { o->path, (char *)"--root", state, (char *)"--log", log,
                     (char *)"--log-format", (char *)"json", (char *)"exec",
                     (char *)"--process", process, (char *)"--pid-file", pid, (char *)id, NULL };
    struct guard_result result;
    l->argv = argv;
    running_add(&o->running, l->step);
    oci_launch(l, ctx, &result);
    running_remove(&o->running, l->step);
    return joined_result(l, &result, wait_status, err);
}

int
oci_join(void *self, struct tenon_ctx *ctx, const char *id, const struct tenon_exec *x,
         int32_t *wait_status, struct tenon_error *err)
{
    struct oci *o = self;
    struct running_copy first;
    struct running_step own = { .id = x->id, .work = x->work };
    struct requests *requests = NULL;
    if (!running_find(&o->running, id, &first))
        return o->host->error->set(err, TENON_E_NOT_FOUND, 0, ended);
    struct oci_launch l = { .o = o, .x = x, .cgroup_procs = first.procs,
                            .cgroup_count = first.proc_count, .joined = &first, .step = &own,
                            .news = -1, .sent = { -1, -1 } };
    struct oci_users users = {0}; /* the runtime knows which it is */
    int rc = oci_separate(o, ctx, x, &requests, &users, err);
    if (rc == TENON_OK)
        rc = oci_write_json(o, x, "process.json", oci_process(x, users.ids != NULL), err);
    if (rc == TENON_OK)
        rc = oci_expect_start(&l, err);
    l.requests = requests;
    if (rc == TENON_OK)
        rc = run_joined(&l, ctx, id, wait_status, err);
    free(users.path);
    requests_close(requests);
    oci_close_news(&l);
    running_copy_release(&first);
    return rc;
}

int
oci_signal(void *self, const char *id, int32_t number, struct tenon_error *err)
{
    struct oci *o = self;
    struct running_copy step;
    if (!running_find(&o->running, id, &step))
        return o->host->error->set(err, TENON_E_NOT_FOUND, 0, "no such process");
    int e = send_signal(&step, (int)number);
    running_copy_release(&step);
    if (e)
        return o->host->error->set(err, e == ESRCH ? TENON_E_NOT_FOUND : TENON_E_FAILED, e,
                           "send signal %d", (int)number);
    return TENON_OK;
}
