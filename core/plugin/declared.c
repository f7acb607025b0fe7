/* plugin/declared.c - see declared.h. */
#include "plugin/declared.h"

#include <fnmatch.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "plugin/names.h"
#include "tools/alloc.h"
#include "tools/parse.h"
#include "tools/path.h"

/* Does the plugin declare the name? */
typedef bool declares(const struct tenon_plugin *pl, const char *name);

static bool
has_syntax(const struct tenon_plugin *pl, const char *syntax)
{
    const size_t len = tenon_syntax_len(syntax);
    for (const char *const *s = pl->ops.frontend->syntaxes; s && *s; s++)
        if (strlen(*s) == len && memcmp(*s, syntax, len) == 0)
            return true;
    return false;
}

static bool
has_file(const struct tenon_plugin *pl, const char *file)
{
    const char *base = tenon_path_base(file), *own = pl->ops.frontend->default_file;
    if (own && strcmp(own, base) == 0)
        return true;
    for (const char *const *f = pl->ops.frontend->files; f && *f; f++)
        if (fnmatch(*f, base, FNM_NOESCAPE) == 0)
            return true;
    return false;
}

static bool
has_default(const struct tenon_plugin *pl, const char *dir)
{
    const char *name = pl->ops.frontend->default_file;
    auto_free char *path = name ? tenon_path_join(dir, name) : NULL;
    return path && access(path, F_OK) == 0;
}

static bool
has_scheme(const struct tenon_plugin *pl, const char *scheme)
{
    for (const char *const *s = pl->ops.source->schemes; s && *s; s++)
        if (strcmp(*s, scheme) == 0)
            return true;
    return false;
}

/* ---- looking for one ----------------------------------------------------------- */

/* Those that cannot be used are passed over, and said so. */
static const struct tenon_plugin *
peek(struct tenon_plugins *p, const struct tenon_plugin_file *f)
{
    const struct tenon_plugin *pl = NULL;
    auto_error struct tenon_error why = TENON_ERROR_INIT;
    if (tenon_plugins_peek(p, f->kind, f->name, &pl, &why) < 0)
        tenon_log(TENON_LOG_WARNING, "%s", why.message);
    return pl;
}

enum which { ALL, LIKELY, UNLIKELY };

static bool
is_of(const struct tenon_plugin_file *f, enum which which, const char *name)
{
    return which == ALL || tenon_has_suffix(name, f->name) == (which == LIKELY);
}

/* The one of the kind, or NULL; of two the conflict, as "what" declares it. */
static int
find(struct tenon_plugins *p, enum tenon_kind kind, declares *is_theirs, const char *name,
     enum which which, const char *what, const struct tenon_plugin **out, struct tenon_error *err)
{
    const struct tenon_plugin_file *files;
    const struct tenon_plugin *found = NULL;
    size_t count;
    if (tenon_plugins_list(p, &files, &count, err) < 0)
        return err->code;
    for (size_t i = 0; i < count; i++) {
        const struct tenon_plugin_file *f = &files[i];
        const struct tenon_plugin *pl =
            f->kind == kind && !f->shadowed && is_of(f, which, name) ? peek(p, f) : NULL;
        if (!pl || !is_theirs(pl, name))
            continue;
        if (found)
            return tenon_error_set(err, TENON_E_INVALID, "%s is declared by two plugins, %s-%s "
                                   "and %s-%s", what, tenon_kind_name(kind), found->name,
                                   tenon_kind_name(kind), pl->name);
        found = pl;
    }
    *out = found;
    return TENON_OK;
}

int
tenon_declared_syntax(struct tenon_plugins *p, const char *syntax, const char **out,
                      struct tenon_error *err)
{
    const struct tenon_plugin *pl = NULL;
    const int len = (int)tenon_syntax_len(syntax);
    auto_free char *what = tenon_asprintf("\"# syntax=%.*s\"", len, syntax);
    if (find(p, TENON_KIND_FRONTEND, has_syntax, syntax, ALL, what, &pl, err) < 0) {
        tenon_error_hint(err, "say which, in tenon.json: {\"frontends\": {\"%.*s\": \"NAME\"}}",
                         len, syntax);
        return err->code;
    }
    *out = pl ? pl->name : NULL;
    return TENON_OK;
}

int
tenon_declared_file(struct tenon_plugins *p, const char *file, const char **out,
                    struct tenon_error *err)
{
    const struct tenon_plugin *pl = NULL;
    auto_free char *what = tenon_asprintf("the build file \"%s\"", tenon_path_base(file));
    if (find(p, TENON_KIND_FRONTEND, has_file, file, ALL, what, &pl, err) < 0) {
        tenon_error_hint(err, "say which: {\"frontends\": {\"WORD\": \"NAME\"}} in tenon.json, and "
                         "\"# syntax=WORD\" in the file");
        return err->code;
    }
    *out = pl ? pl->name : NULL;
    return TENON_OK;
}

