/* exec/emptycaches.c - cache mounts of a step that must not use the cache: emptied once a
 * build. */
#include <pthread.h>
#include <string.h>

#include "tools/alloc.h"
#include "context/kept.h"
#include "exec/private.h"

/* Grows with the number of cache mounts in one build file. */
struct dropped {
    pthread_mutex_t lock;
    char **names; /* locked by lock */
};

static void *
dropped_new(struct tenon_engine *engine)
{
    (void)engine;
    struct dropped *d = tenon_new0(struct dropped);
    pthread_mutex_init(&d->lock, NULL);
    return d;
}

static void
dropped_free(void *object)
{
    struct dropped *d = object;
    tenon_strv_free(d->names);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

static const struct tenon_kept_kind dropped_kind = { dropped_new, dropped_free };

static bool
first_time(struct tenon_engine *engine, const char *id, bool seeded)
{
    struct dropped *d = tenon_engine_kept(engine, &dropped_kind);
    auto_free char *name = tenon_asprintf("%s%s", id, seeded ? TENON_CACHE_SEEDED : "");
    pthread_mutex_lock(&d->lock);
    bool is_first = true;
    for (char **n = d->names; n && *n; n++)
        if (!strcmp(*n, name))
            is_first = false;
    if (is_first)
        tenon_strv_push(&d->names, tenon_steal(&name));
    pthread_mutex_unlock(&d->lock);
    return is_first;
}

bool
tenon_cache_was_emptied(struct tenon_engine *engine, const char *id)
{
    struct dropped *d = tenon_engine_kept(engine, &dropped_kind);
    pthread_mutex_lock(&d->lock);
    bool was = false;
    for (char **n = d->names; n && *n; n++)
        was = was || !strcmp(*n, id) ||
              (tenon_has_suffix(*n, TENON_CACHE_SEEDED) && tenon_has_prefix(id, *n));
    pthread_mutex_unlock(&d->lock);
    return was;
}

int
tenon_step_empty_caches(struct tenon_step *s, struct tenon_error *err)
{
    if (!s->v->meta.ignore_cache)
        return 0;
    for (size_t i = 0; i < s->op->mount_count; i++) {
        const struct tenon_op_mount *m = &s->op->mounts[i];
        if (m->plugin_type || m->type != TENON_LLB_MOUNT_CACHE ||
            !first_time(s->engine, m->cache_id, m->input >= 0))
            continue;
        if (tenon_cache_mount_drop(s->engine->store, m->cache_id, m->input >= 0, err) == 0)
            continue;
        if (err->code != TENON_E_NOT_FOUND)
            return tenon_error_context(err, "empty the cache \"%s\"", m->cache_id);
        tenon_error_release(err);
    }
    return 0;
}
