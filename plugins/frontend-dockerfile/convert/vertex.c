/* convert/vertex.c - planning vertices, before the host gets them. */
#include "vertex.h"

#include <string.h>

#include "tools/alloc.h"
#include "tools/path.h"

void
df_paths_add(struct df_arena *a, struct df_paths *p, const char *path)
{
    auto_free char *clean = tenon_path_join("/", path);
    size_t len = strlen(clean), at;
    if (df_index_get(&p->index, clean, len, &at))
        return;
    char *path_kept = df_arena_strndup(a, clean, len);
    df_index_put(a, &p->index, path_kept, len, p->list.len);
    df_list_add(a, &p->list, path_kept);
}

static struct df_vertex *
vertex_new(struct df_plan *p, enum df_op op, const char *name)
{
    struct df_vertex *v = df_arena_new(p->build->arena, struct df_vertex);
    v->op = op;
    v->name = name;
    v->prev = p->last;
    if (p->last)
        p->last->next = v;
    else
        p->first = v;
    p->last = v;
    return v;
}

struct df_vertex *
df_plan_source(struct df_plan *p, const char *identifier, const char *platform,
               const char *name)
{
    struct df_vertex *v = vertex_new(p, DF_OP_SOURCE, name);
    v->source.identifier = identifier;
    v->source.platform = platform;
    return v;
}

void
df_vertex_attr(struct df_plan *p, struct df_vertex *source, const char *key,
               const char *value)
{
    struct df_pairs *attrs = &source->source.attrs;
    for (size_t i = 0; i < attrs->len; i++)
        if (strcmp(attrs->items[i].key, key) == 0) {
            attrs->items[i].value = value;
            return;
        }
    struct df_pair *grown =
        df_arena_array(p->build->arena, attrs->len + 1, sizeof *grown);
    if (attrs->len)
        memcpy(grown, attrs->items, attrs->len * sizeof *grown);
    grown[attrs->len] = (struct df_pair){.key = key, .value = value};
    attrs->items = grown;
    attrs->len++;
}

void
df_local_session(struct df_plan *p, struct df_vertex *source, const char *local)
{
    const char *key = df_arena_printf(p->build->arena, "local-sessionid:%s", local);
    const char *named = df_option(p->build, key);
    const char *id = named && *named ? named : df_option(p->build, "local-sessionid");

    if (id && *id)
        df_vertex_attr(p, source, "local.session", id);
}

struct df_vertex *
df_plan_input(struct df_plan *p, struct tenon_ref *input)
{
    uint32_t output = 0;
    struct tenon_node *node = p->build->host->graph->node_of_ref(p->build->graph, input, &output);
    if (!node)
        return NULL;
    struct df_vertex *v = vertex_new(p, DF_OP_INPUT, NULL);
    v->node = node;
    v->output = output;
    return v;
}

struct df_vertex *
df_plan_exec(struct df_plan *p, const char *name)
{
    return vertex_new(p, DF_OP_EXEC, name);
}

struct df_plan_mount *
df_vertex_mount(struct df_plan *p, struct df_vertex *exec, const char *type,
                const char *dest)
{
    struct df_plan_mount *m =
        df_arena_new(p->build->arena, struct df_plan_mount);
    m->type = type;
    m->dest = dest;
    struct df_plan_mount **end = &exec->exec.mounts;
    while (*end)
        end = &(*end)->next;
    return *end = m;
}

struct df_vertex *
df_plan_file(struct df_plan *p, struct df_vertex *base, const char *name)
{
    struct df_vertex *v = vertex_new(p, DF_OP_FILE, name);
    v->file.base = base;
    v->file.end = &v->file.first;
    return v;
}

struct df_action *
df_vertex_action(struct df_plan *p, struct df_vertex *file,
                 enum df_action_kind kind)
{
    struct df_action *a = df_arena_new(p->build->arena, struct df_action);
    a->kind = kind;
    a->mode = -1;
    *file->file.end = a;
    file->file.end = &a->next;
    return a;
}

struct df_vertex *
df_plan_merge(struct df_plan *p, struct df_vertex *lower,
              struct df_vertex *upper, const char *name)
{
    struct df_vertex *v = vertex_new(p, DF_OP_MERGE, name);
    v->merge.lower = lower;
    v->merge.upper = upper;
    return v;
}

void
df_owner_split(struct df_arena *a, const char *text, const char **user,
               const char **group)
{
    const char *colon = strchr(text, ':');
    *user = colon ? df_arena_strndup(a, text, (size_t)(colon - text)) : text;
    *group = colon ? colon + 1 : NULL;
    /* Nothing before or after the colon means root. */
    if (!**user)
        *user = "0";
    if (*group && !**group)
        *group = "0";
}
