/* serve/pulse.c - grpc.health.v1.Health/Check, again and again. */
#include "pulse.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/io.h"
#include "tools/parse.h"

#define CHECK "/grpc.health.v1.Health/Check"
#define NS_PER_S UINT64_C(1000000000)
#define MS_PER_S UINT64_C(1000)
#define NS_PER_MS UINT64_C(1000000)

/* One that has no such service has answered, too. */
static bool
answers(struct pulse *p, uint64_t timeout_ns)
{
    auto_grpc_status struct grpc_status status = {0};
    auto_buf struct tenon_buf reply = TENON_BUF_INIT;

    grpc_call_unary(p->conn, CHECK, NULL, 0, timeout_ns, "", 0, &reply, &status);
    return status.code != GRPC_DEADLINE_EXCEEDED && status.code != GRPC_UNAVAILABLE &&
           status.code != GRPC_CANCELLED;
}

/* False: it is to stop. */
static bool
wait_a_while(const struct pulse *p)
{
    struct pollfd stop = {.fd = p->stop_fd, .events = POLLIN};
    int n;

    while ((n = poll(&stop, 1, (int)(p->interval_ns / NS_PER_MS))) < 0 && errno == EINTR)
        continue;
    return n == 0;
}

static void *
feel(void *data)
{
    struct pulse *p = data;
    uint64_t last_ns = 0;
    unsigned failures = 0;

    while (failures < p->failures && wait_a_while(p)) {
        /* it was slow, under load, or behind much that is on its way: it may be so again */
        const uint64_t patience = last_ns + last_ns / 2, begun = tenon_monotonic_ns();
        failures = answers(p, patience > p->timeout_ns ? patience : p->timeout_ns) ? 0
                                                                                   : failures + 1;
        last_ns = tenon_monotonic_ns() - begun;
    }
    if (failures == p->failures)
        p->dead(p->data);
    return NULL;
}

int
pulse_start(struct pulse *p, const char *timeout)
{
    uint64_t ms;

    p->interval_ns = PULSE_INTERVAL * NS_PER_S;
    p->timeout_ns = PULSE_TIMEOUT * NS_PER_S;
    p->failures = PULSE_FAILURES;
    if (timeout && tenon_parse_u64(timeout, 10, &ms) && ms > 0) {
        ms = ms < PULSE_OWN_MIN * MS_PER_S ? PULSE_OWN_MIN * MS_PER_S : ms;
        ms = ms > PULSE_OWN_MAX * MS_PER_S ? PULSE_OWN_MAX * MS_PER_S : ms;
        p->timeout_ns = ms * NS_PER_MS;
        p->interval_ns = p->timeout_ns;
        p->failures = 1;
    }
    p->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (p->stop_fd < 0)
        return errno;
    const int rc = pthread_create(&p->thread, NULL, feel, p);
    if (rc != 0)
        close(p->stop_fd);
    return rc;
}

void
pulse_stop(struct pulse *p)
{
    eventfd_write(p->stop_fd, 1);
    pthread_join(p->thread, NULL);
    close(p->stop_fd);
}
