/* convert/dispatch_mounts.c - RUN --mount=...: as LLB has them. */
#include <string.h>

#include "convert.h"
#include "tools/alloc.h"
#include "tools/path.h"

struct mounting {
    struct df_dispatch *d;
    struct df_vertex *exec;
    const struct df_mount *m;
    struct df_state *source; /* of from=, or a scratch stand-in */
};

static const char *
base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static const char *
absolute(struct df_dispatch *d, const char *target)
{
    auto_free char *dir = tenon_path_join("/", d->s->dir);
    auto_free char *clean =
        *target == '/' ? tenon_path_clean(target) : tenon_path_join(dir, target);
    return df_arena_strdup(d->c->arena, clean);
}

static int
secret(struct mounting *x)
{
    struct df_dispatch *d = x->d;
    const struct df_mount *m = x->m;
    const char *id = *m->source ? m->source : m->id;
    if (!*id && !*m->target)
        return df_dispatch_fail(d, "one of source, target required");
    if (!*id)
        id = base_name(m->target);
    const char *dest = *m->target ? absolute(d, m->target) : NULL;
    if (!dest && !m->env)
        dest = df_arena_printf(d->c->arena, "/run/secrets/%s", base_name(id));
    struct df_need_info need = {id, m->required, d->step->cmd->lines};
    df_outline_need(d->c->arena, &d->s->outline, false, &need);

    struct df_plan_mount *out = df_vertex_mount(&d->c->plan, x->exec, "secret", dest);
    out->id = id;
    out->env = m->env;
    out->optional = !m->required;
    out->mode = m->mode >= 0 ? (uint32_t)m->mode : 0400;
    out->uid = m->uid > 0 ? (uint32_t)m->uid : 0;
    out->gid = m->gid > 0 ? (uint32_t)m->gid : 0;
    return 0;
}

static int
ssh(struct mounting *x, struct df_list *targets)
{
    struct df_dispatch *d = x->d;
    const struct df_mount *m = x->m;
    if (*m->source)
        return df_dispatch_fail(d, "ssh does not support source");
    const char *id = *m->id ? m->id : "default";
    struct df_need_info need = {id, m->required, d->step->cmd->lines};
    df_outline_need(d->c->arena, &d->s->outline, true, &need);

    char *dest = *m->target ?
                     df_arena_strdup(d->c->arena, absolute(d, m->target)) :
                     df_arena_printf(d->c->arena, "/run/buildkit/ssh_agent.%zu",
                                     targets->len);
    df_list_add(d->c->arena, targets, dest);
    struct df_plan_mount *out = df_vertex_mount(&d->c->plan, x->exec, "ssh", dest);
    out->id = id;
    out->optional = !m->required;
    out->mode = m->mode >= 0 ? (uint32_t)m->mode : 0600;
    out->uid = m->uid > 0 ? (uint32_t)m->uid : 0;
    out->gid = m->gid > 0 ? (uint32_t)m->gid : 0;
    return 0;
}

/* The tree of from=, by default the build context (a cache: nothing). */
static int
input(struct mounting *x, bool from_context, struct df_vertex **out)
{
    struct df_dispatch *d = x->d;
    if (!*x->m->from) {
        *out = from_context ? d->c->context : NULL;
        if (from_context)
            df_paths_add(d->c->arena, &d->s->context_paths, x->m->source);
        return 0;
    }
    if (!x->source->dispatched)
        return df_dispatch_fail(
            d,
            "cannot mount from stage %s to %s, stage needs to be defined before "
            "current command", df_quote(d->c->arena, x->m->from),
            df_quote(d->c->arena, x->m->target));
    *out = x->source->tree;
    df_paths_add(d->c->arena, x->source->paths, x->m->source);
    return 0;
}

/* A cache with an owner starts from a directory of that owner. */
static struct df_vertex *
cache_permissions(struct mounting *x, struct df_vertex *base)
{
    struct df_plan *plan = &x->d->c->plan;
    struct df_arena *a = x->d->c->arena;
    const struct df_mount *m = x->m;
    struct df_vertex *v = df_plan_file(
        plan, base, "[internal] setting cache mount permissions");
    struct df_action *mkdir = df_vertex_action(plan, v, DF_DO_MKDIR);
    mkdir->path = "/cache";
    mkdir->mode = m->mode >= 0 ? m->mode & 0777 : 0755;
    mkdir->user = df_arena_printf(a, "%lld", (long long)(m->uid > 0 ? m->uid : 0));
    mkdir->group = df_arena_printf(a, "%lld", (long long)(m->gid > 0 ? m->gid : 0));
    return v;
}

