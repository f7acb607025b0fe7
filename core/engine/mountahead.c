/* engine/mountahead.c - see mountahead.h. */
#include "engine/mountahead.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "base/log.h"
#include "context/engine.h"
#include "engine/mountoffer.h"
#include "engine/onecache.h"
#include "store/store.h"
#include "tools/alloc.h"

struct tenon_mount_ahead {
    struct tenon_build *build;
    struct tenon_cancel *cancel;
    char **seen; /* ids; the loop's */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t more;
    TENON_VEC(char *) todo; /* locked by lock, as is stop */
    bool stop;
};

static void
bring(struct tenon_mount_ahead *m, const char *id)
{
    struct tenon_build *b = m->build;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    const struct tenon_mount_offer *o = tenon_mount_offer_wanted(b->engine, id);
    char digest[72];
    if (!o)
        return;
    auto_free char *place = tenon_mount_offer_place(o);
    if (tenon_cache_mount_exists(b->engine->store, place))
        return; /* from an earlier build */
    auto_free char *shown = tenon_mount_shown(id);
    auto_free char *name = tenon_asprintf("importing cache mount %s from %s", shown,
                                          tenon_cache_place(o->cache));
    struct tenon_ctx *ctx = tenon_cache_start(b, m->cancel, name, digest);
    const int rc = tenon_mount_offer_bring(o, ctx, &err);
    tenon_ctx_free(ctx);
    if (rc < 0)
        tenon_log(TENON_LOG_DEBUG, "%s: left to the step: %s", name, err.message);
    tenon_events_done(b->engine->events, digest, false, NULL, false);
}

static char *
next(struct tenon_mount_ahead *m)
{
    char *id = NULL;
    pthread_mutex_lock(&m->lock);
    while (!m->stop && !m->todo.len)
        pthread_cond_wait(&m->more, &m->lock);
    if (!m->stop) { /* in the order of the step's mounts */
        id = m->todo.items[0];
        memmove(m->todo.items, m->todo.items + 1, --m->todo.len * sizeof *m->todo.items);
    }
    pthread_mutex_unlock(&m->lock);
    return id;
}

static void *
work(void *data)
{
    struct tenon_mount_ahead *m = data;
    for (char *id; (id = next(m)) != NULL; free(id))
        bring(m, id);
    return NULL;
}

static void
ahead_free(struct tenon_mount_ahead *m)
{
    tenon_vec_foreach(id, &m->todo)
        free(*id);
    tenon_vec_release(&m->todo);
    tenon_strv_free(m->seen);
    tenon_cancel_free(m->cancel);
    pthread_cond_destroy(&m->more);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

static struct tenon_mount_ahead *
ahead_new(struct tenon_build *b)
{
    struct tenon_mount_ahead *m = tenon_new0(struct tenon_mount_ahead);
    sigset_t all, old;
    m->build = b;
    m->cancel = tenon_cancel_new(b->engine->cancel);
    pthread_mutex_init(&m->lock, NULL);
    pthread_cond_init(&m->more, NULL);
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    const bool runs = m->cancel && pthread_create(&m->thread, NULL, work, m) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (runs)
        return m;
    ahead_free(m); /* the step brings it */
    return NULL;
}

static bool
is_seen(struct tenon_mount_ahead *m, const char *id)
{
    for (char **p = m->seen; p && *p; p++)
        if (tenon_streq(*p, id))
            return true;
    tenon_strv_push(&m->seen, tenon_strdup(id));
    return false;
}

void
tenon_mount_ahead_want(void *build, char *const *ids)
{
    struct tenon_build *b = build;
    for (char *const *id = ids; id && *id; id++) {
        size_t from = 0;
        if (!tenon_mount_offer_find(b, *id, &from))
            continue;
        if (!b->mount_ahead && !(b->mount_ahead = ahead_new(b)))
            return;
        struct tenon_mount_ahead *m = b->mount_ahead;
        if (is_seen(m, *id))
            continue;
        pthread_mutex_lock(&m->lock);
        tenon_vec_push(&m->todo, tenon_strdup(*id));
        pthread_cond_signal(&m->more);
        pthread_mutex_unlock(&m->lock);
    }
}

void
tenon_mount_ahead_end(struct tenon_build *b)
{
    struct tenon_mount_ahead *m = b->mount_ahead;
    if (!m)
        return;
    b->mount_ahead = NULL;
    pthread_mutex_lock(&m->lock);
    m->stop = true;
    pthread_cond_signal(&m->more);
    pthread_mutex_unlock(&m->lock);
    tenon_cancel_fire(m->cancel);
    pthread_join(m->thread, NULL);
    ahead_free(m);
}
