/* convert/image.c - the values of an image configuration, and how they change. */
#include "image.h"

#include <string.h>

#include "tools/alloc.h"

void
df_image_empty(struct df_arena *a, const struct df_platform *p,
               struct df_image *out)
{
    *out = (struct df_image){
        .author = "", .platform = *p, .user = "", .working_dir = "/",
        .stop_signal = "", .rootfs_type = "layers",
    };
    if (strcmp(p->os, "windows") != 0)
        df_list_add(a, &out->env, df_arena_strdup(a, "PATH=" DF_DEFAULT_PATH));
}

static void
clone_list(struct df_arena *a, struct df_list *l)
{
    char **items = df_arena_array(a, l->len, sizeof *items);
    if (l->len)
        memcpy(items, l->items, l->len * sizeof *items);
    l->items = items;
    l->cap = l->len;
}

/* A copy of the environment, with room. */
static void
own_env(struct df_arena *a, struct df_image *img)
{
    struct df_list l = {.len = img->env.len, .cap = 2 * img->env.len + 8};
    l.items = df_arena_array(a, l.cap, sizeof *l.items);
    if (l.len)
        memcpy(l.items, img->env.items, l.len * sizeof *l.items);
    img->env = l;
    img->env_tail = df_arena_alloc(a, sizeof *img->env_tail);
    img->env_tail->used = l.len;
}

void
df_image_clone(struct df_arena *a, const struct df_image *src,
               struct df_image *out)
{
    *out = *src;
    out->env_index = (struct df_index){0};
    out->env_indexed = out->env_sets = 0;
    if (out->env_tail)
        out->env_tail->is_shared = true;
    else
        own_env(a, out);
    struct df_list *const lists[] = {
        &out->os_features, &out->ports, &out->volumes,
        &out->entrypoint, &out->cmd, &out->onbuild, &out->shell,
        &out->diff_ids,
    };
    for (size_t i = 0; i < tenon_countof(lists); i++)
        clone_list(a, lists[i]);

    out->labels = df_arena_array(a, src->labels_len, sizeof *out->labels);
    if (src->labels_len)
        memcpy(out->labels, src->labels, src->labels_len * sizeof *out->labels);
    out->labels_cap = src->labels_len;
}

static bool
has_key(const char *entry, const char *key)
{
    size_t n = strlen(key);
    return strncmp(entry, key, n) == 0 && (entry[n] == '=' || !entry[n]);
}

const char *
df_image_env(const struct df_image *img, const char *key)
{
    for (size_t i = 0; i < img->env.len; i++)
        if (has_key(img->env.items[i], key)) {
            const char *eq = strchr(img->env.items[i], '=');
            return eq ? eq + 1 : "";
        }
    return NULL;
}

/* Of two with the same name, which a foreign image may have, the first. */
static void
index_env(struct df_arena *a, struct df_image *img)
{
    for (; img->env_indexed < img->env.len; img->env_indexed++) {
        const char *entry = img->env.items[img->env_indexed];
        size_t len = strcspn(entry, "="), at;
        if (!df_index_get(&img->env_index, entry, len, &at))
            df_index_put(a, &img->env_index, entry, len, img->env_indexed);
    }
}

/* Where it is, or the length. */
static size_t
find_env(struct df_arena *a, struct df_image *img, const char *key)
{
    size_t at = 0;
    if (img->env.len > DF_INDEX_FROM && ++img->env_sets > DF_INDEX_FROM) {
        index_env(a, img);
        return df_index_get(&img->env_index, key, strlen(key), &at) ? at : img->env.len;
    }
    while (at < img->env.len && !has_key(img->env.items[at], key))
        at++;
    return at;
}

void
df_image_set_env(struct df_arena *a, struct df_image *img, const char *key,
                 const char *value)
{
    char *entry = df_arena_printf(a, "%s=%s", key, value);
    const size_t at = find_env(a, img, key), len = img->env.len;
    const struct df_tail *tail = img->env_tail;
    if (!tail || (at < len ? tail->is_shared : len == img->env.cap || len != tail->used))
        own_env(a, img);
    if (at < len) {
        img->env.items[at] = entry;
        return;
    }
    img->env.items[img->env.len++] = entry;
    img->env_tail->used = img->env.len;
}

void
df_image_set_label(struct df_arena *a, struct df_image *img, const char *key,
                   const char *value)
{
    size_t at = 0, end = img->labels_len;
    while (at < end) {
        size_t mid = at + (end - at) / 2;
        int c = strcmp(img->labels[mid].key, key);
        if (c == 0) {
            img->labels[mid].value = value;
            return;
        }
        if (c < 0)
            at = mid + 1;
        else
            end = mid;
    }
    if (img->labels_len == img->labels_cap) {
        img->labels_cap = img->labels_cap ? img->labels_cap * 2 : 8;
        struct df_label *grown =
            df_arena_array(a, img->labels_cap, sizeof *grown);
        if (img->labels_len)
            memcpy(grown, img->labels, img->labels_len * sizeof *grown);
        img->labels = grown;
    }
    memmove(img->labels + at + 1, img->labels + at,
            (img->labels_len - at) * sizeof *img->labels);
    img->labels[at] = (struct df_label){key, value};
    img->labels_len++;
}

void
df_image_commit(struct df_arena *a, struct df_image *img,
                const char *created_by, bool layer, const char *created)
{
    struct df_history *h = df_arena_new(a, struct df_history);
    *h = (struct df_history){
        .before = img->history,
        .created = created, .created_by = created_by, .author = "",
        .comment = "buildkit.dockerfile.v0", .empty_layer = !layer,
    };
    img->history = h;
    img->history_len++;
}
