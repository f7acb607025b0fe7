/* convert/images.c - configs of images through the bridge, and their names. */
#include <string.h>

#include "load.h"
#include "tools/alloc.h"

/* Answers already given in this request: one base is often named by several
 * stages. */
struct df_meta_cache {
    const char *identifier, *platform;
    struct df_image_meta meta;
    struct df_meta_cache *next;
};

const char *
df_image_normal(struct df_build *b, const char *name, struct tenon_error *err)
{
    return b->host->image->normalize(b->ctx, name, err);
}

const char *
df_image_familiar(struct df_arena *a, const char *normal)
{
    static const char *const hidden[] = {"docker.io/library/", "docker.io/"};
    for (size_t i = 0; i < tenon_countof(hidden); i++)
        if (tenon_has_prefix(normal, hidden[i])) {
            normal += strlen(hidden[i]);
            break;
        }
    if (!tenon_has_suffix(normal, ":latest"))
        return normal;
    return df_arena_strndup(a, normal, strlen(normal) - strlen(":latest"));
}

static const char *const *
attr_list(struct df_arena *a, const struct df_pairs *attrs)
{
    size_t n = attrs ? attrs->len : 0;
    const char **out = df_arena_array(a, n + 1, sizeof *out);
    for (size_t i = 0; i < n; i++)
        out[i] = df_arena_printf(a, "%s=%s", attrs->items[i].key,
                                 attrs->items[i].value);
    return out;
}

/* Attributes, "KEY=VALUE", that were not asked with. */
static struct df_pairs
added_attrs(struct df_arena *a, const char *const *attrs, const char *const *asked)
{
    struct df_pairs out = {0};
    size_t count = 0;
    while (attrs && attrs[count])
        count++;
    out.items = df_arena_array(a, count + 1, sizeof *out.items);
    for (size_t i = 0; i < count; i++) {
        const char *eq = strchr(attrs[i], '=');
        bool is_asked = false;
        for (const char *const *q = asked; *q; q++)
            is_asked = is_asked || strcmp(*q, attrs[i]) == 0;
        if (eq && !is_asked)
            out.items[out.len++] = (struct df_pair){
                .key = df_arena_strndup(a, attrs[i], (size_t)(eq - attrs[i])),
                .value = df_arena_strdup(a, eq + 1),
            };
    }
    return out;
}

/* "repo:tag@sha256:..." whatever the bridge made of the identifier. */
static const char *
pinned(struct df_arena *a, const struct tenon_source_meta *m, const char *asked)
{
    const char *id = m->identifier && *m->identifier ? m->identifier : asked;
    const char *slashes = strstr(id, "://");
    const char *ref = slashes ? slashes + 3 : id;
    if (!m->digest || !*m->digest || strchr(ref, '@'))
        return df_arena_strdup(a, ref);
    return df_arena_printf(a, "%s@%s", ref, m->digest);
}

int
df_image_meta(struct df_build *b, const char *identifier,
              const struct df_platform *platform, const char *log_name,
              const struct df_pairs *attrs, struct df_image_meta *out,
              struct tenon_error *err)
{
    const char *p = df_platform_format(b->arena, platform, true);
    for (struct df_meta_cache *m = b->metas; m; m = m->next)
        if (strcmp(m->identifier, identifier) == 0 &&
            strcmp(m->platform, p) == 0) {
            *out = m->meta;
            return 0;
        }

    struct tenon_source_query q = {
        .struct_size = sizeof q, .identifier = identifier, .platform = p,
        .log_name = log_name, .attrs = attr_list(b->arena, attrs),
    };
    struct tenon_source_meta got = {.struct_size = sizeof got};
    int rc = b->bridge->resolve_source_meta(b->ctx, b->graph, &q, &got, err);
    if (rc < 0)
        return rc;
    const bool is_other = !got.config && got.identifier && strcmp(got.identifier, identifier);
    if (!got.config && !is_other)
        return b->host->error->set(err, TENON_E_CORRUPT, 0, "%s: not an image config",
                                   identifier);

    struct df_meta_cache *m = df_arena_new(b->arena, struct df_meta_cache);
    m->identifier = identifier;
    m->platform = p;
    m->meta = (struct df_image_meta){
        .ref = pinned(b->arena, &got, identifier), .digest = got.digest,
        .config = got.config, .config_len = got.config_len,
    };
    if (is_other)
        m->meta = (struct df_image_meta){
            .instead = df_arena_strdup(b->arena, got.identifier),
            .instead_attrs = added_attrs(b->arena, got.source_attrs, q.attrs),
        };
    m->next = b->metas;
    b->metas = m;
    *out = m->meta;
    return 0;
}

int
df_image_wanted(struct df_build *b, const char *identifier, const struct df_image_meta *meta,
                struct tenon_error *err)
{
    if (!meta->instead)
        return 0;
    return b->host->error->set(err, TENON_E_INVALID, 0, "%s: not an image config: a policy has "
                               "made %s of it", identifier, meta->instead);
}
