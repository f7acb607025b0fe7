/* cli/buildcache.c - what --cache-from and --cache-to ask of the engine. */
#include "buildcache.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "tools/comma.h"
#include "tools/parse.h"
#include "tools/path.h"
#include "cli.h"
#include "knownword.h"

static void
add(struct build_caches *c, const char *type, char **pairs)
{
    c->list = tenon_reallocarray(c->list, c->count + 1, sizeof *c->list);
    c->list[c->count++] = (struct tenon_export){ tenon_strdup(type), pairs };
}

/* It is in images: no plugin keeps it, and it comes back with the image. */
static int
check_inline(bool to, char *const *pairs, struct tenon_error *err)
{
    if (!to) {
        tenon_error_set(err, TENON_E_INVALID,
                        "--cache-from: an inline cache is a part of an image");
        return tenon_error_hint(err, "--cache-from type=registry,ref=IMAGE");
    }
    if (pairs && *pairs && tenon_has_prefix(*pairs, "mounts=")) {
        tenon_error_set(err, TENON_E_INVALID, "cache type inline: an image has no place for "
                        "cache mounts");
        return tenon_error_hint(err, "--cache-to type=registry,ref=NAME,%s beside it", *pairs);
    }
    if (pairs && *pairs)
        return tenon_error_set(err, TENON_E_INVALID,
                               "cache type inline: unknown option \"%.*s\"",
                               (int)strcspn(*pairs, "="), *pairs);
    return TENON_OK;
}

static int
check(struct tenon_plugins *plugins, const char *flag, const char *spec, const char *type,
      char *const *pairs, struct tenon_error *err)
{
    static const char *const none[] = { NULL };
    bool to = !strcmp(flag, "cache-to");
    const char *place = to ? "dest" : "src";
    if (!type || !*type)
        return tenon_error_set(err, TENON_E_INVALID, "type is required for --%s \"%s\"", flag,
                               spec);
    if (!strcmp(type, "inline"))
        return check_inline(to, pairs, err);
    if (known_word_check(plugins, TENON_KIND_CACHE, "cache type", type, none, err) < 0)
        return tenon_error_context(err, "--%s", flag);
    if (strcmp(type, "local"))
        return TENON_OK; /* a plugin's; it knows its options */
    for (char *const *p = pairs; p && *p; p++)
        if (tenon_has_prefix(*p, place) && (*p)[strlen(place)] == '=')
            return TENON_OK;
    tenon_error_set(err, TENON_E_INVALID, "--%s type=local requires %s", flag, place);
    return tenon_error_hint(err, "--%s type=local,%s=DIR", flag, place);
}

/* Names alone, "a,b": each is a cache in a registry. */
static bool
all_bare(char *const *fields)
{
    for (; *fields; fields++)
        if (!**fields || strchr(*fields, '='))
            return false;
    return true;
}

static int
parse_bare(struct tenon_plugins *plugins, const char *flag, char *const *fields,
           struct build_caches *c, struct tenon_error *err)
{
    for (; *fields; fields++) {
        char **pairs = NULL;
        tenon_strv_push(&pairs, tenon_asprintf("ref=%s", *fields));
        if (check(plugins, flag, *fields, "registry", pairs, err) < 0) {
            tenon_strv_free(pairs);
            return err->code;
        }
        add(c, "registry", pairs);
    }
    return TENON_OK;
}

static int
parse_one(struct tenon_plugins *plugins, const char *flag, const char *spec,
          struct build_caches *c, struct tenon_error *err)
{
    char **fields = tenon_comma_fields(spec, NULL), **pairs = NULL;
    const char *type = NULL;
    if (!fields)
        return tenon_error_set(err, TENON_E_INVALID, "invalid value \"%s\" for --%s", spec, flag);
    if (all_bare(fields)) {
        parse_bare(plugins, flag, fields, c, err);
        tenon_strv_free(fields);
        return err->code;
    }
    auto_free char *where = tenon_asprintf("--%s", flag);
    for (char **p = fields; *p && !err->code; p++) {
        if (tenon_has_prefix(*p, "type="))
            type = *p + strlen("type=");
        else if (strchr(*p, '='))
            tenon_strv_push(&pairs, tenon_strdup(*p));
        else
            cli_pair_expected(where, spec, *p, err);
    }
    if (!err->code && check(plugins, flag, spec, type, pairs, err) == 0) {
        if (!strcmp(type, "inline"))
            c->is_inline = true;
        else
            add(c, type, tenon_steal(&pairs));
    }
    tenon_strv_free(pairs);
    tenon_strv_free(fields);
    return err->code;
}

/* When it does not exist the plugin finds no cache, which is not an error. */
static void
add_src(struct cli_session *session, char **pairs)
{
    for (char **p = pairs; p && *p; p++) {
        char cwd[PATH_MAX];
        auto_error struct tenon_error ignored = TENON_ERROR_INIT;
        if (!tenon_has_prefix(*p, "src=") || !getcwd(cwd, sizeof cwd))
            continue;
        auto_free char *path = (*p)[4] == '/' ? tenon_strdup(*p + 4)
                                              : tenon_asprintf("%s/%s", cwd, *p + 4);
        free(*p);
        *p = tenon_asprintf("src=%s", path);
        cli_session_add_local(session, path, path, &ignored);
    }
}

/* The argument that means the same, as docker build takes it. */
static bool
argument_asks_inline(char *const *build_args)
{
    static const char name[] = "BUILDKIT_INLINE_CACHE";
    bool asks = false;
    for (; build_args && *build_args; build_args++) {
        const char *value = *build_args + sizeof name - 1;
        if (!tenon_has_prefix(*build_args, name) || (*value && *value != '='))
            continue;
        value = *value ? value + 1 : secure_getenv(name);
        asks = false;
        (void)!(value && tenon_parse_bool(value, &asks));
    }
    return asks;
}

int
build_caches_parse(const struct build_flags *f, struct tenon_plugins *plugins,
                   struct cli_session *session, struct build_caches *from,
                   struct build_caches *to, struct tenon_error *err)
{
    for (char **s = f->cache_from; s && *s; s++)
        if (parse_one(plugins, "cache-from", *s, from, err) < 0)
            return err->code;
    for (char **s = f->cache_to; s && *s; s++)
        if (parse_one(plugins, "cache-to", *s, to, err) < 0)
            return err->code;
    to->is_inline = to->is_inline || argument_asks_inline(f->build_args);
    for (size_t i = 0; i < from->count; i++)
        if (!strcmp(from->list[i].type, "local"))
            add_src(session, from->list[i].pairs);
    return TENON_OK;
}

void
build_caches_release(struct build_caches *c)
{
    for (size_t i = 0; i < c->count; i++) {
        free(c->list[i].type);
        tenon_strv_free(c->list[i].pairs);
    }
    free(c->list);
}
