/* exec/step.c - one RUN step, from inputs to snapshots. */
#include "exec/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "base/ids.h"
#include "base/root.h"
#include "tools/alloc.h"
#include "exec/private.h"
#include "store/cutlog.h"

void
tenon_step_release(struct tenon_step *s)
{
    tenon_step_detach(s);
    tenon_stubs_release(&s->stubs);
    if (s->rootfd >= 0)
        close(s->rootfd);
    tenon_step_tree_release(&s->root);
    tenon_vec_foreach(m, &s->mounts)
        tenon_step_tree_release(&m->tree);
    tenon_vec_release(&s->mounts);
    tenon_user_release(&s->user);
    for (char **e = s->env; e && *e; e++)
        explicit_bzero(*e, strlen(*e)); /* may hold secrets */
    tenon_strv_free(s->env);
    free(s->why);
    free(s->emulator);
    if (s->tempdir)
        tenon_tempdir_free(s->tempdir);
}
TENON_DEFINE_AUTO_STRUCT(step, struct tenon_step, tenon_step_release);
#define auto_step __attribute__((cleanup(tenon_auto_step)))

/* ---- before ------------------------------------------------------------- */

/* Where runtimes mount, whatever the image holds.  These stay in the layer, as
 * they do in BuildKit's, whose runtime makes them. */
static const char *const always[] = { "/proc", "/sys", "/dev" };

static int
make_stubs(struct tenon_step *s, struct tenon_error *err)
{
    for (size_t i = 0; i < tenon_countof(always); i++) {
        auto_close int fd = tenon_root_mkdir_p(s->rootfd, always[i], 0755, s->ids.root,
                                               s->ids.root, NULL, err);
        if (fd < 0 || tenon_stubs_add(&s->stubs, s->rootfd, always[i], true, true, err) < 0)
            return err->code;
    }
    tenon_vec_foreach(m, &s->list) {
        struct stat st;
        if (fstat(m->fd, &st) < 0)
            return tenon_error_sys(err, "stat %s", m->source);
        if (tenon_stubs_add(&s->stubs, s->rootfd, m->target, S_ISDIR(st.st_mode),
                            S_ISDIR(st.st_mode), err) < 0)
            return err->code;
    }
    return 0;
}

/* The primary group is one of the supplementary ones, too, as in containerd: a
 * set-group-id program cannot shed it then. */
static void
add_own_group(struct tenon_user *u)
{
    for (size_t i = 0; i < u->group_count; i++)
        if (u->groups[i] == u->gid)
            return;
    tenon_user_add_group(u, u->gid);
    memmove(u->groups + 1, u->groups, (u->group_count - 1) * sizeof *u->groups);
    u->groups[0] = u->gid;
}

/* In a user namespace: said here, where the user's name is known. */
static int
check_ids(struct tenon_step *s, const char *name, struct tenon_error *err)
{
    const struct tenon_user *u = &s->user;
    bool have = true;
    for (size_t i = 0; i < u->group_count && have; i++)
        have = tenon_step_ids_have(s, u->uid, u->groups[i]);
    if (!have) {
        tenon_error_set(err, TENON_E_UNSUPPORTED, "user \"%s\": out of range", name);
        tenon_step_ids_refuse(s, err->message);
        return err->code;
    }
    errno = EINVAL;
    if (!tenon_ids_have(u->uid, u->gid))
        return tenon_error_owner(err, u->uid, u->gid, "user \"%s\"", name);
    /* With one id setgroups(2) is forbidden, and not tried. */
    for (size_t i = 0; i < u->group_count && !tenon_ids_single(); i++)
        if (!tenon_ids_have(u->uid, u->groups[i]))
            return tenon_error_owner(err, u->uid, u->groups[i], "groups of user \"%s\"", name);
    return 0;
}

