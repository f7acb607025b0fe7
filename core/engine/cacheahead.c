/* engine/cacheahead.c - see cacheahead.h. */
#include "engine/cacheahead.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include "base/log.h"
#include "context/engine.h"
#include "engine/onecache.h"
#include "image/assemble.h"
#include "plugin/plugins.h"
#include "tools/alloc.h"

struct target { /* one --cache-to */
    struct tenon_module *module;
    struct tenon_values *values;
    char **sent;  /* digests */
    bool given_up; /* the export at the end says why */
    struct tenon_ctx *ctx; /* shown, since something was sent; NULL: nothing was */
    char digest[72];
};

struct tenon_ahead {
    struct tenon_build *build;
    struct tenon_cancel *cancel;
    TENON_VEC(struct target) targets;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t more;
    TENON_VEC(struct tenon_chain) todo; /* locked by lock, as is stop */
    bool stop;
    bool ended; /* the thread has */
};

static bool
is_sent(struct target *t, const char *digest)
{
    for (char **p = t->sent; p && *p; p++)
        if (!strcmp(*p, digest))
            return true;
    tenon_strv_push(&t->sent, tenon_strdup(digest));
    return false;
}

static void
show(struct tenon_ahead *a, struct target *t)
{
    const char *title = t->module->plugin.ops.cache->title;
    auto_free char *name =
        tenon_asprintf("%s, while steps run", title ? title : "exporting cache");
    if (!t->ctx)
        t->ctx = tenon_cache_start(a->build, a->cancel, name, t->digest);
}

static int
send_layer(struct tenon_ahead *a, struct target *t, const struct tenon_snapshot_blob *b,
           struct tenon_error *err)
{
    const struct tenon_descriptor d = { .struct_size = sizeof d, .size = b->size,
                                        .media_type = b->media_type, .digest = b->digest.str };
    struct tenon_module *m = t->module;
    show(a, t);
    tenon_module_enter(m, "send");
    const int rc = m->plugin.ops.cache->send(m->self, t->ctx, t->values, &d, err);
    tenon_module_leave(m);
    return tenon_module_check(m, "send", rc, err);
}

static bool
stops(struct tenon_ahead *a)
{
    pthread_mutex_lock(&a->lock);
    const bool stop = a->stop;
    pthread_mutex_unlock(&a->lock);
    return stop;
}

static int
send_chain(struct tenon_ahead *a, struct target *t, const struct tenon_chain *chain,
           struct tenon_error *err)
{
    const struct tenon_image_options o = {
        .compression = tenon_values_string(t->values, "compression"),
        .level = (int)tenon_values_int(t->values, "compression-level"),
        .force_compression = tenon_values_bool(t->values, "force-compression"),
        .cancel = a->cancel,
    };
    struct tenon_image_layer *layers = NULL;
    if (tenon_image_layers(a->build->engine->store, chain, &o, &layers, err) < 0)
        return err->code;
    int rc = 0;
    for (size_t i = 0; i < chain->len && rc == 0 && !stops(a); i++)
        if (!is_sent(t, layers[i].blob.digest.str))
            rc = send_layer(a, t, &layers[i].blob, err);
    tenon_image_layers_free(layers, chain->len);
    return rc;
}

static bool
next(struct tenon_ahead *a, struct tenon_chain *chain)
{
    pthread_mutex_lock(&a->lock);
    while (!a->stop && !a->todo.len)
        pthread_cond_wait(&a->more, &a->lock);
    const bool go = !a->stop;
    if (go) { /* the one that was made first */
        *chain = a->todo.items[0];
        memmove(a->todo.items, a->todo.items + 1, --a->todo.len * sizeof *a->todo.items);
    }
    pthread_mutex_unlock(&a->lock);
    return go;
}

static void *
work(void *data)
{
    struct tenon_ahead *a = data;
    struct tenon_chain chain;
    while (next(a, &chain)) {
        tenon_vec_foreach(t, &a->targets) {
            auto_error struct tenon_error err = TENON_ERROR_INIT;
            if (t->given_up || send_chain(a, t, &chain, &err) == 0)
                continue;
            t->given_up = true;
            tenon_log(TENON_LOG_DEBUG, "nothing more is sent ahead to cache %s: %s",
                      t->module->plugin.name, err.message ? err.message : "");
        }
        tenon_chain_release(&chain);
    }
    return NULL;
}

static void
add_target(struct tenon_ahead *a, const struct tenon_export *x)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT; /* the export says it */
    auto_values struct tenon_values *values = NULL;
    struct tenon_module *m;
    if (tenon_cache_open(a->build, x, &m, &values, &ignored) < 0 ||
        !m->plugin.ops.cache->send || !tenon_streq(tenon_values_string(values, "mode"), "max"))
        return;
    tenon_vec_push(&a->targets, (struct target){ .module = m, .values = tenon_steal(&values) });
}

void
tenon_ahead_free(struct tenon_ahead *a)
{
    if (!a)
        return;
    tenon_vec_foreach(t, &a->targets) {
        tenon_values_free(t->values);
        tenon_strv_free(t->sent);
    }
    tenon_vec_release(&a->targets);
    tenon_vec_foreach(chain, &a->todo)
        tenon_chain_release(chain);
    tenon_vec_release(&a->todo);
    tenon_cancel_free(a->cancel);
    pthread_cond_destroy(&a->more);
    pthread_mutex_destroy(&a->lock);
    free(a);
}

struct tenon_ahead *
tenon_ahead_new(struct tenon_build *b, const struct tenon_build_request *req)
{
    struct tenon_ahead *a = tenon_new0(struct tenon_ahead);
    sigset_t all, old;
    a->build = b;
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->more, NULL);
    a->cancel = tenon_cancel_new(b->engine->cancel);
    for (size_t i = 0; i < req->cache_to_count; i++)
        add_target(a, &req->cache_to[i]);
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    const bool none = !a->cancel || !a->targets.len || pthread_create(&a->thread, NULL, work, a);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (!none)
        return a;
    tenon_ahead_free(a);
    return NULL;
}

void
tenon_ahead_made(void *ahead, const struct tenon_chain *chain, bool apart)
{
    struct tenon_ahead *a = ahead;
    /* what rests on caches that a frontend named is not sent on in the user's name */
    if (!chain->len || (apart && atomic_load(&a->build->has_guests)))
        return;
    pthread_mutex_lock(&a->lock);
    if (!a->stop) {
        struct tenon_chain *to = tenon_vec_add(&a->todo);
        tenon_chain_copy(to, chain);
        pthread_cond_signal(&a->more);
    }
    pthread_mutex_unlock(&a->lock);
}

void
tenon_ahead_end(struct tenon_ahead *a, bool failed)
{
    if (!a || a->ended)
        return;
    a->ended = true;
    pthread_mutex_lock(&a->lock);
    a->stop = true;
    pthread_cond_signal(&a->more);
    pthread_mutex_unlock(&a->lock);
    if (failed)
        tenon_cancel_fire(a->cancel);
    pthread_join(a->thread, NULL);
    tenon_vec_foreach(t, &a->targets) {
        if (!t->ctx)
            continue;
        tenon_ctx_free(t->ctx);
        tenon_events_done(a->build->engine->events, t->digest, false, NULL, failed);
        t->ctx = NULL;
    }
}
