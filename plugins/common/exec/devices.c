/* common/exec/devices.c - see devices.h. */
#include "devices.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/mount.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"
#include "cgroup.h"
#include "groupprogram.h"
#include "ports.h"
#include "profile.h"

/* ---- the program ---------------------------------------------------------------- */

struct code {
    struct bpf_insn *list;
    size_t len, cap;
};

static void
emit(struct code *c, struct bpf_insn insn)
{
    if (c->len == c->cap) {
        c->cap = c->cap ? 2 * c->cap : 64;
        c->list = tenon_reallocarray(c->list, c->cap, sizeof *c->list);
    }
    c->list[c->len++] = insn;
}

static void
emit_load(struct code *c, uint8_t reg, int16_t offset)
{
    emit(c, (struct bpf_insn){ .code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = reg,
                               .src_reg = BPF_REG_1, .off = offset });
}

/* reg OP= value, in 32 bits */
static void
emit_alu(struct code *c, uint8_t op, uint8_t reg, int32_t value)
{
    emit(c, (struct bpf_insn){ .code = (uint8_t)(BPF_ALU | op | BPF_K), .dst_reg = reg,
                               .imm = value });
}

static void
emit_skip_unless(struct code *c, uint8_t reg, uint32_t value, int16_t count)
{
    emit(c, (struct bpf_insn){ .code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = reg, .off = count,
                               .imm = (int32_t)value });
}

static void
emit_return(struct code *c, bool allow)
{
    emit(c, (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0,
                               .imm = allow });
    emit(c, (struct bpf_insn){ .code = BPF_JMP | BPF_EXIT });
}

enum { TYPE = BPF_REG_2, ACCESS = BPF_REG_3, MAJOR = BPF_REG_4, MINOR = BPF_REG_5 };

static void
emit_rule(struct code *c, uint32_t type, uint32_t major_number, int64_t minor_number)
{
    bool any = minor_number < 0;
    emit_skip_unless(c, TYPE, type, any ? 3 : 4);
    emit_skip_unless(c, MAJOR, major_number, any ? 2 : 3);
    if (!any)
        emit_skip_unless(c, MINOR, (uint32_t)minor_number, 2);
    emit_return(c, true);
}

static void
emit_granted(struct code *c, const struct tenon_exec *x)
{
    for (size_t i = 0; x && i < x->mount_count; i++) {
        struct stat st;
        if ((x->mounts[i]->flags & TENON_MOUNT_DEVICE) && fstat(x->mounts[i]->fd, &st) == 0 &&
            (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)))
            emit_rule(c, S_ISCHR(st.st_mode) ? BPF_DEVCG_DEV_CHAR : BPF_DEVCG_DEV_BLOCK,
                      major(st.st_rdev), minor(st.st_rdev));
    }
}

/* What runtimes allow by themselves: any node can be made, few be opened. */
static void
emit_all(struct code *c, const struct tenon_exec *x)
{
    emit_load(c, TYPE, offsetof(struct bpf_cgroup_dev_ctx, access_type));
    emit(c, (struct bpf_insn){ .code = BPF_ALU | BPF_MOV | BPF_X, .dst_reg = ACCESS,
                               .src_reg = TYPE });
    emit_alu(c, BPF_AND, TYPE, 0xffff);
    emit_alu(c, BPF_RSH, ACCESS, 16);
    emit_load(c, MAJOR, offsetof(struct bpf_cgroup_dev_ctx, major));
    emit_load(c, MINOR, offsetof(struct bpf_cgroup_dev_ctx, minor));
    emit_skip_unless(c, ACCESS, BPF_DEVCG_ACC_MKNOD, 2);
    emit_return(c, true);
    for (size_t i = 0; i < profile_device_count; i++)
        emit_rule(c, BPF_DEVCG_DEV_CHAR, profile_devices[i].major, profile_devices[i].minor);
    emit_rule(c, BPF_DEVCG_DEV_CHAR, 5, 2); /* /dev/ptmx */
    emit_rule(c, BPF_DEVCG_DEV_CHAR, 136, -1); /* /dev/pts/N */
    emit_granted(c, x);
    emit_return(c, false);
}

