/* convert/outlinedata.c - collecting what the outline of a target tells. */
#include <string.h>

#include "convert.h"

const struct df_arg_info *
df_outline_find(const struct df_outline *o, const char *key)
{
    size_t at;
    return df_index_get(&o->args_index, key, strlen(key), &at) ? &o->args[at] : NULL;
}

#define GROW(a, items, len, cap)                                             \
    do {                                                                     \
        if ((len) == (cap)) {                                                \
            size_t cap_ = (cap) ? (cap) * 2 : 8;                             \
            void *grown_ = df_arena_array((a), cap_, sizeof *(items));       \
            if (len)                                                         \
                memcpy(grown_, (items), (len) * sizeof *(items));            \
            (items) = grown_;                                                \
            (cap) = cap_;                                                    \
        }                                                                    \
    } while (0)

void
df_outline_clone(struct df_arena *a, const struct df_outline *src,
                 struct df_outline *out)
{
    *out = (struct df_outline){0};
    for (size_t i = 0; i < src->args_len; i++)
        df_outline_arg(a, out, &src->args[i]);
    for (size_t i = 0; i < src->used.len; i++)
        df_outline_use(a, out, src->used.items[i]);
    for (size_t i = 0; i < src->secrets_len; i++)
        df_outline_need(a, out, false, &src->secrets[i]);
    for (size_t i = 0; i < src->ssh_len; i++)
        df_outline_need(a, out, true, &src->ssh[i]);
}

void
df_outline_arg(struct df_arena *a, struct df_outline *o,
               const struct df_arg_info *info)
{
    size_t len = strlen(info->key), at;
    if (df_index_get(&o->args_index, info->key, len, &at)) {
        o->args[at] = *info;
        return;
    }
    df_index_put(a, &o->args_index, info->key, len, o->args_len);
    GROW(a, o->args, o->args_len, o->args_cap);
    o->args[o->args_len++] = *info;
}

void
df_outline_use(struct df_arena *a, struct df_outline *o, const char *arg)
{
    size_t len = strlen(arg), at;
    if (df_index_get(&o->used_index, arg, len, &at))
        return;
    df_index_put(a, &o->used_index, arg, len, o->used.len);
    df_list_add(a, &o->used, (char *)arg);
}

void
df_outline_need(struct df_arena *a, struct df_outline *o, bool ssh,
                const struct df_need_info *info)
{
    struct df_need_info *items = ssh ? o->ssh : o->secrets;
    size_t len = ssh ? o->ssh_len : o->secrets_len;
    for (size_t i = 0; i < len; i++)
        if (strcmp(items[i].id, info->id) == 0)
            return;
    if (ssh) {
        GROW(a, o->ssh, o->ssh_len, o->ssh_cap);
        o->ssh[o->ssh_len++] = *info;
    } else {
        GROW(a, o->secrets, o->secrets_len, o->secrets_cap);
        o->secrets[o->secrets_len++] = *info;
    }
}
