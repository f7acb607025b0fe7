/* exec/tree.c - inputs of a step as mounted trees below its temporary directory. */
#include <fcntl.h>
#include <sys/stat.h>

#include "tools/alloc.h"
#include "exec/private.h"

/* Input chain of a mount; NULL for scratch.  BUG when it was not made. */
static int
find_chain(const struct tenon_step *s, const struct tenon_op_mount *m,
           const struct tenon_chain **out, struct tenon_error *err)
{
    *out = NULL;
    if (m->input < 0)
        return 0;
    if ((uint64_t)m->input >= s->v->input_count)
        return tenon_error_set(err, TENON_E_INVALID, "mount %s: missing input %lld",
                               m->dest, (long long)m->input);
    const struct tenon_exec_input *in = &s->inputs[m->input];
    if (!in->chain)
        return tenon_error_set(err, TENON_E_BUG,
                               "mount %s: input %lld was not made a snapshot", m->dest,
                               (long long)m->input);
    *out = in->chain;
    return 0;
}

/* A frontend's process with something mounted in /run: without, the image's program may be /run,
 * and that it is missing has to be said as that.  A shell looks around, and finds what the step
 * left and no more. */
static bool
has_all_stubs(const struct tenon_step *s)
{
    const bool is_process = s->visit && s->visit->ended;
    for (size_t i = 0; is_process && i < s->op->mount_count; i++)
        if (tenon_has_prefix(s->op->mounts[i].dest, "/run/"))
            return true;
    return false;
}

int
tenon_step_tree_mount(struct tenon_step *s, const struct tenon_op_mount *m,
                      bool writable, struct tenon_step_tree *t,
                      struct tenon_error *err)
{
    static const struct tenon_chain empty;
    /* What becomes a cache's is written to the disk as it is seen. */
    const bool is_seed = !m->plugin_type && m->type == TENON_LLB_MOUNT_CACHE;
    const unsigned as_root = TENON_MOUNT_AS_ROOT | (has_all_stubs(s) ? TENON_MOUNT_VISIT : 0);
    const unsigned flags = (is_seed ? 0 : tenon_step_ids_mount_flag(s)) |
                           (m == s->root_op ? as_root : 0);
    t->fd = -1;
    if (find_chain(s, m, &t->lower, err) < 0)
        return err->code;
    struct tenon_store *store = s->engine->store;
    if (writable && tenon_snapshot_begin(store, &t->work, err) < 0)
        return err->code;
    if (!writable && tenon_store_copies(store) && tenon_snapshot_begin(store, &t->copy, err) < 0)
        return err->code;

    auto_free char *path = tenon_asprintf("%s/t%u", s->dir, s->names++);
    if (mkdir(path, 0700) < 0)
        return tenon_error_sys(err, "make %s", path);
    const struct tenon_chain *lower = t->lower ? t->lower : &empty;
    if (!writable)
        tenon_chain_mount_view(store, lower, t->copy, flags, path, err);
    else
        tenon_chain_mount_step(store, lower, t->work, flags, path, err);
    if (err->code == TENON_E_UNSUPPORTED && (flags & TENON_MOUNT_MAPPED))
        tenon_step_ids_refuse(s, err->message);
    if (err->code)
        return err->code;
    t->path = tenon_steal(&path);
    t->fd = open(t->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (t->fd < 0)
        return tenon_error_sys(err, "open %s", t->path);
    return 0;
}

void
tenon_step_tree_unmount(struct tenon_step_tree *t)
{
    if (!t->path)
        return;
    if (t->fd >= 0)
        close(t->fd);
    t->fd = -1;
    tenon_unmount(t->path);
    free(tenon_steal(&t->path));
}

void
tenon_step_tree_release(struct tenon_step_tree *t)
{
    tenon_step_tree_unmount(t);
    tenon_snapshot_discard(tenon_steal(&t->work));
    tenon_snapshot_discard(tenon_steal(&t->copy));
}