static const char *
sharing(enum df_sharing s)
{
    switch (s) {
    case DF_SHARING_PRIVATE:
        return "private";
    case DF_SHARING_LOCKED:
        return "locked";
    case DF_SHARING_DEFAULT:
    case DF_SHARING_SHARED:
        break;
    }
    return "shared";
}

static int
tree(struct mounting *x)
{
    struct df_dispatch *d = x->d;
    struct df_arena *a = d->c->arena;
    const struct df_mount *m = x->m;
    bool cache = m->type == DF_MOUNT_CACHE;
    struct df_vertex *from = NULL;

    const char *dest = absolute(d, m->target);
    if (strcmp(dest, "/") == 0)
        return df_dispatch_fail(d, "invalid mount target %s", df_quote(a, dest));
    int rc = m->type == DF_MOUNT_TMPFS ? 0 : input(x, !cache, &from);
    if (rc < 0)
        return rc;

    struct df_plan_mount out = {.dest = dest, .read_only = m->read_only};
    auto_free char *source = tenon_path_join("/", m->source);
    if (strcmp(source, "/") != 0) {
        out.selector = df_arena_strdup(a, source);
    } else if (m->uid >= 0 || m->gid >= 0 || m->mode >= 0) {
        from = cache_permissions(x, from);
        out.selector = "/cache";
    }
    out.from = from;
    if (cache) {
        auto_free char *clean = tenon_path_clean(m->target);
        out.id = df_arena_printf(a, "%s/%s", d->c->build->config.cache_namespace,
                                 *m->id ? m->id : clean);
        out.sharing = sharing(m->sharing);
    }
    out.size_bytes = m->size_bytes;
    struct df_plan_mount *slot = df_vertex_mount(
        &d->c->plan, x->exec,
        cache ? "cache" : m->type == DF_MOUNT_TMPFS ? "tmpfs" : "bind", dest);
    const char *type = slot->type;
    *slot = out;
    slot->type = type;
    return 0;
}

/* ---- types of plugins ---------------------------------------------------- */

/* Keys that mean the same for every type; a type that declares an option of
 * the name gets it as well. */
static bool
is_common(const char *key)
{
    static const char *const common[] = {
        "type", "target", "dst", "destination", "source", "src", "from",
        "ro", "readonly", "rw", "readwrite"};
    for (size_t i = 0; i < tenon_countof(common); i++)
        if (strcmp(key, common[i]) == 0)
            return true;
    return false;
}

static bool
is_entry_of(const struct tenon_param *p, const char *name)
{
    const size_t len = strlen(p->name);
    return p->type == TENON_TYPE_MAP && strncmp(p->name, name, len) == 0 && name[len] &&
           strchr(".-[", name[len]);
}

static const struct tenon_param *
find_param(const struct tenon_param *params, size_t stride, const char *name)
{
    const struct tenon_param *map = NULL;
    for (const char *p = (const char *)params;; p += stride) {
        const struct tenon_param *param = (const struct tenon_param *)(const void *)p;
        if (!param->name)
            return map;
        if (strcmp(param->name, name) == 0)
            return param;
        if (is_entry_of(param, name))
            map = param;
    }
}

/* The one that a word without "=" is a value of, or NULL. */
static const struct tenon_param *
find_bare(const struct tenon_param *params, size_t stride)
{
    for (const char *p = (const char *)params;; p += stride) {
        const struct tenon_param *param = (const struct tenon_param *)(const void *)p;
        if (!param->name || param->flags & TENON_PARAM_BARE)
            return param->name ? param : NULL;
    }
}

/* The last one of a name counts, unless all do. */
static void
add_option(struct mounting *x, const struct tenon_param *param, const char *key, const char *value,
           struct df_pairs *options)
{
    if (param->flags & TENON_PARAM_DEPRECATED)
        x->d->c->build->host->progress->log(
            x->d->c->build->ctx, 4, "mount type %s: the option \"%s\" is deprecated: %s",
            x->m->type_name, param->name, param->help ? param->help : "");
    for (size_t i = 0; i < options->len && !(param->flags & TENON_PARAM_REPEAT); i++)
        if (strcmp(options->items[i].key, key) == 0) {
            options->items[i].value = value;
            return;
        }
    options->items[options->len++] = (struct df_pair){.key = key, .value = value};
}

static const char *const *
param_names(struct df_arena *a, const struct tenon_param *params, size_t stride)
{
    struct df_list names = {0};
    for (const char *p = (const char *)params;; p += stride) {
        const struct tenon_param *param = (const struct tenon_param *)(const void *)p;
        if (!param->name)
            break;
        df_list_add(a, &names, df_arena_strdup(a, param->name));
    }
    df_list_add(a, &names, df_arena_strdup(a, "target"));
    df_list_add(a, &names, df_arena_strdup(a, "source"));
    df_list_add(a, &names, df_arena_strdup(a, "from"));
    df_list_add(a, &names, NULL);
    return (const char *const *)names.items;
}

