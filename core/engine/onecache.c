/* engine/onecache.c - see onecache.h. */
#include "engine/onecache.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "context/engine.h"
#include "tools/alloc.h"

int
tenon_cache_open(struct tenon_build *b, const struct tenon_export *x,
                 struct tenon_module **m, struct tenon_values **values, struct tenon_error *err)
{
    auto_free char *what = tenon_asprintf("cache type %s", x->type);
    if (tenon_plugins_get(b->engine->plugins, TENON_KIND_CACHE, x->type, m, err) < 0)
        return err->code;
    return tenon_values_parse((*m)->plugin.options, (*m)->plugin.param_size,
                              (const char *const *)x->pairs, what, values, err);
}

/* What the plugin calls it; NULL when that has no word for it. */
static char *
own_name(struct tenon_build *b, const struct tenon_export *x)
{
    auto_error struct tenon_error told = TENON_ERROR_INIT; /* by what is done with it next */
    auto_values struct tenon_values *values = NULL;
    struct tenon_module *m;
    if (tenon_cache_open(b, x, &m, &values, &told) < 0 || !m->plugin.ops.cache->name)
        return NULL;
    auto_ctx struct tenon_ctx *ctx = tenon_ctx_new(b->engine, NULL, b->engine->cancel, NULL);
    tenon_module_enter(m, "name");
    char *name = tenon_strdup(m->plugin.ops.cache->name(m->self, ctx, values, &told));
    tenon_module_leave(m);
    return name;
}

/* Else the place that the options name, and no other option: some are secrets. */
char *
tenon_cache_name(struct tenon_build *b, const struct tenon_export *x)
{
    char *name = own_name(b, x);
    if (name)
        return name;
    for (char **p = x->pairs; p && *p; p++) { /* the last one counts, as it does for the plugin */
        const bool ref = tenon_has_prefix(*p, "ref=");
        if (!ref && !tenon_has_prefix(*p, "src="))
            continue;
        free(name);
        name = ref ? tenon_strdup(*p + 4) : tenon_asprintf("%s:%s", x->type, *p + 4);
    }
    return name ? name : tenon_strdup(x->type);
}

void
tenon_cache_warn(struct tenon_build *b, const char *what, struct tenon_error *err)
{
    auto_free char *text = tenon_asprintf("WARNING: %s: %s", what,
                                          err->message ? err->message : "");
    const struct tenon_event ev = { .struct_size = sizeof ev, .name = text,
                                    .type = TENON_EVENT_MESSAGE,
                                    .level = TENON_LOG_WARNING };
    tenon_events_post(b->engine->events, &ev);
    tenon_error_release(err);
}

struct tenon_ctx *
tenon_cache_start(struct tenon_build *b, struct tenon_cancel *cancel, const char *name,
                  char digest[72])
{
    tenon_events_fresh_digest(digest);
    const struct tenon_vertex_info info = { .digest = digest, .name = name };
    tenon_events_start(b->engine->events, &info);
    return tenon_ctx_new(b->engine, b->engine->events, cancel, digest);
}

int
tenon_cache_fetch(void *cache, struct tenon_ctx *ctx, const struct tenon_descriptor *blob,
      struct tenon_error *err)
{
    struct tenon_cache *c = cache;
    struct tenon_module *m = c->module;
    tenon_module_enter(m, "fetch");
    int rc = m->plugin.ops.cache->fetch(m->self, ctx, c->values, blob, err);
    tenon_module_leave(m);
    return tenon_module_check(m, "fetch", rc, err);
}

const char *
tenon_cache_place(const struct tenon_cache *c)
{
    return c->name;
}

bool
tenon_cache_is_trusted(const struct tenon_cache *c)
{
    return tenon_values_bool(c->values, "trust");
}
