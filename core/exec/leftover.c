/* exec/leftover.c - what steps that failed left in their mounts, and file operations in their
 * trees, for frontends that look into it: of some, as long as the build lasts. */
#include "exec/exec.h"

#include <pthread.h>
#include <string.h>

#include "base/log.h"
#include "context/kept.h"
#include "exec/private.h"
#include "tools/alloc.h"

struct leftovers {
    pthread_mutex_t lock; /* of the following */
    bool wanted;
    TENON_VEC(struct tenon_remains) steps; /* an entry does not change any more */
};

static void *
leftovers_new(struct tenon_engine *engine)
{
    struct leftovers *all = tenon_new0(struct leftovers);
    (void)engine;
    pthread_mutex_init(&all->lock, NULL);
    return all;
}

static void
release(const struct tenon_remains *l)
{
    for (size_t i = 0; i < l->count; i++)
        tenon_chain_release(&l->mounts[i]);
    free(l->mounts);
}

static void
leftovers_free(void *object)
{
    struct leftovers *all = object;
    tenon_vec_foreach(l, &all->steps)
        release(l);
    tenon_vec_release(&all->steps);
    pthread_mutex_destroy(&all->lock);
    free(all);
}

static const struct tenon_kept_kind leftovers_kind = { leftovers_new, leftovers_free };

/* With the lock. */
static const struct tenon_remains *
find(const struct leftovers *all, const char *digest)
{
    tenon_vec_foreach(l, &all->steps)
        if (!strcmp(l->v->digest.str, digest))
            return l;
    return NULL;
}

/* With the lock. */
static bool
is_open(const struct leftovers *all, const struct tenon_vertex *v)
{
    return all->wanted && all->steps.len < TENON_LEFTOVERS_MAX && !find(all, v->digest.str);
}

void
tenon_exec_want_leftovers(struct tenon_engine *engine)
{
    struct leftovers *all = tenon_engine_kept(engine, &leftovers_kind);
    pthread_mutex_lock(&all->lock);
    all->wanted = true;
    pthread_mutex_unlock(&all->lock);
}

bool
tenon_exec_leftover(struct tenon_engine *engine, const char *digest, struct tenon_remains *out)
{
    struct leftovers *all = tenon_engine_kept(engine, &leftovers_kind);
    pthread_mutex_lock(&all->lock);
    const struct tenon_remains *l = find(all, digest);
    if (l)
        *out = *l;
    pthread_mutex_unlock(&all->lock);
    return l != NULL;
}

bool
tenon_exec_leaves(struct tenon_engine *engine, const struct tenon_vertex *v)
{
    struct leftovers *all = tenon_engine_kept(engine, &leftovers_kind);
    pthread_mutex_lock(&all->lock);
    const bool leaves = is_open(all, v);
    pthread_mutex_unlock(&all->lock);
    return leaves;
}

void
tenon_exec_leave(struct tenon_engine *engine, const struct tenon_remains *left)
{
    struct leftovers *all = tenon_engine_kept(engine, &leftovers_kind);
    pthread_mutex_lock(&all->lock);
    const bool taken = is_open(all, left->v); /* others were faster, maybe */
    if (taken)
        tenon_vec_push(&all->steps, *left);
    pthread_mutex_unlock(&all->lock);
    if (!taken)
        release(left);
}

/* What is in a tree now. */
static int
take(struct tenon_step_tree *t, const char *what, struct tenon_chain *out, struct tenon_error *err)
{
    int64_t id;
    if (t->lower)
        tenon_chain_copy(out, t->lower);
    if (!t->work)
        return 0;
    if (tenon_snapshot_commit(tenon_steal(&t->work), TENON_SNAPSHOT_FAILED, what, &id, err) < 0)
        return err->code;
    tenon_chain_append(out, id);
    return 0;
}

void
tenon_step_leave(struct tenon_step *s, const struct tenon_chain *root, const char *what)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    const size_t count = s->v->op.exec.mount_count;
    struct tenon_remains l = { s->v, tenon_calloc(count + 1, sizeof *l.mounts), count,
                                TENON_FAILURE_STEP, 0 };

    for (size_t i = 0; i < count; i++) {
        if (&s->v->op.exec.mounts[i] == s->root_op)
            tenon_chain_copy(&l.mounts[i], root);
        tenon_vec_foreach(m, &s->mounts)
            if (m->op == &s->v->op.exec.mounts[i] &&
                take(&m->tree, what, &l.mounts[i], &err) < 0)
                tenon_log(TENON_LOG_DEBUG, "what the step left in %s is not kept: %s", m->target,
                          err.message);
    }
    tenon_exec_leave(s->engine, &l);
}
