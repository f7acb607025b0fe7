/* convert/foreign.c - see foreign.h. */
#include "foreign.h"

#include <string.h>

#include "tools/alloc.h"

/* "data" of "data://...", or NULL. */
static const char *
scheme_of(struct df_arena *a, const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789+.-";
    const size_t len = strspn(text, letters);
    if (*text < 'a' || *text > 'z' || strncmp(text + len, "://", 3) != 0)
        return NULL;
    return df_arena_strndup(a, text, len);
}

int
df_foreign_is(struct df_build *b, const char *text, struct tenon_error *err)
{
    /* These have rules of their own here, or are not for a build file to name. */
    static const char *const own[] = {"docker-image", "oci-layout", "local", "git", "http",
                                      "https", "ssh", "input", "upload"};
    const char *scheme = scheme_of(b->arena, text), *plugin = NULL;
    if (!scheme || !TENON_HAS(struct tenon_bridge, b->bridge, find_source))
        return 0;
    for (size_t i = 0; i < tenon_countof(own); i++)
        if (strcmp(own[i], scheme) == 0)
            return 0;
    int rc = b->bridge->find_source(b->ctx, b->graph, scheme, &plugin, err);
    return rc < 0 ? rc : plugin != NULL;
}

int
df_foreign_load(struct df_convert *c, const char *identifier,
                const struct df_platform *platform, const char *name,
                struct df_vertex **tree, struct df_image *image, bool *has_image,
                struct tenon_error *err)
{
    struct df_build *b = c->build;
    const char *p = df_platform_format(c->arena, platform, true), *why = NULL;
    const struct tenon_source_query q = {
        .struct_size = sizeof q, .identifier = identifier, .platform = p,
        .log_name = df_arena_printf(c->arena, "[internal] load metadata for %s", identifier),
    };
    struct tenon_source_meta got = {.struct_size = sizeof got};
    int rc = b->bridge->resolve_source_meta(b->ctx, b->graph, &q, &got, err);
    if (rc < 0)
        return rc;
    /* What a policy makes of it is made of the node as well, with the policy's attributes. */
    const bool is_moved = got.source && strcmp(got.source, identifier) != 0;
    if (got.identifier && *got.identifier && !is_moved)
        identifier = got.identifier;
    *has_image = got.config != NULL;
    if (*has_image && !df_image_parse(c->arena, got.config, got.config_len, image, &why))
        return b->host->error->set(err, TENON_E_CORRUPT, 0, "failed to parse image config: %s: %s",
                                   identifier, why);
    *tree = df_plan_source(&c->plan, df_arena_strdup(c->arena, identifier), p, name);
    return 0;
}
