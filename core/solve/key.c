/* solve/key.c - the own key of a vertex: what of its op can change its result, its inputs
 * left aside (docs/caching.md). */
#include <stdio.h>
#include <string.h>

#include "tools/path.h"
#include "exec/exec.h"
#include "solve/private.h"

/* ---- exec --------------------------------------------------------------- */

/* The id of a cache mount is a key part in its default form only ("/target" or
 * "namespace/target", shared): that is how BuildKit's frontend makes it, and it
 * then follows from the target. */
static bool
cache_is_default(const struct tenon_op_mount *m)
{
    if (m->cache_sharing != TENON_LLB_CACHE_SHARED)
        return false;
    if (!strcmp(m->cache_id, m->dest))
        return true;
    const char *slash = strchr(m->cache_id, '/');
    return slash && !strcmp(slash + 1, m->dest);
}

static void
add_mount(struct key_parts *p, const struct tenon_op_mount *m)
{
    auto_free char *label = tenon_asprintf("mount %s", m->dest);
    auto_buf struct tenon_buf b = TENON_BUF_INIT;

    tenon_buf_addf(&b, "type %d input %lld output %lld%s content %d", (int)m->type,
                   (long long)m->input, (long long)m->output,
                   m->readonly ? " readonly" : "", (int)m->content_cache);
    if (m->type == TENON_LLB_MOUNT_TMPFS)
        tenon_buf_addf(&b, " size %lld", (long long)m->tmpfs_size);
    if (m->type == TENON_LLB_MOUNT_CACHE && cache_is_default(m))
        tenon_buf_addf(&b, " id %s", m->cache_id);
    if (m->type == TENON_LLB_MOUNT_SECRET || m->type == TENON_LLB_MOUNT_SSH)
        tenon_buf_addf(&b, " id %s uid %u gid %u mode %o%s", m->id, m->uid,
                       m->gid, m->mode, m->optional ? " optional" : "");
    if (m->plugin_type)
        tenon_buf_addf(&b, " plugin %s", m->plugin_type);
    key_parts_add(p, label, tenon_buf_str(&b));
    if (*m->result_id)
        key_parts_add(p, "result id", m->result_id);
}

static bool
only_plain_root(const struct tenon_op_exec *x)
{
    const struct tenon_op_mount *m = x->mounts;

    return x->mount_count == 1 && !strcmp(m->dest, "/") && !*m->selector &&
           !m->readonly && m->type == TENON_LLB_MOUNT_BIND && !m->plugin_type &&
           !*m->result_id;
}

static void
add_env(struct key_parts *p, const char *env)
{
    const char *eq = strchr(env, '=');
    int len = eq ? (int)(eq - env) : (int)strlen(env);
    auto_free char *label = tenon_asprintf("env %.*s", len, env);

    key_parts_add(p, label, eq ? eq + 1 : "");
}

static void
add_exec(struct key_parts *p, const struct tenon_op_exec *x)
{
    for (size_t i = 0; x->args[i]; i++)
        key_parts_add(p, "argument", x->args[i]);
    for (size_t i = 0; x->env[i]; i++)
        add_env(p, x->env[i]);
    key_parts_add(p, "working directory", x->cwd);
    key_parts_add(p, "user", x->user);
    key_parts_add(p, "hostname", x->hostname);
    key_parts_add(p, "cgroup parent", x->cgroup_parent);
    for (size_t i = 0; i < x->extra_host_count; i++)
        key_parts_add(p, "extra host", x->extra_hosts[i].key);
    for (size_t i = 0; i < x->ulimit_count; i++)
        key_parts_addf(p, "ulimit", "%s=%lld:%lld", x->ulimits[i].name,
                       (long long)x->ulimits[i].soft,
                       (long long)x->ulimits[i].hard);
    for (size_t i = 0; i < x->valid_exit_code_count; i++)
        key_parts_addf(p, "valid exit code", "%lld",
                       (long long)x->valid_exit_codes[i]);
    key_parts_addf(p, "network", "%d", (int)x->network);
    key_parts_addf(p, "security", "%d", (int)x->security);
    for (size_t i = 0; i < x->secretenv_count; i++)
        key_parts_addf(p, "secret environment", "%s=%s%s", x->secretenv[i].name,
                       x->secretenv[i].id,
                       x->secretenv[i].optional ? " optional" : "");
    for (size_t i = 0; i < x->device_count; i++)
        key_parts_addf(p, "device", "%s %s", x->devices[i].key,
                       x->devices[i].value);
    /* The value that all clients use is not part of the key. */
    if (!x->remove_stubs_recursive)
        key_parts_add(p, "mount stubs", "directories stay");
    if (!only_plain_root(x))
        for (size_t i = 0; i < x->mount_count; i++)
            add_mount(p, &x->mounts[i]);
}

static void
add_mount_option(void *data, const struct tenon_op_mount *m,
                 const struct tenon_pair *option)
{
    auto_free char *label =
        tenon_asprintf("mount %s option %s", m->dest, option->key);

    key_parts_add(data, label, option->value);
}

int
key_mount_contents(struct state *st, struct tenon_digest *out, struct tenon_error *err)
{
    struct tenon_engine *e = st->solver->engine;
    auto_ctx struct tenon_ctx *ctx =
        tenon_ctx_new(e, e->events, st->cancel, st->v->digest.str);
    return tenon_exec_mount_contents(e, ctx, st->v, out, err);
}

