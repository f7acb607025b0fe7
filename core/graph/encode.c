/* Ops to bytes.  Field numbers and the order are in docs/llb.md: plain fields
 * ascending, the oneof member last. */
#include "graph/private.h"
#include "graph/wire.h"

static void
put_platform(struct tenon_buf *b, const struct tenon_op_platform *p)
{
    auto_buf struct tenon_buf m = TENON_BUF_INIT;

    tenon_wire_put_string(&m, 1, p->arch);
    tenon_wire_put_string(&m, 2, p->os);
    tenon_wire_put_string(&m, 3, p->variant);
    tenon_wire_put_string(&m, 4, p->os_version);
    for (size_t i = 0; p->os_features && p->os_features[i]; i++)
        tenon_wire_put_item(&m, 5, p->os_features[i]);
    tenon_wire_put_message(b, 10, &m);
}

static void
put_pairs(struct tenon_buf *b, uint32_t field, const struct tenon_pair *pairs,
          size_t count)
{
    for (size_t i = 0; i < count; i++)
        tenon_wire_put_pair(b, field, pairs[i].key, pairs[i].value);
}

static void
put_meta(struct tenon_buf *b, const struct tenon_op_exec *x)
{
    auto_buf struct tenon_buf m = TENON_BUF_INIT;
    bool proxy = false;

    for (size_t i = 0; x->args && x->args[i]; i++)
        tenon_wire_put_item(&m, 1, x->args[i]);
    for (size_t i = 0; x->env && x->env[i]; i++)
        tenon_wire_put_item(&m, 2, x->env[i]);
    tenon_wire_put_string(&m, 3, x->cwd);
    tenon_wire_put_string(&m, 4, x->user);
    for (unsigned i = 0; i < 5; i++)
        proxy = proxy || (x->proxy[i] && *x->proxy[i]);
    if (proxy) {
        auto_buf struct tenon_buf p = TENON_BUF_INIT;
        for (unsigned i = 0; i < 5; i++)
            tenon_wire_put_string(&p, i + 1, x->proxy[i]);
        tenon_wire_put_message(&m, 5, &p);
    }
    for (size_t i = 0; i < x->extra_host_count; i++) {
        auto_buf struct tenon_buf h = TENON_BUF_INIT;
        tenon_wire_put_string(&h, 1, x->extra_hosts[i].key);
        tenon_wire_put_string(&h, 2, x->extra_hosts[i].value);
        tenon_wire_put_message(&m, 6, &h);
    }
    tenon_wire_put_string(&m, 7, x->hostname);
    for (size_t i = 0; i < x->ulimit_count; i++) {
        auto_buf struct tenon_buf u = TENON_BUF_INIT;
        tenon_wire_put_string(&u, 1, x->ulimits[i].name);
        tenon_wire_put_int(&u, 2, x->ulimits[i].soft);
        tenon_wire_put_int(&u, 3, x->ulimits[i].hard);
        tenon_wire_put_message(&m, 9, &u);
    }
    tenon_wire_put_string(&m, 10, x->cgroup_parent);
    tenon_wire_put_bool(&m, 11, x->remove_stubs_recursive);
    if (x->valid_exit_code_count) {
        auto_buf struct tenon_buf packed = TENON_BUF_INIT;
        for (size_t i = 0; i < x->valid_exit_code_count; i++)
            tenon_wire_put_varint(&packed, (uint64_t)x->valid_exit_codes[i]);
        tenon_wire_put_message(&m, 12, &packed);
    }
    tenon_wire_put_message(b, 1, &m);
}

static void
put_mount_secret(struct tenon_buf *b, uint32_t field,
                 const struct tenon_op_mount *m)
{
    auto_buf struct tenon_buf o = TENON_BUF_INIT;

    tenon_wire_put_string(&o, 1, m->id);
    tenon_wire_put_uint(&o, 2, m->uid);
    tenon_wire_put_uint(&o, 3, m->gid);
    tenon_wire_put_uint(&o, 4, m->mode);
    tenon_wire_put_bool(&o, 5, m->optional);
    tenon_wire_put_message(b, field, &o);
}

