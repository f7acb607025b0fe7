/* exec/stepids.c - the ids that a step has on the machine.
 *
 * Root's steps have some of their own, where the executor has them and the store can be mapped
 * to them: on disk and in the step every id is what it was, on the machine none is a user's.
 * What turns up later and cannot be mapped (a file system that a plugin mounts, a user with an
 * id out of range) makes the step start again with the machine's ids. */
#include <fcntl.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/ids.h"
#include "base/log.h"
#include "exec/private.h"

void
tenon_step_ids_choose(struct tenon_step *s, struct tenon_module *executor)
{
    auto_error struct tenon_error why = TENON_ERROR_INIT;
    struct tenon_step_ids ids = { .struct_size = sizeof ids, .users_fd = -1 };
    const struct tenon_executor_ops *ops = executor->plugin.ops.executor;
    /* Nodes of granted devices are the machine's, and so are their owners. */
    if (s->has_machine_ids || !ops->ids || s->engine->rootless || s->op->security ||
        s->op->device_count)
        return;
    tenon_module_enter(executor, "ids");
    int rc = ops->ids(executor->self, s->ctx, &ids, &why);
    tenon_module_leave(executor);
    rc = tenon_module_check(executor, "ids", rc, &why);
    if (rc == 0)
        rc = tenon_store_map(s->engine->store, ids.users_fd, ids.first, ids.root, &why);
    if (rc < 0) {
        tenon_step_ids_refuse(s, why.message);
        return;
    }
    s->ids = ids;
}

void
tenon_step_ids_refuse(struct tenon_step *s, const char *why)
{
    s->wants_machine_ids = s->ids.first != 0;
    tenon_log(TENON_LOG_DEBUG, "steps have no ids of their own: %s", why ? why : "");
}

bool
tenon_step_ids_have(const struct tenon_step *s, uint32_t uid, uint32_t gid)
{
    return !s->ids.first || (uid < s->ids.count && gid < s->ids.count);
}

uint32_t
tenon_step_id_outside(const struct tenon_step *s, uint32_t id)
{
    return id ? s->ids.first + id : s->ids.root;
}

bool
tenon_step_id_inside(const struct tenon_step_ids *ids, uint32_t *id)
{
    if (!ids->first)
        return true;
    *id = *id == ids->root ? 0 : *id - ids->first;
    return *id < ids->count;
}

void
tenon_step_ids_enter(const struct tenon_step *s)
{
    if (s->ids.root)
        tenon_ids_act_as(s->ids.root);
}

void
tenon_step_ids_leave(struct tenon_step *s, const struct tenon_error *err)
{
    if (s->ids.root)
        tenon_ids_act_as(0);
    /* Nobody but the machine's root may write where a directory is of an owner that has no place
     * among the step's. */
    if (err->code < 0 && s->ids.first &&
        (err->sys == EACCES || err->sys == EPERM || err->sys == EOVERFLOW))
        tenon_step_ids_refuse(s, err->message);
}

unsigned
tenon_step_ids_mount_flag(const struct tenon_step *s)
{
    return s->ids.first ? TENON_MOUNT_MAPPED : 0;
}

static bool
is_mount_of(int fd, int tree_fd)
{
    struct statx a, b;
    return tree_fd >= 0 && statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &a) == 0 &&
           statx(tree_fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &b) == 0 &&
           a.stx_mnt_id == b.stx_mnt_id;
}

int
tenon_step_ids_map(struct tenon_step *s, int mount_fd, int fd, int tree_fd,
                   struct tenon_error *err)
{
    struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP,
                               .userns_fd = (uint64_t)s->ids.users_fd };
    if (!s->ids.first || is_mount_of(fd, tree_fd) ||
        syscall(SYS_mount_setattr, mount_fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr,
                sizeof attr) == 0)
        return 0;
    tenon_error_sys(err, "map the ids of a mount");
    tenon_step_ids_refuse(s, err->message);
    return err->code;
}
