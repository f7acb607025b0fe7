/* convert/emit.c - planned vertices into the host's graph. */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include <tenon-graph.h>

#include "tools/alloc.h"
#include "tools/jsontext.h"
#include "vertex.h"

struct emitter {
    const struct tenon_host *h;
    struct df_build *b;
    struct tenon_error *err;
};

static void
need(struct df_vertex *v)
{
    if (v)
        v->needed = true;
}

/* Inputs come before their users, so one walk backwards finds all. */
static void
mark(struct df_plan *p, struct df_vertex *target)
{
    need(target);
    for (struct df_vertex *v = p->last; v; v = v->prev) {
        if (!v->needed)
            continue;
        switch (v->op) {
        case DF_OP_SOURCE:
        case DF_OP_INPUT:
            break;
        case DF_OP_EXEC:
            need(v->exec.root);
            for (struct df_plan_mount *m = v->exec.mounts; m; m = m->next)
                need(m->from);
            break;
        case DF_OP_FILE:
            need(v->file.base);
            for (struct df_action *a = v->file.first; a; a = a->next)
                need(a->from);
            break;
        case DF_OP_MERGE:
            need(v->merge.lower);
            need(v->merge.upper);
            break;
        }
    }
}

static struct tenon_node *
node_of(const struct df_vertex *v)
{
    return v ? v->node : NULL;
}

static uint32_t
output_of(const struct df_vertex *v)
{
    return v ? v->output : 0;
}

static const char *
json_list(struct df_arena *a, char *const *items, size_t count)
{
    struct json_object *list = json_object_new_array();
    for (size_t i = 0; i < count; i++)
        json_object_array_add(list, json_object_new_string(items[i]));
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    tenon_json_write(&text, list, true);
    json_object_put(list);
    return df_arena_strdup(a, tenon_buf_str(&text));
}

/* The paths relative to the tree, sorted; NULL when all of it is used. */
static const char *
follow_paths(struct df_arena *a, const struct df_paths *paths)
{
    size_t n = paths->list.len;
    char **items = df_arena_array(a, n, sizeof *items);
    for (size_t i = 0; i < n; i++) {
        items[i] = paths->list.items[i] + 1;
        if (!*items[i])
            return NULL;
    }
    if (!n)
        return NULL;
    qsort(items, n, sizeof *items, tenon_by_text);
    return json_list(a, items, n);
}

static struct tenon_node *
emit_source(struct emitter *e, const struct df_source *s)
{
    struct tenon_node *n = tenon_llb_source(e->h, e->b->graph, s->identifier,
                                            s->platform, e->err);
    if (!n)
        return NULL;
    const char *follow = s->follow ? follow_paths(e->b->arena, s->follow) : NULL;
    if (follow &&
        tenon_llb_source_attr(e->h, n, "local.followpaths", follow, e->err) < 0)
        return NULL;
    if (s->exclude && s->exclude->len &&
        tenon_llb_source_attr(e->h, n, "local.excludepatterns",
                              json_list(e->b->arena, s->exclude->items,
                                        s->exclude->len), e->err) < 0)
        return NULL;
    /* Last: a policy's go before. */
    for (size_t i = 0; i < s->attrs.len; i++)
        if (tenon_llb_source_attr(e->h, n, s->attrs.items[i].key,
                                  s->attrs.items[i].value, e->err) < 0)
            return NULL;
    return n;
}

static int
emit_foreign(struct emitter *e, struct tenon_node *n, struct df_plan_mount *m)
{
    struct tenon_node *t =
        tenon_llb_mount(e->h, n, m->type, m->dest, node_of(m->from), output_of(m->from),
                        e->err);
    if (!t)
        return e->h->error->code(e->err);
    if (m->selector && e->h->graph->node_set(t, "selector", m->selector, e->err) < 0)
        return e->h->error->code(e->err);
    if (e->h->graph->node_set_int(t, "no_output", 1, e->err) < 0)
        return e->h->error->code(e->err);
    for (size_t i = 0; m->options && i < m->options->len; i++) {
        const struct df_pair *o = &m->options->items[i];
        const char *key = df_arena_printf(e->b->arena, "option.%s", o->key);
        if (e->h->graph->node_set(t, key, o->value, e->err) < 0)
            return e->h->error->code(e->err);
    }
    return 0;
}