static int
check_required(struct mounting *x, const struct tenon_param *params,
               size_t stride, const struct df_pairs *given)
{
    for (const char *p = (const char *)params;; p += stride) {
        const struct tenon_param *param = (const struct tenon_param *)(const void *)p;
        if (!param->name)
            return 0;
        if (!(param->flags & TENON_PARAM_REQUIRED))
            continue;
        bool found = false;
        for (size_t i = 0; i < given->len && !found; i++)
            found = strcmp(given->items[i].key, param->name) == 0;
        if (!found)
            return df_dispatch_fail(x->d, "mount type %s requires the option \"%s\"",
                                    df_quote(x->d->c->arena, x->m->type_name),
                                    param->name);
    }
}

static int
foreign(struct mounting *x)
{
    struct df_dispatch *d = x->d;
    struct df_build *b = d->c->build;
    struct df_arena *a = d->c->arena;
    const struct df_mount *m = x->m;
    size_t stride = 0;
    const struct tenon_param *params =
        b->host->graph->mount_options(b->graph, m->type_name, &stride, d->err);
    if (!params) {
        const char *why = df_arena_strdup(a, b->host->error->text(d->err));
        df_dispatch_fail(d, "%s", df_mount_type_unknown(a, m->type_name));
        b->host->error->hint(d->err, "%s", why);
        return b->host->error->code(d->err);
    }
    struct df_pairs *options = df_arena_new(a, struct df_pairs);
    options->items = df_arena_array(a, m->keys.len, sizeof *options->items);
    bool own_source = find_param(params, stride, "source") != NULL;
    for (size_t i = 0; i < m->keys.len; i++) {
        const struct df_pair *k = &m->keys.items[i];
        const struct tenon_param *param = find_param(params, stride, k->key);
        if (param) {
            /* the keys of a map are the user's own */
            const char *key = df_arena_printf(a, "%s%s", param->name,
                                              k->word + strlen(param->name));
            add_option(x, param, key, k->value ? k->value : "true", options);
            continue;
        }
        if (is_common(k->key))
            continue;
        if (!k->value && (param = find_bare(params, stride))) {
            add_option(x, param, param->name, k->word, options);
            continue;
        }
        df_dispatch_fail(d, "unexpected key '%s' in '%s%s%s'", k->key, k->key,
                         k->value ? "=" : "", k->value ? k->value : "");
        df_fail_suggest(b, d->err, k->key, param_names(a, params, stride));
        return df_fail_at(b, d->err, d->step->cmd->lines);
    }
    int rc = check_required(x, params, stride, options);
    if (rc < 0)
        return rc;
    if (!*m->target)
        return df_dispatch_fail(d, "mount type %s requires a target",
                                df_quote(a, m->type_name));
    const char *dest = absolute(d, m->target);
    if (strcmp(dest, "/") == 0)
        return df_dispatch_fail(d, "invalid mount target %s", df_quote(a, dest));

    struct df_vertex *from = NULL;
    bool wants_tree = *m->from || (*m->source && !own_source);
    if (wants_tree && (rc = input(x, true, &from)) < 0)
        return rc;
    struct df_plan_mount *out =
        df_vertex_mount(&d->c->plan, x->exec, m->type_name, dest);
    out->from = from;
    out->options = options;
    auto_free char *source = tenon_path_join("/", m->source);
    if (wants_tree && strcmp(source, "/") != 0)
        out->selector = df_arena_strdup(a, source);
    return 0;
}

int
df_dispatch_mounts(struct df_dispatch *d, struct df_vertex *exec,
                   const struct df_mount *mounts, size_t count,
                   struct df_list *ssh_targets)
{
    for (size_t i = 0; i < count; i++) {
        struct mounting x = {d, exec, &mounts[i], d->step->sources[i]};
        int rc = 0;
        switch (mounts[i].type) {
        case DF_MOUNT_SECRET:
            rc = secret(&x);
            break;
        case DF_MOUNT_SSH:
            rc = ssh(&x, ssh_targets);
            break;
        case DF_MOUNT_BIND:
        case DF_MOUNT_CACHE:
        case DF_MOUNT_TMPFS:
            rc = tree(&x);
            break;
        case DF_MOUNT_OTHER:
            rc = foreign(&x);
            break;
        }
        if (rc < 0)
            return rc;
    }
    int64_t shm = d->c->build->config.shm_bytes;
    if (shm > 0)
        df_vertex_mount(&d->c->plan, exec, "tmpfs", "/dev/shm")->size_bytes = shm;
    return 0;
}
