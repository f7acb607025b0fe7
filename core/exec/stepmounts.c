/* exec/stepmounts.c - the mounts of a step: from LLB to plugins, and to a list for the
 * executor. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/ids.h"
#include "base/io.h"
#include "tools/alloc.h"
#include "tools/path.h"
#include "exec/private.h"

static const char *const sharing_names[] = {
    [TENON_LLB_CACHE_SHARED] = "shared",
    [TENON_LLB_CACHE_PRIVATE] = "private",
    [TENON_LLB_CACHE_LOCKED] = "locked",
};

const char *
tenon_step_mount_type(const struct tenon_op_mount *m)
{
    if (m->plugin_type)
        return m->plugin_type;
    return m->type < 0 || m->type > TENON_LLB_MOUNT_TMPFS ? NULL : tenon_llb_mount_types[m->type];
}

char **
tenon_step_mount_options(const struct tenon_op_mount *m, const char *cache_id)
{
    char **o = NULL;
    if (m->plugin_type) {
        for (size_t i = 0; i < m->plugin_option_count; i++)
            tenon_strv_push(&o, tenon_asprintf("%s=%s", m->plugin_options[i].key,
                                               m->plugin_options[i].value));
        return o;
    }
    switch (m->type) {
    case TENON_LLB_MOUNT_SECRET:
    case TENON_LLB_MOUNT_SSH:
        tenon_strv_push(&o, tenon_asprintf("id=%s", m->id));
        tenon_strv_push(&o, tenon_asprintf("required=%s", m->optional ? "false" : "true"));
        tenon_strv_push(&o, tenon_asprintf("mode=0%o", m->mode & 07777));
        tenon_strv_push(&o, tenon_asprintf("uid=%u", m->uid));
        tenon_strv_push(&o, tenon_asprintf("gid=%u", m->gid));
        break;
    case TENON_LLB_MOUNT_CACHE:
        tenon_strv_push(&o, tenon_asprintf("id=%s", cache_id ? cache_id : m->cache_id));
        if (m->cache_sharing >= 0 &&
            (size_t)m->cache_sharing < tenon_countof(sharing_names))
            tenon_strv_push(&o, tenon_asprintf("sharing=%s", sharing_names[m->cache_sharing]));
        break;
    case TENON_LLB_MOUNT_TMPFS:
        if (m->tmpfs_size > 0)
            tenon_strv_push(&o, tenon_asprintf("size=%lld", (long long)m->tmpfs_size));
        break;
    default:
        break;
    }
    return o;
}

static bool
is_cache(const struct tenon_op_mount *m)
{
    return !m->plugin_type && m->type == TENON_LLB_MOUNT_CACHE;
}

/* ---- cache mounts ------------------------------------------------------- */

/* A cache that starts as a copy is named after its source, too: the snapshot and
 * the place in it (BuildKit copies the whole tree of which we copy a part). */
static char *
cache_name(const struct tenon_step_mount *m)
{
    const struct tenon_chain *c = m->tree.lower;
    if (!c || !c->len)
        return tenon_strdup(m->op->cache_id);
    return tenon_asprintf("%s" TENON_CACHE_SEEDED "%lld:%s", m->op->cache_id,
                          (long long)c->ids[c->len - 1],
                          m->op->selector ? m->op->selector : "");
}

/* The same cache twice in one step is one directory; a second lock on it would
 * wait for ourselves. */
static struct tenon_step_mount *
same_cache(struct tenon_step *s, const struct tenon_step_mount *m, struct tenon_error *err)
{
    if (!is_cache(m->op))
        return NULL;
    tenon_vec_foreach(o, &s->mounts) {
        if (o == m || !is_cache(o->op) || !o->attached)
            continue;
        auto_free char *a = cache_name(o);
        auto_free char *b = cache_name(m);
        if (strcmp(a, b))
            continue;
        if (tenon_streq(o->op->selector, m->op->selector))
            return o;
        if (o->op->cache_sharing == TENON_LLB_CACHE_LOCKED ||
            m->op->cache_sharing == TENON_LLB_CACHE_LOCKED)
            tenon_error_set(err, TENON_E_UNSUPPORTED, "mount %s: cache \"%s\" is locked at %s "
                            "in the same step", m->target, m->op->cache_id, o->target);
    }
    return NULL;
}