/* What mount plugins add. */
static int
add_mount_plugins(struct state *st, struct key_parts *p, bool *is_volatile,
                  struct tenon_digest *contents, struct tenon_error *err)
{
    auto_hash struct tenon_hash *h = tenon_hash_new();
    struct tenon_digest d;

    if (only_plain_root(&st->v->op.exec))
        return 0;
    int rc = tenon_exec_mount_keys(st->solver->engine, st->v, h, add_mount_option, p,
                                   is_volatile, err);
    if (rc == 0)
        rc = key_mount_contents(st, contents, err);
    if (rc < 0)
        return rc;
    tenon_hash_final(h, &d);
    key_parts_add(p, "mount plugins", d.str);
    if (contents->str[0])
        key_parts_add(p, "content of mounts", contents->str);
    return 0;
}

/* ---- file --------------------------------------------------------------- */

static void
add_user(struct key_parts *p, const char *label, const struct tenon_op_user *u)
{
    switch (u->how) {
    case TENON_USER_UNSET:
        break;
    case TENON_USER_ID:
        key_parts_addf(p, label, "%u", u->id);
        break;
    case TENON_USER_NAME:
        key_parts_addf(p, label, "%s of input %lld", u->name, (long long)u->input);
        break;
    }
}

static void
add_list(struct key_parts *p, const char *label, const char *const *list)
{
    for (size_t i = 0; list[i]; i++)
        key_parts_add(p, label, list[i]);
}

static void
add_action(struct key_parts *p, const struct tenon_op_action *a, const struct state *st)
{
    static const char *const names[] = {
        [TENON_FILE_COPY] = "copy",   [TENON_FILE_MKFILE] = "mkfile",
        [TENON_FILE_MKDIR] = "mkdir", [TENON_FILE_RM] = "rm",
        [TENON_FILE_SYMLINK] = "symlink",
    };

    key_parts_addf(p, "action", "%s %lld %lld %lld", names[a->type],
                   (long long)a->input, (long long)a->secondary,
                   (long long)a->output);
    /* For an input that is keyed by content only its name matters, not where it
     * is. */
    bool by_content = a->type == TENON_FILE_COPY && a->secondary >= 0 &&
                      (uint64_t)a->secondary < st->v->input_count &&
                      st->deps[a->secondary].content;
    key_parts_add(p, "source", by_content ? tenon_path_base(a->src) : a->src);
    key_parts_add(p, "destination", a->dest);
    if (a->has_owner) {
        add_user(p, "owner", &a->user);
        add_user(p, "group", &a->group);
    }
    key_parts_addf(p, "mode", "%lld", (long long)a->mode);
    key_parts_add(p, "mode text", a->mode_str);
    key_parts_addf(p, "timestamp", "%lld", (long long)a->timestamp_ns);
    key_parts_addf(p, "flags", "%d%d%d%d%d%d%d%d%d", a->follow_symlink,
                   a->dir_copy_contents, a->attempt_unpack, a->create_dest_path,
                   a->allow_wildcard, a->allow_empty_wildcard, a->always_replace,
                   a->make_parents, a->allow_not_found);
    add_list(p, "include", a->include);
    add_list(p, "exclude", a->exclude);
    add_list(p, "required", a->required);
    if (a->type == TENON_FILE_MKFILE) {
        struct tenon_digest d;
        tenon_digest_of(a->data ? a->data : "", a->data_len, &d);
        key_parts_add(p, "data", d.str);
    }
}

/* ---- all ---------------------------------------------------------------- */

int
key_own(struct state *st, struct key_parts *p, bool *is_volatile,
        struct tenon_digest *contents, struct tenon_digest *out, struct tenon_error *err)
{
    const struct tenon_op *op = &st->v->op;
    const char *tag = "merge2"; /* of the second meaning, as is "diff2" */
    int rc = 0;

    contents->str[0] = 0;

    switch (op->type) {
    case TENON_OP_EXEC: {
        auto_free char *platform = source_platform(st->solver->engine, st->v);
        tag = "exec";
        key_parts_add(p, "platform", platform);
        add_exec(p, &op->exec);
        rc = add_mount_plugins(st, p, is_volatile, contents, err);
        break;
    }
    case TENON_OP_FILE:
        tag = "file";
        for (size_t i = 0; i < op->file.count; i++)
            add_action(p, &op->file.actions[i], st);
        break;
    case TENON_OP_MERGE:
        for (size_t i = 0; i < op->merge.count; i++)
            key_parts_addf(p, "merged", "%lld", (long long)op->merge.inputs[i]);
        break;
    case TENON_OP_DIFF:
        tag = "diff2";
        key_parts_addf(p, "lower", "%lld", (long long)op->diff.lower);
        key_parts_addf(p, "upper", "%lld", (long long)op->diff.upper);
        break;
    case TENON_OP_PASSTHROUGH:
        tag = "passthrough";
        key_parts_add(p, "id", op->passthrough.id);
        for (size_t i = 0; i < op->passthrough.count; i++)
            key_parts_addf(p, "output", "%lld", (long long)op->passthrough.outputs[i]);
        break;
    case TENON_OP_SOURCE:
    case TENON_OP_BUILD:
    case TENON_OP_NONE:
        return tenon_error_set(err, TENON_E_BUG, "no key for this kind of op");
    }
    key_parts_digest(p, tag, out);
    return rc;
}
