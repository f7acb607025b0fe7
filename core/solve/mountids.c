/* solve/mountids.c - which cache mounts a step has. */
#include "solve/cache.h"
#include "solve/private.h"

/* With mode=, uid= or gid= a mount begins as the directory that a vertex makes: what it is named
 * after, or NULL. */
static char *
seed_of_mount(const struct tenon_vertex *v, const struct tenon_op_mount *m)
{
    const struct tenon_vertex *from = m->input < 0 ? NULL : v->inputs[m->input].vertex;
    const struct tenon_op_file *file = from ? &from->op.file : NULL;
    const struct tenon_op_action *a;

    if (!from || from->op.type != TENON_OP_FILE || !file->count)
        return NULL;
    a = &file->actions[file->count - 1];
    if (a->type != TENON_FILE_MKDIR || !tenon_streq(a->dest, m->selector) ||
        a->user.how == TENON_USER_NAME || a->group.how == TENON_USER_NAME)
        return NULL;
    return tenon_asprintf("%u:%u:%04o", a->user.id, a->group.id, (unsigned)a->mode & 07777);
}

void
vertex_mount_ids(const struct tenon_vertex *v, char ***ids)
{
    const struct tenon_op_exec *x = &v->op.exec;

    for (size_t i = 0; i < x->mount_count; i++) {
        const struct tenon_op_mount *m = &x->mounts[i];
        if (m->plugin_type || m->type != TENON_LLB_MOUNT_CACHE)
            continue;
        auto_free char *seed = seed_of_mount(v, m);
        if (m->input >= 0 && !seed)
            continue; /* a copy of something, which stays where it was made */
        char *id = seed ? tenon_asprintf("%s" TENON_CACHE_SEEDED TENON_CACHE_EMPTY "%s",
                                         m->cache_id, seed)
                        : tenon_strdup(m->cache_id);
        bool known = false;
        for (char **p = *ids; !known && p && *p; p++)
            known = tenon_streq(*p, id);
        if (known)
            free(id);
        else
            tenon_strv_push(ids, id);
    }
}