static void
put_mount(struct tenon_buf *b, const struct tenon_op_mount *mount)
{
    auto_buf struct tenon_buf m = TENON_BUF_INIT;

    tenon_wire_put_int(&m, 1, mount->input);
    tenon_wire_put_string(&m, 2, mount->selector);
    tenon_wire_put_string(&m, 3, mount->dest);
    tenon_wire_put_int(&m, 4, mount->output);
    tenon_wire_put_bool(&m, 5, mount->readonly);
    tenon_wire_put_int(&m, 6, mount->type);
    if (mount->type == TENON_LLB_MOUNT_TMPFS) {
        auto_buf struct tenon_buf o = TENON_BUF_INIT;
        tenon_wire_put_int(&o, 1, mount->tmpfs_size);
        tenon_wire_put_message(&m, 19, &o);
    }
    if (mount->type == TENON_LLB_MOUNT_CACHE) {
        auto_buf struct tenon_buf o = TENON_BUF_INIT;
        tenon_wire_put_string(&o, 1, mount->cache_id);
        tenon_wire_put_int(&o, 2, mount->cache_sharing);
        tenon_wire_put_message(&m, 20, &o);
    }
    if (mount->type == TENON_LLB_MOUNT_SECRET)
        put_mount_secret(&m, 21, mount);
    if (mount->type == TENON_LLB_MOUNT_SSH)
        put_mount_secret(&m, 22, mount);
    tenon_wire_put_string(&m, 23, mount->result_id);
    tenon_wire_put_int(&m, 24, mount->content_cache);
    if (mount->plugin_type) {
        auto_buf struct tenon_buf o = TENON_BUF_INIT;
        tenon_wire_put_string(&o, 1, mount->plugin_type);
        put_pairs(&o, 2, mount->plugin_options, mount->plugin_option_count);
        tenon_wire_put_message(&m, 1000, &o);
    }
    tenon_wire_put_message(b, 2, &m);
}

static void
put_exec(struct tenon_buf *b, const struct tenon_op_exec *x)
{
    put_meta(b, x);
    for (size_t i = 0; i < x->mount_count; i++)
        put_mount(b, &x->mounts[i]);
    tenon_wire_put_int(b, 3, x->network);
    tenon_wire_put_int(b, 4, x->security);
    for (size_t i = 0; i < x->secretenv_count; i++) {
        auto_buf struct tenon_buf s = TENON_BUF_INIT;
        tenon_wire_put_string(&s, 1, x->secretenv[i].id);
        tenon_wire_put_string(&s, 2, x->secretenv[i].name);
        tenon_wire_put_bool(&s, 3, x->secretenv[i].optional);
        tenon_wire_put_message(b, 5, &s);
    }
    for (size_t i = 0; i < x->device_count; i++) {
        auto_buf struct tenon_buf d = TENON_BUF_INIT;
        tenon_wire_put_string(&d, 1, x->devices[i].key);
        tenon_wire_put_bool(&d, 2, x->devices[i].value[0]);
        tenon_wire_put_message(b, 6, &d);
    }
}

static void
put_user(struct tenon_buf *b, uint32_t field, const struct tenon_op_user *u)
{
    auto_buf struct tenon_buf m = TENON_BUF_INIT;

    switch (u->how) {
    case TENON_USER_UNSET:
        return;
    case TENON_USER_ID:
        tenon_wire_put_member_uint(&m, 2, u->id);
        break;
    case TENON_USER_NAME: {
        auto_buf struct tenon_buf n = TENON_BUF_INIT;
        tenon_wire_put_string(&n, 1, u->name);
        tenon_wire_put_int(&n, 2, u->input);
        tenon_wire_put_message(&m, 1, &n);
        break;
    }
    }
    tenon_wire_put_message(b, field, &m);
}

static void
put_owner(struct tenon_buf *b, uint32_t field, const struct tenon_op_action *a)
{
    if (!a->has_owner)
        return;
    auto_buf struct tenon_buf m = TENON_BUF_INIT;
    put_user(&m, 1, &a->user);
    put_user(&m, 2, &a->group);
    tenon_wire_put_message(b, field, &m);
}

static void
put_copy(struct tenon_buf *b, const struct tenon_op_action *a)
{
    tenon_wire_put_string(b, 1, a->src);
    tenon_wire_put_string(b, 2, a->dest);
    put_owner(b, 3, a);
    tenon_wire_put_int(b, 4, a->mode);
    tenon_wire_put_bool(b, 5, a->follow_symlink);
    tenon_wire_put_bool(b, 6, a->dir_copy_contents);
    tenon_wire_put_bool(b, 7, a->attempt_unpack);
    tenon_wire_put_bool(b, 8, a->create_dest_path);
    tenon_wire_put_bool(b, 9, a->allow_wildcard);
    tenon_wire_put_bool(b, 10, a->allow_empty_wildcard);
    tenon_wire_put_int(b, 11, a->timestamp_ns);
    for (size_t i = 0; a->include && a->include[i]; i++)
        tenon_wire_put_item(b, 12, a->include[i]);
    for (size_t i = 0; a->exclude && a->exclude[i]; i++)
        tenon_wire_put_item(b, 13, a->exclude[i]);
    tenon_wire_put_bool(b, 14, a->always_replace);
    tenon_wire_put_string(b, 15, a->mode_str);
    for (size_t i = 0; a->required && a->required[i]; i++)
        tenon_wire_put_item(b, 16, a->required[i]);
}

