/* registry/mirrors.c - one piece of work on whichever place has what is wanted.
 *
 * A mirror that is busy or gone costs one short try, and is left alone for the rest of the
 * build.  Where the registry itself cannot be reached either (a network that is closed but for
 * its mirrors), the mirrors are all there is, and worth the patience. */
#include "base/log.h"
#include "tools/alloc.h"
#include "registry/private.h"

static bool
is_mirror(const struct tenon_endpoint *e)
{
    return e->ns != NULL;
}

static void
leave_alone(struct tenon_registry *r, const struct tenon_endpoint *e,
            const struct tenon_error *err)
{
    if (tenon_host_set(r, e, TENON_HOST_ILL, true))
        tenon_log(TENON_LOG_NOTICE, "mirror %s is left alone for the rest of this build: %s",
                  e->name, err->message ? err->message : "");
}

/* The first mirror that answered and said no. */
struct refusal {
    struct tenon_error err;
    const char *mirror;
};

/* Of the mirrors those that are well, then the registry. */
static int
first_round(struct tenon_registry *r, struct tenon_endpoints *list, tenon_endpoint_work *work,
            void *data, struct refusal *no, struct tenon_error *err)
{
    for (size_t i = 0, next; i < list->len; i = next) {
        struct tenon_endpoint *e = &list->items[i];
        next = i + 1;
        if (is_mirror(e) && tenon_host_is(r, e, TENON_HOST_ILL))
            continue;
        e->quick = is_mirror(e);
        int rc = work(data, e, err);
        if (rc == 0)
            return 0;
        next = tenon_endpoints_next(list, i, rc, err);
        bool without_tls = next < list->len && list->items[next].fallback;
        if (e->quick && rc == TENON_E_UNAVAILABLE && !without_tls)
            leave_alone(r, e, err);
        if (next == list->len)
            return rc;
        tenon_log(TENON_LOG_INFO, "%s: %s", e->name, err->message ? err->message : "");
        if (is_mirror(e) && rc != TENON_E_UNAVAILABLE && !no->mirror) {
            no->mirror = e->name;
            tenon_error_move(&no->err, err);
        }
        tenon_error_release(err);
    }
    return tenon_error_set(err, TENON_E_BUG, "no endpoint");
}

/* The mirrors that were left alone, patiently.  *first is what became of the first round: it
 * stays, unless a mirror is good, or the user has had enough. */
static int
second_round(struct tenon_registry *r, struct tenon_endpoints *list, tenon_endpoint_work *work,
             void *data, struct tenon_error *first)
{
    int rc = TENON_E_UNAVAILABLE;
    for (size_t i = 0; i < list->len && rc < 0 && rc != TENON_E_CANCELLED; i++) {
        struct tenon_endpoint *e = &list->items[i];
        if (!is_mirror(e) || !tenon_host_is(r, e, TENON_HOST_ILL))
            continue;
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        e->quick = false;
        rc = work(data, e, &err);
        if (rc == 0)
            tenon_host_set(r, e, TENON_HOST_ILL, false);
        else
            tenon_log(TENON_LOG_INFO, "%s: %s", e->name, err.message ? err.message : "");
        if (rc == 0 || rc == TENON_E_CANCELLED)
            tenon_error_move(first, &err);
    }
    return rc == 0 ? 0 : first->code;
}

/* In a closed network the registry can never be reached, and what the mirror said is the news. */
static int
prefer(struct refusal *no, const struct tenon_reference *ref, struct tenon_error *err)
{
    auto_free char *unreached = tenon_strdup(err->message ? err->message : "");
    tenon_error_release(err);
    tenon_error_move(err, &no->err);
    return tenon_error_hint(err, "so says the mirror %s; %s itself cannot be reached: %s",
                            no->mirror, ref->domain, unreached);
}

int
tenon_endpoints_try(struct tenon_registry *r, const struct tenon_registry_call *call,
                    const struct tenon_reference *ref, bool push, tenon_endpoint_work *work,
                    void *data, struct tenon_error *err)
{
    auto_endpoints struct tenon_endpoints list = {0};
    if (tenon_endpoints_find(r, ref, push, call->insecure, &list, err) < 0)
        return err->code;
    struct refusal no = {0};
    int rc = first_round(r, &list, work, data, &no, err);
    if (rc == TENON_E_UNAVAILABLE)
        rc = second_round(r, &list, work, data, err);
    if (rc == TENON_E_UNAVAILABLE && no.mirror)
        rc = prefer(&no, ref, err);
    tenon_error_release(&no.err);
    return rc;
}