static int
emit_mount(struct emitter *e, struct tenon_node *n, struct df_plan_mount *m)
{
    const struct tenon_host *h = e->h;
    struct tenon_node *from = node_of(m->from), *made;
    const uint32_t output = output_of(m->from);

    if (strcmp(m->type, "bind") == 0) {
        made = tenon_llb_bind_mount(h, n, m->dest, from, output, m->selector,
                                    m->read_only, e->err);
    } else if (strcmp(m->type, "cache") == 0) {
        made = tenon_llb_cache_mount(h, n, m->dest, m->id, m->sharing, from, output,
                                     m->selector, m->read_only, e->err);
    } else if (strcmp(m->type, "tmpfs") == 0) {
        made = tenon_llb_tmpfs_mount(h, n, m->dest, m->size_bytes, e->err);
        if (made && m->read_only &&
            h->graph->node_set_int(made, "readonly", 1, e->err) < 0)
            made = NULL;
    } else if (strcmp(m->type, "secret") == 0 || strcmp(m->type, "ssh") == 0) {
        if (m->env && tenon_llb_secret_env(h, n, m->id, m->env, m->optional,
                                           e->err) < 0)
            return h->error->code(e->err);
        if (m->env && !m->dest)
            return 0;
        made = tenon_llb_secret_mount(h, n, m->type, m->dest, m->id, m->mode,
                                      m->uid, m->gid, m->optional, e->err);
    } else {
        return emit_foreign(e, n, m);
    }
    return made ? 0 : h->error->code(e->err);
}

static struct tenon_node *
emit_exec(struct emitter *e, const struct df_exec *x)
{
    const struct tenon_host *h = e->h;
    struct df_config *c = &e->b->config;
    struct tenon_node *n =
        tenon_llb_exec(h, e->b->graph, x->args, x->cwd, x->platform,
                       node_of(x->root), output_of(x->root), e->err);
    if (!n || tenon_llb_set_list(h, n, "env", x->env, e->err) < 0 ||
        h->graph->node_set(n, "network", x->network, e->err) < 0 ||
        h->graph->node_set(n, "security", x->security, e->err) < 0)
        return NULL;
    if (x->user && *x->user && h->graph->node_set(n, "user", x->user, e->err) < 0)
        return NULL;
    if (x->hostname && *x->hostname &&
        h->graph->node_set(n, "hostname", x->hostname, e->err) < 0)
        return NULL;
    if (c->cgroup_parent && *c->cgroup_parent &&
        h->graph->node_set(n, "cgroup_parent", c->cgroup_parent, e->err) < 0)
        return NULL;
    for (size_t i = 0; i < x->proxy.len; i++) {
        const char *key = df_arena_printf(e->b->arena, "proxy.%s",
                                          x->proxy.items[i].key);
        if (h->graph->node_set(n, key, x->proxy.items[i].value, e->err) < 0)
            return NULL;
    }
    for (struct df_plan_mount *m = x->mounts; m; m = m->next)
        if (emit_mount(e, n, m) < 0)
            return NULL;
    for (size_t i = 0; i < c->hosts_len; i++)
        if (tenon_llb_extra_host(h, n, c->hosts[i].host, c->hosts[i].ip,
                                 e->err) < 0)
            return NULL;
    for (size_t i = 0; i < c->ulimits_len; i++)
        if (tenon_llb_ulimit(h, n, c->ulimits[i].name, c->ulimits[i].soft,
                             c->ulimits[i].hard, e->err) < 0)
            return NULL;
    for (size_t i = 0; i < x->devices_len; i++)
        if (tenon_llb_device(h, n, x->devices[i].name, !x->devices[i].required,
                             e->err) < 0)
            return NULL;
    for (size_t i = 0; i < c->resources.len; i++)
        if (h->graph->node_describe(n, c->resources.items[i].key,
                                    c->resources.items[i].value, e->err) < 0)
            return NULL;
    return n;
}

static const char *const *
terminated(struct df_arena *a, const struct df_strings *s)
{
    const char **out = df_arena_array(a, s->len + 1, sizeof *out);
    for (size_t i = 0; i < s->len; i++)
        out[i] = s->items[i];
    return out;
}

