/* convert/named.c - named contexts, in the place of a stage or an image. */
#include "named.h"

#include <json-c/json.h>
#include <string.h>

#include "foreign.h"
#include "giturl.h"
#include "load.h"
#include "tools/alloc.h"
#include "tools/base64.h"
#include "tools/buf.h"
#include "tools/jsontext.h"

enum { MOVED_MAX = 10 };

int
df_named_find(struct df_convert *c, const char *name,
              const struct df_platform *platform, struct df_named **out,
              struct tenon_error *err)
{
    struct df_build *b = c->build;
    if (strcasecmp(name, "scratch") == 0 || strcasecmp(name, "context") == 0)
        return 0;
    const char *normal = df_image_normal(b, name, err);
    if (!normal)
        return b->host->error->context(err, "invalid context name %s", name);
    const char *plain = df_image_familiar(c->arena, normal);
    if (!platform)
        platform = c->platform;
    const char *const names[] = {
        df_arena_printf(c->arena, "%s::%s", plain,
                        df_platform_format(
                            c->arena, df_platform_normalize(c->arena, platform),
                            true)),
        plain,
    };
    for (size_t i = 0; i < tenon_countof(names); i++) {
        const char *input = df_option(
            b, df_arena_printf(c->arena, "context:%s", names[i]));
        if (!input)
            continue;
        struct df_named *n = df_arena_new(c->arena, struct df_named);
        n->name = names[i];
        n->plain = plain;
        n->input = input;
        n->platform = platform;
        *out = n;
        return 0;
    }
    return 0;
}

static int
parse_config(struct df_convert *c, const struct df_image_meta *meta,
             struct df_image *image, struct tenon_error *err)
{
    const char *why = NULL;
    if (!df_image_parse(c->arena, meta->config, meta->config_len, image, &why))
        return c->build->host->error->set(err, TENON_E_CORRUPT, 0,
                                          "failed to parse image config: %s: %s",
                                          meta->ref, why);
    return 0;
}

/* What a policy has made of the image, as if the user had named it, with the policy's attributes;
 * as often as BuildKit does. */
static int
load_instead(struct df_convert *c, const struct df_named *n, const struct df_image_meta *meta,
             const struct df_paths *paths, struct df_vertex **tree, struct df_image *image,
             bool *has_image, struct tenon_error *err)
{
    static const char local[] = "local://";
    const char *identifier = meta->instead;
    struct df_named other = *n;

    if (++other.moved > MOVED_MAX)
        return df_fail(c->build, err, (struct df_lines){0},
                       "%s for %s: source policies change it again and again", n->input, n->name);
    other.input = tenon_has_prefix(identifier, local)
                      ? df_arena_printf(c->arena, "local:%s", identifier + strlen(local))
                      : identifier;
    int rc = df_named_load(c, &other, paths, tree, image, has_image, err);
    for (size_t i = 0; rc == 0 && *tree && i < meta->instead_attrs.len; i++)
        df_vertex_attr(&c->plan, *tree, meta->instead_attrs.items[i].key,
                       meta->instead_attrs.items[i].value);
    return rc;
}

static int
load_docker_image(struct df_convert *c, const struct df_named *n,
                  const char *ref, const struct df_paths *paths, struct df_vertex **tree,
                  struct df_image *image, bool *has_image, struct tenon_error *err)
{
    if (strcmp(ref, "scratch") == 0) {
        *tree = NULL;
        return 0;
    }
    const char *normal = df_image_normal(c->build, ref, err);
    if (!normal)
        return c->build->host->error->code(err);
    const char *identifier = df_arena_printf(c->arena, "docker-image://%s", normal);
    struct df_pair mode = {.key = "image.resolvemode",
                           .value = c->build->config.resolve_mode};
    struct df_pairs attrs = {&mode, strcmp(mode.value, "default") != 0};
    struct df_image_meta meta;
    int rc = df_image_meta(
        c->build, identifier, n->platform,
        df_arena_printf(c->arena, "[context %s] load metadata for %s", n->name,
                        ref), &attrs, &meta, err);
    if (rc == 0 && meta.instead)
        return load_instead(c, n, &meta, paths, tree, image, has_image, err);
    if (rc < 0 || (rc = parse_config(c, &meta, image, err)) < 0)
        return rc;
    *has_image = true;
    /* Pinned, so that the tree is the one whose config was read. */
    *tree = df_plan_source(
        &c->plan, df_arena_printf(c->arena, "docker-image://%s", meta.ref),
        df_platform_format(c->arena, n->platform, true),
        df_arena_printf(c->arena, "[context %s] %s", n->name, ref));
    return 0;
}

