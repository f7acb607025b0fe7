/* exec/container.c - a sandbox for several processes, as frontends have them: its root and mounts
 * are made once, and the first process is what the others join. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include "base/ids.h"
#include "plugin/plugins.h"
#include "tools/alloc.h"
#include "tools/path.h"
#include "exec/entitlements.h"
#include "exec/private.h"

struct tenon_exec_container {
    struct tenon_step step; /* immutable once it is there: its root, mounts and their variables */
    struct tenon_module *executor;
    pthread_mutex_t lock; /* of the following */
    char *id;             /* of the first process; NULL: none yet */
    bool ended;           /* it has */
    unsigned works;       /* directories made for the executor */
    int ready_fd;         /* readable once it runs, or has ended */
};

/* ---- the sandbox --------------------------------------------------------------- */

static int
make(struct tenon_exec_container *c, struct tenon_error *err)
{
    struct tenon_step *s = &c->step;
    c->ready_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (c->ready_fd < 0)
        return tenon_error_sys(err, "eventfd");
    if (tenon_step_set_up(s, &c->executor, err) < 0)
        return err->code;
    tenon_step_ids_enter(s);
    int rc = tenon_step_open_root(s, err);
    if (rc == 0)
        rc = tenon_step_furnish(s, err);
    tenon_step_ids_leave(s, err);
    return rc;
}

/* Again: not with ids of its own. */
static int
try(struct tenon_engine *engine, struct tenon_ctx *ctx, const struct tenon_vertex *v,
    const struct tenon_exec_input *inputs, bool has_machine_ids,
    struct tenon_exec_container **out, bool *again, struct tenon_error *err)
{
    struct tenon_exec_container *c = tenon_new0(struct tenon_exec_container);
    pthread_mutex_init(&c->lock, NULL);
    c->ready_fd = -1;
    c->step = (struct tenon_step){
        .engine = engine,
        .ctx = ctx,
        .v = v,
        .op = &v->op.exec,
        .inputs = inputs,
        .root = { .fd = -1 },
        .rootfd = -1,
        .has_machine_ids = has_machine_ids,
    };
    *again = false;
    if (make(c, err) < 0) {
        *again = c->step.wants_machine_ids;
        tenon_exec_container_free(c);
        return err->code;
    }
    *out = c;
    return 0;
}

int
tenon_exec_container_new(struct tenon_engine *engine, struct tenon_ctx *ctx,
                         const struct tenon_vertex *v, const struct tenon_exec_input *inputs,
                         struct tenon_exec_container **out, struct tenon_error *err)
{
    bool again;
    /* A process may turn out to be insecure, and those have the machine's. */
    const bool may_be_insecure = tenon_entitlement_has(engine, "security.insecure");
    int rc = try(engine, ctx, v, inputs, may_be_insecure, out, &again, err);
    if (!again)
        return rc;
    tenon_error_release(err);
    return try(engine, ctx, v, inputs, true, out, &again, err);
}

void
tenon_exec_container_free(struct tenon_exec_container *c)
{
    if (!c)
        return;
    tenon_step_release(&c->step);
    if (c->ready_fd >= 0)
        close(c->ready_fd);
    pthread_mutex_destroy(&c->lock);
    free(c->id);
    free(c);
}

/* ---- processes ----------------------------------------------------------------- */

struct running { /* one of them */
    struct tenon_exec_container *c;
    const struct tenon_exec_process *how;
    bool is_first;
};

/* The first process runs, or never will. */
static void
ready(const struct tenon_exec_container *c)
{
    eventfd_write(c->ready_fd, 1);
}

static void
started(void *data)
{
    const struct running *r = data;
    if (r->is_first)
        ready(r->c);
    r->how->started(r->how->data);
}

static int
await_first(struct tenon_exec_container *c, struct tenon_ctx *ctx, struct tenon_error *err)
{
    struct pollfd fds[2] = {
        { .fd = c->ready_fd, .events = POLLIN },
        { .fd = tenon_cancel_fd(tenon_ctx_cancel(ctx)), .events = POLLIN },
    };
    while (poll(fds, 2, -1) < 0)
        if (errno != EINTR)
            return tenon_error_sys(err, "poll");
    if (tenon_cancel_check(tenon_ctx_cancel(ctx), err) < 0)
        return err->code;
    pthread_mutex_lock(&c->lock);
    const bool ended = c->ended;
    pthread_mutex_unlock(&c->lock);
    if (ended)
        return tenon_error_set(err, TENON_E_NOT_FOUND,
                               "the container's first process has ended");
    return 0;
}

/* What the process says of itself, in what the container is. */
static struct tenon_op_exec
merged(const struct tenon_exec_container *c, const struct tenon_vertex *v)
{
    const struct tenon_op_exec *sandbox = c->step.op;
    struct tenon_op_exec op = v->op.exec;
    op.mounts = sandbox->mounts;
    op.mount_count = sandbox->mount_count;
    op.network = sandbox->network;
    op.hostname = sandbox->hostname;
    op.extra_hosts = sandbox->extra_hosts;
    op.extra_host_count = sandbox->extra_host_count;
    op.devices = sandbox->devices; /* for the executor: what they are made of is mounted */
    op.device_count = sandbox->device_count;
    return op;
}

/* Groups that the container's devices have. */
static void
add_groups(struct tenon_step *p, const struct tenon_user *more)
{
    for (size_t i = 0; i < more->group_count; i++)
        tenon_user_add_group(&p->user, more->groups[i]);
}