static struct tenon_node *
emit_action(struct emitter *e, struct tenon_node *file, const struct df_action *a)
{
    struct tenon_llb_owner owner = {a->user, a->group};
    switch (a->kind) {
    case DF_DO_MKDIR:
        return tenon_llb_mkdir(e->h, file, a->path, (uint32_t)a->mode,
                               a->parents, &owner, a->timestamp_ns, e->err);
    case DF_DO_MKFILE:
        return tenon_llb_mkfile(e->h, file, a->path, (uint32_t)a->mode, a->data,
                                a->len, &owner, a->timestamp_ns, e->err);
    case DF_DO_COPY:
        break;
    }
    struct tenon_llb_copy copy = {
        .from = node_of(a->from), .from_output = output_of(a->from), .flags = a->flags,
        .src = a->src, .dest = a->path, .owner = owner,
        /* BuildKit's client leaves the number at 0 beside a symbolic mode, and ids depend on it. */
        .has_mode = a->mode >= 0 || a->mode_str, .mode = a->mode >= 0 ? a->mode : 0,
        .mode_str = a->mode_str,
        .has_timestamp = a->timestamp_ns != NULL,
        .timestamp_ns = a->timestamp_ns ? *a->timestamp_ns : 0,
        .include = terminated(e->b->arena, &a->include),
        .exclude = terminated(e->b->arena, &a->exclude),
        .required = terminated(e->b->arena, &a->required),
    };
    return tenon_llb_copy(e->h, file, &copy, e->err);
}

static struct tenon_node *
emit_file(struct emitter *e, const struct df_vertex *v)
{
    struct tenon_node *n = tenon_llb_file(e->h, e->b->graph, e->err);
    for (struct df_action *a = v->file.first; n && a; a = a->next) {
        struct tenon_node *part = emit_action(e, n, a);
        if (!part)
            return NULL;
        if (a == v->file.first && v->file.base &&
            tenon_llb_on(e->h, part, v->file.base->node, v->file.base->output, e->err) < 0)
            return NULL;
    }
    return n;
}

static int
describe(struct emitter *e, struct df_vertex *v)
{
    const struct tenon_host *h = e->h;
    int rc = v->name ? tenon_llb_name(h, v->node, v->name, e->err) : 0;
    if (rc == 0 && v->command)
        rc = h->graph->node_describe(v->node, "com.docker.dockerfile.v1.command",
                                     v->command, e->err);
    if (rc == 0 && v->transfer)
        rc = h->graph->node_describe(v->node, "tenon.transfer", v->transfer, e->err);
    if (rc == 0 && v->ignore_cache)
        rc = tenon_llb_ignore_cache(h, v->node, e->err);
    if (rc == 0 && v->group_id)
        rc = tenon_llb_group(h, v->node, v->group_id, v->group_name,
                             v->group_weak, e->err);
    if (rc == 0 && v->lines.first && e->b->have_source)
        rc = h->graph->node_at(v->node, e->b->source, (uint32_t)v->lines.first,
                               (uint32_t)v->lines.last);
    return rc;
}

static int
emit(struct emitter *e, struct df_vertex *v)
{
    switch (v->op) {
    case DF_OP_SOURCE:
        v->node = emit_source(e, &v->source);
        break;
    case DF_OP_INPUT: /* was made elsewhere */
        return 0;
    case DF_OP_EXEC:
        v->node = emit_exec(e, &v->exec);
        break;
    case DF_OP_FILE:
        v->node = emit_file(e, v);
        break;
    case DF_OP_MERGE:
        v->node = tenon_llb_merge2(e->h, e->b->graph, v->merge.lower->node,
                                   v->merge.lower->output, v->merge.upper->node,
                                   v->merge.upper->output, e->err);
        break;
    }
    return v->node ? describe(e, v) : e->h->error->code(e->err);
}

int
df_plan_emit(struct df_plan *p, struct df_vertex *target,
             struct tenon_ref **ref, struct tenon_error *err)
{
    struct emitter e = {p->build->host, p->build, err};
    mark(p, target);
    for (struct df_vertex *v = p->first; v; v = v->next) {
        if (!v->needed || v->node)
            continue;
        int rc = emit(&e, v);
        if (rc < 0)
            return df_fail_at(p->build, err, v->lines);
    }
    return e.b->bridge->solve(e.b->ctx, e.b->graph, node_of(target), output_of(target), ref, err);
}
