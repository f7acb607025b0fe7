/* common/llbbridge/imports.c - caches that the program names in a Solve. */
#include <string.h>

#include "gateway.h"
#include "llbbridge.h"
#include "tools/alloc.h"

/* A program in an image is no user: it names registries, which is what it may read anyway, but no
 * file of this machine; and it cannot vouch for what it imports, nor say how to get there. */
static bool
may_name(struct gateway *gw, const struct gw_import *import)
{
    if (strcmp(import->type, "registry") == 0)
        return true;
    gw->host->progress->log(gw->ctx, 6,
                            "the frontend asks for a cache of type %s: only --cache-from gives "
                            "that",
                            import->type);
    return false;
}

static int
import_one(struct gateway *gw, struct tenon_ctx *ctx, const struct gw_import *import,
           struct tenon_error *err)
{
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    const struct gw_pair *attrs = import->attrs.items;
    const char **pairs = tenon_arena_array(&arena, import->attrs.len + 1, sizeof *pairs);
    size_t n = 0;

    for (size_t i = 0; i < import->attrs.len; i++) {
        auto_free char *pair = tenon_asprintf("%s=%s", attrs[i].key, attrs[i].value);
        if (strcmp(attrs[i].key, "ref") != 0)
            return gw->host->error->set(err, TENON_E_DENIED, 0, "a frontend cannot say %s of it",
                                        attrs[i].key);
        pairs[n++] = tenon_arena_strdup(&arena, pair);
    }
    if (n != 1) /* of two, one would be its name and the other the place */
        return gw->host->error->set(err, TENON_E_INVALID, 0, "a frontend's cache has one ref");
    return gw->bridge->import_cache(ctx, gw->graph, import->type, pairs, err);
}

int
gateway_import(struct gateway *gw, struct tenon_ctx *ctx, const struct message_list *imports,
               struct tenon_error *err)
{
    const struct gw_import *items = imports->items;

    pthread_mutex_lock(&gw->lock);
    gw->imports += imports->len;
    const bool many = gw->imports > GATEWAY_IMPORTS_MAX;
    pthread_mutex_unlock(&gw->lock);
    if (many)
        return gw->host->error->set(err, TENON_E_LIMIT, 0, "the frontend names more than %d caches",
                                    GATEWAY_IMPORTS_MAX);
    for (size_t i = 0; i < imports->len; i++) {
        if (may_name(gw, &items[i]) && import_one(gw, ctx, &items[i], err) < 0)
            return gw->host->error->context(err, "cache of the frontend");
    }
    return TENON_OK;
}