/* ---- attach ------------------------------------------------------------- */

/* Which trees does m need?  The same as in BuildKit's PrepareMounts. */
static int
mount_tree(struct tenon_step *s, struct tenon_step_mount *m, struct tenon_error *err)
{
    const struct tenon_op_mount *op = m->op;
    m->tree.fd = -1;
    if (is_cache(op))
        return op->input < 0 ? 0 : tenon_step_tree_mount(s, op, false, &m->tree, err);
    if (!op->plugin_type && op->type != TENON_LLB_MOUNT_BIND) {
        if (op->output >= 0)
            return tenon_error_set(err, TENON_E_INVALID, "mount %s of type %s has no output",
                                   op->dest, tenon_step_mount_type(op));
        return 0;
    }
    if (op->plugin_type && op->input < 0 && op->output < 0)
        return 0;
    /* Writes go to the output, or are thrown away. */
    bool writable = !op->readonly || (op->input < 0 && op->output >= 0);
    return tenon_step_tree_mount(s, op, writable, &m->tree, err);
}

/* Bytes of a secret are masked in the kept log (not on the screen). */
static void
note_secret(struct tenon_step *s, const struct tenon_op_mount *op, int fd)
{
    if (op->plugin_type || op->type != TENON_LLB_MOUNT_SECRET)
        return;
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    auto_close int in = open(path, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return;
    char *data = tenon_malloc(TENON_SECRET_MAX_BYTES);
    ssize_t n = read(in, data, TENON_SECRET_MAX_BYTES);
    if (n > 0) {
        tenon_ctx_add_secret(s->ctx, data, (size_t)n);
        explicit_bzero(data, (size_t)n);
    }
    free(data);
}

static bool
has_owner(const struct tenon_op_mount *op)
{
    return !op->plugin_type &&
           (op->type == TENON_LLB_MOUNT_SECRET || op->type == TENON_LLB_MOUNT_SSH);
}

/* Made for the step, with an owner that it sees as root. */
static bool
is_empty(const struct tenon_op_mount *op)
{
    return !op->plugin_type && op->type == TENON_LLB_MOUNT_TMPFS;
}

static int
attach_plugin(struct tenon_step *s, struct tenon_step_mount *m, struct tenon_error *err)
{
    const struct tenon_op_mount *op = m->op;
    const char *type = tenon_step_mount_type(op);
    if (tenon_plugins_get(s->engine->plugins, TENON_KIND_MOUNT, type, &m->module, err) < 0)
        return err->code;
    if (has_owner(op) && !tenon_ids_have(op->uid, op->gid)) {
        errno = EINVAL;
        return tenon_error_owner(err, op->uid, op->gid, "mount %s at %s", type, m->target);
    }

    if (has_owner(op) && !tenon_step_ids_have(s, op->uid, op->gid)) {
        tenon_error_set(err, TENON_E_UNSUPPORTED, "mount %s at %s: owner out of range", type,
                        m->target);
        tenon_step_ids_refuse(s, err->message);
        return err->code;
    }

    auto_free char *cache = is_cache(op) ? cache_name(m) : NULL;
    struct tenon_op_mount outside = *op;
    outside.uid = tenon_step_id_outside(s, op->uid);
    outside.gid = tenon_step_id_outside(s, op->gid);
    char **pairs = tenon_step_mount_options(&outside, cache);
    auto_free char *what = tenon_asprintf("mount type %s", type);
    static const char *const none[] = { NULL };
    auto_values struct tenon_values *values = NULL;
    int rc = tenon_values_parse(m->module->plugin.options, m->module->plugin.param_size,
                                pairs ? (const char *const *)pairs : none, what, &values, err);
    tenon_strv_free(pairs);
    if (rc < 0)
        return rc;

    struct tenon_mount_request req = {
        .struct_size = sizeof req,
        .flags = op->readonly ? TENON_MOUNT_RDONLY : 0,
        .options = values,
        .target = m->target,
        .selector = op->selector && *op->selector ? op->selector : NULL,
        .input_fd = m->tree.fd,
        .index = m->index,
    };
    struct tenon_mount out = { .struct_size = sizeof out, .fd = -1 };
    m->ctx = tenon_ctx_new(s->engine, tenon_ctx_events(s->ctx), tenon_ctx_cancel(s->ctx),
                           tenon_ctx_vertex(s->ctx));
    tenon_module_enter(m->module, "attach");
    const uint32_t root = is_empty(op) ? s->ids.root : 0;
    if (root)
        tenon_ids_act_as(root);
    rc = m->module->plugin.ops.mount->attach(m->module->self, m->ctx, &req, &out, err);
    if (root)
        tenon_ids_act_as(0);
    tenon_module_leave(m->module);
    rc = tenon_module_check(m->module, "attach", rc, err);
    if (rc < 0)
        return rc;
    m->attached = true;
    m->cookie = out.cookie;
    m->flags = out.flags | req.flags;
    m->absent = has_owner(op) && out.fd < 0 && !(out.env && *out.env);
    for (const char *const *e = out.env; e && *e; e++)
        tenon_step_env_add(s, *e);
    if (out.fd < 0)
        return 0;
    auto_close int fd = out.fd;
    note_secret(s, op, fd);
    int as_it_is = has_owner(op) || is_empty(op) ? fd : m->tree.fd;
    if (tenon_step_bind(s, fd, as_it_is, m->flags, &m->source, &m->is_dir, err) < 0)
        return tenon_error_context(err, "mount %s at %s", type, m->target);
    return 0;
}

static int
attach_one(struct tenon_step *s, struct tenon_step_mount *m, struct tenon_error *err)
{
    struct tenon_step_mount *twin = same_cache(s, m, err);
    if (err->code)
        return err->code;
    if (!twin)
        return attach_plugin(s, m, err);
    if (!twin->source)
        return 0;
    auto_close int fd = open(twin->source, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return tenon_error_sys(err, "open %s", twin->source);
    m->flags = m->op->readonly ? TENON_MOUNT_RDONLY : 0;
    if ((twin->flags & TENON_MOUNT_RDONLY) && !(m->flags & TENON_MOUNT_RDONLY))
        return tenon_error_set(err, TENON_E_UNSUPPORTED,
                               "mount %s: cache \"%s\" is read-only at %s in the same step",
                               m->target, m->op->cache_id, twin->target);
    return tenon_step_bind(s, fd, fd, m->flags, &m->source, &m->is_dir, err);
}

static char *
absolute_target(const struct tenon_step *s, const char *dest)
{
    if (dest[0] == '/')
        return tenon_path_clean(dest);
    auto_free char *dir = tenon_path_join("/", s->op->cwd);
    return tenon_path_join(dir, dest);
}

static int
add_mount(struct tenon_step *s, const struct tenon_op_mount *op, struct tenon_error *err)
{
    auto_free char *target = absolute_target(s, op->dest);
    if (!tenon_step_mount_type(op))
        return tenon_error_set(err, TENON_E_UNSUPPORTED, "mount %s: unknown type %d",
                               op->dest, (int)op->type);
    if (!strcmp(target, "/")) {
        if (op->plugin_type || op->type != TENON_LLB_MOUNT_BIND)
            return tenon_error_set(err, TENON_E_INVALID, "invalid mount type %s for rootfs",
                                   tenon_step_mount_type(op));
        s->root_op = op;
        return tenon_step_tree_mount(s, op, true, &s->root, err);
    }
    struct tenon_step_mount *m = tenon_vec_add(&s->mounts);
    m->op = op;
    m->tree.fd = -1;
    m->target = tenon_steal(&target);
    for (size_t i = 0; i + 1 < s->mounts.len; i++) {
        struct tenon_step_mount *o = &s->mounts.items[i];
        if (!strcmp(o->target, m->target))
            o->covered = true; /* the later one is seen */
        if (tenon_streq(tenon_step_mount_type(o->op), tenon_step_mount_type(op)))
            m->index++;
    }
    return mount_tree(s, m, err);
}

static int
by_cache_name(const void *a, const void *b)
{
    const struct tenon_step_mount *x = *(struct tenon_step_mount *const *)a;
    const struct tenon_step_mount *y = *(struct tenon_step_mount *const *)b;
    if (is_cache(x->op) != is_cache(y->op))
        return is_cache(x->op) ? 1 : -1;
    int rc = is_cache(x->op) ? strcmp(x->op->cache_id, y->op->cache_id) : 0;
    return rc ? rc : x < y ? -1 : x > y;
}

int
tenon_step_attach(struct tenon_step *s, struct tenon_error *err)
{
    if (s->op->mount_count > TENON_EXEC_MAX_MOUNTS)
        return tenon_error_set(err, TENON_E_LIMIT, "more than %d mounts",
                               TENON_EXEC_MAX_MOUNTS);
    for (size_t i = 0; i < s->op->mount_count; i++)
        if (add_mount(s, &s->op->mounts[i], err) < 0)
            return err->code;
    if (!s->root_op)
        return tenon_error_set(err, TENON_E_INVALID, "no root mount");

    /* Caches come last and in order of their names, so that two steps with
     * the same two locked ones never wait for each other. */
    struct tenon_step_mount **order = tenon_calloc(s->mounts.len + 1, sizeof *order);
    for (size_t i = 0; i < s->mounts.len; i++)
        order[i] = &s->mounts.items[i];
    qsort(order, s->mounts.len, sizeof *order, by_cache_name);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < s->mounts.len; i++)
        rc = attach_one(s, order[i], err);
    free(order);
    return rc;
}

static int
by_target(const void *a, const void *b)
{
    return strcmp(((const struct tenon_exec_mount *)a)->target,
                  ((const struct tenon_exec_mount *)b)->target);
}

int
tenon_step_list_mounts(struct tenon_step *s, struct tenon_error *err)
{
    size_t own = s->list.len; /* /etc/hosts and the like stay first */
    tenon_vec_foreach(m, &s->mounts) {
        if (!m->source || m->covered)
            continue;
        int fd = open(m->source, O_PATH | O_CLOEXEC);
        if (fd < 0)
            return tenon_error_sys(err, "open %s", m->source);
        tenon_vec_push(&s->list, ((struct tenon_exec_mount){
            .struct_size = sizeof(struct tenon_exec_mount),
            .source = m->source, .target = m->target, .fd = fd, .flags = m->flags }));
    }
    qsort(s->list.items + own, s->list.len - own, sizeof *s->list.items, by_target);
    return 0;
}

/* ---- detach ------------------------------------------------------------- */

void
tenon_step_detach(struct tenon_step *s)
{
    tenon_vec_foreach(e, &s->list)
        close(e->fd);
    tenon_vec_release(&s->list);
    for (size_t i = s->mounts.len; i-- > 0;) {
        struct tenon_step_mount *m = &s->mounts.items[i];
        if (m->source)
            tenon_unmount(m->source);
        free(tenon_steal(&m->source));
    }
    for (size_t i = s->mounts.len; i-- > 0;) {
        struct tenon_step_mount *m = &s->mounts.items[i];
        if (m->attached && m->module->plugin.ops.mount->detach) {
            tenon_module_enter(m->module, "detach");
            m->module->plugin.ops.mount->detach(m->module->self, m->ctx, m->cookie,
                                                s->ran_well);
            tenon_module_leave(m->module);
        }
        m->attached = false;
        tenon_ctx_free(tenon_steal(&m->ctx));
        tenon_step_tree_unmount(&m->tree);
        free(tenon_steal(&m->target));
    }
}