static int
load_oci_layout(struct df_convert *c, const struct df_named *n,
                const char *spec, struct df_vertex **tree,
                struct df_image *image, bool *has_image,
                struct tenon_error *err)
{
    const char *at = strchr(spec, '@');
    if (!at)
        return df_fail(c->build, err, (struct df_lines){0},
                       "oci-layout reference %s has no digest",
                       df_quote(c->arena, spec));
    if (at == spec)
        return df_fail(c->build, err, (struct df_lines){0},
                       "oci-layout reference %s has no name",
                       df_quote(c->arena, spec));
    /* The name in messages is the context's; what the layout is called in the
     * session is an attribute. */
    const char *normal = df_image_normal(c->build, n->plain, err);
    if (!normal)
        return c->build->host->error->context(
            err, "could not parse oci-layout reference %s",
            df_quote(c->arena, n->plain));
    size_t len = strcspn(normal, "@");
    if (tenon_has_suffix(normal, ":latest") && !normal[len])
        len -= strlen(":latest");
    const char *dummy = df_arena_printf(c->arena, "%.*s%s", (int)len, normal, at);
    const char *id = df_arena_printf(c->arena, "oci-layout://%s", dummy);

    char *store = df_arena_strndup(c->arena, spec, (size_t)(at - spec));
    char *slash = strrchr(store, '/'), *colon = strrchr(store, ':');
    if (colon && (!slash || colon > slash))
        *colon = '\0'; /* a tag; the digest decides */
    struct df_pair attr = {.key = "oci.store", .value = store};
    struct df_pairs attrs = {&attr, 1};
    struct df_image_meta meta;
    int rc = df_image_meta(
        c->build, id, n->platform,
        df_arena_printf(c->arena, "[context %s] load metadata for %s", n->name,
                        dummy), &attrs, &meta, err);
    if (rc == 0)
        rc = df_image_wanted(c->build, id, &meta, err);
    if (rc < 0 || (rc = parse_config(c, &meta, image, err)) < 0)
        return rc;
    *has_image = true;
    *tree = df_plan_source(
        &c->plan, id, df_platform_format(c->arena, n->platform, true),
        df_arena_printf(c->arena, "[context %s] OCI load from client", n->name));
    df_vertex_attr(&c->plan, *tree, attr.key, attr.value);
    return 0;
}

static int
load_local(struct df_convert *c, const struct df_named *n, const char *local,
           const struct df_paths *paths, struct df_vertex **tree,
           struct tenon_error *err)
{
    struct df_list *exclude = df_arena_new(c->arena, struct df_list);
    int rc = df_load_local_ignore(
        c->build, local,
        df_arena_printf(c->arena, "context:%s-.dockerignore", n->name),
        df_arena_printf(c->arena, "[context %s] load .dockerignore", n->name),
        exclude, err);
    if (rc < 0)
        return rc;
    const char *shared = df_option(
        c->build, df_arena_printf(c->arena, "sharedkey:localdir:%s", n->name));
    struct df_vertex *v = df_plan_source(
        &c->plan, df_arena_printf(c->arena, "local://%s", local), NULL,
        df_arena_printf(c->arena, "[context %s] load from client", n->name));
    df_vertex_attr(&c->plan, v, "local.sharedkeyhint",
                   df_arena_printf(c->arena, "context:%s-%s", n->name,
                                   shared ? shared : ""));
    df_local_session(&c->plan, v, local);
    v->source.follow = paths;
    v->source.exclude = exclude;
    v->transfer = local;
    *tree = v;
    return 0;
}

