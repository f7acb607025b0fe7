#include <pthread.h>
#include <string.h>

#include "tools/alloc.h"
#include "exec/private.h"

/* Locked by the mutex; a process runs one build, so it grows with the number
 * of cache mounts in one build file. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char **dropped;

static bool
first_time(const char *build, const char *id, bool seeded)
{
    auto_free char *name = tenon_asprintf("%s %s%s", build ? build : "", id,
                                          seeded ? TENON_CACHE_SEEDED : "");
    pthread_mutex_lock(&lock);
    bool is_first = true;
    for (char **d = dropped; d && *d; d++)
        if (!strcmp(*d, name))
            is_first = false;
    if (is_first)
        tenon_strv_push(&dropped, tenon_steal(&name));
    pthread_mutex_unlock(&lock);
    return is_first;
}

int
tenon_step_drop_caches(struct tenon_step *s, struct tenon_error *err)
{
    if (!s->v->ignore_cache)
        return 0;
    for (size_t i = 0; i < s->op->mount_count; i++) {
        const struct tenon_op_mount *m = &s->op->mounts[i];
        if (m->plugin_type || m->type != TENON_LLB_MOUNT_CACHE ||
            !first_time(s->engine->build_id, m->cache_id, m->input >= 0))
            continue;
        if (tenon_cache_mount_drop(s->engine->store, m->cache_id, m->input >= 0, err) == 0)
            continue;
        if (err->code != TENON_E_NOT_FOUND)
            return tenon_error_context(err, "empty the cache \"%s\"", m->cache_id);
        tenon_error_release(err);
    }
    return 0;
}