int
tenon_step_open_root(struct tenon_step *s, struct tenon_error *err)
{
    s->rootfd = open(s->root.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return s->rootfd < 0 ? tenon_error_sys(err, "open %s", s->root.path) : 0;
}

int
tenon_step_user(struct tenon_step *s, bool make_cwd, struct tenon_error *err)
{
    const char *user = s->op->user && *s->op->user ? s->op->user : "0";
    if (tenon_user_lookup(s->rootfd, user, &s->user, err) < 0)
        return err->code;
    add_own_group(&s->user);
    if (check_ids(s, user, err) < 0)
        return err->code;
    if (!make_cwd)
        return 0;
    auto_close int cwd =
        tenon_root_mkdir_p(s->rootfd, s->op->cwd && *s->op->cwd ? s->op->cwd : "/", 0755,
                           tenon_step_id_outside(s, s->user.uid),
                           tenon_step_id_outside(s, s->user.gid), NULL, err);
    if (cwd < 0)
        return tenon_error_context(err, "working directory %s", s->op->cwd);
    return 0;
}

static int
set_root_readonly(struct tenon_step *s, bool on, struct tenon_error *err)
{
    struct mount_attr attr = {0};
    *(on ? &attr.attr_set : &attr.attr_clr) = MOUNT_ATTR_RDONLY;
    if (syscall(SYS_mount_setattr, s->root.fd, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0)
        return tenon_error_sys(err, "change the root mount");
    return 0;
}

/* ---- run ---------------------------------------------------------------- */

char *
tenon_exec_unique_id(void)
{
    static atomic_uint counter;
    return tenon_asprintf("tenon-%ld-%u", (long)getpid(), atomic_fetch_add(&counter, 1));
}

static const char **
device_list(const struct tenon_step *s)
{
    if (!s->op->device_count)
        return NULL;
    const char **list = tenon_ctx_alloc(s->ctx, (s->op->device_count + 1) * sizeof *list);
    for (size_t i = 0; i < s->op->device_count; i++)
        list[i] = s->op->devices[i].key;
    return list;
}

static const struct tenon_exec_limit *const *
limit_list(const struct tenon_step *s)
{
    struct tenon_exec_limit *l =
        tenon_ctx_alloc(s->ctx, (s->op->ulimit_count + 1) * sizeof *l);
    for (size_t i = 0; i < s->op->ulimit_count; i++)
        l[i] = (struct tenon_exec_limit){
            .struct_size = sizeof *l, .name = s->op->ulimits[i].name,
            .soft = s->op->ulimits[i].soft, .hard = s->op->ulimits[i].hard };
    return tenon_ctx_pointers(s->ctx, l, sizeof *l, s->op->ulimit_count);
}

/* A step's own user may open /dev/stdout again. */
static void
give_pipes(const struct tenon_step *s, const int fds[3])
{
    for (int i = 0; i < 3; i++) {
        struct stat st;
        if (fstat(fds[i], &st) == 0 && S_ISFIFO(st.st_mode))
            (void)!fchown(fds[i], tenon_step_id_outside(s, s->user.uid), (gid_t)-1);
    }
}

static const char *
not_empty(const char *s)
{
    return s && *s ? s : NULL;
}

int
tenon_exec_probe(struct tenon_module *executor, struct tenon_ctx *ctx, struct tenon_error *err)
{
    const struct tenon_executor_ops *ops = executor->plugin.ops.executor;
    if (!ops->probe)
        return TENON_OK;
    tenon_module_enter(executor, "probe");
    int rc = ops->probe(executor->self, ctx, err);
    tenon_module_leave(executor);
    return tenon_module_check(executor, "probe", rc, err);
}

/* It could not run the step: is that because it cannot run any here?  Ours look themselves. */
static void
ask_why(struct tenon_step *s, struct tenon_module *executor, struct tenon_error *err)
{
    auto_error struct tenon_error why = TENON_ERROR_INIT;
    if (err->code == TENON_E_CANCELLED || err->hint ||
        tenon_exec_probe(executor, s->ctx, &why) == 0 || strstr(err->message, why.message))
        return;
    tenon_error_hint(err, "executor %s cannot run steps here: %s", executor->plugin.name,
                     why.message);
}

static int
call_executor(struct tenon_step *s, struct tenon_module *executor,
              const struct tenon_step_launch *how, const struct tenon_exec *x, int32_t *status,
              struct tenon_error *err)
{
    const struct tenon_executor_ops *ops = executor->plugin.ops.executor;
    const char *op = how->join ? "join" : "run";
    *status = -1; /* no success that nobody told of */
    tenon_module_enter(executor, op);
    int rc = how->join ? ops->join(executor->self, s->ctx, how->join, x, status, err)
                       : ops->run(executor->self, s->ctx, x, status, err);
    tenon_module_leave(executor);
    rc = tenon_module_check(executor, op, rc, err);
    if (rc < 0)
        ask_why(s, executor, err);
    if (rc == 0 && !WIFEXITED(*status) && !WIFSIGNALED(*status))
        return tenon_error_set(err, TENON_E_BUG, "executor-%s: %s did not say how the step ended",
                               executor->plugin.name, op);
    return rc;
}

int
tenon_step_run_executor(struct tenon_step *s, struct tenon_module *executor,
                        const struct tenon_step_launch *how, int32_t *status,
                        struct tenon_error *err)
{
    auto_free char *work = tenon_asprintf("%s/%s", s->dir, how->work);
    if (mkdir(work, 0700) < 0)
        return tenon_error_sys(err, "make %s", work);
    auto_close int workfd = open(work, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_close int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (workfd < 0 || null < 0)
        return tenon_error_sys(err, "open %s", workfd < 0 ? work : "/dev/null");

    const struct tenon_op_exec *op = s->op;
    struct tenon_exec x = {
        .struct_size = sizeof x,
        .flags = (op->security ? TENON_EXEC_INSECURE : 0) |
                 (s->engine->rootless ? TENON_EXEC_ROOTLESS : 0) |
                 (s->emulated ? TENON_EXEC_EMULATED : 0),
        .id = how->id,
        .rootfs = s->root.path,
        .work = work,
        .rootfs_fd = s->root.fd,
        .work_fd = workfd,
        .argv = tenon_step_args(s),
        .env = (const char *const *)s->env,
        .cwd = op->cwd && *op->cwd ? op->cwd : "/",
        .network = tenon_step_network(s),
        .hostname = op->hostname && *op->hostname ? op->hostname : TENON_EXEC_HOSTNAME,
        .cgroup_parent = op->cgroup_parent && *op->cgroup_parent ? op->cgroup_parent : NULL,
        .mounts = tenon_ctx_pointers(s->ctx, s->list.items, sizeof *s->list.items, s->list.len),
        .mount_count = s->list.len,
        .limits = limit_list(s),
        .limit_count = op->ulimit_count,
        .groups = s->user.groups,
        .group_count = s->user.group_count,
        .uid = s->user.uid,
        .gid = s->user.gid,
        .memory_bytes = s->v->meta.memory,
        .memory_swap_bytes = s->v->meta.memory_swap,
        .cpu_quota = s->v->meta.cpu_quota,
        .cpu_period = s->v->meta.cpu_period,
        .cpu_shares = s->v->meta.cpu_shares,
        .cpuset_cpus = not_empty(s->v->meta.cpuset_cpus),
        .cpuset_mems = not_empty(s->v->meta.cpuset_mems),
        .devices = device_list(s),
        .stdin_fd = null,
        .first_id = s->ids.first,
        .started = how->started,
        .started_data = how->data,
    };
    struct tenon_relay *relay = NULL;
    if (s->stdio) {
        x.stdin_fd = s->stdio[0];
        x.stdout_fd = s->stdio[1];
        x.stderr_fd = s->stdio[2];
    } else if (tenon_relay_start(s->ctx, s->engine->one_stream, &x.stdout_fd, &x.stderr_fd,
                                 &relay, err) < 0)
        return err->code;
    give_pipes(s, (const int[3]){ x.stdin_fd, x.stdout_fd, x.stderr_fd });
    int rc = call_executor(s, executor, how, &x, status, err);
    tenon_relay_finish(relay);
    if (rc >= 0)
        s->why = tenon_steal(&err->hint);
    return rc;
}

static bool
is_valid_code(const struct tenon_op_exec *op, int code)
{
    for (size_t i = 0; i < op->valid_exit_code_count; i++)
        if (op->valid_exit_codes[i] == code)
            return true;
    return op->valid_exit_code_count == 0 && code == 0;
}

static int
judge(struct tenon_step *s, int32_t status, struct tenon_error *err)
{
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (is_valid_code(s->op, code))
        return 0;
    s->judged = true;
    tenon_error_set(err, TENON_E_FAILED, "exit code: %d", code);
    auto_free char *json = tenon_asprintf("{\"Code\":%d}", code);
    tenon_error_detail(err, "gatewayapi.ExitMessage", json);
    if (s->why)
        tenon_error_hint(err, "%s", s->why);
    else
        tenon_step_diagnose(s, code, err);
    if (!err->hint && tenon_ids_single())
        tenon_error_hint(err, "this user has one id to build with: changing owners or users "
                              "fails (Invalid argument); to get more: %s",
                         tenon_ids_advice() ? tenon_ids_advice() : "tenon doctor");
    tenon_step_diagnose_disk(s, err);
    return err->code;
}

/* What it mounts, and where. */
int
tenon_step_furnish(struct tenon_step *s, struct tenon_error *err)
{
    int rc = tenon_step_net_files(s, err);
    if (rc == 0)
        rc = tenon_step_emulator_file(s, err);
    if (rc == 0)
        rc = tenon_step_devices(s, err);
    if (rc == 0)
        rc = tenon_step_list_mounts(s, err);
    if (rc == 0)
        rc = tenon_step_tmpfs_modes(s, err);
    return rc < 0 ? rc : make_stubs(s, err);
}

int
tenon_step_seal(struct tenon_step *s, struct tenon_error *err)
{
    return s->root_op->readonly ? set_root_readonly(s, true, err) : 0;
}

/* What is made for it is its root's. */
static int
prepare(struct tenon_step *s, struct tenon_error *err)
{
    tenon_step_ids_enter(s);
    int rc = tenon_step_open_root(s, err);
    if (rc == 0)
        rc = tenon_step_user(s, true, err);
    if (rc == 0)
        rc = tenon_step_env(s, err);
    if (rc == 0)
        rc = tenon_step_furnish(s, err);
    tenon_step_ids_leave(s, err);
    return rc;
}

/* Also when it fails, the stubs are gone afterwards: those of a visitor with the root, which
 * nobody keeps. */
static int
run(struct tenon_step *s, struct tenon_module *executor, int32_t *status,
    struct tenon_error *err)
{
    auto_free char *id = tenon_exec_unique_id();
    const struct tenon_step_launch how = { .id = id, .work = "work" };
    s->stubs.ids = s->ids;
    int rc = prepare(s, err);
    if (rc == 0)
        rc = tenon_step_seal(s, err);
    if (rc == 0) {
        rc = tenon_step_run_executor(s, executor, &how, status, err);
        if (s->root_op->readonly && rc == 0)
            rc = set_root_readonly(s, false, err);
    }
    if (rc == 0 && !s->stdio)
        rc = judge(s, *status, err);
    if (!s->visit)
        tenon_stubs_remove(&s->stubs, s->op->remove_stubs_recursive);
    return rc;
}

/* ---- after -------------------------------------------------------------- */

static int
take_output(struct tenon_step *s, const struct tenon_op_mount *op,
            struct tenon_step_tree *t, struct tenon_chain *outputs, size_t output_count,
            struct tenon_error *err)
{
    if (op->output < 0)
        return 0;
    if ((uint64_t)op->output >= output_count)
        return tenon_error_set(err, TENON_E_INVALID, "mount %s: output %lld out of range",
                               op->dest, (long long)op->output);
    struct tenon_chain *out = &outputs[op->output];
    int64_t id = -1;
    if (t->work && tenon_snapshot_commit(tenon_steal(&t->work), TENON_SNAPSHOT_REGULAR,
                                         s->v->name, &id, err) < 0)
        return err->code;
    tenon_chain_release(out); /* the same output twice: the last one counts */
    if (t->lower)
        tenon_chain_copy(out, t->lower);
    if (id >= 0)
        tenon_chain_append(out, id);
    return 0;
}

static int
commit(struct tenon_step *s, struct tenon_chain *outputs, size_t output_count,
       struct tenon_error *err)
{
    int rc = take_output(s, s->root_op, &s->root, outputs, output_count, err);
    tenon_vec_foreach(m, &s->mounts)
        if (rc == 0)
            rc = take_output(s, m->op, &m->tree, outputs, output_count, err);
    if (rc < 0)
        for (size_t i = 0; i < output_count; i++)
            tenon_chain_release(&outputs[i]);
    return rc;
}

/* mount_setattr (Linux 5.12) is the newest call without which nothing works. */
int
tenon_exec_check_kernel(struct tenon_error *err)
{
    struct utsname u = {0};
    if (syscall(SYS_mount_setattr, -1, "", 0, NULL, 0) < 0 && errno == ENOSYS) {
        uname(&u);
        return tenon_error_set(err, TENON_E_UNSUPPORTED,
                               "steps need Linux 5.12 (mount_setattr); this is %s", u.release);
    }
    return 0;
}

int
tenon_step_check_command(const struct tenon_step *s, struct tenon_error *err)
{
    if (!s->op->args || !s->op->args[0])
        return tenon_error_set(err, TENON_E_INVALID, "no command to run");
    return 0;
}

int
tenon_step_set_up(struct tenon_step *s, struct tenon_module **executor, struct tenon_error *err)
{
    struct tenon_engine *e = s->engine;
    if (tenon_exec_check_kernel(err) < 0)
        return err->code;
    tenon_assert(e->executor);
    if (tenon_plugins_get(e->plugins, TENON_KIND_EXECUTOR, e->executor, executor, err) < 0 ||
        tenon_tempdir_new_small(e->store, &s->tempdir, err) < 0)
        return err->code;
    s->dir = tenon_tempdir_path(s->tempdir);
    tenon_step_ids_choose(s, *executor);
    if (tenon_step_emulation(s, *executor, err) < 0)
        return err->code;
    if (tenon_step_empty_caches(s, err) < 0 || tenon_step_attach(s, err) < 0)
        return err->code;
    return 0;
}

/* The displays show the end of it alone. */
static void
name_log(const struct tenon_step *s, struct tenon_error *err)
{
    auto_free char *log = tenon_exec_log_name(s->engine->build_id, s->v);
    auto_close int fd = log ? tenon_log_read(s->engine->store, log) : -1;
    if (fd < 0)
        return; /* it printed nothing */
    auto_free char *hint = tenon_steal(&err->hint);
    const bool cut = tenon_cutlog_was_cut(fd, tenon_store_limits(s->engine->store));
    tenon_error_hint(err, "%s%sthe step's %s is in %s/logs/%s", hint ? hint : "",
                     hint ? "\n" : "", cut ? "output, less its middle," : "whole output",
                     tenon_store_path(s->engine->store), log);
}

static int
do_step(struct tenon_step *s, struct tenon_chain *outputs, size_t output_count,
        struct tenon_error *err)
{
    struct tenon_module *executor;
    int32_t status = 0;
    if (tenon_step_check_command(s, err) < 0 || tenon_step_set_up(s, &executor, err) < 0)
        return err->code;
    if (run(s, executor, &status, err) < 0) {
        if (err->code == TENON_E_CANCELLED)
            return err->code;
        if (s->judged) {
            tenon_step_keep_failed(s, err);
            name_log(s, err);
        }
        auto_free char *text = tenon_exec_describe(s->v);
        auto_free char *quoted = tenon_exec_quote(text);
        return tenon_error_context(err, "process %s did not complete successfully", quoted);
    }
    s->ran_well = true;
    tenon_step_detach(s);
    close(tenon_steal_fd(&s->rootfd));
    tenon_step_tree_unmount(&s->root);
    if (tenon_snapshot_settle(s->root.work, err) < 0)
        return err->code;
    tenon_stubs_prune(&s->stubs, tenon_snapshot_work_fs(s->root.work));
    return commit(s, outputs, output_count, err);
}

/* One try of a step; when somebody enters it, nothing is kept. */
static int
try(const struct tenon_step *as, bool has_machine_ids, struct tenon_chain *outputs,
    size_t output_count, int32_t *status, bool *again, struct tenon_error *err)
{
    auto_step struct tenon_step s = *as;
    s.has_machine_ids = has_machine_ids;
    s.root.fd = s.rootfd = -1;
    struct tenon_module *executor;
    int rc;
    if (!s.visit) {
        rc = do_step(&s, outputs, output_count, err);
    } else {
        rc = tenon_step_check_command(&s, err);
        if (rc == 0)
            rc = tenon_step_set_up(&s, &executor, err);
        if (rc == 0)
            rc = run(&s, executor, status, err);
    }
    *again = rc < 0 && s.wants_machine_ids && !has_machine_ids;
    if (!*again && s.visit && s.visit->ended)
        s.visit->ended(s.visit->data);
    return rc;
}

static int
try_both(const struct tenon_step *as, struct tenon_chain *outputs, size_t output_count,
         int32_t *status, struct tenon_error *err)
{
    bool again;
    int rc = try(as, false, outputs, output_count, status, &again, err);
    if (!again)
        return rc;
    tenon_error_release(err);
    return try(as, true, outputs, output_count, status, &again, err);
}

int
tenon_exec_step(struct tenon_engine *engine, struct tenon_ctx *ctx,
                const struct tenon_vertex *v, const struct tenon_exec_input *inputs,
                struct tenon_chain *outputs, size_t output_count, struct tenon_error *err)
{
    const struct tenon_step as = {
        .engine = engine, .ctx = ctx, .v = v, .op = &v->op.exec, .inputs = inputs
    };
    int rc = try_both(&as, outputs, output_count, NULL, err);
    if (rc < 0 && tenon_cancel_fired(tenon_ctx_cancel(ctx)) &&
        err->code != TENON_E_CANCELLED) {
        tenon_error_release(err);
        return tenon_error_set(err, TENON_E_CANCELLED, "cancelled");
    }
    return rc;
}

int
tenon_exec_enter(struct tenon_engine *engine, struct tenon_ctx *ctx,
                 const struct tenon_vertex *v, const struct tenon_exec_input *inputs,
                 const struct tenon_exec_visit *visit, int32_t *status,
                 struct tenon_error *err)
{
    const struct tenon_step as = {
        .engine = engine, .ctx = ctx, .v = v, .op = &v->op.exec, .inputs = inputs,
        .stdio = visit->stdio, .prompt = visit->prompt, .visit = visit
    };
    return try_both(&as, NULL, 0, status, err);
}
