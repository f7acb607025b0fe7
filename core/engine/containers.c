/* engine/containers.c - containers of frontends: a sandbox, and the processes in it.
 *
 * A container and its processes are there until the frontend's ctx ends; what they hold (mounts,
 * processes, threads) goes when it is released. */
#include "engine/process.h"

struct tenon_container {
    struct tenon_build *build;
    struct tenon_ctx *ctx; /* of its own: what runs in it ends with that */
    struct tenon_sandbox_inputs inputs;
    pthread_mutex_t lock; /* of the following */
    pthread_cond_t idle;
    struct tenon_exec_container *exec; /* NULL: released */
    unsigned users;                    /* of exec, at work */
    TENON_VEC(struct tenon_process *) processes;
};

/* Whoever uses the sandbox keeps it; NULL: there is none any more. */
static struct tenon_exec_container *
enter(struct tenon_container *c, struct tenon_error *err)
{
    pthread_mutex_lock(&c->lock);
    struct tenon_exec_container *exec = c->exec;
    c->users += exec != NULL;
    pthread_mutex_unlock(&c->lock);
    if (!exec)
        tenon_error_set(err, TENON_E_NOT_FOUND, "the container was released");
    return exec;
}

static void
leave(struct tenon_container *c)
{
    pthread_mutex_lock(&c->lock);
    c->users--;
    pthread_cond_broadcast(&c->idle);
    pthread_mutex_unlock(&c->lock);
}

void
tenon_container_release(struct tenon_container *c)
{
    pthread_mutex_lock(&c->lock);
    struct tenon_exec_container *exec = tenon_steal(&c->exec);
    pthread_mutex_unlock(&c->lock);
    if (!exec)
        return;
    tenon_cancel_fire(tenon_ctx_cancel(c->ctx));
    pthread_mutex_lock(&c->lock);
    while (c->users)
        pthread_cond_wait(&c->idle, &c->lock);
    pthread_mutex_unlock(&c->lock);
    tenon_exec_container_free(exec);
    tenon_sandbox_inputs_release(&c->inputs);
}

static void
container_free(void *data)
{
    struct tenon_container *c = data;

    tenon_container_release(c);
    tenon_vec_foreach(p, &c->processes)
        tenon_process_free(*p);
    tenon_vec_release(&c->processes);
    tenon_sandbox_inputs_release(&c->inputs);
    tenon_ctx_free(c->ctx);
    pthread_cond_destroy(&c->idle);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

int
tenon_container_new(struct tenon_ctx *ctx, struct tenon_graph *g, struct tenon_node *n,
                    struct tenon_container **out, struct tenon_error *err)
{
    struct tenon_build *b = tenon_build_of(g);
    /* An exec op has arguments; nobody looks at these. */
    const struct tenon_vertex *v = tenon_node_set(n, "args", "container", err) < 0
                                       ? NULL
                                       : tenon_sandbox_vertex(b, n, err);

    if (!v)
        return err->code;
    struct tenon_container *c = tenon_new0(struct tenon_container);
    c->build = b;
    c->ctx = tenon_ctx_new(b->engine, b->engine->events, tenon_ctx_cancel(ctx), NULL);
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->idle, NULL);
    tenon_ctx_defer(ctx, container_free, c);
    if (tenon_sandbox_inputs_make(&c->inputs, b, tenon_ctx_cancel(c->ctx), v, err) < 0 ||
        tenon_exec_container_new(b->engine, c->ctx, v, c->inputs.inputs, &c->exec, err) < 0)
        return err->code;
    *out = c;
    return TENON_OK;
}

/* ---- processes ----------------------------------------------------------------------------- */

/* An exec op has a root; that of the container counts. */
static const struct tenon_vertex *
process_vertex(struct tenon_container *c, struct tenon_node *n, struct tenon_error *err)
{
    struct tenon_node *root = tenon_node_part(n, "mount", err);

    if (!root || tenon_node_set(root, "dest", "/", err) < 0)
        return NULL;
    const struct tenon_vertex *v = tenon_sandbox_vertex(c->build, n, err);
    if (v && v->op.exec.mount_count > 1) {
        tenon_error_set(err, TENON_E_INVALID, "a process of a container has no mounts");
        return NULL;
    }
    return v;
}

int
tenon_container_start(struct tenon_container *c, struct tenon_node *n, const int32_t stdio[3],
                      struct tenon_process **out, struct tenon_error *err)
{
    struct tenon_exec_container *exec = enter(c, err);
    const struct tenon_process_place place = { c, exec, leave };
    struct tenon_process *p =
        tenon_process_new(c->build, tenon_ctx_cancel(c->ctx), &place, stdio);
    const struct tenon_vertex *v = exec ? process_vertex(c, n, err) : NULL;

    if (v)
        tenon_exec_container_claim(exec, p->id);
    if (v && tenon_process_launch(p, v, err) < 0)
        tenon_exec_container_ended(exec, p->id);
    if (err->code) {
        tenon_process_free(p);
        if (exec)
            leave(c);
        return err->code;
    }
    pthread_mutex_lock(&c->lock);
    tenon_vec_push(&c->processes, p);
    pthread_mutex_unlock(&c->lock);
    *out = p;
    return TENON_OK;
}

int
tenon_process_signal(struct tenon_process *p, int32_t number, struct tenon_error *err)
{
    if (!p->place.exec)
        return tenon_error_set(err, TENON_E_UNSUPPORTED, "a signal to a process of no container");
    struct tenon_exec_container *exec = enter(p->place.container, err);
    if (!exec)
        return err->code;
    pthread_mutex_lock(&p->lock);
    while (!p->runs && !p->over)
        pthread_cond_wait(&p->changed, &p->lock);
    pthread_mutex_unlock(&p->lock);
    int rc = tenon_exec_container_signal(exec, p->id, number, err);
    leave(p->place.container);
    return rc;
}

void
tenon_container_owner(struct tenon_container *c, uint32_t *uid, uint32_t *gid)
{
    auto_error struct tenon_error released = TENON_ERROR_INIT;
    struct tenon_exec_container *exec = enter(c, &released);

    if (!exec)
        return;
    tenon_exec_container_owner(exec, uid, gid);
    leave(c);
}

int
tenon_container_root(struct tenon_container *c, const char *target, struct tenon_error *err)
{
    struct tenon_exec_container *exec = enter(c, err);

    if (!exec)
        return err->code;
    int fd = tenon_exec_container_root(exec, target, err);
    leave(c);
    return fd;
}
