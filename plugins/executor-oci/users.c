/* executor-oci/users.c - the user namespace that the runtime makes for a step, and its numbers. */
#include "oci.h"

#include <string.h>
#include <syslog.h>

/* 0, or an errno: a runtime's would not do. */
static int
try_users(struct oci *o)
{
    pthread_mutex_lock(&o->lock);
    if (!o->was_tried)
        o->why_no_users = usernamespace_try_proc();
    o->was_tried = true;
    int e = o->why_no_users;
    pthread_mutex_unlock(&o->lock);
    return e;
}

int
oci_separate(struct oci *o, struct tenon_ctx *ctx, const struct tenon_exec *x,
             struct requests **r, const struct usernamespace **users, struct tenon_error *err)
{
    *users = NULL;
    if (x->flags & TENON_EXEC_INSECURE)
        return TENON_OK;
    int e = requests_open(r);
    const bool wants = o->wants_users && !(x->flags & TENON_EXEC_ROOTLESS);
    if (!e && wants)
        e = try_users(o);
    if (e)
        o->host->log(ctx, LOG_DEBUG, "no user namespace for steps (%s): users of this machine "
                                     "see into steps of their numbers", strerror(e));
    if (e && x->first_id) /* nothing would be its own */
        return o->host->error(err, TENON_E_FAILED, e, "no user namespace for the step");
    if (!e && wants)
        *users = x->first_id ? &o->own_ids : &o->all_ids;
    return TENON_OK;
}

int
oci_ids(void *self, struct tenon_ctx *ctx, struct tenon_step_ids *out, struct tenon_error *err)
{
    struct oci *o = self;
    (void)ctx;
    if (!o->wants_users || !o->own_ids.first)
        return o->host->error(err, TENON_E_UNSUPPORTED, 0, "not wanted");
    int e = try_users(o);
    if (!e)
        e = requests_try();
    if (!e)
        e = usernamespace_get(&o->own_ids, &out->users_fd);
    if (e)
        return o->host->error(err, TENON_E_UNSUPPORTED, e, "no user namespace for steps");
    out->first = o->own_ids.first;
    out->count = usernamespace_count(o->own_ids.first);
    out->root = 0;
    return TENON_OK;
}