int
devices_restrict(int group_fd, const struct tenon_exec *x, uint32_t root_id)
{
    struct code c = {0};
    emit_all(&c, x);
    const int e = groupprogram_attach(group_fd, BPF_PROG_TYPE_CGROUP_DEVICE, BPF_CGROUP_DEVICE,
                                      c.list, c.len);
    free(c.list);
    if (!e)
        (void)ports_allow(group_fd, root_id);
    return e;
}

/* ---- the group ------------------------------------------------------------------- */

/* The version 2 hierarchy, mounted nowhere.  Its directory, or -1 and errno. */
static int
open_hierarchy(void)
{
    auto_close int fs = (int)syscall(SYS_fsopen, "cgroup2", FSOPEN_CLOEXEC);
    if (fs < 0 || syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -1;
    return (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
}

static int
open_own(void)
{
    auto_close int top = open_hierarchy();
    if (top < 0)
        return -1;
    auto_free char *path = cgroup_own_v2();
    return openat(top, path ? path + 1 : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

int
devices_make(struct devices *d, const char *name, const struct tenon_exec *x, uint32_t root_id)
{
    *d = (struct devices){ .parent = -1, .procs = -1 };
    auto_close int parent = open_own();
    if (parent < 0)
        return errno;
    cgroup_sweep_in(parent);
    /* A dead process that had our number may have left one: that goes first. */
    if (mkdirat(parent, name, 0755) < 0 &&
        (errno != EEXIST || unlinkat(parent, name, AT_REMOVEDIR) < 0 ||
         mkdirat(parent, name, 0755) < 0))
        return errno;
    auto_close int dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int e = dir < 0 ? errno : devices_restrict(dir, x, root_id);
    int procs = e ? -1 : openat(dir, "cgroup.procs", O_WRONLY | O_CLOEXEC);
    if (!e && procs < 0)
        e = errno;
    if (e) {
        unlinkat(parent, name, AT_REMOVEDIR);
        return e;
    }
    *d = (struct devices){ tenon_strdup(name), tenon_steal_fd(&parent), procs };
    return 0;
}

void
devices_release(struct devices *d)
{
    if (d->procs >= 0) {
        close(d->procs);
        unlinkat(d->parent, d->name, AT_REMOVEDIR);
        close(d->parent);
    }
    free(d->name);
    *d = (struct devices){ .parent = -1, .procs = -1 };
}

/* ---- of a step ------------------------------------------------------------------- */

static bool
was_granted_devices(const struct tenon_exec *x)
{
    for (size_t i = 0; i < x->mount_count; i++)
        if (x->mounts[i]->flags & TENON_MOUNT_DEVICE)
            return true;
    return false;
}

int
devices_of_step(struct devices_pool *pool, const struct tenon_exec *x, struct devices *own,
                int *procs)
{
    if (was_granted_devices(x)) {
        /* Not the step's name, which is that of the group with its limits. */
        auto_free char *name = tenon_asprintf("%s-granted", x->id);
        int e = devices_make(own, name, x, pool->root_id);
        *procs = own->procs;
        return e;
    }
    pthread_mutex_lock(&pool->lock);
    if (!pool->is_made) {
        auto_free char *name = tenon_asprintf("tenon-%ld-" CGROUP_DEVICES "-%llu", (long)getpid(),
                                              (unsigned long long)cgroup_pid_namespace());
        pool->why_none = devices_make(&pool->common, name, NULL, pool->root_id);
        pool->is_made = true;
    }
    *procs = pool->common.procs;
    int e = pool->why_none;
    pthread_mutex_unlock(&pool->lock);
    return e;
}

void
devices_pool_release(struct devices_pool *pool)
{
    if (pool->is_made)
        devices_release(&pool->common);
    pthread_mutex_destroy(&pool->lock);
}
