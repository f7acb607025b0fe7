/* registry/patience.c - see patience.h. */
#include "registry/patience.h"

#include <poll.h>
#include <sys/random.h>
#include <time.h>

#include "tools/alloc.h"
#include "tools/parse.h"
#include "registry/libcurl.h"

#define UNASKED_MAX 5 /* pauses for servers that say nothing of when */
#define PAUSES_MAX 20
#define LAST_PAUSE_NS UINT64_C(8000000000)
#define SECOND UINT64_C(1000000000)
#define AFTER_MAX_S (366 * 86400)

bool
tenon_status_is_transient(long status)
{
    switch (status) {
    case 408: /* Request Timeout */
    case 425: /* Too Early */
    case 429: /* Too Many Requests */
        return true;
    case 501: /* Not Implemented */
    case 505: /* HTTP Version Not Supported */
    case 506: /* Variant Also Negotiates */
    case 507: /* Insufficient Storage */
    case 508: /* Loop Detected */
    case 510: /* Not Extended */
    case 511: /* Network Authentication Required */
        return false;
    default: /* what proxies invent is there too */
        return status >= 500 && status <= 599;
    }
}

/* Up to half as much again: those who wait for the same do not come back together. */
static uint64_t
jitter(uint64_t ns)
{
    uint32_t random = 0;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random)
        return ns;
    return ns + ns / 2 / 1000 * (random % 1000);
}

int
tenon_patience_pause(struct tenon_patience *p, uint64_t after_ns, struct tenon_cancel *cancel,
                     struct tenon_error *err)
{
    uint64_t last = p->first_ns > LAST_PAUSE_NS ? p->first_ns : LAST_PAUSE_NS;
    uint64_t ns = p->first_ns;
    for (unsigned i = 0; i < p->pauses && ns < last; i++)
        ns *= 2;
    ns = jitter(ns < last ? ns : last);
    if (ns < after_ns)
        ns = after_ns + jitter(p->first_ns) - p->first_ns;
    p->over = p->over || p->pauses >= PAUSES_MAX || (!after_ns && p->unasked >= UNASKED_MAX) ||
              ns > p->total_ns || p->spent_ns > p->total_ns - ns;
    if (p->over)
        return TENON_E_LIMIT;
    p->pauses++;
    p->unasked += !after_ns;
    p->spent_ns += ns;
    struct pollfd wait = {.fd = tenon_cancel_fd(cancel), .events = POLLIN};
    poll(&wait, wait.fd >= 0 ? 1 : 0, (int)(ns / 1000000));
    if (!tenon_cancel_fired(cancel))
        return 0;
    auto_error struct tenon_error stop = TENON_ERROR_INIT;
    tenon_cancel_check(cancel, &stop);
    return tenon_error_move(err, &stop);
}

void
tenon_patience_renew(struct tenon_patience *p)
{
    p->pauses = p->unasked = 0;
    p->spent_ns = 0;
    p->over = false;
}

uint64_t
tenon_retry_after(const char *text, const char *date)
{
    uint64_t seconds;
    if (!text)
        return 0;
    if (tenon_parse_u64(text, 10, &seconds)) {
        if (seconds > AFTER_MAX_S)
            seconds = AFTER_MAX_S;
        return seconds ? seconds * SECOND : 1;
    }
    time_t then = curl_getdate(text, NULL);
    time_t now = date ? curl_getdate(date, NULL) : -1;
    if (then < 0)
        return 0;
    if (now < 0)
        now = time(NULL);
    if (then <= now)
        return 1;
    return (uint64_t)(then - now > AFTER_MAX_S ? AFTER_MAX_S : then - now) * SECOND;
}
