/* vars.c - see vars.h. */
#include "vars.h"

#include <string.h>

static struct df_pair *
find(const struct df_vars *v, const char *name)
{
    for (size_t i = 0; i < v->len; i++)
        if (strcmp(v->items[i].key, name) == 0)
            return &v->items[i];
    return NULL;
}

const char *
df_vars_get(const struct df_vars *v, const char *name)
{
    const struct df_pair *p = find(v, name);
    return p ? p->value : NULL;
}

void
df_vars_delete(struct df_vars *v, const char *name)
{
    struct df_pair *p = find(v, name);
    if (!p)
        return;
    size_t behind = v->len - (size_t)(p - v->items) - 1;
    memmove(p, p + 1, behind * sizeof *p);
    v->len--;
}

void
df_vars_set(struct df_arena *a, struct df_vars *v, const char *name,
            const char *value)
{
    df_vars_delete(v, name);
    if (v->len == v->cap) {
        v->cap = v->cap ? v->cap * 2 : 16;
        struct df_pair *grown = df_arena_array(a, v->cap, sizeof *grown);
        if (v->len)
            memcpy(grown, v->items, v->len * sizeof *grown);
        v->items = grown;
    }
    v->items[v->len++] = (struct df_pair){.key = name, .value = value};
}

void
df_vars_clone(struct df_arena *a, const struct df_vars *src,
              struct df_vars *out)
{
    struct df_vars v = {df_arena_array(a, src->len, sizeof *v.items), src->len,
                        src->len};
    if (src->len)
        memcpy(v.items, src->items, src->len * sizeof *v.items);
    *out = v;
}

static const char *
env_get(void *data, const char *name)
{
    return df_vars_get(data, name);
}

static const char *
env_name(void *data, size_t i)
{
    const struct df_vars *v = data;
    return i < v->len ? v->items[i].key : NULL;
}

struct df_env
df_vars_env(const struct df_vars *v)
{
    return (struct df_env){env_get, env_name, (void *)v};
}

const char **
df_vars_list(struct df_arena *a, const struct df_vars *v)
{
    const char **out = df_arena_array(a, v->len + 1, sizeof *out);
    for (size_t i = 0; i < v->len; i++)
        out[i] = df_arena_printf(a, "%s=%s", v->items[i].key, v->items[i].value);
    return out;
}
