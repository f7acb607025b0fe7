/* convert/vars.c - environments. */
#include "vars.h"

#include <string.h>

static struct df_pair *
find(const struct df_vars *v, const char *name)
{
    size_t at;
    for (size_t i = v->len; i-- > v->indexed;)
        if (v->items[i].key && strcmp(v->items[i].key, name) == 0)
            return &v->items[i];
    if (!v->indexed || !df_index_get(&v->index, name, strlen(name), &at))
        return NULL;
    return v->items[at].key ? &v->items[at] : NULL;
}

const char *
df_vars_get(const struct df_vars *v, const char *name)
{
    const struct df_pair *p = find(v, name);
    return p ? p->value : NULL;
}

const struct df_pair *
df_vars_next(const struct df_vars *v, size_t *at)
{
    while (*at < v->len && !v->items[*at].key)
        ++*at;
    return *at < v->len ? &v->items[(*at)++] : NULL;
}

/* Room for one more, without the deleted ones, and nobody else's. */
static void
make_room(struct df_arena *a, struct df_vars *v)
{
    struct df_vars fresh = {.cap = 2 * v->live < 16 ? 16 : 2 * v->live, .sets = v->sets};
    fresh.items = df_arena_array(a, fresh.cap, sizeof *fresh.items);
    for (size_t at = 0; fresh.len < v->live;)
        fresh.items[fresh.len++] = *df_vars_next(v, &at);
    fresh.live = fresh.len;
    fresh.tail = df_arena_alloc(a, sizeof *fresh.tail);
    fresh.tail->used = fresh.len;
    *v = fresh;
}

void
df_vars_delete(struct df_arena *a, struct df_vars *v, const char *name)
{
    if (!find(v, name))
        return;
    if (v->tail->is_shared)
        make_room(a, v);
    *find(v, name) = (struct df_pair){0};
    v->live--;
    while (v->len > v->indexed && !v->items[v->len - 1].key)
        v->len--;
    v->tail->used = v->len;
}

static void
keep_index(struct df_arena *a, struct df_vars *v)
{
    if (v->len <= DF_INDEX_FROM || v->sets <= DF_INDEX_FROM)
        return;
    for (; v->indexed < v->len; v->indexed++) {
        const char *key = v->items[v->indexed].key;
        if (key)
            df_index_put(a, &v->index, key, strlen(key), v->indexed);
    }
}

void
df_vars_set(struct df_arena *a, struct df_vars *v, const char *name,
            const char *value)
{
    df_vars_delete(a, v, name);
    if (v->len == v->cap || v->len != v->tail->used)
        make_room(a, v);
    v->items[v->len++] = (struct df_pair){.key = name, .value = value};
    v->tail->used = v->len;
    v->live++;
    v->sets++;
    keep_index(a, v);
}

void
df_vars_clone(struct df_arena *a, const struct df_vars *src,
              struct df_vars *out)
{
    struct df_vars v = *src;
    if (v.live < v.len)
        make_room(a, &v);
    else if (v.tail)
        v.tail->is_shared = true;
    v.index = (struct df_index){0};
    v.indexed = v.sets = 0;
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
    return i < v->len ? (v->items[i].key ? v->items[i].key : "") : NULL;
}

struct df_env
df_vars_env(const struct df_vars *v)
{
    return (struct df_env){env_get, env_name, (void *)v};
}

const char **
df_vars_list(struct df_arena *a, const struct df_vars *v)
{
    const char **out = df_arena_array(a, v->live + 1, sizeof *out);
    const struct df_pair *p;
    size_t n = 0;
    for (size_t at = 0; (p = df_vars_next(v, &at)) != NULL;) {
        size_t key = strlen(p->key), value = strlen(p->value);
        char *text = df_arena_alloc(a, key + value + 2);
        memcpy(text, p->key, key);
        text[key] = '=';
        memcpy(text + key + 1, p->value, value);
        out[n++] = text;
    }
    return out;
}
