/* executor-oci/users.c - the user namespace that the runtime makes for a step, and its numbers; or
 * the one that it finds, where programs of other processors are emulated. */
#include "oci.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <syslog.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"

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

/* A file that the namespace is bound to, where the runtime runs. */
static int
join_emulation(struct oci *o, const struct tenon_exec *x, struct usernamespace *ids,
               struct oci_users *users, struct tenon_error *err)
{
    int e = emulation_users(&o->emulation, ids, &users->fd);
    if (!e && users->fd < 0)
        return TENON_OK;
    auto_close int file =
        e ? -1 : openat(x->work_fd, "users", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0)
        return o->host->error->set(err, TENON_E_FAILED, e ? e : errno,
                                   "no user namespace for what is emulated");
    users->ids = ids;
    users->path = tenon_asprintf("%s/users", x->work);
    return TENON_OK;
}

int
oci_separate(struct oci *o, struct tenon_ctx *ctx, const struct tenon_exec *x,
             struct requests **r, struct oci_users *users, struct tenon_error *err)
{
    *users = (struct oci_users){ .fd = -1 };
    if (x->flags & TENON_EXEC_INSECURE)
        return TENON_OK;
    int e = requests_open(r);
    const bool wants = o->wants_users && !(x->flags & TENON_EXEC_ROOTLESS);
    if (!e && wants)
        e = try_users(o);
    if (e)
        o->host->progress->log(ctx, LOG_DEBUG,
                               "no user namespace for steps (%s): users of this machine "
                               "see into steps of their numbers",
                               strerror(e));
    if (e && x->first_id) /* nothing would be its own */
        return o->host->error->set(err, TENON_E_FAILED, e, "no user namespace for the step");
    struct usernamespace *ids = x->first_id ? &o->own_ids : &o->all_ids;
    if (!e && wants)
        users->ids = ids;
    return x->flags & TENON_EXEC_EMULATED ? join_emulation(o, x, ids, users, err) : TENON_OK;
}

int
oci_emulate(void *self, struct tenon_ctx *ctx, const struct tenon_exec_format *const *formats,
            size_t count, struct tenon_error *err)
{
    struct oci *o = self;
    (void)ctx;
    int fd = -1;
    int e = emulation_begin(&o->emulation, formats, count);
    if (!e)
        e = emulation_users(&o->emulation, &o->all_ids, &fd);
    if (!e && fd >= 0)
        e = try_users(o);
    return e ? o->host->error->set(err, TENON_E_UNSUPPORTED, e, "no formats of a step's own")
             : TENON_OK;
}

int
oci_ids(void *self, struct tenon_ctx *ctx, struct tenon_step_ids *out, struct tenon_error *err)
{
    struct oci *o = self;
    (void)ctx;
    if (!o->wants_users || !o->own_ids.first)
        return o->host->error->set(err, TENON_E_UNSUPPORTED, 0, "not wanted");
    int e = try_users(o);
    if (!e)
        e = requests_try();
    if (!e)
        e = usernamespace_get(&o->own_ids, &out->users_fd);
    if (e)
        return o->host->error->set(err, TENON_E_UNSUPPORTED, e, "no user namespace for steps");
    out->first = o->own_ids.first;
    out->count = usernamespace_count(o->own_ids.first);
    out->root = 0;
    return TENON_OK;
}
