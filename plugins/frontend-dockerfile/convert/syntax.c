/* convert/syntax.c - "# syntax=": is the file ours, or the business of a frontend in an image? */
#include "syntax.h"

#include <stdlib.h>
#include <string.h>

#include "load.h"
#include "tools/alloc.h"

/* Without tag and digest; the colon of a port is none of a tag. */
static size_t
name_len(const char *image)
{
    const size_t digest = strcspn(image, "@");
    size_t n = digest;
    while (n > 0 && image[n - 1] != '/' && image[n - 1] != ':')
        n--;
    return n > 0 && image[n - 1] == ':' ? n - 1 : digest;
}

/* The family of images that holds this very frontend, in any version. */
static bool
is_family(const struct df_build *b, const char *image, const struct tenon_values *config)
{
    static const char *const family[] = {
        "docker/dockerfile", "docker/dockerfile-upstream",
        "docker/dockerfile-experimental"};
    /* Where the hub is not reached its images have other names. */
    const size_t whole = name_len(image);
    const char *more;
    for (size_t i = 0; config && (more = b->host->values->get_nth(config, "family", i)); i++)
        if (strlen(more) == whole && strncmp(image, more, whole) == 0)
            return true;
    if (tenon_has_prefix(image, "docker.io/"))
        image += strlen("docker.io/");
    else if (tenon_has_prefix(image, "index.docker.io/"))
        image += strlen("index.docker.io/");
    size_t n = strcspn(image, ":@");
    for (size_t i = 0; i < tenon_countof(family); i++)
        if (strlen(family[i]) == n && strncmp(image, family[i], n) == 0)
            return true;
    return false;
}

/* Does the user give something else in the place of the image (--build-context)? */
static bool
is_replaced(struct df_build *b, const char *image, struct tenon_error *err)
{
    const char *normal = df_image_normal(b, image, err);
    if (!normal) { /* whoever runs it says so */
        b->host->error->clear(err);
        return false;
    }
    const char *plain = df_image_familiar(b->arena, normal);
    const char *host = df_platform_format(b->arena, b->config.host, true);
    return df_option(b, df_arena_printf(b->arena, "context:%s::%s", plain, host)) ||
           df_option(b, df_arena_printf(b->arena, "context:%s", plain));
}

static bool
is_ours(struct df_build *b, const char *image, const struct tenon_values *config,
        struct tenon_error *err)
{
    if (strcmp(image, "dockerfile.v0") == 0)
        return true;
    if (!is_family(b, image, config))
        return false;
    const char *who = config ? b->host->values->get_string(config, "syntax") : NULL;
    return (!who || strcmp(who, "image") != 0) && !is_replaced(b, image, err);
}

/* The plugin that the configuration has for the image's language ("REPOSITORY=PLUGIN"), or NULL. */
static const char *
plugin_for(const struct df_build *b, const char *image, const struct tenon_values *config)
{
    const size_t len = name_len(image);
    const char *pair;
    for (size_t i = 0; config && (pair = b->host->values->get_nth(config, "served-by", i)); i++)
        if (strncmp(pair, image, len) == 0 && pair[len] == '=')
            return pair + len + 1;
    return NULL;
}

/* Names that are this frontend's, whatever else declares them. */
static bool
is_dockerfile(const char *filename)
{
    const char *base = strrchr(filename, '/');
    base = base ? base + 1 : filename;
    return strcmp(base, "dockerfile") == 0 || strcmp(base, "Dockerfile") == 0 ||
           tenon_has_prefix(base, "Dockerfile.") || tenon_has_suffix(base, ".Dockerfile");
}

/* The plugin that declares the syntax, or without one the build file; or NULL. */
static int
find_declared(struct df_build *b, const char *syntax, const char **plugin,
              struct tenon_error *err)
{
    *plugin = NULL;
    if (!TENON_HAS(struct tenon_bridge, b->bridge, find_frontend) ||
        (!syntax && is_dockerfile(b->filename)))
        return 0;
    return b->bridge->find_frontend(b->ctx, b->graph, syntax, b->filename, plugin, err);
}

static int
refuse_image(struct df_build *b, const char *image, struct df_lines lines, bool by_arg,
             struct tenon_error *err)
{
    b->host->error->set(err, TENON_E_UNSUPPORTED, 0,
                        "frontend image %s: images as frontends are not supported",
                        df_quote(b->arena, image));
    b->host->error->hint(err, by_arg ?
                         "leave BUILDKIT_SYNTAX out to use the built-in frontend" :
                         "remove the syntax line to use the built-in frontend");
    return df_fail_at(b, err, lines);
}

/* The request as the other frontend gets it, of which an image is one; what it returns is the
 * result. */
static int
call_other(struct df_build *b, const char *plugin, const struct df_directive *d,
           struct tenon_result *result, struct tenon_error *err)
{
    struct df_list options = {0};
    for (size_t i = 0; b->options && b->options[i]; i++)
        df_list_add(b->arena, &options, (char *)b->options[i]);
    df_list_add(b->arena, &options, df_arena_printf(b->arena, "cmdline=%s", d->cmdline));
    df_list_add(b->arena, &options, df_arena_printf(b->arena, "source=%s", d->value));
    qsort(options.items, options.len, sizeof *options.items, tenon_by_text);
    df_list_add(b->arena, &options, NULL);
    const struct tenon_frontend_call call = {
        .struct_size = sizeof call, .frontend = plugin ? plugin : "gateway",
        .options = (const char *const *)options.items,
        .inputs = b->inputs, .input_count = b->input_count,
    };
    int rc = b->bridge->solve_frontend(b->ctx, b->graph, &call, result, err);
    /* No plugin, no image: this line is to blame; what the frontend says has its own place. */
    if (rc < 0 && rc != TENON_E_FAILED && rc != TENON_E_CANCELLED)
        df_fail_at(b, err, d->lines);
    return rc < 0 ? rc : 1;
}

/* A file that says nothing may be another frontend's by its name. */
static int
obey_name(struct df_build *b, struct tenon_result *result, struct tenon_error *err)
{
    const char *plugin;
    if (find_declared(b, NULL, &plugin, err) < 0)
        return b->host->error->code(err);
    const struct df_directive d = {.cmdline = plugin, .value = plugin};
    return plugin ? call_other(b, plugin, &d, result, err) : 0;
}

int
df_obey_syntax(struct df_build *b, const struct tenon_values *config,
               struct tenon_result *result, struct tenon_error *err)
{
    struct df_directive d = {0};
    if (df_option(b, "cmdline")) /* this frontend was chosen for the file already */
        return 0;
    const char *arg = df_option(b, "build-arg:BUILDKIT_SYNTAX");
    if (arg) {
        d.cmdline = df_trim(b->arena, arg);
        d.value = df_arena_strndup(b->arena, d.cmdline, strcspn(d.cmdline, " "));
    } else if (!df_syntax_detect(b->arena, b->text, b->text_len, &d)) {
        return obey_name(b, result, err);
    }
    if (is_ours(b, d.value, config, err))
        return 0;
    if (!TENON_HAS(struct tenon_bridge, b->bridge, solve_frontend))
        return refuse_image(b, d.value, d.lines, arg, err);
    const char *plugin = plugin_for(b, d.value, config);
    if (!plugin && find_declared(b, d.value, &plugin, err) < 0) {
        df_fail_at(b, err, d.lines);
        return b->host->error->code(err);
    }
    return call_other(b, plugin, &d, result, err);
}