/* Several names may be there; of one name the frontend is looked for later. */
int
tenon_declared_default(struct tenon_plugins *p, const char *dir, const char **out,
                       struct tenon_error *err)
{
    const struct tenon_plugin_file *files;
    const char *found = NULL;
    size_t count;
    if (tenon_plugins_list(p, &files, &count, err) < 0)
        return err->code;
    for (size_t i = 0; i < count; i++) {
        const struct tenon_plugin *pl = files[i].kind == TENON_KIND_FRONTEND && !files[i].shadowed
                                            ? peek(p, &files[i]) : NULL;
        if (!pl || !has_default(pl, dir))
            continue;
        const char *name = pl->ops.frontend->default_file;
        if (found && strcmp(found, name)) {
            tenon_error_set(err, TENON_E_INVALID, "the context has two build files, %s and %s",
                            found, name);
            tenon_error_hint(err, "say which: -f %s", name);
            return err->code;
        }
        found = name;
    }
    *out = found;
    return TENON_OK;
}

/* ---- sources ------------------------------------------------------------------- */

/* The plugin that would serve a scheme: of those that come with tenon the one whose
 * name is in it. malloc'ed. */
static char *
likely_source(const char *scheme)
{
    static const char bundled[] = TENON_BUNDLED_PLUGINS, kind[] = " source-";
    for (const char *p = bundled; (p = strstr(p, kind)); ) {
        p += sizeof kind - 1;
        auto_free char *name = tenon_strndup(p, strcspn(p, " "));
        if (strstr(scheme, name))
            return tenon_steal(&name);
    }
    return tenon_strdup(scheme);
}

/* Most schemes are called like their plugin, or end like it; those are tried first so
 * that a build opens one module, not all. */
static int
find_source(struct tenon_plugins *p, const char *scheme, const struct tenon_plugin **out,
            struct tenon_error *err)
{
    auto_free char *what = tenon_asprintf("the scheme \"%s\"", scheme);
    int rc = find(p, TENON_KIND_SOURCE, has_scheme, scheme, LIKELY, what, out, err);
    if (rc == TENON_OK && !*out)
        rc = find(p, TENON_KIND_SOURCE, has_scheme, scheme, UNLIKELY, what, out, err);
    return rc;
}

int
tenon_declared_scheme(struct tenon_plugins *p, const char *scheme, const char **out,
                      struct tenon_error *err)
{
    const struct tenon_plugin *pl = NULL;
    if (find_source(p, scheme, &pl, err) < 0)
        return err->code;
    *out = pl ? pl->name : NULL;
    return TENON_OK;
}

int
tenon_declared_source(struct tenon_plugins *p, const char *scheme, struct tenon_module **out,
                      struct tenon_error *err)
{
    const struct tenon_plugin *pl = NULL;
    if (find_source(p, scheme, &pl, err) < 0)
        return err->code;
    if (pl)
        return tenon_plugins_get(p, TENON_KIND_SOURCE, pl->name, out, err);
    tenon_error_set(err, TENON_E_NOT_FOUND, "no source plugin for \"%s://\"", scheme);
    auto_free char *name = likely_source(scheme);
    if (tenon_plugin_is_bundled(TENON_KIND_SOURCE, name))
        tenon_plugins_hint_package(err, TENON_KIND_SOURCE, name);
    return err->code;
}

/* ---- all conflicts --------------------------------------------------------------- */

struct conflicts {
    struct tenon_plugins *plugins;
    char **told; /* each once */
    void (*tell)(void *data, const char *text);
    void *data;
};

static void
look(struct conflicts *c, enum tenon_kind kind, declares *is_theirs, const char *name,
     const char *lead)
{
    const struct tenon_plugin *pl;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_free char *what = tenon_asprintf("%s%s\"", lead, name);
    if (find(c->plugins, kind, is_theirs, name, ALL, what, &pl, &err) == TENON_OK)
        return;
    for (char **t = c->told; t && *t; t++)
        if (strcmp(*t, err.message) == 0)
            return;
    tenon_strv_push(&c->told, tenon_strdup(err.message));
    c->tell(c->data, err.message);
}

static void
look_all(struct conflicts *c, const struct tenon_plugin *pl)
{
    if (pl->kind == TENON_KIND_SOURCE) {
        for (const char *const *s = pl->ops.source->schemes; *s; s++)
            look(c, TENON_KIND_SOURCE, has_scheme, *s, "the scheme \"");
        return;
    }
    const struct tenon_frontend_ops *ops = pl->ops.frontend;
    for (const char *const *s = ops->syntaxes; s && *s; s++)
        look(c, TENON_KIND_FRONTEND, has_syntax, *s, "\"# syntax=");
    for (const char *const *f = ops->files; f && *f; f++)
        look(c, TENON_KIND_FRONTEND, has_file, *f, "the build file \"");
    if (ops->default_file)
        look(c, TENON_KIND_FRONTEND, has_file, ops->default_file, "the build file \"");
}

void
tenon_declared_conflicts(struct tenon_plugins *p, void (*tell)(void *data, const char *text),
                         void *data)
{
    struct conflicts c = {.plugins = p, .tell = tell, .data = data};
    const struct tenon_plugin_file *files;
    size_t count;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    if (tenon_plugins_list(p, &files, &count, &err) < 0)
        return;
    for (size_t i = 0; i < count; i++) {
        const struct tenon_plugin_file *f = &files[i];
        const struct tenon_plugin *pl = NULL;
        auto_error struct tenon_error unusable = TENON_ERROR_INIT; /* its row says so */
        if ((f->kind == TENON_KIND_SOURCE || f->kind == TENON_KIND_FRONTEND) && !f->shadowed &&
            tenon_plugins_peek(p, f->kind, f->name, &pl, &unusable) == TENON_OK)
            look_all(&c, pl);
    }
    tenon_strv_free(c.told);
}