static int
run_in(struct running *r, struct tenon_step *p, int32_t *status, struct tenon_error *err)
{
    struct tenon_exec_container *c = r->c;
    tenon_step_ids_enter(p);
    int rc = tenon_step_user(p, r->is_first, err);
    if (rc == 0) {
        add_groups(p, &c->step.user);
        rc = tenon_step_env(p, err);
    }
    tenon_step_ids_leave(p, err);
    if (rc < 0)
        return rc;
    /* Its directory has been made. Before it nothing runs in there. */
    if (r->is_first && tenon_step_seal(&c->step, err) < 0)
        return err->code;
    pthread_mutex_lock(&c->lock);
    auto_free char *work = tenon_asprintf("work%u", c->works++);
    pthread_mutex_unlock(&c->lock);
    const struct tenon_step_launch how = {
        .id = r->how->id,
        .work = work,
        .join = r->is_first ? NULL : c->id, /* which does not change any more */
        .started = started,
        .data = r,
    };
    return tenon_step_run_executor(p, c->executor, &how, status, err);
}

static int
prepare_and_run(struct running *r, struct tenon_ctx *ctx, int32_t *status,
                struct tenon_error *err)
{
    struct tenon_exec_container *c = r->c;
    const struct tenon_op_exec op = merged(c, r->how->v);
    struct tenon_step p = {
        .engine = c->step.engine,
        .ctx = ctx,
        .v = c->step.v, /* limits are the container's */
        .op = &op,
        .dir = c->step.dir,
        .root = c->step.root,
        .rootfd = c->step.rootfd,
        .stdio = r->how->stdio,
        .ids = c->step.ids, /* whoever joins has to find the same */
        .machine = c->step.machine,
        .emulated = c->step.emulated,
        .emulator = c->step.emulator,
    };
    int rc = tenon_step_check_command(&p, err);
    if (rc == 0 && !r->is_first)
        rc = await_first(c, ctx, err);
    if (rc < 0)
        return rc;
    p.list.items = c->step.list.items; /* borrowed, as what else is the container's */
    p.list.len = c->step.list.len;
    for (char **e = c->step.env; e && *e; e++)
        tenon_step_env_add(&p, *e);
    rc = run_in(r, &p, status, err);
    tenon_user_release(&p.user);
    for (char **e = p.env; e && *e; e++)
        explicit_bzero(*e, strlen(*e)); /* may hold secrets */
    tenon_strv_free(p.env);
    free(p.why);
    return rc;
}

bool
tenon_exec_container_claim(struct tenon_exec_container *c, const char *id)
{
    pthread_mutex_lock(&c->lock);
    if (!c->id)
        c->id = tenon_strdup(id);
    const bool is_first = !strcmp(c->id, id);
    pthread_mutex_unlock(&c->lock);
    return is_first;
}

void
tenon_exec_container_ended(struct tenon_exec_container *c, const char *id)
{
    if (!tenon_exec_container_claim(c, id))
        return;
    pthread_mutex_lock(&c->lock);
    c->ended = true;
    pthread_mutex_unlock(&c->lock);
    ready(c);
}

int
tenon_exec_container_run(struct tenon_exec_container *c, struct tenon_ctx *ctx,
                         const struct tenon_exec_process *how, int32_t *status,
                         struct tenon_error *err)
{
    const struct tenon_executor_ops *ops = c->executor->plugin.ops.executor;
    struct running r = { c, how, .is_first = tenon_exec_container_claim(c, how->id) };
    if (!r.is_first && !TENON_HAS(struct tenon_executor_ops, ops, join))
        return tenon_error_set(err, TENON_E_UNSUPPORTED,
                               "executor \"%s\": one process a container",
                               c->step.engine->executor);
    int rc = prepare_and_run(&r, ctx, status, err);
    tenon_exec_container_ended(c, how->id);
    return rc;
}

int
tenon_exec_container_signal(struct tenon_exec_container *c, const char *id, int number,
                            struct tenon_error *err)
{
    const struct tenon_executor_ops *ops = c->executor->plugin.ops.executor;
    if (!TENON_HAS(struct tenon_executor_ops, ops, signal))
        return tenon_error_set(err, TENON_E_UNSUPPORTED, "executor \"%s\": sends no signals",
                               c->step.engine->executor);
    tenon_module_enter(c->executor, "signal");
    int rc = ops->signal(c->executor->self, id, number, err);
    tenon_module_leave(c->executor);
    return tenon_module_check(c->executor, "signal", rc, err);
}

/* ---- files --------------------------------------------------------------------- */

static const char *
place_of(const struct tenon_exec_container *c, const char *target)
{
    auto_free char *clean = tenon_path_join("/", target);
    if (!strcmp(clean, "/"))
        return c->step.root.path;
    tenon_vec_foreach(m, &c->step.mounts)
        if (!m->covered && m->is_dir && m->source && !strcmp(m->target, clean))
            return m->source;
    return NULL;
}

void
tenon_exec_container_owner(const struct tenon_exec_container *c, uint32_t *uid, uint32_t *gid)
{
    tenon_step_id_inside(&c->step.ids, uid);
    tenon_step_id_inside(&c->step.ids, gid);
}

int
tenon_exec_container_root(struct tenon_exec_container *c, const char *target,
                          struct tenon_error *err)
{
    const char *place = place_of(c, target);
    if (!place)
        return tenon_error_set(err, TENON_E_NOT_FOUND, "no directory is mounted at %s", target);
    int fd = open(place, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? tenon_error_sys(err, "open %s", place) : fd;
}