static int
load_remote(struct df_convert *c, const struct df_named *n,
            struct df_vertex **tree, struct tenon_error *err)
{
    struct df_git git;
    const char *why = NULL;
    switch (df_git_parse(c->arena, n->input, false, &git, &why)) {
    case DF_GIT_BAD:
        return df_fail(c->build, err, (struct df_lines){0}, "%s", why);
    case DF_GIT_YES:
        *tree = df_git_source(
            &c->plan, &git,
            df_arena_printf(c->arena, "[internal] load git source %s", n->input));
        return 0;
    case DF_GIT_NO:
        break;
    }
    if (!tenon_has_prefix(n->input, "http"))
        return df_fail(c->build, err, (struct df_lines){0},
                       "invalid git context %s", n->input);
    *tree = df_plan_source(
        &c->plan, n->input, NULL,
        df_arena_printf(c->arena, "[context %s] %s", n->name, n->input));
    df_vertex_attr(&c->plan, *tree, "http.filename", "context");
    return 0;
}

/* The configuration that came with an input, for those who build upon it: an option whose value
 * is JSON, {KEY: base64}. */
static int
input_image(struct df_convert *c, const struct df_named *n, const char *input,
            struct df_image *image, bool *has_image, struct tenon_error *err)
{
    const char *json = df_option(c->build,
                                 df_arena_printf(c->arena, "input-metadata:%s", input));
    struct json_object *all = json ? tenon_json_parse_modest(json) : NULL, *value = NULL;
    const char *why = "it is no JSON object";
    auto_buf struct tenon_buf text = TENON_BUF_INIT;

    if (!json)
        return 0;
    if (json_object_is_type(all, json_type_object)) {
        why = NULL;
        if (json_object_object_get_ex(all, "containerimage.config", &value)) {
            const char *base64 = json_object_get_string(value);
            if (base64 && tenon_base64_decode(base64, strlen(base64), &text))
                *has_image = df_image_parse(c->arena, tenon_buf_str(&text), text.len, image, &why);
            else
                why = "it is not base64";
        }
    }
    json_object_put(all);
    return why ? df_fail(c->build, err, (struct df_lines){0},
                         "failed to parse the image config of input %s for %s: %s", input, n->name,
                         why)
               : 0;
}

static int
load_input(struct df_convert *c, const struct df_named *n, const char *name,
           struct df_vertex **tree, struct df_image *image, bool *has_image,
           struct tenon_error *err)
{
    const struct tenon_named_ref *input = df_input(c->build, name);
    if (!input)
        return df_fail(c->build, err, (struct df_lines){0}, "invalid input %s for %s", name,
                       n->name);
    *tree = df_plan_input(&c->plan, input->ref);
    return input_image(c, n, name, image, has_image, err);
}

int
df_named_load(struct df_convert *c, const struct df_named *n,
              const struct df_paths *paths, struct df_vertex **tree,
              struct df_image *image, bool *has_image, struct tenon_error *err)
{
    const char *colon = strchr(n->input, ':');
    *has_image = false;
    *tree = NULL;
    if (!colon)
        return df_fail(c->build, err, (struct df_lines){0},
                       "invalid context specifier %s for %s", n->input, n->name);
    const char *kind = df_arena_strndup(c->arena, n->input,
                                        (size_t)(colon - n->input));
    const char *rest = colon + 1;
    const char *ref = tenon_has_prefix(rest, "//") ? rest + 2 : rest;

    if (strcmp(kind, "docker-image") == 0)
        return load_docker_image(c, n, ref, paths, tree, image, has_image, err);
    if (strcmp(kind, "oci-layout") == 0)
        return load_oci_layout(c, n, ref, tree, image, has_image, err);
    if (strcmp(kind, "local") == 0)
        return load_local(c, n, rest, paths, tree, err);
    if (strcmp(kind, "git") == 0 || tenon_has_prefix(kind, "git@") ||
        strcmp(kind, "http") == 0 || strcmp(kind, "https") == 0)
        return load_remote(c, n, tree, err);
    if (strcmp(kind, "input") == 0)
        return load_input(c, n, rest, tree, image, has_image, err);
    int foreign = df_foreign_is(c->build, n->input, err);
    if (foreign == 0)
        return df_fail(c->build, err, (struct df_lines){0},
                       "unsupported context source %s for %s", kind, n->name);
    const char *shown = df_arena_printf(c->arena, "[context %s] %s", n->name, n->input);
    return foreign < 0 ? foreign
                       : df_foreign_load(c, n->input, n->platform, shown, tree, image, has_image,
                                         err);
}