static void
put_action(struct tenon_buf *b, const struct tenon_op_action *a)
{
    auto_buf struct tenon_buf outer = TENON_BUF_INIT;
    auto_buf struct tenon_buf m = TENON_BUF_INIT;

    tenon_wire_put_int(&outer, 1, a->input);
    tenon_wire_put_int(&outer, 2, a->secondary);
    tenon_wire_put_int(&outer, 3, a->output);
    switch (a->type) {
    case TENON_FILE_COPY:
        put_copy(&m, a);
        break;
    case TENON_FILE_MKFILE:
        tenon_wire_put_string(&m, 1, a->dest);
        tenon_wire_put_int(&m, 2, a->mode);
        tenon_wire_put_bytes(&m, 3, a->data, a->data_len);
        put_owner(&m, 4, a);
        tenon_wire_put_int(&m, 5, a->timestamp_ns);
        break;
    case TENON_FILE_MKDIR:
        tenon_wire_put_string(&m, 1, a->dest);
        tenon_wire_put_int(&m, 2, a->mode);
        tenon_wire_put_bool(&m, 3, a->make_parents);
        put_owner(&m, 4, a);
        tenon_wire_put_int(&m, 5, a->timestamp_ns);
        break;
    case TENON_FILE_RM:
        tenon_wire_put_string(&m, 1, a->dest);
        tenon_wire_put_bool(&m, 2, a->allow_not_found);
        tenon_wire_put_bool(&m, 3, a->allow_wildcard);
        break;
    case TENON_FILE_SYMLINK:
        tenon_wire_put_string(&m, 1, a->src);
        tenon_wire_put_string(&m, 2, a->dest);
        put_owner(&m, 3, a);
        tenon_wire_put_int(&m, 4, a->timestamp_ns);
        break;
    }
    tenon_wire_put_message(&outer, (uint32_t)a->type, &m);
    tenon_wire_put_message(b, 2, &outer);
}

static void
put_index(struct tenon_buf *b, uint32_t field, int64_t index)
{
    auto_buf struct tenon_buf m = TENON_BUF_INIT;

    tenon_wire_put_int(&m, 1, index);
    tenon_wire_put_message(b, field, &m);
}

static void
put_member(struct tenon_buf *b, const struct tenon_op *op)
{
    switch (op->type) {
    case TENON_OP_EXEC:
        put_exec(b, &op->exec);
        break;
    case TENON_OP_SOURCE:
        tenon_wire_put_string(b, 1, op->source.identifier);
        put_pairs(b, 2, op->source.attrs, op->source.attr_count);
        break;
    case TENON_OP_FILE:
        for (size_t i = 0; i < op->file.count; i++)
            put_action(b, &op->file.actions[i]);
        break;
    case TENON_OP_MERGE:
        for (size_t i = 0; i < op->merge.count; i++)
            put_index(b, 1, op->merge.inputs[i]);
        break;
    case TENON_OP_DIFF:
        put_index(b, 1, op->diff.lower);
        put_index(b, 2, op->diff.upper);
        break;
    case TENON_OP_NONE:
    case TENON_OP_BUILD:
    case TENON_OP_PASSTHROUGH:
        tenon_assert(!"an op that is never made here");
        break;
    }
}

void
tenon_op_encode(const struct tenon_op *op, const struct tenon_edge *inputs,
                size_t input_count, struct tenon_buf *out)
{
    auto_buf struct tenon_buf m = TENON_BUF_INIT;

    for (size_t i = 0; i < input_count; i++) {
        auto_buf struct tenon_buf in = TENON_BUF_INIT;
        tenon_wire_put_string(&in, 1, inputs[i].vertex->digest.str);
        tenon_wire_put_uint(&in, 2, inputs[i].index);
        tenon_wire_put_message(out, 1, &in);
    }
    if (op->type == TENON_OP_NONE)
        return; /* the last entry of a definition has nothing else */
    if (op->has_platform)
        put_platform(out, &op->platform);
    /* BuildKit's client always sends worker constraints, empty as they are. */
    tenon_wire_put_message(out, 11, &m);
    put_member(&m, op);
    tenon_wire_put_message(out, (uint32_t)op->type, &m);
}
