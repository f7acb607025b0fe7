/* exec/mountkeys.c - what mount plugins add to a step's cache key.
 *
 * The op's own fields, and the content of inputs, are the solver's; here come
 * the plugins by name and epoch, and the options of the types that LLB does
 * not know. */
#include <string.h>

#include "base/digest.h"
#include "tools/alloc.h"
#include "exec/private.h"

/* What is told is kept and shown: of a value that nobody is to see its digest. */
static void
tell_hidden(const struct tenon_op_mount *m, const struct tenon_pair *o,
            tenon_exec_key_option *option, void *data)
{
    struct tenon_digest d;
    tenon_digest_of(o->value, strlen(o->value), &d);
    const struct tenon_pair hidden = { .key = o->key, .value = d.str };
    option(data, m, &hidden);
}

/* Foreign options arrive sorted by name. */
static void
tell_options(const struct tenon_plugin *p, const struct tenon_op_mount *m,
             tenon_exec_key_option *option, void *data)
{
    for (size_t i = 0; i < m->plugin_option_count; i++) {
        const struct tenon_pair *o = &m->plugin_options[i];
        const struct tenon_param *param =
            tenon_param_find(p->options, p->param_size, o->key, strlen(o->key));
        if (param && param->flags & TENON_PARAM_NOT_IN_KEY)
            continue;
        if (param && param->flags & TENON_PARAM_SENSITIVE)
            tell_hidden(m, o, option, data);
        else
            option(data, m, o);
    }
}

static int
add_content(struct tenon_ctx *ctx, struct tenon_module *module,
            const struct tenon_op_mount *m, struct tenon_hash *h, struct tenon_error *err)
{
    tenon_hash_item(h, "mount", m->dest, strlen(m->dest));
    char **pairs = tenon_step_mount_options(m, NULL);
    static const char *const none[] = { NULL };
    auto_free char *what = tenon_asprintf("mount type %s", module->plugin.name);
    auto_values struct tenon_values *values = NULL;
    int rc = tenon_values_parse(module->plugin.options, module->plugin.param_size,
                                pairs ? (const char *const *)pairs : none, what, &values, err);
    tenon_strv_free(pairs);
    if (rc < 0)
        return rc;
    tenon_module_enter(module, "cache_key");
    rc = module->plugin.cache_key(module->self, ctx, values, (struct tenon_key *)h, err);
    tenon_module_leave(module);
    return tenon_module_check(module, "cache_key", rc, err);
}

/* *module is NULL for a bind mount: an input like any other. */
static int
find_module(struct tenon_engine *engine, const struct tenon_op_mount *m,
            struct tenon_module **module, struct tenon_error *err)
{
    *module = NULL;
    if (!m->plugin_type && m->type == TENON_LLB_MOUNT_BIND)
        return 0;
    const char *type = tenon_step_mount_type(m);
    if (!type)
        return tenon_error_set(err, TENON_E_UNSUPPORTED, "mount %s: unknown type %d", m->dest,
                               (int)m->type);
    return tenon_plugins_get(engine->plugins, TENON_KIND_MOUNT, type, module, err);
}

int
tenon_exec_mount_keys(struct tenon_engine *engine, const struct tenon_vertex *v,
                      struct tenon_hash *h, tenon_exec_key_option *option, void *data,
                      bool *is_volatile, struct tenon_error *err)
{
    const struct tenon_op_exec *op = &v->op.exec;
    for (size_t i = 0; i < op->mount_count; i++) {
        const struct tenon_op_mount *m = &op->mounts[i];
        struct tenon_module *module;
        if (find_module(engine, m, &module, err) < 0)
            return err->code;
        if (!module)
            continue;
        const struct tenon_plugin *p = &module->plugin;
        switch ((enum tenon_key_policy)p->key_policy) {
        case TENON_KEY_NEUTRAL:
            continue;
        case TENON_KEY_VOLATILE:
            *is_volatile = true;
            continue;
        case TENON_KEY_UNDECLARED:
        case TENON_KEY_OPTIONS:
        case TENON_KEY_CONTENT:
            break;
        }
        tenon_hash_item(h, "mount.type", p->name, strlen(p->name));
        auto_free char *epoch = tenon_asprintf("%u", p->key_epoch);
        tenon_hash_item(h, "mount.epoch", epoch, strlen(epoch));
        if (m->plugin_type)
            tell_options(p, m, option, data);
    }
    return 0;
}

int
tenon_exec_mount_contents(struct tenon_engine *engine, struct tenon_ctx *ctx,
                          const struct tenon_vertex *v, struct tenon_digest *out,
                          struct tenon_error *err)
{
    const struct tenon_op_exec *op = &v->op.exec;
    auto_hash struct tenon_hash *h = tenon_hash_new();
    bool any = false;

    out->str[0] = 0;
    for (size_t i = 0; i < op->mount_count; i++) {
        struct tenon_module *module;
        if (find_module(engine, &op->mounts[i], &module, err) < 0)
            return err->code;
        if (!module || module->plugin.key_policy != TENON_KEY_CONTENT ||
            !module->plugin.cache_key)
            continue;
        any = true;
        if (add_content(ctx, module, &op->mounts[i], h, err) < 0)
            return err->code;
    }
    if (any)
        tenon_hash_final(h, out);
    return 0;
}
